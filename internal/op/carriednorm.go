package op

import (
	"fmt"
	"slices"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Statistics computes the statistics of the carried instance norm: means and deviations
// sqrt(variance + eps) of the channels of x (N, C, H, W), rounded to half precision, as
// (N, 2C), means first. Each group consecutive samples share their statistics. The gradient
// treats the rounding as the identity.
func Statistics(x *gorgonia.Node, group int, eps float32) (*gorgonia.Node, error) {
	name := fmt.Sprintf("Statistics{%d %g}", group, eps)
	return Apply(Spec{
		Name: name, Arity: 1,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			if in[0].Dims() < 3 || group < 1 || in[0][0]%group != 0 {
				return nil, fmt.Errorf("want (N, C, H, W) with N a multiple of %d, not %v", group, in[0])
			}
			return tensor.Shape{in[0][0], 2 * in[0][1]}, nil
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			n, c, p := planes(in[0].Shape())
			kernel.Statistics(n, c, p, group, floats(in[0]), floats(out), eps)
			return nil
		},
		Gradient: gradientFunc(func(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
			g, err := Apply(Spec{
				Name: name + "Grad", Arity: 3, Shape: same,
				Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
					n, c, p := planes(in[0].Shape())
					kernel.StatisticsGrad(n, c, p, group, floats(in[0]), floats(in[1]), floats(in[2]), floats(out))
					return nil
				},
			}, in[0], out, grad)
			return gorgonia.Nodes{g}, err
		}),
	}, x)
}

type affineKernel func(n, c, p int, x, stats, y []float32)
type affineGrad func(n, c, p int, y, stats, dy, dx, dstats []float32)

// Standardize computes (x - mean)/deviation with statistics (N, 2C) for x (N, C, H, W).
func Standardize(x, stats *gorgonia.Node) (*gorgonia.Node, error) {
	return carried("Standardize", kernel.Standardize, kernel.StandardizeGrad, true, x, stats)
}

// Restore computes y*deviation + mean, the inverse of Standardize.
func Restore(y, stats *gorgonia.Node) (*gorgonia.Node, error) {
	return carried("Restore", kernel.Restore, kernel.RestoreGrad, false, y, stats)
}

func carried(name string, f affineKernel, back affineGrad, fromOutput bool, x, stats *gorgonia.Node) (*gorgonia.Node, error) {
	return Apply(Spec{
		Name: name, Arity: 2,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			if in[0].Dims() < 3 || !slices.Equal(in[1], tensor.Shape{in[0][0], 2 * in[0][1]}) {
				return nil, fmt.Errorf("statistics %v do not fit %v", in[1], in[0])
			}
			return in[0], nil
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			n, c, p := planes(in[0].Shape())
			f(n, c, p, floats(in[0]), floats(in[1]), floats(out))
			return nil
		},
		Gradient: gradientFunc(func(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
			v := in[0]
			if fromOutput {
				v = out
			}
			g := make(gorgonia.Nodes, 2)
			for i := range g {
				if !want[i] {
					continue
				}
				var err error
				if g[i], err = Apply(Spec{
					Name: fmt.Sprintf("%sGrad{%d}", name, i), Arity: 3,
					Shape: func(s []tensor.Shape) (tensor.Shape, error) { return s[i], nil },
					Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
						n, c, p := planes(in[0].Shape())
						var parts [2][]float32
						parts[i] = floats(out)
						back(n, c, p, floats(in[0]), floats(in[1]), floats(in[2]), parts[0], parts[1])
						return nil
					},
				}, v, in[1], grad); err != nil {
					return nil, err
				}
			}
			return g, nil
		}),
	}, x, stats)
}
