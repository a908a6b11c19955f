package kernel

import "math"

// Number is an element type of broadcast arithmetic. Integers occur where a
// graph computes with shapes and indices.
type Number interface{ float32 | int32 | int64 }

// BinaryOp is an operation on two elements, rounded once.
type BinaryOp int

const (
	Plus BinaryOp = iota
	Minus
	Times
	Over // integers truncate towards zero; an integer division by zero panics
)

// Broadcast computes dst[i] = a[i] op b[i] over the index space shape. dst is
// contiguous; a and b are addressed by strides in elements, 0 where an operand is repeated.
func Broadcast[T Number](op BinaryOp, dst []T, shape []int, a []T, aStrides []int, b []T, bStrides []int) {
	shape, strides := coalesce(shape, aStrides, bStrides)
	sa, sb := strides[0], strides[1]
	last := len(shape) - 1
	width := shape[last]
	elementwise(len(dst), func(lo, hi int) {
		for lo < hi {
			row, col := lo/width, lo%width
			end := min(hi, lo+width-col)
			oa, ob := col*sa[last], col*sb[last]
			for d := last - 1; d >= 0; d-- {
				i := row % shape[d]
				row /= shape[d]
				oa += i * sa[d]
				ob += i * sb[d]
			}
			broadcastRow(op, dst[lo:end], a[oa:], sa[last], b[ob:], sb[last])
			lo = end
		}
	})
}

func broadcastRow[T Number](op BinaryOp, dst, a []T, sa int, b []T, sb int) {
	done := broadcastVectors(op, dst, a, sa, b, sb)
	dst = dst[done:]
	ia, ib := done*sa, done*sb
	switch op {
	case Plus:
		for i := range dst {
			dst[i] = T(a[ia] + b[ib])
			ia, ib = ia+sa, ib+sb
		}
	case Minus:
		for i := range dst {
			dst[i] = T(a[ia] - b[ib])
			ia, ib = ia+sa, ib+sb
		}
	case Times:
		for i := range dst {
			dst[i] = T(a[ia] * b[ib])
			ia, ib = ia+sa, ib+sb
		}
	case Over:
		for i := range dst {
			dst[i] = T(a[ia] / b[ib])
			ia, ib = ia+sa, ib+sb
		}
	}
}

// broadcastVectors computes the first elements of a row with vectors and returns their number, which
// is 0 unless elements are floats, one operand is contiguous, and the other is contiguous or repeated.
func broadcastVectors[T Number](op BinaryOp, dst, a []T, sa int, b []T, sb int) int {
	if active.vectors == nil || sa|sb != 1 {
		return 0
	}
	y, ok := any(dst).([]float32)
	if !ok {
		return 0
	}
	n := len(y)
	x, z := any(a).([]float32), any(b).([]float32)
	switch {
	case sb == 0:
		return mapVectors(scalarMap[op], x[:n], y, z[0], 0)
	case sa == 0:
		return mapVectors(swappedScalarMap[op], z[:n], y, x[0], 0)
	}
	return pairVectors(tensorPair[op], x[:n], z[:n], y)
}

// BroadcastNaive is the reference for Broadcast. It computes the offsets of each element by itself.
func BroadcastNaive[T Number](op BinaryOp, dst []T, shape []int, a []T, aStrides []int, b []T, bStrides []int) {
	for i := range dst {
		rest, oa, ob := i, 0, 0
		for d := len(shape) - 1; d >= 0; d-- {
			j := rest % shape[d]
			rest /= shape[d]
			oa += j * aStrides[d]
			ob += j * bStrides[d]
		}
		x, y := a[oa], b[ob]
		switch op {
		case Plus:
			dst[i] = T(x + y)
		case Minus:
			dst[i] = T(x - y)
		case Times:
			dst[i] = T(x * y)
		case Over:
			dst[i] = T(x / y)
		}
	}
}

// coalesce merges neighbouring dimensions where every operand has a uniform
// stride across both, so that inner loops are long. The result has at least one dimension.
func coalesce(shape []int, strides ...[]int) ([]int, [][]int) {
	outShape := make([]int, 0, len(shape)+1)
	out := make([][]int, len(strides))
	for d, n := range shape {
		last := len(outShape) - 1
		joins := last >= 0
		for k, s := range strides {
			joins = joins && out[k][last] == s[d]*n
		}
		if joins {
			outShape[last] *= n
			for k, s := range strides {
				out[k][last] = s[d]
			}
			continue
		}
		outShape = append(outShape, n)
		for k, s := range strides {
			out[k] = append(out[k], s[d])
		}
	}
	if len(outShape) == 0 {
		outShape = append(outShape, 1)
		for k := range out {
			out[k] = append(out[k], 0)
		}
	}
	return outShape, out
}

// Sqrt computes dst[i] = sqrt(src[i]), correctly rounded.
func Sqrt(dst, src []float32) {
	elementwise(len(dst), func(lo, hi int) {
		for i, v := range src[lo:hi] {
			// The float64 root of a float32, rounded to float32, is the correctly rounded root.
			dst[lo+i] = float32(math.Sqrt(float64(v)))
		}
	})
}

// Floor computes dst[i] = the largest integer not above src[i].
func Floor(dst, src []float32) {
	elementwise(len(dst), func(lo, hi int) {
		for i, v := range src[lo:hi] {
			dst[lo+i] = float32(math.Floor(float64(v)))
		}
	})
}

// Neg computes dst[i] = -src[i]; only the sign bit changes.
func Neg(dst, src []float32) {
	elementwise(len(dst), func(lo, hi int) {
		for i, v := range src[lo:hi] {
			dst[lo+i] = -v
		}
	})
}

// Abs computes dst[i] = |src[i]|; only the sign bit changes.
func Abs(dst, src []float32) {
	elementwise(len(dst), func(lo, hi int) {
		for i, v := range src[lo:hi] {
			dst[lo+i] = math.Float32frombits(math.Float32bits(v) &^ (1 << 31))
		}
	})
}

// Clip computes dst[i] = min(max(src[i], minimum), maximum). NaN stays NaN.
func Clip(dst, src []float32, minimum, maximum float32) {
	elementwise(len(dst), func(lo, hi int) {
		for i, v := range src[lo:hi] {
			if v < minimum {
				v = minimum
			}
			if v > maximum {
				v = maximum
			}
			dst[lo+i] = v
		}
	})
}

// Convert computes dst[i] = src[i] in another element type. A float loses its
// fraction when it becomes an integer; NaN and values that the integer cannot
// hold become the integer's smallest value, on every machine.
func Convert[D, S Number](dst []D, src []S) {
	elementwise(len(dst), func(lo, hi int) {
		for i, v := range src[lo:hi] {
			dst[lo+i] = convert[D](v)
		}
	})
}

// convert checks the range of floats, since Go leaves conversions out of range to the machine.
func convert[D, S Number](v S) D {
	f, isFloat := any(v).(float32)
	var d D
	switch p := any(&d).(type) {
	case *int32:
		if isFloat && !(f >= math.MinInt32 && f < -math.MinInt32) {
			*p = math.MinInt32
			return d
		}
	case *int64:
		if isFloat && !(f >= math.MinInt64 && f < -math.MinInt64) {
			*p = math.MinInt64
			return d
		}
	}
	return D(v)
}
