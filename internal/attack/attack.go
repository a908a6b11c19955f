// Package attack attacks ciphers as an adversary would: with chosen pictures, fits
// and trained decoders on known pairs, measurements of leakage, wrong keys, and
// damage. The ciphers of package control are attacked by the same code, so that an
// attack that detects nothing at all is recognised.
//
// Main path: Run attacks systems with pictures and returns a Report. A System is a
// cipher in one mode of use: a model with a fresh nonce or with a fixed seed, a
// network without a key, a control. The figures describe these attacks at these
// sizes and budgets. An attack that fails proves nothing about others.
package attack

import (
	"context"
	"fmt"
	"math"

	"enciphergan/internal/metric"
)

// Budget limits the attacks. Sides are in pixels.
type Budget struct {
	Name      string `json:"name"`
	Side      int    `json:"side"`       // of the pictures of known pairs, a multiple of 16
	ProbeSide int    `json:"probe_side"` // of the pictures of all other attacks, a multiple of 16
	Pairs     []int  `json:"pairs"`      // numbers of known pairs, ascending
	Targets   int    `json:"targets"`    // pictures to be recovered by fits and decoders
	Probes    int    `json:"probes"`     // pictures of all other attacks
	Hidden    int    `json:"hidden"`     // channels of the surrogate decoder's convolutions
	Rank      int    `json:"rank"`       // width of its layer that reads the whole cipher image
	Steps     int    `json:"steps"`      // of its training
	Batch     int    `json:"batch"`
}

// Quick returns a budget of minutes.
func Quick() Budget {
	return Budget{Name: "quick", Side: 32, ProbeSide: 64, Pairs: []int{1, 10, 100}, Targets: 32, Probes: 8, Hidden: 48, Rank: 64, Steps: 300, Batch: 8}
}

// Full returns the whole budget, which takes more than ten times as long.
func Full() Budget {
	return Budget{Name: "full", Side: 32, ProbeSide: 64, Pairs: []int{1, 10, 100, 1000}, Targets: 64, Probes: 32, Hidden: 64, Rank: 128, Steps: 1500, Batch: 16}
}

// Validate returns an error for a budget out of range.
func (b Budget) Validate() error {
	for _, side := range []int{b.Side, b.ProbeSide} {
		if side < 16 || side > 256 || side%16 != 0 {
			return fmt.Errorf("a side of %d pixels: want 16 to 256, a multiple of 16", side)
		}
	}
	for i, n := range b.Pairs {
		if n < 1 || n > 4000 || i > 0 && n <= b.Pairs[i-1] {
			return fmt.Errorf("%v known pairs: want ascending numbers from 1 to 4,000", b.Pairs)
		}
		// The fits hold pictures and cipher images as float64.
		if n*3*b.Side*b.Side > 1<<26 {
			return fmt.Errorf("%d pairs of %d x %[2]d pixels take more than 1 GiB: want fewer or smaller ones", n, b.Side)
		}
	}
	if len(b.Pairs) == 0 || b.Targets < 1 || b.Probes < 2 || b.Hidden < 1 || b.Rank < 1 || b.Steps < 1 || b.Batch < 1 {
		return fmt.Errorf("budget %+v: every number must be at least 1, probes at least 2", b)
	}
	return nil
}

// Progress receives the progress of a stage, like encipher.Progress.
type Progress func(stage string, done, total int)

// Quality compares recovered pictures with the originals: means over pictures.
type Quality struct {
	PSNR float64 `json:"psnr"` // dB, see metric.BoundedPSNR
	SSIM float64 `json:"ssim"`
}

// Fit is the quality of pictures recovered with a number of known pairs.
type Fit struct {
	Pairs int `json:"pairs"`
	Quality
	// Structure is the mean correlation of the target and the recovered picture
	// after subtraction of the mean known picture from both. It ignores brightness
	// and contrast, and is 0 if nothing but the mean is recovered. The mean alone
	// causes some correlation, so compare it with that of independent noise.
	Structure float64 `json:"structure"`
}

// Report holds the results of all attacks.
type Report struct {
	Seed    uint64         `json:"seed"`
	Budget  Budget         `json:"budget"`
	Photos  [2]int         `json:"photos"`     // of known pairs, and of targets and probes
	Weights int            `json:"parameters"` // of the surrogate decoder
	Mean    []Fit          `json:"mean"`       // the mean of the known pictures as guess for every target, which no cipher prevents
	Systems []SystemReport `json:"systems"`
	Models  []ModelReport  `json:"models"`
	Chance  Leakage        `json:"chance"` // of the probes with independent noise
}

// SystemReport holds the results for one System.
type SystemReport struct {
	Name        string       `json:"name"`
	Control     bool         `json:"control"`
	Determinism Determinism  `json:"determinism"`
	Locality    Locality     `json:"locality"`
	Flat        Flat         `json:"flat"`
	Impulse     Impulse      `json:"impulse"`
	Leakage     Leakage      `json:"leakage"`
	Pad         Fit          `json:"pad"` // the difference (XOR) of one known pair used as a pad
	Linear      []Fit        `json:"linear"`
	Ridge       []Fit        `json:"ridge"`
	Surrogate   []Fit        `json:"surrogate"`
	Conclusions []Conclusion `json:"conclusions"`
}

// Conclusion describes the result of an attack in words.
type Conclusion struct {
	Attack string `json:"attack"`
	Breaks bool   `json:"breaks"`
	Text   string `json:"says"`
}

