package generator

import (
	"bytes"
	"strings"
	"testing"

	"enciphergan/internal/kernel"

	"enciphergan/internal/onnx"
	"enciphergan/internal/onnx/peer"

	"gorgonia.org/tensor"
)

// The outputs are in the order of the tiles for any number of workers, and repeated runs succeed.
func TestTiles(t *testing.T) {
	file, err := onnx.Encode(&onnx.Model{Opset: onnx.Opset, Graph: onnx.Graph{
		Name:    "twice",
		Nodes:   []onnx.Node{{Op: "Add", Inputs: []string{"x", "x"}, Outputs: []string{"y"}}},
		Inputs:  []onnx.ValueInfo{{Name: "x", Type: onnx.Float32, Dims: []onnx.Dim{{Parameter: "N"}}}},
		Outputs: []onnx.ValueInfo{{Name: "y", Type: onnx.Float32, Dims: []onnx.Dim{{Parameter: "N"}}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	encode := func(name string, v float32) []byte {
		text, err := peer.Encode(map[string]*tensor.Dense{name: tensor.New(tensor.WithShape(2), tensor.WithBacking([]float32{v, -v}))})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	feeds := [][]byte{encode("x", 1), encode("x", 2), encode("x", 3)}
	for _, workers := range []int{1, 2, 5} {
		g, outputs, err := Load(file, kernel.Canonical, feeds, workers)
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range outputs {
			if !bytes.Equal(text, encode("y", float32(2*i+2))) {
				t.Errorf("%d workers, tile %d: %s", workers, i, text)
			}
		}
		if took, err := g.Run(); err != nil || took <= 0 {
			t.Errorf("%d workers: %v, %v", workers, took, err)
		}
	}
	if _, _, err := Load(file, kernel.Canonical, [][]byte{encode("z", 1)}, 1); err == nil || !strings.Contains(err.Error(), `input "x" is missing`) {
		t.Errorf("a missing input: %v", err)
	}
	if _, _, err := Load(file, kernel.Canonical, nil, 1); err == nil {
		t.Error("no inputs are accepted")
	}
}
