package evaluation

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// CriticalValues holds the bounds that a channel of ideal noise of one size is
// within with probability 1 - alpha.
type CriticalValues struct {
	Alpha     float64 `json:"alpha"`
	ChiSquare float64 `json:"chi_square"` // maximum; 255 degrees of freedom
	Entropy   float64 `json:"entropy"`    // minimum, bits a sample
	// Maximum absolute correlation of horizontal, vertical and diagonal neighbours.
	Correlation [3]float64 `json:"correlation"`
	NPCR        float64    `json:"npcr"`     // minimum, percent
	UACILow     float64    `json:"uaci_low"` // percent
	UACIHigh    float64    `json:"uaci_high"`
}

// NewCriticalValues returns the bounds for channels of height x width samples.
//
// NPCR (one-sided) and UACI (two-sided) are those of Wu, Noonan and Agaian, "NPCR
// and UACI randomness tests for image encryption", 2011, for 256 levels. Entropy
// is the likelihood-ratio test of the histogram, 2 n ln 2 (8 - H), which has the
// distribution of chi-square. The correlation of n independent pairs is normal
// with deviation 1/sqrt(n), tested on both sides; without a pair, every coefficient
// is within the bound.
func NewCriticalValues(height, width int, alpha float64) CriticalValues {
	n := float64(height) * float64(width)
	const largest = 255.
	chi := distuv.ChiSquared{K: largest}.Quantile(1 - alpha)
	one, two := distuv.UnitNormal.Quantile(1-alpha), distuv.UnitNormal.Quantile(1-alpha/2)
	uaci := (largest + 2) / (3*largest + 3)
	deviation := math.Sqrt((largest + 2) * (largest*largest + 2*largest + 3) / (18 * (largest + 1) * (largest + 1) * largest * n))
	bound := func(pairs int) float64 {
		if pairs < 1 {
			return 1
		}
		return min(1, two/math.Sqrt(float64(pairs)))
	}
	return CriticalValues{
		Alpha:       alpha,
		ChiSquare:   chi,
		Entropy:     8 - chi/(2*n*math.Ln2),
		Correlation: [3]float64{bound(height * (width - 1)), bound((height - 1) * width), bound((height - 1) * (width - 1))},
		NPCR:        100 * (largest - one*math.Sqrt(largest/n)) / (largest + 1),
		UACILow:     100 * (uaci - two*deviation),
		UACIHigh:    100 * (uaci + two*deviation),
	}
}
