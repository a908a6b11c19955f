package kernel

import (
	"math"
	"sync"

	"enciphergan/internal/kernel/simd"
)

// Sum returns the sum of x in canonical order: 16 interleaved partial sums, which are then added
// in pairs.
func Sum(x []float32) float32 {
	var l [16]float32
	if n := len(x) &^ 15; active.vectors != nil && n > 0 {
		lanes := getLanes()
		active.vectors.sums(n, &x[0], lanes)
		l, x = *lanes, x[n:]
		lanePool.Put(lanes)
	}
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
	return sumLanes(&l)
}

// lanePool holds lanes for reuse. A local array would be allocated on the heap in each call, since
// the function that it is passed to is known only at run time.
var lanePool = sync.Pool{New: func() any { return new([16]float32) }}

func getLanes() *[16]float32 {
	l := lanePool.Get().(*[16]float32)
	clear(l[:])
	return l
}

func sumLanes(l *[16]float32) float32 {
	for w := 8; w > 0; w /= 2 {
		for j := range w {
			l[j] += l[j+w]
		}
	}
	return l[0]
}

// sumSquares returns the sum of (x-m)*(x-m), each step rounded, in the order of Sum.
func sumSquares(x []float32, m float32) float32 {
	var l [16]float32
	if n := len(x) &^ 15; active.vectors != nil && n > 0 {
		lanes := getLanes()
		active.vectors.squares(n, &x[0], lanes, m)
		l, x = *lanes, x[n:]
		lanePool.Put(lanes)
	}
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
	return sumLanes(&l)
}

// sumProducts returns the sum of x*y in the order of Sum.
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
	return sumLanes(&l)
}

// sqrt returns the correctly rounded square root.
func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// Moments returns the mean and the deviation sqrt(variance + eps) of a plane. The variance divides by len(x).
func Moments(x []float32, eps float32) (mean, deviation float32) {
	n := float32(len(x))
	mean = Sum(x) / n
	deviation = sqrt(sumSquares(x, mean)/n + eps)
	return mean, deviation
}

// Normalize computes y = (x-mean)/deviation.
func Normalize(x, y []float32, mean, deviation float32) {
	for i := mapVectors(simd.Normalize, x, y[:len(x)], mean, deviation); i < len(x); i++ {
		y[i] = (x[i] - mean) / deviation
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

// normGrad computes dx = (dy - mean(dy) - y*mean(dy*y)) / d for y = (x-m)/d.
func normGrad(x, dy, dx []float32, eps float32) {
	m, d := Moments(x, eps)
	Normalize(x, dx, m, d)
	n := float32(len(x))
	a, b := Sum(dy)/n, sumProducts(dy, dx)/n
	for i, y := range dx {
		dx[i] = (dy[i] - a - y*b) / d
	}
}

// BatchNorm normalises each channel of x (N, C, P) over samples and positions, and moves the
// running mean and the running, unbiased variance towards those of x by the factor momentum.
func BatchNorm(n, c, p int, x, y, mean, variance []float32, momentum, eps float32) {
	parallel(c, func(ch int) {
		m, v := channelMoments(n, c, p, ch, x)
		d := sqrt(v + eps)
		for i := range n {
			at := (i*c + ch) * p
			Normalize(x[at:at+p], y[at:at+p], m, d)
		}
		total := float32(n * p)
		mean[ch] += momentum * (m - mean[ch])
		variance[ch] += momentum * (v*total/max(1, total-1) - variance[ch])
	})
}

func channelMoments(n, c, p, ch int, x []float32) (mean, variance float32) {
	total := float32(n * p)
	for i := range n {
		mean += Sum(x[(i*c+ch)*p:][:p])
	}
	mean /= total
	for i := range n {
		variance += sumSquares(x[(i*c+ch)*p:][:p], mean)
	}
	return mean, variance / total
}

// BatchNormGrad computes the gradient of the input of BatchNorm.
func BatchNormGrad(n, c, p int, x, dy, dx []float32, eps float32) {
	parallel(c, func(ch int) {
		m, v := channelMoments(n, c, p, ch, x)
		d := sqrt(v + eps)
		total := float32(n * p)
		var a, b float32
		for i := range n {
			at := (i*c + ch) * p
			Normalize(x[at:at+p], dx[at:at+p], m, d)
			a += Sum(dy[at : at+p])
			b += sumProducts(dy[at:at+p], dx[at:at+p])
		}
		a, b = a/total, b/total
		for i := range n {
			at := (i*c + ch) * p
			for q := at; q < at+p; q++ {
				dx[q] = (dy[q] - a - dx[q]*b) / d
			}
		}
	})
}

// BatchNormInference computes y = (x - mean)/sqrt(variance + eps)*scale + bias per channel of (N, C, P).
func BatchNormInference(n, c, p int, x, scale, bias, mean, variance, y []float32, eps float32) {
	parallel(n*c, func(t int) {
		ch := t % c
		out := y[t*p : (t+1)*p]
		Normalize(x[t*p:(t+1)*p], out, mean[ch], sqrt(variance[ch]+eps))
		affine(out, out, scale[ch], bias[ch])
	})
}
