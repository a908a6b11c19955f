package op

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// leaf is an input of a row. Leaves of integers and leaves marked data have no gradient.
type leaf struct {
	shape tensor.Shape
	v     []float32
	ints  []int32
	data  bool
}

// row is a case of a constructor: the operation, and its definition in float64, written from
// the mathematics and not from the kernels.
type row struct {
	op, name string
	in       []leaf
	build    func(in gorgonia.Nodes) (*gorgonia.Node, error)
	want     func(in [][]float64) []float64
	// smooth is the function that the gradient belongs to, for operations whose gradient treats rounding as the identity. nil means want.
	smooth func(in [][]float64) []float64
	// tol bounds the error of an output, relative to max(1, |output|).
	tol float64
	// gradTol bounds the error of a gradient, relative to its largest element or to size,
	// whichever is larger. size is the magnitude of the intermediate values that cancel.
	gradTol, size float64
}

// rounding returns the error of a float32 sum of products of values of order 1. Each step adds
// half a unit, 2^-24, of a partial sum; with random signs, partial sums are below 4.
func rounding(terms int) float64 { return 4 * float64(terms+4) * math.Exp2(-24) }

// source makes the inputs of the rows, which depend only on its seed.
type source struct{ *rand.Rand }

// uniform returns a leaf of values in [lo, hi).
func (s source) uniform(lo, hi float32, shape ...int) leaf {
	l := leaf{shape: shape, v: make([]float32, volume(shape))}
	for i := range l.v {
		l.v[i] = lo + (hi-lo)*s.Float32()
	}
	return l
}

// signed returns a leaf of values in (-1, 1) at least 1/64 from 0, where some operations have a kink.
func (s source) signed(shape ...int) leaf {
	l := s.uniform(1.0/64, 1, shape...)
	for i := range l.v {
		if s.IntN(2) == 0 {
			l.v[i] = -l.v[i]
		}
	}
	return l
}

// permutations returns an index (1, c, p) whose rows are permutations.
func (s source) permutations(c, p int) leaf {
	l := leaf{shape: tensor.Shape{1, c, p}, data: true}
	for range c {
		for _, i := range s.Perm(p) {
			l.ints = append(l.ints, int32(i))
		}
	}
	return l
}

func (l leaf) fixed() leaf { l.data = true; return l }

// imageShapes are the shapes (N, C, H, W) for tests: one element, one row, odd sizes, more than
// 16 positions but not a multiple of 16, batches.
var imageShapes = [][4]int{{1, 1, 1, 1}, {1, 2, 1, 3}, {2, 3, 5, 7}, {3, 1, 4, 4}}

func rows(s source) []row {
	var all []row
	all = append(all, convolutionRows(s)...)
	all = append(all, normRows(s)...)
	all = append(all, activationRows(s)...)
	all = append(all, arrangementRows(s)...)
	all = append(all, matrixRows(s)...)
	all = append(all, lossRows(s)...)
	return all
}

// eachTap calls f for every product of a convolution of x (n, c, h, w) with weights (m, c, kh, kw) to (n, m, oh, ow).
func eachTap(n, c, h, w, m, kh, kw, oh, ow int, a Window, f func(x, w, y int)) {
	for b := range n {
		for o := range m {
			for i := range oh {
				for j := range ow {
					for ch := range c {
						for u := range kh {
							for v := range kw {
								p, q := i*a.Stride[0]+u*a.Dilation[0]-a.Pad[0], j*a.Stride[1]+v*a.Dilation[1]-a.Pad[1]
								if p >= 0 && p < h && q >= 0 && q < w {
									f(((b*c+ch)*h+p)*w+q, ((o*c+ch)*kh+u)*kw+v, ((b*m+o)*oh+i)*ow+j)
								}
							}
						}
					}
				}
			}
		}
	}
}

