package kernel

import (
	"fmt"
	"slices"
	"testing"
)

func TestStridedEqualsNaive(t *testing.T) {
	r := seeded(t)
	for trial := range 60 {
		rank := 1 + r.IntN(5)
		shape, strides := make([]int, rank), make([]int, rank)
		total, reach, offset := 1, 1, 0
		for _, d := range r.Perm(rank) {
			shape[d] = 1 + r.IntN(9)
			if total > 50 && trial%10 == 0 {
				shape[d] = 50000 / total
			}
			step := 1 + r.IntN(2)
			strides[d] = reach * step
			reach *= ((shape[d]-1)*step + 1)
			total *= shape[d]
			if r.IntN(3) == 0 {
				offset += strides[d] * (shape[d] - 1)
				strides[d] = -strides[d]
			}
		}
		src := random(r, reach)
		got, want := make([]float32, total), make([]float32, total)
		Strided(got, src, shape, strides, offset)
		StridedNaive(want, src, shape, strides, offset)
		equalBits(t, fmt.Sprintf("%v by %v", shape, strides), got, want)
	}
}

func TestConcat(t *testing.T) {
	got := make([]int64, 10)
	Concat(got, [][]int64{{1, 2, 3, 4, 5, 6}, {7, 8, 9, 10}}, []int{3, 2})
	if want := []int64{1, 2, 3, 7, 8, 4, 5, 6, 9, 10}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestGather(t *testing.T) {
	src := []float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11} // (2, 3, 2)
	got := make([]float32, 8)
	if err := Gather(got, src, []int32{2, -3}, 3, 2); err != nil {
		t.Fatal(err)
	}
	equalBits(t, "gather", got, []float32{4, 5, 0, 1, 10, 11, 6, 7})
	if err := Gather(got[:3], src, []int32{-1, 0, 5}, 12, 1); err != nil {
		t.Fatal(err)
	}
	equalBits(t, "table", got[:3], []float32{11, 0, 5})
	for _, outside := range []int64{3, -4, 1 << 62, -1 << 62} {
		if err := Gather(got, src, []int64{0, outside}, 3, 2); err == nil {
			t.Errorf("index %d was taken", outside)
		}
	}
}

// TestGatherElements compares with plain indexing, along every axis of a (3, 4, 5) source.
func TestGatherElements(t *testing.T) {
	r := seeded(t)
	extents, strides := []int{3, 4, 5}, []int{20, 5, 1}
	src := random(r, 60)
	for axis := range extents {
		shape := []int{2, 3, 4}
		shape[axis] = 6
		index, got, want := make([]int64, 2*3*4/[]int{2, 3, 4}[axis]*6), []float32(nil), []float32(nil)
		got = make([]float32, len(index))
		i := 0
		for a := range shape[0] {
			for b := range shape[1] {
				for c := range shape[2] {
					at := []int{a, b, c}
					at[axis] = r.IntN(extents[axis])
					index[i] = int64(at[axis])
					if r.IntN(2) == 0 {
						index[i] -= int64(extents[axis])
					}
					want = append(want, src[at[0]*20+at[1]*5+at[2]])
					i++
				}
			}
		}
		if err := GatherElements(got, src, index, shape, strides, axis, extents[axis]); err != nil {
			t.Fatal(err)
		}
		equalBits(t, fmt.Sprintf("axis %d", axis), got, want)
		index[3] = int64(extents[axis])
		if err := GatherElements(got, src, index, shape, strides, axis, extents[axis]); err == nil {
			t.Errorf("axis %d: an index outside was taken", axis)
		}
	}
}

func TestPadEqualsNaive(t *testing.T) {
	r := seeded(t)
	for range 80 {
		rank := 1 + r.IntN(4)
		shape, begin, end := make([]int, rank), make([]int, rank), make([]int, rank)
		mode := PadMode(r.IntN(3))
		in, out := 1, 1
		for d := range shape {
			shape[d] = 1 + r.IntN(6)
			most := 5
			if mode == PadReflect {
				most = shape[d]
			}
			begin[d], end[d] = r.IntN(most), r.IntN(most)
			in *= shape[d]
			out *= begin[d] + shape[d] + end[d]
		}
		src := random(r, in)
		got, want := make([]float32, out), make([]float32, out)
		Pad(got, src, shape, begin, end, mode, 7.5)
		PadNaive(want, src, shape, begin, end, mode, 7.5)
		equalBits(t, fmt.Sprintf("%v by %v and %v, mode %d", shape, begin, end, mode), got, want)
	}
}

func TestPadExamples(t *testing.T) {
	for mode, want := range map[PadMode][]int32{
		PadConstant: {9, 9, 1, 2, 3, 9},
		PadReflect:  {3, 2, 1, 2, 3, 2},
		PadEdge:     {1, 1, 1, 2, 3, 3},
	} {
		got := make([]int32, 6)
		Pad(got, []int32{1, 2, 3}, []int{3}, []int{2}, []int{1}, mode, 9)
		if !slices.Equal(got, want) {
			t.Errorf("mode %d: %v, want %v", mode, got, want)
		}
	}
}

func TestMatMulBatches(t *testing.T) {
	r := seeded(t)
	m, n, k := 3, 5, 7
	a, b := random(r, 2*m*k), random(r, 2*k*n)
	got, want := random(r, 2*m*n), make([]float32, 2*m*n)
	MatMul(got, a, b, m, n, k, []int{m * k, 0}, []int{0, k * n})
	GemmNaive(m, n, k, RowMajor(a[m*k:], k), RowMajor(b, n), want, n)
	GemmNaive(m, n, k, RowMajor(a, k), RowMajor(b[k*n:], n), want[m*n:], n)
	equalBits(t, "batches", got, want)
}

func TestMeanRowsOrder(t *testing.T) {
	r := seeded(t)
	for _, n := range []int{1, 7, 16, 33, 1000} {
		x := random(r, 3*n)
		got, want := make([]float32, 3), make([]float32, 3)
		MeanRows(got, x, n)
		for row := range want {
			var lanes [16]float32
			for i, v := range x[row*n : (row+1)*n] {
				lanes[i%16] += v
			}
			for _, w := range []int{8, 4, 2, 1} {
				for j := range w {
					lanes[j] += lanes[j+w]
				}
			}
			want[row] = lanes[0] / float32(n)
		}
		equalBits(t, fmt.Sprintf("rows of %d", n), got, want)
	}
}
