package kernel

import (
	"unsafe"

	"enciphergan/internal/kernel/simd"
)

// backend holds the kernels for one kind of machine. Callers check every bound; a kernel
// reads and writes exactly what its comment states.
type backend struct {
	name string

	// wide is the tile of C that stays in registers, narrow the tile for few rows.
	wide, narrow tile

	// dot adds to a tile of dotRows x dotCols of C:
	// c[i*ldc+j] += sum over p < n of a[i*lda+p] * b[offsets[j]+p], in any order
	// and fused where that is faster. n is a multiple of lanes.
	dotRows, dotCols, lanes int
	dot                     func(n int, a *float32, lda int, b *float32, offsets *int, c *float32, ldc int)

	// leakyGrad computes dx = dy, times slope where x < 0. n is a multiple of lanes.
	leakyGrad func(n int, x, dy, dx *float32, slope float32)

	vectors *vectorKernels // nil in plain Go
}

// tile is a part of C, rows x cols, with its kernels.
type tile struct {
	rows, cols int
	// block adds to rowPanels x colPanels tiles of C,
	// for l = 0, 1, ..., k-1 in this order and in two roundings: for tile (p, q)
	// c[(p*rows+i)*ldc + q*cols+j] += a[p*aStep + l*rows+i] * b[q*bStep + offsets[l]+j].
	// With bias, C starts from bias[p*rows+i] and not from what it holds.
	block blockKernel
	// fused is block with one rounding where the machine can, or else block itself.
	fused blockKernel
}

// of returns the kernel for an arithmetic.
func (t tile) of(a Arithmetic) blockKernel {
	if a == Fused {
		return t.fused
	}
	return t.block
}

// tile returns the tile that the convolution uses.
func (c Conv) tile() tile {
	if c.M <= active.narrow.rows {
		return active.narrow
	}
	return active.wide
}

type blockKernel func(rowPanels, colPanels, k int, a *float32, aStep int, b *float32, bStep int, offsets *int, bias, c *float32, ldc int)

// vectorKernels work on n elements with the bits of plain Go. In sums n is
// a multiple of simd.SumLanes, elsewhere of simd.Lanes.
type vectorKernels struct {
	maps  func(f simd.Map, n int, x, y *float32, p, q float32)
	pairs func(f simd.Pair, n int, a, b, y *float32)
	// sums adds x[j], x[j+16], ... to lane j, squares the products (x-m)*(x-m).
	sums    func(n int, x *float32, lanes *[simd.SumLanes]float32)
	squares func(n int, x *float32, lanes *[simd.SumLanes]float32, m float32)
	// gather computes y[i] = x[index[i]] and returns true, or stops at an index that is
	// negative or not below extent and returns false.
	gather func(n int, index *int32, x *float32, extent int, y *float32) bool
	// The Winograd transforms compute the functions of the same names; width is at least simd.Lanes.
	deinterleave    func(n int, x, y *float32, stride int)
	interleave      func(n int, x *float32, stride int, y *float32)
	inputTransform  func(rows, width int, x *float32, row, plane int, v *float32, part int, scratch *float32)
	outputTransform func(rows, width int, m *float32, part int, y *float32, plane int, bias float32, scratch *float32)
}

// mapVectors computes the first elements of y = f(x) with vectors and returns their number. x and y have equal length.
func mapVectors(f simd.Map, x, y []float32, p, q float32) int {
	n := len(x) &^ (simd.Lanes - 1)
	if active.vectors == nil || n == 0 {
		return 0
	}
	active.vectors.maps(f, n, &x[:n][0], &y[:n][0], p, q)
	return n
}

// pairVectors computes the first elements of y = f(a, b) with vectors and returns their number. All have equal length.
func pairVectors(f simd.Pair, a, b, y []float32) int {
	n := len(y) &^ (simd.Lanes - 1)
	if active.vectors == nil || n == 0 {
		return 0
	}
	active.vectors.pairs(f, n, &a[:n][0], &b[:n][0], &y[:n][0])
	return n
}

var active = available()[0]

// Name returns the name of the backend that this machine uses.
func Name() string { return active.name }

// portable is the backend in plain Go. Its tile of 4 x 4 sums fits the registers of amd64,
// arm64 and of V8's WebAssembly.
var portable = backend{"plain Go", goTile, goTile, 1, 4, 4, dotGo, leakyGradGo, nil}

