package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// inputTransformRow and outputTransformRow have the steps of the functions of the same names in package kernel.

const (
	side  = 4
	reach = 6
)

// inputTransformRow transforms six vectors of input.
func (s span) inputTransformRow(d [reach]reg.Register, store func(i int, v reg.Register)) {
	four, five := s.numbers.at(4), s.numbers.at(5)
	a, b := s.minus(d[4], s.times(d[2], four)), s.minus(d[3], s.times(d[1], four))
	store(1, s.plus(a, b))
	store(2, s.minus(a, b))
	e, f := s.minus(d[4], d[2]), s.times(s.minus(d[3], d[1]), s.numbers.at(2))
	store(3, s.plus(e, f))
	store(4, s.minus(e, f))
	store(0, s.plus(s.minus(s.times(d[0], four), s.times(d[2], five)), d[4]))
	store(5, s.plus(s.minus(s.times(d[1], four), s.times(d[3], five)), d[5]))
}

// outputTransformRow transforms six vectors of products to four of output.
func (s span) outputTransformRow(m [reach]reg.Register, store func(i int, v reg.Register)) {
	sum, difference := s.plus(m[1], m[2]), s.minus(m[1], m[2])
	a, b := s.plus(m[3], m[4]), s.minus(m[3], m[4])
	store(0, s.plus(s.plus(m[0], sum), a))
	store(1, s.plus(difference, s.times(b, s.numbers.at(2))))
	store(2, s.plus(sum, s.times(a, s.numbers.at(4))))
	store(3, s.plus(s.plus(difference, s.times(b, s.numbers.at(8))), m[5]))
}

// intermediate returns the address of part i of the result of the transform along columns, in whole vectors.
func intermediate(scratch reg.Register, i int) operand.Mem { return memory(scratch, 64*i) }

func (g *generator) inputTransform() {
	g.function("inputTransform", "(rows, width int, x *float32, row, plane int, v *float32, part int, scratch *float32)",
		"implements inputTransformTiles. rows is at least 1, width at least simd.Lanes.")
	x, row, plane, v, part, scratch := g.argument("x"), g.argument("row"), g.argument("plane"), g.argument("v"), g.argument("part"), g.argument("scratch")
	for _, distance := range []reg.GPVirtual{row, plane, part} {
		g.SHLQ(operand.Imm(2), distance)
	}
	rows, n, from, to, first, second, out := g.argument("rows"), g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64()
	g.Label("tiles")
	g.MOVQ(x, from)
	g.MOVQ(v, to)
	g.Load(g.Param("width"), n)
	g.columns(n, func(s span) {
		whole := span{generator: g} // lanes that were not loaded may be written to scratch
		g.MOVQ(from, first)
		for j := range side {
			g.LEAQ(operand.Mem{Base: first, Index: row, Scale: 1}, second)
			columns := rowsOf{first, second, row}
			for c := j; c < reach; c += side {
				var d [reach]reg.Register
				for i := range d {
					at := columns.at(i)
					at.Disp += 4 * (c / side)
					d[i] = s.load(at)
				}
				s.inputTransformRow(d, func(i int, e reg.Register) { whole.store(e, intermediate(scratch, reach*i+c)) })
			}
			if j < side-1 {
				g.ADDQ(plane, first)
			}
		}
		g.MOVQ(to, out)
		for i := range reach {
			var d [reach]reg.Register
			for j := range d {
				d[j] = s.register()
				s.VMOVUPS(intermediate(scratch, reach*i+j), d[j])
			}
			g.LEAQ(operand.Mem{Base: out, Index: part, Scale: 1}, second)
			parts := rowsOf{out, second, part}
			s.inputTransformRow(d, func(j int, e reg.Register) { s.store(e, parts.at(j)) })
			if i < reach-1 {
				g.LEAQ(operand.Mem{Base: second, Index: part, Scale: 4}, out)
				g.ADDQ(part, out)
			}
		}
	}, from, to)
	g.LEAQ(operand.Mem{Base: x, Index: row, Scale: side}, x)
	width := g.argument("width")
	g.LEAQ(operand.Mem{Base: v, Index: width, Scale: 4}, v)
	g.DECQ(rows)
	g.JNZ(operand.LabelRef("tiles"))
	g.end()
}

func (g *generator) outputTransform() {
	g.function("outputTransform", "(rows, width int, m *float32, part int, y *float32, plane int, bias float32, scratch *float32)",
		"implements outputTransformTiles. rows is at least 1, width at least simd.Lanes.")
	m, part, y, plane, scratch := g.argument("m"), g.argument("part"), g.argument("y"), g.argument("plane"), g.argument("scratch")
	bias := g.everywhere("bias")
	for _, distance := range []reg.GPVirtual{part, plane} {
		g.SHLQ(operand.Imm(2), distance)
	}
	row := g.argument("width")
	g.SHLQ(operand.Imm(2), row)
	rows, n, from, to, first, second, out, far := g.argument("rows"), g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64(), g.GP64()
	g.LEAQ(operand.Mem{Base: part, Index: part, Scale: 4}, far)
	g.ADDQ(part, far)
	g.Label("tiles")
	g.MOVQ(m, from)
	g.MOVQ(y, to)
	g.Load(g.Param("width"), n)
	g.columns(n, func(s span) {
		whole := span{generator: g}
		g.MOVQ(from, first)
		for j := range reach {
			// Parts j, j+6, ..., j+30 are a column.
			g.LEAQ(operand.Mem{Base: first, Index: far, Scale: 1}, second)
			columns := rowsOf{first, second, far}
			var d [reach]reg.Register
			for i := range d {
				d[i] = s.load(columns.at(i))
			}
			s.outputTransformRow(d, func(i int, e reg.Register) { whole.store(e, intermediate(scratch, reach*i+j)) })
			if j < reach-1 {
				g.ADDQ(part, first)
			}
		}
		g.MOVQ(to, out)
		for i := range side {
			var d [reach]reg.Register
			for j := range d {
				d[j] = s.register()
				s.VMOVUPS(intermediate(scratch, reach*i+j), d[j])
			}
			g.LEAQ(operand.Mem{Base: out, Index: plane, Scale: 1}, second)
			planes := rowsOf{out, second, plane}
			s.outputTransformRow(d, func(j int, e reg.Register) { s.store(s.plus(e, s.of(bias)), planes.at(j)) })
			if i < side-1 {
				g.ADDQ(row, out)
			}
		}
	}, from, to)
	g.ADDQ(row, m)
	g.LEAQ(operand.Mem{Base: y, Index: row, Scale: side}, y)
	g.DECQ(rows)
	g.JNZ(operand.LabelRef("tiles"))
	g.end()
}

