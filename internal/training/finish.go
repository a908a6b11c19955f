package training

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"enciphergan/internal/atomicfile"
	"enciphergan/internal/evaluation"
	"enciphergan/internal/kernel"
	"enciphergan/internal/network"
	"enciphergan/internal/training/dataset"
)

// profileNotes is the note on the card of a profile that has no key.
var profileNotes = map[string]string{
	"paper":       "The published network, for measurements: its bare cipher loses contrast, has no key and may show outlines of the picture.",
	"paper+stats": "After the published network, for comparison: its bare cipher has no key and shows outlines of the picture, and it is some ten times slower.",
}

// kappa1Note is the note on the card of the variant at kappa 1.
const kappa1Note = "For measurements at kappa 1: the bare cipher is closest to noise, recovered pictures are less exact."

// Finish writes the model directory. For each kappa it calibrates the table of the
// decryption generator, and it chooses the kappa with the smallest residual on the
// validation tiles. The card gets figures of the test tiles at kappa 1, at the chosen
// kappa and at the start. Where another kappa is chosen, the variant at kappa 1 is
// written to a second directory.
func (r *Run) Finish(ctx context.Context, dir string, card network.Card, kappas []float32) error {
	test := dataset.Tiles(r.data.Test, evaluation.TileSide, 0)
	d := r.Config.Definition
	measureTest := func(d network.Definition) (network.Figures, error) {
		_, figures, err := r.variant(ctx, d, card, test)
		figures.Set = evaluation.TestSet
		if err == nil {
			r.observer.Message("test: " + describe(figures))
		}
		return figures, err
	}
	if !d.Keyed() {
		card.Note = profileNotes[d.Profile]
		figures, err := measureTest(d)
		if err != nil {
			return err
		}
		card.Figures = []network.Figures{figures}
		f, err := r.Files(card)
		if err != nil {
			return err
		}
		return r.writeModel(dir, f)
	}
	chosen, smallest := d.Kappa, -1.0
	for _, k := range kappas {
		d.Kappa = k
		_, figures, err := r.variant(ctx, d, card, r.validation)
		if err != nil {
			return err
		}
		r.observer.Message("validation: " + describe(figures))
		if smallest < 0 || figures.Residual < smallest {
			chosen, smallest = k, figures.Residual
		}
	}
	variants := []float32{1}
	if chosen != 1 {
		variants = append(variants, chosen)
	}
	for _, k := range variants {
		d.Kappa = k
		figures, err := measureTest(d)
		if err != nil {
			return err
		}
		card.Figures = append(card.Figures, figures)
	}
	for _, calibrated := range []bool{false, true} {
		start, err := r.measureStart(ctx, test, calibrated)
		if err != nil {
			return err
		}
		label := r.Config.start() + " start"
		if calibrated {
			label += ", calibrated table"
		}
		r.observer.Message("test, " + label + ": " + describe(start))
		r.observer.Message(fmt.Sprintf("gain over the %s at kappa 1: mean %+.2f dB, minimum %+.2f dB",
			label, card.Figures[0].PSNRMean-start.PSNRMean, card.Figures[0].PSNRMin-start.PSNRMin))
		card.Figures = append(card.Figures, start)
	}
	for _, k := range variants {
		d.Kappa = k
		name, variant := dir, card
		if k != chosen {
			name += "-kappa1"
			variant.Name += "-kappa1"
			variant.Note = kappa1Note
		}
		f, _, err := r.variant(ctx, d, variant, nil)
		if err != nil {
			return err
		}
		if err := r.writeModel(name, f); err != nil {
			return err
		}
	}
	return nil
}

// describe formats figures for a message.
func describe(f network.Figures) string {
	kappa := ""
	if f.Kappa != 0 {
		kappa = fmt.Sprintf("kappa %g: ", f.Kappa)
	}
	return kappa + fmt.Sprintf("PSNR mean %.2f dB, minimum %.2f dB, SSIM %.5f, entropy %.4f, mean |correlation| %.4f, residual %.2f %% of raw (%d tiles)",
		f.PSNRMean, f.PSNRMin, f.SSIM, f.Entropy, f.Correlation, f.Residual, f.Tiles)
}

