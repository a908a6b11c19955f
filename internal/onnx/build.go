package onnx

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"enciphergan/internal/kernel"
	"enciphergan/internal/op"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// operand is a value in the graph that is being built: a constant or a node.
type operand struct {
	kind     DataType      // Float16 for float32 numbers that are rounded to half precision
	scalar   bool          // has no dimensions in ONNX, one of size 1 here
	constant *tensor.Dense // nil if node is set
	node     *gorgonia.Node
}

// gorgoniaShape returns the shape in the Gorgonia graph, where scalars have one dimension.
func (o *operand) gorgoniaShape() tensor.Shape {
	if o.constant != nil {
		return o.constant.Shape()
	}
	return o.node.Shape()
}

// shape returns the shape in ONNX.
func (o *operand) shape() []int {
	if o.scalar {
		return nil
	}
	return o.gorgoniaShape()
}

func (o *operand) volume() int { return o.gorgoniaShape().TotalSize() }

// builder turns a program into one Gorgonia graph.
type builder struct {
	ctx        context.Context // of the call of Load
	arithmetic kernel.Arithmetic
	lim        Limits
	opset      int64
	graph      *gorgonia.ExprGraph
	operands   map[*value]*operand
	leaves     map[*tensor.Dense]*gorgonia.Node // constants in the graph
	counted    map[*gorgonia.Node]bool          // operations whose work is included in work
	uses       map[*value]int                   // uses by the steps that remain and as inputs and outputs of the graph
	work       int64                            // work of a run and of folding
	folded     int64                            // work of folding
}

// call builds one step. Reading an attribute removes it from attributes, so that those that
// remain can be reported as unsupported.
type call struct {
	*builder
	op, making string     // the operator and the name of the first output
	in         []*operand // nil for an absent optional input
	outputs    int
	attributes map[string]any
	wrong      error // an attribute is invalid
	heavy      bool  // never folded
}

// inputPrefix distinguishes inputs from other leaves.
const inputPrefix = "input/"

func newBuilder(ctx context.Context, p *program, lim Limits, a kernel.Arithmetic) *builder {
	return &builder{
		ctx:        ctx,
		arithmetic: a,
		lim:        lim,
		opset:      p.opset,
		graph:      gorgonia.NewGraph(),
		operands:   map[*value]*operand{},
		leaves:     map[*tensor.Dense]*gorgonia.Node{},
		counted:    map[*gorgonia.Node]bool{},
		uses:       map[*value]int{},
	}
}

// build adds inputs and steps to the graph. It allocates no values except small constants.
func (b *builder) build(p *program) error {
	for _, in := range p.inputs {
		t, err := dtype(in.typ)
		if err != nil {
			return fmt.Errorf("input %q: %w", in.name, err)
		}
		b.operands[in.value] = &operand{kind: in.typ, node: op.Data(b.graph, inputPrefix+in.name, t, in.shape...)}
	}
	for _, s := range p.steps {
		for _, v := range s.in {
			b.uses[v]++
		}
	}
	for _, in := range p.inputs {
		b.uses[in.value]++
	}
	for _, v := range p.outputs {
		b.uses[v]++
	}
	for _, s := range p.steps {
		if err := b.ctx.Err(); err != nil {
			return err
		}
		if err := b.step(s); err != nil {
			return fmt.Errorf("%s computing %.60q: %w", s.op, s.out[0].name, err)
		}
	}
	return nil
}

func (b *builder) step(s *step) error {
	o := operators[s.op]
	if len(s.in) < o.minInputs || len(s.in) > o.maxInputs {
		return fmt.Errorf("%d inputs, want %d to %d", len(s.in), o.minInputs, o.maxInputs)
	}
	c := &call{builder: b, op: s.op, making: s.out[0].name, outputs: len(s.out), attributes: s.attributes}
	for i, v := range s.in {
		if v == nil {
			if i < o.minInputs {
				return fmt.Errorf("input %d is missing", i)
			}
			c.in = append(c.in, nil)
			continue
		}
		in, err := b.operand(v)
		if err != nil {
			return err
		}
		if slices.Contains(o.constants, i) && in.constant == nil {
			return &notConstantError{input: i, name: v.name}
		}
		c.in = append(c.in, in)
	}
	out, err := o.build(c)
	if err == nil {
		err = c.wrong
	}
	if err != nil {
		return err
	}
	for name := range c.attributes {
		return fmt.Errorf("the attribute %q is not supported", name)
	}
	if len(out) != len(s.out) {
		return fmt.Errorf("%d outputs, want %d", len(s.out), len(out))
	}
	for i, v := range s.out {
		if b.uses[v] > 0 {
			b.operands[v] = out[i]
		}
	}
	for _, v := range s.in {
		if b.uses[v]--; b.uses[v] == 0 {
			delete(b.operands, v) // frees a folded constant after its last use
		}
	}
	return nil
}

// notConstantError reports an input that determines a shape but is known only when the graph runs.
type notConstantError struct {
	input int
	name  string
}

func (e *notConstantError) Error() string {
	return fmt.Sprintf("input %d (%q) must be a constant, since shapes depend on it", e.input, e.name)
}

