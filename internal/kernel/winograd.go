package kernel

import (
	"enciphergan/internal/kernel/simd"
)

// winograd reports whether the convolution is computed by Winograd's F(4 x 4, 3 x 3) (Lavin and
// Gray, 2016), which takes 36 products for 4 x 4 outputs, where the definition takes 144. This is
// done for kernels of 3 x 3, stride 1 and many channels. filterTransformRow, inputTransformRow and
// outputTransformRow are its transforms along one axis; each is applied to columns first, then to
// rows. The 36 products are sums over channels in canonical order, from 0; the bias is added last.
//
// A vector holds neighbouring tiles of a row of tiles. For that, the columns of the input are split
// into four planes by their remainder modulo 4, and the output is joined from four such planes.
//
// The rule is part of the canonical arithmetic, so it depends on the shape alone.
func (c Conv) winograd() bool {
	return c.KH == 3 && c.KW == 3 && c.SH == 1 && c.SW == 1 && c.DH == 1 && c.DW == 1 && c.C >= 16 && c.M >= 16 &&
		c.OutH() >= 4 && c.OutW() >= 4
}

const (
	winogradOutput = 4 // rows and columns of output in a tile
	winogradInput  = 6 // rows and columns of input that a tile reads
	winogradParts  = winogradInput * winogradInput
)

// filterTransformRow transforms three weights, for the points 0, 1, -1, 2, -2 and infinity.
func filterTransformRow(g0, g1, g2 float32) [winogradInput]float32 {
	outer, far, twice := g0+g2, g0+float32(4*g2), float32(2*g1)
	return [winogradInput]float32{
		g0 / 4,
		(outer + g1) / -6,
		(outer - g1) / -6,
		(far + twice) / 24,
		(far - twice) / 24,
		g2,
	}
}

// inputTransformRow transforms six elements of input.
func inputTransformRow(d0, d1, d2, d3, d4, d5 float32) (v0, v1, v2, v3, v4, v5 float32) {
	a, b := d4-float32(4*d2), d3-float32(4*d1)
	e, f := d4-d2, float32(2*(d3-d1))
	return float32(float32(4*d0)-float32(5*d2)) + d4, a + b, a - b, e + f, e - f,
		float32(float32(4*d1)-float32(5*d3)) + d5
}

// outputTransformRow transforms six products to four elements of output.
func outputTransformRow(m0, m1, m2, m3, m4, m5 float32) (y0, y1, y2, y3 float32) {
	s, u, p, q := m1+m2, m1-m2, m3+m4, m3-m4
	return m0 + s + p, u + float32(2*q), s + float32(4*p), u + float32(8*q) + m5
}

// filterTransform transforms the nine weights of a kernel.
func filterTransform(g []float32) (u [winogradParts]float32) {
	var columns [3][winogradInput]float32
	for j := range columns {
		columns[j] = filterTransformRow(g[j], g[3+j], g[6+j])
	}
	for i := range winogradInput {
		for j, v := range filterTransformRow(columns[0][i], columns[1][i], columns[2][i]) {
			u[i*winogradInput+j] = v
		}
	}
	return u
}

// packWinograd transforms and packs the weights: winogradParts matrices of M x C elements, each in
// panels as packA makes them.
func (c Conv) packWinograd(dst, w []float32) {
	rows := c.tile().rows
	size := roundUp(c.M, rows) * c.C
	clear(dst[:winogradParts*size])
	for m := range c.M {
		panel := m/rows*rows*c.C + m%rows
		for ch := range c.C {
			for part, v := range filterTransform(w[(m*c.C+ch)*9:][:9]) {
				dst[part*size+panel+ch*rows] = v
			}
		}
	}
}

// The data of a task is bounded so that it stays in the second-level cache: the transformed input
// of some rows of tiles, all channels, and the products of the output channels that are transformed
// at a time.
const (
	tileFloats  = 225_000 // elements of input and products
	tileFilters = 64      // output channels to aim at, if there are as many: panels of input are packed once for them
)

// tiled is the part of a plan that only winograd needs.
type tiled struct {
	down, across int // tiles in a column and in a row
	band, bands  int // rows of tiles in a task; tasks in a sample
	ld           int // columns of the products of a task: its tiles, rounded up to whole panels
	part         int // elements from one part of the transformed input to the next
	filters      int // packed rows that are multiplied and transformed at a time
	zeros        []float32
}

func (p *plan) planTiles() {
	p.tiled = p.tiles(p.rows, p.cols)
	p.tiled.zeros = make([]float32, p.tiled.filters)
	p.offsets = make([]int, p.C)
	for ch := range p.offsets {
		p.offsets[ch] = ch * p.tiled.ld
	}
	p.tasks = p.N * p.tiled.bands
}

