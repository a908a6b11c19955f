package metric

import "math"

// Constants of Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment:
// from error visibility to structural similarity", 2004: an 11x11 Gaussian
// window of deviation 1.5, K1 = .01, K2 = .03 and a dynamic range of 255.
const (
	windowSide  = 11
	windowSigma = 1.5
	stabilise1  = (.01 * 255) * (.01 * 255)
	stabilise2  = (.03 * 255) * (.03 * 255)
)

// SSIM returns the structural similarity of two pictures of the given height
// and width, -1 to 1, 1 for equal ones: the mean over all windows that are inside the
// picture and over the three channels. Along a side shorter than 11 the window has
// that side. Lengths other than height*width*3, or no pixels, return NaN.
func SSIM(a, b []byte, height, width int) float64 {
	if height < 1 || width < 1 || len(a) != height*width*channels || len(b) != len(a) {
		return math.NaN()
	}
	vertical, horizontal := gaussian(min(windowSide, height)), gaussian(min(windowSide, width))
	rows, columns := height-len(vertical)+1, width-len(horizontal)+1

	// The five windowed means are separable. A ring of filtered rows, as many as the
	// window has, stays in cache for any size of picture.
	ring := make([][moment][]float64, len(vertical))
	for i := range ring {
		for k := range ring[i] {
			ring[i][k] = make([]float64, columns)
		}
	}
	var scratch [moment][]float64
	for k := range scratch {
		scratch[k] = make([]float64, width)
	}
	var sum float64
	for c := range channels {
		for y := range height {
			at := y * width * channels
			products(scratch, a[at+c:at+width*channels], b[at+c:at+width*channels])
			for k := range scratch {
				filterRow(ring[y%len(ring)][k], scratch[k], horizontal)
			}
			if y+1 < len(ring) {
				continue
			}
			top := y + 1 - len(ring)
			for x := range columns {
				var m [moment]float64
				for i, w := range vertical {
					row := &ring[(top+i)%len(ring)]
					for k := range m {
						m[k] += w * row[k][x]
					}
				}
				sum += similarity(m)
			}
		}
	}
	return sum / float64(channels*rows*columns)
}

// moment is the number of windowed means of one channel: a, b, a*a, b*b, a*b.
const moment = 5

// products fills one row of each moment from interleaved samples.
func products(into [moment][]float64, a, b []byte) {
	for x := range into[0] {
		p, q := float64(a[x*channels]), float64(b[x*channels])
		into[0][x], into[1][x] = p, q
		into[2][x], into[3][x], into[4][x] = p*p, q*q, p*q
	}
}

func filterRow(to, from, weights []float64) {
	for x := range to {
		var sum float64
		for i, w := range weights {
			sum += w * from[x+i]
		}
		to[x] = sum
	}
}

func similarity(m [moment]float64) float64 {
	ab, aa, bb := m[0]*m[1], m[0]*m[0], m[1]*m[1]
	return (2*ab + stabilise1) * (2*(m[4]-ab) + stabilise2) /
		((aa + bb + stabilise1) * (m[2] - aa + m[3] - bb + stabilise2))
}

// gaussian returns n weights that sum to 1, centred.
func gaussian(n int) []float64 {
	w := make([]float64, n)
	var sum float64
	for i := range w {
		d := float64(i) - float64(n-1)/2
		w[i] = math.Exp(-d * d / (2 * windowSigma * windowSigma))
		sum += w[i]
	}
	for i := range w {
		w[i] /= sum
	}
	return w
}