// operand returns the operand of a value.
func (b *builder) operand(v *value) (*operand, error) {
	if o, ok := b.operands[v]; ok {
		return o, nil
	}
	if v.constant == nil {
		return nil, fmt.Errorf("no node computes %q", v.name)
	}
	o := &operand{scalar: v.kind.scalar, constant: v.constant}
	switch v.constant.Dtype() {
	case tensor.Float32:
		o.kind = Float32
		if v.kind.half {
			o.kind = Float16
		}
	case tensor.Int32:
		o.kind = Int32
	case tensor.Int64:
		o.kind = Int64
	default:
		return nil, fmt.Errorf("the constant %q has elements of %v", v.name, v.constant.Dtype())
	}
	b.operands[v] = o
	return o, nil
}

func dtype(t DataType) (tensor.Dtype, error) {
	switch t {
	case Float32, Float16:
		return tensor.Float32, nil
	case Int32:
		return tensor.Int32, nil
	case Int64:
		return tensor.Int64, nil
	}
	return tensor.Dtype{}, fmt.Errorf("%v is not supported", t)
}

// node returns the node of an operand. It adds a leaf for a constant that the graph does not have.
func (b *builder) node(o *operand) (*gorgonia.Node, error) {
	if o.node != nil {
		return o.node, nil
	}
	if n, ok := b.leaves[o.constant]; ok {
		return n, nil
	}
	n, err := op.Constant(b.graph, strconv.Itoa(len(b.leaves)), o.constant)
	if err != nil {
		return nil, err
	}
	b.leaves[o.constant] = n
	return n, nil
}

// addWork counts the work of n and of the operations that it depends on, unless they are counted, and labels them for errors.
func (c *call) addWork(n *gorgonia.Node) error {
	list := []*gorgonia.Node{n}
	for len(list) > 0 {
		n := list[len(list)-1]
		list = list[:len(list)-1]
		if c.counted[n] || n.Op() == nil {
			continue
		}
		c.counted[n] = true
		op.Label(n, c.describe())
		if err := c.charge(op.Work(n)); err != nil {
			return err
		}
		for it := c.graph.From(n.ID()); it.Next(); {
			list = append(list, it.Node().(*gorgonia.Node))
		}
	}
	return nil
}

// CostError reports a model that takes more work or memory than the limits allow.
type CostError struct{ error }

func (e *CostError) Unwrap() error { return e.error }

// charge adds work to the total and returns a CostError if it exceeds the limit.
func (c *call) charge(work int64) error {
	if work > c.lim.Work-c.work {
		return &CostError{fmt.Errorf("up to here, the graph costs more than the %d multiply-adds allowed, other work included", c.lim.Work)}
	}
	c.work += work
	return nil
}

// describe returns the name of the step for errors.
func (c *call) describe() string { return fmt.Sprintf("%s computing %.60q", c.op, c.making) }

// Limits on the constants that are folded, which are shape arithmetic and the expansion of
// weights. Operations beyond them are computed by every run.
const (
	foldElements = 1 << 20 // elements of a value
	foldWork     = 1 << 28 // total work as counted by op.Work, which also bounds the bytes
)

// apply adds the operations of f on in to the graph, or folds them if all operands are small
// constants. The result has the given kind.
func (c *call) apply(kind DataType, f func(in []*gorgonia.Node) (*gorgonia.Node, error), in ...*operand) (*operand, error) {
	if !c.heavy && c.folded < foldWork && !slices.ContainsFunc(in, func(o *operand) bool { return o.constant == nil || o.volume() > foldElements }) {
		d, err := c.fold(f, in)
		if err != nil {
			return nil, err
		}
		if d != nil {
			return &operand{kind: kind, constant: d}, nil
		}
	}
	nodes := make([]*gorgonia.Node, len(in))
	for i, o := range in {
		var err error
		if nodes[i], err = c.node(o); err != nil {
			return nil, err
		}
	}
	n, err := f(nodes)
	if err != nil {
		return nil, err
	}
	if _, err := elements(n.Shape(), c.lim.Elements); err != nil {
		return nil, err
	}
	if err := c.checkType(kind, n); err != nil {
		return nil, err
	}
	if err := c.addWork(n); err != nil {
		return nil, err
	}
	return &operand{kind: kind, node: n}, nil
}

func (c *call) checkType(kind DataType, n *gorgonia.Node) error {
	if want, err := dtype(kind); err != nil || n.Dtype() != want {
		return fmt.Errorf("the result is %v, want %v", n.Dtype(), kind)
	}
	return nil
}

// fold computes f on constants in a separate graph. It returns nil if a value or the work exceeds the limits of folding.
func (c *call) fold(f func(in []*gorgonia.Node) (*gorgonia.Node, error), in []*operand) (*tensor.Dense, error) {
	g := gorgonia.NewGraph()
	nodes := make([]*gorgonia.Node, len(in))
	for i, o := range in {
		var err error
		if nodes[i], err = op.Constant(g, strconv.Itoa(i), o.constant); err != nil {
			return nil, err
		}
	}
	n, err := f(nodes)
	if err != nil {
		return nil, err
	}
	work := int64(0)
	for _, each := range g.AllNodes() {
		if size, err := elements(each.Shape(), foldElements); err != nil || size > foldElements {
			return nil, nil
		}
		work += op.Work(each)
	}
	if work > foldWork-c.folded {
		return nil, nil
	}
	if err := c.charge(work); err != nil {
		return nil, err
	}
	c.folded += work
	if n.IsVar() { // f returned its operand
		return n.Value().(*tensor.Dense), nil
	}
	p, err := op.NewProgram(g, n)
	if err != nil {
		return nil, err
	}
	if err := p.Run(c.ctx); err != nil {
		return nil, err
	}
	return p.Result(0), nil
}
