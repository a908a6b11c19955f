// Package simd emits the kernels of package kernel as a WebAssembly module with
// 128-bit vectors. It has its own emitter and needs no C toolchain.
//
// The module works on the memory of the Go program, which it imports as go.mem: a
// Go slice is passed as its address and length. It checks nothing. The caller must
// do so, since an access outside memory ends the Go program. Except in fused,
// multiplication and addition are two instructions and each output element has the
// order of plain Go, so the bits are equal to those of plain Go.
//
// Main path: Module emits block (matrix product and convolution) and fused, maps (one
// operand), pairs (two operands), sums and the other exports. Package kernel embeds
// the bytes, passes them to its host when it starts, and calls the exports.
package simd

// Rows and Columns are the size of the tile of C that stays in registers.
const (
	Rows    = 4
	Columns = 8
)

// The element counts of maps, pairs and gather are multiples of Lanes, those of sums and squares of SumLanes.
const (
	Lanes    = 4
	SumLanes = 16
)

// Map is a function of one element x with the parameters p and q.
type Map int

const (
	Fill      Map = iota // p
	Leaky                // x or p*x, whichever is greater
	Larger               // x or p, whichever is greater; x where neither is
	Add                  // x + p
	Subtract             // x - p
	From                 // p - x
	Scale                // x * p
	Divide               // x / p
	Into                 // p / x
	Affine               // x*p + q
	Normalize            // (x - p) / q
	Exp
	Tanh
	Sigmoid
	Erf
	Maps // the number of functions
)

// Pair is a function of two elements.
type Pair int

const (
	Plus Pair = iota
	Minus
	Times
	Over
	Pairs // the number of functions
)

// Module returns the binary form of the module, the same bytes every time: the build
// for hosts with relaxed vector instructions, or the build for all hosts with vectors.
// Counts are in elements, addresses in bytes, all as i32. It exports
//
//	block(rowPanels, columnPanels, k, a, aStep, b, bStep, offsets, bias, c, ldc, scratch)
//
// adds a packed A times B to C, for each row panel i and column panel j of Rows
// x Columns elements, in order of l: c[(i*Rows+r)*ldc + j*Columns+s] +=
// a[i*aStep + l*Rows+r] * b[j*bStep + offsets[l]+s], where offsets are 64-bit
// integers. If bias is not 0, C starts from bias[i*Rows+r] and not from what it
// holds. The k*Columns elements of scratch are overwritten. It also exports
//
//	fused(the same)                  block with one rounding if the processor can;
//	                                 in the relaxed build only
//	maps(function, n, x, y, p, q)    y[i] = function(x[i], p, q), see Map
//	pairs(function, n, a, b, y)      y[i] = function(a[i], b[i]), see Pair
//	sums(n, x, lanes)                lanes[j] += x[j] + x[j+16] + ..., 16 lanes
//	squares(n, x, lanes, m)          the same with (x-m)*(x-m) for x
//	gather(n, index, x, extent, y)   y[i] = x[index[i]]; returns 1, or 0 if it
//	                                 stopped at an index not in [0, extent)
//	deinterleave(n, x, y, stride), interleave(n, x, stride, y),
//	inputTransform(rows, width, x, row, plane, v, part) and
//	outputTransform(rows, width, m, part, y, plane, bias)
//	                                 the transforms of Winograd's F(4 x 4, 3 x 3),
//	                                 see package kernel
func Module(relaxed bool) []byte {
	m := &module{}
	m.block("block", func(acc, factor, b local) expression { return plus(acc.get, times(factor.get, b.get)) })
	if relaxed {
		m.block("fused", func(acc, factor, b local) expression {
			return apply(relaxedMadd, factor.get, b.get, acc.get)
		})
	}
	m.maps()
	m.pairs()
	m.sums("sums", nil)
	m.sums("squares", func(f *function, x local) expression {
		d := f.let(v128, apply(f32Sub, x.get, apply(f32Splat, local(3).get)))
		return apply(f32Mul, d.get, d.get)
	})
	m.gather()
	m.transpose("deinterleave", "interleave")
	m.inputTransform()
	m.outputTransform()
	return m.encode()
}

// unroll is the number of steps of k in an iteration of the inner loops.
const unroll = 1

