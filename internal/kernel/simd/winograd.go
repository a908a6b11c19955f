package simd

// columns runs body for every vector of a row of width elements, with its offset in
// bytes in at. The last vector ends with the row and may overlap the previous one.
func (f *function) columns(width local, at local, body func()) {
	i := f.let(i32, integer(0))
	last := apply(i32Sub, width.get, integer(Lanes))
	f.while(apply(i32LtS, i.get, width.get), func() {
		f.set(at, bytes(apply(selectOp, i.get, last, apply(i32LtS, i.get, last))))
		body()
		f.advance(i, integer(Lanes))
	})
}

// transpose emits two exports that copy blocks of 4 x 4 elements from interleaved columns to four
// planes, and back.
func (m *module) transpose(deinterleave, interleave string) {
	for _, name := range []string{deinterleave, interleave} {
		f := m.function(name, i32, i32, i32, i32)
		n, four, plane, stride := local(0), local(1), local(2), local(3)
		if name == interleave {
			four, plane, stride = 3, 1, 2
		}
		f.set(stride, bytes(stride.get))
		row := f.variable(i32)
		planes := func(visit func(i int)) {
			f.set(row, plane.get)
			for i := range 4 {
				visit(i)
				if i < 3 {
					f.advance(row, stride.get)
				}
			}
		}
		var v [4]local
		for i := range v {
			v[i] = f.variable(v128)
		}
		f.vectors(n, 4, func() {
			if name == deinterleave {
				for i := range v {
					f.set(v[i], access(vLoad, 16*i, four.get))
				}
			} else {
				planes(func(i int) { f.set(v[i], access(vLoad, 0, row.get)) })
			}
			low0, high0 := f.let(v128, shuffle(v[0].get, v[1].get, 0, 4, 1, 5)), f.let(v128, shuffle(v[0].get, v[1].get, 2, 6, 3, 7))
			low1, high1 := f.let(v128, shuffle(v[2].get, v[3].get, 0, 4, 1, 5)), f.let(v128, shuffle(v[2].get, v[3].get, 2, 6, 3, 7))
			result := [4]expression{
				shuffle(low0.get, low1.get, 0, 1, 4, 5), shuffle(low0.get, low1.get, 2, 3, 6, 7),
				shuffle(high0.get, high1.get, 0, 1, 4, 5), shuffle(high0.get, high1.get, 2, 3, 6, 7),
			}
			if name == deinterleave {
				planes(func(i int) { f.run(access(vStore, 0, row.get, result[i])) })
			} else {
				for i := range v {
					f.run(access(vStore, 16*i, four.get, result[i]))
				}
			}
			f.advance(four, integer(48)) // and the 16 bytes of a vector
		}, four, plane)
	}
}

// inputTransformRow and outputTransformRow have the steps of the functions of the same names in package kernel.

const (
	side  = 4
	reach = 6
)

func (f *function) inputTransformRow(d [reach]local) [reach]expression {
	a := f.let(v128, minus(d[4].get, times(number(4), d[2].get)))
	b := f.let(v128, minus(d[3].get, times(number(4), d[1].get)))
	e := f.let(v128, minus(d[4].get, d[2].get))
	g := f.let(v128, times(number(2), minus(d[3].get, d[1].get)))
	return [reach]expression{
		plus(minus(times(number(4), d[0].get), times(number(5), d[2].get)), d[4].get),
		plus(a.get, b.get), minus(a.get, b.get), plus(e.get, g.get), minus(e.get, g.get),
		plus(minus(times(number(4), d[1].get), times(number(5), d[3].get)), d[5].get),
	}
}