func convolutionRows(s source) []row {
	var all []row
	for _, c := range []struct {
		x, w   [4]int
		a      Window
		out    [2]int
		biased bool
	}{
		{[4]int{1, 1, 1, 1}, [4]int{1, 1, 1, 1}, Square(1, 0), [2]int{1, 1}, true},
		{[4]int{2, 3, 5, 7}, [4]int{4, 3, 3, 3}, Square(1, 1), [2]int{5, 7}, true},
		{[4]int{2, 2, 6, 5}, [4]int{3, 2, 3, 3}, Square(2, 1), [2]int{3, 3}, false},
		{[4]int{1, 2, 7, 9}, [4]int{2, 2, 2, 3}, Window{Stride: [2]int{2, 3}, Pad: [4]int{2, 0, 1, 3}, Dilation: [2]int{1, 1}}, [2]int{5, 4}, true},
		{[4]int{2, 1, 6, 6}, [4]int{2, 1, 3, 2}, Window{Stride: [2]int{1, 1}, Pad: [4]int{0, 1, 2, 0}, Dilation: [2]int{2, 3}}, [2]int{4, 4}, false},
		{[4]int{1, 2, 4, 4}, [4]int{2, 2, 7, 7}, Square(1, 3), [2]int{4, 4}, true},
		{[4]int{1, 17, 3, 1}, [4]int{9, 17, 1, 1}, Square(1, 0), [2]int{3, 1}, true},
	} {
		in := []leaf{s.uniform(-1, 1, c.x[:]...), s.uniform(-1, 1, c.w[:]...)}
		if c.biased {
			in = append(in, s.uniform(-1, 1, c.w[0]))
		}
		n, m, oh, ow := c.x[0], c.w[0], c.out[0], c.out[1]
		all = append(all, row{op: "Conv2D", name: fmt.Sprintf("%v by %v %+v", c.x, c.w, c.a), in: in,
			build: func(in gorgonia.Nodes) (*gorgonia.Node, error) {
				if c.biased {
					return Conv2D(in[0], in[1], in[2], c.a)
				}
				return Conv2D(in[0], in[1], nil, c.a)
			},
			want: func(in [][]float64) []float64 {
				y := make([]float64, n*m*oh*ow)
				eachTap(n, c.x[1], c.x[2], c.x[3], m, c.w[2], c.w[3], oh, ow, c.a, func(x, w, o int) { y[o] += in[0][x] * in[1][w] })
				if c.biased {
					addChannels(y, in[2], n, m)
				}
				return y
			},
			tol: rounding(c.w[1] * c.w[2] * c.w[3]), gradTol: rounding(max(n*oh*ow, m*c.w[2]*c.w[3]))})
	}
	for _, c := range []struct {
		x, w   [4]int
		a      Window
		extra  [2]int
		out    [2]int
		biased bool
	}{
		{[4]int{1, 1, 1, 1}, [4]int{1, 1, 1, 1}, Square(1, 0), [2]int{}, [2]int{1, 1}, true},
		{[4]int{2, 4, 3, 5}, [4]int{4, 2, 3, 3}, Square(2, 1), [2]int{1, 1}, [2]int{6, 10}, true},
		{[4]int{2, 3, 4, 3}, [4]int{3, 2, 3, 3}, Square(1, 1), [2]int{}, [2]int{4, 3}, false},
		{[4]int{1, 2, 3, 2}, [4]int{2, 3, 4, 5}, Window{Stride: [2]int{2, 3}, Pad: [4]int{2, 0, 1, 3}, Dilation: [2]int{1, 1}}, [2]int{1, 2}, [2]int{6, 7}, true},
		{[4]int{2, 1, 3, 3}, [4]int{1, 2, 2, 3}, Window{Stride: [2]int{1, 2}, Pad: [4]int{0, 1, 1, 0}, Dilation: [2]int{2, 1}}, [2]int{}, [2]int{4, 6}, false},
	} {
		in := []leaf{s.uniform(-1, 1, c.x[:]...), s.uniform(-1, 1, c.w[:]...)}
		if c.biased {
			in = append(in, s.uniform(-1, 1, c.w[1]))
		}
		n, ch, oh, ow := c.x[0], c.w[1], c.out[0], c.out[1]
		all = append(all, row{op: "ConvTranspose2D", name: fmt.Sprintf("%v by %v %+v %v", c.x, c.w, c.a, c.extra), in: in,
			build: func(in gorgonia.Nodes) (*gorgonia.Node, error) {
				if c.biased {
					return ConvTranspose2D(in[0], in[1], in[2], c.a, c.extra)
				}
				return ConvTranspose2D(in[0], in[1], nil, c.a, c.extra)
			},
			want: func(in [][]float64) []float64 {
				y := make([]float64, n*ch*oh*ow)
				// Each input element adds a weighted copy of the kernel to the output.
				eachTap(n, ch, oh, ow, c.x[1], c.w[2], c.w[3], c.x[2], c.x[3], c.a, func(o, w, x int) { y[o] += in[0][x] * in[1][w] })
				if c.biased {
					addChannels(y, in[2], n, ch)
				}
				return y
			},
			tol: rounding(c.x[1] * c.w[2] * c.w[3]), gradTol: rounding(max(n*oh*ow, ch*c.w[2]*c.w[3]))})
	}
	return all
}