func (m *module) block(name string, accumulate func(acc, factor, b local) expression) {
	f := m.function(name, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32)
	const (
		rowPanels local = iota
		columnPanels
		k
		a
		aStep
		b
		bStep
		offsets
		bias
		c
		ldc
		scratch
	)
	const vectors = Columns / 4
	for _, l := range []local{aStep, bStep, ldc} {
		f.set(l, bytes(l.get))
	}
	rows, rest := f.variable(i32), f.variable(i32)
	pa, pb, pc, pBias, row := f.variable(i32), f.variable(i32), f.variable(i32), f.variable(i32), f.variable(i32)
	var acc [Rows][vectors]local
	for r := range acc {
		for v := range acc[r] {
			acc[r][v] = f.variable(v128)
		}
	}
	var bs [vectors]local
	for v := range bs {
		bs[v] = f.variable(v128)
	}
	factor := f.variable(v128)

	// steps runs body for every l in [0, k). Addresses advance by strides once an iteration; u is the step within it.
	steps := func(body func(u int), addresses []local, strides []int) {
		move := func(n int) {
			for i, a := range addresses {
				f.advance(a, integer(n*strides[i]))
			}
			f.advance(rest, integer(-n))
		}
		f.set(rest, k.get)
		f.while(apply(i32GeS, rest.get, integer(unroll)), func() {
			for u := range unroll {
				body(u)
			}
			move(unroll)
		})
		f.while(rest.get, func() {
			body(0)
			move(1)
		})
	}
	// tile visits the vectors of the tile at pc.
	tile := func(visit func(r, v int)) {
		f.set(row, pc.get)
		for r := range acc {
			if r > 0 {
				f.advance(row, ldc.get)
			}
			for v := range bs {
				visit(r, v)
			}
		}
	}

	f.while(columnPanels.get, func() {
		// A panel of B is read once for every panel of A. A contiguous copy needs no
		// offsets, and its rows cannot fall onto the same lines of the cache.
		f.set(pb, scratch.get)
		f.set(pa, offsets.get)
		steps(func(u int) {
			f.set(row, apply(i32Add, b.get, bytes(access(i32Load, 8*u, pa.get))))
			for v := range bs {
				f.run(access(vStore, 4*(u*Columns+4*v), pb.get, access(vLoad, 16*v, row.get)))
			}
		}, []local{pa, pb}, []int{8, 4 * Columns})

		f.set(rows, rowPanels.get)
		f.set(pc, c.get)
		f.set(pBias, bias.get)
		f.while(rows.get, func() {
			f.either(bias.get, func() {
				for r := range acc {
					f.set(factor, access(vLoad32Splat, 4*r, pBias.get))
					for v := range bs {
						f.set(acc[r][v], factor.get)
					}
				}
				f.advance(pBias, integer(4*Rows))
			}, func() {
				tile(func(r, v int) { f.set(acc[r][v], access(vLoad, 16*v, row.get)) })
			})
			f.set(pa, apply(i32Add, a.get, apply(i32Mul, aStep.get, apply(i32Sub, rowPanels.get, rows.get))))
			f.set(pb, scratch.get)
			steps(func(u int) {
				for v := range bs {
					f.set(bs[v], access(vLoad, 4*(u*Columns+4*v), pb.get))
				}
				for r := range acc {
					f.set(factor, access(vLoad32Splat, 4*(u*Rows+r), pa.get))
					for v := range bs {
						f.set(acc[r][v], accumulate(acc[r][v], factor, bs[v]))
					}
				}
			}, []local{pa, pb}, []int{4 * Rows, 4 * Columns})
			tile(func(r, v int) { f.run(access(vStore, 16*v, row.get, acc[r][v].get)) })
			f.advance(pc, apply(i32Mul, ldc.get, integer(Rows)))
			f.advance(rows, integer(-1))
		})
		f.advance(b, bStep.get)
		f.advance(c, integer(4*Columns))
		f.advance(columnPanels, integer(-1))
	})
}

// bytes returns the size of a number of float32.
func bytes(count expression) expression { return apply(i32Shl, count, integer(2)) }

func (f *function) advance(l local, by expression) { f.set(l, apply(i32Add, l.get, by)) }

// vectors runs body once for every vector of width elements, of n in all, and
// advances each of the addresses. body must not change n.
func (f *function) vectors(n local, width int, body func(), addresses ...local) {
	f.while(apply(i32GeS, n.get, integer(width)), func() {
		body()
		for _, a := range addresses {
			f.advance(a, integer(4*width))
		}
		f.advance(n, integer(-width))
	})
}

