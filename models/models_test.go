package models_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"enciphergan/internal/evaluation"
	"enciphergan/internal/network"
	"enciphergan/internal/training/dataset"
	"enciphergan/models"
)

// pictures returns the folder to measure on: the shared evaluation set, which is not in the
// training data, or else the photo of the browser tests. This photo is cut from a training photo,
// so it shows only that nothing is broken.
func pictures(t *testing.T) (folder string, shared bool) {
	t.Helper()
	root := os.Getenv("ENCIPHER_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "shared")
	}
	folder = filepath.Join(root, "data", "eval")
	if _, err := os.Stat(folder); err == nil {
		return folder, true
	}
	return filepath.Join("..", "internal", "browsertest", "testdata"), false
}

func open(t *testing.T, name string) *network.Model {
	t.Helper()
	f, err := network.ReadFiles(os.DirFS(name))
	if err != nil {
		t.Fatal(err)
	}
	m, err := network.Load(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestQuality measures the shipped default models on the neural ciphers of centre crops of
// 256 x 256 pixels, from pictures outside the training data if the shared set is available.
func TestQuality(t *testing.T) {
	folder, shared := pictures(t)
	photos, _, err := dataset.Read(context.Background(), folder, dataset.ReadOptions{ShortestSide: 64})
	if err != nil {
		t.Fatal(err)
	}
	tiles := dataset.Tiles(photos, 256, 0)
	const seed = 1
	t.Logf("seed %d, %d tiles of %s", seed, len(tiles), folder)
	if !shared {
		t.Log("the shared evaluation set is not available: measured on a crop of a photo in the training list, which shows little about other pictures")
	}
	for _, c := range []struct {
		model           string
		kappa           float32
		mean, min, bits float64
	}{
		{models.Default + "-kappa1", 1, 58, 48, 7.99},
		{models.Default, 1.73, 78, 58, 7.6},
	} {
		m := open(t, c.model)
		f, _, err := evaluation.MeasureTiles(context.Background(), m, tiles, seed)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s (kappa %g): PSNR mean %.2f dB, minimum %.2f dB, SSIM %.5f, entropy %.4f, mean |correlation| %.4f, residual %.2f %% of raw",
			c.model, f.Kappa, f.PSNRMean, f.PSNRMin, f.SSIM, f.Entropy, f.Correlation, f.Residual)
		if f.Kappa != c.kappa {
			t.Errorf("%s has kappa %g, want %g", c.model, f.Kappa, c.kappa)
		}
		// The small set has one photo, too few for the bounds of a mean.
		if shared && f.PSNRMean < c.mean {
			t.Errorf("%s: PSNR mean %.2f dB, want %g", c.model, f.PSNRMean, c.mean)
		}
		if f.PSNRMin < c.min || f.SSIM < 0.999 || f.Entropy < c.bits || f.Correlation > 0.01 {
			t.Errorf("%s: want a PSNR of at least %g dB, SSIM .999, entropy %g, correlation at most .01: %+v", c.model, c.min, c.bits, f)
		}
	}
}

// TestPaperStats compares the paper's network with the figures of the paper on skin
// pictures, none of which is in its training data.
func TestPaperStats(t *testing.T) {
	folder, shared := pictures(t)
	if shared {
		folder = filepath.Join(folder, "skin")
	}
	photos, _, err := dataset.Read(context.Background(), folder, dataset.ReadOptions{ShortestSide: 64})
	if err != nil {
		t.Fatal(err)
	}
	f, _, err := evaluation.MeasureTiles(context.Background(), open(t, "paper-stats"), dataset.Tiles(photos, 256, 0), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d tiles of %s: PSNR mean %.2f dB, minimum %.2f dB, SSIM %.5f, entropy %.4f, mean |correlation| %.4f", f.Tiles, folder, f.PSNRMean, f.PSNRMin, f.SSIM, f.Entropy, f.Correlation)
	psnr, ssim, entropy := 39.97, 0.9972, 7.36
	if !shared {
		psnr, ssim, entropy = 34, 0.95, 7.2 // one picture of another kind
	}
	if f.PSNRMean < psnr || f.SSIM < ssim || f.Entropy < entropy || f.Correlation > 0.39 {
		t.Errorf("want %g dB, SSIM %g, entropy %g, correlation .39: %+v", psnr, ssim, entropy, f)
	}
}

// TestCards checks that each card records how the model was made, and, if the card has figures at the
// kappa of the analytic start, that training gained at least 5 dB over the analytic start on the same
// tiles.
func TestCards(t *testing.T) {
	names := models.Names()
	if len(names) == 0 {
		t.Fatal("no model is shipped")
	}
	compared := 0
	for _, name := range names {
		card := open(t, name).Card()
		if card.Training == nil || card.Training.Command == "" || card.Training.Data == "" || card.Training.Steps == 0 {
			t.Errorf("%s: the card does not record how it was trained: %+v", name, card.Training)
		}
		if !card.Definition.Keyed() {
			continue
		}
		var start, trained float64
		for _, f := range card.Figures {
			switch {
			case strings.HasPrefix(f.Set, "analytic start"):
				start = f.PSNRMean
			case f.Kappa == 1:
				trained = f.PSNRMean
			}
		}
		if trained == 0 {
			continue
		}
		compared++
		t.Logf("%s: analytic start %.2f dB, trained %.2f dB", name, start, trained)
		if start == 0 || trained < start+5 {
			t.Errorf("%s: %.2f dB after training, %.2f dB at the analytic start; want 5 dB more", name, trained, start)
		}
	}
	if compared == 0 {
		t.Error("no card compares with its start")
	}
}

func TestFilesUnknown(t *testing.T) {
	if _, err := models.Files("nothing"); err == nil || !strings.Contains(err.Error(), models.Default) {
		t.Errorf("an unknown model: %v, want an error that lists the shipped ones", err)
	}
	if _, err := models.Files("../network"); err == nil {
		t.Error("a path outside the folder is accepted")
	}
}
