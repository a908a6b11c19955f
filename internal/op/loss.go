package op

import (
	"fmt"
	"math"
	"slices"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

func scalar([]tensor.Shape) (tensor.Shape, error) { return tensor.Shape{}, nil }

func scalarOf(shape func([]tensor.Shape) error) func([]tensor.Shape) (tensor.Shape, error) {
	return func(in []tensor.Shape) (tensor.Shape, error) { return tensor.Shape{}, shape(in) }
}

func pair(in []tensor.Shape) error {
	if in[0].Dims() != 4 || !slices.Equal(in[0], in[1]) {
		return fmt.Errorf("want two pictures (N, C, H, W) of one shape, not %v and %v", in[0], in[1])
	}
	return nil
}

// lossFloor is added to the mean squared error, so that its logarithm is finite. It limits the
// PSNR to 110 dB.
const lossFloor = 4e-11

// NegativePSNR returns the mean over the samples of -PSNR/10 of x against y, both (N, C, H, W)
// in [-1, 1]: log10(mean squared error / 4). It has a gradient for x only.
func NegativePSNR(x, y *gorgonia.Node) (*gorgonia.Node, error) {
	each := func(a, b *tensor.Dense, f func(n int, mse float64, a, b []float32)) {
		n := a.Shape()[0]
		size := len(floats(a)) / n
		for i := range n {
			p, q := floats(a)[i*size:(i+1)*size], floats(b)[i*size:(i+1)*size]
			var sum float64
			for j, v := range p {
				d := float64(v - q[j])
				sum += d * d
			}
			f(i, sum/float64(size)+lossFloor, p, q)
		}
	}
	return Apply(Spec{
		Name: "NegativePSNR", Arity: 2, Shape: scalarOf(pair), Wrt: []bool{true, false},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			var sum float64
			each(in[0], in[1], func(_ int, mse float64, _, _ []float32) { sum += math.Log10(mse / 4) })
			floats(out)[0] = float32(sum / float64(in[0].Shape()[0]))
			return nil
		},
		Gradient: gradientFunc(func(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
			g, err := Apply(Spec{
				Name: "NegativePSNRGrad", Arity: 3, Shape: same,
				Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
					n := float64(in[0].Shape()[0])
					dx := floats(out)
					each(in[0], in[1], func(i int, mse float64, a, b []float32) {
						k := float32(float64(floats(in[2])[0]) * 2 / (math.Ln10 * mse * float64(len(a)) * n))
						for j, v := range a {
							dx[i*len(a)+j] = k * (v - b[j])
						}
					})
					return nil
				},
			}, in[0], in[1], grad)
			return gorgonia.Nodes{g, nil}, err
		}),
	}, x, y)
}

// SSIMLoss returns 1 - SSIM of x against y, both (N, C, H, W) in [-1, 1], after Z. Wang et
// al. 2004: Gaussian window of 11x11, sigma 1.5, whole windows only, mean over samples and
// channels. It has a gradient for x only.
func SSIMLoss(x, y *gorgonia.Node) (*gorgonia.Node, error) {
	var s *kernel.SSIM
	prepare := func(shape tensor.Shape) *kernel.SSIM {
		if s == nil {
			s = kernel.NewSSIM(shape[0]*shape[1], shape[2], shape[3])
		}
		return s
	}
	return Apply(Spec{
		Name: "SSIMLoss", Arity: 2, Wrt: []bool{true, false},
		Shape: scalarOf(func(in []tensor.Shape) error {
			if err := pair(in); err != nil {
				return err
			}
			if in[0][2] < 11 || in[0][3] < 11 {
				return fmt.Errorf("%v is smaller than the window of 11x11", in[0])
			}
			return nil
		}),
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			floats(out)[0] = 1 - prepare(in[0].Shape()).Mean(floats(in[0]), floats(in[1]))
			return nil
		},
		Gradient: gradientFunc(func(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
			g, err := Apply(Spec{
				Name: "SSIMLossGrad", Arity: 3, Shape: same,
				Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
					prepare(in[0].Shape()).Grad(floats(in[0]), floats(in[1]), -floats(in[2])[0], floats(out))
					return nil
				},
			}, in[0], in[1], grad)
			return gorgonia.Nodes{g, nil}, err
		}),
	}, x, y)
}

// CrossEntropy returns the mean binary cross-entropy of logits against one label for all:
// softplus(-x) for real, softplus(x) for generated.
func CrossEntropy(logits *gorgonia.Node, real bool) (*gorgonia.Node, error) {
	sign := 1.0
	if real {
		sign = -1
	}
	return Apply(Spec{
		Name: fmt.Sprintf("CrossEntropy{real %t}", real), Arity: 1, Shape: scalar,
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			var sum float64
			for _, v := range floats(in[0]) {
				z := sign * float64(v)
				sum += max(z, 0) + math.Log1p(math.Exp(-math.Abs(z)))
			}
			floats(out)[0] = float32(sum / float64(len(floats(in[0]))))
			return nil
		},
		Gradient: gradientFunc(func(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
			g, err := Apply(Spec{
				Name: fmt.Sprintf("CrossEntropyGrad{real %t}", real), Arity: 2, Shape: same,
				Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
					dx := floats(out)
					k := float64(floats(in[1])[0]) * sign / float64(len(dx))
					for i, v := range floats(in[0]) {
						dx[i] = float32(k / (1 + math.Exp(-sign*float64(v))))
					}
					return nil
				},
			}, in[0], grad)
			return gorgonia.Nodes{g}, err
		}),
	}, logits)
}

// WeightedSum returns the sum of weights[i]*terms[i]; the terms are scalars.
func WeightedSum(weights []float32, terms ...*gorgonia.Node) (*gorgonia.Node, error) {
	if len(weights) != len(terms) || len(terms) == 0 {
		return nil, fmt.Errorf("WeightedSum: %d weights for %d terms", len(weights), len(terms))
	}
	return Apply(Spec{
		Name: fmt.Sprintf("WeightedSum%v", weights), Arity: len(terms),
		Shape: scalarOf(func(in []tensor.Shape) error {
			for i, s := range in {
				if s.Dims() != 0 {
					return fmt.Errorf("term %d has shape %v, want a scalar", i, s)
				}
			}
			return nil
		}),
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			var sum float32
			for i, w := range weights {
				sum += w * floats(in[i])[0]
			}
			floats(out)[0] = sum
			return nil
		},
		Gradient: gradientFunc(func(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
			g := make(gorgonia.Nodes, len(in))
			for i, w := range weights {
				if !want[i] {
					continue
				}
				var err error
				if g[i], err = Apply(Spec{
					Name: fmt.Sprintf("WeightedSumGrad{%d %g}", i, w), Arity: 1, Shape: scalar,
					Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
						floats(out)[0] = w * floats(in[0])[0]
						return nil
					},
				}, grad); err != nil {
					return nil, err
				}
			}
			return g, nil
		}),
	}, terms...)
}
