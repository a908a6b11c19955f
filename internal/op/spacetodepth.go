package op

import (
	"fmt"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// SpaceToDepth moves blocks of b x b positions of x (N, C, H, W) into channels:
// (N, b*b*C, H/b, W/b), channel (row*b + column)*C + c as in ONNX.
func SpaceToDepth(x *gorgonia.Node, b int) (*gorgonia.Node, error) {
	return Apply(Spec{
		Name: fmt.Sprintf("SpaceToDepth{%d}", b), Arity: 1, Work: scatterWork,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			s := in[0]
			if s.Dims() != 4 || b < 1 || s[2]%b != 0 || s[3]%b != 0 {
				return nil, fmt.Errorf("want (N, C, H, W) with height and width multiples of %d, not %v", b, s)
			}
			return tensor.Shape{s[0], s[1] * b * b, s[2] / b, s[3] / b}, nil
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			s := in[0].Shape()
			kernel.SpaceToDepth(s[0], s[1], s[2], s[3], b, floats(out), floats(in[0]))
			return nil
		},
		Gradient: spaceToDepthGradient(b),
	}, x)
}

// DepthToSpace inverts SpaceToDepth (mode DCR of ONNX). With crd the channels of x are ordered
// c*b*b + row*b + column (mode CRD), and there is no gradient.
func DepthToSpace(x *gorgonia.Node, b int, crd bool) (*gorgonia.Node, error) {
	s := Spec{
		Name: fmt.Sprintf("DepthToSpace{%d crd %t}", b, crd), Arity: 1, Work: scatterWork,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			s := in[0]
			if s.Dims() != 4 || b < 1 || s[1]%(b*b) != 0 {
				return nil, fmt.Errorf("want (N, C, H, W) with channels a multiple of %d, not %v", b*b, s)
			}
			return tensor.Shape{s[0], s[1] / (b * b), s[2] * b, s[3] * b}, nil
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			s := out.Shape()
			kernel.DepthToSpace(s[0], s[1], s[2], s[3], b, crd, floats(out), floats(in[0]))
			return nil
		},
		Gradient: depthToSpaceGradient(b),
	}
	if crd {
		s.Gradient = nil
	}
	return Apply(s, x)
}
