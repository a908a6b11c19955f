package training

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"enciphergan/internal/atomicfile"
	"enciphergan/internal/kernel"
	"enciphergan/internal/network"
)

// testSet is the set of tiles that figures on a card are of.
const testSet = "test split, centre tiles"

// MeasureTest measures a model on the test split of the photos it was trained on, as
// Finish does for the card.
func MeasureTest(ctx context.Context, m *network.Model, photos []Photo, seed uint64) (network.Figures, error) {
	data, err := Split(photos, seed)
	if err != nil {
		return network.Figures{}, err
	}
	figures, _, err := Measure(ctx, m, Tiles(data.Test, tileSide, 0), seed)
	figures.Set = testSet
	return figures, err
}

// Finish calibrates the dequantisation for each kappa, chooses the kappa whose
// residual is smallest on the validation tiles, measures kappa 1, the chosen one
// and the start on the test tiles and writes the model directory, and
// beside it that of kappa 1 where another was chosen.
func (r *Run) Finish(ctx context.Context, dir string, card network.Card, kappas []float32) error {
	test := Tiles(r.data.Test, tileSide, 0)
	d := r.Config.Definition
	if !d.Keyed() {
		card.Note = paperNotes[d.Profile]
		_, figures, err := r.variant(ctx, d, card, test)
		if err != nil {
			return err
		}
		figures.Set = testSet
		r.progress.Message("test: " + describe(figures))
		card.Figures = []network.Figures{figures}
		f, err := r.Files(card)
		if err != nil {
			return err
		}
		if err := WriteModel(dir, f); err != nil {
			return err
		}
		r.progress.Message("wrote " + dir)
		return nil
	}
	best, least := d.Kappa, -1.0
	for _, k := range kappas {
		d.Kappa = k
		_, figures, err := r.variant(ctx, d, card, r.validation)
		if err != nil {
			return err
		}
		r.progress.Message("validation: " + describe(figures))
		if least < 0 || figures.Residual < least {
			best, least = k, figures.Residual
		}
	}
	widths := []float32{1}
	if best != 1 {
		widths = append(widths, best)
	}
	for _, k := range widths {
		d.Kappa = k
		_, figures, err := r.variant(ctx, d, card, test)
		if err != nil {
			return err
		}
		figures.Set = testSet
		r.progress.Message("test: " + describe(figures))
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
		r.progress.Message("test, " + label + ": " + describe(start))
		r.progress.Message(fmt.Sprintf("gain over the %s at kappa 1: %+.2f dB in the mean, %+.2f dB in the minimum",
			label, card.Figures[0].PSNRMean-start.PSNRMean, card.Figures[0].PSNRMin-start.PSNRMin))
		card.Figures = append(card.Figures, start)
	}
	for _, k := range widths {
		d.Kappa = k
		name, variant := dir, card
		if k != best {
			name += "-kappa1"
			variant.Name += "-kappa1"
			variant.Note = kappaNote
		}
		f, _, err := r.variant(ctx, d, variant, nil)
		if err != nil {
			return err
		}
		if err := WriteModel(name, f); err != nil {
			return err
		}
		r.progress.Message("wrote " + name)
	}
	return nil
}

// paperNotes say what the profiles after the paper are for.
var paperNotes = map[string]string{
	"paper":       "The published network, for measurements: its bare cipher loses contrast, has no key and may show outlines of the picture.",
	"paper+stats": "After the published network, for comparison: its bare cipher has no key and shows outlines of the picture, and it is some ten times slower.",
}

// kappaNote explains the variant beside the one that is chosen by file size.
const kappaNote = "For measurements at kappa 1: the bare cipher is closest to noise, recovered pictures are less exact."

func describe(f network.Figures) string {
	kappa := ""
	if f.Kappa != 0 {
		kappa = fmt.Sprintf("kappa %g: ", f.Kappa)
	}
	return kappa + fmt.Sprintf("PSNR mean %.2f dB, minimum %.2f dB, SSIM %.5f, entropy %.4f, mean |correlation| %.4f, residual %.2f %% of raw (%d tiles)",
		f.PSNRMean, f.PSNRMin, f.SSIM, f.Entropy, f.Correlation, f.Residual, f.Tiles)
}

// measureStart measures the generators as Begin made them, before any step, at
// kappa 1: with the plain inverse of erf in their table, or with the table
// calibrated like that of the trained ones, which tells what training adds to
// calibration.
func (r *Run) measureStart(ctx context.Context, tiles []Tile, calibrated bool) (network.Figures, error) {
	c := r.Config
	c.Definition.Kappa = 1
	begun, err := newRun(r.folder, c, r.data, r.target, nil)
	if err != nil {
		return network.Figures{}, err
	}
	if err := begun.analyse(); err != nil {
		return network.Figures{}, err
	}
	if calibrated {
		_, figures, err := begun.variant(ctx, c.Definition, network.Card{Name: "start"}, tiles)
		figures.Set = c.start() + " " + network.StartSet + ", calibrated table"
		return figures, err
	}
	f, err := begun.Files(network.Card{Name: "start"})
	if err != nil {
		return network.Figures{}, fmt.Errorf("exporting the start: %w", err)
	}
	figures, err := r.measure(ctx, f, tiles)
	figures.Set = c.start() + " " + network.StartSet
	return figures, err
}

// variant exports the generators at another kappa and measures them; without tiles it only exports.
func (r *Run) variant(ctx context.Context, d network.Definition, card network.Card, tiles []Tile) (network.Files, network.Figures, error) {
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
func (r *Run) measure(ctx context.Context, f network.Files, tiles []Tile) (network.Figures, error) {
	m, err := network.Load(f)
	if err != nil {
		return network.Figures{}, err
	}
	figures, _, err := Measure(ctx, m, tiles, r.Config.Seed)
	if ctx.Err() != nil {
		return figures, fmt.Errorf("%w before the model was written; continue with -resume", ErrInterrupted)
	}
	return figures, err
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
	probe, err := newProbe(d, r.weights.encryption, layers[:len(layers)-1], n, side)
	if err != nil {
		return err
	}
	defer probe.close()
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
		h, err := probe.run(batch.Plain, stepSeed(r.Config.Seed^0x5a5a, i))
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
		if err := atomicfile.Write(filepath.Join(dir, part.Name), part.Data, 0o666); err != nil {
			return fmt.Errorf("writing the model: %w", err)
		}
	}
	return nil
}
