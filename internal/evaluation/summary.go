package evaluation

import "math"

// Alpha is the significance level of the tests: ideal noise fails on this share of
// channels. Required is the share of channels that must pass.
const (
	Alpha    = .01
	Required = .95
)

// Score is one column of one system: the mean over all channels of all pictures, and
// the number of channels that pass.
type Score struct {
	Mean   float64 `json:"mean"` // of absolute values for correlations
	Passed int     `json:"passed"`
	Of     int     `json:"of"`
}

// Share returns the share of channels that pass, 0 to 1.
func (s Score) Share() float64 { return float64(s.Passed) / float64(max(1, s.Of)) }

// Passes reports whether enough channels pass.
func (s Score) Passes() bool { return s.Share() >= Required }

// add adds the channels of a picture.
func (s *Score) add(channels [3]float64, passes func(float64) bool) {
	for _, v := range channels {
		s.Of++
		s.Mean += (math.Abs(v) - s.Mean) / float64(s.Of)
		if passes(v) {
			s.Passed++
		}
	}
}

// Spread is a column without a test.
type Spread struct {
	Mean    float64 `json:"mean"`
	Minimum float64 `json:"minimum"`
}

func (s *Spread) add(v float64, before int) {
	if before == 0 {
		s.Minimum = v
	}
	s.Minimum = min(s.Minimum, v)
	s.Mean += (v - s.Mean) / float64(before+1)
}

// Summary is the row of one system for all pictures of a set.
type Summary struct {
	Pictures   int   `json:"pictures"`
	Entropy    Score `json:"entropy"`
	ChiSquare  Score `json:"chi_square"`
	Horizontal Score `json:"correlation_horizontal"`
	Vertical   Score `json:"correlation_vertical"`
	Diagonal   Score `json:"correlation_diagonal"`
	NPCR       Score `json:"npcr"`
	UACI       Score `json:"uaci"`
	SameNPCR   Score `json:"npcr_same_nonce"`
	SameUACI   Score `json:"uaci_same_nonce"`
	KeyNPCR    Score `json:"npcr_key"`
	KeyUACI    Score `json:"uaci_key"`

	PSNR  Spread `json:"psnr"`
	SSIM  Spread `json:"ssim"`
	Exact int    `json:"exact"` // pictures that were restored exactly

	Rejected int   `json:"wrong_key_rejected"` // pictures for which a wrong secret is rejected
	Wrong    Wrong `json:"wrong_key,omitzero"` // means over the others
}

// Correlation returns the mean absolute correlation over the three directions.
func (s Summary) Correlation() float64 {
	return (s.Horizontal.Mean + s.Vertical.Mean + s.Diagonal.Mean) / 3
}

func (s *Summary) add(f Figures) {
	k := f.Critical
	within := func(bound float64) func(float64) bool {
		return func(v float64) bool { return math.Abs(v) <= bound }
	}
	npcr := func(v float64) bool { return v >= k.NPCR }
	uaci := func(v float64) bool { return k.UACILow <= v && v <= k.UACIHigh }
	s.Entropy.add(f.Entropy, func(v float64) bool { return v >= k.Entropy })
	s.ChiSquare.add(f.ChiSquare, func(v float64) bool { return v <= k.ChiSquare })
	s.Horizontal.add(f.Horizontal, within(k.Correlation[0]))
	s.Vertical.add(f.Vertical, within(k.Correlation[1]))
	s.Diagonal.add(f.Diagonal, within(k.Correlation[2]))
	s.NPCR.add(f.NPCR, npcr)
	s.UACI.add(f.UACI, uaci)
	s.SameNPCR.add(f.SameNPCR, npcr)
	s.SameUACI.add(f.SameUACI, uaci)
	s.KeyNPCR.add(f.KeyNPCR, npcr)
	s.KeyUACI.add(f.KeyUACI, uaci)

	s.PSNR.add(f.PSNR, s.Pictures)
	s.SSIM.add(f.SSIM, s.Pictures)
	if f.Exact {
		s.Exact++
	}
	if f.Wrong == nil {
		s.Rejected++
	} else {
		n := float64(s.Pictures - s.Rejected + 1)
		s.Wrong.PSNR += (f.Wrong.PSNR - s.Wrong.PSNR) / n
		s.Wrong.SSIM += (f.Wrong.SSIM - s.Wrong.SSIM) / n
	}
	s.Pictures++
}
