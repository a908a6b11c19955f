// Package kernel computes the arithmetic of the networks: functions over []float32. Each fast
// function has a naive reference.
//
// # Canonical arithmetic
//
// Unless it says otherwise, every operation is IEEE 754 float32, without fused multiply-add, in one stated
// order per output element; kernels vectorise across outputs. So AVX-512, AVX2,
// WebAssembly SIMD128 and plain Go produce the same bits. The products of a
// sum are rounded before they are added: the explicit float32 conversions keep
// the compiler from fusing on arm64, and must stay.
//
// The orders are:
//   - matrix product and convolution: acc starts at the bias (or 0), then
//     acc += a[k]*b[k] for k = 0, 1, ...; a convolution's k runs over (input
//     channel, kernel row, kernel column), and padding contributes products with 0;
//   - convolution with kernels of 3 x 3, stride 1 and many channels: 36 such sums
//     over channels for 4 x 4 outputs, see winograd.go;
//   - transposed convolution with strides: one sum over (kernel row, kernel column,
//     channel), from 0, of the taps that reach the output;
//   - reductions over a plane (Sum): 16 interleaved partial sums, where lane j takes
//     elements j, j+16, ...; then lanes 8, 4, 2 and 1 apart are added in pairs.
//
// # Fused arithmetic
//
// A Conv may ask for Fused: the same sums in the same order, where products are not rounded
// before they are added if the machine has an instruction for it. It serves results that may
// differ between machines. Each result lies within a tolerance of the canonical one: half a
// unit in the last place of the partial sums for each product.
//
// Shapes use N batch, C channels, H height, W width, P = H*W positions.
//
// Main path: Conv2D and Gemm pack their operands into panels and call the block kernel of the
// backend, which is chosen at start. Package simd emits the kernels of WebAssembly, command asm
// those of amd64.
package kernel

//go:generate go run ./simd/emit

import (
	"fmt"
	"math/bits"
	"sync"
)

// Arithmetic is the way in which a convolution rounds its products.
type Arithmetic int

const (
	Canonical Arithmetic = iota // the same bits on every machine
	Fused                       // as fast as the machine can
)

func (a Arithmetic) String() string {
	switch a {
	case Canonical:
		return "canonical"
	case Fused:
		return "fused"
	}
	return fmt.Sprintf("Arithmetic(%d)", int(a))
}

// ParseArithmetic is the inverse of String.
func ParseArithmetic(s string) (Arithmetic, error) {
	for _, a := range []Arithmetic{Canonical, Fused} {
		if s == a.String() {
			return a, nil
		}
	}
	return 0, fmt.Errorf("unknown arithmetic %q; want canonical or fused", s)
}

// elementwise runs f on ranges of n elements in parallel, each large enough to be worth a task.
func elementwise(n int, f func(lo, hi int)) {
	chunk := 1 << 14
	if active.vectors != nil {
		chunk = 1 << 16
	}
	if n <= 2*chunk {
		f(0, n)
		return
	}
	parallel((n+chunk-1)/chunk, func(t int) { f(t*chunk, min(n, (t+1)*chunk)) })
}

// scratch holds slices for reuse by size class, so that a small buffer does not occupy a large
// one, which another caller would have to allocate again.
var scratch [8 * 64]sync.Pool

// sizeClass rounds n up to one of four sizes between powers of two.
func sizeClass(n int) (class, size int) {
	e := max(0, bits.Len(uint(n))-3)
	quarters := (n + 1<<e - 1) >> e
	if quarters == 8 {
		e, quarters = e+1, 4
	}
	return 8*e + quarters - 1, quarters << e
}

// getScratch returns a scratch slice of n elements, 1 or more, with unspecified contents; putScratch returns it.
func getScratch(n int) *[]float32 {
	class, size := sizeClass(n)
	s, ok := scratch[class].Get().(*[]float32)
	if !ok {
		made := make([]float32, size)
		s = &made
	}
	*s = (*s)[:n]
	return s
}

// putScratch makes a slice of getScratch available again.
func putScratch(s *[]float32) {
	class, _ := sizeClass(cap(*s))
	scratch[class].Put(s)
}
