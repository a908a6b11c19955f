package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// width is the number of vectors in a row of the tile.
const width = 2

// tiles emits the inner loops of matrix product and convolution, over a column or
// row of tiles of C.
func (g *generator) tiles(name string, rows int, fused bool) {
	rounding := "in two roundings"
	if fused {
		rounding = "fused"
	}
	g.function(name, "(tiles, k int, a *float32, aStep int, b *float32, bStep int, offsets *int, bias *float32, biasStep int, c *float32, cStep, ldc int)",
		fmt.Sprintf("adds to tiles of C of %d rows, for l = 0, 1, ..., k-1 in this order and %s: for tile t\n", rows, rounding)+
			"c[t*cStep+i*ldc+j] += a[t*aStep+l*rows+i] * b[t*bStep+offsets[l]+j]. With bias, C starts from\n"+
			"bias[t*biasStep+i] and not from its own values. tiles is at least 1.")
	tiles, a, b, bias, c, ldc := g.argument("tiles"), g.argument("a"), g.argument("b"), g.argument("bias"), g.argument("c"), g.argument("ldc")
	g.SHLQ(operand.Imm(2), ldc)
	acc := make([][width]reg.VecVirtual, rows)
	for r := range acc {
		for v := range acc[r] {
			acc[r][v] = g.vector()
		}
	}
	// tile visits the vectors of the tile at c.
	row := g.GP64()
	tile := func(visit func(at operand.Mem, v reg.VecVirtual)) {
		g.MOVQ(c, row)
		for r := range acc {
			if r > 0 {
				g.ADDQ(ldc, row)
			}
			for v := range width {
				visit(memory(row, 4*g.lanes*v), acc[r][v])
			}
		}
	}
	g.Label("tile")
	g.TESTQ(bias, bias)
	g.JZ(operand.LabelRef("unbiased"))
	for r := range acc {
		g.VBROADCASTSS(memory(bias, 4*r), acc[r][0])
		for v := 1; v < width; v++ {
			g.VMOVAPS(acc[r][0], acc[r][v])
		}
	}
	step := g.argument("biasStep")
	g.LEAQ(operand.Mem{Base: bias, Index: step, Scale: 4}, bias)
	g.JMP(operand.LabelRef("started"))
	g.Label("unbiased")
	tile(func(at operand.Mem, v reg.VecVirtual) { g.VMOVUPS(at, v) })
	g.Label("started")

	k, offsets, pa, at := g.argument("k"), g.argument("offsets"), g.GP64(), g.GP64()
	g.MOVQ(a, pa)
	g.TESTQ(k, k)
	g.JZ(operand.LabelRef("store"))
	g.Label("step")
	g.MOVQ(memory(offsets, 0), at)
	var bs [width]reg.VecVirtual
	for v := range bs {
		bs[v] = g.vector()
		g.VMOVUPS(operand.Mem{Base: b, Index: at, Scale: 4, Disp: 4 * g.lanes * v}, bs[v])
	}
	factor := g.vector()
	for r := range acc {
		g.VBROADCASTSS(memory(pa, 4*r), factor)
		if fused {
			for v := range bs {
				g.VFMADD231PS(bs[v], factor, acc[r][v])
			}
			continue
		}
		var products [width]reg.VecVirtual
		for v := range products {
			products[v] = g.vector()
			g.VMULPS(bs[v], factor, products[v])
		}
		for v := range products {
			g.VADDPS(products[v], acc[r][v], acc[r][v])
		}
	}
	g.ADDQ(operand.Imm(uint64(4*rows)), pa)
	g.ADDQ(operand.Imm(8), offsets)
	g.DECQ(k)
	g.JNZ(operand.LabelRef("step"))
	g.Label("store")
	tile(func(at operand.Mem, v reg.VecVirtual) { g.VMOVUPS(v, at) })

	for _, m := range []struct {
		address reg.GPVirtual
		step    string
	}{{a, "aStep"}, {b, "bStep"}, {c, "cStep"}} {
		step := g.argument(m.step)
		g.LEAQ(operand.Mem{Base: m.address, Index: step, Scale: 4}, m.address)
	}
	g.DECQ(tiles)
	g.JNZ(operand.LabelRef("tile"))
	g.end()
}

