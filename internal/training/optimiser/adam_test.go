package optimiser

import (
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"enciphergan/internal/training/checkpoint"
)

var adamOptions = AdamOptions{Beta1: .9, Beta2: .99, Epsilon: 1e-8}

func randomParameters(seed uint64, lengths ...int) []Parameter {
	r := rand.New(rand.NewPCG(seed, 2))
	var parameters []Parameter
	for i, n := range lengths {
		p := Parameter{Name: string(rune('a' + i)), Value: make([]float32, n), Gradient: make([]float32, n)}
		for j := range n {
			p.Value[j], p.Gradient[j] = float32(r.NormFloat64()), float32(r.NormFloat64())
		}
		parameters = append(parameters, p)
	}
	return parameters
}

func TestAdamAgainstDefinition(t *testing.T) {
	parameters := randomParameters(1, 7, 3)
	adam, err := NewAdam(adamOptions, parameters)
	if err != nil {
		t.Fatal(err)
	}
	// The oracle stores its gradients and evaluates the moments as sums.
	values := make([][]float64, len(parameters))
	history := make([][][]float64, len(parameters))
	for i, p := range parameters {
		for _, v := range p.Value {
			values[i] = append(values[i], float64(v))
		}
		history[i] = make([][]float64, len(p.Value))
	}
	r := rand.New(rand.NewPCG(1, 3))
	var worst float64
	for step := 1; step <= 60; step++ {
		rate := .01 / float64(step)
		for i, p := range parameters {
			for j := range p.Gradient {
				p.Gradient[j] = float32(r.NormFloat64() * math.Pow(10, float64(j%4-2)))
				history[i][j] = append(history[i][j], float64(p.Gradient[j]))
				var m, v float64
				for k, g := range history[i][j] {
					age := float64(step - 1 - k)
					m += .1 * math.Pow(.9, age) * g
					v += .01 * math.Pow(.99, age) * g * g
				}
				m /= 1 - math.Pow(.9, float64(step))
				v /= 1 - math.Pow(.99, float64(step))
				values[i][j] -= rate * m / (math.Sqrt(v) + 1e-8)
			}
		}
		if err := adam.Update(parameters, rate); err != nil {
			t.Fatal(err)
		}
		for i, p := range parameters {
			for j, v := range p.Value {
				worst = max(worst, math.Abs(float64(v)-values[i][j]))
			}
		}
	}
	t.Logf("largest difference %g", worst)
	if worst > 2e-6 {
		t.Errorf("differs from the definition by %g", worst)
	}
}

func TestAdamConverges(t *testing.T) {
	// A quadratic with curvatures 1 to 1000, from a random start.
	parameters := randomParameters(4, 10)
	adam, err := NewAdam(adamOptions, parameters)
	if err != nil {
		t.Fatal(err)
	}
	const steps = 2000
	schedule := Schedule{Peak: .05, Warmup: 20, Steps: steps, Floor: 0}
	p := parameters[0]
	for step := range steps {
		for j, v := range p.Value {
			p.Gradient[j] = float32(math.Pow(10, float64(j)/3)) * (v - float32(j))
		}
		if err := adam.Update(parameters, schedule.Rate(step)); err != nil {
			t.Fatal(err)
		}
	}
	for j, v := range p.Value {
		if math.Abs(float64(v)-float64(j)) > 1e-3 {
			t.Errorf("coordinate %d is at %g", j, v)
		}
	}
}

func TestAdamStateContinues(t *testing.T) {
	run := func(interrupt bool) []Parameter {
		parameters := randomParameters(5, 20, 4)
		adam, err := NewAdam(adamOptions, parameters)
		if err != nil {
			t.Fatal(err)
		}
		for step := range 10 {
			if interrupt && step == 6 {
				path := filepath.Join(t.TempDir(), "checkpoint")
				if err := checkpoint.Save(path, checkpoint.Checkpoint{Tensors: adam.State("adam/")}); err != nil {
					t.Fatal(err)
				}
				decoded, err := checkpoint.Load(path)
				if err != nil {
					t.Fatal(err)
				}
				if adam, err = NewAdam(adamOptions, parameters); err != nil {
					t.Fatal(err)
				}
				if err := adam.Restore("adam/", decoded); err != nil {
					t.Fatal(err)
				}
			}
			for _, p := range parameters {
				for j := range p.Gradient {
					p.Gradient[j] = p.Value[j] - float32(j)
				}
			}
			if err := adam.Update(parameters, .01); err != nil {
				t.Fatal(err)
			}
		}
		return parameters
	}
	whole, resumed := run(false), run(true)
	for i := range whole {
		if !slices.Equal(whole[i].Value, resumed[i].Value) {
			t.Errorf("parameter %s differs after a restored state", whole[i].Name)
		}
	}
}

