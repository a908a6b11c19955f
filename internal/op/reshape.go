package op

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Reshape changes the shape of x to one of the same volume; the elements stay in order. Reshape
// has no gradient.
func Reshape(x *gorgonia.Node, shape ...int) (*gorgonia.Node, error) {
	to := tensor.Shape(shape).Clone()
	return Apply(Spec{
		Name:  fmt.Sprintf("reshape %v", to),
		Arity: 1,
		Type:  x.Dtype(),
		View:  true,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			if volume(in[0]) != volume(to) {
				return nil, fmt.Errorf("shape %v has %d elements, %v has %d", in[0], volume(in[0]), to, volume(to))
			}
			return to, nil
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			switch dst := out.Data().(type) {
			case []float32:
				copy(dst, in[0].Data().([]float32))
			case []int32:
				copy(dst, in[0].Data().([]int32))
			case []int64:
				copy(dst, in[0].Data().([]int64))
			default:
				return unsupported(out)
			}
			return nil
		},
	}, x)
}
