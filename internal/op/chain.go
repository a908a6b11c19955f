package op

import (
	"slices"
	"strings"

	"enciphergan/internal/kernel"

	"gorgonia.org/tensor"
)

// link is a step of elements through operations that work element by element.
type link struct {
	kernel.Step
	name   string
	tensor int // which of the chain's inputs is its tensor; 0 for none, since input 0 is what flows
}

// longestChain bounds the links of a chain, since each operation that joins one copies them.
const longestChain = 64

// chain lets u, if it works element by element, take up the operation whose result
// flows through it and that nothing else reads: so that one does not pass through memory.
func (u *unit) chain() {
	l := u.o.spec.Link
	if l == nil {
		return
	}
	flows := []int{u.o.spec.Flow}
	if l.Binary() {
		flows = []int{0, 1}
	}
	for _, flow := range flows {
		if before := u.in[flow]; len(before.links) > 0 && len(before.links) < longestChain && before.readers == 1 && slices.Equal(before.o.shape, u.o.shape) {
			u.extend(flow, before.flowing, before.links)
			u.in, u.o = u.flowing, chained(u)
			before.readers = 0
			return
		}
	}
	u.extend(flows[0], u.in[flows[0]:flows[0]+1], nil)
}

// extend makes u's chain of one that has the given inputs and links, with what
// comes out of it as input flow of u.
func (u *unit) extend(flow int, flowing []*unit, links []link) {
	own := link{Step: *u.o.spec.Link, name: u.o.spec.Name}
	u.flowing = slices.Clone(flowing)
	if own.Binary() {
		if flow == 1 {
			own.Step = own.Swapped()
		}
		own.tensor = len(u.flowing)
		u.flowing = append(u.flowing, u.in[1-flow])
	}
	u.links = append(slices.Clone(links), own)
}

// chained is the operation of u's links.
func chained(u *unit) *operation {
	steps, links := slices.Clone(u.links), make([]kernel.Step, len(u.links))
	var names []string
	for i, l := range steps {
		links[i] = l.Step
		names = append(names, l.name)
	}
	s := Spec{
		Name: strings.Join(names, ", "), Arity: len(u.in), Type: tensor.Float32, InPlace: true,
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			for i, l := range steps {
				if l.tensor > 0 {
					links[i] = l.WithOperand(floats(in[l.tensor]))
				}
			}
			kernel.FusedElementwise(floats(out), floats(in[0]), links)
			return nil
		},
	}
	o := &operation{spec: s, shape: u.o.shape, label: u.o.label}
	for _, in := range u.in {
		o.reads = append(o.reads, in.shape())
	}
	return o
}
