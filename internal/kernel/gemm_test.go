package kernel

import (
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

// random returns n values in [-1, 1), some of them exactly 0.
func random(r *rand.Rand, n int) []float32 {
	s := make([]float32, n)
	for i := range s {
		if r.IntN(16) > 0 {
			s[i] = r.Float32()*2 - 1
		}
	}
	return s
}

func seeded(t testing.TB) *rand.Rand {
	const seed = 20230111
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func equalBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: element %d is %g (%08x), want %g (%08x)", what, i, got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
}

// withEach runs f once for every backend of this machine, and for the simulated ones.
func withEach(t *testing.T, f func(t *testing.T)) {
	for _, m := range append(available(), simulated(t)...) {
		restore := use(m)
		t.Run(m.name, f)
		restore()
	}
}

// use makes m the backend until restore is called. A simulated backend gets one
// processor, as in a browser's worker: it copies whole operands in and out, and
// would overwrite the columns that another core computes.
func use(m backend) (restore func()) {
	before, processors := active, runtime.GOMAXPROCS(0)
	active = m
	if strings.HasSuffix(m.name, "simulated") {
		runtime.GOMAXPROCS(1)
	}
	return func() {
		active = before
		runtime.GOMAXPROCS(processors)
	}
}

func TestGemmEqualsNaive(t *testing.T) {
	withEach(t, func(t *testing.T) {
		r := seeded(t)
		shapes := [][3]int{{1, 1, 1}, {8, 32, 5}, {3, 7, 0}, {5, 33, 2}, {48, 48, 48}, {64, 300, 216}, {9, 65, 400}, {1, 1000, 900}}
		for range 40 {
			shapes = append(shapes, [3]int{1 + r.IntN(40), 1 + r.IntN(90), 1 + r.IntN(60)})
		}
		for _, s := range shapes {
			m, n, k := s[0], s[1], s[2]
			a, b, c := random(r, m*k), random(r, k*n), random(r, m*n)
			for _, ma := range []Matrix{RowMajor(a, k), {a, 1, m}} {
				for _, mb := range []Matrix{RowMajor(b, n), {b, 1, k}} {
					got, want := append([]float32{}, c...), append([]float32{}, c...)
					Gemm(m, n, k, ma, mb, got, n)
					GemmNaive(m, n, k, ma, mb, want, n)
					equalBits(t, "Gemm", got, want)
				}
			}
		}
	})
}

func BenchmarkGemm(b *testing.B) {
	m, n, k := 64, 1024, 216
	r := rand.New(rand.NewPCG(1, 1))
	x, y, z := random(r, m*k), random(r, k*n), make([]float32, m*n)
	for b.Loop() {
		Gemm(m, n, k, RowMajor(x, k), RowMajor(y, n), z, n)
	}
	b.ReportMetric(2*float64(m*n*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

// TestSizeClasses checks that a slice returns to the class that it was taken from, and that it is at most a
// quarter longer than asked for, above 8 elements.
func TestSizeClasses(t *testing.T) {
	for n := 1; n < 100000; n++ {
		class, size := sizeClass(n)
		if again, same := sizeClass(size); again != class || same != size {
			t.Fatalf("%d elements: class %d of size %d, whose own are %d and %d", n, class, size, again, same)
		}
		if size < n || n > 8 && size > n+n/4 {
			t.Fatalf("%d elements are given %d", n, size)
		}
	}
}
