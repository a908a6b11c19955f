package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"enciphergan/internal/kernel/simd"
)

// edges returns numbers at which vectors and Go could differ: zeros, infinities, NaN,
// the smallest and the largest numbers, and the numbers around every limit of the functions.
func edges() []float32 {
	list := []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
		math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, math.MaxFloat32, -math.MaxFloat32}
	for _, limit := range []float32{1, 4, 7.90531110763549805, 88.72283, 87.33654, 0.34657359, 126 * math.Ln2, 2147483648, 1 << 23, 0x1p-126} {
		for ulp := -2; ulp <= 2; ulp++ {
			v := math.Float32frombits(math.Float32bits(limit) + uint32(ulp))
			list = append(list, v, -v)
		}
	}
	return list
}

// equalNumbers is equalBits, except that all NaN are equal, since no standard specifies their bits.
func equalNumbers(t *testing.T, what string, x, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) && !(got[i] != got[i] && want[i] != want[i]) {
			t.Fatalf("%s of %g (element %d of %d): %g (%08x), want %g (%08x)", what, x[i], i, len(want), got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
}

// scalarMaps are the functions that the vectors must compute.
var scalarMaps = map[simd.Map]func(v, p, q float32) float32{
	simd.Fill:      func(v, p, q float32) float32 { return p },
	simd.Leaky:     func(v, p, q float32) float32 { return leaky(v, p) },
	simd.Larger:    func(v, p, q float32) float32 { return larger(v, p) },
	simd.Add:       func(v, p, q float32) float32 { return v + p },
	simd.Subtract:  func(v, p, q float32) float32 { return v - p },
	simd.From:      func(v, p, q float32) float32 { return p - v },
	simd.Scale:     func(v, p, q float32) float32 { return v * p },
	simd.Divide:    func(v, p, q float32) float32 { return v / p },
	simd.Into:      func(v, p, q float32) float32 { return p / v },
	simd.Affine:    func(v, p, q float32) float32 { return float32(v*p) + q },
	simd.Normalize: func(v, p, q float32) float32 { return (v - p) / q },
	simd.Exp:       func(v, p, q float32) float32 { return exp(v) },
	simd.Tanh:      func(v, p, q float32) float32 { return tanh(v) },
	simd.Sigmoid:   func(v, p, q float32) float32 { return 1 / (1 + exp(-v)) },
	simd.Erf:       func(v, p, q float32) float32 { return erf(v) },
}

// withVectors runs f on every backend that has vectors.
func withVectors(t *testing.T, f func(t *testing.T, v *vectorKernels)) {
	withEach(t, func(t *testing.T) {
		if active.vectors != nil {
			f(t, active.vectors)
		}
	})
}

func TestMapsEqualGo(t *testing.T) {
	withVectors(t, func(t *testing.T, kernels *vectorKernels) {
		r := seeded(t)
		x := edges()
		for range 5000 {
			x = append(x, (r.Float32()*2-1)*float32(math.Exp2(float64(r.IntN(20)-10))), math.Float32frombits(r.Uint32()))
		}
		x = x[:len(x)/simd.Lanes*simd.Lanes]
		for f := range simd.Maps {
			scalar := scalarMaps[f]
			if scalar == nil {
				t.Fatalf("map %d has no counterpart in this test", f)
			}
			p, q := r.Float32()+0.1, r.Float32()+0.1
			want := make([]float32, len(x))
			for i, v := range x {
				want[i] = scalar(v, p, q)
			}
			for _, n := range []int{simd.Lanes, 2 * simd.Lanes, len(x)} {
				got := make([]float32, n)
				kernels.maps(f, n, &x[0], &got[0], p, q)
				equalNumbers(t, "a map", x, got, want[:n])
			}
			inPlace := append([]float32{}, x...)
			kernels.maps(f, len(x), &inPlace[0], &inPlace[0], p, q)
			equalNumbers(t, "a map in place", x, inPlace, want)
		}
	})
}

func TestPairsEqualGo(t *testing.T) {
	withVectors(t, func(t *testing.T, kernels *vectorKernels) {
		r := seeded(t)
		special := edges()
		n := 4000
		a, b := make([]float32, n), make([]float32, n)
		for i := range a {
			a[i], b[i] = special[r.IntN(len(special))], math.Float32frombits(r.Uint32())
			if r.IntN(2) == 0 {
				a[i], b[i] = b[i], a[i]
			}
		}
		got, want := make([]float32, n), make([]float32, n)
		for f, scalar := range map[simd.Pair]func(a, b float32) float32{
			simd.Plus:  func(a, b float32) float32 { return a + b },
			simd.Minus: func(a, b float32) float32 { return a - b },
			simd.Times: func(a, b float32) float32 { return a * b },
			simd.Over:  func(a, b float32) float32 { return a / b },
		} {
			for i := range a {
				want[i] = scalar(a[i], b[i])
			}
			kernels.pairs(f, n, &a[0], &b[0], &got[0])
			equalNumbers(t, "a pair", a, got, want)
		}
	})
}

// TestSumsEqualGo tries every length up to several vectors, so that the border between vectors and Go moves
// through each of them.
func TestSumsEqualGo(t *testing.T) {
	withVectors(t, func(t *testing.T, _ *vectorKernels) {
		r := seeded(t)
		before := active
		defer func() { active = before }()
		all := func(x []float32) []float32 {
			m, d := Moments(x, 1e-5)
			y := make([]float32, len(x))
			Normalize(x, y, m, d)
			return append(y, Sum(x), m, d)
		}
		for n := 1; n < 100; n++ {
			x := random(r, n)
			active = before
			got := all(x)
			active = portable
			equalBits(t, "sums", got, all(x))
		}
	})
}

func TestBroadcastEqualsNaiveOnVectors(t *testing.T) {
	withEach(t, func(t *testing.T) {
		r := seeded(t)
		for range 200 {
			shape := []int{1 + r.IntN(3), 1 + r.IntN(4), 1 + r.IntN(30)}
			full := []int{shape[1] * shape[2], shape[2], 1}
			n := shape[0] * shape[1] * shape[2]
			a, b := random(r, n), offset(r, n, 3)
			got, want := make([]float32, n), make([]float32, n)
			for op := Plus; op <= Over; op++ {
				strides := [2][]int{append([]int{}, full...), append([]int{}, full...)}
				for d := range shape {
					if side := r.IntN(3); side < 2 {
						strides[side][d] = 0
					}
				}
				Broadcast(op, got, shape, a, strides[0], b, strides[1])
				BroadcastNaive(op, want, shape, a, strides[0], b, strides[1])
				equalBits(t, "broadcast", got, want)
			}
		}
	})
}

// FuzzBlock tries shapes of the matrix product on every backend. The simulated backend
// detects accesses outside of its operands.
func FuzzBlock(f *testing.F) {
	f.Add(uint8(1), uint8(1), uint8(0), uint8(0), int64(1))
	f.Add(uint8(9), uint8(17), uint8(5), uint8(3), int64(2))
	f.Fuzz(func(t *testing.T, m, n, k, spare uint8, seed int64) {
		r := rand.New(rand.NewPCG(uint64(seed), 0))
		rows, cols, depth, ldc := int(m)+1, int(n)+1, int(k), int(n)+1+int(spare)
		a, b, c := random(r, rows*depth), random(r, depth*cols), random(r, rows*ldc)
		want := append([]float32{}, c...)
		GemmNaive(rows, cols, depth, RowMajor(a, depth), RowMajor(b, cols), want, ldc)
		for _, m := range append(available(), simulated(t)...) {
			restore := use(m)
			got := append([]float32{}, c...)
			Gemm(rows, cols, depth, RowMajor(a, depth), RowMajor(b, cols), got, ldc)
			restore()
			equalBits(t, m.name, got, want)
		}
	})
}

// TestGatherOnVectors checks that indices that are negative or out of range have the same effect as in Go,
// at any position.
func TestGatherOnVectors(t *testing.T) {
	withEach(t, func(t *testing.T) {
		r := seeded(t)
		for _, n := range []int{4, 8, 33, 64} {
			for trial := range 60 {
				x, index := random(r, 2*n), make([]int32, 2*n)
				for i := range index {
					index[i] = int32(r.IntN(n))
				}
				spoiled := trial%2 == 1
				switch at := r.IntN(2 * n); {
				case spoiled:
					index[at] = []int32{int32(n), int32(-n - 1), math.MaxInt32, math.MinInt32}[trial/2%4]
				case trial%4 == 0:
					index[at] = -1
				}
				y := make([]float32, 2*n)
				err := GatherElements(y, x, index, []int{2, n}, []int{n, 1}, 1, n)
				if (err != nil) != spoiled {
					t.Fatalf("GatherElements with %v: error %v", index, err)
				}
				table := make([]float32, 2*n)
				if err := Gather(table, x[:n], index, n, 1); (err != nil) != spoiled {
					t.Fatalf("Gather with %v: error %v", index, err)
				}
				if spoiled {
					continue
				}
				for i, v := range index {
					j := (int(v) + n) % n
					if y[i] != x[i/n*n+j] || table[i] != x[j] {
						t.Fatalf("element %d of %d: %g and %g, want %g and %g", i, n, y[i], table[i], x[i/n*n+j], x[j])
					}
				}
			}
		}
	})
}

// FuzzConv tries shapes of convolutions in the same way.
func FuzzConv(f *testing.F) {
	f.Add(uint8(16), uint8(16), uint8(9), uint8(5), uint8(3), uint8(3), uint8(1), uint8(1), uint8(0), int64(1))
	f.Add(uint8(0), uint8(3), uint8(7), uint8(8), uint8(1), uint8(1), uint8(1), uint8(1), uint8(0), int64(2))
	f.Add(uint8(20), uint8(17), uint8(0), uint8(0), uint8(3), uint8(1), uint8(1), uint8(2), uint8(7), int64(3))
	f.Add(uint8(20), uint8(17), uint8(9), uint8(15), uint8(2), uint8(2), uint8(0), uint8(0), uint8(0x55), int64(4))    // tiles
	f.Add(uint8(1), uint8(97), uint8(122), uint8(41), uint8(21), uint8(55), uint8(1), uint8(4), uint8(28), int64(-68)) // a tap that reads only border
	f.Fuzz(func(t *testing.T, channels, filters, h, w, kh, kw, stride, dilation, pads uint8, seed int64) {
		c := Conv{N: 1, C: 1 + int(channels%24), H: 1 + int(h%20), W: 1 + int(w%20), M: 1 + int(filters%24),
			KH: 1 + int(kh%4), KW: 1 + int(kw%4), SH: 1 + int(stride%2), SW: 1 + int(stride/2%2), DH: 1 + int(dilation%2), DW: 1 + int(dilation/2%2),
			PT: int(pads & 3), PL: int(pads >> 2 & 3), PB: int(pads >> 4 & 3), PR: int(pads >> 6)}
		if c.Validate() != nil {
			return
		}
		r := rand.New(rand.NewPCG(uint64(seed), 0))
		x, weights, bias := random(r, c.C*c.H*c.W), random(r, c.M*c.taps()), random(r, c.M)
		want := make([]float32, c.M*c.OutH()*c.OutW())
		Conv2DNaive(c, x, weights, bias, want)
		for _, m := range append(available(), simulated(t)...) {
			restore := use(m)
			got := make([]float32, len(want))
			Conv2D(c, x, weights, bias, got)
			restore()
			equalBits(t, m.name, got, want)
		}
	})
}