func addChannels(y, bias []float64, n, c int) {
	p := len(y) / (n * c)
	for i := range y {
		y[i] += bias[i/p%c]
	}
}

// moments returns mean and variance of the elements of x at the indices at.
func moments(x []float64, at []int) (mean, variance float64) {
	for _, i := range at {
		mean += x[i]
	}
	mean /= float64(len(at))
	for _, i := range at {
		variance += (x[i] - mean) * (x[i] - mean)
	}
	return mean, variance / float64(len(at))
}

// places returns the indices of channel ch of the samples [from, to).
func places(c, p, from, to, ch int) []int {
	var at []int
	for n := from; n < to; n++ {
		for q := range p {
			at = append(at, (n*c+ch)*p+q)
		}
	}
	return at
}

const testEps = 1e-5

func normRows(s source) []row {
	var all []row
	for _, shape := range append(imageShapes, [4]int{1, 1, 1, 2}, [4]int{4, 2, 1, 1}) {
		n, c, p := shape[0], shape[1], shape[2]*shape[3]
		normalise := func(group int) func(in [][]float64) []float64 {
			return func(in [][]float64) []float64 {
				y := make([]float64, n*c*p)
				for from := 0; from < n; from += group {
					for ch := range c {
						at := places(c, p, from, from+group, ch)
						m, v := moments(in[0], at)
						for _, i := range at {
							y[i] = (in[0][i] - m) / math.Sqrt(v+testEps)
						}
					}
				}
				return y
			}
		}
		// With d the smallest deviation of a random plane, errors of the mean grow by 1/d, and errors of the gradient by 1/d once more.
		const smallest = 0.1
		all = append(all,
			row{op: "InstanceNorm", name: fmt.Sprint(shape), in: []leaf{s.uniform(-1, 1, shape[:]...)},
				build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return InstanceNorm(in[0], testEps) },
				want:  normalise(1), tol: rounding(p) / smallest, gradTol: rounding(p) / smallest, size: 1 / smallest},
			row{op: "BatchNorm", name: fmt.Sprint(shape), in: []leaf{s.uniform(-1, 1, shape[:]...)},
				build: func(in gorgonia.Nodes) (*gorgonia.Node, error) {
					return BatchNorm(in[0], make([]float32, c), make([]float32, c), 0.1, testEps)
				},
				want: normalise(n), tol: rounding(n*p) / smallest, gradTol: rounding(n*p) / smallest, size: 1 / smallest})

		affine := []leaf{s.uniform(-1, 1, shape[:]...), s.uniform(0.5, 1.5, c), s.uniform(-1, 1, c)}
		all = append(all,
			row{op: "ChannelAffine", name: fmt.Sprint(shape), in: affine,
				build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return ChannelAffine(in[0], in[1], in[2]) },
				want: func(in [][]float64) []float64 {
					return perChannel(in[0], c, p, func(x float64, ch int) float64 { return x*in[1][ch] + in[2][ch] })
				}, tol: rounding(1), gradTol: rounding(n * p)},
			row{op: "ChannelBias", name: fmt.Sprint(shape), in: []leaf{affine[0], affine[2]},
				build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return ChannelBias(in[0], in[1]) },
				want: func(in [][]float64) []float64 {
					return perChannel(in[0], c, p, func(x float64, ch int) float64 { return x + in[1][ch] })
				}, tol: rounding(1), gradTol: rounding(n * p)},
			row{op: "BatchNormInference", name: fmt.Sprint(shape),
				in: []leaf{s.uniform(-1, 1, shape[:]...).fixed(), s.uniform(0.5, 1.5, c).fixed(), s.uniform(-1, 1, c).fixed(), s.uniform(-1, 1, c).fixed(), s.uniform(0.5, 2, c).fixed()},
				build: func(in gorgonia.Nodes) (*gorgonia.Node, error) {
					return BatchNormInference(in[0], in[1], in[2], in[3], in[4], testEps)
				},
				want: func(in [][]float64) []float64 {
					return perChannel(in[0], c, p, func(x float64, ch int) float64 {
						return in[1][ch]*(x-in[3][ch])/math.Sqrt(in[4][ch]+testEps) + in[2][ch]
					})
				}, tol: rounding(5)})

		stats := s.uniform(0.5, 1.5, n, 2*c)
		for i := range stats.v {
			if i/c%2 == 0 {
				stats.v[i]--
			}
		}
		read := func(stats []float64, i int) (mean, deviation float64) {
			at := i / (c * p) * 2 * c
			return stats[at+i/p%c], stats[at+c+i/p%c]
		}
		all = append(all,
			row{op: "Standardize", name: fmt.Sprint(shape), in: []leaf{s.uniform(-1, 1, shape[:]...), stats},
				build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return Standardize(in[0], in[1]) },
				want: func(in [][]float64) []float64 {
					return mapped(in[0], func(i int, x float64) float64 { m, d := read(in[1], i); return (x - m) / d })
				}, tol: rounding(2), gradTol: rounding(p)},
			row{op: "Restore", name: fmt.Sprint(shape), in: []leaf{s.uniform(-1, 1, shape[:]...), stats},
				build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return Restore(in[0], in[1]) },
				want: func(in [][]float64) []float64 {
					return mapped(in[0], func(i int, y float64) float64 { m, d := read(in[1], i); return y*d + m })
				}, tol: rounding(2), gradTol: rounding(p)})
	}
	for _, c := range []struct {
		shape [4]int
		group int
	}{{[4]int{2, 3, 5, 7}, 1}, {[4]int{4, 2, 3, 5}, 2}, {[4]int{4, 1, 3, 3}, 4}, {[4]int{1, 2, 1, 2}, 1}, {[4]int{2, 1, 1, 1}, 2}} {
		n, ch, p := c.shape[0], c.shape[1], c.shape[2]*c.shape[3]
		x := s.uniform(-1, 1, c.shape[:]...)
		all = append(all, row{op: "Statistics", name: fmt.Sprintf("%v in groups of %d", c.shape, c.group), in: []leaf{x},
			build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return Statistics(in[0], c.group, testEps) },
			want: func(in [][]float64) []float64 {
				y := make([]float64, n*2*ch)
				for i := range n {
					for k := range ch {
						from := i / c.group * c.group
						m, v := moments(in[0], places(ch, p, from, from+c.group, k))
						y[i*2*ch+k], y[i*2*ch+ch+k] = m, math.Sqrt(v+testEps)
					}
				}
				return y
			},
			// Half precision has 11 bits: the values have an error of 2^-11. The gradient is computed
			// from the rounded mean and the rounded deviation, each with an error of 2^-11.
			tol: math.Exp2(-11) + rounding(c.group*p), gradTol: math.Exp2(-9)})
	}
	return all
}

