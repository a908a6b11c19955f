package training

import (
	"fmt"
	"math"

	"enciphergan/internal/network"

	"gonum.org/v1/gonum/mat"
)

// The analytic start of the profile paper+stats. The convolutions of the paper's
// network can pass a picture without loss if every value passes ReLU as a pair of
// channels, itself and its negative: two 3x3 convolutions of stride 2 gather 4x4x3
// samples in 48 values, a matrix mixes these, and the transposed convolutions write
// one to each sample. The profile's norms lose nothing. What remains is the
// nonlinearity of tanh. Decryption inverts it by a piecewise linear function with
// fixed knots. The generators have no biases; but when encryption adds a constant to
// a channel of mean 0, the norm behind it carries that constant as the mean, and
// decryption adds it as a bias. See setConstant for the constant.
const (
	paperBlock = 4
	paperGain  = 0.5 // of the neural cipher, of deviation 1, before tanh
	// The factor of decryption's output, see network.PaperStats.
	paperWidth = 16
	// The 32 channels of decryption's first layer hold two channels for each knot and colour. The first knot is 0.
	paperKnots = 5
)

// piecewiseLinear is the odd function that is the sum over i of
// slope[i]*(ReLU(v - knot[i]) - ReLU(-v - knot[i])).
type piecewiseLinear struct{ knot, slope [paperKnots]float64 }

// inverseTanh approximates the function from tanh(gain*z)/gain to z with the smallest
// mean square error for samples z of deviation 1 whose tails lie between those of a
// normal and of a Laplace distribution, as those of the neural cipher before tanh.
// It searches each knot in turn, twice, and fits slopes by least squares.
func inverseTanh(gain float64) piecewiseLinear {
	const reach, step = 6.0, 1.0 / 64
	n := int(2 * reach / step / 2)
	z, root, bent := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range z {
		z[i] = (float64(i) + 0.5) * step
		root[i] = math.Sqrt(math.Exp(-z[i]*z[i]/2) + math.Exp(-math.Sqrt2*z[i]))
		bent[i] = math.Tanh(gain*z[i]) / gain
	}
	fit := func(b *piecewiseLinear) float64 {
		a, y := mat.NewDense(n, paperKnots, nil), mat.NewVecDense(n, nil)
		for i := range z {
			for j, k := range b.knot {
				a.Set(i, j, root[i]*max(0, bent[i]-k))
			}
			y.SetVec(i, root[i]*z[i])
		}
		var slope mat.VecDense
		if err := slope.SolveVec(a, y); err != nil {
			return math.Inf(1)
		}
		copy(b.slope[:], slope.RawVector().Data)
		var miss mat.VecDense
		miss.MulVec(a, &slope)
		miss.SubVec(&miss, y)
		return mat.Dot(&miss, &miss)
	}
	best := piecewiseLinear{knot: [paperKnots]float64{0, 0.5, 0.9, 1.2, 1.5}}
	smallest := fit(&best)
	for range 2 {
		for i := 1; i < paperKnots; i++ {
			upper := 1 / gain
			if i+1 < paperKnots {
				upper = best.knot[i+1]
			}
			for k := best.knot[i-1] + step; k < upper; k += step {
				b := best
				b.knot[i] = k
				if miss := fit(&b); miss < smallest {
					smallest, best = miss, b
				}
			}
		}
	}
	return best
}

// pairedConv sets the weights of a convolution between values that are stored as
// pairs of channels.
type pairedConv struct {
	data       []float32
	in, kernel int
	transposed bool
	out        int
}

func newPairedConv(w *network.Weights, name string, transposed bool) pairedConv {
	shape := w.Get(name + ".weight").Shape()
	p := pairedConv{data: w.Data(name + ".weight"), in: shape[1], out: shape[0], kernel: shape[2], transposed: transposed}
	if transposed {
		p.in, p.out = shape[0], shape[1]
	}
	return p
}

// clear sets the weights of the first out values to zero. Channels that the start
// does not use stay random; no layer reads them at the start.
func (p pairedConv) clear(out int) {
	for o := range p.out {
		for i := range p.in {
			for tap := range p.kernel * p.kernel {
				if o < 2*out {
					p.data[p.at(o, i, tap)] = 0
				}
			}
		}
	}
}

func (p pairedConv) at(out, in, tap int) int {
	if p.transposed {
		return (in*p.out+out)*p.kernel*p.kernel + tap
	}
	return (out*p.in+in)*p.kernel*p.kernel + tap
}

// set adds v times the value in to the value out at the tap (row, column).
func (p pairedConv) set(out, in, row, column int, v float32) {
	tap := row*p.kernel + column
	for o := range 2 {
		for i := range 2 {
			sign := float32(1 - 2*(o^i))
			p.data[p.at(2*out+o, 2*in+i, tap)] = sign * v
		}
	}
}

// setEnd sets a weight at the centre of the first or the last convolution, which has
// plain channels on one side and pairs on the other.
func (p pairedConv) setEnd(out, in int, v float32) {
	tap := p.kernel / 2 * (p.kernel + 1)
	for side := range 2 {
		sign := float32(1 - 2*side)
		if p.in == 3 {
			p.data[p.at(2*out+side, in, tap)] = sign * v
		} else {
			p.data[p.at(out, 2*in+side, tap)] = sign * v
		}
	}
}

