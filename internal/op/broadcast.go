package op

import (
	"fmt"
	"slices"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Broadcast applies arithmetic to a and b, whose shapes broadcast as in numpy: they are
// aligned at the last dimension, and a missing dimension or one of size 1 is repeated.
// Both are float32, int32 or int64. Broadcast has no gradient.
func Broadcast(arithmetic kernel.BinaryOp, a, b *gorgonia.Node) (*gorgonia.Node, error) {
	name, ok := map[kernel.BinaryOp]string{kernel.Plus: "add", kernel.Minus: "sub", kernel.Times: "mul", kernel.Over: "div"}[arithmetic]
	if !ok {
		return nil, fmt.Errorf("unknown arithmetic %d", arithmetic)
	}
	if a.Dtype() != b.Dtype() {
		return nil, fmt.Errorf("%s: operands of type %v and %v", name, a.Dtype(), b.Dtype())
	}
	step, input := stepOf(arithmetic, a, b)
	return Apply(Spec{
		Name:      "broadcast " + name,
		Step:      step,
		StepInput: input,
		Arity:     2,
		Type:      a.Dtype(),
		Shape:     func(in []tensor.Shape) (tensor.Shape, error) { return broadcastShape(in[0], in[1]) },
		InPlace:   true,
		Work:      broadcastWork(a.Dtype()),
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			shape := out.Shape()
			sa, sb := broadcastStrides(in[0].Shape(), shape), broadcastStrides(in[1].Shape(), shape)
			switch dst := out.Data().(type) {
			case []float32:
				kernel.Broadcast(arithmetic, dst, shape, in[0].Data().([]float32), sa, in[1].Data().([]float32), sb)
			case []int32:
				kernel.Broadcast(arithmetic, dst, shape, in[0].Data().([]int32), sa, in[1].Data().([]int32), sb)
			case []int64:
				kernel.Broadcast(arithmetic, dst, shape, in[0].Data().([]int64), sa, in[1].Data().([]int64), sb)
			default:
				return unsupported(out)
			}
			return nil
		},
	}, a, b)
}

// stepOf returns the step of a broadcast between tensors of equal shape or with a constant
// scalar, and the index of the input that the step takes as its operand. The step is nil for
// other inputs.
func stepOf(arithmetic kernel.BinaryOp, a, b *gorgonia.Node) (step *kernel.Step, input int) {
	if a.Dtype() != tensor.Float32 {
		return nil, 0
	}
	if slices.Equal(a.Shape(), b.Shape()) {
		s := kernel.StepTensor(arithmetic, false)
		return &s, 0
	}
	for i, n := range []*gorgonia.Node{b, a} {
		other := []*gorgonia.Node{a, b}[i]
		d, ok := n.Value().(*tensor.Dense)
		if ok && constant(n) && n.Shape().TotalSize() == 1 && n.Dims() <= other.Dims() {
			s := kernel.StepScalar(arithmetic, floats(d)[0], i == 1)
			return &s, i
		}
	}
	return nil, 0
}

func broadcastShape(a, b tensor.Shape) (tensor.Shape, error) {
	out := make(tensor.Shape, max(len(a), len(b)))
	for i := range out {
		m, n := 1, 1
		if j := i - len(out) + len(a); j >= 0 {
			m = a[j]
		}
		if j := i - len(out) + len(b); j >= 0 {
			n = b[j]
		}
		if m != n && m != 1 && n != 1 {
			return nil, fmt.Errorf("shapes %v and %v do not broadcast", a, b)
		}
		out[i] = max(m, n)
	}
	return out, nil
}

// broadcastStrides returns the strides that read a contiguous tensor of shape from as shape to.
func broadcastStrides(from, to []int) []int {
	strides := make([]int, len(to))
	step := 1
	for i := len(from) - 1; i >= 0; i-- {
		if from[i] != 1 {
			strides[i+len(to)-len(from)] = step
		}
		step *= from[i]
	}
	return strides
}

// rowMajor returns the strides of a contiguous tensor.
func rowMajor(shape []int) []int {
	strides := make([]int, len(shape))
	step := 1
	for i := len(shape) - 1; i >= 0; i-- {
		strides[i] = step
		step *= shape[i]
	}
	return strides
}

// volume returns the number of elements of a shape.
func volume(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

func unsupported(d *tensor.Dense) error {
	return fmt.Errorf("elements of type %v are not supported; float32, int32 and int64 are", d.Dtype())
}
