package op

import (
	"fmt"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Mix multiplies the channels of every position by a matrix: y[n, :, p] = m x[n, :, p]
// for m (D, C) and x (N, C, H, W). With transposed, m is (C, D) and its transpose is used.
func Mix(m, x *gorgonia.Node, transposed bool) (*gorgonia.Node, error) {
	view := func(d *tensor.Dense) (rows int, v kernel.Matrix) {
		s := d.Shape()
		v = kernel.RowMajor(floats(d), s[1])
		if transposed {
			return s[1], v.Transposed()
		}
		return s[0], v
	}
	return Apply(Spec{
		Name: fmt.Sprintf("Mix{transposed %t}", transposed), Arity: 2,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			if in[0].Dims() != 2 || in[1].Dims() < 3 {
				return nil, fmt.Errorf("want a matrix and (N, C, H, W), not %v and %v", in[0], in[1])
			}
			rows, cols := in[0][0], in[0][1]
			if transposed {
				rows, cols = cols, rows
			}
			if cols != in[1][1] {
				return nil, fmt.Errorf("matrix %v does not fit input %v", in[0], in[1])
			}
			out := in[1].Clone()
			out[1] = rows
			return out, nil
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			n, c, p := planes(in[1].Shape())
			d, v := view(in[0])
			y := floats(out)
			clear(y)
			for i := range n {
				kernel.Gemm(d, p, c, v, kernel.RowMajor(floats(in[1])[i*c*p:], p), y[i*d*p:(i+1)*d*p], p)
			}
			return nil
		},
		Gradient: gradientFunc(func(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
			g := make(gorgonia.Nodes, 2)
			var err error
			if want[0] {
				left, right := grad, in[1]
				if transposed {
					left, right = right, left
				}
				if g[0], err = outer(left, right); err != nil {
					return nil, err
				}
			}
			if want[1] {
				g[1], err = Mix(in[0], grad, !transposed)
			}
			return g, err
		}),
	}, m, x)
}

// outer sums a[n, :, p] b[n, :, p]^T over samples and positions: (D, C) for a (N, D, P) and
// b (N, C, P).
func outer(a, b *gorgonia.Node) (*gorgonia.Node, error) {
	return Apply(Spec{
		Name: "MixGrad", Arity: 2,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) { return tensor.Shape{in[0][1], in[1][1]}, nil },
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			n, d, p := planes(in[0].Shape())
			_, c, _ := planes(in[1].Shape())
			// A 1x1 convolution from C to D channels has this weight gradient.
			conv := kernel.Conv{N: n, C: c, H: 1, W: p, M: d, KH: 1, KW: 1, SH: 1, SW: 1, DH: 1, DW: 1}
			kernel.Conv2DGradWeight(conv, floats(in[1]), floats(in[0]), floats(out))
			return nil
		},
	}, a, b)
}
