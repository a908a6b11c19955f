package training

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"time"

	"enciphergan/internal/training/checkpoint"
	"enciphergan/internal/training/dataset"
	"enciphergan/internal/training/journal"
	"enciphergan/internal/training/optimiser"
)

// phase is a part of a run, with the networks that it trains.
type phase int

const (
	joint      phase = iota // both generators, which share weights if the profile mirrors them; the discriminator
	fineTuning              // the decryption generator alone
)

// trainer takes the steps of one phase of a run.
type trainer struct {
	*Run
	journal       *journal.Journal
	first, end    int // the phase has the steps first to end-1
	schedule      optimiser.Schedule
	generator     *generatorStep
	adam          *optimiser.Adam
	discriminator *discriminatorStep // nil if none is trained
	adversary     *optimiser.Adam    // of the discriminator
	batches       *dataset.Batches
	rate          float64 // of the latest step

	// Since the latest validation:
	began  time.Time
	steps  int
	sums   map[string]float64 // of losses
	counts map[string]int
}

// newTrainer builds the graphs of a phase and restores its optimisers. The caller
// must call close, also after an error.
func (r *Run) newTrainer(p phase, j *journal.Journal) (_ *trainer, err error) {
	c := r.Config
	t := &trainer{Run: r, journal: j, end: c.Steps, schedule: optimiser.Schedule{Peak: c.Rate, Warmup: c.Warmup, Steps: c.Steps, Floor: 0.02}}
	prefix := "adam/generator/"
	if p == fineTuning {
		t.first, t.end, prefix = c.Steps, c.Steps+c.FineTune, "adam/fine/"
		t.schedule.Peak, t.schedule.Steps = c.FineRate, c.FineTune
	}
	defer func() {
		if err != nil {
			t.close()
		}
	}()
	if t.generator, err = newGeneratorStep(c, &r.weights, p); err != nil {
		return nil, fmt.Errorf("building the generators' step: %w", err)
	}
	if t.adam, err = t.optimiser(prefix, 0.9, t.generator.parameters); err != nil {
		return nil, err
	}
	memory := graphBytes(t.generator.graph)
	if p == joint && c.Losses.Adversarial != 0 {
		if t.discriminator, err = newDiscriminatorStep(c, &r.weights); err != nil {
			return nil, fmt.Errorf("building the discriminator's step: %w", err)
		}
		if t.adversary, err = t.optimiser("adam/discriminator/", 0.5, t.discriminator.parameters); err != nil {
			return nil, err
		}
		memory += graphBytes(t.discriminator.graph)
	}
	if r.step == t.first {
		if err = r.checkSpace(memory); err != nil {
			return nil, err
		}
	}
	t.batches, err = dataset.NewBatches(r.data.Training, r.step, dataset.BatchOptions{Seed: c.Seed, Size: c.Batch, Crop: c.Crop, Scale: true, Target: r.target, Workers: runtime.GOMAXPROCS(0)})
	t.reset()
	return t, err
}

// optimiser returns an optimiser, restored from the checkpoint in the middle of a
// phase. The run saves its state from now on.
func (t *trainer) optimiser(prefix string, beta1 float64, p []optimiser.Parameter) (*optimiser.Adam, error) {
	a, err := optimiser.NewAdam(optimiser.AdamOptions{Beta1: beta1, Beta2: 0.99, Epsilon: 1e-8}, p)
	if err != nil {
		return nil, err
	}
	if t.step > t.first {
		c, err := checkpoint.Load(filepath.Join(t.folder, checkpointName))
		if err != nil {
			return nil, err
		}
		if err := a.Restore(prefix, c); err != nil {
			return nil, err
		}
	}
	t.optimisers = append(t.optimisers, namedOptimiser{prefix, a})
	return a, nil
}

func (t *trainer) close() {
	if t.batches != nil {
		t.batches.Close()
	}
	if t.generator != nil {
		t.generator.vm.Close()
	}
	if t.discriminator != nil {
		t.discriminator.vm.Close()
	}
}

func (t *trainer) reset() {
	t.began, t.steps, t.sums, t.counts = time.Now(), 0, map[string]float64{}, map[string]int{}
}

