package onnx

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"enciphergan/internal/kernel"
	"enciphergan/internal/onnx/peer"

	"gorgonia.org/tensor"
)

// declaredLimits matches the errors for graphs that onnxruntime runs and this package refuses by design.
var declaredLimits = regexp.MustCompile(`is a scalar; make it a tensor of shape \[1\]|vectors are not supported|slope .* must be at least 0 and below 1|` +
	`only two-dimensional convolutions|group 2 is not supported|is int32, want float32|must be a constant, since shapes depend on it|` +
	`empty tensors are not supported|the attribute "pads" is -2, want 0 to`)

// TestRandomGraphs runs random graphs here, in either arithmetic, and in onnxruntime. Shapes and
// types must be equal, and elements within the bounds from the generator of the graph. The
// environment variable ENCIPHER_GRAPHS sets the number of graphs, ENCIPHER_GRAPHS_SEED the seed,
// and ENCIPHER_GRAPHS_FROM the first graph.
func TestRandomGraphs(t *testing.T) {
	number := func(name string, otherwise int) int {
		text := os.Getenv(name)
		if text == "" {
			return otherwise
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	start, count, seed := number("ENCIPHER_GRAPHS_FROM", 0), number("ENCIPHER_GRAPHS", 2000), uint64(number("ENCIPHER_GRAPHS_SEED", 20230112))
	t.Logf("seed %d", seed)
	runtime, err := peer.Find()
	if errors.Is(err, peer.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}

	nodes := map[string]int{} // number by operator, in graphs that were compared
	var compared, refused, foreign int
	const batch = 500
	for first := start; first < count; first += batch {
		var made []*graphs
		var cases []peer.Case
		for i := first; i < min(count, first+batch); i++ {
			g := newGraphs(seed, i)
			if len(g.m.Graph.Outputs) == 0 {
				continue
			}
			g.number = i
			made = append(made, g)
			cases = append(cases, peer.Case{Model: encoded(t, g.m), Inputs: g.inputs})
		}
		results, err := runtime.RunAll(cases)
		if err != nil {
			t.Fatal(err)
		}
		for i, g := range made {
			if results[i].Err != nil {
				foreign++
				t.Logf("graph %d: %v\n%v", g.number, results[i].Err, g)
				continue
			}
			switch err := g.compare(t, cases[i].Model, results[i].Outputs); {
			case err == nil:
				compared++
				for op, n := range g.nodes {
					nodes[op] += n
				}
			case g.beyond && declaredLimits.MatchString(err.Error()):
				refused++
			default:
				t.Errorf("graph %d of seed %d: %v\n%v", g.number, seed, err, g)
			}
		}
	}
	t.Logf("%d graphs: %d compared, %d refused as declared, %d not run by onnxruntime; nodes %v", count, compared, refused, foreign, nodes)
	// The test fails if too few graphs are compared, so that coverage does not shrink unnoticed.
	count -= start
	if refused > count/15 || refused < count/100 || foreign > count/100 || compared < count*9/10 {
		t.Errorf("of %d graphs %d were compared, %d refused, and %d not run by onnxruntime", count, compared, refused, foreign)
	}
	for _, op := range slices.Sorted(maps.Keys(operators)) {
		if nodes[op] < count/100 {
			t.Errorf("%s is in %d graphs of %d only", op, nodes[op], count)
		}
	}
}

// compare runs the model twice in each arithmetic and compares the outputs with those of onnxruntime.
func (g *graphs) compare(t *testing.T, file []byte, theirs map[string]*tensor.Dense) error {
	for _, a := range []kernel.Arithmetic{kernel.Canonical, kernel.Fused} {
		m, err := Load(t.Context(), file, g.sizes, DefaultLimits(), a)
		if err != nil {
			return err
		}
		for run := range 2 { // the second run reuses the memory of the first
			ours, err := m.Run(t.Context(), g.inputs)
			if err != nil {
				return fmt.Errorf("%v, run %d: %w", a, run, err)
			}
			for _, v := range g.m.Graph.Outputs {
				if err := g.value(v.Name).compare(ours[v.Name], theirs[v.Name]); err != nil {
					return fmt.Errorf("%v, run %d: output %q: %w", a, run, v.Name, err)
				}
			}
		}
	}
	return nil
}

func (v *randomValue) compare(ours, theirs *tensor.Dense) error {
	if ours == nil || theirs == nil {
		return errors.New("it is missing")
	}
	if !slices.Equal(ours.Shape(), theirs.Shape()) || ours.Dtype() != theirs.Dtype() {
		return fmt.Errorf("%v %v, in onnxruntime %v %v", ours.Dtype(), ours.Shape(), theirs.Dtype(), theirs.Shape())
	}
	p, q := peer.Numbers(ours), peer.Numbers(theirs)
	if len(p) != elementsOf(ours.Shape()) || len(q) != len(p) {
		return fmt.Errorf("%d and %d elements of shape %v", len(p), len(q), ours.Shape())
	}
	for i := range p {
		if p[i] == q[i] || math.IsNaN(p[i]) && math.IsNaN(q[i]) || math.Abs(p[i]-q[i]) <= v.apart {
			continue
		}
		return fmt.Errorf("element %d of shape %v is %g, in onnxruntime %g, which is not within %g", i, ours.Shape(), p[i], q[i], v.apart)
	}
	return nil
}
