package op

import (
	"fmt"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// ReflectPad extends x (N, C, H, W) by pad mirrored samples on each side, without repeating
// the edge; pad must be less than height and width.
func ReflectPad(x *gorgonia.Node, pad int) (*gorgonia.Node, error) {
	return Apply(Spec{
		Name: fmt.Sprintf("ReflectPad{%d}", pad), Arity: 1,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			s := in[0]
			if s.Dims() != 4 || pad < 0 || pad >= s[2] || pad >= s[3] {
				return nil, fmt.Errorf("cannot reflect %d samples of %v", pad, s)
			}
			return tensor.Shape{s[0], s[1], s[2] + 2*pad, s[3] + 2*pad}, nil
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			s := in[0].Shape()
			kernel.ReflectPad(s[0]*s[1], s[2], s[3], pad, floats(in[0]), floats(out))
			return nil
		},
		Gradient: gradientFunc(func(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
			shape := in[0].Shape().Clone()
			g, err := Apply(Spec{
				Name: fmt.Sprintf("ReflectPadGrad{%d}", pad), Arity: 1,
				Shape: func([]tensor.Shape) (tensor.Shape, error) { return shape, nil },
				Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
					kernel.ReflectPadGrad(shape[0]*shape[1], shape[2], shape[3], pad, floats(in[0]), floats(out))
					return nil
				},
			}, grad)
			return gorgonia.Nodes{g}, err
		}),
	}, x)
}
