package kernel

import "fmt"

// Conv describes a 2-D convolution of x (N, C, H, W) with w (M, C, KH, KW) to
// y (N, M, OutH, OutW), as ONNX defines Conv with group 1.
type Conv struct {
	N, C, H, W     int
	M, KH, KW      int
	SH, SW         int // strides
	PT, PL, PB, PR int // zero padding: top, left, bottom, right
	DH, DW         int // dilations
	Arithmetic     Arithmetic
}

// OutH returns the height of the output.
func (c Conv) OutH() int { return (c.H+c.PT+c.PB-c.DH*(c.KH-1)-1)/c.SH + 1 }

// OutW returns the width of the output.
func (c Conv) OutW() int { return (c.W+c.PL+c.PR-c.DW*(c.KW-1)-1)/c.SW + 1 }

// maxElements bounds every tensor and scratch buffer of a kernel: 2^28 floats, 1 GiB.
const maxElements = 1 << 28

// Validate returns an error for a shape that has no output or exceeds the budget of Conv2D. The
// gradients take more memory and have their own checks.
func (c Conv) Validate() error {
	for _, v := range []int{c.N, c.C, c.H, c.W, c.M, c.KH, c.KW, c.SH, c.SW, c.DH, c.DW} {
		if v < 1 || v > maxElements {
			return fmt.Errorf("convolution %+v: sizes, strides and dilations must be between 1 and %d", c, maxElements)
		}
	}
	for _, v := range []int{c.PT, c.PL, c.PB, c.PR} {
		if v < 0 || v > maxElements {
			return fmt.Errorf("convolution %+v: pads must be between 0 and %d", c, maxElements)
		}
	}
	if c.H+c.PT+c.PB < c.DH*(c.KH-1)+1 || c.W+c.PL+c.PR < c.DW*(c.KW-1)+1 {
		return fmt.Errorf("convolution %+v: the kernel is larger than the padded input", c)
	}
	ph, pw := c.bordered()
	return c.within([][]int{
		{c.N, c.C, c.H, c.W},
		{c.N, c.M, c.OutH(), c.OutW()},
		{c.M, c.C, c.KH, c.KW},
		{c.C, c.DH*(c.KH-1) + 1 + min(c.SH, ph), pw + min(c.SW, pw)}, // the input of a row of outputs
	})
}

// ValidateGradWeight is Validate for Conv2DGradWeight, which copies whole samples with their border
// or, for strides above 1, all elements that each tap reads.
func (c Conv) ValidateGradWeight() error {
	if err := c.Validate(); err != nil {
		return err
	}
	ph, pw := c.bordered()
	x := []int{c.N, c.C, ph, pw}
	if c.SH > 1 || c.SW > 1 {
		x = []int{c.N, c.C, c.KH, c.KW, c.OutH(), c.OutW()}
	}
	return c.within([][]int{x, {c.N, c.M + active.dotRows, c.OutH(), pw}})
}

// ValidateGradInput is Validate for Conv2DGradInput, which runs another convolution or copies all of
// dy with a border.
func (c Conv) ValidateGradInput() error {
	if err := c.Validate(); err != nil {
		return err
	}
	if r, ok := c.mirrored(); ok {
		return r.Validate()
	}
	b := c.gradientBorder()
	ph, pw := b.bordered()
	return c.within([][]int{{b.N, b.C, ph, pw}})
}

// bordered returns the size of a sample with its border.
func (c Conv) bordered() (height, width int) { return c.H + c.PT + c.PB, c.W + c.PL + c.PR }

// within returns an error if a product of dimensions exceeds the budget.
func (c Conv) within(sizes [][]int) error {
	for _, dims := range sizes {
		if _, err := Product(dims...); err != nil {
			return fmt.Errorf("convolution %+v: %w", c, err)
		}
	}
	return nil
}

// Product multiplies dimensions. It returns an error when one is negative or the product exceeds the budget.
func Product(dims ...int) (int, error) {
	n := 1
	for _, d := range dims {
		if d < 0 {
			return 0, fmt.Errorf("dimension %d is negative", d)
		}
		if d > 0 && n > maxElements/d {
			return 0, fmt.Errorf("%v elements exceed the budget of %d", dims, maxElements)
		}
		n *= d
	}
	return n, nil
}