func TestAdamErrors(t *testing.T) {
	parameters := randomParameters(6, 3, 2)
	if _, err := NewAdam(AdamOptions{Beta1: 1, Beta2: .9, Epsilon: 1e-8}, parameters); err == nil {
		t.Error("beta of 1 was accepted")
	}
	adam, err := NewAdam(adamOptions, parameters)
	if err != nil {
		t.Fatal(err)
	}
	if err := adam.Update(parameters[:1], .1); err == nil {
		t.Error("a missing parameter was accepted")
	}
	if err := adam.Update([]Parameter{parameters[1], parameters[0]}, .1); err == nil {
		t.Error("another order was accepted")
	}
	short := []Parameter{parameters[0], {Name: "b", Value: parameters[1].Value, Gradient: parameters[1].Gradient[:1]}}
	if err := adam.Update(short, .1); err == nil {
		t.Error("a missing gradient was accepted")
	}
	state := adam.State("x/")
	for i := range state {
		without := append(slices.Clone(state[:i]), state[i+1:]...)
		if err := adam.Restore("x/", checkpoint.Checkpoint{Tensors: without}); !errors.Is(err, checkpoint.ErrInvalid) {
			t.Errorf("without %s: %v", state[i].Name, err)
		}
	}
	state[0].Data = []float32{float32(math.NaN()), 0}
	if err := adam.Restore("x/", checkpoint.Checkpoint{Tensors: state}); !errors.Is(err, checkpoint.ErrInvalid) {
		t.Errorf("NaN updates: %v", err)
	}
}

func TestClipNorm(t *testing.T) {
	parameters := []Parameter{{Gradient: []float32{3, 0}}, {Gradient: []float32{-4}}}
	if norm := ClipNorm(parameters, 10); norm != 5 || parameters[0].Gradient[0] != 3 {
		t.Errorf("below the limit: norm %g, gradients %v", norm, parameters)
	}
	if norm := ClipNorm(parameters, 1); norm != 5 {
		t.Errorf("norm %g, want 5", norm)
	}
	if g := [2]float32{parameters[0].Gradient[0], parameters[1].Gradient[0]}; math.Abs(float64(g[0])-.6) > 1e-6 || math.Abs(float64(g[1])+.8) > 1e-6 {
		t.Errorf("clipped to %v", g)
	}
	parameters[0].Gradient[0] = float32(math.NaN())
	if norm := ClipNorm(parameters, 1); !math.IsNaN(norm) || math.IsNaN(float64(parameters[1].Gradient[0])) {
		t.Errorf("NaN: norm %g, gradients %v", norm, parameters)
	}
}

func TestSchedule(t *testing.T) {
	s := Schedule{Peak: 8e-4, Warmup: 50, Steps: 2016, Floor: .02}
	for step, want := range map[int]float64{0: 8e-4 / 50, 49: 8e-4, 50: 8e-4, 2015: 1.6e-5, 5000: 1.6e-5} {
		if got := s.Rate(step); math.Abs(got-want) > 1e-12 {
			t.Errorf("step %d: %g, want %g", step, got, want)
		}
	}
	middle := 50 + (2015-50)/2
	if got := s.Rate(middle); math.Abs(got-8e-4*.51) > 8e-4*.001 {
		t.Errorf("middle: %g", got)
	}
	for step := 51; step < 2016; step++ {
		if s.Rate(step) >= s.Rate(step-1) {
			t.Fatalf("rises at step %d", step)
		}
	}
	if got := (Schedule{Peak: 1, Steps: 1, Floor: .5}).Rate(0); got != .5 {
		t.Errorf("a single step: %g", got)
	}
}
