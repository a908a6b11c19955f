package kernel

import (
	"math"

	"enciphergan/internal/kernel/simd"
)

// LeakyReLU computes y = max(x, slope*x) for 0 <= slope < 1. Slope 0 is ReLU, with y = -0 for x < 0.
// NaN stays NaN.
func LeakyReLU(dst, src []float32, slope float32) {
	f, p, one := leakyMap(slope)
	mapBy(f, dst, src, p, 0, func(v float32) float32 { return one(v, p) })
}

// leakyMap returns the map of LeakyReLU with its parameter, and a function that applies it to one
// element. The map of ReLU does not multiply, since 0 times -Inf is NaN; for all other x its bits are
// those of the product.
func leakyMap(slope float32) (f simd.Map, p float32, one func(v, p float32) float32) {
	if slope == 0 {
		return simd.Larger, float32(math.Copysign(0, -1)), larger
	}
	return simd.Leaky, slope, leaky
}

// LeakyReLUGrad computes dx = dy, times slope where x < 0.
func LeakyReLUGrad(dx, x, dy []float32, slope float32) {
	_, _ = x[len(dx)-1], dy[len(dx)-1]
	elementwise(len(dx), func(lo, hi int) {
		mid := lo + (hi-lo)/active.lanes*active.lanes
		if mid > lo {
			active.leakyGrad(mid-lo, &x[lo], &dy[lo], &dx[lo], slope)
		}
		for i := mid; i < hi; i++ {
			dx[i] = dy[i]
			if x[i] < 0 {
				dx[i] = dy[i] * slope
			}
		}
	})
}

// each computes dst[i] = f(src[i]).
func each(dst, src []float32, f func(float32) float32) {
	elementwise(len(dst), func(lo, hi int) {
		for i, v := range src[lo:hi] {
			dst[lo+i] = f(v)
		}
	})
}

// mapBy computes dst[i] = f(src[i]), as far as possible with vectors. f equals the map by with the
// parameters p and q.
func mapBy(by simd.Map, dst, src []float32, p, q float32, f func(float32) float32) {
	elementwise(len(dst), func(lo, hi int) {
		x, y := src[lo:hi], dst[lo:hi]
		for i := mapVectors(by, x, y, p, q); i < len(x); i++ {
			y[i] = f(x[i])
		}
	})
}

// Exp computes e^x within 2 units in the last place. It is 0 below -87.3 and infinite above 88.7.
func Exp(dst, src []float32) { mapBy(simd.Exp, dst, src, 0, 0, exp) }

// Tanh computes the hyperbolic tangent within 4e-7.
func Tanh(dst, src []float32) { mapBy(simd.Tanh, dst, src, 0, 0, tanh) }

// Sigmoid computes 1/(1+exp(-x)).
func Sigmoid(dst, src []float32) {
	mapBy(simd.Sigmoid, dst, src, 0, 0, func(v float32) float32 { return 1 / (1 + exp(-v)) })
}

// Erf computes the error function within 5e-7.
func Erf(dst, src []float32) { mapBy(simd.Erf, dst, src, 0, 0, erf) }

// TanhGrad computes dx = dy*(1-y*y) from the output y.
func TanhGrad(dx, y, dy []float32) {
	for i, v := range y {
		dx[i] = dy[i] * (1 - v*v)
	}
}

// SigmoidGrad computes dx = dy*y*(1-y) from the output y.
func SigmoidGrad(dx, y, dy []float32) {
	for i, v := range y {
		dx[i] = dy[i] * v * (1 - v)
	}
}

// ErfGrad computes dx = dy * 2/sqrt(pi) * exp(-x*x).
func ErfGrad(dx, x, dy []float32) {
	elementwise(len(dx), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			dx[i] = dy[i] * (2 / math.SqrtPi) * exp(-x[i]*x[i])
		}
	})
}

// exp reduces x to n*ln 2 + r, |r| <= ln 2 / 2, and evaluates 1 + r + r^2*P(r), where P has degree 5
// and the coefficients of Cephes expf.
func exp(x float32) float32 {
	if x != x {
		return x
	}
	if x > 88.72283 {
		return float32(math.Inf(1))
	}
	if x < -87.33654 {
		return 0
	}
	// Adding and subtracting 1.5*2^23 rounds to the nearest integer, ties to even.
	const shift = 3 << 22
	n := float32(float32(x*1.44269504)+shift) - shift
	r := x - float32(n*0.693359375)
	r -= float32(n * -2.12194440e-4)
	p := float32(float32(1.9875691500e-4*r)) + 1.3981999507e-3
	p = float32(p*r) + 8.3334519073e-3
	p = float32(p*r) + 4.1665795894e-2
	p = float32(p*r) + 1.6666665459e-1
	p = float32(p*r) + 5.0000001201e-1
	p = float32(float32(p*r)*r) + r
	p += 1
	// 2^n in two factors, so that the ends of the range do not overflow the exponent.
	h := int32(n) >> 1
	g := int32(n) - h
	return float32(p*math.Float32frombits(uint32(h+127)<<23)) * math.Float32frombits(uint32(g+127)<<23)
}

