package onnx

import (
	"bytes"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden file of the encoder anew; read the difference before committing it")

// everything returns a valid model with every kind of field that Encode writes.
func everything() *Model {
	return &Model{
		Producer: "encipher", Opset: Opset,
		Metadata: map[string]string{"stride": "4", "profile": "reversible", "": "no key"},
		Graph: Graph{
			Name:    "all",
			Inputs:  []ValueInfo{{"x", Float32, []Dim{{Size: 1}, {Size: 2}, {Parameter: "H"}, {Parameter: "W"}}}, {"i", Int32, Sizes(4)}},
			Outputs: []ValueInfo{{"y", Float32, []Dim{{Size: 1}, {Size: 2}, {Parameter: "H"}, {Parameter: "W"}}}, {"k", Float16, Sizes(2)}},
			Initializers: []Tensor{
				NewFloat32("f", []int64{2, 1}, []float32{1.5, -0.25}), NewFloat16("h", []int64{2}, []uint16{0x3c00, 0xfc00}),
				NewInt32("n", []int64{3}, []int32{1, -2, 3}), NewInt64("l", []int64{2}, []int64{-1, 1 << 40}), NewFloat32("scalar", nil, []float32{9}),
			},
			Nodes: []Node{
				node("Clip", "x - scalar", "c"),
				node("LeakyRelu", "c", "r", FloatOf("alpha", 0.2)),
				node("Constant", "", "t", TensorOf("value", NewInt64("", []int64{1}, []int64{3}))),
				node("Constant", "", "fs", FloatsOf("value_floats", 1, 2)),
				node("Transpose", "r", "y", IntsOf("perm", 0, 1, 2, 3)),
				node("Identity", "h", "k"),
				{Op: "DepthToSpace", Inputs: []string{"x"}, Outputs: []string{"d"}, Attributes: []Attribute{IntOf("blocksize", 1), StringOf("mode", "CRD")}},
			},
		},
	}
}

// TestGolden compares the output of Encode with a golden file. A change of the bytes changes the
// fingerprints of all models.
func TestGolden(t *testing.T) {
	got := encoded(t, everything())
	const file = "testdata/everything.onnx"
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("Encode wrote %d bytes that are not those of %s; if that is meant, run go test -run Golden -update", len(got), file)
	}
	for range 10 { // the order of iteration over maps is random
		if !bytes.Equal(encoded(t, everything()), got) {
			t.Fatal("equal models gave different bytes")
		}
	}
}

func TestWriterReaderRoundTrip(t *testing.T) {
	want := everything()
	got, err := scan(encoded(t, want), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read\n%+v\nwant\n%+v", got, want)
	}
	load(t, want, map[string]int{"H": 2, "W": 2})
}

func TestHeader(t *testing.T) {
	m := everything()
	h, err := Scan(encoded(t, m), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	want := &Header{
		Producer: "encipher", Opset: 13, Inputs: m.Graph.Inputs, Outputs: m.Graph.Outputs, Metadata: m.Metadata,
		Operators: []string{"Clip", "Constant", "DepthToSpace", "Identity", "LeakyRelu", "Transpose"},
	}
	if !reflect.DeepEqual(h, want) {
		t.Errorf("%+v, want %+v", h, want)
	}
}

func TestEncodeRefuses(t *testing.T) {
	for want, change := range map[string]func(m *Model){
		"6 elements of float32 take": func(m *Model) { m.Graph.Initializers[0].Dims = []int64{2, 3} },
		"not positive":               func(m *Model) { m.Graph.Initializers[0].Dims = []int64{-1, -2} },
		"data type 11":               func(m *Model) { m.Graph.Initializers[0].Type = 11 },
		"input or output":            func(m *Model) { m.Graph.Outputs[0].Type = 0 },
		"attribute type 9":           func(m *Model) { m.Graph.Nodes[1].Attributes[0].Type = 9 },
		"elements of int64":          func(m *Model) { m.Graph.Nodes[2].Attributes[0].Tensor.Raw = nil },
	} {
		m := everything()
		change(m)
		if _, err := Encode(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one about %q", err, want)
		}
	}
}
