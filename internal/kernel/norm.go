package kernel

import "math"

// Sum adds up x in canonical order: 16 interleaved partial sums, folded pairwise.
func Sum(x []float32) float32 {
	var l [16]float32
	for len(x) >= 16 {
		v := (*[16]float32)(x)
		for j := range l {
			l[j] += v[j]
		}
		x = x[16:]
	}
	for j, v := range x {
		l[j] += v
	}
	return fold(&l)
}

func fold(l *[16]float32) float32 {
	for w := 8; w > 0; w /= 2 {
		for j := range w {
			l[j] += l[j+w]
		}
	}
	return l[0]
}

// sumSquares adds up (x-m)*(x-m), each step rounded, in the order of Sum.
func sumSquares(x []float32, m float32) float32 {
	var l [16]float32
	for len(x) >= 16 {
		v := (*[16]float32)(x)
		for j := range l {
			d := v[j] - m
			l[j] += float32(d * d)
		}
		x = x[16:]
	}
	for j, v := range x {
		d := v - m
		l[j] += float32(d * d)
	}
	return fold(&l)
}

// sumProducts adds up x*y in the order of Sum.
func sumProducts(x, y []float32) float32 {
	var l [16]float32
	y = y[:len(x)]
	for len(x) >= 16 {
		v, w := (*[16]float32)(x), (*[16]float32)(y)
		for j := range l {
			l[j] += float32(v[j] * w[j])
		}
		x, y = x[16:], y[16:]
	}
	for j, v := range x {
		l[j] += float32(v * y[j])
	}
	return fold(&l)
}

// sqrt is the correctly rounded square root.
func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// Moments computes mean and deviation sqrt(variance + eps) of a plane; the variance divides by len(x).
func Moments(x []float32, eps float32) (mean, deviation float32) {
	n := float32(len(x))
	mean = Sum(x) / n
	deviation = sqrt(sumSquares(x, mean)/n + eps)
	return mean, deviation
}

// Normalize writes (x-mean)/deviation.
func Normalize(x, y []float32, mean, deviation float32) {
	for i, v := range x {
		y[i] = (v - mean) / deviation
	}
}

// InstanceNorm normalises each plane of x (N*C planes of P) to mean 0 and deviation 1,
// without affine terms: y = (x - mean) / sqrt(variance + eps).
func InstanceNorm(planes, p int, x, y []float32, eps float32) {
	parallel(planes, func(i int) {
		s := x[i*p : (i+1)*p]
		m, d := Moments(s, eps)
		Normalize(s, y[i*p:(i+1)*p], m, d)
	})
}

// InstanceNormGrad computes the gradient of the input of InstanceNorm.
func InstanceNormGrad(planes, p int, x, dy, dx []float32, eps float32) {
	parallel(planes, func(i int) {
		normGrad(x[i*p:(i+1)*p], dy[i*p:(i+1)*p], dx[i*p:(i+1)*p], eps)
	})
}

// normGrad: with y = (x-m)/d, dx = (dy - mean(dy) - y*mean(dy*y)) / d.
func normGrad(x, dy, dx []float32, eps float32) {
	m, d := Moments(x, eps)
	Normalize(x, dx, m, d)
	n := float32(len(x))
	a, b := Sum(dy)/n, sumProducts(dy, dx)/n
	for i, y := range dx {
		dx[i] = (dy[i] - a - y*b) / d
	}
}
