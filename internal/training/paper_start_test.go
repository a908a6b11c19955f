package training

import (
	"context"
	"path/filepath"
	"testing"

	"enciphergan/internal/evaluation"
	"enciphergan/internal/network"
	"enciphergan/internal/training/dataset"
)

// TestPaperStart checks that the analytic start of paper+stats recovers pictures
// before any step, and that its neural cipher has nearly the figures of noise.
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
	tiles := dataset.Tiles(d.Training, 64, 0)
	figures, _, err := evaluation.MeasureTiles(context.Background(), m, tiles, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(describe(figures))
	if figures.PSNRMean < 50 || figures.PSNRMin < 45 || figures.Correlation > 0.3 || figures.Entropy < 6.5 {
		t.Errorf("the start gives %s", describe(figures))
	}
}
