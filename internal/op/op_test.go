package op

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// bind adds a Data leaf with the given value.
func bind(t testing.TB, g *gorgonia.ExprGraph, name string, d *tensor.Dense) *gorgonia.Node {
	t.Helper()
	n := Data(g, name, d.Dtype(), d.Shape()...)
	if err := gorgonia.Let(n, d); err != nil {
		t.Fatal(err)
	}
	return n
}

func ones(shape ...int) *tensor.Dense {
	d := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(shape...))
	for i := range floats(d) {
		floats(d)[i] = 1
	}
	return d
}

func TestPanicsBecomeErrors(t *testing.T) {
	for name, forward := range map[string]func(in []*tensor.Dense, out *tensor.Dense) error{
		"a panic with text":  func(in []*tensor.Dense, out *tensor.Dense) error { panic("out of paper") },
		"an index too large": func(in []*tensor.Dense, out *tensor.Dense) error { _ = floats(in[0])[len(floats(out))]; return nil },
		"an error":           func(in []*tensor.Dense, out *tensor.Dense) error { return errors.New("out of paper") },
	} {
		t.Run(name, func(t *testing.T) {
			g := gorgonia.NewGraph()
			_, err := Apply(Spec{Name: "Fragile", Arity: 1, Shape: same, Forward: forward}, bind(t, g, "x", ones(2, 3)))
			if err != nil {
				t.Fatal(err)
			}
			m := gorgonia.NewTapeMachine(g)
			defer m.Close()
			if err := m.RunAll(); err == nil || !strings.Contains(err.Error(), "Fragile") {
				t.Errorf("the run gives %v, want an error that names the operation", err)
			}
		})
	}
}

// TestPanicInWorkersBecomesError checks a panic in one of the goroutines over which a kernel distributes planes.
func TestPanicInWorkersBecomesError(t *testing.T) {
	g := gorgonia.NewGraph()
	index := tensor.New(tensor.WithShape(1, 8, 4), tensor.WithBacking(make([]int32, 32)))
	index.Data().([]int32)[31] = 4
	if _, err := Permute(bind(t, g, "x", ones(1, 8, 2, 2)), bind(t, g, "index", index)); err != nil {
		t.Fatal(err)
	}
	m := gorgonia.NewTapeMachine(g)
	defer m.Close()
	if err := m.RunAll(); err == nil || !strings.Contains(err.Error(), "Permute") {
		t.Errorf("an index outside its plane gives %v, want an error that names Permute", err)
	}
}

func TestValuesThatDoNotFitAreErrors(t *testing.T) {
	g := gorgonia.NewGraph()
	x := bind(t, g, "x", ones(2, 3))
	n, err := ReLU(x)
	if err != nil {
		t.Fatal(err)
	}
	o := n.Op().(*operation)
	view, err := ones(4, 4).Slice(gorgonia.S(0, 4), gorgonia.S(1, 3))
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string][]gorgonia.Value{
		"no value":         {},
		"two values":       {ones(2, 3), ones(2, 3)},
		"float64":          {tensor.New(tensor.Of(tensor.Float64), tensor.WithShape(2, 3))},
		"integers":         {tensor.New(tensor.Of(tensor.Int32), tensor.WithShape(2, 3))},
		"a view":           {view.(*tensor.Dense)},
		"a float64 scalar": {gorgonia.NewF64(1)},
		"too few elements": {ones(1, 2)},
		"nil":              {nil},
	} {
		if v, err := o.Do(in...); err == nil {
			t.Errorf("%s: the result is %v, want an error", name, v)
		} else if !strings.Contains(err.Error(), "LeakyReLU") {
			t.Errorf("%s: %q does not name the operation", name, err)
		}
	}
}

