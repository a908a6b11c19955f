package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"enciphergan/internal/kernel/simd"
)

// span is the part of a vector that functions of elements apply to: all of it or,
// for the rest of a slice, its first lanes.
type span struct {
	*generator
	narrow bool       // AVX2: the first half
	mask   operand.Op // AVX-512: the lanes of the rest; nil for all
}

func (s span) of(v reg.VecVirtual) reg.Register {
	if s.narrow {
		return v.AsX()
	}
	return v
}

func (s span) register() reg.Register { return s.of(s.vector()) }

func (s span) load(from operand.Mem) reg.Register {
	v := s.register()
	if s.mask != nil {
		s.VMOVUPS_Z(from, s.mask, v)
	} else {
		s.VMOVUPS(from, v)
	}
	return v
}

func (s span) store(v operand.Op, to operand.Mem) {
	if s.mask != nil {
		s.VMOVUPS(v, s.mask, to)
	} else {
		s.VMOVUPS(v, to)
	}
}

// each runs body for every vector of n floats and for the rest, and advances the
// addresses. n is a multiple of simd.Lanes.
func (g *generator) each(n reg.Register, body func(s span), addresses ...reg.Register) {
	whole, rest, done := g.label("whole"), g.label("rest"), g.label("done")
	g.SUBQ(operand.Imm(uint64(g.lanes)), n)
	g.JL(operand.LabelRef(rest))
	g.Label(whole)
	body(span{generator: g})
	for _, a := range addresses {
		g.ADDQ(operand.Imm(uint64(4*g.lanes)), a)
	}
	g.SUBQ(operand.Imm(uint64(g.lanes)), n)
	g.JGE(operand.LabelRef(whole))
	g.Label(rest)
	g.ADDQ(operand.Imm(uint64(g.lanes)), n)
	g.JZ(operand.LabelRef(done))
	if g.masks {
		// The lowest n bits.
		ones, mask := g.GP32(), g.K()
		g.MOVL(operand.U32(0xffff), ones)
		g.BZHIL(n.(reg.GPVirtual).As32(), ones, ones)
		g.KMOVW(ones, mask)
		body(span{generator: g, mask: mask})
	} else {
		body(span{generator: g, narrow: true})
	}
	g.Label(done)
}

// maps emits all functions of one element.
func (g *generator) maps() {
	g.function("maps", "(f, n int, x, y *float32, p, q float32)",
		"computes y[i] = f(x[i], p, q) for a simd.Map f. n is a multiple of simd.Lanes.")
	f, n, x, y := g.argument("f"), g.argument("n"), g.argument("x"), g.argument("y")
	p, q := g.everywhere("p"), g.everywhere("q")
	of := map[simd.Map]func(s span, v reg.Register) reg.Register{
		simd.Fill:      func(s span, _ reg.Register) reg.Register { return s.of(p) },
		simd.Leaky:     func(s span, v reg.Register) reg.Register { return s.larger(s.times(v, s.of(p)), v) },
		simd.Larger:    func(s span, v reg.Register) reg.Register { return s.larger(s.of(p), v) },
		simd.Add:       func(s span, v reg.Register) reg.Register { return s.plus(v, s.of(p)) },
		simd.Subtract:  func(s span, v reg.Register) reg.Register { return s.minus(v, s.of(p)) },
		simd.From:      func(s span, v reg.Register) reg.Register { return s.minus(s.of(p), v) },
		simd.Scale:     func(s span, v reg.Register) reg.Register { return s.times(v, s.of(p)) },
		simd.Divide:    func(s span, v reg.Register) reg.Register { return s.over(v, s.of(p)) },
		simd.Into:      func(s span, v reg.Register) reg.Register { return s.over(s.of(p), v) },
		simd.Affine:    func(s span, v reg.Register) reg.Register { return s.plus(s.times(v, s.of(p)), s.of(q)) },
		simd.Normalize: func(s span, v reg.Register) reg.Register { return s.over(s.minus(v, s.of(p)), s.of(q)) },
		simd.Exp:       span.exp,
		simd.Tanh:      span.tanh,
		simd.Sigmoid: func(s span, v reg.Register) reg.Register {
			one := s.number(1)
			return s.over(one, s.plus(s.exp(s.negative(v)), one))
		},
		simd.Erf: span.erf,
	}
	g.choose(f, int(simd.Maps), func(f int) {
		g.each(n, func(s span) {
			var v reg.Register
			if simd.Map(f) != simd.Fill {
				v = s.load(memory(x, 0))
			}
			s.store(of[simd.Map(f)](s, v), memory(y, 0))
		}, x, y)
	})
}

