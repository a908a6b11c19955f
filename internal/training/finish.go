package training

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"enciphergan/internal/kernel"
	"enciphergan/internal/network"
)

// Finish calibrates the dequantisation for each kappa, chooses the kappa whose
// residual is smallest on the validation tiles, measures kappa 1 and the chosen
// one on the test tiles and writes the model directory.
func (r *Run) Finish(ctx context.Context, dir string, card network.Card, kappas []float32) error {
	test := Tiles(r.data.Test, tileSide, 0)
	d := r.Config.Definition
	if !d.Keyed() {
		f, figures, err := r.variant(d, card, test)
		if err != nil {
			return err
		}
		r.progress.Message("test: " + describe(figures))
		card.Figures = []network.Figures{figures}
		if f, err = r.Files(card); err != nil {
			return err
		}
		return WriteModel(dir, f)
	}
	best, least := d.Kappa, -1.0
	for _, k := range kappas {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%w before the model was written; run train -resume again", ErrInterrupted)
		}
		d.Kappa = k
		_, figures, err := r.variant(d, card, r.validation)
		if err != nil {
			return err
		}
		r.progress.Message("validation: " + describe(figures))
		if least < 0 || figures.Residual < least {
			best, least = k, figures.Residual
		}
	}
	for _, k := range []float32{1, best} {
		if k == 1 && len(card.Figures) == 1 {
			continue
		}
		d.Kappa = k
		_, figures, err := r.variant(d, card, test)
		if err != nil {
			return err
		}
		figures.Set = "test split, centre tiles"
		r.progress.Message("test: " + describe(figures))
		card.Figures = append(card.Figures, figures)
	}
	for _, k := range []float32{1, best} {
		d.Kappa = k
		f, _, err := r.variant(d, card, nil)
		if err != nil {
			return err
		}
		name := dir
		if k == 1 && best != 1 {
			name += "-kappa1"
		}
		if err := WriteModel(name, f); err != nil {
			return err
		}
		r.progress.Message("wrote " + name)
	}
	return nil
}

func describe(f network.Figures) string {
	return fmt.Sprintf("kappa %g: PSNR mean %.2f dB, minimum %.2f dB, SSIM %.5f, entropy %.4f, mean |correlation| %.4f, residual %.2f %% of raw (%d tiles)",
		f.Kappa, f.PSNRMean, f.PSNRMin, f.SSIM, f.Entropy, f.Correlation, f.Residual, f.Tiles)
}

// variant exports the generators at another kappa and measures them; without tiles it only exports.
func (r *Run) variant(d network.Definition, card network.Card, tiles []Tile) (network.Files, network.Figures, error) {
	decryption := r.weights.decryption
	if d.Keyed() {
		decryption = decryption.Clone()
		if err := r.calibrate(d, decryption); err != nil {
			return network.Files{}, network.Figures{}, fmt.Errorf("calibrating the dequantisation: %w", err)
		}
	}
	f, err := d.NewFiles(card, r.weights.encryption, decryption)
	if err != nil || len(tiles) == 0 {
		return f, network.Figures{}, err
	}
	m, err := network.Load(f)
	if err != nil {
		return f, network.Figures{}, err
	}
	figures, _, err := Measure(m, tiles, r.Config.Seed)
	return f, figures, err
}

// calibrate sets each level's entry of the inverse erf table to the mean of what
// the encryption generator, on training crops, had there before rounding. The
// outermost levels are half-infinite bins, whose middle is not their mean.
func (r *Run) calibrate(d network.Definition, decryption *network.Weights) error {
	const batches, n, side = 24, 1, 256
	photos := make([]Photo, 0, len(r.data.Training))
	for _, p := range r.data.Training {
		if min(p.Width, p.Height) >= side {
			photos = append(photos, p)
		}
	}
	if len(photos) == 0 {
		return nil // the table stays the inverse of erf
	}
	layers := d.Encryption()
	last := layers[len(layers)-1]
	if last.Kind != network.Uniform {
		return fmt.Errorf("the last layer is %s, want %s", last.Kind, network.Uniform)
	}
	probe, err := network.NewProbe(d, r.weights.encryption, layers[:len(layers)-1], n, side)
	if err != nil {
		return err
	}
	defer probe.Close()
	b, err := NewBatches(photos, 0, BatchOptions{Seed: r.Config.Seed ^ 0x5a5a, Size: n, Crop: side})
	if err != nil {
		return err
	}
	defer b.Close()
	table := decryption.Data(last.Name + ".table")
	var sums [kernel.Levels]float64
	var counts [kernel.Levels]int
	width := float64(last.Width())
	var levels []byte
	var scaled, erf []float32
	for i := range batches {
		batch, err := b.Next(context.Background())
		if err != nil {
			return err
		}
		h, err := probe.Run(batch.Plain, stepSeed(r.Config.Seed^0x5a5a, i))
		if err != nil {
			return err
		}
		if levels == nil {
			levels, scaled, erf = make([]byte, len(h)), make([]float32, len(h)), make([]float32, len(h))
		}
		kernel.Divide(scaled, h, float32(width))
		kernel.Erf(erf, scaled)
		kernel.QuantizeUniform(levels, erf)
		for j, l := range levels {
			sums[l] += float64(scaled[j])
			counts[l]++
		}
	}
	for k := range table {
		if counts[k] >= 1000 {
			table[k] = float32(sums[k] / float64(counts[k]))
		}
	}
	return nil
}

// WriteModel writes a model directory, the card last, each file in one step.
func WriteModel(dir string, f network.Files) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the model directory: %w", err)
	}
	for _, part := range f.List() {
		if err := writeFile(filepath.Join(dir, part.Name), part.Data); err != nil {
			return fmt.Errorf("writing the model: %w", err)
		}
	}
	return nil
}