// setConstant makes the pair of the given value sum to 1 everywhere in the input of
// up1. The last channel of down2 is 0 but for the shift of the first residual block.
// From it up0 makes a checkerboard of +v and -v, and its negative. The norm behind
// maps these to +1 and -1 for any picture, and ReLU to 1 and 0.
func setConstant(w *network.Weights, down2, up0 pairedConv, value int) {
	last := down2.out - 1
	for i := range down2.in {
		for tap := range down2.kernel * down2.kernel {
			down2.data[down2.at(last, i, tap)] = 0
		}
	}
	w.Data(network.ResidualName(0) + ".norm1.shift")[last] = 1
	const v = 8 // much more than the root of the norm's eps
	for side := range 2 {
		sign := float32(1 - 2*side)
		for row := range 2 {
			for column := range 2 {
				up0.data[up0.at(2*value+side, last, (1+row)*up0.kernel+1+column)] = sign * v * float32(1-2*(row^column))
			}
		}
	}
}

// setKnots makes the biases of decryption from the constant in the pair of the given value.
func setKnots(up1 pairedConv, value int, f piecewiseLinear) {
	for i, k := range f.knot {
		for colour := range 3 {
			for out := range 2 {
				for in := range 2 {
					for row := range 2 {
						for column := range 2 {
							up1.data[up1.at(2*(3*i+colour)+out, 2*value+in, (1+row)*up1.kernel+1+column)] = float32(-k)
						}
					}
				}
			}
		}
	}
}

// paperStart sets the weights of both generators from the whitening matrix (48 x 48)
// of blocks of 4x4x3 samples of deviation 1, in the order (row, column, colour).
func paperStart(encryption, decryption *network.Weights, matrix *mat.Dense) error {
	var inverse mat.Dense
	if err := inverse.Inverse(matrix); err != nil {
		return fmt.Errorf("the whitening matrix has no inverse: %w", err)
	}
	// In a block, (row, column) of 4x4 is (2*dy2+dy, 2*dx2+dx). Two convolutions of stride 2
	// write (dy2, dx2, dy, dx, colour) to value (dy2*2+dx2)*12 + (dy*2+dx)*3 + colour.
	position := func(value int) int {
		outer, inner := value/12, value%12
		dy2, dx2, dy, dx, colour := outer/2, outer%2, inner/3/2, inner/3%2, inner%3
		return ((2*dy2+dy)*paperBlock+2*dx2+dx)*3 + colour
	}
	mix := func(m mat.Matrix, i, j int) float32 { return float32(m.At(i, j)) }
	back := inverseTanh(paperGain)
	for n, w := range []*network.Weights{encryption, decryption} {
		down0, down1, down2 := newPairedConv(w, "down0", false), newPairedConv(w, "down1", false), newPairedConv(w, "down2", false)
		up0, up1, out := newPairedConv(w, "up0", true), newPairedConv(w, "up1", true), newPairedConv(w, "out", false)
		down0.clear(3 * paperKnots)
		down1.clear(12)
		down2.clear(48)
		up0.clear(13)
		up1.clear(3 * paperKnots)
		out.clear(3)
		for colour := range 3 {
			if n == 0 {
				down0.setEnd(colour, colour, 1)
				out.setEnd(colour, colour, paperGain)
				continue
			}
			for i := range paperKnots {
				down0.setEnd(3*i+colour, colour, 1/paperGain)
			}
			out.setEnd(colour, colour, 1.0/paperWidth)
		}
		for f := range 12 {
			sub, colour := f/3, f%3
			for i := range paperKnots {
				switch {
				case n == 0:
					up1.set(3*i+colour, f, 1+sub/2, 1+sub%2, 1)
				default:
					down1.set(f, 3*i+colour, 1+sub/2, 1+sub%2, float32(back.slope[i]))
				}
			}
			if n == 0 {
				down1.set(f, colour, 1+sub/2, 1+sub%2, 1)
			} else {
				up1.set(colour, f, 1+sub/2, 1+sub%2, 1)
			}
		}
		for m := range 48 {
			for v := range 48 {
				sub, f := v/12, v%12
				if n == 0 {
					down2.set(m, f, 1+sub/2, 1+sub%2, mix(matrix, m, position(v)))
				} else {
					up0.set(f, m, 1+sub/2, 1+sub%2, mix(&inverse, position(v), m))
				}
				if m != v {
					continue
				}
				if n == 0 {
					up0.set(f, m, 1+sub/2, 1+sub%2, 1)
				} else {
					down2.set(m, f, 1+sub/2, 1+sub%2, 1)
				}
			}
		}
		if n == 0 {
			setConstant(w, down2, up0, 12)
			setKnots(up1, 12, back)
		}
		for i := range network.ResidualBlocks {
			clear(w.Data(network.ResidualName(i) + ".norm1.scale"))
		}
	}
	return nil
}
