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
		list = append(list, backend{"AVX-512",
			tile{8, 32, blocked(8, 32, wideAVX512, packAVX512), blocked(8, 32, wideFusedAVX512, packAVX512)},
			tile{4, 32, blocked(4, 32, narrowAVX512, packAVX512), blocked(4, 32, narrowFusedAVX512, packAVX512)},
			4, 4, 16, dotAVX512, leakyGradAVX512, &vectorKernels{
				maps:  func(f simd.Map, n int, x, y *float32, p, q float32) { mapsAVX512(int(f), n, x, y, p, q) },
				pairs: func(f simd.Pair, n int, a, b, y *float32) { pairsAVX512(int(f), n, a, b, y) },
				sums:  sumsAVX512, squares: squaresAVX512, gather: gather,
				deinterleave: deinterleaveAVX512, interleave: interleaveAVX512, inputTransform: inputTransformAVX512, outputTransform: outputTransformAVX512,
			}})
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		whole := tile{4, 16, blocked(4, 16, wideAVX2, packAVX2), blocked(4, 16, wideFusedAVX2, packAVX2)}
		list = append(list, backend{"AVX2", whole, whole, 4, 2, 8, dotAVX2, leakyGradAVX2, &vectorKernels{
			maps:  func(f simd.Map, n int, x, y *float32, p, q float32) { mapsAVX2(int(f), n, x, y, p, q) },
			pairs: func(f simd.Pair, n int, a, b, y *float32) { pairsAVX2(int(f), n, a, b, y) },
			sums:  sumsAVX2, squares: squaresAVX2, gather: gather,
			deinterleave: deinterleaveAVX2, interleave: interleaveAVX2, inputTransform: inputTransformAVX2, outputTransform: outputTransformAVX2,
		}})
	}
	return append(list, portable)
}

const (
	chunk = 256     // steps whose panels of B are copied at a time
	group = 1 << 14 // elements of B copied at a time; with as many of A and C they stay in the second-level cache
)

// blocked makes a block kernel from a kernel for a run of tiles. Where several panels of A are
// multiplied with adjacent panels of B, it first copies those of B: rows a power of two apart would
// evict one another from the cache. The sums of a later chunk continue in C.
func blocked(rows, cols int, tiles func(tiles, k int, a *float32, aStep int, b *float32, bStep int, offsets *int, bias *float32, biasStep int, c *float32, cStep, ldc int),
	pack func(panels, k int, b *float32, offsets *int, to *float32)) blockKernel {
	var packed [chunk]int
	for l := range packed {
		packed[l] = l * cols
	}
	return func(rowPanels, colPanels, k int, a *float32, aStep int, b *float32, bStep int, offsets *int, bias, c *float32, ldc int) {
		if rowPanels == 1 || k == 0 || bStep != cols {
			for q := range colPanels {
				tiles(rowPanels, k, a, aStep, at(b, q*bStep), 0, offsets, bias, rows, at(c, q*cols), rows*ldc, ldc)
			}
			return
		}
		steps := unsafe.Slice(offsets, k)
		chunks := (k + chunk - 1) / chunk
		width := min(colPanels, max(1, group/(cols*min(k, chunk)))) // in panels
		panels := getScratch(width * cols * min(k, chunk))
		for q := 0; q < colPanels; q += width {
			n := min(width, colPanels-q)
			for i := range chunks {
				l0, l1 := k*i/chunks, k*(i+1)/chunks
				pack(n, l1-l0, at(b, q*cols), &steps[l0], &(*panels)[0])
				for p := range rowPanels {
					var start *float32
					if bias != nil && i == 0 {
						start = at(bias, p*rows)
					}
					tiles(n, l1-l0, at(a, p*aStep+l0*rows), 0, &(*panels)[0], (l1-l0)*cols, &packed[0], start, 0, at(c, p*rows*ldc+q*cols), cols, ldc)
				}
			}
		}
		putScratch(panels)
	}
}
