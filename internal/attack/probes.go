package attack

import (
	"context"
	"math"

	"enciphergan/internal/metric"
)

// Determinism compares two encryptions of one picture with one key.
type Determinism struct {
	Equal float64 `json:"equal"` // share of equal samples; 1/256 by chance
}

// Locality describes the change of a cipher image when the pixel in the middle of
// the picture is inverted.
type Locality struct {
	Changed float64     `json:"changed"` // share of all samples: NPCR of one pixel; 255/256 is ideal
	Map     [][]float64 `json:"map"`     // the same in 8 x 8 equal squares of the picture
}

// Flat describes the cipher images of pictures of one colour.
type Flat struct {
	Entropy  float64 `json:"entropy"`  // bits a sample, mean over flat pictures
	Textured float64 `json:"textured"` // the same of photos
	Equal    float64 `json:"equal"`    // share of equal samples between those of different colours
}

// Impulse describes the cipher images of black pictures with white pixels.
type Impulse struct {
	Changed float64 `json:"changed"` // share of samples that differ from the black picture's
	Summed  float64 `json:"summed"`  // share of samples of two white pixels that those of each alone predict; 1/256 by chance
}

// Leakage is the mean absolute correlation of pictures with their cipher images,
// channel by channel.
type Leakage struct {
	Plain  Correlation `json:"plain"`
	Low    Correlation `json:"low"`    // both blurred: means of 9 x 9 pixels
	High   Correlation `json:"high"`   // both minus that blur
	Energy Correlation `json:"energy"` // means of 9 x 9 pixels of the squared high parts: the positions of texture
}

// Correlation is a mean of absolute coefficients over pictures.
type Correlation struct {
	Mean      float64 `json:"mean"`
	Deviation float64 `json:"deviation"` // over pictures
}

// probe runs the attacks with chosen pictures.
func (o *oracle) probe(report *SystemReport, probes [][]byte, side int) error {
	first := make([][]byte, len(probes))
	var leak leakage
	const cells = 8
	report.Locality.Map = make([][]float64, cells)
	for i := range report.Locality.Map {
		report.Locality.Map[i] = make([]float64, cells)
	}
	n := float64(len(probes))
	for i, plain := range probes {
		var err error
		if first[i], err = o.encrypt(plain, side); err != nil {
			return err
		}
		again, err := o.encrypt(plain, side)
		if err != nil {
			return err
		}
		report.Determinism.Equal += equal(first[i], again) / n
		touched := append([]byte{}, plain...)
		middle := 3 * (side/2*side + side/2)
		for c := range 3 {
			touched[middle+c] ^= 0xff
		}
		other, err := o.encrypt(touched, side)
		if err != nil {
			return err
		}
		report.Locality.Changed += (1 - equal(first[i], other)) / n
		square := side / cells
		for at := range len(plain) {
			y, x := at/3/side/square, at/3%side/square
			if first[i][at] != other[at] {
				report.Locality.Map[y][x] += 1 / (n * float64(3*square*square))
			}
		}
		report.Flat.Textured += metric.MeanEntropy(first[i]) / n
		leak.add(plain, first[i], side)
	}
	report.Leakage = leak.result()
	if err := o.flat(&report.Flat, side); err != nil {
		return err
	}
	return o.impulse(&report.Impulse, side)
}

// flatColours are colours far from each other.
var flatColours = [][3]byte{{0, 0, 0}, {64, 64, 64}, {200, 120, 40}, {255, 255, 255}}

func (o *oracle) flat(report *Flat, side int) error {
	var ciphers [][]byte
	for _, colour := range flatColours {
		plain := make([]byte, 0, 3*side*side)
		for range side * side {
			plain = append(plain, colour[:]...)
		}
		c, err := o.encrypt(plain, side)
		if err != nil {
			return err
		}
		report.Entropy += metric.MeanEntropy(c) / float64(len(flatColours))
		ciphers = append(ciphers, c)
	}
	for _, c := range ciphers[1:] {
		report.Equal += equal(ciphers[0], c) / float64(len(ciphers)-1)
	}
	return nil
}

