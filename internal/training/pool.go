package training

import (
	"slices"

	"enciphergan/internal/kernel"
)

// pool keeps cipher crops of earlier steps and gives the discriminator half of its
// fakes from there, so that it judges more than the latest generator (Shrivastava
// et al., 2017, as CycleGAN uses it).
type pool struct {
	most  int // crops; 0: the pool hands on what comes
	size  int // elements of a crop
	crops [][]float32
}

// exchange puts new crops into the pool until it is full; from then on each new one
// is, with even odds, exchanged for one of the pool. fakes (N, 3, S, S) is changed.
// What happens follows from seed and step.
func (p *pool) exchange(fakes []float32, seed uint64, step int) {
	if p.most == 0 {
		return
	}
	r := Stream(seed, step, "pool")
	for i := 0; i < len(fakes); i += p.size {
		crop := fakes[i : i+p.size]
		switch {
		case len(p.crops) < p.most:
			p.crops = append(p.crops, slices.Clone(crop))
		case r.IntN(2) == 0:
			old := p.crops[r.IntN(len(p.crops))]
			for j, v := range crop {
				crop[j], old[j] = old[j], v
			}
		}
	}
}

// state is the pool for a checkpoint: its crops one behind the other.
func (p *pool) state(side int) NamedTensor {
	return NamedTensor{"pool", []int{len(p.crops), 3, side, side}, slices.Concat(p.crops...)}
}

// restore takes the crops of a checkpoint.
func (p *pool) restore(c Checkpoint) error {
	for _, t := range c.Tensors {
		if t.Name != "pool" {
			continue
		}
		if n, err := kernel.Product(t.Shape...); err != nil || n != len(t.Data) || n%p.size != 0 || n/p.size > p.most {
			return ErrCheckpoint
		}
		for i := 0; i < len(t.Data); i += p.size {
			p.crops = append(p.crops, slices.Clone(t.Data[i:i+p.size]))
		}
	}
	return nil
}
