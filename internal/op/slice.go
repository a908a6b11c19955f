package op

import (
	"fmt"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Slice selects size[d] elements in every dimension d of x: from start[d] on, step[d] apart,
// backwards if step[d] is negative. Slice has no gradient.
func Slice(x *gorgonia.Node, start, step, size []int) (*gorgonia.Node, error) {
	start, step, size = append([]int{}, start...), append([]int{}, step...), append([]int{}, size...)
	return Apply(Spec{
		Name:  fmt.Sprintf("slice %v step %v size %v", start, step, size),
		Arity: 1,
		Type:  x.Dtype(),
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			if len(start) != len(in[0]) || len(step) != len(in[0]) || len(size) != len(in[0]) {
				return nil, fmt.Errorf("a slice of %d dimensions of shape %v", len(size), in[0])
			}
			for d, n := range in[0] {
				if size[d] < 1 {
					return nil, fmt.Errorf("dimension %d of shape %v becomes empty", d, in[0])
				}
				if last := start[d] + (size[d]-1)*step[d]; start[d] < 0 || start[d] >= n || last < 0 || last >= n {
					return nil, fmt.Errorf("%d to %d is outside dimension %d of shape %v", start[d], last, d, in[0])
				}
			}
			return tensor.Shape(size), nil
		},
		Work: func(in []tensor.Shape, out tensor.Shape) int64 {
			run := 1
			for d := len(step) - 1; d >= 0 && step[d] == 1; d-- {
				if run *= out[d]; out[d] != in[0][d] {
					break
				}
			}
			return runsWork(out, run)
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			strides, offset := rowMajor(in[0].Shape()), 0
			for d := range strides {
				offset += start[d] * strides[d]
				strides[d] *= step[d]
			}
			return strided(in[0], out, strides, offset)
		},
	}, x)
}

func strided(in, out *tensor.Dense, strides []int, offset int) error {
	switch dst := out.Data().(type) {
	case []float32:
		kernel.Strided(dst, in.Data().([]float32), out.Shape(), strides, offset)
	case []int32:
		kernel.Strided(dst, in.Data().([]int32), out.Shape(), strides, offset)
	case []int64:
		kernel.Strided(dst, in.Data().([]int64), out.Shape(), strides, offset)
	default:
		return unsupported(out)
	}
	return nil
}
