package kernel

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
)

// digest returns the FNV-1a hash of the bits of values.
func digest(parts ...[]float32) uint32 {
	h := uint32(2166136261)
	for _, p := range parts {
		for _, v := range p {
			b := math.Float32bits(v)
			for range 4 {
				h = (h ^ b&0xff) * 16777619
				b >>= 8
			}
		}
	}
	return h
}

// canonical lists every function of the canonical arithmetic with the digest of its results on
// fixed inputs. Exchanged files depend on these bits, so a machine, compiler or kernel that returns
// other bits is wrong, and the digests change only with a new version of the format. The same test
// runs natively, on each backend of the machine, and under GOOS=js.
var canonical = []struct {
	name string
	want uint32
	run  func(r *rand.Rand) []float32
}{
	{"Gemm", 0xa27a5e0f, func(r *rand.Rand) []float32 {
		c := random(r, 33*70)
		Gemm(33, 70, 401, RowMajor(random(r, 33*401), 401), RowMajor(random(r, 401*70), 70), c, 70)
		return c
	}},
	{"MatMul", 0x51671d1e, func(r *rand.Rand) []float32 {
		y := make([]float32, 2*5*7)
		MatMul(y, random(r, 2*5*19), random(r, 19*7), 5, 7, 19, []int{0, 95}, []int{0, 0})
		return y
	}},
	{"Conv2D", 0xd68ff2a6, func(r *rand.Rand) []float32 {
		c := Conv{N: 2, C: 12, H: 17, W: 19, M: 24, KH: 3, KW: 3, SH: 1, SW: 1, PT: 1, PL: 1, PB: 1, PR: 1, DH: 1, DW: 1}
		y := make([]float32, 2*24*17*19)
		Conv2D(c, random(r, 2*12*17*19), random(r, 24*12*9), random(r, 24), y)
		return y
	}},
	{"Conv2D with stride", 0x417cbc5b, func(r *rand.Rand) []float32 {
		c := Conv{N: 1, C: 7, H: 17, W: 19, M: 9, KH: 3, KW: 4, SH: 2, SW: 3, PT: 1, PL: 2, PB: 0, PR: 1, DH: 1, DW: 1}
		y := make([]float32, 9*c.OutH()*c.OutW())
		Conv2D(c, random(r, 7*17*19), random(r, 9*7*12), nil, y)
		return y
	}},
	{"transposed convolution", 0xe76091c8, func(r *rand.Rand) []float32 {
		c := Conv{N: 1, C: 8, H: 14, W: 18, M: 16, KH: 3, KW: 3, SH: 2, SW: 2, PT: 1, PL: 1, PB: 1, PR: 1, DH: 1, DW: 1}
		x := make([]float32, 8*14*18)
		Conv2DGradInput(c, random(r, 16*c.OutH()*c.OutW()), random(r, 16*8*9), x)
		return x
	}},
	{"Sum", 0x0b780b62, func(r *rand.Rand) []float32 { return []float32{Sum(random(r, 4099))} }},
	{"MeanRows", 0xb8ce364f, func(r *rand.Rand) []float32 {
		y := make([]float32, 5)
		MeanRows(y, random(r, 5*77), 77)
		return y
	}},
	{"Moments", 0x212f33d4, func(r *rand.Rand) []float32 { m, d := Moments(random(r, 4099), 1e-5); return []float32{m, d} }},
	{"InstanceNorm", 0x8911e883, func(r *rand.Rand) []float32 {
		return filled(3*257, func(y []float32) { InstanceNorm(3, 257, random(r, len(y)), y, 1e-5) })
	}},
	{"Statistics", 0xee8c0f96, func(r *rand.Rand) []float32 {
		return filled(4*6, func(y []float32) { Statistics(4, 3, 77, 1, random(r, 4*3*77), y, 1e-5) })
	}},
	{"Standardize", 0xda69adfc, func(r *rand.Rand) []float32 {
		return filled(2*3*77, func(y []float32) { Standardize(2, 3, 77, random(r, len(y)), offset(r, 12, 2), y) })
	}},
	{"Restore", 0x53128015, func(r *rand.Rand) []float32 {
		return filled(2*3*77, func(y []float32) { Restore(2, 3, 77, random(r, len(y)), offset(r, 12, 2), y) })
	}},
	{"ChannelAffine", 0x10cdbec3, func(r *rand.Rand) []float32 {
		return filled(2*3*77, func(y []float32) { ChannelAffine(2, 3, 77, random(r, len(y)), random(r, 3), random(r, 3), y) })
	}},
	{"ChannelBias", 0xbf8ee068, func(r *rand.Rand) []float32 {
		return filled(2*3*77, func(y []float32) { ChannelBias(2, 3, 77, random(r, len(y)), random(r, 3), y) })
	}},
	{"BatchNormInference", 0x3831d78e, func(r *rand.Rand) []float32 {
		return filled(2*3*77, func(y []float32) {
			BatchNormInference(2, 3, 77, random(r, len(y)), random(r, 3), random(r, 3), random(r, 3), offset(r, 3, 2), y, 1e-5)
		})
	}},
	{"LeakyReLU", 0xa6161294, func(r *rand.Rand) []float32 {
		return filled(4099, func(y []float32) { LeakyReLU(y, random(r, len(y)), 0.2) })
	}},
	{"Exp", 0xa0cfdb37, pointwise(Exp, 80)},
	{"Tanh", 0x945646e1, pointwise(Tanh, 10)},
	{"Sigmoid", 0x55507c00, pointwise(Sigmoid, 80)},
	{"Erf", 0x9ac32f4d, pointwise(Erf, 5)},
	{"Scale", 0x52ea376d, pointwise(func(dst, src []float32) { Scale(dst, src, 0.3) }, 1)},
	{"Divide", 0xcda7417c, pointwise(func(dst, src []float32) { Divide(dst, src, 0.3) }, 1)},
	{"Multiply", 0x62e232ea, func(r *rand.Rand) []float32 {
		return filled(4099, func(y []float32) { Multiply(y, random(r, len(y)), random(r, len(y))) })
	}},
	{"RoundHalf", 0x246a7439, pointwise(RoundHalf, 1)},
	{"Sqrt", 0x1ac401a3, func(r *rand.Rand) []float32 { return filled(4099, func(y []float32) { Sqrt(y, offset(r, len(y), 1)) }) }},
	{"StraightThroughUniform", 0x3bf485a2, pointwise(StraightThroughUniform, 1.01)},
	{"StraightThroughSymmetric", 0x4743fe56, pointwise(StraightThroughSymmetric, 1.01)},
	{"quantisers", 0x917de104, func(r *rand.Rand) []float32 {
		// Random values, and the values around every border between two levels, where an additional rounding shows.
		c := random(r, 4099)
		for k := range 2 * Levels {
			for _, border := range []float32{float32(k)/256 - 1, float32(k)/127.5 - 1, (float32(k)+0.5)/127.5 - 1} {
				for ulp := int32(-2); ulp <= 2; ulp++ {
					c = append(c, math.Float32frombits(math.Float32bits(border)+uint32(ulp)))
				}
			}
		}
		levels := make([]byte, 2*len(c))
		QuantizeUniform(levels[:len(c)], c)
		QuantizeSymmetric(levels[len(c):], c)
		return filled(len(levels), func(y []float32) {
			for i, l := range levels {
				y[i] = float32(l)
			}
		})
	}},
	{"values of levels", 0xe456943e, func(r *rand.Rand) []float32 {
		var y []float32
		for k := range Levels {
			y = append(y, UniformValue(byte(k)), SymmetricValue(byte(k)))
		}
		return y
	}},
	{"LookUp", 0x317ecae8, func(r *rand.Rand) []float32 {
		return filled(4099, func(y []float32) { LookUp(y, random(r, len(y)), random(r, Levels)) })
	}},
	{"Conv2D with many channels", 0x39893ba0, func(r *rand.Rand) []float32 {
		c := Conv{N: 2, C: 24, H: 17, W: 19, M: 20, KH: 3, KW: 3, SH: 1, SW: 1, PT: 1, PL: 1, PB: 1, PR: 1, DH: 1, DW: 1}
		y := make([]float32, 2*20*17*19)
		Conv2D(c, random(r, 2*24*17*19), random(r, 20*24*9), random(r, 20), y)
		return y
	}},
}

