package kernel

import (
	"math/rand/v2"
	"testing"
)

// TestCostOfPlans checks on every backend that the cost of a convolution states the memory that its plan
// retains, and at least a quarter of its products as work, since Winograd's form saves three quarters.
func TestCostOfPlans(t *testing.T) {
	const seed = 9
	r := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	defer func(b backend) { active = b }(active)
	for _, active = range available() {
		for range 200 {
			c := Conv{N: 1 + r.IntN(3), C: 1 + r.IntN(40), H: 1 + r.IntN(40), W: 1 + r.IntN(40), M: 1 + r.IntN(40), KH: 1 + r.IntN(4), KW: 1 + r.IntN(4),
				SH: 1 + r.IntN(3), SW: 1 + r.IntN(3), PT: r.IntN(3), PL: r.IntN(3), PB: r.IntN(3), PR: r.IntN(3), DH: 1 + r.IntN(3), DW: 1 + r.IntN(3)}
			if r.IntN(3) == 0 {
				c.KH, c.KW, c.SH, c.SW, c.DH, c.DW = 3, 3, 1, 1, 1, 1
			}
			if c.ValidateGradInput() != nil {
				continue
			}
			products := int64(c.N) * int64(c.M) * int64(c.OutH()*c.OutW()) * int64(c.taps())
			k := c.Cost(true)
			if p := newPlan(c); k.Packed != int64(4*len(p.packed)+8*len(p.offsets)) {
				t.Errorf("%s: %+v keeps %d floats and %d offsets, said to be %d bytes", active.name, c, len(p.packed), len(p.offsets), k.Packed)
			}
			if k.Work < products/4 {
				t.Errorf("%s: %+v is said to be a work of %d for %d products", active.name, c, k.Work, products)
			}
			if more := c.Cost(false).Packed - k.Packed; more != int64(4*c.M*c.taps()) {
				t.Errorf("%s: %+v: weights that change take %d bytes more", active.name, c, more)
			}
			g := c.GradInputCost(true)
			if g.Work < products/4 {
				t.Errorf("%s: gradient of %+v is said to be a work of %d for %d products", active.name, c, g.Work, products)
			}
			if _, mirrored := c.mirrored(); !mirrored {
				p := newPhasesPlan(c)
				held := 4*len(p.packed) + 32*len(p.tasks)
				for _, f := range p.phases {
					held += 8 * len(f.offsets)
				}
				if int64(held) > g.Packed {
					t.Errorf("%s: gradient of %+v keeps %d bytes, said to be %d", active.name, c, held, g.Packed)
				}
			}
		}
	}
}

// TestWorkIsTheSameEverywhere checks that work is equal on all backends: a model must not be too
// expensive on one machine alone.
func TestWorkIsTheSameEverywhere(t *testing.T) {
	defer func(b backend) { active = b }(active)
	for _, c := range []Conv{
		{N: 1, C: 128, H: 64, W: 64, M: 128, KH: 3, KW: 3, SH: 1, SW: 1, PT: 1, PL: 1, PB: 1, PR: 1, DH: 1, DW: 1},
		{N: 2, C: 48, H: 64, W: 64, M: 48, KH: 1, KW: 1, SH: 1, SW: 1, DH: 1, DW: 1},
		{N: 1, C: 32, H: 256, W: 256, M: 64, KH: 3, KW: 3, SH: 2, SW: 2, PT: 1, PL: 1, PB: 1, PR: 1, DH: 1, DW: 1},
		{N: 1, C: 3, H: 262, W: 262, M: 32, KH: 7, KW: 7, SH: 1, SW: 1, DH: 1, DW: 1},
	} {
		works := map[int64]bool{}
		for _, active = range available() {
			works[c.Cost(true).Work] = true
		}
		gradients := map[int64]bool{}
		for _, active = range available() {
			gradients[c.GradInputCost(true).Work] = true
		}
		if len(works) != 1 || len(gradients) != 1 {
			t.Errorf("%+v: works %v, of the gradient %v", c, works, gradients)
		}
	}
}
