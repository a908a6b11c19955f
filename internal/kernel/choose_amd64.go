package kernel

import (
	"unsafe"

	"golang.org/x/sys/cpu"

	"enciphergan/internal/kernel/simd"
)

//go:generate go run ./asm

// available lists the backends of this machine, best first.
func available() []backend {
	var list []backend
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL && cpu.X86.HasBMI2 {
		list = append(list, backend{"AVX-512", 8, 32, blocked(8, 32, tilesAVX512, packAVX512), 4, 4, 16, dotAVX512, leakyGradAVX512, &vectorKernels{
			maps:  func(f simd.Map, n int, x, y *float32, p, q float32) { mapsAVX512(int(f), n, x, y, p, q) },
			pairs: func(f simd.Pair, n int, a, b, y *float32) { pairsAVX512(int(f), n, a, b, y) },
			sums:  sumsAVX512, squares: squaresAVX512, gather: gather, spread: spreadAVX512, fold: foldAVX512,
		}})
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		list = append(list, backend{"AVX2", 4, 16, blocked(4, 16, tilesAVX2, packAVX2), 4, 2, 8, dotAVX2, leakyGradAVX2, &vectorKernels{
			maps:  func(f simd.Map, n int, x, y *float32, p, q float32) { mapsAVX2(int(f), n, x, y, p, q) },
			pairs: func(f simd.Pair, n int, a, b, y *float32) { pairsAVX2(int(f), n, a, b, y) },
			sums:  sumsAVX2, squares: squaresAVX2, gather: gather, spread: spreadAVX2, fold: foldAVX2,
		}})
	}
	return append(list, portable)
}

// chunk is the number of steps whose panel of B is packed at a time: it stays,
// with the panel of A beside it, within the first-level cache. The sums go on in C.
const chunk = 256

// packedSteps are the offsets of a packed panel of B.
func packedSteps(cols int) *[chunk]int {
	var s [chunk]int
	for l := range s {
		s[l] = l * cols
	}
	return &s
}

// blocked makes a block of a kernel for one panel of B. Where several panels of A
// meet a panel of B, that one is copied together first: rows of B that lie a power of
// two apart would push one another out of the cache.
func blocked(rows, cols int, tiles func(rowPanels, k int, a *float32, aStep int, b *float32, offsets *int, bias, c *float32, ldc int),
	pack func(k int, b *float32, offsets *int, to *float32)) blockKernel {
	packed := packedSteps(cols)
	return func(rowPanels, colPanels, k int, a *float32, aStep int, b *float32, bStep int, offsets *int, bias, c *float32, ldc int) {
		if rowPanels == 1 || k == 0 {
			for q := range colPanels {
				tiles(rowPanels, k, a, aStep, at(b, q*bStep), offsets, bias, at(c, q*cols), ldc)
			}
			return
		}
		steps := unsafe.Slice(offsets, k)
		chunks := (k + chunk - 1) / chunk
		panel := borrow(cols * min(k, chunk))
		for q := range colPanels {
			start := bias
			for i := range chunks {
				l0, l1 := k*i/chunks, k*(i+1)/chunks
				pack(l1-l0, at(b, q*bStep), &steps[l0], &(*panel)[0])
				tiles(rowPanels, l1-l0, at(a, l0*rows), aStep, &(*panel)[0], &packed[0], start, at(c, q*cols), ldc)
				start = nil
			}
		}
		release(panel)
	}
}