func (o *oracle) impulse(report *Impulse, side int) error {
	black := make([]byte, 3*side*side)
	white := func(positions ...int) ([]byte, error) {
		p := append([]byte{}, black...)
		for _, at := range positions {
			p[3*at], p[3*at+1], p[3*at+2] = 255, 255, 255
		}
		return o.encrypt(p, side)
	}
	a, b := side/4*side+side/4, 3*side/4*side+3*side/4
	var ciphers [4][]byte
	for i, positions := range [][]int{nil, {a}, {b}, {a, b}} {
		var err error
		if ciphers[i], err = white(positions...); err != nil {
			return err
		}
	}
	zero, one, other, both := ciphers[0], ciphers[1], ciphers[2], ciphers[3]
	report.Changed = (2 - equal(zero, one) - equal(zero, other)) / 2
	predicted := make([]byte, len(zero))
	for i := range predicted {
		predicted[i] = one[i] + other[i] - zero[i]
	}
	report.Summed = equal(predicted, both)
	return nil
}

func equal(a, b []byte) float64 {
	n := 0
	for i, v := range a {
		if v == b[i] {
			n++
		}
	}
	return float64(n) / float64(len(a))
}

// leakage collects correlations, one a picture.
type leakage struct{ plain, low, high, energy []float64 }

func (l *leakage) add(plain, cipher []byte, side int) {
	var r [4]float64
	for c := range 3 {
		p, q := channel(plain, c), channel(cipher, c)
		lowP, lowQ := blur(p, side), blur(q, side)
		highP, highQ := subtract(p, lowP), subtract(q, lowQ)
		for i, pair := range [][2][]float64{{p, q}, {lowP, lowQ}, {highP, highQ}, {blur(squares(highP), side), blur(squares(highQ), side)}} {
			r[i] += math.Abs(pearson(pair[0], pair[1])) / 3
		}
	}
	l.plain, l.low, l.high, l.energy = append(l.plain, r[0]), append(l.low, r[1]), append(l.high, r[2]), append(l.energy, r[3])
}

// chanceLeakage correlates each picture with many cipher images that are independent
// of it, for a precise distribution of the coefficients.
func chanceLeakage(ctx context.Context, reference System, probes [][]byte, side int) (Leakage, error) {
	const repeats = 16
	var l leakage
	for i, plain := range probes {
		for j := range repeats {
			c, err := reference.Encrypt(ctx, plain, side, uint64(1<<32+i*repeats+j)) // numbers that no oracle uses
			if err != nil {
				return Leakage{}, err
			}
			l.add(plain, c, side)
		}
	}
	return l.result(), nil
}

func (l *leakage) result() Leakage {
	return Leakage{summary(l.plain), summary(l.low), summary(l.high), summary(l.energy)}
}

func summary(v []float64) Correlation {
	var s Correlation
	n := float64(len(v))
	for _, x := range v {
		s.Mean += x / n
	}
	for _, x := range v {
		s.Deviation += (x - s.Mean) * (x - s.Mean) / max(1, n-1)
	}
	s.Deviation = math.Sqrt(s.Deviation)
	return s
}

func channel(rgb []byte, c int) []float64 {
	v := make([]float64, len(rgb)/3)
	for i := range v {
		v[i] = float64(rgb[3*i+c])
	}
	return v
}

// blur returns the mean over the part of a square of 9 x 9 that is in the picture.
func blur(v []float64, side int) []float64 {
	const reach = 4
	pass := func(in []float64, step, line int) []float64 {
		out := make([]float64, len(in))
		for l := range side {
			for i := range side {
				from, to := max(0, i-reach), min(side-1, i+reach)
				for j := from; j <= to; j++ {
					out[l*line+i*step] += in[l*line+j*step] / float64(to-from+1)
				}
			}
		}
		return out
	}
	return pass(pass(v, 1, side), side, 1)
}

func subtract(a, b []float64) []float64 {
	d := make([]float64, len(a))
	for i := range d {
		d[i] = a[i] - b[i]
	}
	return d
}

func squares(v []float64) []float64 {
	s := make([]float64, len(v))
	for i, x := range v {
		s[i] = x * x
	}
	return s
}

// pearson returns the correlation coefficient, 0 if one side is constant.
func pearson(a, b []float64) float64 {
	var ma, mb float64
	for i := range a {
		ma += a[i] / float64(len(a))
		mb += b[i] / float64(len(b))
	}
	var aa, bb, ab float64
	for i := range a {
		x, y := a[i]-ma, b[i]-mb
		aa, bb, ab = aa+x*x, bb+y*y, ab+x*y
	}
	if aa < 1e-9 || bb < 1e-9 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}
