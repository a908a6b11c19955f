package training

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"gorgonia.org/gorgonia"
)

// Speed measures the time of a joint step, the discriminator's share included, as
// the mean of some steps on noise after one that is not measured.
func Speed(ctx context.Context, c Config, steps int) (time.Duration, error) {
	if err := c.Validate(); err != nil {
		return 0, err
	}
	r, err := newRun("", c, Dataset{}, Target{}, nil)
	if err != nil {
		return 0, err
	}
	generator, err := newGeneratorStep(c, &r.weights, joint)
	if err != nil {
		return 0, err
	}
	defer generator.vm.Close()
	adversary, err := newDiscriminatorStep(c, &r.weights)
	if err != nil {
		return 0, err
	}
	defer adversary.vm.Close()
	b := Batch{Plain: make([]float32, len(generator.plain)), Target: make([]float32, len(generator.plain))}
	noise := Stream(c.Seed, 0, "speed")
	for i := range b.Plain {
		b.Plain[i], b.Target[i] = noise.Float32()*2-1, noise.Float32()*2-1
	}
	var began time.Time
	for step := range steps + 1 {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if step == 1 {
			began = time.Now()
		}
		if _, err := generator.run(c, b, stepSeed(c.Seed, step)); err != nil {
			return 0, err
		}
		if c.Losses.Adversarial == 0 || step%c.DiscriminatorEvery != 0 {
			continue
		}
		copy(adversary.real, targets(c, b))
		copy(adversary.fake, generator.cipher)
		if _, err := adversary.run(); err != nil {
			return 0, err
		}
	}
	return time.Since(began) / time.Duration(steps), nil
}

// ForMinutes gives c as many steps as fit into a time on this machine, with what
// validations and the measurements at the end take set aside, in the proportion of
// joint and fine-tuning steps that c has, and eight validations.
func (c Config) ForMinutes(ctx context.Context, minutes float64) (Config, error) {
	if !(minutes >= 1 && minutes <= 100_000) {
		return c, fmt.Errorf("%g minutes: want 1 to 100,000", minutes)
	}
	const share = 0.7 // of the time, for steps
	step, err := Speed(ctx, c, 4)
	if err != nil {
		return c, fmt.Errorf("measuring the speed of training: %w", err)
	}
	steps := share * minutes * 60 / step.Seconds()
	fine := float64(c.FineTune) / float64(c.Steps)
	// A step of fine-tuning takes about as long as a joint one.
	c.Steps = max(1, int(steps/(1+fine)))
	c.FineTune = int(fine * float64(c.Steps))
	c.ValidateEvery = max(1, c.Steps/8)
	c.Warmup = min(c.Warmup, max(1, c.Steps/10))
	return c, nil
}

// graphBytes is the memory of all values of a graph that the tape machine runs.
func graphBytes(g *gorgonia.ExprGraph) (bytes int64) {
	for _, n := range g.AllNodes() {
		bytes += int64(max(1, n.Shape().TotalSize())) * 4
	}
	return bytes
}

// ErrTooLittle is the error of a run that the machine has not the memory or the disk for.
var ErrTooLittle = fmt.Errorf("too little room")

// checkRoom compares what a run needs with what the machine has, where the system
// tells, before the first step.
func (r *Run) checkRoom(memory int64) error {
	c := r.Config
	r.progress.Message(fmt.Sprintf("a step of %d crops of %d x %d takes about %d MB of memory", c.Batch, c.Crop, c.Crop, memory>>20))
	if free := freeMemory(); free > 0 && memory > free {
		return fmt.Errorf("%w: a step takes about %d MB of memory and %d MB are free: choose a smaller -batch or -crop", ErrTooLittle, memory>>20, free>>20)
	}
	state, err := r.checkpoint()
	if err != nil {
		return err
	}
	var floats int64
	for _, t := range state.Tensors {
		floats += int64(len(t.Data))
	}
	// Weights and two moments each, twice while one is replaced, the best ones, models and samples.
	need := 4*3*floats*3 + 64<<20
	if free := freeDisk(filepath.Clean(r.folder)); free > 0 && need > free {
		return fmt.Errorf("%w: the run writes about %d MB and %d MB are free in %s: free some space, or choose another folder", ErrTooLittle, need>>20, free>>20, r.folder)
	}
	return nil
}
