package simd

// columns runs body for every vector of width elements, with at as its distance
// in bytes. The last vector ends with the row and may overlap the one before.
func (f *function) columns(width local, at local, body func()) {
	i := f.let(i32, integer(0))
	last := apply(i32Sub, width.get, integer(Lanes))
	f.while(apply(i32LtS, i.get, width.get), func() {
		f.set(at, bytes(apply(selectOp, i.get, last, apply(i32LtS, i.get, last))))
		body()
		f.advance(i, integer(Lanes))
	})
}

// The steps of spread and fold are those of spreadRows and foldRows in package kernel.

func (m *module) spread() {
	f := m.function("spread", i32, i32, i32, i32, i32)
	const (
		tiles local = iota
		width
		x
		v
		part
	)
	f.set(part, bytes(part.get))
	row := f.let(i32, bytes(width.get))
	at, from, to := f.variable(i32), f.variable(i32), f.variable(i32)
	var d [6]local
	for i := range d {
		d[i] = f.variable(v128)
	}
	f.while(tiles.get, func() {
		f.columns(width, at, func() {
			f.set(from, apply(i32Add, x.get, at.get))
			for i := range d {
				f.set(d[i], access(vLoad, 0, from.get))
				f.advance(from, row.get)
			}
			a := f.let(v128, minus(d[4].get, times(number(4), d[2].get)))
			b := f.let(v128, minus(d[3].get, times(number(4), d[1].get)))
			e := f.let(v128, minus(d[4].get, d[2].get))
			g := f.let(v128, times(number(2), minus(d[3].get, d[1].get)))
			f.set(to, apply(i32Add, v.get, at.get))
			for _, result := range []expression{
				plus(minus(times(number(4), d[0].get), times(number(5), d[2].get)), d[4].get),
				plus(a.get, b.get), minus(a.get, b.get), plus(e.get, g.get), minus(e.get, g.get),
				plus(minus(times(number(4), d[1].get), times(number(5), d[3].get)), d[5].get),
			} {
				f.run(access(vStore, 0, to.get, result))
				f.advance(to, part.get)
			}
		})
		f.advance(x, apply(i32Mul, row.get, integer(4)))
		f.advance(v, row.get)
		f.advance(tiles, integer(-1))
	})
}

func (m *module) fold() {
	f := m.function("fold", i32, i32, i32, i32, i32, i32, f32)
	const (
		tiles local = iota
		width
		in
		stride
		part
		y
		biasScalar
	)
	f.set(part, bytes(part.get))
	row, bias := f.let(i32, bytes(width.get)), f.let(v128, apply(f32Splat, biasScalar.get))
	at, from, to := f.variable(i32), f.variable(i32), f.variable(i32)
	var p [6]local
	for i := range p {
		p[i] = f.variable(v128)
	}
	f.while(tiles.get, func() {
		f.columns(width, at, func() {
			f.set(from, apply(i32Add, in.get, at.get))
			for i := range p {
				f.set(p[i], access(vLoad, 0, from.get))
				f.advance(from, part.get)
			}
			s, u := f.let(v128, plus(p[1].get, p[2].get)), f.let(v128, minus(p[1].get, p[2].get))
			a, b := f.let(v128, plus(p[3].get, p[4].get)), f.let(v128, minus(p[3].get, p[4].get))
			f.set(to, apply(i32Add, y.get, at.get))
			for _, result := range []expression{
				plus(plus(p[0].get, s.get), a.get),
				plus(u.get, times(number(2), b.get)),
				plus(s.get, times(number(4), a.get)),
				plus(plus(u.get, times(number(8), b.get)), p[5].get),
			} {
				f.run(access(vStore, 0, to.get, plus(result, bias.get)))
				f.advance(to, row.get)
			}
		})
		f.advance(in, bytes(stride.get))
		f.advance(y, apply(i32Mul, row.get, integer(4)))
		f.advance(tiles, integer(-1))
	})
}
