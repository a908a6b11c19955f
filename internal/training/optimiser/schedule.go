package optimiser

import "math"

// Schedule is a learning rate over Steps steps: it rises linearly over
// Warmup steps to Peak, then falls along half a cosine to Peak*Floor.
type Schedule struct {
	Peak          float64
	Warmup, Steps int
	Floor         float64 // fraction of Peak at the last step
}

// Rate returns the learning rate of a step, counted from 0.
func (s Schedule) Rate(step int) float64 {
	if step < s.Warmup {
		return s.Peak * float64(step+1) / float64(s.Warmup)
	}
	progress := 1.0
	if last := s.Steps - 1; step < last {
		progress = float64(step-s.Warmup) / float64(last-s.Warmup)
	}
	return s.Peak * (s.Floor + (1-s.Floor)*(1+math.Cos(math.Pi*progress))/2)
}
