package kernel

import (
	_ "embed"
	"unsafe"

	"enciphergan/internal/kernel/simd"
)

// The two builds of simd.Module. They are embedded files, since the emitter would be as
// large as 20 of them and take a third of the start-up time.
var (
	//go:embed relaxed.wasm
	relaxed []byte
	//go:embed simd128.wasm
	simd128 []byte
)

// The functions below are imported from "kernel", which the host provides
// (static/kernels.js). load instantiates a module on the memory of this program
// and returns 1, or 0 if the host cannot run it. The others call the exports of
// that module; see simd.Module. Addresses are valid for one call, which is
// synchronous, so that nothing moves during it.

//go:wasmimport kernel load
//go:noescape
func load(module unsafe.Pointer, bytes int32) int32

//go:wasmimport kernel block
//go:noescape
func wasmBlock(rowPanels, columnPanels, k int32, a unsafe.Pointer, aStep int32, b unsafe.Pointer, bStep int32, offsets, bias, c unsafe.Pointer, ldc int32, scratch unsafe.Pointer)

// wasmFused is block of the relaxed build.
//
//go:wasmimport kernel fused
//go:noescape
func wasmFused(rowPanels, columnPanels, k int32, a unsafe.Pointer, aStep int32, b unsafe.Pointer, bStep int32, offsets, bias, c unsafe.Pointer, ldc int32, scratch unsafe.Pointer)

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

//go:wasmimport kernel deinterleave
//go:noescape
func wasmDeinterleave(n int32, x, y unsafe.Pointer, stride int32)

//go:wasmimport kernel interleave
//go:noescape
func wasmInterleave(n int32, x unsafe.Pointer, stride int32, y unsafe.Pointer)

//go:wasmimport kernel inputTransform
//go:noescape
func wasmInputTransform(rows, width int32, x unsafe.Pointer, row, plane int32, v unsafe.Pointer, part int32)

//go:wasmimport kernel outputTransform
//go:noescape
func wasmOutputTransform(rows, width int32, m unsafe.Pointer, part int32, y unsafe.Pointer, plane int32, bias float32)

// vectors returns the backend with the vectors of WebAssembly. The dot product and
// leakyGrad, which only training uses, are in Go.
func vectors(name string, whole tile) backend {
	return backend{name, whole, whole,
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
			deinterleave: func(n int, x, y *float32, stride int) {
				wasmDeinterleave(int32(n), unsafe.Pointer(x), unsafe.Pointer(y), int32(stride))
			},
			interleave: func(n int, x *float32, stride int, y *float32) {
				wasmInterleave(int32(n), unsafe.Pointer(x), int32(stride), unsafe.Pointer(y))
			},
			inputTransform: func(rows, width int, x *float32, row, plane int, v *float32, part int, _ *float32) {
				wasmInputTransform(int32(rows), int32(width), unsafe.Pointer(x), int32(row), int32(plane), unsafe.Pointer(v), int32(part))
			},
			outputTransform: func(rows, width int, m *float32, part int, y *float32, plane int, bias float32, _ *float32) {
				wasmOutputTransform(int32(rows), int32(width), unsafe.Pointer(m), int32(part), unsafe.Pointer(y), int32(plane), bias)
			},
		},
	}
}

// panel is the scratch memory of block. Calls do not overlap: the program has one thread.
var panel []float32

// panelOf returns the address of scratch memory for k steps of a panel of B.
func panelOf(k int) unsafe.Pointer {
	if len(panel) < k*simd.Columns {
		panel = make([]float32, k*simd.Columns)
	}
	return unsafe.Pointer(unsafe.SliceData(panel))
}

func simdBlock(rowPanels, colPanels, k int, a *float32, aStep int, b *float32, bStep int, offsets *int, bias, c *float32, ldc int) {
	wasmBlock(int32(rowPanels), int32(colPanels), int32(k), unsafe.Pointer(a), int32(aStep), unsafe.Pointer(b), int32(bStep),
		unsafe.Pointer(offsets), unsafe.Pointer(bias), unsafe.Pointer(c), int32(ldc), panelOf(k))
}

func simdFused(rowPanels, colPanels, k int, a *float32, aStep int, b *float32, bStep int, offsets *int, bias, c *float32, ldc int) {
	wasmFused(int32(rowPanels), int32(colPanels), int32(k), unsafe.Pointer(a), int32(aStep), unsafe.Pointer(b), int32(bStep),
		unsafe.Pointer(offsets), unsafe.Pointer(bias), unsafe.Pointer(c), int32(ldc), panelOf(k))
}

// available lists the backends of this host, best first. The relaxed build contains
// the functions of the other, so that one module suffices.
func available() []backend {
	try := func(module []byte) bool {
		return load(unsafe.Pointer(&module[0]), int32(len(module))) != 0
	}
	whole := tile{simd.Rows, simd.Columns, simdBlock, simdBlock}
	if try(relaxed) {
		whole.fused = simdFused
		return []backend{vectors("WebAssembly relaxed SIMD", whole), portable}
	}
	if try(simd128) {
		return []backend{vectors("WebAssembly SIMD128", whole), portable}
	}
	return []backend{portable}
}
