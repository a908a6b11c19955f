package op

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// randomGraph has operations of several shapes over random earlier nodes; the
// last of them and one in the middle are its outputs.
func randomGraph(t *testing.T, seed uint64) (*gorgonia.ExprGraph, []*gorgonia.Node) {
	r := rand.New(rand.NewPCG(seed, 20230111))
	g := gorgonia.NewGraph()
	x := ones(1, 8, 4, 4)
	for i := range floats(x) {
		floats(x)[i] = r.Float32()*2 - 1
	}
	nodes := []*gorgonia.Node{bind(t, g, "x", x)}
	for len(nodes) < 30 {
		a, b := nodes[r.IntN(len(nodes))], nodes[r.IntN(len(nodes))]
		var n *gorgonia.Node
		var err error
		switch r.IntN(5) {
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
		default:
			if !a.Shape().Eq(b.Shape()) {
				continue
			}
			n, err = Broadcast(0, a, b)
		}
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, n)
	}
	return g, []*gorgonia.Node{nodes[15], nodes[29]}
}

// runTwice gives the outputs of the second run.
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

func TestPlannedGraphsGiveTheSame(t *testing.T) {
	for seed := range uint64(40) {
		g, outputs := randomGraph(t, seed)
		want := runTwice(t, g, outputs)
		g, outputs = randomGraph(t, seed)
		bytes, err := Plan(g, outputs...)
		if err != nil {
			t.Fatal(err)
		}
		if all := int64(29 * 4 * 128); bytes >= all {
			t.Errorf("seed %d: %d bytes for the results, without a plan they are at most %d", seed, bytes, all)
		}
		for i, v := range runTwice(t, g, outputs) {
			if v != want[i] {
				t.Fatalf("seed %d: element %d is %08x, without a plan %08x", seed, i, v, want[i])
			}
		}
	}
}

// A chain of steps in place needs the memory of one result, however long it is, one of others that of two.
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
	if bytes, err := Plan(g, n); err != nil || bytes != 2*576 {
		t.Errorf("%d bytes, error %v; want 1152", bytes, err)
	}
}

// A run in another order than the plan's is an error, not a wrong result.
func TestPlanNoticesAnotherOrder(t *testing.T) {
	g := gorgonia.NewGraph()
	x := bind(t, g, "x", ones(2, 2))
	a, err := Tanh(x)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Neg(a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Plan(g, b); err != nil {
		t.Fatal(err)
	}
	first, second := a.Op().(*operation), b.Op().(*operation)
	if _, err := second.Do(ones(2, 2)); err == nil || !strings.Contains(err.Error(), "in the place of") {
		t.Errorf("the second operation as the first: error %v", err)
	}
	if _, err := first.Do(ones(2, 2)); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Do(ones(2, 2)); err == nil || !strings.Contains(err.Error(), "not the value") {
		t.Errorf("the second operation on another value: error %v", err)
	}
}
