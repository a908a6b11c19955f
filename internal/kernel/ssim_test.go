package kernel

import (
	"math"
	"testing"
)

// TestSSIMBlur checks that blur equals the direct sum over windows, whose weights
// sum to 1, and that blurAdjoint is its adjoint: <blur x, y> = <x, blurAdjoint y>.
func TestSSIMBlur(t *testing.T) {
	withEach(t, func(t *testing.T) {
		r := seeded(t)
		const planes, h, w = 3, 13, 27
		const oh, ow = h - 10, w - 10
		s := NewSSIM(planes, h, w)
		x, y := random(r, planes*h*w), random(r, planes*oh*ow)
		blurred, spread := make([]float32, len(y)), make([]float32, len(x))
		s.blur(planes, blurred, x)
		s.blurAdjoint(planes, spread, y)

		var g [11]float64
		var total float64
		for i := range g {
			g[i] = math.Exp(-float64((i-5)*(i-5)) / 4.5)
			total += g[i]
		}
		want := make([]float64, len(y))
		for i := range want {
			top := i/(oh*ow)*h*w + i/ow%oh*w + i%ow
			for u := range 11 {
				for v := range 11 {
					want[i] += g[u] * g[v] / (total * total) * float64(x[top+u*w+v])
				}
			}
		}
		near(t, "blur", blurred, want, 22, plainly)

		var forth, back float64
		for i, v := range blurred {
			forth += float64(v) * float64(y[i])
		}
		for i, v := range spread {
			back += float64(v) * float64(x[i])
		}
		if d := math.Abs(forth - back); d > 1e-5 {
			t.Errorf("<blur x, y> is %g, <x, spread y> is %g", forth, back)
		}
	})
}

// TestSSIMBounds expects 1 for equal pictures, less for others, and little more than 0 for black against white.
func TestSSIMBounds(t *testing.T) {
	r := seeded(t)
	const n = 2 * 12 * 12
	s := NewSSIM(2, 12, 12)
	x, y, black, white := random(r, n), random(r, n), make([]float32, n), make([]float32, n)
	for i := range black {
		black[i], white[i] = -1, 1
	}
	if v := s.Mean(x, x); math.Abs(float64(v)-1) > 1e-6 {
		t.Errorf("a picture against itself gives %g", v)
	}
	if v := s.Mean(x, y); !(v > -1 && v < 0.5) {
		t.Errorf("two noises give %g", v)
	}
	// Variances are 0: (2*0*2 + C1)/(0 + 4 + C1).
	if v, want := s.Mean(black, white), 4e-4/(4+4e-4); math.Abs(float64(v)-want) > 1e-7 {
		t.Errorf("black against white gives %g, want %g", v, want)
	}
}
