package training

import (
	"fmt"
	"math"

	"enciphergan/internal/network"

	"gonum.org/v1/gonum/mat"
)

// The convolutions of the paper's network can pass a picture on without loss, if
// every value goes through ReLU as a pair of channels, itself and its negative:
// the two 3x3 convolutions of stride 2 take 4x4x3 samples to 48 values, a matrix
// mixes these, the transposed ones put them back, one into each sample. This is
// the start of the profile paper+stats, whose norms lose nothing. What remains is what
// tanh bends; decryption straightens it by bends on either side of 0, at fixed knots. The
// generators have no biases; but where encryption adds a constant to a channel of mean 0,
// the norm behind it carries that constant as the mean, and decryption, which gets it,
// has a bias. See checker for the constant.
const (
	paperBlock = 4
	paperGain  = 0.5 // of a cipher's samples, of deviation 1, before tanh
	// The widening of decryption's output, see network.PaperStats.
	paperWidth = 16
	// As many knots as the 32 channels of decryption's first layer hold, two a knot and colour; the first is 0.
	paperKnots = 5
)

// bends is an odd line with bends: the sum over i of slope[i]*(ReLU(v - knot[i]) - ReLU(-v - knot[i])).
type bends struct{ knot, slope [paperKnots]float64 }

// unbend is the line that gives back z from tanh(gain*z)/gain with the least mean square
// error for z as cipher samples are before tanh: of deviation 1 and with tails between those of
// a normal and of a Laplace distribution. Knots are sought one after the other, twice around, slopes by least squares.
func unbend(gain float64) bends {
	const reach, step = 6.0, 1.0 / 64
	n := int(2 * reach / step / 2)
	z, root, bent := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range z {
		z[i] = (float64(i) + 0.5) * step
		root[i] = math.Sqrt(math.Exp(-z[i]*z[i]/2) + math.Exp(-math.Sqrt2*z[i]))
		bent[i] = math.Tanh(gain*z[i]) / gain
	}
	fit := func(b *bends) float64 {
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
	best := bends{knot: [paperKnots]float64{0, 0.5, 0.9, 1.2, 1.5}}
	least := fit(&best)
	for range 2 {
		for i := 1; i < paperKnots; i++ {
			upper := 1 / gain
			if i+1 < paperKnots {
				upper = best.knot[i+1]
			}
			for k := best.knot[i-1] + step; k < upper; k += step {
				b := best
				b.knot[i] = k
				if miss := fit(&b); miss < least {
					least, best = miss, b
				}
			}
		}
	}
	return best
}

// pairs sets weights between values that go as pairs of channels.
type pairs struct {
	data       []float32
	in, kernel int
	transposed bool
	out        int
}

func pairsOf(w *network.Weights, name string, transposed bool) pairs {
	shape := w.Get(name + ".weight").Shape()
	p := pairs{data: w.Data(name + ".weight"), in: shape[1], out: shape[0], kernel: shape[2], transposed: transposed}
	if transposed {
		p.in, p.out = shape[0], shape[1]
	}
	return p
}

// clear sets the weights into the first out values and out of all channels to zero;
// the channels beyond those that the start uses keep random weights, which nothing reads yet.
func (p pairs) clear(out int) {
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

func (p pairs) at(out, in, tap int) int {
	if p.transposed {
		return (in*p.out+out)*p.kernel*p.kernel + tap
	}
	return (out*p.in+in)*p.kernel*p.kernel + tap
}

// set lets value in count v times in value out, by the tap (row, column).
func (p pairs) set(out, in, row, column int, v float32) {
	tap := row*p.kernel + column
	for o := range 2 {
		for i := range 2 {
			sign := float32(1 - 2*(o^i))
			p.data[p.at(2*out+o, 2*in+i, tap)] = sign * v
		}
	}
}

// ends sets a weight of the first and the last convolution, at the centre: plain
// channels on one side of them, pairs on the other.
func (p pairs) ends(out, in int, v float32) {
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

// checker puts a constant into up1's input: the last channel of the middle is 0 but for the
// shift of the first residual block; up0 makes a checkerboard of +v and -v of it and its
// negative, which the norm behind leaves at +1 and -1 whatever the picture, and ReLU at
// 1 and 0: the two sum to 1 everywhere. They are the pair of the given value.
func checker(w *network.Weights, down2, up0 pairs, value int) {
	last := down2.out - 1
	for i := range down2.in {
		for tap := range down2.kernel * down2.kernel {
			down2.data[down2.at(last, i, tap)] = 0
		}
	}
	w.Data(network.ResidualName(0) + ".norm1.shift")[last] = 1
	const v = 8 // far above the root of the norm's eps
	for side := range 2 {
		sign := float32(1 - 2*side)
		for row := range 2 {
			for column := range 2 {
				up0.data[up0.at(2*value+side, last, (1+row)*up0.kernel+1+column)] = sign * v * float32(1-2*(row^column))
			}
		}
	}
}

// knots makes decryption's biases of the constant that is the pair of the given value.
func knots(up1 pairs, value int, b bends) {
	for i, k := range b.knot {
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

// startPaper sets the weights of both generators, given the whitening matrix (48 x
// 48) of blocks of 4x4x3 samples of deviation 1, in the order (row, column, colour).
func startPaper(encryption, decryption *network.Weights, matrix *mat.Dense) error {
	var inverse mat.Dense
	if err := inverse.Inverse(matrix); err != nil {
		return fmt.Errorf("the matrix that mixes blocks has no inverse: %w", err)
	}
	// Within a block, (row, column) of 4x4 is (2*dy2+dy, 2*dx2+dx); value (dy2, dx2, dy, dx, colour) comes
	// after two convolutions of stride 2 at (dy2*2+dx2)*12 + (dy*2+dx)*3 + colour.
	position := func(value int) int {
		outer, inner := value/12, value%12
		dy2, dx2, dy, dx, colour := outer/2, outer%2, inner/3/2, inner/3%2, inner%3
		return ((2*dy2+dy)*paperBlock+2*dx2+dx)*3 + colour
	}
	mix := func(m mat.Matrix, i, j int) float32 { return float32(m.At(i, j)) }
	back := unbend(paperGain)
	for n, w := range []*network.Weights{encryption, decryption} {
		down0, down1, down2 := pairsOf(w, "down0", false), pairsOf(w, "down1", false), pairsOf(w, "down2", false)
		up0, up1, out := pairsOf(w, "up0", true), pairsOf(w, "up1", true), pairsOf(w, "out", false)
		down0.clear(3 * paperKnots)
		down1.clear(12)
		down2.clear(48)
		up0.clear(13)
		up1.clear(3 * paperKnots)
		out.clear(3)
		for colour := range 3 {
			if n == 0 {
				down0.ends(colour, colour, 1)
				out.ends(colour, colour, paperGain)
				continue
			}
			for i := range paperKnots {
				down0.ends(3*i+colour, colour, 1/paperGain)
			}
			out.ends(colour, colour, 1.0/paperWidth)
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
			checker(w, down2, up0, 12)
			knots(up1, 12, back)
		}
		for i := range network.ResidualBlocks {
			clear(w.Data(network.ResidualName(i) + ".norm1.scale"))
		}
	}
	return nil
}