// pairs emits all functions of two elements.
func (g *generator) pairs() {
	g.function("pairs", "(f, n int, a, b, y *float32)",
		"computes y[i] = f(a[i], b[i]) for a simd.Pair f. n is a multiple of simd.Lanes.")
	f, n, a, b, y := g.argument("f"), g.argument("n"), g.argument("a"), g.argument("b"), g.argument("y")
	of := [simd.Pairs]func(s span, a reg.Register, b operand.Op) reg.Register{
		simd.Plus: span.plus, simd.Minus: span.minus, simd.Times: span.times, simd.Over: span.over,
	}
	g.choose(f, int(simd.Pairs), func(f int) {
		g.each(n, func(s span) {
			s.store(of[f](s, s.load(memory(a, 0)), s.load(memory(b, 0))), memory(y, 0))
		}, a, b, y)
	})
}

// choose runs the body of case f and ends the function.
func (g *generator) choose(f reg.Register, cases int, body func(f int)) {
	labels := make([]string, cases)
	for i := range labels {
		labels[i] = g.label("case")
		g.CMPQ(f, operand.U8(uint8(i)))
		g.JEQ(operand.LabelRef(labels[i]))
	}
	g.end()
	for i := range labels {
		g.Label(labels[i])
		body(i)
		g.end()
	}
}

func (g *generator) sums() {
	g.function("sums", "(n int, x *float32, lanes *[16]float32)",
		"adds x[j], x[j+16], ... to lanes[j]. n is a multiple of simd.SumLanes.")
	g.accumulate(func(s span, v reg.Register) reg.Register { return v })
}

func (g *generator) squares() {
	g.function("squares", "(n int, x *float32, lanes *[16]float32, m float32)",
		"adds (x[j]-m)*(x[j]-m), (x[j+16]-m)*(x[j+16]-m), ... to lanes[j]. n is a multiple of simd.SumLanes.")
	m := g.everywhere("m")
	g.accumulate(func(s span, v reg.Register) reg.Register {
		d := s.minus(v, s.of(m))
		return s.times(d, d)
	})
}

// accumulate adds the terms of x to lanes.
func (g *generator) accumulate(term func(s span, v reg.Register) reg.Register) {
	n, x, lanes := g.argument("n"), g.argument("x"), g.argument("lanes")
	s := span{generator: g}
	acc := make([]reg.Register, simd.SumLanes/g.lanes)
	for i := range acc {
		acc[i] = s.load(memory(lanes, 4*g.lanes*i))
	}
	g.SUBQ(operand.Imm(simd.SumLanes), n)
	g.JL(operand.LabelRef("store"))
	g.Label("step")
	for i := range acc {
		g.VADDPS(term(s, s.load(memory(x, 4*g.lanes*i))), acc[i], acc[i])
	}
	g.ADDQ(operand.Imm(4*simd.SumLanes), x)
	g.SUBQ(operand.Imm(simd.SumLanes), n)
	g.JGE(operand.LabelRef("step"))
	g.Label("store")
	for i := range acc {
		s.store(acc[i], memory(lanes, 4*g.lanes*i))
	}
	g.end()
}

