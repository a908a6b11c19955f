package kernel

import "enciphergan/internal/kernel/simd"

// ChannelAffine computes y = x*scale + shift for each channel of x (N, C, P).
func ChannelAffine(n, c, p int, x, scale, shift, y []float32) {
	parallel(n*c, func(t int) {
		affine(x[t*p:(t+1)*p], y[t*p:(t+1)*p], scale[t%c], shift[t%c])
	})
}

// affine computes y = x*scale + shift, rounded after each step.
func affine(x, y []float32, scale, shift float32) {
	for i := mapVectors(simd.Affine, x, y, scale, shift); i < len(x); i++ {
		y[i] = float32(x[i]*scale) + shift
	}
}

// ChannelProducts sums x*y over samples and positions of (N, C, P). out has C elements.
func ChannelProducts(n, c, p int, x, y, out []float32) {
	clear(out)
	for t := range n * c {
		out[t%c] += sumProducts(x[t*p:(t+1)*p], y[t*p:(t+1)*p])
	}
}

// ChannelBias computes y = x + b for each channel of x (N, C, P).
func ChannelBias(n, c, p int, x, b, y []float32) {
	parallel(n*c, func(t int) {
		in, out := x[t*p:(t+1)*p], y[t*p:(t+1)*p]
		for i := mapVectors(simd.Add, in, out, b[t%c], 0); i < p; i++ {
			out[i] = in[i] + b[t%c]
		}
	})
}
