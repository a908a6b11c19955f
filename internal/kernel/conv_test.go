package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func randomConvs(r *rand.Rand) []Conv {
	list := []Conv{
		{N: 1, C: 1, H: 1, W: 1, M: 1, KH: 1, KW: 1, SH: 1, SW: 1, DH: 1, DW: 1},
		{N: 2, C: 24, H: 16, W: 16, M: 64, KH: 3, KW: 3, SH: 1, SW: 1, PT: 1, PL: 1, PB: 1, PR: 1, DH: 1, DW: 1},
		{N: 1, C: 3, H: 38, W: 21, M: 32, KH: 7, KW: 7, SH: 1, SW: 1, DH: 1, DW: 1},
		{N: 1, C: 5, H: 9, W: 130, M: 9, KH: 3, KW: 3, SH: 2, SW: 2, PT: 1, PL: 1, PB: 1, PR: 1, DH: 1, DW: 1},
		{N: 1, C: 2, H: 5, W: 4, M: 3, KH: 1, KW: 1, SH: 1, SW: 1, PT: 2, PL: 3, PB: 1, PR: 0, DH: 1, DW: 1},
		{N: 1, C: 1, H: 3, W: 3, M: 2, KH: 3, KW: 3, SH: 1, SW: 1, DH: 1, DW: 1},
		{N: 1, C: 2, H: 1, W: 1, M: 2, KH: 3, KW: 3, SH: 3, SW: 3, PT: 4, PL: 4, PB: 4, PR: 4, DH: 2, DW: 1},
	}
	// Kernels of 3 x 3 and many channels, most of them by winograd: full and cut tiles,
	// rows of tiles shorter than a vector and much longer, different pads.
	for range 24 {
		c := Conv{N: 1 + r.IntN(2), C: 16 + r.IntN(5), H: 2 + r.IntN(20), W: 2 + r.IntN(40), M: 16 + r.IntN(9),
			KH: 3, KW: 3, SH: 1, SW: 1, DH: 1, DW: 1, PT: r.IntN(3), PL: r.IntN(3), PB: r.IntN(3), PR: r.IntN(3)}
		if c.Validate() == nil {
			list = append(list, c)
		}
	}
	list = append(list, Conv{N: 1, C: 16, H: 70, W: 90, M: 16, KH: 3, KW: 3, SH: 1, SW: 1, PT: 1, PL: 1, PB: 1, PR: 1, DH: 1, DW: 1})
	// Each violates one condition of winograd.
	for _, c := range []Conv{{C: 15, M: 16, H: 9, W: 9, KW: 3, SW: 1, DW: 1}, {C: 16, M: 15, H: 9, W: 9, KW: 3, SW: 1, DW: 1}, {C: 16, M: 16, H: 3, W: 9, KW: 3, SW: 1, DW: 1},
		{C: 16, M: 16, H: 9, W: 9, KW: 4, SW: 1, DW: 1}, {C: 16, M: 16, H: 9, W: 9, KW: 3, SW: 2, DW: 1}, {C: 16, M: 16, H: 9, W: 9, KW: 3, SW: 1, DW: 2}} {
		c.N, c.KH, c.SH, c.DH, c.PT, c.PB, c.PL, c.PR = 1, 3, 1, 1, 1, 1, 1, 1
		list = append(list, c)
	}
	for len(list) < 96 {
		c := Conv{N: 1 + r.IntN(3), C: 1 + r.IntN(9), H: 1 + r.IntN(20), W: 1 + r.IntN(40), M: 1 + r.IntN(20),
			KH: 1 + r.IntN(4), KW: 1 + r.IntN(4), SH: 1 + r.IntN(2), SW: 1 + r.IntN(3), DH: 1 + r.IntN(2), DW: 1 + r.IntN(2),
			PT: r.IntN(3), PL: r.IntN(3), PB: r.IntN(3), PR: r.IntN(3)}
		if r.IntN(2) == 0 {
			c.SH, c.SW = 1, 1
		}
		if c.Validate() == nil {
			list = append(list, c)
		}
	}
	return list
}

func TestConv2DEqualsNaive(t *testing.T) {
	withEach(t, func(t *testing.T) {
		r := seeded(t)
		for _, c := range randomConvs(r) {
			x, w, b := random(r, c.N*c.C*c.H*c.W), random(r, c.M*c.taps()), random(r, c.M)
			n := c.N * c.M * c.OutH() * c.OutW()
			got, want := make([]float32, n), make([]float32, n)
			Conv2D(c, x, w, b, got)
			Conv2DNaive(c, x, w, b, want)
			equalBits(t, fmt.Sprintf("Conv2D %+v", c), got, want)
			Conv2D(c, x, w, nil, got)
			Conv2DNaive(c, x, w, nil, want)
			equalBits(t, fmt.Sprintf("Conv2D without bias %+v", c), got, want)
		}
	})
}

