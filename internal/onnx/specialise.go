package onnx

import (
	"encoding/binary"
	"fmt"
	"math"

	"enciphergan/internal/kernel"
)

// constantKind tells what onnx-go cannot say of a constant.
type constantKind struct {
	half   bool // half-precision numbers, held as float32
	scalar bool // no dimensions, held as one of size 1
}

// specialise rewrites a checked model into one that onnx-go can read: inputs
// have sizes, constants are initialisers of float32, int32 or int64 with at
// least one dimension. m is left as it is; the result shares its data.
func specialise(m *Model, dims map[string]int, lim Limits) (*Model, map[string]constantKind, error) {
	out := *m
	g := &out.Graph
	inputs, _ := m.Graph.required()
	g.Inputs = make([]ValueInfo, len(inputs))
	for i, v := range inputs {
		if len(v.Dims) == 0 {
			return nil, nil, fmt.Errorf("input %q is a scalar; make it a tensor of shape [1] or a constant", v.Name)
		}
		unknown := ""
		shape := sizes(v.Dims, func(parameter string) int {
			if _, given := dims[parameter]; !given {
				unknown = parameter
			}
			return dims[parameter]
		})
		if unknown != "" {
			return nil, nil, fmt.Errorf("input %q has a dimension %q of unknown size; give it", v.Name, unknown)
		}
		if _, err := elements(shape, lim.Elements); err != nil {
			return nil, nil, fmt.Errorf("input %q: %w", v.Name, err)
		}
		v.Dims = make([]Dim, len(shape))
		for d, n := range shape {
			v.Dims[d].Size = int64(n)
		}
		g.Inputs[i] = v
	}

	kinds := map[string]constantKind{}
	g.Initializers = nil
	constant := func(name string, t Tensor) {
		kinds[name] = constantKind{half: t.Type == Float16, scalar: len(t.Dims) == 0}
		t.Name = name
		if t.Type == Float16 {
			t.Type, t.Raw = Float32, expandHalf(t.Raw)
		}
		if len(t.Dims) == 0 {
			t.Dims = []int64{1}
		}
		g.Initializers = append(g.Initializers, t)
	}
	for _, t := range m.Graph.Initializers {
		constant(t.Name, t)
	}
	g.Nodes = make([]Node, len(m.Graph.Nodes))
	for i, n := range m.Graph.Nodes {
		if n.Op == "Constant" {
			t, err := constantOf(&n)
			if err != nil {
				return nil, nil, fmt.Errorf("node %d (Constant %q): %w", i, n.Name, err)
			}
			name := "\x00" + n.Outputs[0] // the parser lets no value of the file begin like this
			constant(name, t)
			n = Node{Op: "Identity", Name: n.Name, Inputs: []string{name}, Outputs: n.Outputs}
		}
		g.Nodes[i] = n
	}
	return &out, kinds, nil
}

// constantOf is the tensor of a Constant node.
func constantOf(n *Node) (Tensor, error) {
	if len(n.Inputs) != 0 || len(n.Outputs) != 1 || len(n.Attributes) != 1 {
		return Tensor{}, fmt.Errorf("%d inputs, %d outputs and %d attributes; it has 0, 1 and 1", len(n.Inputs), len(n.Outputs), len(n.Attributes))
	}
	a := n.Attributes[0]
	switch {
	case a.Name == "value" && a.Type == TensorAttribute:
		return a.Tensor, nil
	case a.Name == "value_float" && a.Type == FloatAttribute:
		return NewFloat32("", nil, []float32{a.Float}), nil
	case a.Name == "value_int" && a.Type == IntAttribute:
		return NewInt64("", nil, []int64{a.Int}), nil
	case a.Name == "value_floats" && a.Type == FloatsAttribute && len(a.Floats) > 0:
		return NewFloat32("", []int64{int64(len(a.Floats))}, a.Floats), nil
	case a.Name == "value_ints" && a.Type == IntsAttribute && len(a.Ints) > 0:
		return NewInt64("", []int64{int64(len(a.Ints))}, a.Ints), nil
	}
	return Tensor{}, fmt.Errorf("its attribute %q of type %d is not supported", a.Name, a.Type)
}

func expandHalf(raw []byte) []byte {
	out := make([]byte, 0, 2*len(raw))
	for i := 0; i+1 < len(raw); i += 2 {
		v := kernel.HalfValue(binary.LittleEndian.Uint16(raw[i:]))
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}
