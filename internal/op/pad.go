package op

import (
	"fmt"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Pad extends every dimension d of x by begin[d] elements before and end[d] after it.
// value, converted to the type of x, fills a constant border. Pad has no gradient.
func Pad(x *gorgonia.Node, begin, end []int, mode kernel.PadMode, value float64) (*gorgonia.Node, error) {
	begin, end = append([]int{}, begin...), append([]int{}, end...)
	return Apply(Spec{
		Name:  fmt.Sprintf("pad %v %v mode %d with %x", begin, end, mode, value),
		Arity: 1,
		Type:  x.Dtype(),
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			if len(begin) != len(in[0]) || len(end) != len(in[0]) {
				return nil, fmt.Errorf("pads %v %v do not fit shape %v", begin, end, in[0])
			}
			out := in[0].Clone()
			for d, n := range in[0] {
				if begin[d] < 0 || end[d] < 0 {
					return nil, fmt.Errorf("negative pads %v %v are not supported; slice instead", begin, end)
				}
				if mode == kernel.PadReflect && (begin[d] >= n || end[d] >= n) {
					return nil, fmt.Errorf("a reflection by %d and %d needs more than dimension %d of shape %v has", begin[d], end[d], d, in[0])
				}
				out[d] += begin[d] + end[d]
			}
			return out, nil
		},
		Cost: borders(x.Shape(), begin, end),
		Work: func(in []tensor.Shape, out tensor.Shape) int64 {
			last := len(out) - 1
			rows := int64(volume(out[:last]))
			return runsWork(out, out[last]) + kernel.PerFunction*rows*int64(out[last]-in[0][last])
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			shape := in[0].Shape()
			switch dst := out.Data().(type) {
			case []float32:
				kernel.Pad(dst, in[0].Data().([]float32), shape, begin, end, mode, float32(value))
			case []int32:
				kernel.Pad(dst, in[0].Data().([]int32), shape, begin, end, mode, int32(value))
			case []int64:
				kernel.Pad(dst, in[0].Data().([]int64), shape, begin, end, mode, int64(value))
			default:
				return unsupported(out)
			}
			return nil
		},
	}, x)
}

// borders returns the cost of the tables of kernel.Pad, which map each coordinate of the
// result to one of x.
func borders(shape tensor.Shape, begin, end []int) kernel.Cost {
	words := 0
	for d, n := range shape {
		if d < len(begin) && d < len(end) && begin[d] >= 0 && end[d] >= 0 {
			words += begin[d] + n + end[d]
		}
	}
	return kernel.Cost{Work: 2 * kernel.PerElement * int64(words), Buffers: []kernel.Buffer{{Floats: 2 * words, Count: 1}}}
}