// TestEpilogueEqualsSteps checks that an epilogue has the same bits as separate steps after the
// convolution, in each way to compute a convolution.
func TestEpilogueEqualsSteps(t *testing.T) {
	withEach(t, func(t *testing.T) {
		r := seeded(t)
		for i, c := range append(randomConvs(r), Conv{N: 2, C: 9, H: 8, W: 32, M: 16, KH: 1, KW: 1, SH: 1, SW: 1, DH: 1, DW: 1}) {
			x, w, b := random(r, c.N*c.C*c.H*c.W), random(r, c.M*c.taps()), random(r, c.M)
			n := c.N * c.M * c.OutH() * c.OutW()
			got, want, add := make([]float32, n), make([]float32, n), random(r, n)
			epilogue := Epilogue{Leaky: i%3 > 0, Slope: 0.2}
			Conv2D(c, x, w, b, want)
			if i%2 == 0 {
				epilogue.Add = add
				for i, v := range add {
					want[i] += v
				}
			}
			if epilogue.Leaky {
				LeakyReLU(want, want, epilogue.Slope)
			}
			var f Filter
			f.Conv2D(c, x, w, b, got, epilogue)
			equalBits(t, fmt.Sprintf("%+v then %t, %t", c, epilogue.Add != nil, epilogue.Leaky), got, want)
		}
	})
}

// gradientsNaive computes both gradients of a convolution in float64, from the definition.
func gradientsNaive(c Conv, x, w, dy []float32) (dx, dw []float64) {
	dx, dw = make([]float64, len(x)), make([]float64, len(w))
	o := 0
	for n := range c.N {
		for m := range c.M {
			for i := range c.OutH() {
				for j := range c.OutW() {
					for ch := range c.C {
						for kh := range c.KH {
							for kw := range c.KW {
								h, q := i*c.SH+kh*c.DH-c.PT, j*c.SW+kw*c.DW-c.PL
								if h < 0 || h >= c.H || q < 0 || q >= c.W {
									continue
								}
								xi, wi := ((n*c.C+ch)*c.H+h)*c.W+q, ((m*c.C+ch)*c.KH+kh)*c.KW+kw
								dx[xi] += float64(w[wi]) * float64(dy[o])
								dw[wi] += float64(x[xi]) * float64(dy[o])
							}
						}
					}
					o++
				}
			}
		}
	}
	return dx, dw
}

// plainly is the tolerance per term of a sum of products, in halves of an ulp of the sum. One
// rounding per term would be 1, but partial sums may be larger than the result.
const plainly = 4

// byTiles is the same for winograd. Its input transform increases values by up to 10 along each axis,
// its filter transform reduces weights by up to 6, and its output transform has weights of up to 8.
const byTiles = 32

// roundings returns the tolerance for a convolution. It suits fused sums too, which round less often.
func roundings(c Conv) float64 {
	if c.winograd() {
		return byTiles
	}
	return plainly
}

// near compares sums of products of values in [-1, 1) with a tolerance for the given number of terms.
func near(t *testing.T, what string, got []float32, want []float64, terms int, roundings float64) {
	t.Helper()
	tol := float64(terms+4) * math.Exp2(-24) * roundings
	for i := range got {
		if d := math.Abs(float64(got[i]) - want[i]); !(d <= tol*max(1, math.Abs(want[i]))) {
			t.Fatalf("%s: element %d is %g, want %g (tolerance %g)", what, i, got[i], want[i], tol)
		}
	}
}

func TestConv2DGradients(t *testing.T) {
	withEach(t, func(t *testing.T) {
		r := seeded(t)
		for i, c := range randomConvs(r) {
			c.Arithmetic = Arithmetic(i % 2)
			x, w, dy := random(r, c.N*c.C*c.H*c.W), random(r, c.M*c.taps()), random(r, c.N*c.M*c.OutH()*c.OutW())
			dx, dw := gradientsNaive(c, x, w, dy)
			gx, gw := make([]float32, len(x)), make([]float32, len(w))
			Conv2DGradInput(c, dy, w, gx)
			Conv2DGradWeight(c, x, dy, gw)
			back := c
			if r, ok := c.mirrored(); ok {
				back = r
			}
			near(t, fmt.Sprintf("input gradient %+v", c), gx, dx, c.M*c.KH*c.KW, roundings(back))
			near(t, fmt.Sprintf("weight gradient %+v", c), gw, dw, c.N*c.OutH()*c.OutW(), plainly)
		}
	})
}

func TestConv2DBitsAcrossBackends(t *testing.T) {
	r := seeded(t)
	for _, c := range randomConvs(r)[:20] {
		w, dy := random(r, c.M*c.taps()), random(r, c.N*c.M*c.OutH()*c.OutW())
		var first []float32
		withEach(t, func(t *testing.T) {
			dx := make([]float32, c.N*c.C*c.H*c.W)
			Conv2DGradInput(c, dy, w, dx)
			if first == nil {
				first = dx
			}
			equalBits(t, "transposed convolution", dx, first)
		})
	}
}

