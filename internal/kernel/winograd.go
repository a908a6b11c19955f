package kernel

import "enciphergan/internal/kernel/simd"

// A convolution with kernels of three rows, stride 1 and many channels is
// computed by Winograd's F(4, 3) over rows (Lavin and Gray, 2016, along one
// axis): six products give four rows of output, where the definition takes
// twelve. Only whole rows are added up on the way in and out, so any vector
// unit does that well. The six products are convolutions over (channel, kernel
// column) in canonical order, from 0; components and spread, below, are the
// order of the rest.
//
// The rule when to do so is part of the canonical arithmetic, and so looks at
// nothing but the shape.
func (c Conv) winograd() bool {
	return c.KH == 3 && c.SH == 1 && c.SW == 1 && c.DH == 1 && c.C >= 16 && c.M >= 16
}

const (
	winogradRows  = 4 // rows of output a tile has
	winogradParts = 6 // products, and rows of input, a tile takes
)

// components transforms the three rows of a kernel: points 0, 1, -1, 2, -2 and infinity.
func components(g0, g1, g2 float32) [winogradParts]float32 {
	outer, far, twice := g0+g2, g0+float32(4*g2), float32(2*g1)
	return [winogradParts]float32{
		g0 / 4,
		(outer + g1) / -6,
		(outer - g1) / -6,
		(far + twice) / 24,
		(far - twice) / 24,
		g2,
	}
}

// spreadRows transforms six rows of input.
func spreadRows(d0, d1, d2, d3, d4, d5 float32) (v0, v1, v2, v3, v4, v5 float32) {
	a, b := d4-float32(4*d2), d3-float32(4*d1)
	e, f := d4-d2, float32(2*(d3-d1))
	return float32(float32(4*d0)-float32(5*d2)) + d4, a + b, a - b, e + f, e - f,
		float32(float32(4*d1)-float32(5*d3)) + d5
}

// foldRows takes six products to four rows of output.
func foldRows(m0, m1, m2, m3, m4, m5, bias float32) (y0, y1, y2, y3 float32) {
	s, u, p, q := m1+m2, m1-m2, m3+m4, m3-m4
	return m0 + s + p + bias, u + float32(2*q) + bias, s + float32(4*p) + bias, u + float32(8*q) + m5 + bias
}

// packComponents transforms and packs the weights: winogradParts times
// packedRows(M) x C*KW elements, in panels as packA makes them.
func (c Conv) packComponents(dst, w []float32) {
	k := c.C * c.KW
	size := packedRows(c.M) * k
	rows := active.rows
	clear(dst[:winogradParts*size])
	for m := range c.M {
		panel := m/rows*rows*k + m%rows
		for l := range k {
			at := (m*c.C+l/c.KW)*3*c.KW + l%c.KW
			for part, v := range components(w[at], w[at+c.KW], w[at+2*c.KW]) {
				dst[part*size+panel+l*rows] = v
			}
		}
	}
}

// bySpreading convolves with packed components; bias has an element for every packed row.
func (c Conv) bySpreading(x, u, bias, y []float32) {
	oh, ow, k, all := c.OutH(), c.OutW(), c.C*c.KW, packedRows(c.M)
	tiles := (oh + winogradRows - 1) / winogradRows
	whole := c // with zeros below, so that the last tile is a whole one
	whole.PB += tiles*winogradRows - oh
	p := whole.padded()
	size := p.size(c.C)
	xs := borrow(c.N * size)
	parallel(c.N, func(n int) { whole.fill(p, (*xs)[n*size:(n+1)*size], x[n*c.C*c.H*c.W:]) })

	rows, cols := active.rows, active.cols
	band := fewest(tiles, p.pw, ow)
	bands := (tiles + band - 1) / band
	plane := band * p.pw
	offsets := make([]int, k)
	for l := range offsets {
		offsets[l] = l/c.KW*plane + l%c.KW*c.DW
	}
	starts := borrow(all)
	clear(*starts)
	parallel(c.N*bands, func(task int) {
		n, t0 := task/bands, task%bands*band
		t1 := min(tiles, t0+band)
		ld := roundUp((t1-t0-1)*p.pw+ow, cols)
		// A row of the last panel of the last channel ends inside the spare columns.
		part, products := c.C*plane+cols, all*ld
		v, m := borrow(winogradParts*part), borrow(winogradParts*products)
		for ch := range c.C {
			spreadTiles(t1-t0, p.pw, (*xs)[n*size+(ch*p.ph+t0*winogradRows)*p.pw:], (*v)[ch*plane:], part)
		}
		for i := range winogradParts {
			clear((*v)[i*part+c.C*plane : (i+1)*part])
			active.block(all/rows, ld/cols, k, &u[i*all*k], rows*k, &(*v)[i*part], cols, &offsets[0], &(*starts)[0], &(*m)[i*products], ld)
		}
		h0, h1 := t0*winogradRows, min(oh, t1*winogradRows)
		for ch := range c.M {
			foldTiles(ow, (*m)[ch*ld:], p.pw, products, y[((n*c.M+ch)*oh+h0)*ow:((n*c.M+ch)*oh+h1)*ow], bias[ch])
		}
		release(m)
		release(v)
	})
	release(starts)
	release(xs)
}