var goTile = tile{4, 4, blockOf(4, 4, microGo), blockOf(4, 4, microGo)}

// blockOf makes a block kernel from a kernel for one tile of rows x cols.
func blockOf(rows, cols int, micro func(k int, a, b *float32, offsets *int, c *float32, ldc int)) blockKernel {
	return func(rowPanels, colPanels, k int, a *float32, aStep int, b *float32, bStep int, offsets *int, bias, c *float32, ldc int) {
		for q := range colPanels {
			for p := range rowPanels {
				tile := at(c, p*rows*ldc+q*cols)
				if bias != nil {
					for i, v := range unsafe.Slice(at(bias, p*rows), rows) {
						fill(unsafe.Slice(at(tile, i*ldc), cols), v)
					}
				}
				micro(k, at(a, p*aStep), at(b, q*bStep), offsets, tile, ldc)
			}
		}
	}
}

func at(p *float32, elements int) *float32 {
	return (*float32)(unsafe.Add(unsafe.Pointer(p), 4*elements))
}

func microGo(k int, a, b *float32, offsets *int, c *float32, ldc int) {
	as := unsafe.Slice(a, 4*k)
	cs := unsafe.Slice(c, 3*ldc+4)
	r0, r1, r2, r3 := cs[:4:4], cs[ldc:ldc+4:ldc+4], cs[2*ldc:2*ldc+4:2*ldc+4], cs[3*ldc:3*ldc+4:3*ldc+4]
	c00, c01, c02, c03 := r0[0], r0[1], r0[2], r0[3]
	c10, c11, c12, c13 := r1[0], r1[1], r1[2], r1[3]
	c20, c21, c22, c23 := r2[0], r2[1], r2[2], r2[3]
	c30, c31, c32, c33 := r3[0], r3[1], r3[2], r3[3]
	for _, o := range unsafe.Slice(offsets, k) {
		bs := (*[4]float32)(unsafe.Add(unsafe.Pointer(b), o*4))
		ar := (*[4]float32)(as)
		as = as[4:]
		a0, a1, a2, a3 := ar[0], ar[1], ar[2], ar[3]
		b0, b1, b2, b3 := bs[0], bs[1], bs[2], bs[3]
		c00 += float32(a0 * b0)
		c01 += float32(a0 * b1)
		c02 += float32(a0 * b2)
		c03 += float32(a0 * b3)
		c10 += float32(a1 * b0)
		c11 += float32(a1 * b1)
		c12 += float32(a1 * b2)
		c13 += float32(a1 * b3)
		c20 += float32(a2 * b0)
		c21 += float32(a2 * b1)
		c22 += float32(a2 * b2)
		c23 += float32(a2 * b3)
		c30 += float32(a3 * b0)
		c31 += float32(a3 * b1)
		c32 += float32(a3 * b2)
		c33 += float32(a3 * b3)
	}
	r0[0], r0[1], r0[2], r0[3] = c00, c01, c02, c03
	r1[0], r1[1], r1[2], r1[3] = c10, c11, c12, c13
	r2[0], r2[1], r2[2], r2[3] = c20, c21, c22, c23
	r3[0], r3[1], r3[2], r3[3] = c30, c31, c32, c33
}

func dotGo(n int, a *float32, lda int, b *float32, offsets *int, c *float32, ldc int) {
	as := unsafe.Slice(a, n)
	cs := unsafe.Slice(c, 4)
	for j, o := range unsafe.Slice(offsets, 4) {
		bs := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(b), o*4)), n)
		var s0, s1, s2, s3 float32
		for p := 0; p+4 <= n; p += 4 {
			s0 += as[p] * bs[p]
			s1 += as[p+1] * bs[p+1]
			s2 += as[p+2] * bs[p+2]
			s3 += as[p+3] * bs[p+3]
		}
		cs[j] += s0 + s1 + s2 + s3
	}
}

func leaky(v, slope float32) float32 {
	if w := float32(slope * v); v < w {
		return w
	}
	return v
}

// larger returns the greater of v and p, and v where neither is greater.
func larger(v, p float32) float32 {
	if v < p {
		return p
	}
	return v
}

func leakyGradGo(n int, x, dy, dx *float32, slope float32) {
	xs, ds, out := unsafe.Slice(x, n), unsafe.Slice(dy, n), unsafe.Slice(dx, n)
	for i, v := range xs {
		g := ds[i]
		if v < 0 {
			g *= slope
		}
		out[i] = g
	}
}
