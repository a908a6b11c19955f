// Package metric measures pictures as the literature on image ciphers does: peak
// signal-to-noise ratio and structural similarity of a picture and its recovery;
// histogram, chi-square, entropy and correlation of neighbouring samples of a cipher
// image; the difference of two cipher images.
//
// Pictures are 8-bit RGB, interleaved: shape (H, W, 3), three bytes a pixel, rows
// from the top. All results are float64 and describe the picture. None of them is
// evidence that a cipher is secure.
package metric

import "math"

// channels is the number of interleaved samples of a pixel.
const channels = 3

// PSNR returns the peak signal-to-noise ratio of a against b in decibels, with
// a peak of 255 and the mean squared error taken over all samples. Equal
// pictures return +Inf, pictures of different or no length NaN.
func PSNR(a, b []byte) float64 {
	if len(a) != len(b) || len(a) == 0 {
		return math.NaN()
	}
	return decibels(squaredError(a, b), len(a))
}

// BoundedPSNR returns PSNR, but for equal pictures that of pictures in which one
// sample differs by one level: 101.07 dB at 256x256. Means and JSON stay finite.
func BoundedPSNR(a, b []byte) float64 {
	if len(a) != len(b) || len(a) == 0 {
		return math.NaN()
	}
	return decibels(max(1, squaredError(a, b)), len(a))
}

func decibels(squared uint64, samples int) float64 {
	return 10 * math.Log10(255*255*float64(samples)/float64(squared))
}

func squaredError(a, b []byte) uint64 {
	var sum uint64
	for i, v := range a {
		d := int(v) - int(b[i])
		sum += uint64(d * d)
	}
	return sum
}

// Entropy returns the Shannon entropy of the 256 levels of each channel in bits
// a sample, 0 (constant) to 8 (all levels equally frequent). Uniform noise of
// 256x256 pixels averages 7.9972. An empty picture returns 0.
func Entropy(rgb []byte) [channels]float64 {
	pixels := float64(len(rgb) / channels)
	var bits [channels]float64
	for c, levels := range Histogram(rgb) {
		for _, n := range levels {
			if n > 0 {
				bits[c] += float64(n) / pixels * math.Log2(pixels/float64(n))
			}
		}
	}
	return bits
}

// Histogram returns the number of samples at each of the 256 levels of each channel.
func Histogram(rgb []byte) [channels][256]int {
	var count [channels][256]int
	for i := 0; i+channels <= len(rgb); i += channels {
		count[0][rgb[i]]++
		count[1][rgb[i+1]]++
		count[2][rgb[i+2]]++
	}
	return count
}

// ChiSquare returns Pearson's statistic of each channel's histogram against equally
// frequent levels, with 255 degrees of freedom: 255 on average for uniform noise, 0
// if all levels are equally frequent, 255 times the pixels for a constant. An empty
// picture returns NaN.
func ChiSquare(rgb []byte) [channels]float64 {
	expected := float64(len(rgb)/channels) / 256
	var x [channels]float64
	for c, levels := range Histogram(rgb) {
		for _, n := range levels {
			d := float64(n) - expected
			x[c] += d * d / expected
		}
	}
	return x
}

// NPCR returns the number of pixels change rate, the share of samples of each channel
// in which two pictures of one size differ, in percent: 99.6094 on average for two
// independent uniform pictures. Other lengths return NaN.
func NPCR(a, b []byte) [channels]float64 {
	return meanOver(a, b, func(x, y byte) int {
		if x != y {
			return 1
		}
		return 0
	}, 100)
}

// UACI returns the unified average changing intensity, the mean absolute difference of
// each channel over 255, in percent: 33.4635 on average for two independent uniform
// pictures. Other lengths return NaN.
func UACI(a, b []byte) [channels]float64 {
	return meanOver(a, b, func(x, y byte) int { return max(int(x)-int(y), int(y)-int(x)) }, 100./255)
}

// meanOver returns the scaled mean of f over the samples of each channel.
func meanOver(a, b []byte, f func(x, y byte) int, scale float64) [channels]float64 {
	if len(a) != len(b) || len(a) < channels {
		return [channels]float64{math.NaN(), math.NaN(), math.NaN()}
	}
	var sum [channels]int
	for i := 0; i+channels <= len(a); i += channels {
		for c := range sum {
			sum[c] += f(a[i+c], b[i+c])
		}
	}
	var mean [channels]float64
	for c := range mean {
		mean[c] = scale * float64(sum[c]) / float64(len(a)/channels)
	}
	return mean
}

// MeanEntropy returns the mean of Entropy over the three channels.
func MeanEntropy(rgb []byte) float64 {
	bits := Entropy(rgb)
	return (bits[0] + bits[1] + bits[2]) / channels
}