// measureStart measures the generators before any step at kappa 1, with the plain
// inverse of erf in their table, or with the table calibrated as for the trained
// ones. The second shows what training adds to calibration.
func (r *Run) measureStart(ctx context.Context, tiles []dataset.Tile, calibrated bool) (network.Figures, error) {
	c := r.Config
	c.Definition.Kappa = 1
	start, err := newRun(r.folder, c, r.data, r.target, r.observer)
	if err != nil {
		return network.Figures{}, err
	}
	if err := start.setStart(); err != nil {
		return network.Figures{}, err
	}
	if calibrated {
		_, figures, err := start.variant(ctx, c.Definition, network.Card{Name: "start"}, tiles)
		figures.Set = c.start() + " " + network.StartSet + ", calibrated table"
		return figures, err
	}
	f, err := start.Files(network.Card{Name: "start"})
	if err != nil {
		return network.Figures{}, fmt.Errorf("exporting the start: %w", err)
	}
	figures, err := r.measure(ctx, f, tiles)
	figures.Set = c.start() + " " + network.StartSet
	return figures, err
}

// variant exports the generators with the definition d, which may have another
// kappa, and measures them on the tiles, if there are any.
func (r *Run) variant(ctx context.Context, d network.Definition, card network.Card, tiles []dataset.Tile) (network.Files, network.Figures, error) {
	decryption := r.weights.decryption
	if d.Keyed() {
		decryption = decryption.Clone()
		if err := r.calibrate(d, decryption); err != nil {
			return network.Files{}, network.Figures{}, fmt.Errorf("calibrating the dequantisation: %w", err)
		}
	}
	f, err := network.NewFiles(d, card, r.weights.encryption, decryption)
	if err != nil || len(tiles) == 0 {
		return f, network.Figures{}, err
	}
	figures, err := r.measure(ctx, f, tiles)
	return f, figures, err
}

// measure measures an exported model. An interrupt loses nothing of the run.
func (r *Run) measure(ctx context.Context, f network.Files, tiles []dataset.Tile) (network.Figures, error) {
	m, err := network.Load(f)
	if err != nil {
		return network.Figures{}, err
	}
	figures, _, err := evaluation.MeasureTiles(ctx, m, tiles, r.Config.Seed)
	if ctx.Err() != nil {
		return figures, fmt.Errorf("%w before the model was written; continue with -resume", ErrInterrupted)
	}
	return figures, err
}

// calibrate sets each entry of the inverse erf table to the mean of the values that
// the encryption generator rounds to its level, on training crops. The middle of an
// outermost level, a half-infinite bin, is not its mean.
func (r *Run) calibrate(d network.Definition, decryption *network.Weights) error {
	const batches, n, side, minSamples = 24, 1, 256, 1000
	var photos []dataset.Photo
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
	runner, err := newLayerRunner(d, r.weights.encryption, layers[:len(layers)-1], n, side)
	if err != nil {
		return err
	}
	defer runner.close()
	seed := r.Config.Seed ^ 0x5a5a
	b, err := dataset.NewBatches(photos, 0, dataset.BatchOptions{Seed: seed, Size: n, Crop: side})
	if err != nil {
		return err
	}
	defer b.Close()
	var sums [kernel.Levels]float64
	var counts [kernel.Levels]int
	samples := n * 3 * side * side
	levels, scaled, erf := make([]byte, samples), make([]float32, samples), make([]float32, samples)
	for i := range batches {
		batch, err := b.Next(context.Background())
		if err != nil {
			return err
		}
		h, err := runner.run(batch.Plain, stepSeed(seed, i))
		if err != nil {
			return err
		}
		kernel.Divide(scaled, h, float32(last.Width()))
		kernel.Erf(erf, scaled)
		kernel.QuantizeUniform(levels, erf)
		for j, l := range levels {
			sums[l] += float64(scaled[j])
			counts[l]++
		}
	}
	table := decryption.Data(last.Name + ".table")
	for k := range table {
		if counts[k] >= minSamples {
			table[k] = float32(sums[k] / float64(counts[k]))
		}
	}
	return nil
}

// writeModel writes a model directory, replacing each file in one step, the card last.
func (r *Run) writeModel(dir string, f network.Files) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("creating the model directory: %w", err)
	}
	for _, part := range f.List() {
		if err := atomicfile.Write(filepath.Join(dir, part.Name), part.Data, 0o666); err != nil {
			return fmt.Errorf("writing the model: %w", err)
		}
	}
	r.observer.Message("wrote " + dir)
	return nil
}
