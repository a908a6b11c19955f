package training

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"enciphergan/internal/evaluation"
	"enciphergan/internal/kernel"
	"enciphergan/internal/network"
	"enciphergan/internal/training/checkpoint"
	"enciphergan/internal/training/dataset"
	"enciphergan/internal/training/journal"
)

// scenes returns n photos of coloured waves in a split.
func scenes(n int) dataset.Split {
	var photos []dataset.Photo
	for i := range n {
		const w, h = 96, 80
		p := dataset.Photo{Name: fmt.Sprintf("scene%d", i), Width: w, Height: h, Sum: sha256.Sum256([]byte{byte(i)})}
		for y := range h {
			for x := range w {
				for c := range 3 {
					v := 128 + 70*math.Sin(float64(x*(i+2))/29+float64(c)) + 40*math.Cos(float64(y*(c+1))/17+float64(i))
					p.RGB = append(p.RGB, byte(v))
				}
			}
		}
		photos = append(photos, p)
	}
	return dataset.Split{Training: photos[2:], Validation: photos[:1], Test: photos[1:2]}
}

func tiny(t *testing.T, profile string) Config {
	t.Helper()
	c, err := Defaults(profile)
	if err != nil {
		t.Fatal(err)
	}
	if c.Definition.Keyed() {
		c.Definition.Couplings, c.Definition.Hidden = 1, 8
		c.FineTune = 4
	}
	c.Seed, c.Steps, c.Batch, c.Crop, c.ValidateEvery, c.Warmup = 5, 8, 2, 32, 4, 2
	t.Logf("seed %d", c.Seed)
	return c
}

// cancelAt is an Observer that cancels a run after a step.
type cancelAt struct {
	Silent
	step   int
	cancel func()
}

func (c cancelAt) Step(step int, _ map[string]float64) {
	if step == c.step {
		c.cancel()
	}
}

// messages is an Observer that collects messages.
type messages struct {
	Silent
	text strings.Builder
}

func (m *messages) Message(text string) { m.text.WriteString(text + "\n") }