func TestShapesThatDoNotFitAreErrors(t *testing.T) {
	g := gorgonia.NewGraph()
	leaf := func(shape ...int) *gorgonia.Node { return bind(t, g, fmt.Sprint(shape), ones(shape...)) }
	index := func(shape ...int) *gorgonia.Node {
		return bind(t, g, "index "+fmt.Sprint(shape), tensor.New(tensor.Of(tensor.Int32), tensor.WithShape(shape...)))
	}
	picture := leaf(2, 3, 4, 5)
	for name, build := range map[string]func() (*gorgonia.Node, error){
		"Conv2D: channels":         func() (*gorgonia.Node, error) { return Conv2D(picture, leaf(2, 4, 3, 3), nil, Square(1, 1)) },
		"Conv2D: kernel too large": func() (*gorgonia.Node, error) { return Conv2D(picture, leaf(2, 3, 7, 7), nil, Square(1, 1)) },
		"Conv2D: stride 0":         func() (*gorgonia.Node, error) { return Conv2D(picture, leaf(2, 3, 3, 3), nil, Square(0, 1)) },
		"Conv2D: negative pad":     func() (*gorgonia.Node, error) { return Conv2D(picture, leaf(2, 3, 3, 3), nil, Square(1, -1)) },
		"Conv2D: bias":             func() (*gorgonia.Node, error) { return Conv2D(picture, leaf(2, 3, 3, 3), leaf(3), Square(1, 1)) },
		"Conv2D: rank":             func() (*gorgonia.Node, error) { return Conv2D(leaf(3, 4, 5), leaf(2, 3, 3, 3), nil, Square(1, 1)) },
		"ConvTranspose2D: channels": func() (*gorgonia.Node, error) {
			return ConvTranspose2D(picture, leaf(4, 2, 3, 3), nil, Square(1, 1), [2]int{})
		},
		"ConvTranspose2D: extra": func() (*gorgonia.Node, error) {
			return ConvTranspose2D(picture, leaf(3, 2, 3, 3), nil, Square(2, 1), [2]int{2, 2})
		},
		"ConvTranspose2D: no output": func() (*gorgonia.Node, error) {
			return ConvTranspose2D(picture, leaf(3, 2, 1, 1), nil, Square(1, 3), [2]int{})
		},
		"ConvTranspose2D: a step more": func() (*gorgonia.Node, error) {
			return ConvTranspose2D(picture, leaf(3, 2, 3, 3), nil, Window{Stride: [2]int{1, 1}, Pad: [4]int{}, Dilation: [2]int{2, 2}}, [2]int{1, 1})
		},
		"ConvTranspose2D: bias": func() (*gorgonia.Node, error) {
			return ConvTranspose2D(picture, leaf(3, 2, 3, 3), leaf(3), Square(2, 1), [2]int{1, 1})
		},
		"ChannelBias: rank":         func() (*gorgonia.Node, error) { return ChannelBias(leaf(3), leaf(3)) },
		"InstanceNorm: rank":        func() (*gorgonia.Node, error) { return InstanceNorm(leaf(2, 3), testEps) },
		"ChannelAffine: parameters": func() (*gorgonia.Node, error) { return ChannelAffine(picture, leaf(3), leaf(4)) },
		"BatchNormInference": func() (*gorgonia.Node, error) {
			return BatchNormInference(picture, leaf(3), leaf(3), leaf(3), leaf(4), testEps)
		},
		"Statistics: group":       func() (*gorgonia.Node, error) { return Statistics(picture, 3, testEps) },
		"Statistics: group 0":     func() (*gorgonia.Node, error) { return Statistics(picture, 0, testEps) },
		"Standardize: statistics": func() (*gorgonia.Node, error) { return Standardize(picture, leaf(2, 3)) },
		"LeakyReLU: slope":        func() (*gorgonia.Node, error) { return LeakyReLU(picture, 1) },
		"InverseErf: table":       func() (*gorgonia.Node, error) { return InverseErf(picture, leaf(255)) },
		"SpaceToDepth: block":     func() (*gorgonia.Node, error) { return SpaceToDepth(picture, 2) },
		"SpaceToDepth: block 0":   func() (*gorgonia.Node, error) { return SpaceToDepth(picture, 0) },
		"DepthToSpace: channels":  func() (*gorgonia.Node, error) { return DepthToSpace(picture, 2, false) },
		"ReflectPad: as large":    func() (*gorgonia.Node, error) { return ReflectPad(picture, 4) },
		"Permute: index":          func() (*gorgonia.Node, error) { return Permute(picture, index(1, 3, 19)) },
		"Mix: matrix":             func() (*gorgonia.Node, error) { return Mix(leaf(3, 4), picture, false) },
		"Mix: transposed matrix":  func() (*gorgonia.Node, error) { return Mix(leaf(4, 3), picture, true) },
		"Inverse: not square":     func() (*gorgonia.Node, error) { return Inverse(leaf(3, 4)) },
		"Channels: beyond":        func() (*gorgonia.Node, error) { return Channels(picture, 1, 4) },
		"Channels: none":          func() (*gorgonia.Node, error) { return Channels(picture, 1, 1) },
		"Join: positions":         func() (*gorgonia.Node, error) { return Join(picture, leaf(2, 3, 5, 4)) },
		"Join: rank":              func() (*gorgonia.Node, error) { return Join(picture, leaf(2, 3)) },
		"Add: shapes":             func() (*gorgonia.Node, error) { return Add(picture, leaf(2, 3, 5, 4)) },
		"NegativePSNR: shapes":    func() (*gorgonia.Node, error) { return NegativePSNR(picture, leaf(2, 3, 5, 4)) },
		"SSIMLoss: small":         func() (*gorgonia.Node, error) { return SSIMLoss(picture, picture) },
		"WeightedSum: no scalar":  func() (*gorgonia.Node, error) { return WeightedSum([]float32{1}, picture) },
		"WeightedSum: counts":     func() (*gorgonia.Node, error) { return WeightedSum([]float32{1, 2}, picture) },
		"WeightedSum: nothing":    func() (*gorgonia.Node, error) { return WeightedSum(nil) },
		"a missing input":         func() (*gorgonia.Node, error) { return Add(picture, nil) },
		"Apply: count of inputs": func() (*gorgonia.Node, error) {
			return Apply(Spec{Name: "One", Arity: 1, Shape: same}, picture, picture)
		},
	} {
		t.Run(name, func(t *testing.T) {
			if n, err := build(); err == nil {
				t.Errorf("a node of shape %v, want an error", n.Shape())
			}
		})
	}
}