func perChannel(x []float64, c, p int, f func(x float64, ch int) float64) []float64 {
	return mapped(x, func(i int, v float64) float64 { return f(v, i/p%c) })
}

func mapped(x []float64, f func(i int, v float64) float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = f(i, v)
	}
	return y
}

func activationRows(s source) []row {
	var all []row
	unary := func(op, name string, x leaf, tol, gradTol float64, build func(x *gorgonia.Node) (*gorgonia.Node, error), f func(x float64) float64) {
		all = append(all, row{op: op, name: name, in: []leaf{x},
			build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return build(in[0]) },
			want:  func(in [][]float64) []float64 { return mapped(in[0], func(_ int, v float64) float64 { return f(v) }) },
			tol:   tol, gradTol: gradTol})
	}
	for _, shape := range [][]int{{1}, {7}, {2, 3, 5, 7}} {
		name := fmt.Sprint(shape)
		unary("ReLU", name, s.signed(shape...), 0, 0, ReLU, func(x float64) float64 { return max(x, 0) })
		for _, slope := range []float32{0, 0.2, 0.99} {
			unary("LeakyReLU", fmt.Sprintf("%v slope %g", shape, slope), s.signed(shape...), rounding(1), rounding(1),
				func(x *gorgonia.Node) (*gorgonia.Node, error) { return LeakyReLU(x, slope) },
				func(x float64) float64 { return max(x, float64(slope)*x) })
		}
		// The documented errors of the functions, doubled where the gradient squares the output.
		unary("Tanh", name, s.uniform(-3, 3, shape...), 4e-7, 1e-6, Tanh, math.Tanh)
		unary("Sigmoid", name, s.uniform(-6, 6, shape...), rounding(2), 2*rounding(2), Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) })
		unary("Exp", name, s.uniform(-4, 4, shape...), 3e-7, 3e-7, Exp, math.Exp)
		unary("Erf", name, s.uniform(-2, 2, shape...), 5e-7, rounding(2), Erf, math.Erf)
		unary("Scale", name, s.uniform(-1, 1, shape...), rounding(1), rounding(1),
			func(x *gorgonia.Node) (*gorgonia.Node, error) { return Scale(x, -1.7) }, func(x float64) float64 { return float64(float32(-1.7)) * x })
		unary("Divide", name, s.uniform(-1, 1, shape...), rounding(1), rounding(1),
			func(x *gorgonia.Node) (*gorgonia.Node, error) { return Divide(x, 0.3) }, func(x float64) float64 { return x / float64(float32(0.3)) })
	}
	identity := func(in [][]float64) []float64 { return in[0] }
	for _, uniform := range []bool{true, false} {
		all = append(all, row{op: "StraightThrough", name: fmt.Sprintf("uniform %t", uniform), in: []leaf{s.uniform(-1, 1, 2, 3, 5, 7)},
			build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return StraightThrough(in[0], uniform) },
			want: func(in [][]float64) []float64 {
				return mapped(in[0], func(_ int, c float64) float64 {
					if uniform {
						return (math.Floor((c+1)*128)+0.5)/128 - 1
					}
					return math.Round((c+1)*127.5)/127.5 - 1
				})
			}, smooth: identity, tol: rounding(1)})
	}
	// The levels include the ends of the table, where erfinv is steepest.
	levels, table := []int{0, 255, 128, 127, 3, 3, 77}, leaf{shape: tensor.Shape{256}}
	for range 23 {
		levels = append(levels, s.IntN(256))
	}
	c := leaf{shape: tensor.Shape{2, 3, 1, 5}}
	middle := func(k int) float64 { return (float64(k)+0.5)/128 - 1 }
	for _, k := range levels {
		c.v = append(c.v, float32(middle(k)))
	}
	for k := range 256 {
		table.v = append(table.v, float32(math.Erfinv(middle(k))))
	}
	all = append(all, row{op: "InverseErf", name: "with its table", in: []leaf{c, table},
		build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return InverseErf(in[0], in[1]) },
		want: func(in [][]float64) []float64 {
			return mapped(in[0], func(i int, _ float64) float64 { return in[1][levels[i]] })
		},
		smooth: func(in [][]float64) []float64 {
			return mapped(in[0], func(i int, c float64) float64 {
				return in[1][levels[i]] + math.Erfinv(c) - math.Erfinv(middle(levels[i]))
			})
		},
		// The error of exp(v*v) is twice that of v*v, which is at most 4 here.
		tol: 0, gradTol: rounding(8)})
	return all
}

