package op

import (
	"fmt"
	"slices"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// InstanceNorm normalises each channel of each sample of x (N, C, H, W) to mean 0 and
// deviation 1: (x - mean)/sqrt(variance + eps). ChannelAffine applies scale and shift.
func InstanceNorm(x *gorgonia.Node, eps float32) (*gorgonia.Node, error) {
	return Apply(Spec{
		Name: fmt.Sprintf("InstanceNorm{%g}", eps), Arity: 1, Shape: images, Work: planesWork(3),
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			n, c, p := planes(in[0].Shape())
			kernel.InstanceNorm(n*c, p, floats(in[0]), floats(out), eps)
			return nil
		},
		Gradient: instanceNormGradient(eps),
	}, x)
}

// BatchNorm normalises each channel of x (N, C, H, W) over samples and positions, without
// scale and shift. Each run moves the running mean and variance (C elements each, owned by
// the caller) by momentum towards the statistics of the batch. The running variance is
// unbiased.
func BatchNorm(x *gorgonia.Node, mean, variance []float32, momentum, eps float32) (*gorgonia.Node, error) {
	return Apply(Spec{
		Name: fmt.Sprintf("BatchNorm{%g %g %p}", momentum, eps, mean), Arity: 1, Shape: images,
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			n, c, p := planes(in[0].Shape())
			kernel.BatchNorm(n, c, p, floats(in[0]), floats(out), mean, variance, momentum, eps)
			return nil
		},
		Gradient: gradientFunc(func(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
			g, err := Apply(Spec{
				Name: fmt.Sprintf("BatchNormGrad{%g}", eps), Arity: 2, Shape: same,
				Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
					n, c, p := planes(in[0].Shape())
					kernel.BatchNormGrad(n, c, p, floats(in[0]), floats(in[1]), floats(out), eps)
					return nil
				},
			}, in[0], grad)
			return gorgonia.Nodes{g}, err
		}),
	}, x)
}

// BatchNormInference computes scale*(x - mean)/sqrt(variance + eps) + bias per channel of
// x (N, C, H, W); scale, bias, mean and variance are (C). It has no gradient.
func BatchNormInference(x, scale, bias, mean, variance *gorgonia.Node, eps float32) (*gorgonia.Node, error) {
	return Apply(Spec{
		Name: fmt.Sprintf("BatchNormInference{%g}", eps), Arity: 5, InPlace: true, Work: planesWork(1), norm: &eps,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			for _, s := range in[1:] {
				if in[0].Dims() < 2 || !slices.Equal(s, tensor.Shape{in[0][1]}) {
					return nil, fmt.Errorf("parameters %v do not fit input %v", s, in[0])
				}
			}
			return in[0], nil
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			n, c, p := planes(in[0].Shape())
			kernel.BatchNormInference(n, c, p, floats(in[0]), floats(in[1]), floats(in[2]), floats(in[3]), floats(in[4]), floats(out), eps)
			return nil
		},
	}, x, scale, bias, mean, variance)
}

// ChannelAffine computes x*scale + shift per channel of x (N, C, H, W); scale and shift are (C).
func ChannelAffine(x, scale, shift *gorgonia.Node) (*gorgonia.Node, error) {
	return Apply(Spec{
		Name: "ChannelAffine", Arity: 3, Work: planesWork(1),
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			for _, s := range in[1:] {
				if in[0].Dims() < 3 || !slices.Equal(s, tensor.Shape{in[0][1]}) {
					return nil, fmt.Errorf("parameters %v do not fit input %v", s, in[0])
				}
			}
			return in[0], nil
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			n, c, p := planes(in[0].Shape())
			kernel.ChannelAffine(n, c, p, floats(in[0]), floats(in[1]), floats(in[2]), floats(out))
			return nil
		},
		Gradient: channelAffineGradient{},
	}, x, scale, shift)
}

// channelScale multiplies each channel of x by scale (C).
func channelScale(x, scale *gorgonia.Node) (*gorgonia.Node, error) {
	return Apply(Spec{
		Name: "ChannelScale", Arity: 2, Shape: same,
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			n, c, p := planes(in[0].Shape())
			kernel.ChannelAffine(n, c, p, floats(in[0]), floats(in[1]), make([]float32, c), floats(out))
			return nil
		},
	}, x, scale)
}

// channelProducts sums x*y (N, C, H, W) over samples and positions to (C).
func channelProducts(x, y *gorgonia.Node) (*gorgonia.Node, error) {
	return Apply(Spec{
		Name: "ChannelProducts", Arity: 2,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) { return tensor.Shape{in[0][1]}, nil },
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			n, c, p := planes(in[0].Shape())
			kernel.ChannelProducts(n, c, p, floats(in[0]), floats(in[1]), floats(out))
			return nil
		},
	}, x, y)
}