func TestScalars(t *testing.T) {
	g := gorgonia.NewGraph()
	a, err := CrossEntropy(bind(t, g, "logits", ones(2, 1)), true)
	if err != nil {
		t.Fatal(err)
	}
	if !a.IsScalar() {
		t.Fatalf("a loss has shape %v, want a scalar", a.Shape())
	}
	stock, err := gorgonia.Add(a, gorgonia.NewConstant(float32(1)))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := WeightedSum([]float32{2, 4}, a, stock)
	if err != nil {
		t.Fatal(err)
	}
	run(t, g)
	loss, ok := a.Value().Data().(float32)
	if !ok {
		t.Fatalf("the loss is a %T, want a float32", a.Value().Data())
	}
	if got, want := sum.Value().Data().(float32), 2*loss+4*(loss+1); got != want {
		t.Errorf("the sum with a scalar of a stock operation is %g, want %g", got, want)
	}
}

// TestEqualNodesMerge checks that equal operations on the same inputs share a node, and those
// with a different attribute or input do not.
func TestEqualNodesMerge(t *testing.T) {
	g := gorgonia.NewGraph()
	x, y := bind(t, g, "x", ones(1, 4, 4, 4)), bind(t, g, "y", ones(1, 4, 4, 4))
	must := func(n *gorgonia.Node, err error) *gorgonia.Node {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	weights := bind(t, g, "w", ones(4, 4, 3, 3))
	first, second := make([]float32, 4), make([]float32, 4)
	for name, build := range map[string]func(variant int) *gorgonia.Node{
		"slope":    func(v int) *gorgonia.Node { return must(LeakyReLU(x, []float32{0.1, 0.2}[v])) },
		"input":    func(v int) *gorgonia.Node { return must(Tanh(gorgonia.Nodes{x, y}[v])) },
		"function": func(v int) *gorgonia.Node { return []*gorgonia.Node{must(Tanh(x)), must(Erf(x))}[v] },
		"factor":   func(v int) *gorgonia.Node { return must(Scale(x, []float32{1, 1.0000001}[v])) },
		"eps":      func(v int) *gorgonia.Node { return must(InstanceNorm(x, []float32{1e-5, 1e-6}[v])) },
		"padding": func(v int) *gorgonia.Node {
			return must(Conv2D(x, weights, nil, Window{Stride: [2]int{1, 1}, Pad: [][4]int{{2, 0, 1, 1}, {0, 2, 1, 1}}[v], Dilation: [2]int{1, 1}}))
		},
		"mode":     func(v int) *gorgonia.Node { return must(DepthToSpace(x, 2, v == 1)) },
		"channels": func(v int) *gorgonia.Node { return must(Channels(x, v, v+2)) },
		"group":    func(v int) *gorgonia.Node { return must(Statistics(must(Join(x, y)), 1, []float32{1e-5, 1e-4}[v])) },
		"order":    func(v int) *gorgonia.Node { return must(Sub(gorgonia.Nodes{x, y}[v], gorgonia.Nodes{y, x}[v])) },
		"running": func(v int) *gorgonia.Node {
			return must(BatchNorm(x, [][]float32{first, second}[v], make([]float32, 4), 0.1, 1e-5))
		},
		"rounding": func(v int) *gorgonia.Node { return must(StraightThrough(x, v == 1)) },
		"label":    func(v int) *gorgonia.Node { return must(CrossEntropy(x, v == 1)) },
	} {
		a, again, other := build(0), build(0), build(1)
		if a != again {
			t.Errorf("%s: building a node twice gives two nodes", name)
		}
		if a == other {
			t.Errorf("%s: two different operations are one node", name)
		}
	}
}

// TestMemoryStaysFlat runs a machine, forward and backward, 200 times. Live memory must not grow
// by more than a small part of the tensors of a run.
func TestMemoryStaysFlat(t *testing.T) {
	g := gorgonia.NewGraph()
	x := bind(t, g, "x", ones(2, 8, 32, 32))
	w := gorgonia.NewTensor(g, tensor.Float32, 4, gorgonia.WithShape(8, 8, 3, 3), gorgonia.WithName("w"), gorgonia.WithValue(ones(8, 8, 3, 3)))
	n := x
	for _, layer := range []func(n *gorgonia.Node) (*gorgonia.Node, error){
		func(n *gorgonia.Node) (*gorgonia.Node, error) { return Conv2D(n, w, nil, Square(1, 1)) },
		func(n *gorgonia.Node) (*gorgonia.Node, error) { return InstanceNorm(n, testEps) },
		Tanh,
		func(n *gorgonia.Node) (*gorgonia.Node, error) { return SSIMLoss(n, x) },
	} {
		var err error
		if n, err = layer(n); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Gradients(n, w); err != nil {
		t.Fatal(err)
	}
	m := gorgonia.NewTapeMachine(g)
	defer m.Close()
	live := func(runs int) uint64 {
		for range runs {
			if err := m.RunAll(); err != nil {
				t.Fatal(err)
			}
			m.Reset()
		}
		var s runtime.MemStats
		runtime.GC()
		runtime.GC() // the second collection frees pooled scratch memory
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	before := live(5)
	after := live(200)
	t.Logf("%d bytes live after 5 runs, %d after 205", before, after)
	if after > before+1<<20 {
		t.Errorf("200 runs leave %d bytes more", after-before)
	}
}

// TestTrainableFollowsLeaves checks that a node is trainable if it depends on a trainable leaf.
func TestTrainableFollowsLeaves(t *testing.T) {
	g := gorgonia.NewGraph()
	x := bind(t, g, "x", ones(1, 2, 3, 3))
	w := gorgonia.NewTensor(g, tensor.Float32, 4, gorgonia.WithShape(1, 2, 3, 3), gorgonia.WithName("w"))
	frozen, err := Tanh(x)
	if err != nil {
		t.Fatal(err)
	}
	trained, err := Tanh(w)
	if err != nil {
		t.Fatal(err)
	}
	both, err := Add(frozen, trained)
	if err != nil {
		t.Fatal(err)
	}
	rounded, err := RoundHalf(both)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		n    *gorgonia.Node
		want bool
	}{{"a data leaf", x, false}, {"a trainable leaf", w, true}, {"of data alone", frozen, false}, {"of a trainable leaf", trained, true}, {"of both", both, true}, {"behind an operation without gradient", rounded, false}} {
		if got := active(c.n); got != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
	}
	if wrt := both.Op().(gorgonia.SDOp).DiffWRT(2); wrt[0] || !wrt[1] {
		t.Errorf("the sum has gradients %v, want only the second", wrt)
	}
	if _, err := rounded.Op().(gorgonia.SDOp).SymDiff(gorgonia.Nodes{both}, rounded, rounded); err == nil {
		t.Error("the gradient of an operation without one is no error")
	}
}

func TestBatchNormMovesItsStatistics(t *testing.T) {
	mean, variance := []float32{1, 2}, []float32{3, 4}
	g := gorgonia.NewGraph()
	x := tensor.New(tensor.WithShape(2, 2, 1, 2), tensor.WithBacking([]float32{1, 3, 0, 0, 5, 7, 4, 4}))
	if _, err := BatchNorm(bind(t, g, "x", x), mean, variance, 0.25, testEps); err != nil {
		t.Fatal(err)
	}
	run(t, g)
	// Channel 0 holds 1, 3, 5, 7: mean 4, unbiased variance 20/3; channel 1 holds 0, 0, 4, 4: mean 2, 16/3.
	want := []float64{1.75, 2, 0.75*3 + 0.25*20/3, 0.75*4 + 0.25*16/3}
	for i, got := range append(append([]float32{}, mean...), variance...) {
		if d := float64(got) - want[i]; d > 1e-6 || d < -1e-6 {
			t.Errorf("running statistic %d is %g, want %g", i, got, want[i])
		}
	}
}

func TestSingularMatrixIsAnError(t *testing.T) {
	for _, m := range [][]float32{{1, 2, 2, 4}, {0, 0, 0, 0}} {
		g := gorgonia.NewGraph()
		if _, err := Inverse(bind(t, g, "m", tensor.New(tensor.WithShape(2, 2), tensor.WithBacking(m)))); err != nil {
			t.Fatal(err)
		}
		machine := gorgonia.NewTapeMachine(g)
		if err := machine.RunAll(); err == nil {
			t.Errorf("inverting %v is no error", m)
		}
		machine.Close()
	}
}

// TestCollect checks that after every run the slices hold its values, including those of inner
// nodes and scalars.
func TestCollect(t *testing.T) {
	g := gorgonia.NewGraph()
	d := ones(1, 2, 3)
	x := bind(t, g, "x", d)
	middle, err := Scale(x, 2)
	if err != nil {
		t.Fatal(err)
	}
	last, err := CrossEntropy(middle, true)
	if err != nil {
		t.Fatal(err)
	}
	into := [][]float32{make([]float32, 6), make([]float32, 1)}
	if _, err := Collect(into, middle, last); err != nil {
		t.Fatal(err)
	}
	if _, err := Collect(into, last, middle); err == nil {
		t.Error("slices of other lengths than the nodes are no error")
	}
	if _, err := Collect(into, middle); err == nil {
		t.Error("two slices for one node are no error")
	}
	m := gorgonia.NewTapeMachine(g)
	defer m.Close()
	for _, v := range []float32{3, -5} {
		for i := range floats(d) {
			floats(d)[i] = v
		}
		if err := m.RunAll(); err != nil {
			t.Fatal(err)
		}
		m.Reset()
		for i, got := range into[0] {
			if got != 2*v {
				t.Errorf("element %d is %g, want %g", i, got, 2*v)
			}
		}
		if want := math.Log1p(math.Exp(-2 * float64(v))); math.Abs(float64(into[1][0])-want) > 1e-5 {
			t.Errorf("the loss is %g, want %g", into[1][0], want)
		}
	}
}