func arrangementRows(s source) []row {
	var all []row
	for _, c := range []struct {
		shape [4]int
		b     int
	}{{[4]int{1, 1, 1, 1}, 1}, {[4]int{2, 3, 4, 6}, 2}, {[4]int{1, 2, 3, 9}, 3}, {[4]int{1, 1, 4, 4}, 4}} {
		n, ch, h, w, b := c.shape[0], c.shape[1], c.shape[2], c.shape[3], c.b
		oh, ow := h/b, w/b
		move := func(crd bool, f func(space, depth int)) {
			for i := range n {
				for k := range ch {
					for y := range h {
						for x := range w {
							d := (y%b*b+x%b)*ch + k
							if crd {
								d = k*b*b + y%b*b + x%b
							}
							f(((i*ch+k)*h+y)*w+x, ((i*ch*b*b+d)*oh+y/b)*ow+x/b)
						}
					}
				}
			}
		}
		name := fmt.Sprintf("%v by %d", c.shape, b)
		all = append(all,
			row{op: "SpaceToDepth", name: name, in: []leaf{s.uniform(-1, 1, c.shape[:]...)},
				build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return SpaceToDepth(in[0], b) },
				want: func(in [][]float64) []float64 {
					out := make([]float64, len(in[0]))
					move(false, func(space, depth int) { out[depth] = in[0][space] })
					return out
				}})
		for _, crd := range []bool{false, true} {
			x := s.uniform(-1, 1, n, ch*b*b, oh, ow)
			x.data = crd
			all = append(all, row{op: "DepthToSpace", name: fmt.Sprintf("%s crd %t", name, crd), in: []leaf{x},
				build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return DepthToSpace(in[0], b, crd) },
				want: func(in [][]float64) []float64 {
					out := make([]float64, len(in[0]))
					move(crd, func(space, depth int) { out[space] = in[0][depth] })
					return out
				}})
		}
	}
	for _, c := range []struct {
		shape [4]int
		pad   int
	}{{[4]int{1, 1, 1, 1}, 0}, {[4]int{1, 2, 2, 5}, 1}, {[4]int{2, 3, 4, 4}, 3}, {[4]int{1, 1, 7, 9}, 3}} {
		n, h, w := c.shape[0]*c.shape[1], c.shape[2], c.shape[3]
		mirror := func(i, n int) int {
			if i < 0 {
				return -i
			}
			return min(i, 2*(n-1)-i)
		}
		all = append(all, row{op: "ReflectPad", name: fmt.Sprintf("%v by %d", c.shape, c.pad), in: []leaf{s.uniform(-1, 1, c.shape[:]...)},
			build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return ReflectPad(in[0], c.pad) },
			want: func(in [][]float64) []float64 {
				var y []float64
				for i := range n {
					for r := -c.pad; r < h+c.pad; r++ {
						for q := -c.pad; q < w+c.pad; q++ {
							y = append(y, in[0][(i*h+mirror(r, h))*w+mirror(q, w)])
						}
					}
				}
				return y
			}, gradTol: rounding(9)})
	}
	for _, shape := range imageShapes {
		n, c, p := shape[0], shape[1], shape[2]*shape[3]
		in := []leaf{s.uniform(-1, 1, shape[:]...), s.permutations(c, p)}
		gather := func(f func(at, from int)) {
			for i := range n * c * p {
				f(i, i/p*p+int(in[1].ints[i/p%c*p+i%p]))
			}
		}
		all = append(all,
			row{op: "Permute", name: fmt.Sprint(shape), in: in,
				build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return Permute(in[0], in[1]) },
				want: func(in [][]float64) []float64 {
					y := make([]float64, len(in[0]))
					gather(func(at, from int) { y[at] = in[0][from] })
					return y
				}},
			row{op: "PermuteInverse", name: fmt.Sprint(shape), in: in,
				build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return PermuteInverse(in[0], in[1]) },
				want: func(in [][]float64) []float64 {
					y := make([]float64, len(in[0]))
					gather(func(at, from int) { y[from] = in[0][at] })
					return y
				}})
		for _, r := range [][2]int{{0, 1}, {c - 1, c}, {0, c}} {
			all = append(all, row{op: "Channels", name: fmt.Sprintf("%v of %v", r, shape), in: []leaf{s.uniform(-1, 1, shape[:]...)},
				build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return Channels(in[0], r[0], r[1]) },
				want: func(in [][]float64) []float64 {
					var y []float64
					for i, v := range in[0] {
						if k := i / p % c; k >= r[0] && k < r[1] {
							y = append(y, v)
						}
					}
					return y
				}})
		}
		all = append(all, row{op: "Join", name: fmt.Sprint(shape), in: []leaf{s.uniform(-1, 1, shape[:]...), s.uniform(-1, 1, n, 2, shape[2], shape[3])},
			build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return Join(in[0], in[1]) },
			want: func(in [][]float64) []float64 {
				var y []float64
				for i := range n {
					y = append(append(y, in[0][i*c*p:(i+1)*c*p]...), in[1][i*2*p:(i+1)*2*p]...)
				}
				return y
			}})
		a, b := s.uniform(-1, 1, shape[:]...), s.uniform(0.5, 1.5, shape[:]...)
		for _, o := range []struct {
			op    string
			build func(a, b *gorgonia.Node) (*gorgonia.Node, error)
			f     func(a, b float64) float64
		}{
			{"Add", Add, func(a, b float64) float64 { return a + b }},
			{"Sub", Sub, func(a, b float64) float64 { return a - b }},
			{"Mul", Mul, func(a, b float64) float64 { return a * b }},
			{"Div", Div, func(a, b float64) float64 { return a / b }},
		} {
			all = append(all,
				row{op: o.op, name: fmt.Sprint(shape), in: []leaf{a, b},
					build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return o.build(in[0], in[1]) },
					want: func(in [][]float64) []float64 {
						return mapped(in[0], func(i int, a float64) float64 { return o.f(a, in[1][i]) })
					}, tol: rounding(1), gradTol: rounding(3)},
				row{op: o.op, name: fmt.Sprintf("%v with itself", shape), in: []leaf{b},
					build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return o.build(in[0], in[0]) },
					want: func(in [][]float64) []float64 {
						return mapped(in[0], func(i int, a float64) float64 { return o.f(a, a) })
					}, tol: rounding(1), gradTol: rounding(3), size: 1})
		}
	}
	return all
}

