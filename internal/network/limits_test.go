package network

import (
	"fmt"
	"testing"

	"enciphergan/internal/kernel"
	"enciphergan/internal/onnx"
)

// TestLimitsFit checks that the cost of each profile's generators is at most four fifths of the limit,
// and at least an eighth for large tiles.
func TestLimitsFit(t *testing.T) {
	for _, d := range []Definition{
		Paper(), PaperStats(), Reversible(),
		{Profile: "reversible", Unshuffle: 2, Couplings: 1, Hidden: 1, Kappa: 1},
		{Profile: "reversible", Unshuffle: 8, Couplings: 0, Hidden: 1, Kappa: 1},
		{Profile: "reversible", Unshuffle: 8, Couplings: 2, Hidden: 512, Kappa: 1},
		{Profile: "reversible", Unshuffle: 2, Couplings: 12, Hidden: 16, Kappa: 1},
	} {
		m := fresh(t, d)
		for _, size := range [][2]int{{16, 16}, {256, 256}, {16, 4096}, {4096, 16}, {512, 512}} {
			lim := m.limits(size[0], size[1])
			for name, file := range map[string][]byte{"encryption": m.files.Encryption, "decryption": m.files.Decryption} {
				for _, a := range []kernel.Arithmetic{kernel.Canonical, kernel.Fused} {
					g, err := onnx.Load(t.Context(), file, m.Dims(size[0], size[1]), onnx.DefaultLimits(), a)
					if err != nil {
						t.Fatal(err)
					}
					work, memory := float64(g.Work)/float64(lim.Work), float64(g.Memory)/float64(lim.Memory)
					about := fmt.Sprintf("%+v, %s of %d x %d, %v: %.2f of the work and %.2f of the memory allowed", d, name, size[1], size[0], a, work, memory)
					t.Log(about)
					if work > 0.8 || memory > 0.8 || size[0]*size[1] >= 256*256 && (work < 0.125 || memory < 0.125) {
						t.Error(about)
					}
				}
			}
		}
	}
}
