package attack

import (
	"context"
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"

	"enciphergan/internal/metric"
)

// strengths are the candidate ridge factors, relative to the mean squared length of
// the features. The one that is best on validation pairs is used, or
// defaultStrength without validation pairs. The largest yields the mean picture.
var strengths = []float64{1e-4, 1e-2, 1, 1e4}

const defaultStrength = 1

// fitter prepares a fit on pairs. The result returns the predictor for a strength.
type fitter func(context.Context, pairs) (func(strength float64) (predictor, error), error)

// choose fits with the strength that is best on validation pairs.
func choose(ctx context.Context, all pairs, fit fitter) (predictor, error) {
	part, validation := all.divide()
	strength := float64(defaultStrength)
	if len(validation.plain) > 0 {
		at, err := fit(ctx, part)
		if err != nil {
			return nil, err
		}
		best := math.Inf(-1)
		for _, s := range strengths {
			predict, err := at(s)
			if err != nil {
				return nil, err
			}
			score := 0.
			for i, c := range validation.cipher {
				score += metric.BoundedPSNR(validation.plain[i], predict(c))
			}
			if score > best {
				best, strength = score, s
			}
		}
	}
	at, err := fit(ctx, all)
	if err != nil {
		return nil, err
	}
	return at(strength)
}

var errSingular = errors.New("a linear fit has no solution")

// fitLinear fits, for every sample, a linear function of the 24 bits of the cipher
// image's pixel at the same position. It inverts fixed pads.
func fitLinear(ctx context.Context, p pairs) (predictor, error) { return choose(ctx, p, perPixel) }

func perPixel(ctx context.Context, p pairs) (func(float64) (predictor, error), error) {
	n, positions := len(p.plain), p.side*p.side
	type system struct {
		gram      *mat.SymDense // (24, 24)
		products  *mat.Dense    // (24, 3)
		inMean    [bitPlanes]float64
		plainMean [3]float64
	}
	systems := make([]system, positions)
	x, y := mat.NewDense(n, bitPlanes, nil), mat.NewDense(n, 3, nil)
	for at := range systems {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s := &systems[at]
		for i := range n {
			row := bitsOf(p.cipher[i][3*at:])
			for j, v := range row {
				s.inMean[j] += v / float64(n)
			}
			x.SetRow(i, row[:])
			for c := range 3 {
				v := float64(p.plain[i][3*at+c])
				s.plainMean[c] += v / float64(n)
				y.Set(i, c, v)
			}
		}
		for i := range n {
			for j, m := range s.inMean {
				x.Set(i, j, x.At(i, j)-m)
			}
			for c, m := range s.plainMean {
				y.Set(i, c, y.At(i, c)-m)
			}
		}
		s.gram, s.products = mat.NewSymDense(bitPlanes, nil), mat.NewDense(bitPlanes, 3, nil)
		s.gram.SymOuterK(1, x.T())
		s.products.Mul(x.T(), y)
	}
	return func(strength float64) (predictor, error) {
		weights := make([]*mat.Dense, positions)
		for at := range systems {
			s := &systems[at]
			regular := mat.NewSymDense(bitPlanes, nil)
			regular.CopySym(s.gram)
			for j := range bitPlanes {
				regular.SetSym(j, j, regular.At(j, j)+strength*float64(n)) // bits are -1 or 1
			}
			var factor mat.Cholesky
			if !factor.Factorize(regular) {
				return nil, errSingular
			}
			weights[at] = mat.NewDense(bitPlanes, 3, nil)
			if err := factor.SolveTo(weights[at], s.products); err != nil && !conditioned(err) {
				return nil, err
			}
		}
		return func(cipher []byte) []byte {
			rgb := make([]byte, len(cipher))
			for at := range systems {
				s := &systems[at]
				row := bitsOf(cipher[3*at:])
				for c := range 3 {
					v := s.plainMean[c]
					for j := range row {
						v += (row[j] - s.inMean[j]) * weights[at].At(j, c)
					}
					rgb[3*at+c] = level(v)
				}
			}
			return rgb
		}, nil
	}, nil
}

// bitsOf returns the bits of a pixel as -1 and 1.
func bitsOf(pixel []byte) (bits [bitPlanes]float64) {
	for c := range 3 {
		for bit := range 8 {
			bits[8*c+bit] = 2*float64(pixel[c]>>bit&1) - 1
		}
	}
	return bits
}

// fitRidge fits, for every sample, a linear function of all levels of the cipher
// image by ridge regression, in its dual form. It inverts fixed linear maps,
// including permutations of samples.
func fitRidge(ctx context.Context, p pairs) (predictor, error) { return choose(ctx, p, wholePicture) }

func wholePicture(ctx context.Context, p pairs) (func(float64) (predictor, error), error) {
	n, samples := len(p.plain), 3*p.side*p.side
	x, xMean := centred(p.cipher, samples)
	y, yMean := centred(p.plain, samples)
	gram := mat.NewSymDense(n, nil)
	gram.SymOuterK(1, x)
	return func(strength float64) (predictor, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		regular := mat.NewSymDense(n, nil)
		regular.CopySym(gram)
		shift := strength*mat.Trace(gram)/float64(n) + 1e-6 // a single pair leaves nothing but the mean
		for i := range n {
			regular.SetSym(i, i, regular.At(i, i)+shift)
		}
		var factor mat.Cholesky
		if !factor.Factorize(regular) {
			return nil, errSingular
		}
		var dual mat.Dense
		if err := factor.SolveTo(&dual, y); err != nil && !conditioned(err) {
			return nil, err
		}
		return func(cipher []byte) []byte {
			in := mat.NewVecDense(samples, nil)
			for i, v := range cipher {
				in.SetVec(i, float64(v)-xMean[i])
			}
			var similarity, out mat.VecDense
			similarity.MulVec(x, in)
			out.MulVec(dual.T(), &similarity)
			rgb := make([]byte, samples)
			for i := range rgb {
				rgb[i] = level(out.AtVec(i) + yMean[i])
			}
			return rgb
		}, nil
	}, nil
}

// conditioned reports whether err is a warning about precision, which the ridge makes harmless.
func conditioned(err error) bool {
	var c mat.Condition
	return errors.As(err, &c) && !math.IsInf(float64(c), 0)
}

func centred(pictures [][]byte, samples int) (*mat.Dense, []float64) {
	mean := make([]float64, samples)
	for _, p := range pictures {
		for i, v := range p {
			mean[i] += float64(v) / float64(len(pictures))
		}
	}
	m := mat.NewDense(len(pictures), samples, nil)
	for i, p := range pictures {
		for j, v := range p {
			m.Set(i, j, float64(v)-mean[j])
		}
	}
	return m, mean
}

func level(v float64) byte { return byte(math.Round(min(255, max(0, v)))) }