func (c Conv) taps() int { return c.C * c.KH * c.KW }

func (c Conv) checkLengths(x, w, y []float32) {
	c.checkOperands(x, y)
	c.checkWeights(w)
}

func (c Conv) checkOperands(x, y []float32) {
	if len(x) != c.N*c.C*c.H*c.W || len(y) != c.N*c.M*c.OutH()*c.OutW() {
		panic(fmt.Sprintf("kernel: convolution %+v with %d inputs, %d outputs", c, len(x), len(y)))
	}
}

func (c Conv) checkWeights(w []float32) {
	if len(w) != c.M*c.taps() {
		panic(fmt.Sprintf("kernel: convolution %+v with %d weights", c, len(w)))
	}
}

// padded is the layout of some rows of a sample with their zero border. They are split into one
// plane for each remainder of row and column modulo the strides, so that a kernel tap reads a run of
// inputs at a fixed offset for a run of outputs. Rows of a plane are pw wide; the outputs of a row
// are the first OutW of pw columns.
type padded struct {
	sh, sw int // strides; 1 along an axis with a single output
	ph, pw int // rows and columns of a plane
	slack  int // zeros after the data, since a kernel reads whole vectors
	last   int // largest offset of a tap of output 0
}

// padded returns the layout of a number of bordered rows.
func (c Conv) padded(rows int) padded {
	p := c.planes(rows)
	for kh := range c.KH {
		for kw := range c.KW {
			p.last = max(p.last, p.at(c.C-1, kh*c.DH, kw*c.DW))
		}
	}
	return p
}

// planes is padded without last, which takes time to compute.
func (c Conv) planes(rows int) padded {
	p := padded{sh: c.SH, sw: c.SW, slack: active.wide.cols + active.lanes + c.DW*(c.KW-1)}
	if c.OutH() == 1 {
		p.sh = 1
	}
	if c.OutW() == 1 {
		p.sw = 1
	}
	p.ph, p.pw = (rows+p.sh-1)/p.sh, (c.W+c.PL+c.PR+p.sw-1)/p.sw
	return p
}

func (p padded) size(channels int) int { return channels*p.sh*p.sw*p.ph*p.pw + p.slack }

// at returns the offset of element (row, column) of the bordered channel.
func (p padded) at(channel, row, column int) int {
	plane := (channel*p.sh+row%p.sh)*p.sw + column%p.sw
	return (plane*p.ph+row/p.sh)*p.pw + column/p.sw
}

// fill fills dst with rows of a sample x (C, H, W) with its border, from bordered row first on.
func (c Conv) fill(p padded, dst, x []float32, first int) {
	if p.sh*p.sw > 1 {
		c.fillStrided(p, dst, x, first)
		return
	}
	size := p.ph * p.pw
	for ch := range c.C {
		c.border(dst[ch*size:(ch+1)*size], x[ch*c.H*c.W:(ch+1)*c.H*c.W], first-c.PT, p.pw)
	}
	clear(dst[c.C*size:])
}

// fillStrided is fill for strides above 1.
func (c Conv) fillStrided(p padded, dst, x []float32, first int) {
	clear(dst)
	for ch := range c.C {
		for r := max(0, c.PT-first); r < p.ph*p.sh && first+r < c.PT+c.H; r++ {
			row := x[(ch*c.H+first+r-c.PT)*c.W:][:c.W]
			for q0 := range min(p.sw, c.W) {
				out := dst[p.at(ch, r, c.PL+q0):]
				for i, q := 0, q0; q < len(row); i, q = i+1, q+p.sw {
					out[i] = row[q]
				}
			}
		}
	}
}

// offsets lists the offsets of the taps (channel, row, column) of output 0 in a padded sample.
func (c Conv) offsets(p padded) []int {
	o := make([]int, 0, c.taps()+3)
	for ch := range c.C {
		for kh := range c.KH {
			for kw := range c.KW {
				o = append(o, p.at(ch, kh*c.DH, kw*c.DW))
			}
		}
	}
	return o
}