func filled(n int, f func(y []float32)) []float32 {
	y := make([]float32, n)
	f(y)
	return y
}

// offset returns random(r, n), moved away from 0 by v.
func offset(r *rand.Rand, n int, v float32) []float32 {
	s := random(r, n)
	for i := range s {
		s[i] += v
	}
	return s
}

// pointwise runs f on values in [-reach, reach).
func pointwise(f func(dst, src []float32), reach float32) func(r *rand.Rand) []float32 {
	return func(r *rand.Rand) []float32 {
		x := random(r, 40000) // more than one chunk of the parallel loop
		for i := range x {
			x[i] *= reach
		}
		return filled(len(x), func(y []float32) { f(y, x) })
	}
}

func TestCanonicalBits(t *testing.T) {
	withEach(t, func(t *testing.T) {
		for i, c := range canonical {
			if got := digest(c.run(rand.New(rand.NewPCG(uint64(i), 20230111)))); got != c.want {
				t.Errorf("%s: digest %#08x, want %#08x", c.name, got, c.want)
			}
		}
	})
}

// TestSeveralProcessors checks that results do not depend on the number of workers.
func TestSeveralProcessors(t *testing.T) {
	for i, c := range canonical {
		var first []float32
		for _, workers := range []int{1, 2, 7} {
			before := runtime.GOMAXPROCS(workers)
			y := c.run(rand.New(rand.NewPCG(uint64(i), 20230111)))
			runtime.GOMAXPROCS(before)
			if first == nil {
				first = y
			}
			equalBits(t, c.name, y, first)
		}
	}
}
