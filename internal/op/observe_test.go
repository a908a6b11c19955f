package op

import (
	"slices"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// TestObserve checks that every operation of a run is reported once, in order, with its shapes,
// and none after Observe(nil).
func TestObserve(t *testing.T) {
	g := gorgonia.NewGraph()
	x, err := bound(g, "x", 1, 2, 3, 3)
	if err != nil {
		t.Fatal(err)
	}
	y, err := Tanh(x)
	if err != nil {
		t.Fatal(err)
	}
	z, err := Channels(y, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewProgram(g, z)
	if err != nil {
		t.Fatal(err)
	}
	p.Set("x", x.Value().(*tensor.Dense))
	var events []Event
	p.Observe(func(e Event) { events = append(events, e) })
	for range 2 {
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.Observe(nil)
	}
	if len(events) != 2 || events[0].Name != "Tanh" || events[1].Name != "Channels{0 1}" {
		t.Fatalf("events %+v", events)
	}
	if e := events[1]; len(e.In) != 1 || !slices.Equal(e.In[0], tensor.Shape{1, 2, 3, 3}) || !slices.Equal(e.Out, tensor.Shape{1, 1, 3, 3}) || e.Took < 0 {
		t.Errorf("event %+v", e)
	}
}

func bound(g *gorgonia.ExprGraph, name string, shape ...int) (*gorgonia.Node, error) {
	n := Data(g, name, tensor.Float32, shape...)
	return n, gorgonia.Let(n, tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(shape...)))
}
