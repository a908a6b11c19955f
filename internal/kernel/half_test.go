package kernel

import (
	"math"
	"testing"
)

// TestHalfNearest checks every half against the definition: it is converted to
// float32 and back without change, the middle of two neighbours is rounded to the
// even one, and the numbers next to the middle to the nearer one.
func TestHalfNearest(t *testing.T) {
	value := func(h uint16) float64 { // IEEE 754, section 3.4
		exponent, mantissa := int(h>>10&0x1f), float64(h&0x3ff)
		if exponent == 0 {
			return math.Ldexp(mantissa, -24)
		}
		return math.Ldexp(1024+mantissa, exponent-25)
	}
	for h := uint16(0); h < 0x7c00; h++ {
		v := value(h)
		if got := HalfValue(h); float64(got) != v {
			t.Fatalf("value of %04x is %g, want %g", h, got, v)
		}
		next := value(h + 1) // 65536 stands for infinity, as in the standard's rounding rule
		middle, even := float32((v+next)/2), h+h&1
		below, above := math.Nextafter32(middle, 0), math.Nextafter32(middle, float32(math.Inf(1)))
		for _, c := range []struct {
			f    float32
			want uint16
		}{{float32(v), h}, {below, h}, {middle, even}, {above, h + 1}} {
			if got := HalfBits(c.f); got != c.want {
				t.Fatalf("bits of %g are %04x, want %04x", c.f, got, c.want)
			}
			if got := HalfBits(-c.f); got != c.want|0x8000 {
				t.Fatalf("bits of %g are %04x, want %04x", -c.f, got, c.want|0x8000)
			}
		}
	}
}

func TestHalfSpecials(t *testing.T) {
	inf := float32(math.Inf(1))
	src := []float32{inf, -inf, float32(math.NaN()), math.MaxFloat32, 1e-45, 65519, 65520, 1.0 / 3}
	got := make([]float32, len(src))
	RoundHalf(got, src)
	want := []float32{inf, -inf, float32(math.NaN()), inf, 0, 65504, inf, 0x1.554p-2}
	for i := range want {
		if got[i] != want[i] && !(math.IsNaN(float64(got[i])) && math.IsNaN(float64(want[i]))) {
			t.Errorf("%g rounds to %g, want %g", src[i], got[i], want[i])
		}
	}
}
