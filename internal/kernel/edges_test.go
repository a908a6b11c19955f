package kernel

import (
	"math"
	"testing"
)

// TestEdgesOfFunctions compares every function of one element with its definition in
// float64 at zeros, infinities, NaN, subnormal numbers and the ends of the ranges: on each
// backend, in vectors and in the elements after them, and as a step of FusedElementwise.
func TestEdgesOfFunctions(t *testing.T) {
	exact := func(v, want float64) float64 { return 0 }
	within := func(e float64) func(v, want float64) float64 { return func(v, want float64) float64 { return e } }
	relu := func(v float64) float64 {
		if v < 0 {
			return math.Copysign(0, -1)
		}
		return v
	}
	leak := float32(0.2)
	for _, c := range []struct {
		name  string
		f     func(dst, src []float32)
		want  func(float64) float64
		error func(v, want float64) float64 // 0: the float32 nearest to want, with the sign of its zero
		link  *Step
	}{
		{"ReLU", func(d, s []float32) { LeakyReLU(d, s, 0) }, relu, exact, ptr(StepLeakyReLU(0))},
		{"LeakyReLU", func(d, s []float32) { LeakyReLU(d, s, leak) }, func(v float64) float64 {
			if v < 0 {
				return float64(leak) * v
			}
			return v
		}, exact, ptr(StepLeakyReLU(leak))},
		// Results below the smallest normal number are 0.
		{"exp", Exp, math.Exp, func(v, want float64) float64 { return max(3e-7*want, 1.2e-38) }, &StepExp},
		{"tanh", Tanh, math.Tanh, within(4e-7), &StepTanh},
		{"erf", Erf, math.Erf, within(5e-7), &StepErf},
		{"sigmoid", Sigmoid, func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }, within(2e-7), &StepSigmoid},
		{"sqrt", Sqrt, math.Sqrt, exact, nil},
		{"floor", Floor, math.Floor, exact, nil},
		{"neg", Neg, func(v float64) float64 { return -v }, exact, nil},
		{"abs", Abs, math.Abs, exact, nil},
		{"clip", func(d, s []float32) { Clip(d, s, -1, 4) }, func(v float64) float64 { return min(max(v, -1), 4) }, exact, nil},
		{"clip to infinities", func(d, s []float32) { Clip(d, s, float32(math.Inf(-1)), float32(math.Inf(1))) }, func(v float64) float64 { return v }, exact, nil},
		{"scale", func(d, s []float32) { Scale(d, s, 0.1) }, func(v float64) float64 { return float64(float32(0.1)) * v }, exact, ptr(StepScalar(Times, 0.1, false))},
		{"scale by 0", func(d, s []float32) { Scale(d, s, 0) }, func(v float64) float64 { return 0 * v }, exact, ptr(StepScalar(Times, 0, true))},
		{"divide", func(d, s []float32) { Divide(d, s, 3) }, func(v float64) float64 { return v / 3 }, exact, ptr(StepScalar(Over, 3, false))},
		{"divide by 0", func(d, s []float32) { Divide(d, s, 0) }, func(v float64) float64 { return v / zero }, exact, ptr(StepScalar(Over, 0, false))},
		{"into", func(d, s []float32) { FusedElementwise(d, s, []Step{StepScalar(Over, 1, true)}) }, func(v float64) float64 { return 1 / v }, exact, ptr(StepScalar(Over, 1, true))},
		{"from", func(d, s []float32) { FusedElementwise(d, s, []Step{StepScalar(Minus, 0, true)}) }, func(v float64) float64 { return zero - v }, exact, ptr(StepScalar(Minus, 0, true))},
	} {
		t.Run(c.name, func(t *testing.T) {
			withEach(t, func(t *testing.T) {
				x := edges()
				for _, from := range []int{0, len(x) - 1, len(x) - 3} { // in vectors; the last elements without
					src, got := x[from:], make([]float32, len(x)-from)
					ways := map[string]func(){"function": func() { c.f(got, src) }}
					if c.link != nil {
						ways["link"] = func() { FusedElementwise(got, src, []Step{*c.link}) }
					}
					for way, compute := range ways {
						clear(got)
						compute()
						for i, v := range src {
							want := c.want(float64(v))
							e := c.error(float64(v), want)
							g := float64(got[i])
							same := math.IsNaN(g) && math.IsNaN(want)
							switch nearest := float32(want); {
							case math.IsNaN(want):
							case e == 0 || math.IsInf(float64(nearest), 0):
								same = math.Float32bits(got[i]) == math.Float32bits(nearest)
							default:
								same = math.Abs(g-want) <= e
							}
							if !same {
								t.Errorf("%s of %g is %g, want %g", way, v, got[i], want)
							}
						}
					}
				}
			})
		})
	}
}

// TestEdgesBehindConvolution checks the epilogue of a convolution at infinities.
func TestEdgesBehindConvolution(t *testing.T) {
	inf := float32(math.Inf(1))
	withEach(t, func(t *testing.T) {
		for _, width := range []int{1, 3, 21} { // with vectors and without
			c := Conv{N: 1, C: 1, H: 1, W: width, M: 1, KH: 1, KW: 1, SH: 1, SW: 1, DH: 1, DW: 1}
			for _, a := range []struct{ x, add, slope, want float32 }{
				{-inf, 0, 0, float32(math.Copysign(0, -1))}, {1, -inf, 0, float32(math.Copysign(0, -1))}, {inf, 0, 0, inf}, {1, inf, 0, inf},
				{-inf, 0, 0.5, -inf}, {inf, 1, 0.5, inf}, {inf, -inf, 0, float32(math.NaN())},
				{-3, 1, 0, float32(math.Copysign(0, -1))}, {3, 1, 0, 4}, {-3, 1, 0.5, -1},
			} {
				x, add, y, want := make([]float32, width), make([]float32, width), make([]float32, width), make([]float32, width)
				fill(x, a.x)
				fill(add, a.add)
				fill(want, a.want)
				var f Filter
				f.Conv2D(c, x, []float32{1}, nil, y, Epilogue{Add: add, Leaky: true, Slope: a.slope})
				equalNumbers(t, "what follows a convolution", x, y, want)
			}
		}
	})
}

var zero float64 // a variable, since the compiler refuses to divide by a constant 0

func ptr(l Step) *Step { return &l }
