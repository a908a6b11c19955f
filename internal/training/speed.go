package training

import (
	"context"
	"fmt"
	"time"

	"enciphergan/internal/training/dataset"
)

// StepTime returns the mean time of a joint step on noise, including the
// discriminator's share, over the given number of steps after one that is not
// measured.
func StepTime(ctx context.Context, c Config, steps int) (time.Duration, error) {
	if err := c.Validate(); err != nil {
		return 0, err
	}
	r, err := newRun("", c, dataset.Split{}, dataset.Target{}, Silent{})
	if err != nil {
		return 0, err
	}
	generator, err := newGeneratorStep(c, &r.weights, joint)
	if err != nil {
		return 0, err
	}
	defer generator.vm.Close()
	discriminator, err := newDiscriminatorStep(c, &r.weights)
	if err != nil {
		return 0, err
	}
	defer discriminator.vm.Close()
	b := dataset.Batch{Plain: make([]float32, len(generator.plain)), Target: make([]float32, len(generator.plain))}
	noise := dataset.Stream(c.Seed, 0, "speed")
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
		copy(discriminator.real, targets(c, b))
		copy(discriminator.fake, generator.cipher)
		if _, err := discriminator.run(); err != nil {
			return 0, err
		}
	}
	return time.Since(began) / time.Duration(steps), nil
}

// ForMinutes returns c with the number of steps that fit into the given time on this
// machine, with time left for eight validations and the final measurements. The
// proportion of joint and fine-tuning steps is that of c.
func (c Config) ForMinutes(ctx context.Context, minutes float64) (Config, error) {
	if !(minutes >= 1 && minutes <= 100_000) {
		return c, fmt.Errorf("%g minutes: want 1 to 100,000", minutes)
	}
	const share = 0.7 // of the time, for steps
	step, err := StepTime(ctx, c, 4)
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