// tanh returns x*P(x^2)/Q(x^2) on [-7.905, 7.905] and its value at the ends beyond, which is 1 or -1 in float32.
func tanh(x float32) float32 {
	const limit = 7.90531110763549805
	if x > limit {
		x = limit
	} else if x < -limit {
		x = -limit
	}
	s := float32(x * x)
	p := float32(s*-2.76076847742355e-16) + 2.00018790482477e-13
	p = float32(p*s) + -8.60467152213735e-11
	p = float32(p*s) + 5.12229709037114e-08
	p = float32(p*s) + 1.48572235717979e-05
	p = float32(p*s) + 6.37261928875436e-04
	p = float32(p*s) + 4.89352455891786e-03
	p = float32(p * x)
	q := float32(s*1.19825839466702e-06) + 1.18534705686654e-04
	q = float32(q*s) + 2.26843463243900e-03
	q = float32(q*s) + 4.89352518554385e-03
	return p / q
}

// erf returns x*P(x^2)/Q(x^2) on [-4, 4] and its value at the ends beyond, which is 1 or -1 in float32.
func erf(x float32) float32 {
	if x > 4 {
		x = 4
	} else if x < -4 {
		x = -4
	}
	s := float32(x * x)
	p := float32(s*-2.72614225801306e-10) + 2.77068142495902e-08
	p = float32(p*s) + -2.10102402082508e-06
	p = float32(p*s) + -5.69250639462346e-05
	p = float32(p*s) + -7.34990630326855e-04
	p = float32(p*s) + -2.95459980854025e-03
	p = float32(p*s) + -1.60960333262415e-02
	p = float32(p * x)
	q := float32(s*-1.45660718464996e-05) + -2.13374055278905e-04
	q = float32(q*s) + -1.68282697438203e-03
	q = float32(q*s) + -7.37332916720468e-03
	q = float32(q*s) + -1.42647390514189e-02
	return p / q
}

// Levels is the number of values of an 8-bit sample.
const Levels = 256

// QuantizeUniform maps c in [-1, 1] to level floor((c+1)*128), clamped to 0..255.
func QuantizeUniform(dst []byte, c []float32) {
	for i, v := range c {
		dst[i] = uniformLevel(v)
	}
}

// uniformLevel returns 0 for NaN, whose conversion to an integer differs between platforms.
func uniformLevel(v float32) byte {
	l := float32(v+1) * 128
	switch {
	case l >= Levels-1:
		return Levels - 1
	case l >= 0:
		return byte(l)
	}
	return 0
}

// UniformValue returns the middle of level k of QuantizeUniform: (k + 0.5)/128 - 1.
func UniformValue(level byte) float32 { return float32((float32(level)+0.5)/128) - 1 }

// QuantizeSymmetric maps c in [-1, 1] to the nearest of the 256 levels k/127.5 - 1.
func QuantizeSymmetric(dst []byte, c []float32) {
	for i, v := range c {
		dst[i] = symmetricLevel(v)
	}
}

func symmetricLevel(v float32) byte {
	l := float32(float32(v+1)*127.5) + 0.5
	switch {
	case l >= Levels-1:
		return Levels - 1
	case l >= 0:
		return byte(l)
	}
	return 0
}

// SymmetricValue returns the value of level k of QuantizeSymmetric: k/127.5 - 1.
func SymmetricValue(level byte) float32 { return float32(float32(level)/127.5) - 1 }

// StraightThroughUniform rounds src to the middle of its level of QuantizeUniform.
func StraightThroughUniform(dst, src []float32) {
	each(dst, src, func(v float32) float32 { return UniformValue(uniformLevel(v)) })
}

// StraightThroughSymmetric rounds src to the value of its level of QuantizeSymmetric.
func StraightThroughSymmetric(dst, src []float32) {
	each(dst, src, func(v float32) float32 { return SymmetricValue(symmetricLevel(v)) })
}

// InverseErfTable returns erfinv at the middles of the 256 uniform levels. Files
// contain the table, so that platforms need not agree on math.Erfinv.
func InverseErfTable() [Levels]float32 {
	var t [Levels]float32
	for k := range t {
		t[k] = float32(math.Erfinv(float64((float64(k)+0.5)/128) - 1))
	}
	return t
}

// LookUp computes dst[i] = table[level of src[i]], where src holds middles of uniform levels.
func LookUp(dst, src []float32, table []float32) {
	elementwise(len(dst), func(lo, hi int) {
		for i, v := range src[lo:hi] {
			dst[lo+i] = table[uniformLevel(v)]
		}
	})
}

// LookUpGrad sums dy over the elements of each level of src.
func LookUpGrad(dtable, src, dy []float32) {
	var sums [Levels]float64
	for i, v := range src {
		sums[uniformLevel(v)] += float64(dy[i])
	}
	for k, s := range sums {
		dtable[k] = float32(s)
	}
}

// InverseErfGrad computes dx = dy * sqrt(pi)/2 * exp(y*y) from the output y of erfinv.
func InverseErfGrad(dx, y, dy []float32) {
	elementwise(len(dx), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			dx[i] = dy[i] * (math.SqrtPi / 2) * exp(y[i]*y[i])
		}
	})
}

// Multiply computes dst = a*b.
func Multiply(dst, a, b []float32) {
	elementwise(len(dst), func(lo, hi int) {
		x, y, z := a[lo:hi], b[lo:hi], dst[lo:hi]
		for i := pairVectors(simd.Times, x, y, z); i < len(z); i++ {
			z[i] = x[i] * y[i]
		}
	})
}

// Scale computes dst = factor*src.
func Scale(dst, src []float32, factor float32) {
	mapBy(simd.Scale, dst, src, factor, 0, func(v float32) float32 { return factor * v })
}

// Divide computes dst = src/divisor.
func Divide(dst, src []float32, divisor float32) {
	mapBy(simd.Divide, dst, src, divisor, 0, func(v float32) float32 { return v / divisor })
}
