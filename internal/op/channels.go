package op

import (
	"fmt"
	"slices"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Channels selects channels [from, to) of x (N, C, H, W).
func Channels(x *gorgonia.Node, from, to int) (*gorgonia.Node, error) {
	return Apply(Spec{
		Name: fmt.Sprintf("Channels{%d %d}", from, to), Arity: 1,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			if in[0].Dims() < 3 || from < 0 || from >= to || to > in[0][1] {
				return nil, fmt.Errorf("channels %d to %d of %v", from, to, in[0])
			}
			out := in[0].Clone()
			out[1] = to - from
			return out, nil
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			n, c, p := planes(in[0].Shape())
			kernel.Channels(n, c, p, from, to, floats(out), floats(in[0]))
			return nil
		},
		Gradient: gradientFunc(func(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
			whole := in[0].Shape().Clone()
			g, err := Apply(Spec{
				Name: fmt.Sprintf("ChannelsGrad{%d %d %v}", from, to, whole), Arity: 1,
				Shape: func([]tensor.Shape) (tensor.Shape, error) { return whole, nil },
				Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
					n, c, p := planes(whole)
					clear(floats(out))
					kernel.SetChannels(n, c, p, from, to, floats(out), floats(in[0]))
					return nil
				},
			}, grad)
			return gorgonia.Nodes{g}, err
		}),
	}, x)
}

// Join concatenates the channels of a and b, both (N, _, H, W).
func Join(a, b *gorgonia.Node) (*gorgonia.Node, error) {
	return Apply(Spec{
		Name: "Join", Arity: 2,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			out := in[0].Clone()
			if out.Dims() < 3 || in[1].Dims() != out.Dims() {
				return nil, fmt.Errorf("cannot join %v and %v", in[0], in[1])
			}
			out[1] += in[1][1]
			for i := range out {
				if i != 1 && in[0][i] != in[1][i] {
					return nil, fmt.Errorf("cannot join %v and %v", in[0], in[1])
				}
			}
			return out, nil
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			n, c, p := planes(out.Shape())
			at := in[0].Shape()[1]
			kernel.SetChannels(n, c, p, 0, at, floats(out), floats(in[0]))
			kernel.SetChannels(n, c, p, at, c, floats(out), floats(in[1]))
			return nil
		},
		Gradient: gradientFunc(func(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
			at, c := in[0].Shape()[1], out.Shape()[1]
			g := make(gorgonia.Nodes, 2)
			var err error
			if want[0] {
				if g[0], err = Channels(grad, 0, at); err != nil {
					return nil, err
				}
			}
			if want[1] {
				g[1], err = Channels(grad, at, c)
			}
			return g, err
		}),
	}, a, b)
}

// ChannelBias adds b (C) to every position of x (N, C, H, W).
func ChannelBias(x, b *gorgonia.Node) (*gorgonia.Node, error) {
	return Apply(Spec{
		Name:  "ChannelBias",
		Work:  planesWork(1),
		Arity: 2,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			if in[0].Dims() < 3 || !slices.Equal(in[1], tensor.Shape{in[0][1]}) {
				return nil, fmt.Errorf("bias %v does not fit input %v", in[1], in[0])
			}
			return in[0], nil
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			n, c, p := planes(in[0].Shape())
			kernel.ChannelBias(n, c, p, floats(in[0]), floats(in[1]), floats(out))
			return nil
		},
		Gradient: channelBiasGradient{},
	}, x, b)
}
