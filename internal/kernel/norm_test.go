package kernel

import (
	"fmt"
	"math"
	"testing"
)

// sumNaive returns the sum of f(0), ..., f(n-1) in the order that the package comment states.
func sumNaive(n int, f func(i int) float32) float32 {
	var lanes [16]float32
	for i := range n {
		lanes[i%16] += f(i)
	}
	for _, width := range []int{8, 4, 2, 1} {
		for j := range width {
			lanes[j] += lanes[j+width]
		}
	}
	return lanes[0]
}

func squareOf(v float32) float32 { return float32(v * v) }

// momentsNaive returns the mean and the variance of the planes at the given starts, taken together.
func momentsNaive(x []float32, p int, starts ...int) (mean, variance float32) {
	count := float32(p * len(starts))
	for _, at := range starts {
		mean += sumNaive(p, func(i int) float32 { return x[at+i] })
	}
	mean /= count
	for _, at := range starts {
		variance += sumNaive(p, func(i int) float32 { return squareOf(x[at+i] - mean) })
	}
	return mean, variance / count
}

func deviationNaive(variance, eps float32) float32 {
	return float32(math.Sqrt(float64(float32(variance + eps))))
}

// planeSizes are one element, sizes around multiples of the 16 lanes, and long planes.
var planeSizes = []int{1, 2, 15, 16, 17, 31, 32, 33, 100, 1023, 1024, 20011}

func TestSumsEqualNaive(t *testing.T) {
	r := seeded(t)
	for _, n := range append([]int{0}, planeSizes...) {
		x, y, m := random(r, n), random(r, n), r.Float32()
		equalBits(t, fmt.Sprintf("sums of %d", n),
			[]float32{Sum(x), sumSquares(x, m), sumProducts(x, y)},
			[]float32{
				sumNaive(n, func(i int) float32 { return x[i] }),
				sumNaive(n, func(i int) float32 { return squareOf(x[i] - m) }),
				sumNaive(n, func(i int) float32 { return float32(x[i] * y[i]) }),
			})
	}
}

// TestSumOrder tells the order of Sum from others: next to 2^24 in one lane, ones
// are lost when they are added to it, but not when they are added to other lanes first.
func TestSumOrder(t *testing.T) {
	x := make([]float32, 48)
	for i := range x {
		x[i] = 1
	}
	x[3] = 1 << 24
	// Lane 3 loses its two ones. Lane 11 adds 3, which a tie rounds to 4; lanes 7, 1 and 0 then add 6, 12 and 24.
	if got, want := Sum(x), float32(1<<24+4+6+12+24); got != want {
		t.Errorf("the sum is %.0f, want %.0f", got, want)
	}
}

func TestMomentsEqualNaive(t *testing.T) {
	r := seeded(t)
	for _, p := range planeSizes {
		x := random(r, 3*p)
		mean, deviation := Moments(x[:p], 1e-5)
		m, v := momentsNaive(x, p, 0)
		equalBits(t, fmt.Sprintf("moments of %d", p), []float32{mean, deviation}, []float32{m, deviationNaive(v, 1e-5)})

		got, want := make([]float32, 3*p), make([]float32, 3*p)
		InstanceNorm(3, p, x, got, 1e-5)
		for at := 0; at < len(x); at += p {
			m, v := momentsNaive(x, p, at)
			for i := at; i < at+p; i++ {
				want[i] = float32(x[i]-m) / deviationNaive(v, 1e-5)
			}
		}
		equalBits(t, fmt.Sprintf("InstanceNorm of %d", p), got, want)
	}
}

func TestStatisticsEqualNaive(t *testing.T) {
	r := seeded(t)
	for _, s := range []struct{ n, c, p, group int }{{1, 1, 1, 1}, {1, 3, 17, 1}, {2, 5, 100, 1}, {4, 2, 33, 2}, {6, 3, 16, 3}, {2, 1, 20011, 2}} {
		x := random(r, s.n*s.c*s.p)
		got, want := make([]float32, s.n*2*s.c), make([]float32, s.n*2*s.c)
		Statistics(s.n, s.c, s.p, s.group, x, got, 1e-5)
		for n := range s.n {
			for c := range s.c {
				var starts []int
				for i := n / s.group * s.group; i < n/s.group*s.group+s.group; i++ {
					starts = append(starts, (i*s.c+c)*s.p)
				}
				m, v := momentsNaive(x, s.p, starts...)
				want[n*2*s.c+c] = HalfValue(HalfBits(m))
				want[n*2*s.c+s.c+c] = HalfValue(HalfBits(deviationNaive(v, 1e-5)))
			}
		}
		equalBits(t, fmt.Sprintf("Statistics %+v", s), got, want)
	}
}

// TestPerChannelEqualNaive tests the functions that apply parameters of each channel.
func TestPerChannelEqualNaive(t *testing.T) {
	r := seeded(t)
	for _, s := range []struct{ n, c, p int }{{1, 1, 1}, {2, 3, 17}, {1, 24, 100}, {3, 2, 1025}} {
		x, a, b, stats := random(r, s.n*s.c*s.p), random(r, s.c), random(r, s.c), random(r, s.n*2*s.c)
		mean, variance := random(r, s.c), make([]float32, s.c)
		for i := range a {
			a[i] += 2
			variance[i] = r.Float32()
		}
		for i := range stats {
			stats[i] += 2
		}
		got, want := make([]float32, len(x)), make([]float32, len(x))
		check := func(name string, run func(), twin func(v float32, c, row int) float32) {
			t.Helper()
			run()
			for i, v := range x {
				want[i] = twin(v, i/s.p%s.c, i/s.p/s.c*2*s.c)
			}
			equalBits(t, fmt.Sprintf("%s %+v", name, s), got, want)
		}
		check("Standardize", func() { Standardize(s.n, s.c, s.p, x, stats, got) },
			func(v float32, c, row int) float32 { return float32(v-stats[row+c]) / stats[row+s.c+c] })
		check("Restore", func() { Restore(s.n, s.c, s.p, x, stats, got) },
			func(v float32, c, row int) float32 { return float32(v*stats[row+s.c+c]) + stats[row+c] })
		check("ChannelAffine", func() { ChannelAffine(s.n, s.c, s.p, x, a, b, got) },
			func(v float32, c, _ int) float32 { return float32(v*a[c]) + b[c] })
		check("ChannelBias", func() { ChannelBias(s.n, s.c, s.p, x, b, got) },
			func(v float32, c, _ int) float32 { return v + b[c] })
		check("BatchNormInference", func() { BatchNormInference(s.n, s.c, s.p, x, a, b, mean, variance, got, 1e-5) },
			func(v float32, c, _ int) float32 {
				d := deviationNaive(variance[c], 1e-5)
				return float32(float32(float32(v-mean[c])/d)*a[c]) + b[c]
			})
	}
}