// Conv2D computes y = w * x + bias. bias has M elements or is nil.
// It panics when the length of a slice does not match c; c must be valid.
func Conv2D(c Conv, x, w, bias, y []float32) {
	c.checkLengths(x, w, y)
	p := newPlan(c)
	p.pack(w)
	p.run(x, bias, y, Epilogue{})
}

// pointwise reports whether the convolution is a product of the matrices of weights and samples
// whose result consists of whole tiles: it needs no border, no copies and no partial tiles.
func (c Conv) pointwise() bool {
	t := c.tile()
	return c.KH == 1 && c.KW == 1 && c.SH == 1 && c.SW == 1 && c.PT+c.PL+c.PB+c.PR == 0 &&
		c.M%t.rows == 0 && c.H*c.W%t.cols == 0
}

// im2col writes one sample x (C, H, W) as rows of taps: dst (C*KH*KW, OutH*OutW), padding as zeros.
func (c Conv) im2col(x, dst []float32) {
	oh, ow := c.OutH(), c.OutW()
	parallel(c.C, func(ch int) {
		for kh := range c.KH {
			for kw := range c.KW {
				row := dst[((ch*c.KH+kh)*c.KW+kw)*oh*ow:][:oh*ow]
				// For lo <= j < hi the outputs read inside the input.
				shift := kw*c.DW - c.PL
				lo := min(ow, max(0, (-shift+c.SW-1)/c.SW))
				hi := max(lo, min(ow, (c.W-1-shift+c.SW)/c.SW))
				for i := range oh {
					line := row[i*ow : (i+1)*ow]
					h := i*c.SH + kh*c.DH - c.PT
					if h < 0 || h >= c.H {
						clear(line)
						continue
					}
					src := x[(ch*c.H+h)*c.W : (ch*c.H+h+1)*c.W]
					clear(line[:lo])
					clear(line[hi:])
					if lo == hi { // the whole row lies in the border
						continue
					}
					if c.SW == 1 {
						copy(line[lo:hi], src[lo+shift:])
						continue
					}
					q := lo*c.SW + shift
					for j := lo; j < hi; j++ {
						line[j] = src[q]
						q += c.SW
					}
				}
			}
		}
	})
}

// Conv2DNaive is the reference for Conv2D: the same order, one output at a time.
func Conv2DNaive(c Conv, x, w, bias, y []float32) {
	c.checkLengths(x, w, y)
	o := 0
	for n := range c.N {
		sample := func(ch, h, q int) float32 {
			if h < 0 || h >= c.H || q < 0 || q >= c.W {
				return 0
			}
			return x[((n*c.C+ch)*c.H+h)*c.W+q]
		}
		for m := range c.M {
			var start float32
			if bias != nil {
				start = bias[m]
			}
			for i := range c.OutH() {
				for j := range c.OutW() {
					if c.winograd() {
						y[o] = c.winogradNaive(w, start, m, i, j, sample)
						o++
						continue
					}
					acc := start
					for ch := range c.C {
						for kh := range c.KH {
							for kw := range c.KW {
								v := sample(ch, i*c.SH+kh*c.DH-c.PT, j*c.SW+kw*c.DW-c.PL)
								acc += float32(w[((m*c.C+ch)*c.KH+kh)*c.KW+kw] * v)
							}
						}
					}
					y[o] = acc
					o++
				}
			}
		}
	}
}

// Conv2DGradInput computes the gradient of the input, dx (N, C, H, W), from dy (N, M, OutH, OutW).
// This is also the forward pass of the transposed convolution of dy. With stride 1 and pads smaller
// than the dilated kernel, the order is that of Conv2D with the mirrored kernel, otherwise that of
// phasesPlan.
func Conv2DGradInput(c Conv, dy, w, dx []float32) {
	var f Filter
	f.GradInput(c, dy, w, dx)
}

