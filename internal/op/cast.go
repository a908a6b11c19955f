package op

import (
	"fmt"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Cast converts x between float32, int32 and int64. Floats are truncated to integers. Cast has
// no gradient.
func Cast(x *gorgonia.Node, to tensor.Dtype) (*gorgonia.Node, error) {
	return Apply(Spec{
		Name:  fmt.Sprintf("cast to %v", to),
		Arity: 1,
		Type:  to,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) { return in[0], nil },
		Work:  functionWork,
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			switch src := in[0].Data().(type) {
			case []float32:
				return castFrom(src, out)
			case []int32:
				return castFrom(src, out)
			case []int64:
				return castFrom(src, out)
			}
			return unsupported(in[0])
		},
	}, x)
}

func castFrom[T kernel.Number](src []T, out *tensor.Dense) error {
	switch dst := out.Data().(type) {
	case []float32:
		kernel.Convert(dst, src)
	case []int32:
		kernel.Convert(dst, src)
	case []int64:
		kernel.Convert(dst, src)
	default:
		return unsupported(out)
	}
	return nil
}
