package training

import (
	"context"

	"enciphergan/internal/keyschedule"
	"enciphergan/internal/network"
)

// Start is what another implementation needs to take the same first step.
type Start struct {
	Encryption, Decryption, Discriminator *network.Weights // the run's own; the first two are one where generators mirror each other
	Batch                                 Batch
	Key                                   keyschedule.Seed
}

// Start gives the beginning of a fresh run.
func (r *Run) Start(ctx context.Context) (Start, error) {
	c := r.Config
	s := Start{Encryption: r.weights.encryption, Decryption: r.weights.decryption, Discriminator: r.weights.discriminator, Key: stepSeed(c.Seed, 0)}
	batches, err := NewBatches(r.data.Training, 0, BatchOptions{Seed: c.Seed, Size: c.Batch, Crop: c.Crop, Scale: true, Target: r.target})
	if err != nil {
		return s, err
	}
	defer batches.Close()
	s.Batch, err = batches.Next(ctx)
	return s, err
}
