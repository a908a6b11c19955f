package kernel

// PadMode selects the values of the border.
type PadMode int

const (
	PadConstant PadMode = iota
	PadReflect          // mirrored without repeating the edge; each pad must be smaller than the dimension
	PadEdge             // the edge repeated
)

// Pad copies src, of the given shape, into dst with a border of begin[d] elements
// before and end[d] after it in dimension d, each 0 or more. value fills a
// PadConstant border.
func Pad[T any](dst, src []T, shape, begin, end []int, mode PadMode, value T) {
	rank := len(shape)
	// from[d][i] is the source coordinate of coordinate i, or -1 in a constant border.
	from := make([][]int, rank)
	for d, n := range shape {
		from[d] = make([]int, begin[d]+n+end[d])
		for i := range from[d] {
			from[d][i] = padSource(i-begin[d], n, mode)
		}
	}
	last := rank - 1
	width, inner := len(from[last]), shape[last]
	parallel(len(dst)/width, func(row int) {
		out := dst[row*width : (row+1)*width]
		base, stride, rest := 0, inner, row
		for d := last - 1; d >= 0; d-- {
			i := from[d][rest%len(from[d])]
			rest /= len(from[d])
			if i < 0 {
				fill(out, value)
				return
			}
			base += i * stride
			stride *= shape[d]
		}
		line := src[base : base+inner]
		copy(out[begin[last]:], line)
		for _, border := range [2][2]int{{0, begin[last]}, {begin[last] + inner, width}} {
			for i := border[0]; i < border[1]; i++ {
				if j := from[last][i]; j < 0 {
					out[i] = value
				} else {
					out[i] = line[j]
				}
			}
		}
	})
}

// padSource maps a coordinate, which may lie outside [0, n), to the source, or to -1 in a constant border.
func padSource(i, n int, mode PadMode) int {
	switch {
	case i >= 0 && i < n:
		return i
	case mode == PadConstant:
		return -1
	case mode == PadEdge:
		return max(0, min(n-1, i))
	case i < 0:
		return -i
	default:
		return 2*(n-1) - i
	}
}

func fill[T any](s []T, v T) {
	for i := range s {
		s[i] = v
	}
}

// PadNaive is the reference for Pad.
func PadNaive[T any](dst, src []T, shape, begin, end []int, mode PadMode, value T) {
	for i := range dst {
		rest, at, stride, inside := i, 0, 1, true
		for d := len(shape) - 1; d >= 0; d-- {
			wide := begin[d] + shape[d] + end[d]
			j := padSource(rest%wide-begin[d], shape[d], mode)
			rest /= wide
			inside = inside && j >= 0
			at += j * stride
			stride *= shape[d]
		}
		if inside {
			dst[i] = src[at]
		} else {
			dst[i] = value
		}
	}
}