// fewest is how many tiles a task computes: as few as leave the least of the panels
// of B unused, so that the task's products stay in cache.
func fewest(tiles, pw, ow int) int {
	best, least := 1, roundUp(ow, active.cols)
	for n := 2; n <= tiles && n*pw <= bandColumns/winogradRows; n++ {
		if ld := roundUp((n-1)*pw+ow, active.cols); ld < least*n/best {
			best, least = n, ld
		}
	}
	return best
}

// spreadTiles transforms tiles of six rows of x, each four rows below the one
// before: part i of tile t goes to v[i*part + t*width:], width elements.
func spreadTiles(tiles, width int, x []float32, v []float32, part int) {
	_, _ = x[(winogradRows*tiles+2)*width-1], v[(winogradParts-1)*part+tiles*width-1]
	if active.vectors != nil && width >= simd.Lanes {
		active.vectors.spread(tiles, width, &x[0], &v[0], part)
		return
	}
	for t := range tiles {
		in := x[winogradRows*t*width:]
		d0, d1, d2 := in[:width], in[width:2*width], in[2*width:3*width]
		d3, d4, d5 := in[3*width:4*width], in[4*width:5*width], in[5*width:6*width]
		out := func(i int) []float32 { return v[i*part+t*width:][:width] }
		v0, v1, v2, v3, v4, v5 := out(0), out(1), out(2), out(3), out(4), out(5)
		for i := range width {
			v0[i], v1[i], v2[i], v3[i], v4[i], v5[i] = spreadRows(d0[i], d1[i], d2[i], d3[i], d4[i], d5[i])
		}
	}
}

// foldTiles writes y, rows of width elements, from tiles of six products: product i
// of tile t is at m[i*part + t*stride:]. Rows of the last tile may be missing.
func foldTiles(width int, m []float32, stride, part int, y []float32, bias float32) {
	tiles := len(y) / (winogradRows * width)
	t := 0
	if active.vectors != nil && width >= simd.Lanes && tiles > 0 {
		_ = m[(winogradParts-1)*part+(tiles-1)*stride+width-1]
		active.vectors.fold(tiles, width, &m[0], stride, part, &y[0], bias)
		t = tiles
	}
	for ; t*winogradRows*width < len(y); t++ {
		in := func(i int) []float32 { return m[i*part+t*stride:][:width] }
		m0, m1, m2, m3, m4, m5 := in(0), in(1), in(2), in(3), in(4), in(5)
		rest := y[t*winogradRows*width:]
		if len(rest) >= winogradRows*width {
			y0, y1, y2, y3 := rest[:width], rest[width:2*width], rest[2*width:3*width], rest[3*width:4*width]
			for i := range width {
				y0[i], y1[i], y2[i], y3[i] = foldRows(m0[i], m1[i], m2[i], m3[i], m4[i], m5[i], bias)
			}
			continue
		}
		for i := range width {
			var column [winogradRows]float32
			column[0], column[1], column[2], column[3] = foldRows(m0[i], m1[i], m2[i], m3[i], m4[i], m5[i], bias)
			for r := range len(rest) / width {
				rest[r*width+i] = column[r]
			}
		}
	}
}

// winogradNaive is one output of Conv2DNaive in the order of winograd; sample
// reads the padded input of a channel.
func (c Conv) winogradNaive(w []float32, bias float32, m, i, j int, sample func(ch, h, w int) float32) float32 {
	var products [winogradParts]float32
	h := i/winogradRows*winogradRows - c.PT
	for ch := range c.C {
		for kw := range c.KW {
			column := j + kw*c.DW - c.PL
			var v [winogradParts]float32
			v[0], v[1], v[2], v[3], v[4], v[5] = spreadRows(sample(ch, h, column), sample(ch, h+1, column), sample(ch, h+2, column),
				sample(ch, h+3, column), sample(ch, h+4, column), sample(ch, h+5, column))
			at := (m*c.C+ch)*3*c.KW + kw
			for part, u := range components(w[at], w[at+c.KW], w[at+2*c.KW]) {
				products[part] += float32(u * v[part])
			}
		}
	}
	p := products
	var y [winogradRows]float32
	y[0], y[1], y[2], y[3] = foldRows(p[0], p[1], p[2], p[3], p[4], p[5], bias)
	return y[i%winogradRows]
}
