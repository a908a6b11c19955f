package op

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// randomGraph returns a graph of operations of several shapes on random earlier nodes. The
// outputs are the last node and an inner one.
func randomGraph(t *testing.T, seed uint64) (*gorgonia.ExprGraph, []*gorgonia.Node) {
	r := rand.New(rand.NewPCG(seed, 20230111))
	g := gorgonia.NewGraph()
	x := ones(1, 8, 4, 4)
	for i := range floats(x) {
		floats(x)[i] = r.Float32()*2 - 1
	}
	nodes := []*gorgonia.Node{bind(t, g, "x", x)}
	half, err := Constant(g, "half", tensor.New(tensor.WithShape(1), tensor.WithBacking([]float32{0.5})))
	if err != nil {
		t.Fatal(err)
	}
	var weights [2]*gorgonia.Node // by channels
	for i, c := range []int{8, 32} {
		w := ones(c, c, 1, 1)
		for i := range floats(w) {
			floats(w)[i] = r.Float32() - 0.5
		}
		if weights[i], err = Constant(g, fmt.Sprint("weights", c), w); err != nil {
			t.Fatal(err)
		}
	}
	for len(nodes) < 30 {
		a, b := nodes[r.IntN(len(nodes))], nodes[r.IntN(len(nodes))]
		if r.IntN(2) == 0 { // consecutive operations, which may be fused
			a = nodes[len(nodes)-1]
		}
		var n *gorgonia.Node
		var err error
		switch r.IntN(11) {
		case 5:
			n, err = Conv2D(a, weights[a.Shape()[1]/32], nil, Square(1, 0))
			if err == nil && slices.Equal(a.Shape(), b.Shape()) {
				n, err = Broadcast(kernel.Plus, b, n)
			}
			if err == nil {
				n, err = ReLU(n)
			}
		case 6:
			n, err = LeakyReLU(a, 0.25)
		case 7:
			if n, err = Reshape(a, 1, a.Shape()[1], 1, a.Shape()[2]*a.Shape()[3]); err == nil {
				n, err = Reshape(n, a.Shape()...)
			}
		case 0:
			n, err = Tanh(a)
		case 1:
			n, err = Neg(a)
		case 2:
			if a.Shape()[2] == 4 {
				n, err = SpaceToDepth(a, 2)
			} else {
				n, err = DepthToSpace(a, 2, false)
			}
		case 3:
			n, err = Broadcast(kernel.BinaryOp(r.IntN(4)), a, half)
		case 4:
			n, err = Broadcast(kernel.BinaryOp(r.IntN(3)), half, a)
		default:
			if !slices.Equal(a.Shape(), b.Shape()) {
				continue
			}
			n, err = Broadcast(kernel.BinaryOp(r.IntN(3)), a, b)
		}
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, n)
	}
	return g, []*gorgonia.Node{nodes[15], nodes[29]}
}

// runTwice returns the bits of the outputs of the second of two runs.
func runTwice(t *testing.T, g *gorgonia.ExprGraph, outputs []*gorgonia.Node) (bits []uint32) {
	m := gorgonia.NewTapeMachine(g)
	defer m.Close()
	for range 2 {
		if err := m.RunAll(); err != nil {
			t.Fatal(err)
		}
		bits = bits[:0]
		for _, n := range outputs {
			for _, v := range floats(n.Value().(*tensor.Dense)) {
				bits = append(bits, math.Float32bits(v))
			}
		}
		m.Reset()
	}
	return bits
}

func TestProgramsGiveTheSame(t *testing.T) {
	elementwise, convolutions, views := 0, 0, 0
	for seed := range uint64(80) {
		g, outputs := randomGraph(t, seed)
		want := runTwice(t, g, outputs)
		p, err := NewProgram(g, outputs...)
		if err != nil {
			t.Fatal(err)
		}
		if total, all := p.instructions[len(p.instructions)-1].total, int64(29*4*128); total >= all {
			t.Errorf("seed %d: %d bytes for the results, without a plan they are at most %d", seed, total, all)
		}
		for _, s := range p.instructions {
			if strings.Contains(s.spec.Name, ", ") {
				if s.spec.convolution != nil {
					convolutions++
				} else {
					elementwise++
				}
			}
		}
		views += len(p.results) - len(p.instructions)
		for range 2 {
			p.Set("x", input(g))
			if err := p.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			var bits []uint32
			for i := range outputs {
				for _, v := range floats(p.Result(i)) {
					bits = append(bits, math.Float32bits(v))
				}
			}
			if !slices.Equal(bits, want) {
				t.Fatalf("seed %d: %08x, by the tape machine %08x", seed, bits, want)
			}
		}
	}
	if elementwise < 30 || convolutions < 30 || views < 30 {
		t.Errorf("only %d elementwise operations and %d convolutions are fused, %d views", elementwise, convolutions, views)
	}
}

// input returns the value of the only leaf of a graph that is not a constant.
func input(g *gorgonia.ExprGraph) *tensor.Dense {
	for _, n := range g.AllNodes() {
		if n.Op() == nil && !constant(n) {
			return n.Value().(*tensor.Dense)
		}
	}
	return nil
}

