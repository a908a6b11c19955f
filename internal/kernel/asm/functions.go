package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The functions below have the steps and constants of those in package kernel. Where those branch,
// these select.

const (
	tanhLimit = 7.90531110763549805
	erfLimit  = 4
	expMost   = 88.72283
	expLeast  = -87.33654
	shift     = 3 << 22
)

var (
	expPolynomial  = []float32{1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1}
	tanhNumerator  = []float32{-2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08, 1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03}
	tanhDivisor    = []float32{1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03}
	erfNumerator   = []float32{-2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05, -7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02}
	erfDivisor     = []float32{-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03, -1.42647390514189e-02}
	otherConstants = []float32{0, float32(math.Copysign(0, -1)), 1, 2, 4, 5, 8, float32(math.Inf(1)), 1.44269504, 0.693359375, -2.12194440e-4,
		shift, tanhLimit, -tanhLimit, -erfLimit, expMost, expLeast}
)

// bias127 has the bits of the integer 127, the biased exponent of 2^0.
var bias127 = math.Float32frombits(127)

// constants are numbers in memory. Each is repeated for all lanes of the widest
// vector, so that it can be an operand of instructions of any width.
type constants struct {
	of      map[uint32]operand.Mem
	missing error
}

func (c *constants) emit(ctx *build.Context) {
	table := ctx.StaticGlobal("constants")
	ctx.DataAttributes(attr.RODATA | attr.NOPTR)
	for _, list := range [][]float32{expPolynomial, tanhNumerator, tanhDivisor, erfNumerator, erfDivisor, otherConstants, {bias127}} {
		for _, v := range list {
			b := math.Float32bits(v)
			if _, ok := c.of[b]; ok {
				continue
			}
			c.of[b] = table.Offset(64 * len(c.of))
			for range 16 {
				ctx.AppendDatum(operand.U32(b))
			}
		}
	}
}

func (c *constants) at(v float32) operand.Mem {
	m, ok := c.of[math.Float32bits(v)]
	if !ok {
		c.missing = fmt.Errorf("the constant %g is not in the table", v)
	}
	return m
}

// number returns a register with v in every lane.
func (s span) number(v float32) reg.Register {
	y := s.register()
	s.VMOVUPS(s.numbers.at(v), y)
	return y
}

// horner returns the polynomial in v with the given coefficients, the highest power first.
func (s span) horner(v reg.Register, coefficients []float32) reg.Register {
	p := s.times(v, s.numbers.at(coefficients[0]))
	for i, c := range coefficients[1:] {
		if i > 0 {
			p = s.times(p, v)
		}
		p = s.plus(p, s.numbers.at(c))
	}
	return p
}

// exp needs no case for NaN, which every step preserves.
func (s span) exp(x reg.Register) reg.Register {
	n := s.minus(s.plus(s.times(x, s.numbers.at(1.44269504)), s.numbers.at(shift)), s.numbers.at(shift))
	r := s.minus(s.minus(x, s.times(n, s.numbers.at(0.693359375))), s.times(n, s.numbers.at(-2.12194440e-4)))
	p := s.horner(r, expPolynomial)
	p = s.plus(s.plus(s.times(s.times(p, r), r), r), s.numbers.at(1))
	h, g := s.register(), s.register()
	s.VCVTTPS2DQ(n, g)
	s.VPSRAD(operand.U8(1), g, h)
	s.VPSUBD(h, g, g)
	power := func(e reg.Register) reg.Register {
		s.VPADDD(s.numbers.at(bias127), e, e)
		s.VPSLLD(operand.U8(23), e, e)
		return e
	}
	y := s.times(s.times(p, power(h)), power(g))
	y = s.choice(s.compare(greaterThan, x, s.numbers.at(expMost)), s.numbers.at(float32(math.Inf(1))), y)
	return s.choice(s.compare(lessThan, x, s.numbers.at(expLeast)), s.numbers.at(0), y)
}

// clamp limits x to [-limit, limit]. NaN stays NaN.
func (s span) clamp(x reg.Register, limit float32) reg.Register {
	return s.larger(s.number(-limit), s.smaller(s.number(limit), x))
}

// rational returns x*P(x^2)/Q(x^2).
func (s span) rational(x reg.Register, p, q []float32) reg.Register {
	square := s.times(x, x)
	return s.over(s.times(s.horner(square, p), x), s.horner(square, q))
}

func (s span) tanh(x reg.Register) reg.Register {
	return s.rational(s.clamp(x, tanhLimit), tanhNumerator, tanhDivisor)
}

func (s span) erf(x reg.Register) reg.Register {
	return s.rational(s.clamp(x, erfLimit), erfNumerator, erfDivisor)
}