// product multiplies a (n x k) by b (k x m).
func product(n, k, m int, a, b func(i, j int) float64) []float64 {
	y := make([]float64, n*m)
	for i := range n {
		for j := range m {
			for l := range k {
				y[i*m+j] += a(i, l) * b(l, j)
			}
		}
	}
	return y
}

func matrixRows(s source) []row {
	var all []row
	for _, shape := range imageShapes {
		n, c, p := shape[0], shape[1], shape[2]*shape[3]
		for _, transposed := range []bool{false, true} {
			for _, d := range []int{c, c + 4} {
				m := s.uniform(-1, 1, d, c)
				if transposed {
					m.shape = tensor.Shape{c, d}
				}
				all = append(all, row{op: "Mix", name: fmt.Sprintf("%v of %v transposed %t", m.shape, shape, transposed), in: []leaf{m, s.uniform(-1, 1, shape[:]...)},
					build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return Mix(in[0], in[1], transposed) },
					want: func(in [][]float64) []float64 {
						var y []float64
						for i := range n {
							y = append(y, product(d, c, p, func(r, k int) float64 {
								if transposed {
									return in[0][k*d+r]
								}
								return in[0][r*c+k]
							}, func(k, q int) float64 { return in[1][(i*c+k)*p+q] })...)
						}
						return y
					}, tol: rounding(c), gradTol: rounding(max(d, n*p))})
			}
		}
	}
	for _, n := range []int{1, 2, 5, 12} {
		m := s.uniform(-0.5, 0.5, n, n)
		for i := range n {
			m.v[i*n+i] += float32(n) / 2 // dominant, for a small condition number
			if i%2 == 0 {
				m.v[i*n+i]++
			}
		}
		all = append(all, row{op: "Inverse", name: fmt.Sprint(n), in: []leaf{m},
			build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return Inverse(in[0]) },
			want:  func(in [][]float64) []float64 { return gaussJordan(n, in[0]) },
			tol:   rounding(1), gradTol: rounding(4)})
	}
	return all
}

