package training

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"enciphergan/internal/training/checkpoint"
	"enciphergan/internal/training/dataset"
)

// TestPatience checks that a run that gets worse ends early with the weights of its
// best validation, also when it is resumed.
func TestPatience(t *testing.T) {
	d := scenes(4)
	c := tiny(t, "reversible")
	c.Steps, c.FineTune, c.ValidateEvery, c.Patience, c.Warmup = 60, 5, 1, 3, 1
	c.Rate, c.Clip = 0.05, 1e9 // too large for anything to get better
	c.Losses.Adversarial = 0
	folder := filepath.Join(t.TempDir(), "run")
	r := begin(t, folder, c, d)
	if err := r.Train(context.Background()); err != nil {
		t.Fatal(err)
	}
	if r.step >= c.Steps || r.step != r.best.step+c.Patience {
		t.Fatalf("the run ended after %d steps, its best validation was at %d", r.step, r.best.step)
	}
	saved, err := checkpoint.Load(filepath.Join(folder, bestName))
	if err != nil || saved.Step != r.best.step {
		t.Fatalf("the best checkpoint is of step %d: %v", saved.Step, err)
	}
	const name = "coupling0.conv0.weight"
	best, err := saved.Values("encryption/"+name, len(r.weights.encryption.Data(name)))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(best, r.weights.encryption.Data(name)) {
		t.Error("the model is not that of the best validation")
	}
	again, err := Resume(folder, d, dataset.Target{}, Silent{})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Train(context.Background()); err != nil || again.step != r.step {
		t.Errorf("resumed, the run ends at step %d, not %d: %v", again.step, r.step, err)
	}
	if !slices.Equal(best, again.weights.encryption.Data(name)) {
		t.Error("resumed, the model is not that of the best validation")
	}
}

// TestPool checks that the pool fills, then exchanges old crops for new ones, and
// neither loses nor repeats one.
func TestPool(t *testing.T) {
	p := cropPool{max: 3, size: 2}
	seen := map[float32]int{}
	for step := range 40 {
		fakes := []float32{float32(2 * step), -1, float32(2*step + 1), -1}
		p.exchange(fakes, 7, step)
		for i := 0; i < len(fakes); i += 2 {
			seen[fakes[i]]++
		}
	}
	for _, crop := range p.crops {
		seen[crop[0]]++
	}
	if len(p.crops) != 3 {
		t.Fatalf("%d crops in the pool", len(p.crops))
	}
	twice := 0
	for v := range 80 {
		switch seen[float32(v)] {
		case 1:
		case 2:
			twice++ // while the pool filled, and in the pool at the end
		default:
			t.Errorf("crop %d was seen %d times", v, seen[float32(v)])
		}
	}
	if twice > 3 {
		t.Errorf("%d crops were seen twice", twice)
	}
}

// TestPoolIsResumed checks that a run with a pool resumes with equal bits.
func TestPoolIsResumed(t *testing.T) {
	d := scenes(5)
	c := tiny(t, "reversible")
	c.Pool, c.DiscriminatorEvery, c.Losses.Adversarial = 3, 1, 0.02
	whole, parts := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "parts")
	if err := begin(t, whole, c, d).Train(context.Background()); err != nil {
		t.Fatal(err)
	}
	r := begin(t, parts, c, d)
	ctx, cancel := context.WithCancel(context.Background())
	r.observer = cancelAt{step: c.Steps / 2, cancel: cancel}
	if err := r.Train(ctx); !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	again, err := Resume(parts, d, dataset.Target{}, Silent{})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Train(context.Background()); err != nil {
		t.Fatal(err)
	}
	if state(t, parts) != state(t, whole) {
		t.Error("the resumed run has other bits")
	}
}

// TestRandomStart checks that a random start does not depend on the photos.
func TestRandomStart(t *testing.T) {
	c := tiny(t, "reversible")
	c.Init = InitRandom
	matrix := func(seed uint64) []float32 {
		r := begin(t, filepath.Join(t.TempDir(), "run"), c, scenes(int(seed)))
		return slices.Clone(r.weights.encryption.Data("whitening.matrix"))
	}
	if !slices.Equal(matrix(4), matrix(6)) {
		t.Error("the start depends on the photos")
	}
}

// TestForMinutes checks that the steps fit into the time, with fine-tuning in proportion.
func TestForMinutes(t *testing.T) {
	c := tiny(t, "reversible")
	c.Steps, c.FineTune = 80, 10
	short, err := c.ForMinutes(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if short.Steps < 10 || short.FineTune < short.Steps/10 || short.FineTune > short.Steps/7 || short.Validate() != nil {
		t.Errorf("in a minute %d joint and %d fine-tuning steps", short.Steps, short.FineTune)
	}
	if _, err := c.ForMinutes(context.Background(), 0); err == nil {
		t.Error("no time is accepted")
	}
}

// TestCheckSpace checks that a run ends before its first step if the machine has not enough space.
func TestCheckSpace(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this system does not report free memory")
	}
	r := begin(t, filepath.Join(t.TempDir(), "run"), tiny(t, "reversible"), scenes(4))
	if err := r.checkSpace(1 << 60); !errors.Is(err, ErrNoSpace) {
		t.Errorf("an exabyte of memory: %v", err)
	}
	if err := r.checkSpace(1 << 20); err != nil {
		t.Error(err)
	}
	if free := freeDisk(t.TempDir()); free <= 0 {
		t.Errorf("%d bytes are free on the disk", free)
	}
}
