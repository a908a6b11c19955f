// Package op defines the operations of the networks as nodes of Gorgonia graphs: forward passes
// that call internal/kernel and, where training needs them, gradients. Each operation has a
// file with the constructor that adds a node to a graph.
//
// Main path: a constructor fills a Spec and calls Apply, which infers the
// shape and adds the node. At run time Do checks the values, recovers from any
// panic (the tape machine runs operations in its own goroutine, where a panic
// would end the process) and calls the kernel. Training runs graphs with
// Gorgonia's tape machine, inference with a Program (plan.go, fuse.go, program.go).
package op

import (
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"strings"
	"time"

	"github.com/chewxy/hm"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Spec describes one operation. Name must contain every attribute, since
// Gorgonia merges nodes by hash of operation and inputs.
type Spec struct {
	Name  string
	Arity int
	// Type of the result; zero means Float32.
	Type tensor.Dtype
	// Shape infers the output shape from the input shapes.
	Shape func(in []tensor.Shape) (tensor.Shape, error)
	// Forward computes out from in. out is reused between runs, and in a Program by
	// other operations in between: every element must be written.
	Forward func(in []*tensor.Dense, out *tensor.Dense) error
	// Pack, if set, receives input 1 once, if that is a Constant of a Program, and retains it in
	// a form of its own. Forward then gets nil for it.
	Pack func(w *tensor.Dense) error
	// Step, if set, describes an elementwise operation. Its operand is input StepInput, or
	// both inputs, of equal shape, if the step is binary.
	Step      *kernel.Step
	StepInput int
	// View reports that the result is input 0 with another shape.
	View bool
	// convolution and norm (its eps) describe operations that a Program fuses.
	convolution *convolution
	norm        *float32
	// Cost of the operation except its inputs and its result.
	Cost kernel.Cost
	// Work of a run in addition to that of Cost; nil means one pass over inputs and result.
	Work func(in []tensor.Shape, out tensor.Shape) int64
	// InPlace reports that out may be any input of its shape and type.
	InPlace bool
	// Gradient builds the gradients of the inputs. nil means that no gradient flows
	// through the operation.
	Gradient gradient
	// Wrt marks the inputs that Gradient supports; nil for all.
	Wrt []bool
}

// dataPrefix marks leaves without gradient.
const dataPrefix = "data/"

// Data adds a leaf that is set from outside and has no gradient: pictures, keys, frozen
// weights. Gorgonia would otherwise build and run the whole
// backward pass down to it.
func Data(g *gorgonia.ExprGraph, name string, of tensor.Dtype, shape ...int) *gorgonia.Node {
	return gorgonia.NewTensor(g, of, len(shape), gorgonia.WithShape(shape...), gorgonia.WithName(dataPrefix+name))
}

// constantPrefix marks Data that never changes.
const constantPrefix = dataPrefix + "constant/"

// Constant adds a leaf with the content d, which must not change from then on.
func Constant(g *gorgonia.ExprGraph, name string, d *tensor.Dense) (*gorgonia.Node, error) {
	n := gorgonia.NewTensor(g, d.Dtype(), d.Dims(), gorgonia.WithShape(d.Shape()...), gorgonia.WithName(constantPrefix+name))
	return n, gorgonia.Let(n, d)
}

// active reports whether a node needs a gradient: it is a trainable leaf or depends on one.
func active(n *gorgonia.Node) bool {
	if o, ok := n.Op().(*operation); ok {
		for _, w := range o.wrt {
			if w {
				return true
			}
		}
		return false
	}
	return !strings.HasPrefix(n.Name(), dataPrefix)
}

// Apply adds the operation to the graph of its inputs. It returns an error when the shapes do not fit.
func Apply(s Spec, in ...*gorgonia.Node) (*gorgonia.Node, error) {
	if len(in) != s.Arity {
		return nil, fmt.Errorf("%s: %d inputs, want %d", s.Name, len(in), s.Arity)
	}
	for i, n := range in {
		if n == nil {
			return nil, fmt.Errorf("%s: input %d is missing", s.Name, i)
		}
	}
	if s.Type == (tensor.Dtype{}) {
		s.Type = tensor.Float32
	}
	shapes := make([]tensor.Shape, len(in))
	for i, n := range in {
		shapes[i] = n.Shape()
	}
	out, err := s.Shape(shapes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	o := &operation{spec: s, shape: out.Clone(), reads: shapes, of: make([]int64, len(in)), inTypes: make([]hm.Type, len(in)), wrt: make([]bool, len(in))}
	for i, n := range in {
		o.of[i] = n.ID()
		o.inTypes[i] = n.Type()
		o.wrt[i] = s.Gradient != nil && (s.Wrt == nil || s.Wrt[i]) && active(n)
	}
	n, err := gorgonia.ApplyOp(o, in...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	return n, nil
}

// operation adapts a Spec to gorgonia.Op and gorgonia.SDOp. One instance serves
// one node and owns its output, unless a Program gives it the memory.
type operation struct {
	spec    Spec
	shape   tensor.Shape
	reads   []tensor.Shape // of the inputs
	of      []int64        // the nodes of the inputs, by which Gorgonia numbers them
	inTypes []hm.Type
	wrt     []bool
	out     *tensor.Dense
	scratch []*tensor.Dense
	label   string // of the result, for errors
}

// Event is one run of one operation.
type Event struct {
	Name string         // Spec.Name: kind and attributes
	In   []tensor.Shape // of the inputs
	Out  tensor.Shape
	Took time.Duration
}

var _ gorgonia.SDOp = (*operation)(nil)

func (o *operation) Arity() int { return o.spec.Arity }

func (o *operation) Type() hm.Type {
	ts := append([]hm.Type{}, o.inTypes...)
	var ret hm.Type = o.spec.Type
	if o.shape.Dims() > 0 {
		ret = gorgonia.TensorType{Dims: o.shape.Dims(), Of: o.spec.Type}
	}
	return hm.NewFnType(append(ts, ret)...)
}

func (o *operation) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	return o.shape.Clone(), nil
}

func (o *operation) Do(in ...gorgonia.Value) (v gorgonia.Value, err error) {
	if len(in) != o.spec.Arity {
		return nil, fmt.Errorf("%s: %d values, want %d", o.spec.Name, len(in), o.spec.Arity)
	}
	o.scratch = o.scratch[:0]
	for i, x := range in {
		d, ok := x.(*tensor.Dense)
		if !ok {
			s, isScalar := x.(gorgonia.Scalar)
			if !isScalar {
				return nil, fmt.Errorf("%s: input %d is a %T, want a dense tensor", o.spec.Name, i, x)
			}
			f, isFloat := s.Data().(float32)
			if !isFloat {
				return nil, fmt.Errorf("%s: input %d is a scalar %T, want float32", o.spec.Name, i, s.Data())
			}
			d = tensor.New(tensor.WithShape(1), tensor.WithBacking([]float32{f}))
		}
		if d.RequiresIterator() {
			return nil, fmt.Errorf("%s: input %d is a view, want contiguous data", o.spec.Name, i)
		}
		o.scratch = append(o.scratch, d)
	}
	if o.out == nil {
		shape := o.shape
		if shape.Dims() == 0 {
			shape = tensor.Shape{1}
		}
		o.out = tensor.New(tensor.Of(o.spec.Type), tensor.WithShape(shape...))
	}
	if err := o.compute(o.scratch, o.out); err != nil {
		return nil, err
	}
	if o.shape.Dims() == 0 {
		return gorgonia.NewF32(o.out.Data().([]float32)[0]), nil
	}
	return o.out, nil
}

// compute runs the forward pass; a panic of it becomes an error.
func (o *operation) compute(in []*tensor.Dense, out *tensor.Dense) (err error) {
	defer o.rescue(&err)
	if err := o.spec.Forward(in, out); err != nil {
		return fmt.Errorf("%s: %w", o.describe(), err)
	}
	return nil
}

// pack hands constant weights to the operation.
func (o *operation) pack(w *tensor.Dense) (err error) {
	defer o.rescue(&err)
	if err := o.spec.Pack(w); err != nil {
		return fmt.Errorf("%s: %w", o.describe(), err)
	}
	return nil
}

func (o *operation) rescue(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s: %v", o.describe(), r)
	}
}

// event describes a run of an instruction.
func event(s *instruction, took time.Duration) Event {
	return Event{Name: s.spec.Name, In: s.reads, Out: s.shape, Took: took}
}

func (o *operation) ReturnsPtr() bool     { return true }
func (o *operation) CallsExtern() bool    { return false }
func (o *operation) OverwritesInput() int { return -1 }

// WriteHash includes the inputs: Gorgonia takes two nodes for one where their hashes, of
// 32 bits, and those of their operations are equal, and does not look at what they read.
func (o *operation) WriteHash(h hash.Hash) {
	io.WriteString(h, o.spec.Name)
	fmt.Fprintf(h, "%v%v", o.shape, o.of)
}
func (o *operation) String() string   { return o.spec.Name }
func (o *operation) Hashcode() uint32 { h := fnv.New32a(); o.WriteHash(h); return h.Sum32() }

func (o *operation) DiffWRT(n int) []bool { return o.wrt }

func (o *operation) SymDiff(in gorgonia.Nodes, out, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	if o.spec.Gradient == nil {
		return nil, fmt.Errorf("%s: has no gradient", o.spec.Name)
	}
	if differentiate == nil {
		return nil, fmt.Errorf("%s: gradients are added by Gradients only", o.spec.Name)
	}
	return differentiate(o.spec.Gradient, in, out, grad, o.wrt)
}