// rowsOf addresses six equally spaced rows with two registers for addresses.
type rowsOf struct{ first, second, distance reg.GPVirtual }

// at returns the address of row i, 0 to 5.
func (r rowsOf) at(i int) operand.Mem {
	switch i {
	case 0:
		return memory(r.first, 0)
	case 1:
		return memory(r.second, 0)
	case 3:
		return operand.Mem{Base: r.second, Index: r.distance, Scale: 2}
	case 5:
		return operand.Mem{Base: r.second, Index: r.distance, Scale: 4}
	}
	return operand.Mem{Base: r.first, Index: r.distance, Scale: uint8(i)} // 2 and 4
}

func (g *generator) deinterleave() {
	g.function("deinterleave", "(n int, x, y *float32, stride int)", "implements deinterleave. n is a multiple of 4.")
	g.transpose("x", "y", func(four, planes operand.Mem) (from, to operand.Mem) { return four, planes })
}

func (g *generator) interleave() {
	g.function("interleave", "(n int, x *float32, stride int, y *float32)", "implements interleave. n is a multiple of 4.")
	g.transpose("y", "x", func(four, planes operand.Mem) (from, to operand.Mem) { return planes, four })
}

// transpose emits a loop that copies blocks of 4 x 4 elements from interleaved columns to four
// planes, or back.
func (g *generator) transpose(fours, planes string, direction func(four, plane operand.Mem) (from, to operand.Mem)) {
	four, plane, stride, n := g.argument(fours), g.argument(planes), g.argument("stride"), g.argument("n")
	g.SHLQ(operand.Imm(2), stride)
	triple := g.GP64()
	g.LEAQ(operand.Mem{Base: stride, Index: stride, Scale: 2}, triple)
	g.Label("step")
	var v [4]reg.VecVirtual
	at := [4]operand.Mem{memory(plane, 0), {Base: plane, Index: stride, Scale: 1}, {Base: plane, Index: stride, Scale: 2}, {Base: plane, Index: triple, Scale: 1}}
	for i := range v {
		v[i] = g.XMM()
		from, _ := direction(memory(four, 16*i), at[i])
		g.VMOVUPS(from, v[i])
	}
	// Pairs of rows, then pairs of pairs.
	pairs := [4]reg.VecVirtual{g.XMM(), g.XMM(), g.XMM(), g.XMM()}
	g.VUNPCKLPS(v[1], v[0], pairs[0])
	g.VUNPCKHPS(v[1], v[0], pairs[1])
	g.VUNPCKLPS(v[3], v[2], pairs[2])
	g.VUNPCKHPS(v[3], v[2], pairs[3])
	for i := range v {
		v[i] = g.XMM()
		low, high := pairs[i/2], pairs[2+i/2]
		if i%2 == 0 {
			g.VMOVLHPS(high, low, v[i])
		} else {
			g.VMOVHLPS(low, high, v[i])
		}
		_, to := direction(memory(four, 16*i), at[i])
		g.VMOVUPS(v[i], to)
	}
	g.ADDQ(operand.Imm(64), four)
	g.ADDQ(operand.Imm(16), plane)
	g.SUBQ(operand.Imm(4), n)
	g.JNZ(operand.LabelRef("step"))
	g.end()
}

// columns is each for any n of at least 4. Where no mask covers the rest, the last
// piece overlaps the previous one.
func (g *generator) columns(n reg.GPVirtual, body func(s span), addresses ...reg.Register) {
	if g.masks {
		g.each(n, body, addresses...)
		return
	}
	whole, half, rest, done := g.label("whole"), g.label("half"), g.label("rest"), g.label("done")
	advance := func(floats int) {
		for _, a := range addresses {
			g.ADDQ(operand.Imm(uint64(4*floats)), a)
		}
		g.SUBQ(operand.Imm(uint64(floats)), n)
	}
	g.Label(whole)
	g.CMPQ(n, operand.Imm(8))
	g.JL(operand.LabelRef(half))
	body(span{generator: g})
	advance(8)
	g.JMP(operand.LabelRef(whole))
	g.Label(half)
	g.CMPQ(n, operand.Imm(4))
	g.JL(operand.LabelRef(rest))
	body(span{generator: g, narrow: true})
	advance(4)
	g.Label(rest)
	g.TESTQ(n, n)
	g.JZ(operand.LabelRef(done))
	for _, a := range addresses {
		g.LEAQ(operand.Mem{Base: a, Index: n, Scale: 4, Disp: -16}, a)
	}
	body(span{generator: g, narrow: true})
	g.Label(done)
}
