package kernel

import "math"

// ssimWindow and ssimSigma define the Gaussian window of Wang et al. 2004.
const (
	ssimWindow = 11
	ssimSigma  = 1.5
)

// SSIM measures structural similarity with buffers for one shape: planes of H x W samples in
// [-1, 1] (range 2), both sides at least 11. Only whole windows count.
//
// A blur is two products with banded matrices, which Gemm computes faster than
// Conv2D computes a convolution with one channel.
type SSIM struct {
	planes, h, w int
	gh, gw       []float32 // (H, H-10), (W, W-10)
	maps         []float32 // blurred x, y, xx, yy, xy
	stack, wide  []float32
}

// NewSSIM returns an SSIM for planes of h x w samples.
func NewSSIM(planes, h, w int) *SSIM {
	oh, ow := h-ssimWindow+1, w-ssimWindow+1
	return &SSIM{planes, h, w, band(h), band(w), make([]float32, 5*planes*oh*ow), make([]float32, 5*planes*h*w), make([]float32, 5*planes*h*ow)}
}

// band returns the n x (n-10) matrix whose column j holds the window in rows j..j+10.
func band(n int) []float32 {
	var g [ssimWindow]float64
	var sum float64
	for i := range g {
		d := float64(i - ssimWindow/2)
		g[i] = math.Exp(-d * d / (2 * ssimSigma * ssimSigma))
		sum += g[i]
	}
	o := n - ssimWindow + 1
	m := make([]float32, n*o)
	for j := range o {
		for i, v := range g {
			m[(j+i)*o+j] = float32(v / sum)
		}
	}
	return m
}

// blur computes dst (count, H-10, W-10) from src (count, H, W).
func (s *SSIM) blur(count int, dst, src []float32) {
	oh, ow := s.h-ssimWindow+1, s.w-ssimWindow+1
	wide := s.wide[:count*s.h*ow]
	clear(wide)
	Gemm(count*s.h, ow, s.w, RowMajor(src, s.w), RowMajor(s.gw, ow), wide, ow)
	clear(dst)
	parallel(count, func(i int) {
		Gemm(oh, ow, s.h, RowMajor(s.gh, oh).Transposed(), RowMajor(wide[i*s.h*ow:], ow), dst[i*oh*ow:(i+1)*oh*ow], ow)
	})
}

// blurAdjoint computes dst (count, H, W) from src (count, H-10, W-10) by the adjoint of blur.
func (s *SSIM) blurAdjoint(count int, dst, src []float32) {
	oh, ow := s.h-ssimWindow+1, s.w-ssimWindow+1
	wide := s.wide[:count*s.h*ow]
	clear(wide)
	parallel(count, func(i int) {
		Gemm(s.h, ow, oh, RowMajor(s.gh, oh), RowMajor(src[i*oh*ow:], ow), wide[i*s.h*ow:(i+1)*s.h*ow], ow)
	})
	clear(dst)
	Gemm(count*s.h, s.w, ow, RowMajor(wide, ow), RowMajor(s.gw, ow).Transposed(), dst, s.w)
}

// Wang's luminance term needs black at 0, so the luminance of a sample v is v + 1, in [0, 2].
// Variances do not depend on this offset and are computed without it, where squares are smaller.
const (
	ssimBlack = 1
	ssimC1    = 0.01 * 2 * 0.01 * 2
	ssimC2    = 0.03 * 2 * 0.03 * 2
)

func (s *SSIM) measure(x, y []float32) {
	n := s.planes * s.h * s.w
	copy(s.stack, x[:n])
	copy(s.stack[n:], y[:n])
	for i := range n {
		s.stack[2*n+i] = x[i] * x[i]
		s.stack[3*n+i] = y[i] * y[i]
		s.stack[4*n+i] = x[i] * y[i]
	}
	s.blur(5*s.planes, s.maps, s.stack)
}

// Mean returns the mean SSIM of x and y over all planes and windows.
func (s *SSIM) Mean(x, y []float32) float32 {
	s.measure(x, y)
	o := len(s.maps) / 5
	m := s.maps
	var sum float64
	for i := range o {
		a, b := m[i], m[o+i]
		la, lb := a+ssimBlack, b+ssimBlack
		num := (2*la*lb + ssimC1) * (2*(m[4*o+i]-a*b) + ssimC2)
		den := (la*la + lb*lb + ssimC1) * (m[2*o+i] - a*a + m[3*o+i] - b*b + ssimC2)
		sum += float64(num / den)
	}
	return float32(sum / float64(o))
}

// Grad computes the gradient of Mean with respect to x, times scale.
func (s *SSIM) Grad(x, y []float32, scale float32, dx []float32) {
	s.measure(x, y)
	o := len(s.maps) / 5
	m := s.maps
	k := scale / float32(o)
	// The gradients with respect to the blurred maps of x, xx and xy overwrite those maps.
	for i := range o {
		a, b := m[i], m[o+i]
		la, lb := a+ssimBlack, b+ssimBlack
		n1, n2 := 2*la*lb+ssimC1, 2*(m[4*o+i]-a*b)+ssimC2
		d1, d2 := la*la+lb*lb+ssimC1, m[2*o+i]-a*a+m[3*o+i]-b*b+ssimC2
		q := n1 * n2 / (d1 * d2)
		m[i] = k * (2*(lb*n2-b*n1)/(d1*d2) - 2*la*q/d1 + 2*a*q/d2)
		m[2*o+i] = -k * q / d2
		m[4*o+i] = k * 2 * n1 / (d1 * d2)
	}
	copy(m[o:2*o], m[2*o:3*o])
	copy(m[2*o:3*o], m[4*o:])
	n := s.planes * s.h * s.w
	s.blurAdjoint(3*s.planes, s.stack[:3*n], m[:3*o])
	for i := range n {
		dx[i] = s.stack[i] + 2*x[i]*s.stack[n+i] + y[i]*s.stack[2*n+i]
	}
}