func (m *module) maps() {
	f := m.function("maps", i32, i32, i32, i32, f32, f32)
	const (
		which local = iota
		n
		x
		y
		pScalar
		qScalar
	)
	p, q := f.let(v128, apply(f32Splat, pScalar.get)), f.let(v128, apply(f32Splat, qScalar.get))
	of := map[Map]func(v local) expression{
		Fill:      func(local) expression { return p.get },
		Leaky:     func(v local) expression { return apply(f32Pmax, v.get, apply(f32Mul, v.get, p.get)) },
		Larger:    func(v local) expression { return apply(f32Pmax, v.get, p.get) },
		Add:       func(v local) expression { return apply(f32Add, v.get, p.get) },
		Subtract:  func(v local) expression { return apply(f32Sub, v.get, p.get) },
		From:      func(v local) expression { return apply(f32Sub, p.get, v.get) },
		Scale:     func(v local) expression { return apply(f32Mul, v.get, p.get) },
		Divide:    func(v local) expression { return apply(f32Div, v.get, p.get) },
		Into:      func(v local) expression { return apply(f32Div, p.get, v.get) },
		Affine:    func(v local) expression { return apply(f32Add, apply(f32Mul, v.get, p.get), q.get) },
		Normalize: func(v local) expression { return apply(f32Div, apply(f32Sub, v.get, p.get), q.get) },
		Exp:       f.exp,
		Tanh:      f.tanh,
		Erf:       f.erf,
		Sigmoid: func(v local) expression {
			negative := f.let(v128, apply(f32Neg, v.get))
			return apply(f32Div, number(1), apply(f32Add, number(1), f.exp(negative)))
		},
	}
	cases := make([]func(), Maps)
	for which := range cases {
		cases[which] = func() {
			f.vectors(n, Lanes, func() {
				v := f.let(v128, access(vLoad, 0, x.get))
				result := of[Map(which)](v)
				f.run(access(vStore, 0, y.get, result))
			}, x, y)
		}
	}
	f.choose(which.get, cases...)
}

func (m *module) pairs() {
	f := m.function("pairs", i32, i32, i32, i32, i32)
	const (
		which local = iota
		n
		a
		b
		y
	)
	code := [Pairs]int{Plus: f32Add, Minus: f32Sub, Times: f32Mul, Over: f32Div}
	cases := make([]func(), Pairs)
	for which := range cases {
		cases[which] = func() {
			f.vectors(n, Lanes, func() {
				f.run(access(vStore, 0, y.get, apply(code[which], access(vLoad, 0, a.get), access(vLoad, 0, b.get))))
			}, a, b, y)
		}
	}
	f.choose(which.get, cases...)
}

// sums emits a sum of term over the elements, or of the elements if term is nil.
func (m *module) sums(name string, term func(f *function, x local) expression) {
	params := []valueType{i32, i32, i32}
	if term != nil {
		params = append(params, f32)
	}
	f := m.function(name, params...)
	const (
		n local = iota
		x
		partial
	)
	var acc [SumLanes / 4]local
	for v := range acc {
		acc[v] = f.let(v128, access(vLoad, 16*v, partial.get))
	}
	value := f.variable(v128)
	f.vectors(n, SumLanes, func() {
		for v := range acc {
			f.set(value, access(vLoad, 16*v, x.get))
			summand := expression(value.get)
			if term != nil {
				summand = term(f, value)
			}
			f.set(acc[v], apply(f32Add, acc[v].get, summand))
		}
	}, x)
	for v := range acc {
		f.run(access(vStore, 16*v, partial.get, acc[v].get))
	}
}

func (m *module) gather() {
	f := m.function("gather", i32, i32, i32, i32, i32)
	f.results = []valueType{i32}
	const (
		n local = iota
		index
		x
		extent
		y
	)
	at, limit := f.variable(v128), f.let(v128, apply(i32x4Splat, extent.get))
	f.vectors(n, Lanes, func() {
		f.set(at, access(vLoad, 0, index.get))
		f.when(apply(anyTrue, apply(i32x4GeU, at.get, limit.get)), func() {
			f.run(integer(0))
			f.op(leave)
		})
		f.set(at, apply(i32x4Shl, at.get, integer(2)))
		for lane := range Lanes {
			f.run(access(f32Store, 4*lane, y.get, access(f32Load, 0, apply(i32Add, x.get, extract(at.get, lane)))))
		}
	}, index, y)
	f.run(integer(1))
}
