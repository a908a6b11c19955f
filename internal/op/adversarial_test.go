package op

import (
	"math"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// network holds the weights of two convolutions. Graphs share them by pointer.
type network [2]*tensor.Dense

func newNetwork(s source, in, out int) network {
	var n network
	for i, shape := range [][]int{{4, in, 3, 3}, {out, 4, 3, 3}} {
		l := s.uniform(-0.5, 0.5, shape...)
		n[i] = tensor.New(tensor.WithShape(shape...), tensor.WithBacking(l.v))
	}
	return n
}

// apply applies the network to x, with trainable or frozen parameters.
func (n network) apply(t *testing.T, name string, x *gorgonia.Node, trainable bool) (y *gorgonia.Node, parameters gorgonia.Nodes) {
	t.Helper()
	y = x
	for i, p := range n {
		var w *gorgonia.Node
		full := name + []string{" first", " second"}[i]
		if trainable {
			w = gorgonia.NewTensor(x.Graph(), tensor.Float32, 4, gorgonia.WithShape(p.Shape()...), gorgonia.WithName(full), gorgonia.WithValue(p))
		} else {
			w = bind(t, x.Graph(), full, p)
		}
		parameters = append(parameters, w)
		var err error
		if y, err = Conv2D(y, w, nil, Square(1, 1)); err != nil {
			t.Fatal(err)
		}
		if y, err = LeakyReLU(y, 0.2); err != nil {
			t.Fatal(err)
		}
	}
	return y, parameters
}

// step is a training step of one player: machine, loss and gradients.
type step struct {
	machine gorgonia.VM
	graph   *gorgonia.ExprGraph
	loss    gorgonia.Value
	grads   []gorgonia.Value
}

func newStep(t *testing.T, loss *gorgonia.Node, by gorgonia.Nodes) *step {
	t.Helper()
	grads, err := Gradients(loss, by...)
	if err != nil {
		t.Fatal(err)
	}
	s := &step{graph: loss.Graph(), grads: make([]gorgonia.Value, len(grads))}
	gorgonia.Read(loss, &s.loss)
	for i, g := range grads {
		gorgonia.Read(g, &s.grads[i])
	}
	s.machine = gorgonia.NewTapeMachine(s.graph)
	t.Cleanup(func() { s.machine.Close() })
	return s
}

func (s *step) run(t *testing.T) float32 {
	t.Helper()
	if err := s.machine.RunAll(); err != nil {
		t.Fatal(err)
	}
	loss := s.loss.Data().(float32)
	s.machine.Reset()
	return loss
}

// count returns the number of nodes whose operation begins with name.
func (s *step) count(name string) int {
	return len(slices.Collect(func(yield func(*gorgonia.Node) bool) {
		for _, n := range s.graph.AllNodes() {
			if o, ok := n.Op().(*operation); ok && strings.HasPrefix(o.String(), name) && !yield(n) {
				return
			}
		}
	}))
}

func descend(t *testing.T, n network, grads []gorgonia.Value, rate float32) {
	t.Helper()
	for i, g := range grads {
		for j, v := range elements(t, g) {
			floats(n[i])[j] -= rate * v
		}
	}
}

// TestAdversarialSteps builds the graphs of training: one for each player, over the same
// parameter tensors, so that an update in place by one player affects the other.
func TestAdversarialSteps(t *testing.T) {
	s := seeded(t)
	generator, discriminator := newNetwork(s, 3, 3), newNetwork(s, 3, 1)
	picture := s.uniform(-1, 1, 2, 3, 6, 6)
	source, target := tensor.New(tensor.WithShape(2, 3, 6, 6), tensor.WithBacking(picture.v)), ones(2, 3, 6, 6)

	// The generator's step: D is frozen and judges the picture of G.
	g := gorgonia.NewGraph()
	made, parameters := generator.apply(t, "generator", bind(t, g, "source", source), true)
	judged, frozen := discriminator.apply(t, "discriminator", made, false)
	loss, err := CrossEntropy(judged, true)
	if err != nil {
		t.Fatal(err)
	}
	generate := newStep(t, loss, parameters)
	for _, n := range frozen {
		if n.Deriv() != nil {
			t.Errorf("the generator's step computes the gradient of frozen %s", n.Name())
		}
	}
	// Gradients of the two weights of G and of the input of every convolution except the first of G.
	if w, x := generate.count("Conv2DGradWeight"), generate.count("Conv2DGradInput"); w != 2 || x != 3 {
		t.Errorf("the generator's step has %d weight and %d input gradients, want 2 and 3", w, x)
	}

	// The discriminator's step: the picture of G is an input.
	g = gorgonia.NewGraph()
	fake := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(2, 3, 6, 6))
	onFake, parameters := discriminator.apply(t, "discriminator", bind(t, g, "fake", fake), true)
	onReal := bind(t, g, "real", target)
	for i, w := range parameters {
		if onReal, err = Conv2D(onReal, w, nil, Square(1, 1)); err != nil {
			t.Fatal(err)
		}
		if onReal, err = LeakyReLU(onReal, 0.2); err != nil {
			t.Fatal(i, err)
		}
	}
	a, err := CrossEntropy(onFake, false)
	if err != nil {
		t.Fatal(err)
	}
	b, err := CrossEntropy(onReal, true)
	if err != nil {
		t.Fatal(err)
	}
	if loss, err = WeightedSum([]float32{0.5, 0.5}, a, b); err != nil {
		t.Fatal(err)
	}
	discriminate := newStep(t, loss, parameters)
	// The pictures get no gradient: each of the two passes has one input gradient.
	if x := discriminate.count("Conv2DGradInput"); x != 2 {
		t.Errorf("the discriminator's step has %d input gradients, want 2", x)
	}

	// judge computes the generator's loss in a separate graph.
	judge := func() float32 {
		g := gorgonia.NewGraph()
		y, _ := generator.apply(t, "generator", bind(t, g, "source", source), false)
		y, _ = discriminator.apply(t, "discriminator", y, false)
		loss, err := CrossEntropy(y, true)
		if err != nil {
			t.Fatal(err)
		}
		run(t, g)
		return loss.Value().Data().(float32)
	}

	var seen []float32
	for round := range 3 {
		before := generate.run(t)
		copy(floats(fake), elements(t, made.Value()))
		if want := judge(); math.Float32bits(before) != math.Float32bits(want) {
			t.Fatalf("round %d: the generator's loss is %g, by a new graph of the same tensors %g", round, before, want)
		}
		held := append([]float32{}, floats(discriminator[0])...)
		descend(t, generator, generate.grads, 0.05)
		if after := judge(); !(after < before) {
			t.Errorf("round %d: the generator's step takes its loss from %g to %g", round, before, after)
		}
		if !slices.Equal(held, floats(discriminator[0])) {
			t.Errorf("round %d: the generator's step moves the discriminator", round)
		}
		first := discriminate.run(t)
		descend(t, discriminator, discriminate.grads, 0.05)
		if second := discriminate.run(t); !(second < first) {
			t.Errorf("round %d: the discriminator's step takes its loss from %g to %g", round, first, second)
		}
		seen = append(seen, before, first)
	}
	t.Logf("losses of generator and discriminator: %v", seen)
}
