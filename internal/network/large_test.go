package network

import (
	"testing"

	"enciphergan/internal/kernel"
	"enciphergan/internal/keyschedule"
)

// TestLargestTiles builds the generators of every profile, in both arithmetics, for the
// largest tiles that the documentation names. It runs one generator of the paper on
// 640 x 640 pixels; both have the same layers.
func TestLargestTiles(t *testing.T) {
	for name, c := range map[string]struct {
		definition Definition
		sizes      [][2]int
	}{
		// Total pixels are bounded; the aspect ratio of a tile is not.
		"paper":       {Paper(), [][2]int{{640, 640}, {16, 25600}, {25600, 16}, {412, 992}}},
		"paper+stats": {PaperStats(), [][2]int{{512, 512}, {268, 268}}},
		"reversible":  {Reversible(), [][2]int{{512, 512}, {268, 268}}},
	} {
		m := fresh(t, c.definition)
		for _, size := range c.sizes {
			if tiling := m.Tiling(); tiling.MaxPixels > 0 && (size[0]*size[1] > tiling.MaxPixels || size[0]*size[1] < tiling.MaxPixels*99/100) {
				t.Errorf("%s: %d x %d is not among the largest", name, size[0], size[1])
			}
			for _, a := range []kernel.Arithmetic{kernel.Canonical, kernel.Fused} {
				s := m.NewSession(a)
				for _, generator := range []string{"encryption", "decryption"} {
					if _, err := s.graph(t.Context(), generator, size[0], size[1]); err != nil {
						t.Errorf("%s, %s of %d x %d, %v: %v", name, generator, size[1], size[0], a, err)
					}
				}
			}
		}
	}

	const side = 640
	s := fresh(t, Paper()).NewSession(kernel.Fused)
	c, err := s.Encrypt(t.Context(), smooth(seeded(t), side, side), side, side, keyschedule.Seed{})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Levels) != 3*side*side {
		t.Errorf("%d levels", len(c.Levels))
	}
}
