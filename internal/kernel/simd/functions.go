package simd

import "math"

// The functions below have the steps and constants of those in package kernel. Where those branch,
// these select.

// plus, minus and times each round once.
func plus(a, b expression) expression  { return apply(f32Add, a, b) }
func minus(a, b expression) expression { return apply(f32Sub, a, b) }
func times(a, b expression) expression { return apply(f32Mul, a, b) }

// horner returns the polynomial in v with the given coefficients, the highest power first.
func horner(v expression, coefficients ...float32) expression {
	p := number(coefficients[0])
	for _, c := range coefficients[1:] {
		p = plus(times(p, v), number(c))
	}
	return p
}

func (f *function) exp(x local) expression {
	const shift = 3 << 22
	n := f.let(v128, minus(plus(times(x.get, number(1.44269504)), number(shift)), number(shift)))
	r := f.let(v128, minus(minus(x.get, times(n.get, number(0.693359375))), times(n.get, number(-2.12194440e-4))))
	p := horner(r.get, 1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
	p = plus(plus(times(times(p, r.get), r.get), r.get), number(1))
	i := f.let(v128, apply(truncSat, n.get))
	h := f.let(v128, apply(i32x4ShrS, i.get, integer(1)))
	g := apply(i32x4Sub, i.get, h.get)
	power := func(e expression) expression {
		return apply(i32x4Shl, apply(i32x4Add, e, lanes(127)), integer(23))
	}
	y := times(times(p, power(h.get)), power(g))
	y = apply(bitselect, number(float32(math.Inf(1))), y, apply(f32Gt, x.get, number(88.72283)))
	y = apply(bitselect, number(0), y, apply(f32Lt, x.get, number(-87.33654)))
	return apply(bitselect, x.get, y, apply(f32Ne, x.get, x.get))
}

// clamp limits x to [-limit, limit]. NaN stays NaN.
func (f *function) clamp(x local, limit float32) local {
	return f.let(v128, apply(f32Pmax, apply(f32Pmin, x.get, number(limit)), number(-limit)))
}

// rational returns x*P(x^2)/Q(x^2).
func (f *function) rational(x local, p, q []float32) expression {
	s := f.let(v128, times(x.get, x.get))
	return apply(f32Div, times(horner(s.get, p...), x.get), horner(s.get, q...))
}

func (f *function) tanh(x local) expression {
	return f.rational(f.clamp(x, 7.90531110763549805),
		[]float32{-2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08, 1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03},
		[]float32{1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03})
}

func (f *function) erf(x local) expression {
	return f.rational(f.clamp(x, 4),
		[]float32{-2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05, -7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02},
		[]float32{-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03, -1.42647390514189e-02})
}
