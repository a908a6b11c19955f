package op

import (
	"errors"
	"fmt"

	"gonum.org/v1/gonum/mat"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Inverse returns the inverse of the square matrix m, computed in float64. Only training
// uses it, where both generators share a 1x1 convolution; exported generators contain the
// inverse as a weight.
func Inverse(m *gorgonia.Node) (*gorgonia.Node, error) {
	return Apply(Spec{
		Name: "Inverse", Arity: 1,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			if in[0].Dims() != 2 || in[0][0] != in[0][1] {
				return nil, fmt.Errorf("want a square matrix, not %v", in[0])
			}
			return in[0], nil
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			return InvertMatrix(in[0].Shape()[0], floats(in[0]), floats(out))
		},
		Gradient: gradientFunc(func(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
			g, err := Apply(Spec{
				Name: "InverseGrad", Arity: 2, Shape: same,
				Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
					n := in[0].Shape()[0]
					y, dy := dense(n, floats(in[0])), dense(n, floats(in[1]))
					var t mat.Dense
					t.Product(y.T(), dy, y.T())
					for i := range n {
						for j := range n {
							floats(out)[i*n+j] = float32(-t.At(i, j))
						}
					}
					return nil
				},
			}, out, grad)
			return gorgonia.Nodes{g}, err
		}),
	}, m)
}

// InvertMatrix writes the inverse of the n x n matrix src to dst. It returns an error if the
// matrix is singular or its condition number exceeds 1e6.
func InvertMatrix(n int, src, dst []float32) error {
	var inverse mat.Dense
	if err := inverse.Inverse(dense(n, src)); err != nil {
		var c mat.Condition
		if !errors.As(err, &c) || float64(c) > 1e6 {
			return fmt.Errorf("the matrix cannot be inverted: %w", err)
		}
	}
	for i := range n {
		for j := range n {
			dst[i*n+j] = float32(inverse.At(i, j))
		}
	}
	return nil
}

func dense(n int, src []float32) *mat.Dense {
	d := make([]float64, n*n)
	for i, v := range src {
		d[i] = float64(v)
	}
	return mat.NewDense(n, n, d)
}
