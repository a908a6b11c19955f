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
// the start of the profile paper+stats, whose norms lose nothing. What is left to
// learn is what tanh bends, less what a bend on either side takes back. Its knots
// must lie at fixed places, and the generators have no biases; but where encryption
// adds a constant to a channel of mean 0, the norm behind it carries that constant as
// the mean, and decryption, which gets it, has a bias.
const (
	paperBlock = 4
	paperGain  = 0.5 // of a cipher's samples, of deviation 1, before tanh
	// The widening of decryption's output, see network.PaperStats.
	paperWidth = 4
)

// bend is a line with a bend of the same kind on either side of 0:
// slope*v + more*(ReLU(v - knot) - ReLU(-v - knot)).
type bend struct{ slope, more, knot float64 }

// unbend is the bend that gives back z from tanh(gain*z)/gain with the least mean
// square error for a normal z.
func unbend(gain float64) (best bend) {
	const reach, step = 4.0, 1.0 / 64
	least := math.Inf(1)
	for knot := 0.5; knot < 2; knot += step {
		// Least squares in the two slopes.
		var aa, ab, bb, az, bz, zz float64
		for z := step / 2; z < reach; z += step {
			weight := math.Exp(-z * z / 2)
			a := math.Tanh(gain*z) / gain
			b := max(0, a-knot)
			aa, ab, bb = aa+weight*a*a, ab+weight*a*b, bb+weight*b*b
			az, bz, zz = az+weight*a*z, bz+weight*b*z, zz+weight*z*z
		}
		det := aa*bb - ab*ab
		if det <= 0 {
			continue
		}
		s, m := (az*bb-bz*ab)/det, (bz*aa-az*ab)/det
		if miss := zz - s*az - m*bz; miss < least {
			least, best = miss, bend{s, m, knot}
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

// constantChannel lets the channels of the second twelve values behind up0 be the
// first ones plus the constant v, which is then their mean: the last channel of the middle is 0 but for the shift of the first residual block.
func constantChannel(w *network.Weights, down2, up0 pairs, v float32) {
	last := down2.out - 1
	for i := range down2.in {
		for tap := range down2.kernel * down2.kernel {
			down2.data[down2.at(last, i, tap)] = 0
		}
	}
	w.Data(network.ResidualName(0) + ".norm1.shift")[last] = 1
	for o := 24; o < 48; o++ {
		// A copy of a value of deviation 1, so that the norm's scale is not at the mercy of small weights.
		for i := range last {
			for tap := range up0.kernel * up0.kernel {
				up0.data[up0.at(o, i, tap)] = up0.data[up0.at((o-24)/2*2, i, tap)]
			}
		}
		// One tap of these four reaches each sample.
		for _, tap := range []int{4, 5, 7, 8} {
			up0.data[up0.at(o, last, tap)] = v
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
		down0.clear(3)
		down1.clear(24)
		down2.clear(48)
		up0.clear(24)
		up1.clear(3)
		out.clear(3)
		first, last := float32(1), float32(paperGain)
		if n == 1 {
			first, last = 1/paperGain, 1.0/paperWidth
		}
		for colour := range 3 {
			down0.ends(colour, colour, first)
			out.ends(colour, colour, last)
		}
		for f := range 12 {
			sub, colour := f/3, f%3
			down1.set(f, colour, 1+sub/2, 1+sub%2, 1)
			up1.set(colour, f, 1+sub/2, 1+sub%2, 1)
		}
		for m := range 48 {
			for v := range 48 {
				sub, f := v/12, v%12
				switch {
				case n == 0:
					down2.set(m, f, 1+sub/2, 1+sub%2, mix(matrix, m, position(v)))
				default:
					up0.set(f, m, 1+sub/2, 1+sub%2, mix(&inverse, position(v), m))
				}
				if m != v {
					continue
				}
				if n == 0 {
					up0.set(f, m, 1+sub/2, 1+sub%2, 1)
				} else {
					down2.set(m, f, 1+sub/2, 1+sub%2, float32(back.slope))
					down2.set(m, 12+f, 1+sub/2, 1+sub%2, float32(back.more))
				}
			}
		}
		if n == 0 {
			constantChannel(w, down2, up0, float32(-back.knot))
		} else {
			// Twelve values more, from which the knot is taken.
			for f := range 12 {
				sub, colour := f/3, f%3
				down1.set(12+f, colour, 1+sub/2, 1+sub%2, 1)
			}
		}
		for i := range network.ResidualBlocks {
			clear(w.Data(network.ResidualName(i) + ".norm1.scale"))
		}
	}
	return nil
}