// TestPlanOfAChain checks that a chain of operations in place needs the memory of one result at
// any length, and a chain of other operations the memory of two.
func TestPlanOfAChain(t *testing.T) {
	g := gorgonia.NewGraph()
	n := bind(t, g, "x", ones(1, 4, 6, 6))
	for i := range 9 {
		var err error
		if i < 3 {
			n, err = InstanceNorm(n, 1e-5)
		} else {
			n, err = Tanh(n)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if p, err := NewProgram(g, n); err != nil || p.Memory != 3*576 {
		t.Errorf("program %+v, error %v; want one of 1728 bytes, the input among them", p, err)
	}
}

// TestProgramErrors checks that the errors for an input that is not set and for a panic name the operation.
func TestProgramErrors(t *testing.T) {
	g := gorgonia.NewGraph()
	x := Data(g, "x", tensor.Float32, 2, 2)
	y, err := Tanh(x)
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewProgram(g, y)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "Tanh: input 0 has no value") {
		t.Errorf("without the input: %v", err)
	}
	p.Set("x", tensor.New(tensor.Of(tensor.Int64), tensor.WithShape(2, 2)))
	if err := p.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "Tanh: interface conversion") {
		t.Errorf("an input of another type: %v", err)
	}
	if _, err := NewProgram(g, x); err == nil {
		t.Error("a leaf is accepted as an output")
	}
}

// TestProgramKeepsWeightsOnce checks that a program retains constant weights only in packed form,
// unless another operation reads them.
func TestProgramKeepsWeightsOnce(t *testing.T) {
	for _, both := range []bool{false, true} {
		g := gorgonia.NewGraph()
		x := Data(g, "x", tensor.Float32, 1, 1, 2, 2)
		w, err := Constant(g, "w", ones(1, 1, 1, 1))
		if err != nil {
			t.Fatal(err)
		}
		y, err := Conv2D(x, w, nil, Square(1, 0))
		if err == nil && both {
			var z *gorgonia.Node
			if z, err = Neg(w); err == nil {
				y, err = Conv2D(y, z, nil, Square(1, 0))
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		p, err := NewProgram(g, y)
		if err != nil {
			t.Fatal(err)
		}
		p.Set("x", ones(1, 1, 2, 2))
		for range 3 {
			if err := p.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			want := float32(1)
			if both {
				want = -1
			}
			if got := floats(p.Result(0))[3]; got != want {
				t.Errorf("result %g, want %g", got, want)
			}
		}
		if held := p.tensors[p.constants[0]] != nil; held != both {
			t.Errorf("the weights are held: %t, want %t", held, both)
		}
	}
}

// TestProgramAllocatesNothing checks that in steady state a program allocates no memory for
// tensors, and convolutions none at all. An elementwise operation may allocate a closure, which
// the cores share.
func TestProgramAllocatesNothing(t *testing.T) {
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("the race detector makes pools forget on purpose")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	g := gorgonia.NewGraph()
	x := Data(g, "x", tensor.Float32, 1, 16, 20, 20)
	constant := func(name string, shape ...int) *gorgonia.Node {
		n, err := Constant(g, name, ones(shape...))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	n := x
	for i, build := range []func() (*gorgonia.Node, error){
		func() (*gorgonia.Node, error) {
			return Conv2D(n, constant("tiles", 16, 16, 3, 3), constant("bias", 16), Square(1, 1))
		},
		func() (*gorgonia.Node, error) {
			return Conv2D(n, constant("points", 16, 16, 1, 1), nil, Square(1, 0))
		},
		func() (*gorgonia.Node, error) { return ReLU(n) },
		func() (*gorgonia.Node, error) { return Conv2D(n, constant("strides", 16, 16, 3, 3), nil, Square(2, 1)) },
		func() (*gorgonia.Node, error) {
			return ConvTranspose2D(n, constant("back", 16, 16, 3, 3), nil, Square(2, 1), [2]int{1, 1})
		},
		func() (*gorgonia.Node, error) { return InstanceNorm(n, 1e-5) },
		func() (*gorgonia.Node, error) { return Tanh(n) },
	} {
		var err error
		if n, err = build(); err != nil {
			t.Fatalf("operation %d: %v", i, err)
		}
	}
	p, err := NewProgram(g, n)
	if err != nil {
		t.Fatal(err)
	}
	p.Set("x", ones(1, 16, 20, 20))
	// The minimum of several measurements, since a garbage collection empties pools, which then allocate.
	least := math.Inf(1)
	for range 5 {
		least = min(least, testing.AllocsPerRun(10, func() {
			if err := p.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}))
	}
	if least > 2 {
		t.Errorf("%g allocations a run, of two elementwise operations", least)
	}
}

// TestProgramEnds checks that a program checks its context before every operation and before it packs weights.
func TestProgramEnds(t *testing.T) {
	g := gorgonia.NewGraph()
	n := Data(g, "x", tensor.Float32, 1, 4, 6, 6)
	const steps = 9
	for range steps {
		var err error
		if n, err = InstanceNorm(n, 1e-5); err != nil {
			t.Fatal(err)
		}
	}
	p, err := NewProgram(g, n)
	if err != nil {
		t.Fatal(err)
	}
	p.Set("x", ones(1, 4, 6, 6))
	for after := range steps {
		ctx, cancel := context.WithCancel(t.Context())
		ran := 0
		p.Observe(func(Event) {
			if ran++; ran == after {
				cancel()
			}
		})
		if after == 0 {
			cancel()
		}
		if err := p.Run(ctx); !errors.Is(err, context.Canceled) || ran != after {
			t.Errorf("ended after %d of %d operations, want %d: %v", ran, steps, after, err)
		}
		cancel()
	}

	g = gorgonia.NewGraph()
	w, err := Constant(g, "w", ones(1, 1, 1, 1))
	if err != nil {
		t.Fatal(err)
	}
	y, err := Conv2D(Data(g, "x", tensor.Float32, 1, 1, 2, 2), w, nil, Square(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	if p, err = NewProgram(g, y); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Run(ctx); !errors.Is(err, context.Canceled) || p.tensors[p.constants[0]] == nil {
		t.Errorf("the weights were packed all the same: %v", err)
	}
	p.Set("x", ones(1, 1, 2, 2))
	if err := p.Run(t.Context()); err != nil {
		t.Errorf("a run after one that ended: %v", err)
	}
}
