package op

import (
	"fmt"
	"slices"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Permute permutes the positions of each channel: y[n, c, q] = x[n, c, index[0, c, q]] for
// x (N, C, H, W) and index (1, C, H*W) of int32, where each row is a permutation of the
// positions. All samples share the index.
func Permute(x, index *gorgonia.Node) (*gorgonia.Node, error) {
	return permute("Permute", kernel.Permute, x, index, func(grad, index *gorgonia.Node) (*gorgonia.Node, error) {
		return permute("PermuteInverse", kernel.PermuteGrad, grad, index, nil)
	})
}

// PermuteInverse inverts Permute with the same index: y[n, c, index[0, c, q]] = x[n, c, q].
func PermuteInverse(x, index *gorgonia.Node) (*gorgonia.Node, error) {
	return permute("PermuteInverse", kernel.PermuteGrad, x, index, func(grad, index *gorgonia.Node) (*gorgonia.Node, error) {
		return permute("Permute", kernel.Permute, grad, index, nil)
	})
}

func permute(name string, f func(n, c, p int, index []int32, dst, src []float32), x, index *gorgonia.Node, back func(grad, index *gorgonia.Node) (*gorgonia.Node, error)) (*gorgonia.Node, error) {
	s := Spec{
		Name: name, Arity: 2,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			if in[0].Dims() < 3 {
				return nil, fmt.Errorf("want (N, C, H, W), not %v", in[0])
			}
			_, c, p := planes(in[0])
			if !slices.Equal(in[1], tensor.Shape{1, c, p}) {
				return nil, fmt.Errorf("index %v does not fit input %v", in[1], in[0])
			}
			return in[0], nil
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			n, c, p := planes(in[0].Shape())
			f(n, c, p, in[1].Data().([]int32), floats(out), floats(in[0]))
			return nil
		},
		Wrt: []bool{true, false},
	}
	if back != nil {
		s.Gradient = gradientFunc(func(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
			g, err := back(grad, in[1])
			return gorgonia.Nodes{g, nil}, err
		})
	}
	return Apply(s, x, index)
}
