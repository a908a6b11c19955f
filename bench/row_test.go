package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"enciphergan/internal/onnx/peer"

	"gorgonia.org/tensor"
)

// fake is a side that answers from memory and notes its turns.
type fake struct {
	name   string
	values []float32
	took   []time.Duration
	turns  *[]string
}

func (f *fake) load(context.Context, job) ([][]byte, error) {
	text, err := peer.Encode(map[string]*tensor.Dense{"y": tensor.New(tensor.WithShape(len(f.values)), tensor.WithBacking(f.values))})
	return [][]byte{text}, err
}

func (f *fake) run(context.Context) (time.Duration, error) {
	*f.turns = append(*f.turns, f.name)
	took := f.took[0]
	f.took = f.took[1:]
	return took, nil
}

func (f *fake) peak(context.Context) (int64, error) { return 5e6, nil }
func (f *fake) close()                              {}

func testRow(ours, peers *fake) row {
	return row{"a row", job{units: 2, tolerance: 0.01},
		func(context.Context) (side, error) { return ours, nil },
		func(context.Context) (side, error) {
			if peers == nil {
				return nil, &missingPeer{"not there"}
			}
			return peers, nil
		}}
}

func TestMeasure(t *testing.T) {
	var turns []string
	ours := &fake{"ours", []float32{1, 2}, []time.Duration{20, 60, 40}, &turns}
	peers := &fake{"peer", []float32{1, 2.0078125}, []time.Duration{200, 100, 900}, &turns}
	m, err := testRow(ours, peers).measure(context.Background(), 3)
	if err != nil {
		t.Fatal(err)
	}
	if m.ours != 20 || m.peers != 100 || m.difference != 0.0078125 || m.oursPeak != 5e6 || m.missing != nil {
		t.Errorf("measured %+v", m)
	}
	if want := []string{"ours", "peer", "peer", "ours", "ours", "peer"}; !slices.Equal(turns, want) {
		t.Errorf("turns %v, want %v", turns, want)
	}
}

// Turns that warm up are not measured, and in each turn the first run is not.
func TestWarmUp(t *testing.T) {
	var turns []string
	r := testRow(&fake{"ours", []float32{1}, []time.Duration{900, 900, 900, 20, 900, 40, 900, 60}, &turns}, nil)
	r.job.warmUp = 1
	if m, err := r.measure(context.Background(), 3); err != nil || m.ours != 20 || len(turns) != 8 {
		t.Errorf("measured %+v in %d runs: %v", m, len(turns), err)
	}
}

func TestMismatchFails(t *testing.T) {
	ours, peers := &fake{values: []float32{1, 2}}, &fake{values: []float32{1, 2.02}}
	if _, err := testRow(ours, peers).measure(context.Background(), 1); err == nil || !strings.Contains(err.Error(), `the output "y" differs`) {
		t.Errorf("outputs that differ: %v", err)
	}
	peers.values = peers.values[:1]
	if _, err := testRow(ours, peers).measure(context.Background(), 1); err == nil {
		t.Error("outputs of different shapes pass")
	}
}

func TestMissingPeer(t *testing.T) {
	var turns []string
	m, err := testRow(&fake{"ours", []float32{1}, []time.Duration{8, 6, 4}, &turns}, nil).measure(context.Background(), 3)
	if err != nil || m.missing == nil || m.ours != 3 || len(turns) != 3 {
		t.Fatalf("measured %+v, turns %v, %v", m, turns, err)
	}
	var out strings.Builder
	newTable(&out).add(row{name: "a row"}, m)
	if !strings.Contains(out.String(), "not there") {
		t.Errorf("the table does not say what is missing:\n%s", out.String())
	}
}

// Our native side answers over its protocol, and a fault is an answer too.
func TestServe(t *testing.T) {
	var out strings.Builder
	if err := serve(strings.NewReader("{}\n{\"model\": \"nonesuch\"}\n"), &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "no job is loaded") || !strings.Contains(lines[1], "nonesuch") {
		t.Errorf("answers %q", lines)
	}
	if err := serve(strings.NewReader("nonsense\n"), &out); err == nil {
		t.Error("nonsense is answered")
	}
}
