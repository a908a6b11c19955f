package evaluation

import (
	"math"
	"testing"
)

// TestCriticalValues compares with published tables: Wu, Noonan and Agaian 2011
// for NPCR and UACI, and the quantiles of chi-square.
func TestCriticalValues(t *testing.T) {
	for _, want := range []struct {
		side                 int
		alpha, npcr, low, up float64
	}{
		{256, .05, 99.5693, 33.2824, 33.6447},
		{256, .01, 99.5527, 33.2255, 33.7016},
		{512, .05, 99.5893, 33.3730, 33.5541},
		{512, .01, 99.5810, 33.3445, 33.5826},
		{1024, .05, 99.5994, 33.4183, 33.5088},
		{1024, .01, 99.5952, 33.4040, 33.5231},
	} {
		got := NewCriticalValues(want.side, want.side, want.alpha)
		for name, pair := range map[string][2]float64{"NPCR": {got.NPCR, want.npcr}, "UACI, low": {got.UACILow, want.low}, "UACI, high": {got.UACIHigh, want.up}} {
			if math.Abs(pair[0]-pair[1]) > 1.01e-4 { // the tables round, some downwards
				t.Errorf("%d at %g: %s %.5f, want %.4f", want.side, want.alpha, name, pair[0], pair[1])
			}
		}
	}
	near := func(what string, got, want, within float64) {
		t.Helper()
		if !(math.Abs(got-want) <= within) {
			t.Errorf("%s: %g, want %g", what, got, want)
		}
	}
	near("chi-square at 5 %", NewCriticalValues(256, 256, .05).ChiSquare, 293.25, .01)
	c := NewCriticalValues(200, 300, .01)
	near("chi-square at 1 %", c.ChiSquare, 310.457, .001)
	near("horizontal", c.Correlation[0], 2.575829/math.Sqrt(200*299), 1e-7)
	near("vertical", c.Correlation[1], 2.575829/math.Sqrt(199*300), 1e-7)
	near("diagonal", c.Correlation[2], 2.575829/math.Sqrt(199*299), 1e-7)
	near("entropy", 8-c.Entropy, 310.457/(2*60000*math.Ln2), 1e-6)
	if c := NewCriticalValues(1, 1, .01).Correlation; c != [3]float64{1, 1, 1} {
		t.Errorf("without neighbours: %v", c)
	}
}
