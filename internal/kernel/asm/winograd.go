package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The steps of spread and fold are those of spreadRows and foldRows in package kernel.

// rowsOf are six rows at a common distance: two registers reach all of them.
type rowsOf struct{ first, second, distance reg.GPVirtual }

func (g *generator) rowsFrom(first, distance reg.GPVirtual) rowsOf {
	r := rowsOf{g.GP64(), g.GP64(), distance}
	g.MOVQ(first, r.first)
	g.LEAQ(operand.Mem{Base: first, Index: distance, Scale: 1}, r.second)
	return r
}

// at is where row i, 0 to 5, goes on.
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

func (g *generator) spread() {
	g.function("spread", "(tiles, width int, x, v *float32, part int)",
		"is spreadTiles. tiles is at least 1, width at least simd.Lanes.")
	tiles, width, x, v, part := g.argument("tiles"), g.argument("width"), g.argument("x"), g.argument("v"), g.argument("part")
	row, n := g.GP64(), g.GP64()
	g.MOVQ(width, row)
	g.SHLQ(operand.Imm(2), row)
	g.SHLQ(operand.Imm(2), part)
	g.Label("tile")
	from, to := g.rowsFrom(x, row), g.rowsFrom(v, part)
	g.MOVQ(width, n)
	g.columns(n, func(s span) {
		var d [6]reg.Register
		for i := range d {
			d[i] = s.load(from.at(i))
		}
		four, two := s.number(4), s.number(2)
		a, b := s.minus(d[4], s.times(four, d[2])), s.minus(d[3], s.times(four, d[1]))
		s.store(s.plus(a, b), to.at(1))
		s.store(s.minus(a, b), to.at(2))
		e, f := s.minus(d[4], d[2]), s.times(two, s.minus(d[3], d[1]))
		s.store(s.plus(e, f), to.at(3))
		s.store(s.minus(e, f), to.at(4))
		five := s.number(5)
		s.store(s.plus(s.minus(s.times(four, d[0]), s.times(five, d[2])), d[4]), to.at(0))
		s.store(s.plus(s.minus(s.times(four, d[1]), s.times(five, d[3])), d[5]), to.at(5))
	}, from.first, from.second, to.first, to.second)
	g.LEAQ(operand.Mem{Base: x, Index: row, Scale: 4}, x)
	g.ADDQ(row, v)
	g.DECQ(tiles)
	g.JNZ(operand.LabelRef("tile"))
	g.end()
}

func (g *generator) fold() {
	g.function("fold", "(tiles, width int, m *float32, stride, part int, y *float32, bias float32)",
		"is foldTiles for whole tiles. tiles is at least 1, width at least simd.Lanes.")
	tiles, width, m, stride, part, y := g.argument("tiles"), g.argument("width"), g.argument("m"), g.argument("stride"), g.argument("part"), g.argument("y")
	bias := g.everywhere("bias")
	row, n := g.GP64(), g.GP64()
	g.MOVQ(width, row)
	g.SHLQ(operand.Imm(2), row)
	g.SHLQ(operand.Imm(2), part)
	g.Label("tile")
	from, to := g.rowsFrom(m, part), g.rowsFrom(y, row)
	g.MOVQ(width, n)
	g.columns(n, func(s span) {
		var p [6]reg.Register
		for i := range p {
			p[i] = s.load(from.at(i))
		}
		sum, difference := s.plus(p[1], p[2]), s.minus(p[1], p[2])
		a, b := s.plus(p[3], p[4]), s.minus(p[3], p[4])
		s.store(s.plus(s.plus(s.plus(p[0], sum), a), s.of(bias)), to.at(0))
		s.store(s.plus(s.plus(difference, s.times(b, s.numbers.at(2))), s.of(bias)), to.at(1))
		s.store(s.plus(s.plus(sum, s.times(a, s.numbers.at(4))), s.of(bias)), to.at(2))
		s.store(s.plus(s.plus(s.plus(difference, s.times(b, s.numbers.at(8))), p[5]), s.of(bias)), to.at(3))
	}, from.first, from.second, to.first, to.second)
	g.LEAQ(operand.Mem{Base: m, Index: stride, Scale: 4}, m)
	g.LEAQ(operand.Mem{Base: y, Index: row, Scale: 4}, y)
	g.DECQ(tiles)
	g.JNZ(operand.LabelRef("tile"))
	g.end()
}

// columns runs body for n floats like each, but for any n of at
// least 4: where no mask cuts the rest, the last piece overlaps the one before.
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