// gaussJordan inverts the n x n matrix m by elimination with row exchanges.
func gaussJordan(n int, m []float64) []float64 {
	a, inverse := append([]float64{}, m...), make([]float64, n*n)
	for i := range n {
		inverse[i*n+i] = 1
	}
	for k := range n {
		best := k
		for i := k; i < n; i++ {
			if math.Abs(a[i*n+k]) > math.Abs(a[best*n+k]) {
				best = i
			}
		}
		for _, r := range [][]float64{a, inverse} {
			for j := range n {
				r[k*n+j], r[best*n+j] = r[best*n+j], r[k*n+j]
			}
		}
		pivot := a[k*n+k]
		for _, r := range [][]float64{a, inverse} {
			for j := range n {
				r[k*n+j] /= pivot
			}
		}
		for i := range n {
			f := a[i*n+k]
			if i == k {
				continue
			}
			for _, r := range [][]float64{a, inverse} {
				for j := range n {
					r[i*n+j] -= f * r[k*n+j]
				}
			}
		}
	}
	return inverse
}

func lossRows(s source) []row {
	var all []row
	negativePSNR := func(n int) func(in [][]float64) []float64 {
		return func(in [][]float64) []float64 {
			size := len(in[0]) / n
			var mean float64
			for i := range n {
				// The loss adds lossFloor to the error.
				mse := 4e-11
				for j := i * size; j < (i+1)*size; j++ {
					mse += (in[0][j] - in[1][j]) * (in[0][j] - in[1][j]) / float64(size)
				}
				mean -= math.Log10(2*2/mse) / float64(n)
			}
			return []float64{mean}
		}
	}
	for _, shape := range imageShapes {
		y := s.uniform(-1, 1, shape[:]...)
		y.data = true
		all = append(all, row{op: "NegativePSNR", name: fmt.Sprint(shape), in: []leaf{s.uniform(-1, 1, shape[:]...), y},
			build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return NegativePSNR(in[0], in[1]) },
			want:  negativePSNR(shape[0]), tol: rounding(1), gradTol: rounding(2)})
	}
	// For equal pictures the loss is at its floor and the gradient is 0.
	same := s.uniform(-1, 1, 1, 1, 2, 3)
	all = append(all, row{op: "NegativePSNR", name: "equal pictures", in: []leaf{same, same.fixed()},
		build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return NegativePSNR(in[0], in[1]) },
		want:  negativePSNR(1), tol: rounding(1), gradTol: rounding(2)})

	for _, c := range []struct {
		name  string
		shape [4]int
		// In flat pictures the variances are small compared with their constant.
		noise, base float32
	}{
		{"one window", [4]int{1, 1, 11, 11}, 0.8, 0},
		{"noise", [4]int{2, 2, 12, 15}, 0.8, 0},
		{"flat and bright", [4]int{1, 1, 13, 11}, 0.01, 0.9},
		{"flat and dark", [4]int{1, 1, 13, 11}, 0.01, -0.9},
	} {
		// Variances are differences of two sums of 22 products. SSIM divides by their sum with a constant.
		tol := rounding(22) / (float64(c.noise*c.noise)/3 + 0.0036)
		x, y := s.uniform(c.base-c.noise, c.base+c.noise, c.shape[:]...), s.uniform(-c.noise, c.noise, c.shape[:]...)
		for i := range y.v {
			y.v[i] = (y.v[i] + x.v[i]) / 2
		}
		all = append(all, row{op: "SSIMLoss", name: c.name, in: []leaf{x, y.fixed()},
			build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return SSIMLoss(in[0], in[1]) },
			want: func(in [][]float64) []float64 {
				return []float64{1 - directSSIM(c.shape[0]*c.shape[1], c.shape[2], c.shape[3], in[0], in[1])}
			}, tol: tol, gradTol: tol})
	}
	for _, real := range []bool{false, true} {
		for _, shape := range imageShapes {
			all = append(all, row{op: "CrossEntropy", name: fmt.Sprintf("%v real %t", shape, real), in: []leaf{s.uniform(-8, 8, shape[:]...)},
				build: func(in gorgonia.Nodes) (*gorgonia.Node, error) { return CrossEntropy(in[0], real) },
				want: func(in [][]float64) []float64 {
					var sum float64
					for _, x := range in[0] {
						p := 1 / (1 + math.Exp(-x))
						if !real {
							p = 1 - p
						}
						sum -= math.Log(p)
					}
					return []float64{sum / float64(len(in[0]))}
				}, tol: rounding(1), gradTol: rounding(1)})
		}
	}
	weights := []float32{0.5, -2, 3}
	all = append(all, row{op: "WeightedSum", name: "three terms", in: []leaf{s.uniform(-1, 1, 2, 1), s.uniform(-1, 1, 1, 4), s.uniform(-1, 1, 1)},
		build: func(in gorgonia.Nodes) (*gorgonia.Node, error) {
			terms := make(gorgonia.Nodes, 3)
			for i, x := range in {
				var err error
				if terms[i], err = CrossEntropy(x, true); err != nil {
					return nil, err
				}
			}
			return WeightedSum(weights, terms...)
		},
		want: func(in [][]float64) []float64 {
			var sum float64
			for i, x := range in {
				for _, v := range x {
					sum += float64(weights[i]) * math.Log1p(math.Exp(-v)) / float64(len(x))
				}
			}
			return []float64{sum}
		}, tol: rounding(3), gradTol: rounding(2)})
	return all
}