// tiles divides the work into tasks, for a block kernel whose tile has the given rows and columns.
func (c Conv) tiles(rows, cols int) (w tiled) {
	w.down, w.across = roundUp(c.OutH(), winogradOutput)/winogradOutput, roundUp(c.OutW(), winogradOutput)/winogradOutput
	w.band = max(1, tileFloats/(winogradParts*(c.C+min(c.M, tileFilters))*w.across))
	w.bands = (w.down + w.band - 1) / w.band
	w.band = (w.down + w.bands - 1) / w.bands
	// Prefer whole panels, if one row of tiles more or less makes them.
	for _, band := range []int{w.band, w.band + 1, w.band - 1} {
		if band >= 1 && band*w.across%cols == 0 {
			w.band = band
			break
		}
	}
	w.band = min(w.band, w.down)
	w.bands = (w.down + w.band - 1) / w.band
	w.ld = roundUp(w.band*w.across, cols)
	w.part = c.C * w.ld
	w.filters = min(roundUp(c.M, rows), max(1, (tileFloats/(winogradParts*w.ld)-c.C)/rows)*rows)
	return w
}

// computeTiles computes one band of rows of tiles of one sample.
func (p *plan) computeTiles(task int) {
	w := &p.tiled
	n, t0 := task/w.bands, task%w.bands*w.band
	rows := min(w.down, t0+w.band) - t0
	columns := winogradOutput * (w.across + 1) // of the bordered input, as far as the last tile reads, in fours
	phaseSize := roundUp(winogradOutput*rows+2, winogradOutput) * (w.across + 1)
	outputSize := winogradOutput * rows * w.across
	lines, phases := getScratch(winogradOutput*max(phaseSize, outputSize)), getScratch(winogradOutput*max(phaseSize, outputSize))
	scratch, v, products := getScratch(winogradParts*simd.SumLanes), getScratch(winogradParts*w.part), getScratch(winogradParts*w.filters*w.ld)
	for ch := range p.C {
		p.border((*lines)[:phaseSize*winogradOutput], p.x[(n*p.C+ch)*p.H*p.W:][:p.H*p.W], winogradOutput*t0-p.PT, columns)
		deinterleave(phaseSize, *lines, *phases, phaseSize)
		inputTransformTiles(rows, w.across, *phases, w.across+1, phaseSize, (*v)[ch*w.ld:], w.part, *scratch)
	}
	all := roundUp(p.M, p.rows)
	oh, ow := p.OutH(), p.OutW()
	h0 := winogradOutput * t0
	h1 := min(oh, h0+winogradOutput*rows)
	panels := roundUp(rows*w.across, p.cols) / p.cols
	for m0 := 0; m0 < all; m0 += w.filters {
		filters := min(w.filters, all-m0)
		size := filters * w.ld
		for i := range winogradParts {
			p.multiply(filters/p.rows, panels, p.C, &p.packed[i*all*p.C+m0*p.C], p.rows*p.C, &(*v)[i*w.part], p.cols, &p.offsets[0], &w.zeros[0], &(*products)[i*size], w.ld)
		}
		for m := m0; m < min(p.M, m0+filters); m++ {
			outputTransformTiles(rows, w.across, (*products)[(m-m0)*w.ld:], size, *phases, outputSize, p.start[m], *scratch)
			at := ((n*p.M+m)*oh + h0) * ow
			y := p.y[at:][:(h1-h0)*ow]
			if len(y) == winogradOutput*outputSize {
				interleave(outputSize, *phases, outputSize, y)
			} else {
				interleave(outputSize, *phases, outputSize, *lines)
				for h := range h1 - h0 {
					copy(y[h*ow:(h+1)*ow], (*lines)[h*winogradOutput*w.across:])
				}
			}
			p.epilogue.apply(y, at)
		}
	}
	for _, s := range []*[]float32{lines, phases, scratch, v, products} {
		putScratch(s)
	}
}

// border fills dst with rows of the given number of columns: channel x with its border, from row
// first of x on, which may be negative. All elements outside x are zeros.
func (c Conv) border(dst, x []float32, first, columns int) {
	for h := first; len(dst) > 0; h++ {
		row := dst[:columns]
		dst = dst[columns:]
		if h < 0 || h >= c.H {
			clear(row)
			continue
		}
		clear(row[:c.PL])
		clear(row[c.PL+copy(row[c.PL:], x[h*c.W:(h+1)*c.W]):])
	}
}

// deinterleave splits columns into four planes: y[j*stride+t] = x[4*t+j], t < n. n is a multiple of 4.
func deinterleave(n int, x, y []float32, stride int) {
	_, _ = x[4*n-1], y[3*stride+n-1]
	if active.vectors != nil {
		active.vectors.deinterleave(n, &x[0], &y[0], stride)
		return
	}
	for t := range n {
		for j, v := range x[4*t : 4*t+4] {
			y[j*stride+t] = v
		}
	}
}