// pack emits a copy of neighbouring panels of B. It reads long runs of memory.
func (g *generator) pack() {
	g.function("pack", "(panels, k int, b *float32, offsets *int, to *float32)",
		"copies neighbouring panels of B: to[p*k*cols+l*cols+j] = b[offsets[l]+p*cols+j]. panels and k are at least 1.")
	k, offsets, to := g.argument("k"), g.argument("offsets"), g.argument("to")
	size := g.GP64()
	g.IMUL3Q(operand.U32(uint32(4*g.lanes*width)), k, size)
	b, from, at, panels := g.argument("b"), g.GP64(), g.GP64(), g.GP64()
	g.Label("step")
	g.MOVQ(memory(offsets, 0), from)
	g.LEAQ(operand.Mem{Base: b, Index: from, Scale: 4}, from)
	g.MOVQ(to, at)
	g.Load(g.Param("panels"), panels)
	g.Label("panel")
	var row [width]reg.VecVirtual
	for v := range row {
		row[v] = g.vector()
		g.VMOVUPS(memory(from, 4*g.lanes*v), row[v])
	}
	for v := range row {
		g.VMOVUPS(row[v], memory(at, 4*g.lanes*v))
	}
	g.ADDQ(operand.Imm(uint64(4*g.lanes*width)), from)
	g.ADDQ(size, at)
	g.DECQ(panels)
	g.JNZ(operand.LabelRef("panel"))
	g.ADDQ(operand.Imm(8), offsets)
	g.ADDQ(operand.Imm(uint64(4*g.lanes*width)), to)
	g.DECQ(k)
	g.JNZ(operand.LabelRef("step"))
	g.end()
}

// dot emits a tile of dot products of rows. It fuses, since only gradients use it,
// which are not canonical.
func (g *generator) dot() {
	columns := 4
	if !g.masks {
		columns = 2 // as many as fit 16 registers
	}
	const rows = 4
	g.function("dot", "(n int, a *float32, lda int, b *float32, offsets *int, c *float32, ldc int)",
		"adds to a tile of C the dot products of 4 rows of A and as many rows b + offsets[j] as the tile has columns,\n"+
			"in vector lanes, with fused multiply-add. n is a multiple of the lanes.")
	n, lda, b, offsets := g.argument("n"), g.argument("lda"), g.argument("b"), g.argument("offsets")
	g.SHLQ(operand.Imm(2), lda)
	var as [rows]reg.GPVirtual
	as[0] = g.argument("a")
	for r := 1; r < rows; r++ {
		as[r] = g.GP64()
		g.LEAQ(operand.Mem{Base: as[r-1], Index: lda, Scale: 1}, as[r])
	}
	bs := make([]reg.GPVirtual, columns)
	for j := range bs {
		bs[j] = g.GP64()
		g.MOVQ(memory(offsets, 8*j), bs[j])
		g.LEAQ(operand.Mem{Base: b, Index: bs[j], Scale: 4}, bs[j])
	}
	acc := make([][]reg.VecVirtual, rows)
	for r := range acc {
		acc[r] = make([]reg.VecVirtual, columns)
		for j := range acc[r] {
			acc[r][j] = g.vector()
			g.zero(acc[r][j])
		}
	}
	at := g.GP64()
	g.XORQ(at, at)
	g.SHLQ(operand.Imm(2), n)
	g.TESTQ(n, n)
	g.JZ(operand.LabelRef("reduce"))
	g.Label("step")
	var x [rows]reg.VecVirtual
	for r := range x {
		x[r] = g.vector()
		g.VMOVUPS(operand.Mem{Base: as[r], Index: at, Scale: 1}, x[r])
	}
	y := g.vector()
	for j := range bs {
		g.VMOVUPS(operand.Mem{Base: bs[j], Index: at, Scale: 1}, y)
		for r := range x {
			g.VFMADD231PS(y, x[r], acc[r][j])
		}
	}
	g.ADDQ(operand.Imm(uint64(4*g.lanes)), at)
	g.CMPQ(at, n)
	g.JL(operand.LabelRef("step"))
	g.Label("reduce")
	c, ldc := g.argument("c"), g.argument("ldc")
	for r := range acc {
		for j := range acc[r] {
			g.horizontal(acc[r][j])
			sum := acc[r][j].AsX()
			g.VADDSS(memory(c, 4*j), sum, sum)
			g.VMOVSS(sum, memory(c, 4*j))
		}
		if r < rows-1 {
			g.LEAQ(operand.Mem{Base: c, Index: ldc, Scale: 4}, c)
		}
	}
	g.end()
}

// horizontal sums the lanes of v into its first lane.
func (g *generator) horizontal(v reg.VecVirtual) {
	x, quarter := v.AsX(), g.XMM()
	if g.masks {
		half := g.YMM()
		g.VEXTRACTF64X4(operand.Imm(1), v, half)
		g.VADDPS(half, v.AsY(), v.AsY())
		g.VEXTRACTF32X4(operand.Imm(1), v.AsY(), quarter)
	} else {
		g.VEXTRACTF128(operand.Imm(1), v.AsY(), quarter)
	}
	g.VADDPS(quarter, x, x)
	g.VHADDPS(x, x, x)
	g.VHADDPS(x, x, x)
}