// train takes the remaining steps of the phase.
func (t *trainer) train(ctx context.Context) error {
	for t.step < t.end && !t.outOfPatience() {
		b, err := t.batches.Next(ctx)
		if ctx.Err() != nil {
			t.seconds += time.Since(t.began).Seconds()
			if err := t.save(checkpointName); err != nil {
				return err
			}
			return fmt.Errorf("%w after step %d; the checkpoint is written, continue with -resume", ErrInterrupted, t.step)
		}
		if err == nil {
			err = t.takeStep(b)
		}
		if err == nil && (t.step%t.Config.ValidateEvery == 0 || t.step == t.end) {
			err = t.validate()
		}
		if errors.Is(err, ErrDiverged) {
			return t.diverged(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// takeStep updates the generators, and in its turn the discriminator, on a batch.
func (t *trainer) takeStep(b dataset.Batch) error {
	c := t.Config
	losses, err := t.generator.run(c, b, stepSeed(c.Seed, t.step))
	if err != nil {
		return err
	}
	if losses["psnr"] > 0 {
		return fmt.Errorf("%w: recovered crops differ from the originals more than black from white", ErrDiverged)
	}
	norm := optimiser.ClipNorm(t.generator.parameters, c.Clip)
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return fmt.Errorf("%w: the gradient's norm is %g", ErrDiverged, norm)
	}
	t.rate = t.schedule.Rate(t.step - t.first)
	if err := t.adam.Update(t.generator.parameters, t.rate); err != nil {
		return err
	}
	if t.discriminator != nil && t.step%c.DiscriminatorEvery == 0 {
		copy(t.discriminator.real, targets(c, b))
		t.pool.exchange(t.generator.cipher, c.Seed, t.step)
		copy(t.discriminator.fake, t.generator.cipher)
		d, err := t.discriminator.run()
		if err != nil {
			return err
		}
		if err := t.adversary.Update(t.discriminator.parameters, c.DiscriminatorRate); err != nil {
			return err
		}
		losses["discriminator"] = d["total"]
	}
	t.step++
	t.steps++
	for name, v := range losses {
		t.sums[name] += v
		t.counts[name]++
	}
	t.observer.Step(t.step, losses)
	return nil
}

// lowestPSNR in dB is a validation from which the reversible profile does not
// recover. Its analytic start has about 50 dB; too large steps have been seen to
// lose 15 of them and win those back.
const lowestPSNR = 20

// validate measures the generators and writes a checkpoint with the result.
func (t *trainer) validate() error {
	c := t.Config
	elapsed := time.Since(t.began).Seconds()
	t.seconds += elapsed
	v, err := t.measureValidation()
	if err != nil {
		return errors.Join(err, t.save(checkpointName))
	}
	if c.Definition.Keyed() && v.PSNR < lowestPSNR {
		return fmt.Errorf("%w: PSNR of the validation tiles fell to %.2f dB", ErrDiverged, v.PSNR)
	}
	for name, n := range t.counts {
		t.sums[name] /= float64(n)
	}
	err = t.checkpoint(journal.Entry{Step: t.step, Losses: t.sums, LearningRate: t.rate, Validation: &v, Seconds: t.seconds, SamplesPerSecond: float64(t.steps*c.Batch) / elapsed})
	t.reset()
	return err
}

// checkpoint saves the run after a validation and adds its line to the journal.
func (t *trainer) checkpoint(entry journal.Entry) error {
	if entry.Validation.PSNR > t.best.psnr {
		t.best = best{entry.Validation.PSNR, t.step}
		if err := t.save(bestName); err != nil {
			return err
		}
	}
	// The checkpoint comes first: a journal that cannot be written must not cost the steps.
	if err := t.save(checkpointName); err != nil {
		return err
	}
	if err := t.journal.Write(entry); err != nil {
		return err
	}
	t.observer.Validated(entry)
	return nil
}

// diverged tells the user how to go on after ErrDiverged.
func (t *trainer) diverged(err error) error {
	next := "no checkpoint was written yet: begin again"
	if Exists(t.folder) {
		next = "the last checkpoint is intact, but leads to the same result: begin a new run in another folder"
	}
	return fmt.Errorf("%w at step %d; %s with a smaller -rate or -clip", err, t.step, next)
}
