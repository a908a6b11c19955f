package kernel

import (
	"unsafe"

	"enciphergan/internal/kernel/simd"
)

// The functions below are the imports "kernel" of the wasm, which its host
// provides (static/kernels.js). load gives it a module that uses the memory of
// this program, and tells whether the host can run it (1) or not (0). The others
// call the exports of that module; see simd.Module. Addresses are good for one
// call: within it nothing moves, because it is synchronous.

//go:wasmimport kernel load
//go:noescape
func load(module unsafe.Pointer, bytes int32) int32

//go:wasmimport kernel block
//go:noescape
func wasmBlock(rowPanels, columnPanels, k int32, a unsafe.Pointer, aStep int32, b unsafe.Pointer, bStep int32, offsets, bias, c unsafe.Pointer, ldc int32, scratch unsafe.Pointer)

//go:wasmimport kernel maps
//go:noescape
func wasmMaps(f, n int32, x, y unsafe.Pointer, p, q float32)

//go:wasmimport kernel pairs
//go:noescape
func wasmPairs(f, n int32, a, b, y unsafe.Pointer)

//go:wasmimport kernel sums
//go:noescape
func wasmSums(n int32, x, lanes unsafe.Pointer)

//go:wasmimport kernel squares
//go:noescape
func wasmSquares(n int32, x, lanes unsafe.Pointer, m float32)

//go:wasmimport kernel gather
//go:noescape
func wasmGather(n int32, index, x unsafe.Pointer, extent int32, y unsafe.Pointer) int32

//go:wasmimport kernel spread
//go:noescape
func wasmSpread(tiles, width int32, x, v unsafe.Pointer, part int32)

//go:wasmimport kernel fold
//go:noescape
func wasmFold(tiles, width int32, m unsafe.Pointer, stride, part int32, y unsafe.Pointer, bias float32)

// simd128 runs on the vectors of WebAssembly. The dot product, which serves
// training only, stays in Go.
var simd128 = backend{"WebAssembly SIMD128", simd.Rows, simd.Columns,
	simdBlock,
	1, 4, simd.Lanes, dotGo,
	leakyGradGo,
	&vectorKernels{
		maps: func(f simd.Map, n int, x, y *float32, p, q float32) {
			wasmMaps(int32(f), int32(n), unsafe.Pointer(x), unsafe.Pointer(y), p, q)
		},
		pairs: func(f simd.Pair, n int, a, b, y *float32) {
			wasmPairs(int32(f), int32(n), unsafe.Pointer(a), unsafe.Pointer(b), unsafe.Pointer(y))
		},
		sums: func(n int, x *float32, lanes *[simd.SumLanes]float32) {
			wasmSums(int32(n), unsafe.Pointer(x), unsafe.Pointer(lanes))
		},
		squares: func(n int, x *float32, lanes *[simd.SumLanes]float32, m float32) {
			wasmSquares(int32(n), unsafe.Pointer(x), unsafe.Pointer(lanes), m)
		},
		gather: func(n int, index *int32, x *float32, extent int, y *float32) bool {
			return wasmGather(int32(n), unsafe.Pointer(index), unsafe.Pointer(x), int32(extent), unsafe.Pointer(y)) != 0
		},
		spread: func(tiles, width int, x, v *float32, part int) {
			wasmSpread(int32(tiles), int32(width), unsafe.Pointer(x), unsafe.Pointer(v), int32(part))
		},
		fold: func(tiles, width int, m *float32, stride, part int, y *float32, bias float32) {
			wasmFold(int32(tiles), int32(width), unsafe.Pointer(m), int32(stride), int32(part), unsafe.Pointer(y), bias)
		},
	},
}

// panel is the scratch memory of block. Calls do not overlap: the program has one thread.
var panel []float32

func simdBlock(rowPanels, colPanels, k int, a *float32, aStep int, b *float32, bStep int, offsets *int, bias, c *float32, ldc int) {
	if len(panel) < k*simd.Columns {
		panel = make([]float32, k*simd.Columns)
	}
	wasmBlock(int32(rowPanels), int32(colPanels), int32(k), unsafe.Pointer(a), int32(aStep), unsafe.Pointer(b), int32(bStep),
		unsafe.Pointer(offsets), unsafe.Pointer(bias), unsafe.Pointer(c), int32(ldc), unsafe.Pointer(unsafe.SliceData(panel)))
}

// available lists the backends of this host, best first.
func available() []backend {
	if module := simd.Module(); load(unsafe.Pointer(&module[0]), int32(len(module))) == 0 {
		return []backend{portable}
	}
	return []backend{simd128, portable}
}
