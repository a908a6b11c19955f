package op

import (
	"fmt"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// ReduceMean averages x over the last count dimensions, in the canonical order of kernel.Sum.
// They have size 1 in the result. ReduceMean has no gradient.
func ReduceMean(x *gorgonia.Node, count int) (*gorgonia.Node, error) {
	if x.Dtype() != tensor.Float32 {
		return nil, fmt.Errorf("mean: elements of type %v, want float32", x.Dtype())
	}
	return Apply(Spec{
		Name:  fmt.Sprintf("mean over last %d", count),
		Arity: 1,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			out := in[0].Clone()
			if count < 1 || count > len(out) {
				return nil, fmt.Errorf("%d dimensions of shape %v", count, out)
			}
			for d := len(out) - count; d < len(out); d++ {
				out[d] = 1
			}
			return out, nil
		},
		Work: func(in []tensor.Shape, out tensor.Shape) int64 {
			return passWork(in, out) + kernel.PerRun*int64(volume(out))
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			shape := in[0].Shape()
			kernel.MeanRows(out.Data().([]float32), in[0].Data().([]float32), volume(shape[len(shape)-count:]))
			return nil
		},
	}, x)
}
