package network

import (
	"fmt"
	"math"
	"math/rand/v2"

	"enciphergan/internal/kernel"

	"gorgonia.org/tensor"
)

// Weights holds the tensors of one network by name, in the order of its parameters.
type Weights struct {
	Parameters []Parameter
	tensors    map[string]*tensor.Dense
}

// NewWeights returns initial weights for layers. Matrices that are computed from the
// training pictures are the identity until Analyse fills them.
func NewWeights(layers []Layer, r *rand.Rand) (*Weights, error) {
	w := &Weights{Parameters: Parameters(layers), tensors: map[string]*tensor.Dense{}}
	for _, p := range w.Parameters {
		if w.tensors[p.Name] != nil {
			return nil, fmt.Errorf("two parameters are named %q", p.Name)
		}
		n, err := kernel.Product(p.Shape...)
		if err != nil {
			return nil, fmt.Errorf("parameter %q: %w", p.Name, err)
		}
		data := make([]float32, n)
		switch p.Init.Kind {
		case InitOne:
			for i := range data {
				data[i] = 1
			}
		case InitNormal:
			for i := range data {
				data[i] = float32(r.NormFloat64() * p.Init.Std)
			}
		case InitOrthogonal:
			RandomOrthogonal(r, p.Shape[0], data)
		case InitInverseErf:
			table := kernel.InverseErfTable()
			copy(data, table[:])
		case InitData:
			if len(p.Shape) == 2 {
				for i := range p.Shape[0] {
					data[i*p.Shape[0]+i] = 1
				}
			}
		}
		w.tensors[p.Name] = tensor.New(tensor.WithShape(p.Shape...), tensor.WithBacking(data))
	}
	return w, nil
}

// RandomOrthogonal fills m (n x n) with a random orthogonal matrix: normal rows, Gram-Schmidt.
func RandomOrthogonal(r *rand.Rand, n int, m []float32) {
	q := make([]float64, n*n)
	for i := range n {
		row := q[i*n : (i+1)*n]
		for j := range row {
			row[j] = r.NormFloat64()
		}
		// Two passes: one leaves rounding errors along the earlier rows.
		for range 2 {
			for k := range i {
				other := q[k*n : (k+1)*n]
				var dot float64
				for j, v := range row {
					dot += v * other[j]
				}
				for j := range row {
					row[j] -= dot * other[j]
				}
			}
		}
		var sum float64
		for _, v := range row {
			sum += v * v
		}
		for j := range row {
			row[j] /= math.Sqrt(sum)
		}
	}
	for i, v := range q {
		m[i] = float32(v)
	}
}

// Get returns the tensor of a parameter, or nil if there is none of this name.
func (w *Weights) Get(name string) *tensor.Dense { return w.tensors[name] }

// Data returns the elements of a parameter. It panics if there is none of this name.
func (w *Weights) Data(name string) []float32 {
	t := w.tensors[name]
	if t == nil {
		panic(fmt.Sprintf("network: there is no parameter %q", name))
	}
	return t.Data().([]float32)
}

// Clone returns a deep copy of the tensors.
func (w *Weights) Clone() *Weights {
	c := &Weights{Parameters: w.Parameters, tensors: map[string]*tensor.Dense{}}
	for name, t := range w.tensors {
		c.tensors[name] = t.Clone().(*tensor.Dense)
	}
	return c
}
