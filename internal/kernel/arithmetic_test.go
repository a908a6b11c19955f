package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

func TestBroadcastEqualsNaive(t *testing.T) {
	r := seeded(t)
	for trial := range 60 {
		rank := 1 + r.IntN(5)
		shape, sa, sb := make([]int, rank), make([]int, rank), make([]int, rank)
		total, na, nb := 1, 1, 1
		for d := rank - 1; d >= 0; d-- {
			shape[d] = 1 + r.IntN(9)
			if d == 0 && trial%10 == 0 {
				shape[d] = 40000 / total // long enough for several tasks
			}
			total *= shape[d]
			if r.IntN(3) > 0 {
				sa[d], na = na, na*shape[d]
			}
			if r.IntN(3) > 0 {
				sb[d], nb = nb, nb*shape[d]
			}
		}
		a, b := random(r, na), random(r, nb)
		for _, op := range []BinaryOp{Plus, Minus, Times, Over} {
			got, want := make([]float32, total), make([]float32, total)
			Broadcast(op, got, shape, a, sa, b, sb)
			BroadcastNaive(op, want, shape, a, sa, b, sb)
			equalBits(t, fmt.Sprintf("op %d over %v, strides %v %v", op, shape, sa, sb), got, want)
		}
	}
}

func TestBroadcastIntegers(t *testing.T) {
	got := make([]int64, 3)
	for op, want := range map[BinaryOp][]int64{Plus: {9, -5, 10}, Minus: {5, -9, 6}, Times: {14, -14, 16}, Over: {3, -3, 4}} {
		Broadcast(op, got, []int{3}, []int64{7, -7, 8}, []int{1}, []int64{2}, []int{0})
		if !slices.Equal(got, want) {
			t.Errorf("op %d: %v, want %v", op, got, want)
		}
	}
}

func TestUnaryAgainstFloat64(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	x := append(random(seeded(t), 1000), 0, float32(math.Copysign(0, -1)), inf, -inf, nan, 2.5, -2.5, 1e-45, math.MaxFloat32)
	for name, c := range map[string]struct {
		fast   func(dst, src []float32)
		oracle func(float64) float64
	}{
		"sqrt":  {Sqrt, math.Sqrt},
		"floor": {Floor, math.Floor},
		"neg":   {Neg, func(v float64) float64 { return math.Copysign(v, -math.Copysign(1, v)) }},
		"abs":   {Abs, math.Abs},
		"clip": {func(d, s []float32) { Clip(d, s, -0.5, 0.25) }, func(v float64) float64 {
			if math.IsNaN(v) {
				return v
			}
			return math.Max(-0.5, math.Min(0.25, v))
		}},
	} {
		got := make([]float32, len(x))
		c.fast(got, x)
		for i, v := range x {
			want := float32(c.oracle(float64(v)))
			if math.IsNaN(float64(want)) != math.IsNaN(float64(got[i])) || want == want && math.Float32bits(got[i]) != math.Float32bits(want) {
				t.Errorf("%s(%g) = %g, want %g", name, v, got[i], want)
			}
		}
	}
}

func TestConvertBounds(t *testing.T) {
	nan := float32(math.NaN())
	src := []float32{1.9, -1.9, 1e20, -1e20, nan, math.MaxInt32, math.MinInt32}
	to32, to64, back := make([]int32, len(src)), make([]int64, len(src)), make([]float32, 2)
	Convert(to32, src)
	Convert(to64, src)
	if want := []int32{1, -1, math.MinInt32, math.MinInt32, math.MinInt32, math.MinInt32, math.MinInt32}; !slices.Equal(to32, want) {
		t.Errorf("int32: %v, want %v", to32, want)
	}
	if want := []int64{1, -1, math.MinInt64, math.MinInt64, math.MinInt64, 1 << 31, math.MinInt32}; !slices.Equal(to64, want) {
		t.Errorf("int64: %v, want %v", to64, want)
	}
	Convert(back, []int64{-3, 1<<24 + 1})
	if want := []float32{-3, 1 << 24}; !slices.Equal(back, want) {
		t.Errorf("float32: %v, want %v", back, want)
	}
}
