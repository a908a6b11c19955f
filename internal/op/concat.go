package op

import (
	"fmt"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Concat joins parts along axis. They have one type and equal sizes in all other dimensions.
// Concat has no gradient.
func Concat(axis int, parts ...*gorgonia.Node) (*gorgonia.Node, error) {
	if len(parts) == 0 {
		return nil, fmt.Errorf("concat: nothing to join")
	}
	for _, p := range parts {
		if p.Dtype() != parts[0].Dtype() {
			return nil, fmt.Errorf("concat: parts of type %v and %v", parts[0].Dtype(), p.Dtype())
		}
	}
	return Apply(Spec{
		Name:  fmt.Sprintf("concat %d", axis),
		Arity: len(parts),
		Type:  parts[0].Dtype(),
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			out := in[0].Clone()
			if axis < 0 || axis >= len(out) {
				return nil, fmt.Errorf("axis %d of shape %v", axis, out)
			}
			for _, s := range in[1:] {
				if len(s) != len(out) {
					return nil, fmt.Errorf("shapes %v and %v do not join", in[0], s)
				}
				for d := range s {
					if d != axis && s[d] != out[d] {
						return nil, fmt.Errorf("shapes %v and %v do not join along axis %d", in[0], s, axis)
					}
				}
				out[axis] += s[axis]
			}
			return out, nil
		},
		Work: func(in []tensor.Shape, out tensor.Shape) int64 {
			return passWork(in, out) + kernel.PerRun*int64(volume(out[:axis]))*int64(len(in))
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			switch dst := out.Data().(type) {
			case []float32:
				concat(dst, in, axis)
			case []int32:
				concat(dst, in, axis)
			case []int64:
				concat(dst, in, axis)
			default:
				return unsupported(out)
			}
			return nil
		},
	}, parts...)
}

func concat[T any](dst []T, in []*tensor.Dense, axis int) {
	parts, widths := make([][]T, len(in)), make([]int, len(in))
	for i, d := range in {
		parts[i], widths[i] = d.Data().([]T), volume(d.Shape()[axis:])
	}
	kernel.Concat(dst, parts, widths)
}