// mirrorWeights writes w (M, C, KH, KW) as the mirrored kernel (C, M, KH, KW).
func (c Conv) mirrorWeights(mirror, w []float32) {
	size := c.KH * c.KW
	for m := range c.M {
		for ch := range c.C {
			for q := range size {
				mirror[(ch*c.M+m)*size+size-1-q] = w[(m*c.C+ch)*size+q]
			}
		}
	}
}

// mirrored returns the convolution of dy that computes the input gradient, and reports whether there
// is one: for stride 1 and pads smaller than the dilated kernel.
func (c Conv) mirrored() (Conv, bool) {
	r := Conv{N: c.N, C: c.M, H: c.OutH(), W: c.OutW(), M: c.C, KH: c.KH, KW: c.KW, SH: 1, SW: 1, DH: c.DH, DW: c.DW,
		Arithmetic: c.Arithmetic,
		PT:         c.DH*(c.KH-1) - c.PT, PL: c.DW*(c.KW-1) - c.PL, PB: c.DH*(c.KH-1) - c.PB, PR: c.DW*(c.KW-1) - c.PR}
	return r, c.SH == 1 && c.SW == 1 && r.PT >= 0 && r.PL >= 0 && r.PB >= 0 && r.PR >= 0
}

// Conv2DGradWeight computes the gradient of the weights, dw (M, C, KH, KW), from
// x and dy. The order is not canonical: partial sums of vector lanes, fused where that is faster.
func Conv2DGradWeight(c Conv, x, dy, dw []float32) {
	c.checkLengths(x, dw, dy)
	k, oh, ow := c.taps(), c.OutH(), c.OutW()
	direct := c.SH == 1 && c.SW == 1
	ph, _ := c.bordered()
	p := c.padded(ph)
	width := ow // row length of dy for the dot kernel
	var offsets []int
	var size int
	if direct {
		width, offsets, size = p.pw, c.offsets(p), p.size(c.C)
	} else {
		span := roundUp(oh*ow, active.lanes)
		size = k * span
		for l := range k {
			offsets = append(offsets, l*span)
		}
	}
	span := roundUp((oh-1)*width+ow, active.lanes)
	for len(offsets)%active.dotCols != 0 {
		offsets = append(offsets, offsets[k-1])
	}
	rows := roundUp(c.M, active.dotRows)
	xs, ds := getScratch(c.N*size), getScratch(c.N*rows*span)
	parallel(c.N, func(n int) {
		xn, dst := x[n*c.C*c.H*c.W:(n+1)*c.C*c.H*c.W], (*xs)[n*size:(n+1)*size]
		if direct {
			c.fill(p, dst, xn, 0)
		} else {
			clear(dst)
			flat := getScratch(k * oh * ow)
			c.im2col(xn, *flat)
			for l := range k {
				copy(dst[offsets[l]:], (*flat)[l*oh*ow:(l+1)*oh*ow])
			}
			putScratch(flat)
		}
		d := (*ds)[n*rows*span : (n+1)*rows*span]
		clear(d)
		for m := range c.M {
			for h := range oh {
				copy(d[m*span+h*width:], dy[((n*c.M+m)*oh+h)*ow:((n*c.M+m)*oh+h+1)*ow])
			}
		}
	})
	ld := len(offsets)
	acc := getScratch(rows * ld)
	clear(*acc)
	blocks := rows / active.dotRows
	parallel(blocks, func(b int) {
		m := b * active.dotRows
		for n := range c.N {
			src := (*xs)[n*size : (n+1)*size]
			_ = src[offsets[k-1]+span-1]
			for j := 0; j < ld; j += active.dotCols {
				active.dot(span, &(*ds)[(n*rows+m)*span], span, &src[0], &offsets[j], &(*acc)[m*ld+j], ld)
			}
		}
	})
	for m := range c.M {
		copy(dw[m*k:(m+1)*k], (*acc)[m*ld:])
	}
	putScratch(acc)
	putScratch(ds)
	putScratch(xs)
}

// ChannelSums sums x (N, C, P) over samples and positions. out has C elements.
func ChannelSums(n, c, p int, x, out []float32) {
	clear(out)
	for i := range n {
		for ch := range c {
			out[ch] += Sum(x[(i*c+ch)*p : (i*c+ch+1)*p])
		}
	}
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }
