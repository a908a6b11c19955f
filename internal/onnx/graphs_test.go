package onnx

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"enciphergan/internal/kernel"

	"gorgonia.org/tensor"
)

// graphs makes a random graph of declared operators that onnxruntime runs too. It records the
// shape of every value and a bound on the difference between two implementations, which is the
// tolerance of the comparison.
type graphs struct {
	number  int
	r       *rand.Rand
	opset   int64
	special bool // inputs contain infinities, NaN, subnormal numbers and zeros of both signs
	m       *Model
	inputs  map[string]*tensor.Dense
	sizes   map[string]int // sizes of symbolic dimensions
	values  []*randomValue
	readers map[string]int
	nodes   map[string]int // number by operator
	beyond  bool           // contains a case that this package refuses by design
	follow  *randomValue   // the next operand, if it satisfies the conditions
}

// randomValue is a value of a random graph.
type randomValue struct {
	name  string
	kind  DataType
	shape []int
	most  float64 // upper bound of the magnitude of finite elements, in either implementation
	apart float64 // upper bound of the difference of an element between the two
	least float64 // lower bound of the elements, used where it is positive
	odd   bool    // may contain infinities, NaN or subnormal numbers
	fixed bool    // depends only on constants
	ints  []int64 // the elements, if the generator knows them
	conv  bool    // result of a convolution
}

// ulp bounds the relative difference of two roundings of one number, each by half a unit.
const ulp = 0x1p-23

func newGraphs(seed uint64, number int) *graphs {
	r := rand.New(rand.NewPCG(seed, uint64(number)))
	opset := int64(7 + r.IntN(11)) // onnxruntime supports 7 and later
	g := &graphs{r: r, opset: opset, special: r.IntN(5) == 0, inputs: map[string]*tensor.Dense{}, sizes: map[string]int{}, readers: map[string]int{}, nodes: map[string]int{},
		m: &Model{Producer: "test", Opset: opset, Graph: Graph{Name: "random"}}}
	g.grow()
	return g
}

func (g *graphs) chance(oneIn int) bool { return g.r.IntN(oneIn) == 0 }

func oneOf[T any](g *graphs, list ...T) T { return list[g.r.IntN(len(list))] }

// grow adds nodes. The outputs are most of the values that no node reads and some of the others.
func (g *graphs) grow() {
	names := make([]string, 0, len(builders))
	for name := range builders {
		names = append(names, name)
	}
	slices.Sort(names)
	if g.chance(25) {
		g.beyond = true
		oneOf(g, refusedBuilders...)(g)
	}
	want := len(g.m.Graph.Nodes) + 1 + g.r.IntN(9)
	for tries := 0; len(g.m.Graph.Nodes) < want && tries < 200; tries++ {
		g.build(names[g.r.IntN(len(names))])
	}
	for _, n := range g.m.Graph.Nodes {
		g.nodes[n.Op]++
	}
	outputs := 0
	for i := len(g.values) - 1; i >= 0; i-- {
		v := g.values[i]
		if made := slices.ContainsFunc(g.m.Graph.Nodes, func(n Node) bool { return slices.Contains(n.Outputs, v.name) }); !made && !g.chance(30) || g.readers[v.name] > 0 && !g.chance(8) {
			continue // inputs and constants may be outputs too
		}
		if outputs++; outputs > 6 {
			break
		}
		dims := make([]int64, len(v.shape))
		for d, n := range v.shape {
			dims[d] = int64(n)
		}
		g.m.Graph.Outputs = append(g.m.Graph.Outputs, ValueInfo{v.name, v.kind, Sizes(dims...)})
	}
}

// build adds an operator. It adds nothing if there are no operands or the operator set does not have it.
func (g *graphs) build(name string) {
	if since := map[string]int64{"Erf": 9, "GatherElements": 11}[name]; g.opset >= since {
		builders[name](g)
	}
}

func (g *graphs) value(name string) *randomValue {
	for _, v := range g.values {
		if v.name == name {
			return v
		}
	}
	return nil
}

// name returns a new name, sometimes with unusual characters.
func (g *graphs) name(prefix string) string {
	return fmt.Sprintf("%s%d%s", prefix, len(g.values)+len(g.m.Graph.Nodes)+len(g.m.Graph.Initializers), oneOf(g, "", "", "", ".weight", "/é:0"))
}

// emit adds a node with one output for each of out.
func (g *graphs) emit(op string, in []*randomValue, attributes []Attribute, out ...*randomValue) {
	n := Node{Op: op, Name: g.name("n"), Attributes: attributes}
	for _, v := range in {
		if v == nil {
			n.Inputs = append(n.Inputs, "")
			continue
		}
		n.Inputs = append(n.Inputs, v.name)
		g.readers[v.name]++
	}
	fixed := !slices.ContainsFunc(in, func(v *randomValue) bool { return v != nil && !v.fixed })
	for i, v := range out {
		v.name = g.name("v") + fmt.Sprint(i)
		v.fixed = fixed
		g.values = append(g.values, v)
		n.Outputs = append(n.Outputs, v.name)
	}
	g.m.Graph.Nodes = append(g.m.Graph.Nodes, n)
}

// passed returns a value of the given shape with the elements of v.
func passed(v *randomValue, shape ...int) *randomValue {
	return &randomValue{kind: v.kind, shape: slices.Clone(shape), most: v.most, apart: v.apart, least: v.least, odd: v.odd}
}

// pick returns a value that satisfies all conditions, preferably a late one, or nil.
func (g *graphs) pick(conditions ...func(v *randomValue) bool) *randomValue {
	var fit []*randomValue
	for _, v := range g.values {
		if elementsOf(v.shape) > 0 && !slices.ContainsFunc(conditions, func(c func(v *randomValue) bool) bool { return !c(v) }) {
			fit = append(fit, v)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return fit[max(g.r.IntN(len(fit)), g.r.IntN(len(fit)))]
}

// floating reports whether a value is float32 and within the bounds for use as an operand.
func floating(v *randomValue) bool {
	return v.kind == Float32 && v.most <= 1e3 && v.apart <= 1e-3
}

func rank(least, most int) func(v *randomValue) bool {
	return func(v *randomValue) bool { return len(v.shape) >= least && len(v.shape) <= most }
}

func ofKind(k DataType) func(v *randomValue) bool {
	return func(v *randomValue) bool { return v.kind == k }
}

// shape returns a random shape of small volume, with many dimensions of 1.
func (g *graphs) shape(rank int) []int {
	for {
		s := make([]int, rank)
		for d := range s {
			s[d] = oneOf(g, 1, 1, 2, 2, 3, 3, 4, 5, 7, 16, 17)
		}
		if elementsOf(s) <= 2000 {
			return s
		}
	}
}

func elementsOf(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// operand returns an existing or a new float value that satisfies conditions, or nil.
func (g *graphs) operand(conditions ...func(v *randomValue) bool) *randomValue {
	if v := g.follow; v != nil {
		g.follow = nil
		if !slices.ContainsFunc(append(conditions, floating), func(c func(v *randomValue) bool) bool { return !c(v) }) {
			return v
		}
	}
	if !g.chance(4) {
		if v := g.pick(append(conditions, floating)...); v != nil {
			return v
		}
	}
	for range 50 {
		v := &randomValue{kind: Float32, shape: g.shape(g.r.IntN(6))}
		if !slices.ContainsFunc(conditions, func(c func(v *randomValue) bool) bool { return !c(v) }) {
			return g.floats(1, v.shape...)
		}
	}
	return nil
}

// floats adds a value with elements from -most to most and, in special graphs, special values.
func (g *graphs) floats(most float64, shape ...int) *randomValue {
	data := make([]float32, elementsOf(shape))
	odd := g.special && g.chance(2)
	for i := range data {
		data[i] = float32((2*g.r.Float64() - 1) * most)
		if odd && g.chance(3) {
			data[i] = oneOf(g, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 0, float32(math.Copysign(0, -1)), 1e-45, -1e-39, 1e-38)
		}
	}
	if g.chance(6) { // values that are frequent in models
		for i := range data {
			data[i] = oneOf(g, data[i], 0, float32(most), -float32(most))
		}
	}
	v := &randomValue{kind: Float32, shape: slices.Clone(shape), most: most, odd: odd}
	g.store(v, data)
	return v
}

// between adds a value with elements from least to most.
func (g *graphs) between(least, most float64, shape ...int) *randomValue {
	data := make([]float32, elementsOf(shape))
	for i := range data {
		data[i] = float32(least + (most-least)*g.r.Float64())
	}
	v := &randomValue{kind: Float32, shape: slices.Clone(shape), most: max(math.Abs(least), math.Abs(most)), least: least}
	g.store(v, data)
	return v
}

// integers adds a value with the given elements.
func (g *graphs) integers(kind DataType, data []int64, shape ...int) *randomValue {
	v := &randomValue{kind: kind, shape: slices.Clone(shape), least: math.Inf(1)}
	for _, n := range data {
		v.most, v.least = max(v.most, math.Abs(float64(n))), min(v.least, float64(n))
	}
	if kind == Int64 {
		g.store(v, data)
		return v
	}
	short := make([]int32, len(data))
	for i, n := range data {
		short[i] = int32(n)
	}
	g.store(v, short)
	return v
}

// constants adds integers that determine a shape: an initializer, a node or the result of folding.
func (g *graphs) constants(data ...int64) *randomValue {
	if g.chance(4) {
		if v := g.computed(data); v != nil {
			return v
		}
	}
	v := &randomValue{kind: Int64, shape: []int{len(data)}, ints: data, fixed: true}
	g.constant(v, slices.Clone(data))
	return v
}

// computed adds operators that compute data from constants or from a shape. It returns nil if it cannot.
func (g *graphs) computed(data []int64) *randomValue {
	result := func() *randomValue { return &randomValue{kind: Int64, shape: []int{len(data)}, ints: data} }
	plain := func(data []int64) *randomValue {
		v := &randomValue{kind: Int64, shape: []int{len(data)}, ints: data, fixed: true}
		g.constant(v, slices.Clone(data))
		return v
	}
	switch g.r.IntN(4) {
	case 0: // a sum or a product
		other := int64(1 + g.r.IntN(3))
		op, moved := "Add", make([]int64, len(data))
		for i, n := range data {
			moved[i] = n - other
			if n%other == 0 && g.chance(2) {
				op = "Mul"
			}
		}
		if op == "Mul" {
			for i, n := range data {
				if n%other != 0 {
					return nil
				}
				moved[i] = n / other
			}
		}
		v := result()
		g.emit(op, []*randomValue{plain(moved), plain([]int64{other})}, nil, v)
		return v
	case 1: // part of a longer list
		list := append([]int64{9}, data...)
		v := result()
		index := make([]int64, len(data))
		for i := range index {
			index[i] = int64(i + 1)
		}
		g.emit("Gather", []*randomValue{plain(list), plain(index)}, nil, v)
		return v
	case 2: // two parts, joined
		if len(data) < 2 {
			return nil
		}
		at := 1 + g.r.IntN(len(data)-1)
		v := result()
		g.emit("Concat", []*randomValue{plain(data[:at]), plain(data[at:])}, []Attribute{IntOf("axis", 0)}, v)
		return v
	}
	// The shape of a value that has these dimensions.
	x := g.pick(func(v *randomValue) bool {
		return slices.EqualFunc(v.shape, data, func(a int, b int64) bool { return int64(a) == b })
	})
	if x == nil {
		return nil
	}
	v := result()
	g.emit("Shape", []*randomValue{x}, nil, v)
	v.fixed = true
	return v
}

// store adds data as a constant or as an input, in which some dimensions may be symbolic.
func (g *graphs) store(v *randomValue, data any) {
	if len(v.shape) == 0 || !g.chance(3) {
		g.constant(v, data)
		return
	}
	v.name = g.name("x")
	dims := make([]Dim, len(v.shape))
	for d, n := range v.shape {
		dims[d].Size = int64(n)
		if g.chance(4) {
			dims[d] = Dim{Parameter: v.name + fmt.Sprint(d)}
			if g.chance(2) {
				dims[d].Parameter = fmt.Sprintf("of%d", n) // several inputs have it
			}
			g.sizes[dims[d].Parameter] = n
		}
	}
	g.values = append(g.values, v)
	g.m.Graph.Inputs = append(g.m.Graph.Inputs, ValueInfo{v.name, v.kind, dims})
	g.inputs[v.name] = tensor.New(tensor.WithShape(v.shape...), tensor.WithBacking(data))
}

// constant adds data as an initializer or a Constant node.
func (g *graphs) constant(v *randomValue, data any) {
	v.fixed = true
	v.name = g.name("c")
	dims := make([]int64, len(v.shape))
	for d, n := range v.shape {
		dims[d] = int64(n)
	}
	var t Tensor
	var inline []Attribute // Constant attributes other than a tensor
	switch list := data.(type) {
	case []float32:
		t = NewFloat32(v.name, dims, list)
		if len(dims) == 0 {
			inline = append(inline, FloatOf("value_float", list[0]))
		} else if len(dims) == 1 {
			inline = append(inline, FloatsOf("value_floats", list...))
		}
	case []int32:
		t = NewInt32(v.name, dims, list)
	case []int64:
		t = NewInt64(v.name, dims, list)
		if len(dims) == 0 {
			inline = append(inline, IntOf("value_int", list[0]))
		} else if len(dims) == 1 {
			inline = append(inline, IntsOf("value_ints", list...))
		}
	case []uint16:
		t = NewFloat16(v.name, dims, list)
	}
	g.values = append(g.values, v)
	if !g.chance(4) {
		g.m.Graph.Initializers = append(g.m.Graph.Initializers, t)
		return
	}
	t.Name = ""
	attribute := TensorOf("value", t)
	if len(inline) > 0 && g.opset >= 12 && g.chance(2) {
		attribute = inline[0]
	}
	g.m.Graph.Nodes = append(g.m.Graph.Nodes, Node{Op: "Constant", Name: g.name("n"), Outputs: []string{v.name}, Attributes: []Attribute{attribute}})
}

// axis returns d in a form for an attribute: from operator set since on, it may be negative.
func (g *graphs) axis(d, rank int, since int64) int64 {
	if g.opset >= since && g.chance(3) {
		return int64(d - rank)
	}
	return int64(d)
}

// builders add a node of an operator or a pattern of several nodes.
var builders map[string]func(g *graphs)

func init() { // they call each other
	builders = map[string]func(g *graphs){
		"Add": arithmeticOf("Add"), "Sub": arithmeticOf("Sub"), "Mul": arithmeticOf("Mul"), "Div": arithmeticOf("Div"),
		"Abs": function("Abs", func(x, y *randomValue) { y.least = max(0, x.least) }),
		"Neg": function("Neg", func(x, y *randomValue) { y.least = math.Inf(-1) }),
		"Sqrt": function("Sqrt", func(x, y *randomValue) {
			y.most, y.least = math.Sqrt(x.most), 0
			if x.apart > 0 {
				if x.least < 0 {
					y.most = math.Inf(1) // may be NaN in only one implementation
				}
				y.apart = math.Sqrt(x.apart) + ulp*y.most
			}
		}),
		"Floor": function("Floor", func(x, y *randomValue) {
			y.most, y.least = x.most+1, math.Floor(x.least)
			if x.apart > 0 {
				y.most = math.Inf(1) // may be another integer in one implementation
			}
		}),
		"Exp": function("Exp", func(x, y *randomValue) {
			y.most, y.least = math.Exp(min(x.most, 30)), math.Exp(-min(x.most, 30))
			if x.odd || x.most > 30 {
				y.least = 0
			}
			if x.most > 30 {
				y.most = math.Inf(1)
			}
			y.apart = y.most * (math.Expm1(x.apart) + 1e-6)
		}),
		// The approximations of both implementations have errors of several units.
		"Erf":  function("Erf", func(x, y *randomValue) { y.most, y.least, y.apart = 1+1e-6, -2, 1.13*x.apart+1.5e-6 }),
		"Tanh": function("Tanh", func(x, y *randomValue) { y.most, y.least, y.apart = 1+1e-6, -2, x.apart+1.5e-6 }),
		"Sigmoid": function("Sigmoid", func(x, y *randomValue) {
			y.most, y.least, y.apart = 1+1e-6, 0, x.apart/4+1e-6
			if !x.odd && x.most < 8 {
				y.least = 3e-4
			}
		}),
		"Relu":      function("Relu", func(x, y *randomValue) { y.least = max(0, x.least) }),
		"LeakyRelu": leakyOf, "Clip": clipOf, "Cast": castOf,
		"Conv": convOf, "ConvTranspose": convTransposeOf, "MatMul": matMulOf, "ReduceMean": reduceMeanOf,
		"InstanceNormalization": instanceNormOf, "BatchNormalization": batchNormOf,
		"Constant": func(g *graphs) { g.constant(&randomValue{kind: Int64, shape: []int{1}}, []int64{4}) },
		"Identity": func(g *graphs) {
			if x := g.any(); x != nil {
				y := passed(x, x.shape...)
				y.ints = x.ints
				g.emit("Identity", []*randomValue{x}, nil, y)
			}
		},
		"Shape": shapeOf, "Reshape": reshapeOf, "Transpose": transposeOf, "Slice": sliceOf, "Split": splitOf,
		"Concat": concatOf, "Pad": padOf, "Gather": gatherOf, "GatherElements": gatherElementsOf,
		"SpaceToDepth": blocksOf("SpaceToDepth"), "DepthToSpace": blocksOf("DepthToSpace"),
		// Patterns that are fused.
		"rows": rowsOf, "halves": halvesOf, "residual": residualOf, "chain": chainOf,
	}
}

// any returns a value of any kind.
func (g *graphs) any(conditions ...func(v *randomValue) bool) *randomValue {
	if !g.chance(4) {
		if v := g.pick(conditions...); v != nil {
			return v
		}
	}
	return g.operand(conditions...)
}

// function returns the builder of an operator on one element. bounds derives the bounds of the
// result, which are initially those of the operand.
func function(op string, bounds func(x, y *randomValue)) func(g *graphs) {
	return func(g *graphs) { g.unary(op, nil, bounds) }
}

func (g *graphs) unary(op string, attributes []Attribute, bounds func(x, y *randomValue), more ...*randomValue) {
	x := g.operand()
	if x == nil {
		return
	}
	y := passed(x, x.shape...)
	y.apart += ulp * x.apart
	bounds(x, y)
	if usable(y) {
		g.emit(op, append([]*randomValue{x}, more...), attributes, y)
	}
}

// usable reports whether the bounds are tight enough for a comparison.
func usable(v *randomValue) bool {
	return v.most < 1e6 && v.apart <= 2e-3
}

func leakyOf(g *graphs) {
	var attributes []Attribute
	slope := oneOf[float32](g, 0.01, 0.2, 0, 0.99, 0.5)
	if slope != 0.01 || g.chance(2) {
		attributes = []Attribute{FloatOf("alpha", slope)}
	}
	g.unary("LeakyRelu", attributes, func(x, y *randomValue) {
		y.apart, y.least = x.apart+ulp*x.most, min(x.least, float64(slope)*x.least)
		if x.odd && slope == 0 {
			y.most = math.Inf(1) // onnxruntime multiplies infinity by 0
		}
	})
}

func clipOf(g *graphs) {
	least, most := float32(g.r.Float64()-1), float32(g.r.Float64())
	whole := false // both bounds are given
	bounds := func(x, y *randomValue) {
		y.least = min(x.least, float64(least))
		if x.odd && !whole {
			y.most = math.Inf(1) // infinities become the largest number
		}
	}
	if g.opset < 11 {
		var attributes []Attribute
		if g.chance(2) {
			attributes = append(attributes, FloatOf("min", least))
		}
		if g.chance(2) {
			attributes = append(attributes, FloatOf("max", most))
		}
		g.unary("Clip", attributes, bounds)
		return
	}
	var more []*randomValue
	number := func(v float32) *randomValue {
		c := &randomValue{kind: Float32, most: 1}
		g.constant(c, []float32{v})
		return c
	}
	switch g.r.IntN(4) {
	case 1:
		more = []*randomValue{number(least)}
	case 2:
		more = []*randomValue{nil, number(most)}
	case 3:
		more, whole = []*randomValue{number(least), number(most)}, true
	}
	g.unary("Clip", nil, bounds, more...)
}

func castOf(g *graphs) {
	x := g.any()
	if x == nil || x.kind == Float32 && !floating(x) {
		return
	}
	to := oneOf(g, Float32, Int32, Int64, Float16)
	y := passed(x, x.shape...)
	y.kind = to
	switch {
	case (to == Int32 || to == Int64) && (x.kind == Float32 || x.kind == Float16):
		if x.apart > 0 || x.odd {
			return // may be another integer in one implementation, or outside the range of integers
		}
		y.least = math.Trunc(x.least)
	case to == Float16 && (x.kind == Float32 || x.kind == Int32 || x.kind == Int64):
		if x.most > 6e4 {
			return
		}
		if x.apart > 0 {
			y.apart += x.most * 0x1p-10
		}
	case to == Float32 && (x.kind == Int32 || x.kind == Int64):
		if x.most > 1<<24 {
			return
		}
	case to == Int32 && x.most > math.MaxInt32:
		return
	}
	if usable(y) || to == Int32 || to == Int64 {
		g.emit("Cast", []*randomValue{x}, []Attribute{IntOf("to", int64(to))}, y)
	}
}

// partner returns a shape that usually broadcasts with the given one.
func (g *graphs) partner(shape []int) []int {
	s := slices.Clone(shape)
	for d := range s {
		if g.chance(3) {
			s[d] = 1
		} else if s[d] == 1 && g.chance(3) {
			s[d] = 1 + g.r.IntN(4)
		}
	}
	if len(s) > 0 && g.chance(3) {
		s = s[g.r.IntN(len(s)+1):]
	}
	if len(s) < 5 && g.chance(6) {
		s = append([]int{1 + g.r.IntN(3)}, s...)
	}
	if g.chance(4) {
		return slices.Clone(shape)
	}
	if n := elementsOf(shape); len(shape) > 0 && len(shape) < 3 && n == slices.Max(shape) && g.chance(3) {
		return oneOf(g, []int{n}, []int{n, 1}, []int{1, n}) // a column with a vector
	}
	return s
}

// broadcastOf returns the shape that a and b broadcast to, or nil if there is none or it is too large.
func broadcastOf(a, b []int) []int {
	s, err := numpyShape(a, b)
	if err != nil || elementsOf(s) > 20000 {
		return nil
	}
	return s
}

func numpyShape(a, b []int) ([]int, error) {
	n := max(len(a), len(b))
	s := make([]int, n)
	for d := range s {
		p, q := 1, 1
		if i := d - n + len(a); i >= 0 {
			p = a[i]
		}
		if i := d - n + len(b); i >= 0 {
			q = b[i]
		}
		switch {
		case p == q || q == 1:
			s[d] = p
		case p == 1:
			s[d] = q
		default:
			return nil, fmt.Errorf("%v and %v", a, b)
		}
	}
	return s, nil
}

func arithmeticOf(op string) func(g *graphs) {
	return func(g *graphs) {
		if g.chance(6) {
			g.integerArithmetic(op)
			return
		}
		a := g.operand()
		if a == nil {
			return
		}
		var b *randomValue
		switch {
		case g.chance(6):
			b = a
		case g.chance(2):
			b = g.pick(floating, func(v *randomValue) bool { return broadcastOf(a.shape, v.shape) != nil })
		}
		if b == nil {
			b = g.floats(2, g.partner(a.shape)...)
		}
		if op == "Div" && !(b.least > 1e-2 && b.apart < 1e-3*b.least && !b.odd) {
			b = g.between(0.25, 2, g.partner(a.shape)...)
		} else if op != "Div" && g.chance(2) {
			a, b = b, a
		}
		shape := broadcastOf(a.shape, b.shape)
		if shape == nil {
			return
		}
		y := &randomValue{kind: Float32, shape: shape, odd: a.odd || b.odd, least: math.Inf(-1)}
		switch op {
		case "Add":
			y.most, y.apart, y.least = a.most+b.most, a.apart+b.apart, a.least+b.least
		case "Sub":
			y.most, y.apart = a.most+b.most, a.apart+b.apart
		case "Mul":
			y.most, y.apart = a.most*b.most, a.apart*b.most+b.apart*a.most+a.apart*b.apart
			if a == b || a.least >= 0 && b.least >= 0 {
				y.least = 0
			}
		case "Div":
			y.most = a.most / (b.least - b.apart)
			y.apart = (a.apart + y.most*b.apart) / (b.least - b.apart)
		}
		if op == "Mul" && (a.odd && b.apart > 0 || b.odd && a.apart > 0) {
			return // infinity times 0 in only one implementation: ours computes 0 as Erf and Tanh of the smallest numbers
		}
		// Both implementations round once, and equally if their operands are equal.
		if y.apart > 0 {
			y.apart += ulp * y.most
		}
		if usable(y) {
			g.emit(op, []*randomValue{a, b}, nil, y)
		}
	}
}

func (g *graphs) integerArithmetic(op string) {
	kind := oneOf(g, Int32, Int64)
	a := g.pick(ofKind(kind), func(v *randomValue) bool { return v.most < 1<<20 })
	list := func(shape []int, least int) *randomValue {
		data := make([]int64, elementsOf(shape))
		for i := range data {
			data[i] = int64(least + g.r.IntN(9))
			if g.chance(2) {
				data[i] = -data[i]
			}
		}
		return g.integers(kind, data, shape...)
	}
	if a == nil || g.chance(3) {
		a = list(g.shape(g.r.IntN(4)), 0)
	}
	b := list(g.partner(a.shape), 1) // no division by 0
	shape := broadcastOf(a.shape, b.shape)
	if shape == nil {
		return
	}
	y := &randomValue{kind: kind, shape: shape, most: max(a.most+b.most, a.most*b.most), least: math.Inf(-1)}
	g.emit(op, []*randomValue{a, b}, nil, y)
}

// sum sets the bounds of y for a sum of n products of elements of a and b.
func sum(y *randomValue, n int, a, b *randomValue) {
	k := float64(n)
	y.most = k * a.most * b.most
	y.apart = k*(a.apart*b.most+b.apart*a.most) + (k+1)*ulp*y.most
	y.odd, y.least = a.odd || b.odd, math.Inf(-1)
}

// images returns an existing or a new float value of four dimensions.
func (g *graphs) images() *randomValue {
	if !g.chance(4) {
		if x := g.pick(floating, rank(4, 4), func(v *randomValue) bool { return elementsOf(v.shape) <= 6000 }); x != nil {
			return x
		}
	}
	channels := oneOf(g, 1, 2, 3, 4, 8, 16, 17)
	return g.floats(1, 1+g.r.IntN(2), channels, 1+g.r.IntN(10), 1+g.r.IntN(12))
}

func ints64(list []int) []int64 {
	out := make([]int64, len(list))
	for i, n := range list {
		out[i] = int64(n)
	}
	return out
}

func convOf(g *graphs) { g.conv(g.images()) }

// conv adds a convolution of x. It returns nil if there is no output, onnxruntime refuses it or the bounds are too wide.
func (g *graphs) conv(x *randomValue) *randomValue {
	m := oneOf(g, 1, 2, 3, 5, 8, 16, 18)
	size, stride, dilation := []int{oneOf(g, 1, 2, 3, 3, 5), oneOf(g, 1, 2, 3, 3, 5)}, []int{1, 1}, []int{1, 1}
	if g.chance(3) {
		size = []int{3, 3}
	}
	var attributes []Attribute
	if g.chance(2) {
		attributes = append(attributes, IntsOf("kernel_shape", ints64(size)...))
	}
	if g.chance(3) {
		stride = []int{1 + g.r.IntN(3), 1 + g.r.IntN(3)}
		attributes = append(attributes, IntsOf("strides", ints64(stride)...))
	}
	if g.chance(4) {
		dilation = []int{1 + g.r.IntN(3), 1 + g.r.IntN(3)}
		attributes = append(attributes, IntsOf("dilations", ints64(dilation)...))
	}
	if g.chance(6) {
		attributes = append(attributes, IntOf("group", 1))
	}
	pads := make([]int, 4)
	out := make([]int, 2)
	mode := "NOTSET"
	if g.chance(4) {
		mode = oneOf(g, "VALID", "SAME_UPPER", "SAME_LOWER", "NOTSET")
		attributes = append(attributes, StringOf("auto_pad", mode))
	}
	if mode == "NOTSET" && !g.chance(3) {
		for i := range pads {
			pads[i] = g.r.IntN(3)
		}
		if g.chance(2) {
			pads = []int{size[0] / 2, size[1] / 2, size[0] / 2, size[1] / 2}
		}
		attributes = append(attributes, IntsOf("pads", ints64(pads)...))
	}
	for i := range out {
		reach := dilation[i]*(size[i]-1) + 1
		if strings.HasPrefix(mode, "SAME") {
			if dilation[i] > 1 {
				return nil // onnxruntime refuses it
			}
			out[i] = (x.shape[2+i]-1)/stride[i] + 1
			continue
		}
		if out[i] = (x.shape[2+i]+pads[i]+pads[2+i]-reach)/stride[i] + 1; x.shape[2+i]+pads[i]+pads[2+i] < reach {
			return nil
		}
	}
	w := g.floats(1/math.Sqrt(float64(x.shape[1]*size[0]*size[1])), m, x.shape[1], size[0], size[1])
	in := []*randomValue{x, w}
	y := &randomValue{kind: Float32, shape: []int{x.shape[0], m, out[0], out[1]}}
	sum(y, x.shape[1]*size[0]*size[1], x, w)
	tiled := kernel.Conv{C: x.shape[1], M: m, KH: size[0], KW: size[1], SH: stride[0], SW: stride[1], DH: dilation[0], DW: dilation[1]}
	if tiled.C >= 16 && tiled.M >= 16 && tiled.KH == 3 && tiled.KW == 3 {
		// The transforms of Winograd multiply by up to 10 at input and output, and turn infinities into NaN.
		y.apart *= 16
		if y.odd {
			return nil
		}
	}
	switch g.r.IntN(3) {
	case 0:
		b := g.floats(1, m)
		in = append(in, b)
		y.most, y.apart, y.odd = y.most+b.most, y.apart+ulp*b.most, y.odd || b.odd
	case 1:
		if g.chance(4) {
			in = append(in, nil)
		}
	}
	if !usable(y) {
		return nil
	}
	y.conv = true
	g.emit("Conv", in, attributes, y)
	return y
}

// residualOf adds a convolution, a batch norm, an addition and a Relu, which a program may fuse.
func residualOf(g *graphs) {
	y := g.conv(g.images())
	if y == nil {
		return
	}
	if g.chance(2) {
		if y = g.batchNorm(y); y == nil {
			return
		}
	}
	if g.chance(2) {
		shape := slices.Clone(y.shape)
		if g.chance(3) {
			shape = g.partner(shape)
		}
		other := g.pick(floating, func(v *randomValue) bool { return slices.Equal(v.shape, shape) })
		if other == nil {
			other = g.floats(1, shape...)
		}
		common := broadcastOf(y.shape, other.shape)
		if common == nil {
			return
		}
		sum := &randomValue{kind: Float32, shape: common, most: y.most + other.most, apart: y.apart + other.apart + ulp*(y.most+other.most), odd: y.odd || other.odd, least: math.Inf(-1)}
		in := []*randomValue{y, other}
		if g.chance(2) {
			in = []*randomValue{other, y}
		}
		g.emit("Add", in, nil, sum)
		y = sum
	}
	if g.chance(3) {
		return
	}
	z := passed(y, y.shape...)
	z.apart += ulp * y.most
	if g.chance(2) {
		g.emit("Relu", []*randomValue{y}, nil, z)
	} else if !y.odd {
		g.emit("LeakyRelu", []*randomValue{y}, []Attribute{FloatOf("alpha", oneOf[float32](g, 0, 0.2, 0.5))}, z)
	}
}

// chainOf adds a chain of elementwise operations, which a program may fuse.
func chainOf(g *graphs) {
	if g.chance(2) { // to combine columns, rows and vectors
		n := 2 + g.r.IntN(6)
		g.follow = g.floats(1, oneOf(g, []int{n}, []int{n, 1}, []int{1, n})...)
	}
	for range 2 + g.r.IntN(4) {
		before := len(g.values)
		g.build(oneOf(g, "Add", "Sub", "Mul", "Div", "Relu", "LeakyRelu", "Tanh", "Sigmoid", "Erf", "Exp", "Neg"))
		if len(g.values) == before {
			return
		}
		g.follow = g.values[len(g.values)-1]
	}
	g.follow = nil
}

func convTransposeOf(g *graphs) {
	x := g.images()
	m := oneOf(g, 1, 2, 3, 8, 16)
	size, stride, dilation, extra := []int{1 + g.r.IntN(4), 1 + g.r.IntN(4)}, []int{1, 1}, []int{1, 1}, []int{0, 0}
	var attributes []Attribute
	if g.chance(2) {
		attributes = append(attributes, IntsOf("kernel_shape", ints64(size)...))
	}
	if !g.chance(3) {
		stride = []int{1 + g.r.IntN(3), 1 + g.r.IntN(3)}
		attributes = append(attributes, IntsOf("strides", ints64(stride)...))
	}
	if g.chance(4) {
		dilation = []int{1 + g.r.IntN(3), 1 + g.r.IntN(3)}
		attributes = append(attributes, IntsOf("dilations", ints64(dilation)...))
	}
	if g.chance(3) {
		extra = []int{g.r.IntN(stride[0]), g.r.IntN(stride[1])}
		attributes = append(attributes, IntsOf("output_padding", ints64(extra)...))
	}
	pads := make([]int, 4)
	mode := "NOTSET"
	if g.chance(3) {
		mode = oneOf(g, "VALID", "SAME_UPPER", "SAME_LOWER")
		attributes = append(attributes, StringOf("auto_pad", mode))
	} else if g.chance(2) {
		for i := range pads {
			pads[i] = g.r.IntN(3)
		}
		attributes = append(attributes, IntsOf("pads", ints64(pads)...))
	}
	out := make([]int, 2)
	for i := range out {
		if strings.HasPrefix(mode, "SAME") {
			if dilation[i]*(size[i]-1)+1 < stride[i] || extra[i] > 0 {
				return // onnxruntime computes or infers another size
			}
			out[i] = stride[i] * x.shape[2+i]
			continue
		}
		out[i] = stride[i]*(x.shape[2+i]-1) + extra[i] + dilation[i]*(size[i]-1) + 1 - pads[i] - pads[2+i]
		if out[i] < 1 {
			return
		}
	}
	// onnxruntime's shape inference fails if output_shape is smaller than the input.
	if mode == "NOTSET" && out[0] >= x.shape[2] && out[1] >= x.shape[3] && g.chance(3) {
		for i := range out {
			out[i] = max(x.shape[2+i], out[i]-g.r.IntN(3))
		}
		attributes = append(attributes, IntsOf("output_shape", ints64(out)...))
	}
	w := g.floats(1/math.Sqrt(float64(x.shape[1]*size[0]*size[1])), x.shape[1], m, size[0], size[1])
	in := []*randomValue{x, w}
	y := &randomValue{kind: Float32, shape: []int{x.shape[0], m, out[0], out[1]}}
	sum(y, x.shape[1]*size[0]*size[1], x, w)
	if y.odd {
		return // onnxruntime multiplies infinity by zeros that this package skips
	}
	y.apart *= 16 // for Winograd's transforms, with stride 1
	if g.chance(2) {
		b := g.between(-1, 1, m)
		in = append(in, b)
		y.most, y.apart = y.most+b.most, y.apart+ulp*b.most
	}
	if usable(y) && elementsOf(y.shape) < 20000 {
		g.emit("ConvTranspose", in, attributes, y)
	}
}

func matMulOf(g *graphs) {
	a := g.operand(rank(2, 4))
	if a == nil {
		return
	}
	k := a.shape[len(a.shape)-1]
	var b *randomValue
	if g.chance(3) {
		b = g.pick(floating, rank(2, 4), func(v *randomValue) bool { return v.shape[len(v.shape)-2] == k })
	}
	if b == nil {
		shape := []int{k, 1 + g.r.IntN(6)}
		if len(a.shape) > 2 && g.chance(2) {
			shape = append(g.partner(a.shape[:len(a.shape)-2]), shape...)
		}
		b = g.floats(1, shape...)
	}
	batch := broadcastOf(a.shape[:len(a.shape)-2], b.shape[:len(b.shape)-2])
	if batch == nil {
		return
	}
	y := &randomValue{kind: Float32, shape: append(batch, a.shape[len(a.shape)-2], b.shape[len(b.shape)-1])}
	sum(y, k, a, b)
	if usable(y) && elementsOf(y.shape) < 20000 {
		g.emit("MatMul", []*randomValue{a, b}, nil, y)
	}
}

func reduceMeanOf(g *graphs) {
	x := g.operand(rank(0, 5))
	if x == nil {
		return
	}
	var attributes []Attribute
	reduced := make([]bool, len(x.shape))
	if len(x.shape) > 0 && !g.chance(6) {
		var axes []int64
		for _, d := range g.r.Perm(len(x.shape))[:1+g.r.IntN(len(x.shape))] {
			reduced[d] = true
			axes = append(axes, g.axis(d, len(x.shape), 11))
		}
		attributes = append(attributes, IntsOf("axes", axes...))
	} else {
		for d := range reduced {
			reduced[d] = true
		}
		if g.chance(4) {
			attributes = []Attribute{IntsOf("axes")}
		}
	}
	keep := !g.chance(2)
	if !keep || g.chance(2) {
		v := int64(0)
		if keep {
			v = 1
		}
		attributes = append(attributes, IntOf("keepdims", v))
	}
	y := passed(x)
	n := 1
	for d, size := range x.shape {
		if reduced[d] {
			n *= size
			if keep {
				y.shape = append(y.shape, 1)
			}
		} else {
			y.shape = append(y.shape, size)
		}
	}
	y.apart += float64(n+1) * ulp * x.most
	g.emit("ReduceMean", []*randomValue{x}, attributes, y)
}

func instanceNormOf(g *graphs) {
	x := g.operand(rank(3, 5))
	if x == nil {
		return
	}
	eps := 1e-5
	var attributes []Attribute
	if !g.chance(4) {
		eps = oneOf(g, 1e-3, 0.1, 1)
		attributes = []Attribute{FloatOf("epsilon", float32(eps))}
	}
	c := x.shape[1]
	scale, bias := g.between(0.5, 1.5, c), g.between(-1, 1, c)
	if g.chance(3) {
		scale, bias = &randomValue{kind: Float32, shape: []int{c}, most: 1}, &randomValue{kind: Float32, shape: []int{c}, most: 1}
		g.constant(scale, slices.Repeat([]float32{1}, c))
		g.constant(bias, make([]float32, c))
	}
	n := elementsOf(x.shape[2:])
	y := passed(x, x.shape...)
	y.most, y.least = 1.5*math.Sqrt(float64(n))+1, math.Inf(-1)
	// Deviations may be as small as the square root of eps.
	y.apart = 8*(x.apart+float64(n+4)*ulp*x.most)/math.Sqrt(eps) + 8*ulp*y.most
	if usable(y) && !x.odd {
		g.emit("InstanceNormalization", []*randomValue{x, scale, bias}, attributes, y)
	}
}

func batchNormOf(g *graphs) {
	if x := g.operand(rank(2, 5)); x != nil {
		g.batchNorm(x)
	}
}

// batchNorm adds a batch norm of x. It returns nil if the bounds are too wide.
func (g *graphs) batchNorm(x *randomValue) *randomValue {
	var attributes []Attribute
	if g.chance(2) {
		attributes = append(attributes, FloatOf("epsilon", oneOf[float32](g, 1e-5, 1e-3, 0.1)))
	}
	if g.chance(4) {
		attributes = append(attributes, FloatOf("momentum", 0.9))
	}
	if g.opset < 9 && g.chance(4) {
		attributes = append(attributes, IntOf("spatial", 1))
	}
	if g.opset >= 14 && g.chance(4) {
		attributes = append(attributes, IntOf("training_mode", 0))
	}
	c := x.shape[1]
	in := []*randomValue{x, g.between(-1.5, 1.5, c), g.between(-1, 1, c), g.between(-1, 1, c), g.between(0.3, 2, c)}
	y := passed(x, x.shape...)
	y.most, y.least = 3*(x.most+1)+1, math.Inf(-1)
	y.apart = 3*x.apart + 8*ulp*y.most
	if !usable(y) || x.odd && x.conv {
		return nil // infinity times 0: fused arithmetic may round folded weights to 0
	}
	g.emit("BatchNormalization", in, attributes, y)
	return y
}

func shapeOf(g *graphs) {
	x := g.any(rank(1, 5))
	if x == nil {
		return
	}
	var attributes []Attribute
	from, to := 0, len(x.shape)
	if g.opset >= 15 && g.chance(2) {
		from = g.r.IntN(len(x.shape))
		to = from + 1 + g.r.IntN(len(x.shape)-from)
		attributes = []Attribute{IntOf("start", g.axis(from, len(x.shape), 15))}
		if to < len(x.shape) {
			attributes = append(attributes, IntOf("end", g.axis(to, len(x.shape), 15)))
		} else if g.chance(2) {
			attributes = append(attributes, IntOf("end", 99))
		}
	}
	y := &randomValue{kind: Int64, shape: []int{to - from}, ints: ints64(x.shape[from:to]), most: 20000, least: 1}
	g.emit("Shape", []*randomValue{x}, attributes, y)
	y.fixed = true
}

func reshapeOf(g *graphs) {
	x := g.any()
	if x == nil {
		return
	}
	n := elementsOf(x.shape)
	var to []int
	rest := n
	for range g.r.IntN(4) {
		var divisors []int
		for d := 1; d <= rest; d++ {
			if rest%d == 0 {
				divisors = append(divisors, d)
			}
		}
		d := oneOf(g, divisors...)
		to = append(to, d)
		rest /= d
	}
	to = append(to, rest)
	want := ints64(to)
	if g.chance(2) {
		want[g.r.IntN(len(want))] = -1
	}
	for d := range want {
		if d < len(x.shape) && x.shape[d] == to[d] && g.chance(3) {
			want[d] = 0
		}
	}
	var attributes []Attribute
	if g.opset >= 14 && g.chance(4) {
		attributes = []Attribute{IntOf("allowzero", 0)}
	}
	y := passed(x, to...)
	g.emit("Reshape", []*randomValue{x, g.constants(want...)}, attributes, y)
}

func transposeOf(g *graphs) {
	x := g.any(rank(0, 5))
	if x == nil {
		return
	}
	n := len(x.shape)
	perm := g.r.Perm(n)
	attributes := []Attribute{IntsOf("perm", ints64(perm)...)}
	if n == 0 || g.chance(4) {
		attributes = nil
		for d := range perm {
			perm[d] = n - 1 - d
		}
	}
	y := passed(x)
	for _, d := range perm {
		y.shape = append(y.shape, x.shape[d])
	}
	g.emit("Transpose", []*randomValue{x}, attributes, y)
}

func sliceOf(g *graphs) {
	x := g.any(rank(1, 5))
	if x == nil {
		return
	}
	n := len(x.shape)
	axes := g.r.Perm(n)[:1+g.r.IntN(n)]
	if g.chance(3) {
		for d := range axes {
			axes[d] = d
		}
	}
	var starts, ends, names, steps []int64
	y := passed(x, x.shape...)
	for _, d := range axes {
		size, step := x.shape[d], 1
		if g.opset >= 10 && g.chance(2) {
			step = oneOf(g, 1, 2, 3, -1, -2, 100, -100)
		}
		from := g.r.IntN(size)
		count := 1
		if step > 0 {
			count += g.r.IntN((size-1-from)/step + 1)
		} else {
			count += g.r.IntN(from/-step + 1)
		}
		last := from + (count-1)*step
		start, end := int64(from), int64(last+1)
		if step < 0 {
			end = int64(last - 1)
		}
		if g.chance(3) { // the same index, counted from the end
			start -= int64(size)
		}
		switch {
		case end < 0:
			end = oneOf[int64](g, int64(-size-1), math.MinInt32, -1<<40)
		case step > 0 && int(end) == size && g.chance(2):
			end = oneOf[int64](g, math.MaxInt32, math.MaxInt64, int64(size+5))
		case int(end) < size && g.chance(3):
			end -= int64(size)
		}
		starts, ends, steps = append(starts, start), append(ends, end), append(steps, int64(step))
		names = append(names, g.axis(d, n, 11))
		y.shape[d] = count
	}
	inOrder := slices.IsSortedFunc(axes, func(a, b int) int { return a - b }) && axes[0] == 0 && axes[len(axes)-1] == len(axes)-1
	if g.opset < 10 {
		attributes := []Attribute{IntsOf("starts", starts...), IntsOf("ends", ends...)}
		if !inOrder || g.chance(2) {
			attributes = append(attributes, IntsOf("axes", names...))
		}
		if x.kind == Float16 {
			return // onnxruntime has no such kernel
		}
		g.emit("Slice", []*randomValue{x}, attributes, y)
		return
	}
	in := []*randomValue{x, g.constants(starts...), g.constants(ends...)}
	stepped := slices.ContainsFunc(steps, func(n int64) bool { return n != 1 })
	if !inOrder || g.chance(2) {
		in = append(in, g.constants(names...))
	} else if stepped {
		in = append(in, nil)
	}
	if stepped || len(in) == 4 && g.chance(2) {
		in = append(in, g.constants(steps...))
	}
	g.emit("Slice", in, nil, y)
}

func splitOf(g *graphs) {
	x := g.any(rank(1, 5))
	if x == nil {
		return
	}
	d := g.r.IntN(len(x.shape))
	size := x.shape[d]
	var parts []int
	var attributes []Attribute
	if d != 0 || g.chance(2) {
		attributes = append(attributes, IntOf("axis", g.axis(d, len(x.shape), 11)))
	}
	in := []*randomValue{x}
	if even := []int{1, 2, 3, 4}[g.r.IntN(4)]; size%even == 0 && g.chance(2) {
		parts = slices.Repeat([]int{size / even}, even)
		if g.opset >= 13 && g.chance(6) {
			in = append(in, nil)
		}
	} else {
		for rest := size; rest > 0; {
			n := 1 + g.r.IntN(rest)
			parts = append(parts, n)
			rest -= n
		}
		if g.opset < 13 {
			attributes = append(attributes, IntsOf("split", ints64(parts)...))
		} else {
			in = append(in, g.constants(ints64(parts)...))
		}
	}
	var out []*randomValue
	for _, n := range parts {
		y := passed(x, x.shape...)
		y.shape[d] = n
		out = append(out, y)
	}
	g.emit("Split", in, attributes, out...)
}

func concatOf(g *graphs) {
	x := g.any(rank(1, 5))
	if x == nil {
		return
	}
	d := g.r.IntN(len(x.shape))
	in := []*randomValue{x}
	y := passed(x, x.shape...)
	for range g.r.IntN(4) {
		other := g.pick(ofKind(x.kind), func(v *randomValue) bool {
			if len(v.shape) != len(x.shape) {
				return false
			}
			same := slices.Clone(v.shape)
			same[d] = x.shape[d]
			return slices.Equal(same, x.shape)
		})
		if other == nil || other.kind == Float32 && g.chance(2) {
			if x.kind != Float32 {
				break
			}
			shape := slices.Clone(x.shape)
			shape[d] = 1 + g.r.IntN(4)
			other = g.floats(1, shape...)
		}
		in = append(in, other)
		y.shape[d] += other.shape[d]
		y.most, y.apart, y.least, y.odd = max(y.most, other.most), max(y.apart, other.apart), min(y.least, other.least), y.odd || other.odd
	}
	if elementsOf(y.shape) < 20000 {
		g.emit("Concat", in, []Attribute{IntOf("axis", g.axis(d, len(x.shape), 11))}, y)
	}
}

func padOf(g *graphs) {
	x := g.any(rank(1, 5))
	if x == nil || x.kind == Float16 || g.opset < 11 && x.kind != Float32 {
		return
	}
	mode := oneOf(g, "constant", "reflect", "edge")
	n := len(x.shape)
	pads := make([]int64, 2*n)
	y := passed(x, x.shape...)
	for i := range pads {
		size := x.shape[i%n]
		if mode == "reflect" {
			pads[i] = int64(g.r.IntN(min(size, 4)))
		} else if g.chance(2) {
			pads[i] = int64(g.r.IntN(3))
		}
		y.shape[i%n] += int(pads[i])
	}
	if elementsOf(y.shape) > 20000 {
		return
	}
	var attributes []Attribute
	if mode != "constant" || g.chance(2) {
		attributes = append(attributes, StringOf("mode", mode))
	}
	value := float32(g.r.IntN(5) - 2)
	in := []*randomValue{x}
	if g.opset < 11 {
		attributes = append(attributes, IntsOf("pads", pads...))
		if g.chance(2) {
			attributes = append(attributes, FloatOf("value", value))
		}
	} else {
		in = append(in, g.constants(pads...))
		if g.chance(2) {
			fill := &randomValue{kind: x.kind, most: 2}
			switch x.kind {
			case Float32:
				g.constant(fill, []float32{value})
			case Int32:
				g.constant(fill, []int32{int32(value)})
			case Int64:
				g.constant(fill, []int64{int64(value)})
			}
			in = append(in, fill)
		} else if g.chance(6) {
			in = append(in, nil)
		}
	}
	if mode == "constant" {
		y.most, y.least = max(y.most, 2), min(y.least, -2)
	}
	g.emit("Pad", in, attributes, y)
}

// index adds a value of indices below n.
func (g *graphs) index(n int, shape []int, since int64) *randomValue {
	data := make([]int64, elementsOf(shape))
	for i := range data {
		data[i] = g.axis(g.r.IntN(n), n, since)
	}
	return g.integers(oneOf(g, Int32, Int64), data, shape...)
}

func gatherOf(g *graphs) {
	x := g.any(rank(1, 5))
	if x == nil {
		return
	}
	d := g.r.IntN(len(x.shape))
	shape := g.shape(g.r.IntN(3))
	y := passed(x, slices.Concat(x.shape[:d], shape, x.shape[d+1:])...)
	if elementsOf(y.shape) > 20000 || len(y.shape) > 6 {
		return
	}
	var attributes []Attribute
	if d != 0 || g.chance(2) {
		attributes = []Attribute{IntOf("axis", g.axis(d, len(x.shape), 11))}
	}
	g.emit("Gather", []*randomValue{x, g.index(x.shape[d], shape, 11)}, attributes, y)
}

func gatherElementsOf(g *graphs) {
	x := g.any(rank(1, 5))
	if x == nil {
		return
	}
	d := g.r.IntN(len(x.shape))
	shape := slices.Clone(x.shape)
	for i := range shape {
		if g.chance(3) {
			shape[i] = 1 + g.r.IntN(shape[i])
		}
	}
	if g.chance(3) {
		shape[d] = 1 + g.r.IntN(5)
	}
	var attributes []Attribute
	if d != 0 || g.chance(2) {
		attributes = []Attribute{IntOf("axis", g.axis(d, len(x.shape), 11))}
	}
	g.emit("GatherElements", []*randomValue{x, g.index(x.shape[d], shape, 11)}, attributes, passed(x, shape...))
}

// rowsOf adds the pattern of a keyed permutation of positions.
func rowsOf(g *graphs) {
	x := g.any(rank(1, 5))
	if x == nil || g.opset < 11 {
		return
	}
	columns := x.shape[len(x.shape)-1]
	if len(x.shape) > 1 && g.chance(2) {
		columns *= x.shape[len(x.shape)-2]
	}
	shape := []int{elementsOf(x.shape) / columns, columns}
	if g.chance(3) {
		shape = append([]int{1}, shape...)
	}
	last := len(shape) - 1
	rows := passed(x, shape...)
	g.emit("Reshape", []*randomValue{x, g.constants(ints64(shape)...)}, nil, rows)
	along := last
	if g.chance(4) {
		along = g.r.IntN(len(shape))
	}
	picked := passed(rows, shape...)
	attributes := []Attribute{IntOf("axis", g.axis(along, len(shape), 11))}
	g.emit("GatherElements", []*randomValue{rows, g.index(shape[along], shape, 11)}, attributes, picked)
	size := &randomValue{kind: Int64, shape: []int{len(x.shape)}, ints: ints64(x.shape), most: 20000}
	g.emit("Shape", []*randomValue{x}, nil, size)
	g.emit("Reshape", []*randomValue{picked, size}, nil, passed(x, x.shape...))
}

// halvesOf adds a constant stored in half precision.
func halvesOf(g *graphs) {
	shape := g.shape(g.r.IntN(4))
	bits := make([]uint16, elementsOf(shape))
	for i := range bits {
		bits[i] = kernel.HalfBits(float32(2*g.r.Float64() - 1))
	}
	x := &randomValue{kind: Float16, shape: shape, most: 1, least: -1}
	g.constant(x, bits)
	y := passed(x, shape...)
	y.kind = Float32
	g.emit("Cast", []*randomValue{x}, []Attribute{IntOf("to", int64(Float32))}, y)
}

func blocksOf(op string) func(g *graphs) {
	return func(g *graphs) {
		block := 1 + g.r.IntN(3)
		x := g.pick(floating, rank(4, 4), func(v *randomValue) bool {
			if op == "DepthToSpace" {
				return v.shape[1]%(block*block) == 0
			}
			return v.shape[2]%block == 0 && v.shape[3]%block == 0
		})
		if x == nil {
			n, c, h, w := 1+g.r.IntN(2), 1+g.r.IntN(3), 1+g.r.IntN(4), 1+g.r.IntN(4)
			if op == "DepthToSpace" {
				x = g.floats(1, n, c*block*block, h, w)
			} else {
				x = g.floats(1, n, c, h*block, w*block)
			}
		}
		attributes := []Attribute{IntOf("blocksize", int64(block))}
		n, c, h, w := x.shape[0], x.shape[1], x.shape[2], x.shape[3]
		y := passed(x, n, c*block*block, h/block, w/block)
		if op == "DepthToSpace" {
			y.shape = []int{n, c / (block * block), h * block, w * block}
			if g.opset >= 11 && g.chance(2) {
				attributes = append(attributes, StringOf("mode", oneOf(g, "DCR", "CRD")))
			}
		}
		g.emit(op, []*randomValue{x}, attributes, y)
	}
}

// refusedBuilders begin graphs that onnxruntime runs and this package refuses with an error of declaredLimits.
var refusedBuilders = []func(g *graphs){
	func(g *graphs) { // an input without dimensions
		x := &randomValue{kind: Float32, name: "number", most: 1}
		g.values = append(g.values, x)
		g.m.Graph.Inputs = append(g.m.Graph.Inputs, ValueInfo{x.name, Float32, nil})
		g.inputs[x.name] = tensor.New(tensor.FromScalar(float32(0.5)))
		g.emit("Neg", []*randomValue{x}, nil, passed(x))
	},
	func(g *graphs) { // a product with a vector
		a, b := g.floats(1, 3), g.floats(1, 3, 2)
		y := &randomValue{kind: Float32, shape: []int{2}, most: 3, apart: 1e-6, odd: true}
		if g.chance(2) {
			a, b = g.floats(1, 2, 3), a
		}
		g.emit("MatMul", []*randomValue{a, b}, nil, y)
	},
	func(g *graphs) { // a slope outside 0 to 1
		x := g.between(-1, 1, 5)
		y := passed(x, 5)
		y.apart = ulp
		g.emit("LeakyRelu", []*randomValue{x}, []Attribute{FloatOf("alpha", oneOf[float32](g, 1.5, -0.5, 1))}, y)
	},
	func(g *graphs) { // a convolution of one or three dimensions
		x, w, shape := g.between(-1, 1, 1, 2, 5), g.between(-1, 1, 3, 2, 2), []int{1, 3, 4}
		if g.chance(2) {
			x, w, shape = g.between(-1, 1, 1, 2, 5, 5, 5), g.between(-1, 1, 3, 2, 2, 2, 2), []int{1, 3, 4, 4, 4}
		}
		g.emit("Conv", []*randomValue{x, w}, nil, &randomValue{kind: Float32, shape: shape, most: 16, apart: 1e-5})
	},
	func(g *graphs) { // groups
		x, w := g.between(-1, 1, 1, 4, 5, 5), g.between(-1, 1, 4, 2, 1, 1)
		g.emit("Conv", []*randomValue{x, w}, []Attribute{IntOf("group", 2)}, &randomValue{kind: Float32, shape: []int{1, 4, 5, 5}, most: 2, apart: 1e-6})
	},
	func(g *graphs) { // integers instead of floats
		x := g.integers(Int32, []int64{3, -4}, 1, 2)
		g.emit(oneOf(g, "Abs", "Neg"), []*randomValue{x}, nil, passed(x, 1, 2))
	},
	func(g *graphs) { // a shape that is known only when the graph runs
		g.opset = max(g.opset, 11)
		g.m.Opset = g.opset
		x, to := g.floats(1, 6, 2), &randomValue{kind: Int64, shape: []int{2}, name: "sizes", most: 4}
		g.values = append(g.values, to)
		g.m.Graph.Inputs = append(g.m.Graph.Inputs, ValueInfo{to.name, Int64, Sizes(2)})
		if g.chance(2) {
			g.inputs[to.name] = filled([]int64{3, 4}, 2)
			g.emit("Reshape", []*randomValue{x, to}, nil, passed(x, 3, 4))
		} else {
			g.inputs[to.name] = filled([]int64{3, 2}, 2)
			g.emit("Slice", []*randomValue{x, g.constants(0, 0), to}, nil, passed(x, 3, 2))
		}
	},
	func(g *graphs) { // an empty slice
		x := g.floats(1, 4)
		if g.opset < 10 {
			g.emit("Slice", []*randomValue{x}, []Attribute{IntsOf("starts", 3), IntsOf("ends", 3)}, passed(x, 0))
		} else {
			g.emit("Slice", []*randomValue{x, g.constants(3), g.constants(3)}, nil, passed(x, 0))
		}
	},
	func(g *graphs) { // negative pads
		x := g.floats(1, 4)
		if g.opset < 11 {
			g.emit("Pad", []*randomValue{x}, []Attribute{IntsOf("pads", 1, -2)}, passed(x, 3))
		} else {
			g.emit("Pad", []*randomValue{x, g.constants(1, -2)}, nil, passed(x, 3))
		}
	},
}

// String returns a listing of the graph for debugging.
func (g *graphs) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "operator set %d, sizes %v\n", g.opset, g.sizes)
	for _, v := range g.m.Graph.Inputs {
		fmt.Fprintf(&b, "  input %s %v %v: %v\n", v.Name, v.Type, g.value(v.Name).shape, g.inputs[v.Name].Data())
	}
	for _, t := range g.m.Graph.Initializers {
		fmt.Fprintf(&b, "  constant %s %v %v: %v\n", t.Name, t.Type, t.Dims, short(t))
	}
	for _, n := range g.m.Graph.Nodes {
		fmt.Fprintf(&b, "  %s %q to", n.Op, n.Inputs)
		for _, name := range n.Outputs {
			if v := g.value(name); v != nil {
				fmt.Fprintf(&b, " %q %v %v (within %.2g of up to %.2g)", name, v.kind, v.shape, v.apart, v.most)
			}
		}
		for _, a := range n.Attributes {
			fmt.Fprintf(&b, ", %s=", a.Name)
			switch a.Type {
			case FloatAttribute:
				fmt.Fprint(&b, a.Float)
			case IntAttribute:
				fmt.Fprint(&b, a.Int)
			case StringAttribute:
				fmt.Fprint(&b, a.Text)
			case FloatsAttribute:
				fmt.Fprint(&b, a.Floats)
			case IntsAttribute:
				fmt.Fprint(&b, a.Ints)
			case TensorAttribute:
				fmt.Fprint(&b, a.Tensor.Type, a.Tensor.Dims, short(a.Tensor))
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

func short(t Tensor) string {
	if t.Type == Float16 {
		return fmt.Sprintf("%x", t.Raw)
	}
	return fmt.Sprint(numbers(t))
}
