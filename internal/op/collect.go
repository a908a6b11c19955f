package op

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Collect copies the value of each nodes[i] to into[i] at every run, since Gorgonia's machine
// reuses the memory of values. into[i] has the volume of nodes[i].
func Collect(into [][]float32, nodes ...*gorgonia.Node) (*gorgonia.Node, error) {
	if len(into) != len(nodes) || len(nodes) == 0 {
		return nil, fmt.Errorf("Collect: %d slices for %d nodes", len(into), len(nodes))
	}
	for i, n := range nodes {
		if v := n.Shape().TotalSize(); len(into[i]) != max(1, v) {
			return nil, fmt.Errorf("Collect: a slice of %d for node %q of %d elements", len(into[i]), n.Name(), v)
		}
	}
	return Apply(Spec{
		Name: fmt.Sprintf("Collect{%p}", &into[0]), Arity: len(nodes), Shape: scalar,
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			for i, d := range in {
				copy(into[i], floats(d))
			}
			return nil
		},
	}, nodes...)
}
