package training

import (
	"bytes"
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
	"time"

	"enciphergan/internal/network"
)

// scenes makes photos of coloured waves, enough for a split.
func scenes(n int) Dataset {
	var photos []Photo
	for i := range n {
		const w, h = 96, 80
		p := Photo{Name: fmt.Sprintf("scene%d", i), Width: w, Height: h, Sum: sha256.Sum256([]byte{byte(i)})}
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
	return Dataset{Training: photos[2:], Validation: photos[:1], Test: photos[1:2]}
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

func silent() *Progress { return newProgress(new(bytes.Buffer), 0, 1, time.Now) }

func begin(t *testing.T, folder string, c Config, d Dataset) *Run {
	t.Helper()
	c.Data = DataFingerprint(d)
	r, err := Begin(folder, c, d, Target{}, silent())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestResumeIsBitIdentical interrupts a run in each of its phases and compares
// the final checkpoint with that of a run that was not interrupted.
func TestResumeIsBitIdentical(t *testing.T) {
	for _, profile := range []string{"reversible", "paper"} {
		t.Run(profile, func(t *testing.T) {
			d := scenes(5)
			c := tiny(t, profile)
			if profile == "paper" {
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
				r.afterStep = func(step int) {
					if step == stop {
						cancel()
					}
				}
				if err := r.Train(ctx); !errors.Is(err, ErrInterrupted) {
					t.Fatalf("cancelled after step %d: %v", stop, err)
				}
				again, err := Resume(folder, d, Target{}, silent())
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

// state digests a run's checkpoint, less the time that it took. Optimisers of
// ended phases need not be kept.
func state(t *testing.T, folder string) string {
	t.Helper()
	c, err := Load(filepath.Join(folder, checkpointName))
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

// TestTrainingImproves: some steps on waves beat the analytic start.
func TestTrainingImproves(t *testing.T) {
	d := scenes(6)
	c := tiny(t, "reversible")
	c.Steps, c.FineTune, c.ValidateEvery, c.Rate, c.Definition.Hidden = 60, 0, 60, 2e-3, 16
	r := begin(t, filepath.Join(t.TempDir(), "run"), c, d)
	before, err := r.validate()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Train(context.Background()); err != nil {
		t.Fatal(err)
	}
	after, err := r.validate()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("PSNR %.2f dB at the analytic start, %.2f dB after %d steps", before.PSNR, after.PSNR, c.Steps)
	if after.PSNR < before.PSNR+1 {
		t.Errorf("%d steps brought PSNR from %.2f to %.2f dB, want at least 1 dB more", c.Steps, before.PSNR, after.PSNR)
	}
}

// TestFinishWritesAModel: the model directory loads and its card has the figures of both widths.
func TestFinishWritesAModel(t *testing.T) {
	d := scenes(5)
	c := tiny(t, "reversible")
	c.Steps, c.FineTune = 2, 1
	folder := filepath.Join(t.TempDir(), "run")
	r := begin(t, folder, c, d)
	if err := r.Train(context.Background()); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(folder, "model")
	if err := r.Finish(context.Background(), dir, network.Card{Name: "waves"}, []float32{1, 1.73}); err != nil {
		t.Fatal(err)
	}
	f, err := network.ReadFiles(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	m, err := network.Load(f)
	if err != nil {
		t.Fatal(err)
	}
	if m.Name() != "waves" || len(m.Card().Figures) == 0 || m.Card().Figures[0].Kappa != 1 {
		t.Errorf("card %+v", m.Card())
	}
}

func TestDivergenceIsExplained(t *testing.T) {
	d := scenes(4)
	c := tiny(t, "reversible")
	r := begin(t, filepath.Join(t.TempDir(), "run"), c, d)
	r.weights.encryption.Data("whitening.bias")[0] = float32(math.NaN())
	err := r.phase(context.Background(), joint, &Journal{})
	if !errors.Is(err, ErrDiverged) || !bytes.Contains([]byte(err.Error()), []byte("-rate")) {
		t.Errorf("a NaN among the weights gives %v", err)
	}
}

func TestResumeRefusesOtherPhotos(t *testing.T) {
	c := tiny(t, "reversible")
	c.Steps, c.FineTune = 1, 0
	folder := filepath.Join(t.TempDir(), "run")
	if err := begin(t, folder, c, scenes(5)).Train(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := Resume(folder, scenes(6), Target{}, silent()); err == nil {
		t.Error("a run is resumed on other photos")
	}
	if _, err := Begin(folder, c, scenes(5), Target{}, silent()); err == nil {
		t.Error("a run is begun over another")
	}
}

// TestTrainedGraphEqualsExport: the training graph and the exported ONNX
// generators compute the same cipher levels, so the one definition serves both.
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
	b := Batch{Plain: make([]float32, len(tile)), Target: make([]float32, len(tile))}
	fillPlanes(b.Plain, tile, &plainValue)
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
	cipher, err := m.NewSession().Encrypt(context.Background(), tile, 32, 32, seed)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float32, len(tile))
	fillPlanes(want, cipher.Levels, &cipherValue)
	for i := range want {
		if g.cipher[i] != want[i] {
			t.Fatalf("sample %d is %g in training, %g in the exported network", i, g.cipher[i], want[i])
		}
	}
}