// ResidualEntropy returns the Shannon entropy, in bits a sample, of the differences
// of two pictures of one size modulo 256, pooled over the channels. A residual is
// coded in the same way.
func ResidualEntropy(plain, recovered []byte) float64 {
	var counts [256]float64
	for i, v := range plain {
		counts[v-recovered[i]]++
	}
	var bits float64
	for _, n := range counts {
		if p := n / float64(len(plain)); p > 0 {
			bits -= p * math.Log2(p)
		}
	}
	return bits
}

// Correlation holds Pearson's coefficient, -1 to 1, between each sample and its
// neighbour to the right, below, and below to the right, for each channel.
type Correlation struct {
	Horizontal, Vertical, Diagonal [channels]float64
}

// AdjacentCorrelation measures all pairs of neighbours in a picture of the
// given height and width. The coefficient is 1 if both sides of the pairs are
// constant, as one predicts the other, and 0 if only one side is constant or the
// picture has no pair. A length other than height*width*3 returns NaN.
//
// The coefficients of uniform noise have a standard deviation of about
// 1/sqrt(height*width): .0039 at 256x256.
func AdjacentCorrelation(rgb []byte, height, width int) Correlation {
	if height < 0 || width < 0 || len(rgb) != height*width*channels {
		nan := [channels]float64{math.NaN(), math.NaN(), math.NaN()}
		return Correlation{nan, nan, nan}
	}
	return Correlation{
		Horizontal: neighbours(rgb, height, width, 0, 1),
		Vertical:   neighbours(rgb, height, width, 1, 0),
		Diagonal:   neighbours(rgb, height, width, 1, 1),
	}
}

// neighbours correlates each sample with the one down rows below and right
// columns to its right.
func neighbours(rgb []byte, height, width, down, right int) [channels]float64 {
	var r [channels]float64
	for c := range r {
		var sums moments
		for y := 0; y+down < height; y++ {
			row := rgb[y*width*channels : (y+1)*width*channels]
			next := rgb[(y+down)*width*channels : (y+down+1)*width*channels]
			for x := c; x+right*channels < len(row); x += channels {
				sums.add(int64(row[x]), int64(next[x+right*channels]))
			}
		}
		r[c] = sums.pearson()
	}
	return r
}

// moments holds exact sums over pairs. They are below 2^53 for any picture that fits
// in memory, so the float64 products of a constant side are equal and its variance
// is exactly zero.
type moments struct {
	n, a, b, aa, bb, ab int64
}

func (m *moments) add(a, b int64) {
	m.n++
	m.a += a
	m.b += b
	m.aa += a * a
	m.bb += b * b
	m.ab += a * b
}

func (m *moments) pearson() float64 {
	// float64(...) around each product prevents fused multiply-add, which would leave
	// a rounding error for a constant side.
	covariance := func(xy, x, y int64) float64 {
		return float64(float64(m.n)*float64(xy)) - float64(float64(x)*float64(y))
	}
	varA, varB := covariance(m.aa, m.a, m.a), covariance(m.bb, m.b, m.b)
	switch {
	case m.n == 0:
		return 0
	case varA <= 0 && varB <= 0:
		return 1
	case varA <= 0 || varB <= 0:
		return 0
	}
	r := covariance(m.ab, m.a, m.b) / (math.Sqrt(varA) * math.Sqrt(varB))
	return math.Max(-1, math.Min(1, r))
}

// MeanAbsolute returns the mean of the nine absolute coefficients, 0 to 1.
func (c Correlation) MeanAbsolute() float64 {
	h, v, d := c.Directions()
	return (h + v + d) / 3
}

// Directions returns the mean absolute coefficient over the channels for
// horizontal, vertical and diagonal neighbours.
func (c Correlation) Directions() (horizontal, vertical, diagonal float64) {
	mean := func(r [channels]float64) float64 {
		return (math.Abs(r[0]) + math.Abs(r[1]) + math.Abs(r[2])) / channels
	}
	return mean(c.Horizontal), mean(c.Vertical), mean(c.Diagonal)
}

// NeighbourPairs returns at most n pairs of horizontally neighbouring samples of one
// channel, (x, y, x, y, …), at even distances in the picture (H, W, 3): the dots of a
// correlation plot.
func NeighbourPairs(rgb []byte, height, width, n int) []byte {
	if height < 1 || width < 2 || len(rgb) != height*width*channels || n < 1 {
		return nil
	}
	all := height * (width - 1) * channels
	n = min(n, all)
	pairs := make([]byte, 0, 2*n)
	for i := range n {
		at := int(int64(i) * int64(all) / int64(n))
		row, column := at/((width-1)*channels), at%((width-1)*channels)
		sample := row*width*channels + column
		pairs = append(pairs, rgb[sample], rgb[sample+channels])
	}
	return pairs
}