// gather copies the elements one by one. This takes no longer than the gather
// instruction and works on every machine.
func (g *generator) gather() {
	g.function("gather", "(n int, index *int32, x *float32, extent int, y *float32) bool",
		"computes y[i] = x[index[i]] and returns true. It stops at an index that is negative or not below extent\n"+
			"and returns false; y is then partly written. n is a multiple of simd.Lanes.")
	n, index, x, extent, y := g.argument("n"), g.argument("index"), g.argument("x"), g.argument("extent"), g.argument("y")
	g.TESTQ(n, n)
	g.JZ(operand.LabelRef("done"))
	g.Label("step")
	var at [simd.Lanes]reg.GPVirtual
	for i := range at {
		at[i] = g.GP64()
		g.MOVLQSX(memory(index, 4*i), at[i])
		g.CMPQ(at[i], extent)
		g.JAE(operand.LabelRef("outside"))
	}
	for i := range at {
		v := g.GP32()
		g.MOVL(operand.Mem{Base: x, Index: at[i], Scale: 4}, v)
		g.MOVL(v, memory(y, 4*i))
	}
	g.ADDQ(operand.Imm(4*simd.Lanes), index)
	g.ADDQ(operand.Imm(4*simd.Lanes), y)
	g.SUBQ(operand.Imm(simd.Lanes), n)
	g.JNZ(operand.LabelRef("step"))
	g.Label("done")
	result := g.GP8()
	g.MOVB(operand.U8(1), result)
	g.Store(result, g.ReturnIndex(0))
	g.RET()
	g.Label("outside")
	g.MOVB(operand.U8(0), result)
	g.Store(result, g.ReturnIndex(0))
	g.RET()
}

// leakyGrad emits the gradient of LeakyReLU, which only training uses.
func (g *generator) leakyGrad() {
	g.function("leakyGrad", "(n int, x, dy, dx *float32, slope float32)",
		"computes dx[i] = dy[i], or slope*dy[i] where x[i] < 0. n is a multiple of the lanes.")
	n, x, dy, dx := g.argument("n"), g.argument("x"), g.argument("dy"), g.argument("dx")
	slope := g.everywhere("slope")
	g.each(n, func(s span) {
		d := s.load(memory(dy, 0))
		below := s.compare(lessThan, s.load(memory(x, 0)), s.number(0))
		s.store(s.choice(below, s.times(d, s.of(slope)), d), memory(dx, 0))
	}, x, dy, dx)
	g.end()
}

// Predicates of comparisons. They are false for NaN.
const (
	lessThan    = 1
	greaterThan = 14
)

// plus, minus, times and over each round once.
func (s span) plus(a reg.Register, b operand.Op) reg.Register {
	y := s.register()
	s.VADDPS(b, a, y)
	return y
}

func (s span) minus(a reg.Register, b operand.Op) reg.Register {
	y := s.register()
	s.VSUBPS(b, a, y)
	return y
}

func (s span) times(a reg.Register, b operand.Op) reg.Register {
	y := s.register()
	s.VMULPS(b, a, y)
	return y
}

func (s span) over(a reg.Register, b operand.Op) reg.Register {
	y := s.register()
	s.VDIVPS(b, a, y)
	return y
}

// larger returns a where a > b, and b otherwise, also where one is NaN.
func (s span) larger(a reg.Register, b operand.Op) reg.Register {
	y := s.register()
	s.VMAXPS(b, a, y)
	return y
}

// smaller returns a where a < b, and b otherwise, also where one is NaN.
func (s span) smaller(a reg.Register, b operand.Op) reg.Register {
	y := s.register()
	s.VMINPS(b, a, y)
	return y
}

func (s span) negative(a reg.Register) reg.Register {
	y := s.register()
	sign := s.numbers.at(float32(math.Copysign(0, -1)))
	if s.masks {
		s.VPXORD(sign, a, y)
	} else {
		s.VXORPS(sign, a, y)
	}
	return y
}

// compare returns a mask of the lanes where a has the relation to b.
func (s span) compare(predicate uint8, a reg.Register, b operand.Op) reg.Register {
	if s.masks {
		k := s.K()
		s.VCMPPS(operand.U8(predicate), b, a, k)
		return k
	}
	m := s.register()
	s.VCMPPS(operand.U8(predicate), b, a, m)
	return m
}

// choice returns yes where a comparison is true, and no elsewhere.
func (s span) choice(where reg.Register, yes operand.Op, no reg.Register) reg.Register {
	y := s.register()
	if s.masks {
		s.VBLENDMPS(yes, no, where, y)
	} else {
		s.VBLENDVPS(where, yes, no, y)
	}
	return y
}