// TestConvBudget checks that a convolution is refused for the memory it allocates, and for nothing else.
func TestConvBudget(t *testing.T) {
	conv := func(c Conv) Conv { // 3 x 3 by default
		for _, v := range []*int{&c.N, &c.SH, &c.SW, &c.DH, &c.DW} {
			*v = max(*v, 1)
		}
		for _, v := range []*int{&c.KH, &c.KW} {
			if *v == 0 {
				*v = 3
			}
		}
		return c
	}
	for name, c := range map[string]struct {
		conv                    Conv
		forward, weights, input bool // whether each is within the budget
	}{
		"the paper's last layer at 640 x 640": {conv(Conv{C: 32, H: 646, W: 646, M: 3, KH: 7, KW: 7}), true, true, true},
		"the largest input and output":        {conv(Conv{C: 64, H: 2048, W: 2048, M: 64, PT: 1, PB: 1, PL: 1, PR: 1}), true, false, true},
		"an input too large":                  {conv(Conv{C: 64, H: 2049, W: 2048, M: 1}), false, false, false},
		"an output too large":                 {conv(Conv{C: 1, H: 2048, W: 2048, M: 65, PT: 1, PB: 1, PL: 1, PR: 1}), false, false, false},
		"weights too large":                   {conv(Conv{C: 1 << 14, H: 3, W: 3, M: 1 << 12}), false, false, false},
		"strides: what every tap reads":       {conv(Conv{C: 64, H: 1024, W: 1024, M: 1, KH: 7, KW: 7, SH: 2, SW: 2}), true, false, true},
		"a row of wide borders":               {conv(Conv{C: 1 << 10, H: 1, W: 1, M: 1, PL: 1 << 18, PR: 1 << 18, PT: 1, PB: 1, DW: 1 << 18}), false, false, false},
		"a border of the gradient":            {conv(Conv{N: 1 << 10, C: 1, H: 1, W: 2, M: 1 << 10, KW: 1, KH: 2, DH: 2048, PT: 2048, SW: 2}), true, true, false},
		"samples with their borders":          {conv(Conv{N: 1 << 12, C: 16, H: 1, W: 1, M: 1, KH: 1, KW: 1, PT: 127, PL: 127, SH: 128, SW: 128}), true, true, true},
	} {
		for what, got := range map[string]struct {
			err  error
			want bool
		}{
			"forward":             {c.conv.Validate(), c.forward},
			"gradient of weights": {c.conv.ValidateGradWeight(), c.weights},
			"gradient of input":   {c.conv.ValidateGradInput(), c.input},
		} {
			if (got.err == nil) != got.want {
				t.Errorf("%s, %s: %v, want an error: %t", name, what, got.err, !got.want)
			}
		}
	}
}

func FuzzConvValidate(f *testing.F) {
	f.Add(1, 1, 3, 3, 1, 3, 3, 1, 1, 1, 1)
	f.Add(1<<20, 1<<20, 1<<20, 1, 1, 1, 1, 1, 1, 0, 1)
	f.Fuzz(func(t *testing.T, n, ch, h, w, m, kh, kw, s, d, p, q int) {
		c := Conv{N: n, C: ch, H: h, W: w, M: m, KH: kh, KW: kw, SH: s, SW: s, DH: d, DW: d, PT: p, PL: q, PB: q, PR: p}
		if c.Validate() != nil {
			return
		}
		if c.OutH() < 1 || c.OutW() < 1 {
			t.Fatalf("%+v is called valid but has output %d x %d", c, c.OutH(), c.OutW())
		}
		if c.N*c.M*c.OutH()*c.OutW()*c.taps() > 1<<20 || c.N*c.C*(c.H+c.PT+c.PB)*(c.W+c.PL+c.PR) > 1<<20 {
			return
		}
		x, wt, y := make([]float32, c.N*c.C*c.H*c.W), make([]float32, c.M*c.taps()), make([]float32, c.N*c.M*c.OutH()*c.OutW())
		Conv2D(c, x, wt, nil, y)
		if c.ValidateGradInput() == nil {
			Conv2DGradInput(c, y, wt, x)
		}
		if c.ValidateGradWeight() == nil {
			Conv2DGradWeight(c, x, y, wt)
		}
	})
}

func BenchmarkConv2D(b *testing.B) {
	c := Conv{N: 4, C: 24, H: 32, W: 32, M: 64, KH: 3, KW: 3, SH: 1, SW: 1, PT: 1, PL: 1, PB: 1, PR: 1, DH: 1, DW: 1}
	r := rand.New(rand.NewPCG(1, 1))
	x, w, y := random(r, c.N*c.C*c.H*c.W), random(r, c.M*c.taps()), make([]float32, c.N*c.M*c.OutH()*c.OutW())
	report := func(b *testing.B) {
		b.ReportMetric(2*float64(len(y)*c.taps())*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	}
	b.Run("forward", func(b *testing.B) {
		for b.Loop() {
			Conv2D(c, x, w, nil, y)
		}
		report(b)
	})
	b.Run("input gradient", func(b *testing.B) {
		for b.Loop() {
			Conv2DGradInput(c, y, w, x)
		}
		report(b)
	})
	b.Run("weight gradient", func(b *testing.B) {
		for b.Loop() {
			Conv2DGradWeight(c, x, y, w)
		}
		report(b)
	})
}
