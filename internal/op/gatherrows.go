package op

import (
	"fmt"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// GatherRows reads x as rows as long as the last dimension of index (int32 or
// int64, as many elements as x) and picks within each: the result has the
// shape of x, and element j of row r is x[r, index[r, j]]. It is Reshape,
// GatherElements along the last axis and Reshape back, without the copies. No gradient.
func GatherRows(x, index *gorgonia.Node) (*gorgonia.Node, error) {
	return Apply(Spec{
		Name:  "gather rows",
		Arity: 2,
		Type:  x.Dtype(),
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			if volume(in[0]) != volume(in[1]) {
				return nil, fmt.Errorf("an index of shape %v for shape %v", in[1], in[0])
			}
			return in[0], nil
		},
		Work: scattered,
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			switch dst := out.Data().(type) {
			case []float32:
				return gatherRows(dst, in[0], in[1])
			case []int32:
				return gatherRows(dst, in[0], in[1])
			case []int64:
				return gatherRows(dst, in[0], in[1])
			}
			return unsupported(out)
		},
	}, x, index)
}

func gatherRows[T any](dst []T, x, index *tensor.Dense) error {
	n := index.Shape()[index.Dims()-1]
	shape, strides := []int{len(dst) / n, n}, []int{n, 1}
	switch at := index.Data().(type) {
	case []int32:
		return kernel.GatherElements(dst, x.Data().([]T), at, shape, strides, 1, n)
	case []int64:
		return kernel.GatherElements(dst, x.Data().([]T), at, shape, strides, 1, n)
	}
	return fmt.Errorf("an index of type %v, want int32 or int64", index.Dtype())
}