// interleave joins the columns of four planes: y[4*t+j] = x[j*stride+t], t < n. n is a multiple of 4.
func interleave(n int, x []float32, stride int, y []float32) {
	_, _ = x[3*stride+n-1], y[4*n-1]
	if active.vectors != nil {
		active.vectors.interleave(n, &x[0], stride, &y[0])
		return
	}
	for t := range n {
		for j := range 4 {
			y[4*t+j] = x[j*stride+t]
		}
	}
}

// inputTransformTiles transforms the input of rows x width tiles. Column 4*t+j of row h is at
// x[j*plane+h*row+t]; part i of tile (r, t) goes to v[i*part+r*width+t]. scratch has 36 * 16 elements.
func inputTransformTiles(rows, width int, x []float32, row, plane int, v []float32, part int, scratch []float32) {
	_, _, _ = x[max(plane, 3*plane-1)+(winogradOutput*rows+1)*row+width], v[(winogradParts-1)*part+rows*width-1], scratch[winogradParts*simd.SumLanes-1]
	if active.vectors != nil && width >= simd.Lanes {
		active.vectors.inputTransform(rows, width, &x[0], row, plane, &v[0], part, &scratch[0])
		return
	}
	for r := range rows {
		for t := range width {
			var d [winogradParts]float32
			for i := range winogradInput {
				for j := range winogradInput {
					d[i*winogradInput+j] = x[j%4*plane+(winogradOutput*r+i)*row+t+j/4]
				}
			}
			for i, e := range inputTransform(d) {
				v[i*part+r*width+t] = e
			}
		}
	}
}

// inputTransform transforms 6 x 6 elements of input.
func inputTransform(d [winogradParts]float32) (v [winogradParts]float32) {
	for j := range winogradInput {
		d[j], d[6+j], d[12+j], d[18+j], d[24+j], d[30+j] = inputTransformRow(d[j], d[6+j], d[12+j], d[18+j], d[24+j], d[30+j])
	}
	for i := 0; i < winogradParts; i += winogradInput {
		v[i], v[i+1], v[i+2], v[i+3], v[i+4], v[i+5] = inputTransformRow(d[i], d[i+1], d[i+2], d[i+3], d[i+4], d[i+5])
	}
	return v
}

// outputTransformTiles transforms the products of rows x width tiles to output. Part i of tile (r, t)
// is at m[i*part+r*width+t]; column 4*t+j of row h goes to y[j*plane+h*width+t]. scratch has 36 * 16
// elements.
func outputTransformTiles(rows, width int, m []float32, part int, y []float32, plane int, bias float32, scratch []float32) {
	_, _, _ = m[(winogradParts-1)*part+rows*width-1], y[3*plane+winogradOutput*rows*width-1], scratch[winogradParts*simd.SumLanes-1]
	if active.vectors != nil && width >= simd.Lanes {
		active.vectors.outputTransform(rows, width, &m[0], part, &y[0], plane, bias, &scratch[0])
		return
	}
	for r := range rows {
		for t := range width {
			var p [winogradParts]float32
			for i := range p {
				p[i] = m[i*part+r*width+t]
			}
			for i, e := range outputTransform(p, bias) {
				y[i%4*plane+(winogradOutput*r+i/4)*width+t] = e
			}
		}
	}
}

// outputTransform transforms 36 products to 4 x 4 outputs and adds the bias.
func outputTransform(m [winogradParts]float32, bias float32) (y [winogradOutput * winogradOutput]float32) {
	for j := range winogradInput {
		m[j], m[6+j], m[12+j], m[18+j] = outputTransformRow(m[j], m[6+j], m[12+j], m[18+j], m[24+j], m[30+j])
	}
	for i := range winogradOutput {
		r := m[6*i:]
		y0, y1, y2, y3 := outputTransformRow(r[0], r[1], r[2], r[3], r[4], r[5])
		y[4*i], y[4*i+1], y[4*i+2], y[4*i+3] = y0+bias, y1+bias, y2+bias, y3+bias
	}
	return y
}

// winogradNaive computes output (i, j) of channel m for Conv2DNaive, in the order of winograd. sample
// reads the padded input of a channel.
func (c Conv) winogradNaive(w []float32, bias float32, m, i, j int, sample func(ch, h, w int) float32) float32 {
	var products [winogradParts]float32
	h, q := i/winogradOutput*winogradOutput-c.PT, j/winogradOutput*winogradOutput-c.PL
	for ch := range c.C {
		var d [winogradParts]float32
		for l := range d {
			d[l] = sample(ch, h+l/winogradInput, q+l%winogradInput)
		}
		v := inputTransform(d)
		for part, u := range filterTransform(w[(m*c.C+ch)*9:][:9]) {
			products[part] += float32(u * v[part])
		}
	}
	y := outputTransform(products, bias)
	return y[i%winogradOutput*winogradOutput+j%winogradOutput]
}
