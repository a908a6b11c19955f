package kernel

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// convolveExactly computes a convolution from its definition, in float64.
func convolveExactly(c Conv, x, w, bias []float32) []float64 {
	var y []float64
	for n := range c.N {
		for m := range c.M {
			for i := range c.OutH() {
				for j := range c.OutW() {
					sum := float64(bias[m])
					for ch := range c.C {
						for kh := range c.KH {
							for kw := range c.KW {
								h, q := i*c.SH+kh*c.DH-c.PT, j*c.SW+kw*c.DW-c.PL
								if h >= 0 && h < c.H && q >= 0 && q < c.W {
									sum += float64(w[((m*c.C+ch)*c.KH+kh)*c.KW+kw]) * float64(x[((n*c.C+ch)*c.H+h)*c.W+q])
								}
							}
						}
					}
					y = append(y, sum)
				}
			}
		}
	}
	return y
}

// TestConv2DIsAConvolution compares with the definition, since the naive reference of winograd shares its
// formulas, and fused arithmetic has no other reference: its bits depend on the backend.
func TestConv2DIsAConvolution(t *testing.T) {
	r := seeded(t)
	ofWinograd := 0
	list := append(randomConvs(r), Conv{N: 1, C: 128, H: 20, W: 36, M: 40, KH: 3, KW: 3, SH: 1, SW: 1, PT: 1, PL: 1, PB: 1, PR: 1, DH: 1, DW: 1})
	type operands struct{ x, w, bias []float32 }
	in, want := make([]operands, len(list)), make([][]float64, len(list))
	for i, c := range list {
		in[i] = operands{random(r, c.N*c.C*c.H*c.W), random(r, c.M*c.taps()), random(r, c.M)}
		want[i] = convolveExactly(c, in[i].x, in[i].w, in[i].bias)
		if c.winograd() {
			ofWinograd++
		}
	}
	withEach(t, func(t *testing.T) {
		for i, c := range list {
			for _, c.Arithmetic = range []Arithmetic{Canonical, Fused} {
				y := make([]float32, len(want[i]))
				Conv2D(c, in[i].x, in[i].w, in[i].bias, y)
				near(t, fmt.Sprintf("Conv2D %+v", c), y, want[i], c.taps(), roundings(c))
			}
		}
	})
	if ofWinograd < 10 {
		t.Errorf("only %d of the shapes are winograd's", ofWinograd)
	}
}

// TestFusedRoundsOnce checks that fused kernels fuse: without fusing they would pass every tolerance.
func TestFusedRoundsOnce(t *testing.T) {
	withEach(t, func(t *testing.T) {
		c := Conv{N: 1, C: 3, H: 40, W: 40, M: 9, KH: 3, KW: 3, SH: 1, SW: 1, DH: 1, DW: 1}
		r := seeded(t)
		x, w := random(r, c.C*c.H*c.W), random(r, c.M*c.taps())
		var y [2][]float32
		for a := range y {
			c.Arithmetic = Arithmetic(a)
			y[a] = make([]float32, c.M*c.OutH()*c.OutW())
			Conv2D(c, x, w, nil, y[a])
		}
		differ := !slices.Equal(y[0], y[1])
		if strings.Contains(active.name, "relaxed") {
			t.Logf("this host fuses: %t", differ) // it need not
			return
		}
		if fuses := strings.HasPrefix(active.name, "AVX"); differ != fuses {
			t.Errorf("fused and canonical results differ: %t, want %t", differ, fuses)
		}
	})
}

// TestWinogradError bounds the error of winograd on a layer like those of the networks to some units in the
// last place of the result.
func TestWinogradError(t *testing.T) {
	r := seeded(t)
	c := Conv{N: 1, C: 64, H: 64, W: 16, M: 48, KH: 3, KW: 3, SH: 1, SW: 1, PT: 1, PL: 1, PB: 1, PR: 1, DH: 1, DW: 1}
	if !c.winograd() {
		t.Fatal("not winograd's")
	}
	x, w, b := random(r, c.C*c.H*c.W), random(r, c.M*c.taps()), make([]float32, c.M)
	y := make([]float32, c.M*c.H*c.W)
	Conv2D(c, x, w, b, y)
	var sum, most float64
	for i, want := range convolveExactly(c, x, w, b) {
		d := math.Abs(float64(y[i]) - want)
		sum, most = sum+d*d, max(most, d)
	}
	deviation := math.Sqrt(sum / float64(len(y)))
	t.Logf("error of sums of %d products in [-1, 1): %.2g, at most %.2g", c.taps(), deviation, most)
	// Sums of 576 products of variance 1/9 have deviation 8, where the steps of float32 are 2^-20 and more.
	if !(deviation < 2e-5 && most < 4e-4) {
		t.Errorf("error %.2g, at most %.2g", deviation, most)
	}
}

// TestFilter checks that a filter that was used for other weights, another shape or another backend computes
// the same as Conv2D.
func TestFilter(t *testing.T) {
	r := seeded(t)
	var f Filter
	for range 3 {
		withEach(t, func(t *testing.T) {
			for _, c := range randomConvs(r)[:30] {
				x, w, b := random(r, c.N*c.C*c.H*c.W), random(r, c.M*c.taps()), random(r, c.M)
				n := c.N * c.M * c.OutH() * c.OutW()
				got, want := make([]float32, n), make([]float32, n)
				for _, change := range []int{0, 0, len(w) - 1, len(w) / 2} {
					w[change] += float32(change) / 8
					f.Conv2D(c, x, w, b, got, Epilogue{})
					Conv2D(c, x, w, b, want)
					equalBits(t, fmt.Sprintf("filter %+v", c), got, want)
				}
			}
		})
	}
}

// TestConstantFilter checks that constant weights are packed again for another shape or backend, and only then.
func TestConstantFilter(t *testing.T) {
	r := seeded(t)
	f := Filter{Constant: true}
	withEach(t, func(t *testing.T) {
		for _, h := range []int{9, 5} {
			c := Conv{N: 1, C: 17, H: h, W: 8, M: 16, KH: 3, KW: 3, SH: 1, SW: 1, PT: 1, PL: 1, PB: 1, PR: 1, DH: 1, DW: 1}
			x, w := random(r, c.C*c.H*c.W), random(r, c.M*c.taps())
			got, want := make([]float32, c.M*c.H*c.W), make([]float32, c.M*c.H*c.W)
			for range 2 {
				f.Conv2D(c, x, w, nil, got, Epilogue{})
				Conv2D(c, x, w, nil, want)
				equalBits(t, "filter", got, want)
			}
			w[0]++
			f.Conv2D(c, x, w, nil, got, Epilogue{})
			equalBits(t, "filter that was told that its weights do not change", got, want)
		}
	})
}
