// Package optimiser updates parameters by Adam, with clipped gradients and a
// learning-rate schedule.
package optimiser

import (
	"fmt"
	"math"

	"enciphergan/internal/training/checkpoint"
)

// Parameter is one trained tensor and the gradient of the loss with respect to
// it, of equal length.
type Parameter struct {
	Name            string
	Value, Gradient []float32
}

// AdamOptions are the constants of Adam (Kingma and Ba, 2015).
type AdamOptions struct {
	Beta1, Beta2 float64 // decay of the running moments, in [0, 1)
	Epsilon      float64 // keeps the denominator from zero, positive
}

// Adam holds the running moments of a fixed list of parameters. Every Update
// must pass the same list.
type Adam struct {
	options       AdamOptions
	steps         int
	names         []string
	first, second [][]float32
}

// NewAdam returns an optimiser with zero moments.
func NewAdam(options AdamOptions, parameters []Parameter) (*Adam, error) {
	if !(options.Beta1 >= 0 && options.Beta1 < 1 && options.Beta2 >= 0 && options.Beta2 < 1 && options.Epsilon > 0) {
		return nil, fmt.Errorf("adam: betas %g, %g must be in [0, 1) and epsilon %g positive", options.Beta1, options.Beta2, options.Epsilon)
	}
	a := &Adam{options: options}
	for _, p := range parameters {
		a.names = append(a.names, p.Name)
		a.first = append(a.first, make([]float32, len(p.Value)))
		a.second = append(a.second, make([]float32, len(p.Value)))
	}
	return a, nil
}

// Update moves every parameter against its gradient at a learning rate:
//
//	m = beta1 m + (1 - beta1) g
//	v = beta2 v + (1 - beta2) g^2
//	p = p - rate m/(1 - beta1^t) / (sqrt(v/(1 - beta2^t)) + epsilon)
//
// Moments are stored as float32; each element is computed in float64.
func (a *Adam) Update(parameters []Parameter, rate float64) error {
	if err := a.check(parameters); err != nil {
		return err
	}
	a.steps++
	beta1, beta2 := a.options.Beta1, a.options.Beta2
	scale := rate / (1 - math.Pow(beta1, float64(a.steps)))
	correction := 1 / (1 - math.Pow(beta2, float64(a.steps)))
	for i, p := range parameters {
		first, second := a.first[i], a.second[i]
		for j, gradient := range p.Gradient {
			g := float64(gradient)
			m := beta1*float64(first[j]) + (1-beta1)*g
			v := beta2*float64(second[j]) + (1-beta2)*g*g
			first[j], second[j] = float32(m), float32(v)
			p.Value[j] = float32(float64(p.Value[j]) - scale*m/(math.Sqrt(v*correction)+a.options.Epsilon))
		}
	}
	return nil
}

func (a *Adam) check(parameters []Parameter) error {
	if len(parameters) != len(a.names) {
		return fmt.Errorf("adam: %d parameters, want %d", len(parameters), len(a.names))
	}
	for i, p := range parameters {
		if p.Name != a.names[i] || len(p.Value) != len(a.first[i]) || len(p.Gradient) != len(p.Value) {
			return fmt.Errorf("adam: parameter %d is %s with %d values and %d gradients, want %s with %d",
				i, p.Name, len(p.Value), len(p.Gradient), a.names[i], len(a.first[i]))
		}
	}
	return nil
}

// State returns the moments and the number of updates as tensors whose names begin
// with prefix. The tensors share memory with the optimiser.
func (a *Adam) State(prefix string) []checkpoint.Tensor {
	state := []checkpoint.Tensor{{Name: prefix + "updates", Shape: []int{2}, Data: []float32{
		float32(a.steps >> 20), float32(a.steps & (1<<20 - 1)), // exact for any count that can be reached
	}}}
	for i, name := range a.names {
		state = append(state,
			checkpoint.Tensor{Name: prefix + "first/" + name, Shape: []int{len(a.first[i])}, Data: a.first[i]},
			checkpoint.Tensor{Name: prefix + "second/" + name, Shape: []int{len(a.second[i])}, Data: a.second[i]})
	}
	return state
}

// Restore copies the tensors of State from a checkpoint. On an error the optimiser
// is unchanged.
func (a *Adam) Restore(prefix string, c checkpoint.Checkpoint) error {
	updates, err := c.Values(prefix+"updates", 2)
	if err != nil {
		return err
	}
	if !(updates[0] >= 0 && updates[0] < 1<<20 && updates[1] >= 0 && updates[1] < 1<<20) {
		return fmt.Errorf("%w: %supdates is not a count", checkpoint.ErrInvalid, prefix)
	}
	first, second := make([][]float32, len(a.names)), make([][]float32, len(a.names))
	for i, name := range a.names {
		if first[i], err = c.Values(prefix+"first/"+name, len(a.first[i])); err != nil {
			return err
		}
		if second[i], err = c.Values(prefix+"second/"+name, len(a.second[i])); err != nil {
			return err
		}
	}
	for i := range a.names {
		copy(a.first[i], first[i])
		copy(a.second[i], second[i])
	}
	a.steps = int(updates[0])<<20 + int(updates[1])
	return nil
}

// ClipNorm scales all gradients down together so that their Euclidean norm is
// at most limit, and returns the norm that they had. A norm that is not finite
// is returned without touching the gradients.
func ClipNorm(parameters []Parameter, limit float64) float64 {
	var sum float64
	for _, p := range parameters {
		for _, g := range p.Gradient {
			sum += float64(g) * float64(g)
		}
	}
	norm := math.Sqrt(sum)
	if norm > limit && !math.IsInf(norm, 0) {
		scale := float32(limit / norm)
		for _, p := range parameters {
			for j := range p.Gradient {
				p.Gradient[j] *= scale
			}
		}
	}
	return norm
}