// Run attacks every system, then every model.
func Run(ctx context.Context, pictures *Pictures, systems []System, models []*Victim, b Budget, seed uint64, progress Progress) (*Report, error) {
	if err := b.Validate(); err != nil {
		return nil, err
	}
	r := &Report{Seed: seed, Budget: b, Photos: [2]int{len(pictures.known), len(pictures.others)}}
	known := pictures.crops("known", pictures.known, b.Pairs[len(b.Pairs)-1], b.Side)
	targets := pictures.crops("targets", pictures.others, b.Targets, b.Side)
	probes := pictures.crops("probes", pictures.others, b.Probes, b.ProbeSide)
	for _, n := range b.Pairs {
		mean := meanPicture(known[:n])
		r.Mean = append(r.Mean, newFit(n, targets, func(int) []byte { return mean }, mean, b.Side))
	}
	reference := noise(seed)
	var err error
	if r.Chance, err = chanceLeakage(ctx, reference, probes, b.ProbeSide); err != nil {
		return nil, err
	}
	// A control without any information shows the results of chance.
	for _, s := range append([]System{reference}, systems...) {
		report, err := r.attack(ctx, s, known, targets, probes, progress)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		r.Systems = append(r.Systems, report)
	}
	for i := range r.Systems {
		r.conclude(&r.Systems[i])
	}
	for _, v := range models {
		report, err := v.damage(ctx, probes, b.ProbeSide, pictures.stream("damage"), progress)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.Name, err)
		}
		r.Models = append(r.Models, report)
	}
	return r, nil
}

func (r *Report) attack(ctx context.Context, s System, known, targets, probes [][]byte, progress Progress) (SystemReport, error) {
	b := r.Budget
	report := SystemReport{Name: s.Name, Control: s.Control}
	o := &oracle{ctx: ctx, system: s}
	if err := o.probe(&report, probes, b.ProbeSide); err != nil {
		return report, err
	}
	encrypt := func(stage string, plain [][]byte) ([][]byte, error) {
		var list [][]byte
		for i, p := range plain {
			c, err := o.encrypt(p, b.Side)
			if err != nil {
				return nil, err
			}
			list = append(list, c)
			progress(s.Name+", "+stage, i+1, len(plain))
		}
		return list, nil
	}
	ciphers, err := encrypt("pairs", known)
	if err != nil {
		return report, err
	}
	secret, err := encrypt("targets", targets)
	if err != nil {
		return report, err
	}
	score := func(n int, predict predictor) Fit {
		return newFit(n, targets, func(i int) []byte { return predict(secret[i]) }, meanPicture(known[:n]), b.Side)
	}
	report.Pad = score(1, padFrom(known[0], ciphers[0]))
	for i, n := range b.Pairs {
		p := pairs{plain: known[:n], cipher: ciphers[:n], side: b.Side}
		linear, err := fitLinear(ctx, p)
		if err != nil {
			return report, err
		}
		report.Linear = append(report.Linear, score(n, linear))
		ridge, err := fitRidge(ctx, p)
		if err != nil {
			return report, err
		}
		report.Ridge = append(report.Ridge, score(n, ridge))
		d, err := newDecoder(b, stream(r.Seed, "surrogate"))
		if err != nil {
			return report, err
		}
		r.Weights = d.size()
		done := func(step int) { progress(s.Name+", surrogate", i*b.Steps+step, len(b.Pairs)*b.Steps) }
		if err := d.train(ctx, p, stream(r.Seed, fmt.Sprint("batches", n)), done); err != nil {
			return report, err
		}
		predicted, err := d.decode(secret)
		if err != nil {
			return report, err
		}
		report.Surrogate = append(report.Surrogate, newFit(n, targets, func(i int) []byte { return predicted[i] }, meanPicture(known[:n]), b.Side))
	}
	return report, nil
}

// predictor recovers a picture from a cipher image, both (S, S, 3) interleaved.
type predictor func(cipher []byte) []byte

// quality compares each target with its recovered picture.
func quality(targets [][]byte, recovered func(i int) []byte, side int) Quality {
	var q Quality
	for i, t := range targets {
		p := recovered(i)
		q.PSNR += metric.BoundedPSNR(t, p) / float64(len(targets))
		q.SSIM += metric.SSIM(t, p, side, side) / float64(len(targets))
	}
	return q
}

// newFit measures quality and structure of recovered pictures.
func newFit(pairs int, targets [][]byte, recovered func(i int) []byte, mean []byte, side int) Fit {
	f := Fit{Pairs: pairs, Quality: quality(targets, recovered, side)}
	difference := func(rgb []byte) []float64 {
		d := make([]float64, len(rgb))
		for i, v := range rgb {
			d[i] = float64(v) - float64(mean[i])
		}
		return d
	}
	for i, t := range targets {
		f.Structure += pearson(difference(t), difference(recovered(i))) / float64(len(targets))
	}
	return f
}

func meanPicture(pictures [][]byte) []byte {
	mean := make([]byte, len(pictures[0]))
	for i := range mean {
		sum := 0
		for _, p := range pictures {
			sum += int(p[i])
		}
		mean[i] = byte(math.Round(float64(sum) / float64(len(pictures))))
	}
	return mean
}

// padFrom uses the difference of one pair as the pad of every cipher image.
func padFrom(plain, cipher []byte) predictor {
	return func(c []byte) []byte {
		p := make([]byte, len(c))
		for i := range p {
			p[i] = c[i] ^ plain[i] ^ cipher[i]
		}
		return p
	}
}
