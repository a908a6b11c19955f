package op

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Transpose reorders dimensions: dimension d of the result is dimension order[d] of x. It has no
// gradient.
func Transpose(x *gorgonia.Node, order ...int) (*gorgonia.Node, error) {
	order = append([]int{}, order...)
	return Apply(Spec{
		Name:  fmt.Sprintf("transpose %v", order),
		Arity: 1,
		Type:  x.Dtype(),
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			if len(order) != len(in[0]) {
				return nil, fmt.Errorf("order %v does not fit shape %v", order, in[0])
			}
			out, seen := make(tensor.Shape, len(order)), make([]bool, len(order))
			for d, from := range order {
				if from < 0 || from >= len(order) || seen[from] {
					return nil, fmt.Errorf("order %v is not a permutation", order)
				}
				seen[from] = true
				out[d] = in[0][from]
			}
			return out, nil
		},
		Work: func(in []tensor.Shape, out tensor.Shape) int64 {
			run := 1
			for d := len(order) - 1; d >= 0 && order[d] == d; d-- {
				run *= out[d]
			}
			return runsWork(out, run)
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			strides, from := make([]int, len(order)), rowMajor(in[0].Shape())
			for d, o := range order {
				strides[d] = from[o]
			}
			return strided(in[0], out, strides, 0)
		},
	}, x)
}
