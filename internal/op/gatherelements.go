package op

import (
	"fmt"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// GatherElements selects single elements of x. The result has the shape of index (int32 or
// int64); each of its elements is the element of x at the same coordinates, with the
// coordinate along axis taken from index. GatherElements has no gradient.
func GatherElements(x, index *gorgonia.Node, axis int) (*gorgonia.Node, error) {
	return Apply(Spec{
		Name:  fmt.Sprintf("gather elements %d", axis),
		Arity: 2,
		Type:  x.Dtype(),
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			if axis < 0 || axis >= len(in[0]) || len(in[1]) != len(in[0]) {
				return nil, fmt.Errorf("axis %d and an index of shape %v do not fit shape %v", axis, in[1], in[0])
			}
			for d := range in[0] {
				if d != axis && in[1][d] > in[0][d] {
					return nil, fmt.Errorf("an index of shape %v leaves shape %v", in[1], in[0])
				}
			}
			return in[1], nil
		},
		Work: scatterWork,
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			switch dst := out.Data().(type) {
			case []float32:
				return gatherElements(dst, in[0], in[1], axis)
			case []int32:
				return gatherElements(dst, in[0], in[1], axis)
			case []int64:
				return gatherElements(dst, in[0], in[1], axis)
			}
			return unsupported(out)
		},
	}, x, index)
}

func gatherElements[T any](dst []T, x, index *tensor.Dense, axis int) error {
	strides, extent := rowMajor(x.Shape()), x.Shape()[axis]
	switch at := index.Data().(type) {
	case []int32:
		return kernel.GatherElements(dst, x.Data().([]T), at, index.Shape(), strides, axis, extent)
	case []int64:
		return kernel.GatherElements(dst, x.Data().([]T), at, index.Shape(), strides, axis, extent)
	}
	return fmt.Errorf("an index of type %v, want int32 or int64", index.Dtype())
}
