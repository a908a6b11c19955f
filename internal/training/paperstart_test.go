package training

import (
	"context"
	"path/filepath"
	"testing"

	"enciphergan/internal/network"
)

// The analytic start of paper+stats recovers pictures before any step, up to what is
// left of tanh's bend, and the scores of its cipher are those of noise, nearly.
func TestPaperStart(t *testing.T) {
	d := scenes(6)
	c := tiny(t, "paper+stats")
	c.Crop = 64
	r := begin(t, filepath.Join(t.TempDir(), "run"), c, d)
	f, err := r.Files(network.Card{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := network.Load(f)
	if err != nil {
		t.Fatal(err)
	}
	tiles := Tiles(d.Training, 64, 0)
	figures, _, err := Measure(context.Background(), m, tiles, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(describe(figures))
	if figures.PSNRMean < 50 || figures.PSNRMin < 45 || figures.Correlation > 0.3 || figures.Entropy < 6.5 {
		t.Errorf("the start gives %s", describe(figures))
	}
}