func (f *function) outputTransformRow(m [reach]local) [side]expression {
	s, u := f.let(v128, plus(m[1].get, m[2].get)), f.let(v128, minus(m[1].get, m[2].get))
	a, b := f.let(v128, plus(m[3].get, m[4].get)), f.let(v128, minus(m[3].get, m[4].get))
	return [side]expression{
		plus(plus(m[0].get, s.get), a.get),
		plus(u.get, times(number(2), b.get)),
		plus(s.get, times(number(4), a.get)),
		plus(plus(u.get, times(number(8), b.get)), m[5].get),
	}
}

func (m *module) inputTransform() {
	f := m.function("inputTransform", i32, i32, i32, i32, i32, i32, i32)
	const (
		rows local = iota
		width
		x
		row
		plane
		v
		part
	)
	for _, l := range []local{row, plane, part} {
		f.set(l, bytes(l.get))
	}
	at, first, from, to := f.variable(i32), f.variable(i32), f.variable(i32), f.variable(i32)
	var d [reach]local
	for i := range d {
		d[i] = f.variable(v128)
	}
	var intermediate [reach][reach]local
	for i := range intermediate {
		for j := range intermediate[i] {
			intermediate[i][j] = f.variable(v128)
		}
	}
	f.while(rows.get, func() {
		f.columns(width, at, func() {
			f.set(first, apply(i32Add, x.get, at.get))
			for j := range side {
				for c := j; c < reach; c += side {
					f.set(from, first.get)
					for i := range d {
						f.set(d[i], access(vLoad, 4*(c/side), from.get))
						if i < reach-1 {
							f.advance(from, row.get)
						}
					}
					for i, e := range f.inputTransformRow(d) {
						f.set(intermediate[i][c], e)
					}
				}
				if j < side-1 {
					f.advance(first, plane.get)
				}
			}
			f.set(to, apply(i32Add, v.get, at.get))
			for i := range intermediate {
				for _, e := range f.inputTransformRow(intermediate[i]) {
					f.run(access(vStore, 0, to.get, e))
					f.advance(to, part.get)
				}
			}
		})
		f.advance(x, apply(i32Mul, row.get, integer(side)))
		f.advance(v, bytes(width.get))
		f.advance(rows, integer(-1))
	})
}

func (m *module) outputTransform() {
	f := m.function("outputTransform", i32, i32, i32, i32, i32, i32, f32)
	const (
		rows local = iota
		width
		in
		part
		y
		plane
		biasScalar
	)
	f.set(part, bytes(part.get))
	f.set(plane, bytes(plane.get))
	row, bias := f.let(i32, bytes(width.get)), f.let(v128, apply(f32Splat, biasScalar.get))
	at, from, first, to := f.variable(i32), f.variable(i32), f.variable(i32), f.variable(i32)
	var d [reach]local
	for i := range d {
		d[i] = f.variable(v128)
	}
	var intermediate [side][reach]local
	for i := range intermediate {
		for j := range intermediate[i] {
			intermediate[i][j] = f.variable(v128)
		}
	}
	far := f.let(i32, apply(i32Mul, part.get, integer(reach)))
	f.while(rows.get, func() {
		f.columns(width, at, func() {
			f.set(first, apply(i32Add, in.get, at.get))
			for j := range reach {
				f.set(from, first.get)
				for i := range d {
					f.set(d[i], access(vLoad, 0, from.get))
					if i < reach-1 {
						f.advance(from, far.get)
					}
				}
				for i, e := range f.outputTransformRow(d) {
					f.set(intermediate[i][j], e)
				}
				if j < reach-1 {
					f.advance(first, part.get)
				}
			}
			f.set(first, apply(i32Add, y.get, at.get))
			for i := range intermediate {
				f.set(to, first.get)
				for j, e := range f.outputTransformRow(intermediate[i]) {
					f.run(access(vStore, 0, to.get, plus(e, bias.get)))
					if j < side-1 {
						f.advance(to, plane.get)
					}
				}
				f.advance(first, row.get)
			}
		})
		f.advance(in, row.get)
		f.advance(y, apply(i32Mul, row.get, integer(side)))
		f.advance(rows, integer(-1))
	})
}
