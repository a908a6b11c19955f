package attack

import (
	"fmt"
	"math"
)

// Thresholds of the conclusions. They are conventions, chosen so that independent
// noise stays below each.
const (
	// gainThreshold in dB is the minimum gain over chance of a recovered picture.
	gainThreshold = 1
	// structureThreshold is the minimum structure, and the minimum excess over that
	// of the same attack on independent noise. Structure ignores contrast, and varies
	// by about .15 with few targets.
	structureThreshold = 0.3
	// recoveredThreshold in dB is the PSNR of a recognisable picture with all its content.
	recoveredThreshold = 25
	chance             = 1. / 256
	// shareThreshold is the minimum share of equal or predicted samples. With a few
	// thousand samples, chance varies by less than a fifth of it.
	shareThreshold = 2 * chance
	// entropyThreshold in bits is the minimum difference between flat pictures and photos.
	entropyThreshold = 0.05
)

// conclude derives the conclusions from the figures of a system.
func (r *Report) conclude(s *SystemReport) {
	say := func(attack string, breaks bool, format string, args ...any) {
		s.Conclusions = append(s.Conclusions, Conclusion{attack, breaks, fmt.Sprintf(format, args...)})
	}
	reference := &r.Systems[0]
	percent := func(share float64) float64 { return 100 * share }

	if e := s.Determinism.Equal; e > shareThreshold {
		say("determinism", true, "equal pictures have equal cipher images: %.2f %% of the samples of two encryptions agree", percent(e))
	} else {
		say("determinism", false, "two encryptions of one picture agree in %.2f %% of the samples (chance: 0.39 %%)", percent(e))
	}
	if l := s.Locality; l.Changed < 1-shareThreshold {
		say("one pixel", true, "one inverted pixel changes %.2f %% of the samples: both cipher images show how much differs", percent(l.Changed))
	} else {
		say("one pixel", false, "one inverted pixel changes %.2f %% of the samples (ideal: 99.61 %%)", percent(l.Changed))
	}
	switch f := s.Flat; {
	case math.Abs(f.Entropy-f.Textured) > entropyThreshold && f.Equal > shareThreshold:
		say("flat pictures", true, "recognised by their cipher images: entropy %.3f bits, photos %.3f; those of different colours agree in %.2f %% of the samples", f.Entropy, f.Textured, percent(f.Equal))
	case math.Abs(f.Entropy-f.Textured) > entropyThreshold:
		say("flat pictures", true, "recognised by their cipher images: entropy %.3f bits, photos %.3f", f.Entropy, f.Textured)
	case f.Equal > shareThreshold:
		say("flat pictures", true, "cipher images of different colours agree in %.2f %% of the samples (chance: 0.39 %%)", percent(f.Equal))
	default:
		say("flat pictures", false, "not distinguished from photos by entropy (%.3f and %.3f bits), nor from each other by equal samples", f.Entropy, f.Textured)
	}
	if i := s.Impulse; i.Summed > shareThreshold || i.Changed < 1-shareThreshold {
		say("impulses", true, "one white pixel on black changes %.2f %% of the samples; two single pixels predict %.2f %% of the samples of both together", percent(i.Changed), percent(i.Summed))
	} else {
		say("impulses", false, "one white pixel on black changes %.2f %% of the samples; two single pixels predict %.2f %% of both together (chance: 0.39 %%)", percent(i.Changed), percent(i.Summed))
	}
	for _, l := range []struct {
		name         string
		here, chance Correlation
	}{
		{"leakage", s.Leakage.Plain, r.Chance.Plain},
		{"leakage, low-pass", s.Leakage.Low, r.Chance.Low},
		{"leakage, high-pass", s.Leakage.High, r.Chance.High},
		{"leakage, local energy", s.Leakage.Energy, r.Chance.Energy},
	} {
		// Four standard errors of a mean over as many pictures.
		limit := l.chance.Mean + 4*l.chance.Deviation/math.Sqrt(float64(r.Budget.Probes))
		if l.here.Mean > limit {
			say(l.name, true, "mean |correlation| of picture and cipher image %.4f, by chance %.4f, maximum %.4f", l.here.Mean, l.chance.Mean, limit)
		} else {
			say(l.name, false, "mean |correlation| of picture and cipher image %.4f, by chance %.4f", l.here.Mean, l.chance.Mean)
		}
	}
	r.recovery(say, "one pair as a pad", []Fit{s.Pad}, []Fit{reference.Pad})
	r.recovery(say, "linear, own pixel", s.Linear, reference.Linear)
	r.recovery(say, "ridge, whole picture", s.Ridge, reference.Ridge)
	r.recovery(say, "surrogate decoder", s.Surrogate, reference.Surrogate)
}

// recovery compares fits with the mean picture and with the same attack on independent
// noise, by PSNR and by structure. It reports the smallest number of pairs that
// recovers something, and the best fit.
func (r *Report) recovery(say func(string, bool, string, ...any), attack string, fits, reference []Fit) {
	best, first := 0, -1
	var gains []float64
	for i, f := range fits {
		gains = append(gains, f.PSNR-max(reference[i].PSNR, r.Mean[i].PSNR))
		if first < 0 && (gains[i] >= gainThreshold || f.Structure >= structureThreshold+max(0, reference[i].Structure)) {
			first = i
		}
		if gains[i] > gains[best] {
			best = i
		}
	}
	if first < 0 {
		best = len(fits) - 1
	}
	f := fits[best]
	figures := fmt.Sprintf("%.2f dB (%+.2f dB against the mean picture), SSIM %.3f, structure %.2f from %s", f.PSNR, gains[best], f.SSIM, f.Structure, count(f.Pairs))
	switch {
	case first < 0:
		if len(fits) > 1 {
			figures += ", and not better from fewer"
		}
		say(attack, false, "not better than the mean picture: %s", figures)
	case f.PSNR >= recoveredThreshold:
		say(attack, true, "recovers pictures, parts of them with %s: best %s", count(fits[first].Pairs), figures)
	default:
		say(attack, true, "recovers parts of pictures with %s: best %s", count(fits[first].Pairs), figures)
	}
}

func count(pairs int) string {
	if pairs == 1 {
		return "1 pair"
	}
	return fmt.Sprintf("%d pairs", pairs)
}
