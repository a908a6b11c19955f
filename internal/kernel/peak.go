package kernel

import (
	"runtime"
	"time"
)

// Peak measures the floating-point operations per second of the block kernel on
// all cores, with operands that stay in the first-level cache. This is an upper
// bound for a convolution. It takes about 0.2 s.
func Peak(a Arithmetic) float64 {
	const k, panels, calls, rounds = 128, 4, 500, 10
	cores := runtime.GOMAXPROCS(0)
	rows, cols, multiply := active.wide.rows, active.wide.cols, active.wide.of(a)
	work := float64(2*panels*rows*cols*k) * calls * float64(cores)
	offsets := make([]int, k)
	for i := range offsets {
		offsets[i] = i * cols
	}
	operands := make([][]float32, cores)
	for i := range operands {
		operands[i] = make([]float32, (panels*rows+cols)*k+panels*rows*cols)
	}
	best := time.Duration(1<<63 - 1)
	for range rounds {
		began := time.Now()
		parallel(cores, func(core int) {
			a := operands[core]
			b, c := a[panels*rows*k:], a[(panels*rows+cols)*k:]
			for range calls {
				multiply(panels, 1, k, &a[0], rows*k, &b[0], 0, &offsets[0], nil, &c[0], cols)
			}
		})
		best = min(best, time.Since(began))
	}
	return work / best.Seconds()
}