// directSSIM returns the mean SSIM over all whole windows, from the weighted moments of samples
// in [0, 2] (range 2) of each window.
func directSSIM(planes, h, w int, x, y []float64) float64 {
	const c1, c2 = 0.02 * 0.02, 0.06 * 0.06
	var g [11][11]float64
	var total float64
	for i := range g {
		for j := range g {
			g[i][j] = math.Exp(-float64((i-5)*(i-5)+(j-5)*(j-5)) / (2 * 1.5 * 1.5))
			total += g[i][j]
		}
	}
	var sum float64
	windows := 0
	for p := range planes {
		for top := 0; top+11 <= h; top++ {
			for left := 0; left+11 <= w; left++ {
				var mx, my, vx, vy, cov float64
				each := func(f func(g, x, y float64)) {
					for i := range g {
						for j := range g {
							at := (p*h+top+i)*w + left + j
							f(g[i][j]/total, x[at]+1, y[at]+1)
						}
					}
				}
				each(func(g, x, y float64) { mx += g * x; my += g * y })
				each(func(g, x, y float64) {
					vx += g * (x - mx) * (x - mx)
					vy += g * (y - my) * (y - my)
					cov += g * (x - mx) * (y - my)
				})
				sum += (2*mx*my + c1) * (2*cov + c2) / ((mx*mx + my*my + c1) * (vx + vy + c2))
				windows++
			}
		}
	}
	return sum / float64(windows)
}
