package op

import (
	"fmt"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Gather selects slices of x along axis. The result has the shape of x with axis replaced by
// the shape of index. index is int32 or int64; a negative index counts from the end, and one
// outside the axis is an error at run time. Gather has no gradient.
func Gather(x, index *gorgonia.Node, axis int) (*gorgonia.Node, error) {
	return Apply(Spec{
		Name:  fmt.Sprintf("gather %d", axis),
		Arity: 2,
		Type:  x.Dtype(),
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			if axis < 0 || axis >= len(in[0]) {
				return nil, fmt.Errorf("axis %d of shape %v", axis, in[0])
			}
			out := append(tensor.Shape{}, in[0][:axis]...)
			out = append(out, in[1]...)
			return append(out, in[0][axis+1:]...), nil
		},
		Work: func(in []tensor.Shape, out tensor.Shape) int64 { return runsWork(out, volume(in[0][axis+1:])) },
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			shape := in[0].Shape()
			extent, inner := shape[axis], volume(shape[axis+1:])
			switch dst := out.Data().(type) {
			case []float32:
				return gather(dst, in[0], in[1], extent, inner)
			case []int32:
				return gather(dst, in[0], in[1], extent, inner)
			case []int64:
				return gather(dst, in[0], in[1], extent, inner)
			}
			return unsupported(out)
		},
	}, x, index)
}

func gather[T any](dst []T, x, index *tensor.Dense, extent, inner int) error {
	switch at := index.Data().(type) {
	case []int32:
		return kernel.Gather(dst, x.Data().([]T), at, extent, inner)
	case []int64:
		return kernel.Gather(dst, x.Data().([]T), at, extent, inner)
	}
	return fmt.Errorf("an index of type %v, want int32 or int64", index.Dtype())
}
