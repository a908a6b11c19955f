package kernel

import (
	"math"
	"testing"
)

func TestElementaryFunctions(t *testing.T) {
	for _, c := range []struct {
		name string
		f    func(float32) float32
		want func(float64) float64
		lo   float64
		hi   float64
		abs  float64
		rel  float64
	}{
		{"exp", exp, math.Exp, -87, 88.7, 0, 3e-7},
		{"tanh", tanh, math.Tanh, -12, 12, 4e-7, 0},
		{"erf", erf, math.Erf, -6, 6, 5e-7, 0},
	} {
		var worst float64
		for i := range 400001 {
			x := float32(c.lo + (c.hi-c.lo)*float64(i)/400000)
			got, want := float64(c.f(x)), c.want(float64(x))
			e := math.Abs(got - want)
			if c.rel > 0 {
				e /= math.Abs(want)
			}
			worst = max(worst, e)
		}
		t.Logf("%s: worst error %.3g", c.name, worst)
		if worst > c.abs+c.rel {
			t.Errorf("%s: error %g exceeds %g", c.name, worst, c.abs+c.rel)
		}
	}
	for _, v := range []float32{float32(math.Inf(1)), float32(math.Inf(-1)), 1000, -1000, float32(math.NaN())} {
		if a, b := float64(exp(v)), math.Exp(float64(v)); a != b && !(math.IsNaN(a) && math.IsNaN(b)) {
			t.Errorf("exp(%g) = %g, want %g", v, a, b)
		}
	}
}

// TestElementaryBits compares results with fixed bits, to detect a platform or compiler
// that fuses or reorders. The same test runs under js/wasm.
func TestElementaryBits(t *testing.T) {
	var h uint32 = 2166136261
	for i := range 100000 {
		x := float32(i-50000) / 4096
		for _, f := range []func(float32) float32{exp, tanh, erf} {
			h = (h ^ math.Float32bits(f(x))) * 16777619
		}
	}
	if want := uint32(0x2cb5a9b1); h != want {
		t.Errorf("digest of exp, tanh and erf is %#x, want %#x", h, want)
	}
}

func TestLeakyReLUEqualsNaive(t *testing.T) {
	withEach(t, func(t *testing.T) {
		r := seeded(t)
		for _, n := range []int{1, 15, 16, 17, 1000, 70001} {
			x, dy := random(r, n), random(r, n)
			for _, slope := range []float32{0, 0.2} {
				got, want := make([]float32, n), make([]float32, n)
				LeakyReLU(got, x, slope)
				for i, v := range x {
					want[i] = leaky(v, slope)
				}
				equalBits(t, "LeakyReLU", got, want)
				LeakyReLUGrad(got, x, dy, slope)
				for i, v := range x {
					want[i] = dy[i]
					if v < 0 {
						want[i] = dy[i] * slope
					}
				}
				equalBits(t, "LeakyReLUGrad", got, want)
			}
		}
	})
}

func TestQuantization(t *testing.T) {
	for k := range Levels {
		var got [2]byte
		QuantizeUniform(got[:1], []float32{UniformValue(byte(k))})
		QuantizeSymmetric(got[1:], []float32{SymmetricValue(byte(k))})
		if int(got[0]) != k || int(got[1]) != k {
			t.Fatalf("level %d comes back as %d (uniform), %d (symmetric)", k, got[0], got[1])
		}
	}
	out := make([]byte, 5)
	in := []float32{-1, 1, -2, 2, float32(math.NaN())}
	QuantizeUniform(out, in)
	if string(out) != string([]byte{0, 255, 0, 255, 0}) {
		t.Errorf("uniform levels of %v are %v", in, out)
	}
	QuantizeSymmetric(out, in)
	if string(out) != string([]byte{0, 255, 0, 255, 0}) {
		t.Errorf("symmetric levels of %v are %v", in, out)
	}
	table := InverseErfTable()
	for k, v := range table {
		if d := math.Erf(float64(v)) - float64(UniformValue(byte(k))); math.Abs(d) > 1e-6 {
			t.Errorf("erf of entry %d misses its level by %g", k, d)
		}
	}
}
