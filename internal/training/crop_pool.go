package training

import (
	"slices"

	"enciphergan/internal/kernel"
	"enciphergan/internal/training/checkpoint"
	"enciphergan/internal/training/dataset"
)

// cropPool holds neural ciphers of earlier steps and replaces half of the
// discriminator's by them, so that it does not judge the latest generator alone
// (Shrivastava et al., 2017, used by CycleGAN).
type cropPool struct {
	max   int // crops; with 0 exchange does nothing
	size  int // elements of a crop
	crops [][]float32
}

// exchange adds new crops to the pool until it is full. From then on it exchanges
// each new crop, with probability one half, for one of the pool. It changes crops
// (N, 3, S, S). The result follows from seed and step.
func (p *cropPool) exchange(crops []float32, seed uint64, step int) {
	if p.max == 0 {
		return
	}
	r := dataset.Stream(seed, step, "pool")
	for i := 0; i < len(crops); i += p.size {
		crop := crops[i : i+p.size]
		switch {
		case len(p.crops) < p.max:
			p.crops = append(p.crops, slices.Clone(crop))
		case r.IntN(2) == 0:
			old := p.crops[r.IntN(len(p.crops))]
			for j, v := range crop {
				crop[j], old[j] = old[j], v
			}
		}
	}
}

// state returns the crops as one tensor.
func (p *cropPool) state(side int) checkpoint.Tensor {
	return checkpoint.Tensor{Name: "pool", Shape: []int{len(p.crops), 3, side, side}, Data: slices.Concat(p.crops...)}
}

// restore reads the crops of a checkpoint.
func (p *cropPool) restore(c checkpoint.Checkpoint) error {
	for _, t := range c.Tensors {
		if t.Name != "pool" {
			continue
		}
		if n, err := kernel.Product(t.Shape...); err != nil || n != len(t.Data) || n%p.size != 0 || n/p.size > p.max {
			return checkpoint.ErrInvalid
		}
		for i := 0; i < len(t.Data); i += p.size {
			p.crops = append(p.crops, slices.Clone(t.Data[i:i+p.size]))
		}
	}
	return nil
}
