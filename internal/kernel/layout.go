package kernel

import (
	"fmt"

	"enciphergan/internal/kernel/simd"
)

// Strided copies elements of src into contiguous dst: for each index of the
// index space shape, the element at offset plus the sum of index times stride.
// Transposition, slicing (also with negative steps) and repetition are such copies.
func Strided[T any](dst, src []T, shape, strides []int, offset int) {
	shape, merged := coalesce(shape, strides)
	s := merged[0]
	last := len(shape) - 1
	width, step := shape[last], s[last]
	elementwise(len(dst), func(lo, hi int) {
		for lo < hi {
			row, col := lo/width, lo%width
			end := min(hi, lo+width-col)
			o := offset + col*step
			for d := last - 1; d >= 0; d-- {
				o += row % shape[d] * s[d]
				row /= shape[d]
			}
			if step == 1 {
				copy(dst[lo:end], src[o:o+end-lo])
			} else {
				for i := lo; i < end; i++ {
					dst[i] = src[o]
					o += step
				}
			}
			lo = end
		}
	})
}

// StridedNaive is the reference for Strided.
func StridedNaive[T any](dst, src []T, shape, strides []int, offset int) {
	for i := range dst {
		rest, o := i, offset
		for d := len(shape) - 1; d >= 0; d-- {
			o += rest % shape[d] * strides[d]
			rest /= shape[d]
		}
		dst[i] = src[o]
	}
}

// Concat joins parts along an axis. Part p consists of blocks of widths[p]
// elements; dst takes a block of each part in turn.
func Concat[T any](dst []T, parts [][]T, widths []int) {
	at := 0
	for block := 0; at < len(dst); block++ {
		for p, part := range parts {
			w := widths[p]
			copy(dst[at:at+w], part[block*w:(block+1)*w])
			at += w
		}
	}
}

// Index is the type of the indices of Gather and GatherElements.
type Index interface{ int32 | int64 }

// Gather selects along an axis: dst (outer, len(index), inner) = src (outer,
// extent, inner) at [:, index, :]. A negative index counts from the end. An
// index outside the axis and an empty operand are errors.
func Gather[T any, I Index](dst, src []T, index []I, extent, inner int) error {
	if len(index) == 0 || extent == 0 || inner == 0 {
		return fmt.Errorf("gather over an empty axis")
	}
	for base, at := 0, 0; at < len(dst); base += extent * inner {
		if inner == 1 && picked(dst[at:at+len(index)], src[base:base+extent], index) {
			at += len(index)
			continue
		}
		for _, v := range index {
			j, err := position(v, extent)
			if err != nil {
				return err
			}
			if inner == 1 { // a table, where a call of copy would cost more than the element
				dst[at] = src[base+j]
			} else {
				copy(dst[at:at+inner], src[base+j*inner:base+(j+1)*inner])
			}
			at += inner
		}
	}
	return nil
}

// GatherElements selects single elements: dst and index have the given shape,
// and dst[i0, i1, ...] is the element of src at i0, i1, ..., with the coordinate
// of axis replaced by index[i0, i1, ...]. src has the given strides, and extent
// is its size along axis. A negative index counts from the end; an index outside
// the axis is an error.
func GatherElements[T any, I Index](dst, src []T, index []I, shape, strides []int, axis, extent int) error {
	last := len(shape) - 1
	width := shape[last]
	for row := 0; row*width < len(dst); row++ {
		base, rest := 0, row
		for d := last - 1; d >= 0; d-- {
			if d != axis {
				base += rest % shape[d] * strides[d]
			}
			rest /= shape[d]
		}
		step := strides[last]
		if axis == last {
			step = 0
		}
		if axis == last && strides[last] == 1 && picked(dst[row*width:(row+1)*width], src[base:base+extent], index[row*width:(row+1)*width]) {
			continue
		}
		for i, v := range index[row*width : (row+1)*width] {
			j, err := position(v, extent)
			if err != nil {
				return err
			}
			dst[row*width+i] = src[base+i*step+j*strides[axis]]
		}
	}
	return nil
}

// picked computes dst[i] = src[index[i]] with vectors and reports whether it could:
// not for other types, for a length that is no multiple of simd.Lanes, or for an
// index that is negative or outside src.
func picked[T any, I Index](dst, src []T, index []I) bool {
	if active.vectors == nil {
		return false
	}
	y, ok := any(dst).([]float32)
	at, alsoOK := any(index).([]int32)
	if !ok || !alsoOK || len(at)%simd.Lanes != 0 {
		return false
	}
	return active.vectors.gather(len(at), &at[0], &any(src).([]float32)[0], len(src), &y[:len(at)][0])
}

func position[I Index](v I, extent int) (int, error) {
	j := int(v)
	if j < 0 {
		j += extent
	}
	if j < 0 || j >= extent {
		return 0, fmt.Errorf("index %d is outside an axis of %d", v, extent)
	}
	return j, nil
}