func begin(t *testing.T, folder string, c Config, d dataset.Split) *Run {
	t.Helper()
	c.Data = d.Fingerprint()
	r, err := Begin(folder, c, d, dataset.Target{}, Silent{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestResumeIsBitIdentical interrupts a run in each of its phases and compares the
// final checkpoint with that of an uninterrupted run.
func TestResumeIsBitIdentical(t *testing.T) {
	for _, profile := range []string{"reversible", "paper", "paper+stats"} {
		t.Run(profile, func(t *testing.T) {
			d := scenes(5)
			c := tiny(t, profile)
			if profile != "reversible" {
				c.Steps, c.Batch = 4, 1
			}
			whole := filepath.Join(t.TempDir(), "whole")
			if err := begin(t, whole, c, d).Train(context.Background()); err != nil {
				t.Fatal(err)
			}
			want := state(t, whole)
			for _, stop := range []int{1, c.Steps / 2, c.Steps + 1} {
				if stop >= c.Steps+c.FineTune {
					continue
				}
				folder := filepath.Join(t.TempDir(), "parts")
				r := begin(t, folder, c, d)
				ctx, cancel := context.WithCancel(context.Background())
				r.observer = cancelAt{step: stop, cancel: cancel}
				if err := r.Train(ctx); !errors.Is(err, ErrInterrupted) {
					t.Fatalf("cancelled after step %d: %v", stop, err)
				}
				again, err := Resume(folder, d, dataset.Target{}, Silent{})
				if err != nil {
					t.Fatal(err)
				}
				if again.step != stop {
					t.Fatalf("resumed at step %d, want %d", again.step, stop)
				}
				if err := again.Train(context.Background()); err != nil {
					t.Fatal(err)
				}
				if got := state(t, folder); got != want {
					t.Errorf("interrupted after step %d: the final checkpoint differs from that of the uninterrupted run", stop)
				}
			}
		})
	}
}

// state returns a digest of the networks in a run's checkpoint.
func state(t *testing.T, folder string) string {
	t.Helper()
	c, err := checkpoint.Load(filepath.Join(folder, checkpointName))
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	fmt.Fprintln(h, c.Step, string(c.Config))
	tensors := 0
	for _, x := range c.Tensors {
		if strings.HasPrefix(x.Name, "encryption/") || strings.HasPrefix(x.Name, "decryption/") || strings.HasPrefix(x.Name, "discriminator/") {
			fmt.Fprintln(h, x.Name)
			binary.Write(h, binary.LittleEndian, x.Data)
			tensors++
		}
	}
	if tensors == 0 {
		t.Fatal("the checkpoint holds no networks")
	}
	return hex.EncodeToString(h.Sum(nil))
}

// TestTrainingImproves checks that some steps on waves improve random weights. From
// the analytic start, a gain of a dB takes longer than a test may.
func TestTrainingImproves(t *testing.T) {
	d := scenes(6)
	c := tiny(t, "reversible")
	c.Steps, c.FineTune, c.ValidateEvery, c.Rate, c.Definition.Hidden = 60, 0, 60, 2e-3, 16
	r, err := newRun(t.TempDir(), c, d, dataset.Target{}, Silent{})
	if err != nil {
		t.Fatal(err)
	}
	before, err := r.measureValidation()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Train(context.Background()); err != nil {
		t.Fatal(err)
	}
	after, err := r.measureValidation()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("PSNR %.2f dB with random weights, %.2f dB after %d steps", before.PSNR, after.PSNR, c.Steps)
	if after.PSNR < before.PSNR+1.5 {
		t.Errorf("%d steps brought PSNR from %.2f to %.2f dB, want at least 1.5 dB more", c.Steps, before.PSNR, after.PSNR)
	}
}

// TestFinishWritesAModel checks that the model directory loads, and that its card has
// the figures at both kappas and at the analytic start, also after a resumption.
func TestFinishWritesAModel(t *testing.T) {
	d := scenes(5)
	c := tiny(t, "reversible")
	c.Steps, c.FineTune = 2, 1
	folder := filepath.Join(t.TempDir(), "run")
	r := begin(t, folder, c, d)
	// The figures that Finish must report for the start, from the weights before any step.
	f, err := r.Files(network.Card{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := r.measure(context.Background(), f, dataset.Tiles(d.Test, evaluation.TileSide, 0))
	if err != nil {
		t.Fatal(err)
	}
	want.Set = "analytic start, test split"
	if err := r.Train(context.Background()); err != nil {
		t.Fatal(err)
	}
	if r, err = Resume(folder, d, dataset.Target{}, Silent{}); err != nil {
		t.Fatal(err)
	}
	said := &messages{}
	r.observer = said
	dir := filepath.Join(folder, "model")
	if err := r.Finish(context.Background(), dir, network.Card{Name: "waves"}, []float32{1, 1.73}); err != nil {
		t.Fatal(err)
	}
	card := readCard(t, dir)
	last := len(card.Figures) - 2 // the plain start precedes the calibrated one
	if card.Name != "waves" || last < 1 || card.Figures[0].Kappa != 1 || card.Figures[0].Set != "test split, centre tiles" {
		t.Fatalf("card %+v", card)
	}
	if got := card.Figures[last]; got != want {
		t.Errorf("analytic start %+v, want %+v", got, want)
	}
	for _, line := range []string{"test, analytic start: kappa 1: ", fmt.Sprintf("gain over the analytic start at kappa 1: mean %+.2f dB", card.Figures[0].PSNRMean-want.PSNRMean)} {
		if !strings.Contains(said.text.String(), line) {
			t.Errorf("%q is missing in: %s", line, said.text.String())
		}
	}
	if best := card.Definition.Kappa; best != 1 {
		if other := readCard(t, dir+"-kappa1"); other.Name != "waves-kappa1" || other.Definition.Kappa != 1 {
			t.Errorf("beside a model of kappa %g: %+v", best, other)
		}
	}

	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.Finish(cancelled, dir, network.Card{}, []float32{1}); !errors.Is(err, ErrInterrupted) || !strings.Contains(err.Error(), "-resume") {
		t.Errorf("interrupted: %v", err)
	}
}

func readCard(t *testing.T, dir string) network.Card {
	t.Helper()
	f, err := network.ReadFiles(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	m, err := network.Load(f)
	if err != nil {
		t.Fatal(err)
	}
	return m.Card()
}

func TestDivergenceIsExplained(t *testing.T) {
	d := scenes(4)
	c := tiny(t, "reversible")
	r := begin(t, filepath.Join(t.TempDir(), "run"), c, d)
	r.weights.encryption.Data("whitening.bias")[0] = float32(math.NaN())
	for _, saved := range []bool{false, true} {
		want := "no checkpoint was written yet"
		if saved {
			want = "the last checkpoint is intact"
			if err := r.save(checkpointName); err != nil {
				t.Fatal(err)
			}
		}
		err := r.trainPhase(context.Background(), joint, &journal.Journal{})
		if !errors.Is(err, ErrDiverged) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "-rate") {
			t.Errorf("a NaN among the weights gives %v, want %q", err, want)
		}
	}
}

func TestResumeRefusesOtherPhotos(t *testing.T) {
	c := tiny(t, "reversible")
	c.Steps, c.FineTune = 1, 0
	folder := filepath.Join(t.TempDir(), "run")
	if err := begin(t, folder, c, scenes(5)).Train(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := Resume(folder, scenes(6), dataset.Target{}, Silent{}); !errors.Is(err, ErrOtherData) {
		t.Errorf("resumed on other photos: %v", err)
	}
	if _, err := Resume(folder, scenes(5), dataset.Target{Images: scenes(3).Training}, Silent{}); !errors.Is(err, ErrOtherData) {
		t.Errorf("resumed with other target cipher images: %v", err)
	}
	if _, err := Begin(folder, c, scenes(5), dataset.Target{}, Silent{}); !errors.Is(err, ErrRunExists) {
		t.Errorf("begun over another run: %v", err)
	}
}

// TestStepZeroIsJournalledOnce checks that a run that is interrupted before its first
// step has one line of step 0.
func TestStepZeroIsJournalledOnce(t *testing.T) {
	c := tiny(t, "reversible")
	c.Steps, c.FineTune = 1, 0
	d := scenes(4)
	folder := filepath.Join(t.TempDir(), "run")
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if err := begin(t, folder, c, d).Train(cancelled); !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	r, err := Resume(folder, d, dataset.Target{}, Silent{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Train(context.Background()); err != nil {
		t.Fatal(err)
	}
	journal, err := os.ReadFile(filepath.Join(folder, "journal.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(journal), "\n"); lines != 2 {
		t.Errorf("%d lines, want those of step 0 and 1:\n%s", lines, journal)
	}
}

func TestValidateBounds(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"steps":        func(c *Config) { c.Steps = 0 },
		"batch":        func(c *Config) { c.Batch = 0 },
		"odd crop":     func(c *Config) { c.Crop = 33 },
		"rate":         func(c *Config) { c.Rate = 2 },
		"NaN rate":     func(c *Config) { c.Rate = math.NaN() },
		"endless clip": func(c *Config) { c.Clip = math.Inf(1) },
		"weight":       func(c *Config) { c.Losses.SSIM = -1 },
		"NaN weight":   func(c *Config) { c.Losses.Adversarial = math.NaN() },
		"no loss":      func(c *Config) { c.Losses.PSNR, c.Losses.SSIM = 0, 0 },
		"profile":      func(c *Config) { c.Definition.Unshuffle = 3 },
	} {
		c := tiny(t, "reversible")
		change(&c)
		if err := c.Validate(); err == nil {
			t.Errorf("%s is accepted: %+v", name, c)
		}
	}
}

// TestTrainedGraphEqualsExport checks that the training graph and the exported ONNX
// generators compute the same levels from the one definition.
func TestTrainedGraphEqualsExport(t *testing.T) {
	d := scenes(4)
	c := tiny(t, "reversible")
	c.Batch, c.Crop, c.Losses.Adversarial = 1, 32, 0
	r := begin(t, filepath.Join(t.TempDir(), "run"), c, d)
	g, err := newGeneratorStep(c, &r.weights, joint)
	if err != nil {
		t.Fatal(err)
	}
	rgb := d.Training[0].RGB
	tile := make([]byte, 0, 3*32*32)
	for y := range 32 {
		tile = append(tile, rgb[y*96*3:][:32*3]...)
	}
	b := dataset.Batch{Plain: make([]float32, len(tile)), Target: make([]float32, len(tile))}
	planes(b.Plain, tile, kernel.SymmetricValue)
	seed := stepSeed(1, 1)
	if _, err := g.run(c, b, seed); err != nil {
		t.Fatal(err)
	}
	f, err := r.Files(network.Card{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := network.Load(f)
	if err != nil {
		t.Fatal(err)
	}
	cipher, err := m.NewSession(kernel.Canonical).Encrypt(context.Background(), tile, 32, 32, seed)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float32, len(tile))
	planes(want, cipher.Levels, kernel.UniformValue)
	for i := range want {
		if g.cipher[i] != want[i] {
			t.Fatalf("sample %d is %g in training, %g in the exported network", i, g.cipher[i], want[i])
		}
	}
}

// planes writes interleaved levels (S, S, 3) to planes (3, S, S).
func planes(to []float32, rgb []byte, value func(byte) float32) {
	area := len(rgb) / 3
	for i, v := range rgb {
		to[i%3*area+i/3] = value(v)
	}
}
