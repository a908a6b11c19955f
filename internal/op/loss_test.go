package op

import (
	"math"
	"testing"

	"enciphergan/internal/metric"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// TestLossesAgreeWithMetrics checks that on pictures of 256 levels the losses equal the reported
// metrics, except for the unit.
func TestLossesAgreeWithMetrics(t *testing.T) {
	s := seeded(t)
	const h, w = 24, 17
	for _, c := range []struct {
		name  string
		noise float32
	}{{"nearly equal", 0.02}, {"noisy", 0.4}} {
		t.Run(c.name, func(t *testing.T) {
			var bytes [2][]byte
			var pictures [2]*tensor.Dense
			for k := range pictures {
				bytes[k] = make([]byte, h*w*3)
				pictures[k] = tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(1, 3, h, w))
			}
			for i := range bytes[0] {
				// A brightness gradient, for dark and bright windows.
				v := float32(i/3%w)/w*1.6 - 0.8
				for k := range bytes {
					level := math.Round(float64(v+c.noise*(s.Float32()-0.5)+1) * 127.5)
					bytes[k][i] = byte(level)
					floats(pictures[k])[i%3*h*w+i/3] = float32(level/127.5 - 1)
				}
			}
			g := gorgonia.NewGraph()
			x, y := bind(t, g, "x", pictures[0]), bind(t, g, "y", pictures[1])
			ssim, err := SSIMLoss(x, y)
			if err != nil {
				t.Fatal(err)
			}
			psnr, err := NegativePSNR(x, y)
			if err != nil {
				t.Fatal(err)
			}
			run(t, g)
			got, want := 1-float64(ssim.Value().Data().(float32)), metric.SSIM(bytes[0], bytes[1], h, w)
			// As in lossRows: 22 products, divided by the smallest variance and its constant.
			if d := math.Abs(got - want); d > rounding(22)/0.0036 {
				t.Errorf("SSIM by the loss is %.7f, by the metric %.7f", got, want)
			}
			t.Logf("SSIM %.7f and %.7f", got, want)
			got, want = -10*float64(psnr.Value().Data().(float32)), metric.PSNR(bytes[0], bytes[1])
			if math.Abs(got-want) > 1e-4 {
				t.Errorf("PSNR by the loss is %.6f dB, by the metric %.6f", got, want)
			}
		})
	}
}
