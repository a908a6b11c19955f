package training

import (
	"context"

	"enciphergan/internal/keyschedule"
	"enciphergan/internal/network"
	"enciphergan/internal/training/dataset"
)

// FirstStep holds the inputs of a run's first step, for a comparison with another
// implementation.
type FirstStep struct {
	// Encryption and Decryption are one where the generators mirror each other.
	// All weights are the run's own.
	Encryption, Decryption, Discriminator *network.Weights
	Batch                                 dataset.Batch
	Seed                                  keyschedule.Seed
}

// FirstStep returns the inputs of the first step of a fresh run.
func (r *Run) FirstStep(ctx context.Context) (FirstStep, error) {
	c := r.Config
	b, err := firstBatch(ctx, r.data.Training, dataset.BatchOptions{Seed: c.Seed, Size: c.Batch, Crop: c.Crop, Scale: true, Target: r.target})
	return FirstStep{r.weights.encryption, r.weights.decryption, r.weights.discriminator, b, stepSeed(c.Seed, 0)}, err
}
