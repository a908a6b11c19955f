package onnx

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"enciphergan/internal/kernel"

	"gorgonia.org/tensor"
)

// constantKind holds properties of a constant that its tensor does not have.
type constantKind struct {
	half   bool // half-precision numbers, stored as float32
	scalar bool // has no dimensions in ONNX, one of size 1 in the tensor
}

// specialise returns a checked model in a form that onnx-go can read: the dimensions of inputs
// have sizes and all constants are initialisers. It does not change m; the result shares its data.
func specialise(m *Model, dims map[string]int, lim Limits) (*Model, error) {
	out := *m
	g := &out.Graph
	inputs, _ := m.Graph.required()
	g.Inputs = make([]ValueInfo, len(inputs))
	for i, v := range inputs {
		if len(v.Dims) == 0 {
			return nil, fmt.Errorf("input %q is a scalar; make it a tensor of shape [1] or a constant", v.Name)
		}
		unknown := ""
		shape := sizes(v.Dims, func(parameter string) int {
			if _, given := dims[parameter]; !given {
				unknown = parameter
			}
			return dims[parameter]
		})
		if unknown != "" {
			return nil, fmt.Errorf("input %q has a dimension %q of unknown size", v.Name, unknown)
		}
		if _, err := elements(shape, lim.Elements); err != nil {
			return nil, fmt.Errorf("input %q: %w", v.Name, err)
		}
		v.Dims = make([]Dim, len(shape))
		for d, n := range shape {
			v.Dims[d].Size = int64(n)
		}
		g.Inputs[i] = v
	}

	g.Initializers = slices.Clone(m.Graph.Initializers)
	g.Nodes = make([]Node, len(m.Graph.Nodes))
	for i, n := range m.Graph.Nodes {
		if n.Op == "Constant" {
			t, err := constantOf(&n)
			if err != nil {
				return nil, fmt.Errorf("node %d (Constant %q): %w", i, n.Name, err)
			}
			name := "\x00" + n.Outputs[0] // unique, since the parser refuses names with a zero
			t.Name = name
			g.Initializers = append(g.Initializers, t)
			n = Node{Op: "Identity", Name: n.Name, Inputs: []string{name}, Outputs: n.Outputs}
		}
		g.Nodes[i] = n
	}
	size := int64(0)
	for _, t := range g.Initializers {
		size += int64(len(t.Raw))
		if t.Type == Float16 {
			size += int64(len(t.Raw)) // stored as float32
		}
	}
	if size > lim.Memory {
		return nil, &CostError{fmt.Errorf("its constants take %d MB of memory, more than the %d MB allowed", size>>20, lim.Memory>>20)}
	}
	return &out, nil
}

// constantOf returns the tensor of a Constant node.
func constantOf(n *Node) (Tensor, error) {
	if len(n.Inputs) != 0 || len(n.Outputs) != 1 || len(n.Attributes) != 1 {
		return Tensor{}, fmt.Errorf("%d inputs, %d outputs and %d attributes, want 0, 1 and 1", len(n.Inputs), len(n.Outputs), len(n.Attributes))
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

// dense returns a checked tensor as a tensor.Dense: half precision as float32, a scalar with one dimension of size 1.
func (t *Tensor) dense() (*tensor.Dense, error) {
	shape := []int{1}
	if len(t.Dims) > 0 {
		shape = make([]int, len(t.Dims))
		for i, n := range t.Dims {
			shape[i] = int(n)
		}
	}
	n := len(t.Raw) / int(t.Type.size())
	var data any
	switch t.Type {
	case Float32, Float16:
		list := make([]float32, n)
		for i := range list {
			if t.Type == Float16 {
				list[i] = kernel.HalfValue(binary.LittleEndian.Uint16(t.Raw[2*i:]))
			} else {
				list[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Raw[4*i:]))
			}
		}
		data = list
	case Int32:
		list := make([]int32, n)
		for i := range list {
			list[i] = int32(binary.LittleEndian.Uint32(t.Raw[4*i:]))
		}
		data = list
	case Int64:
		list := make([]int64, n)
		for i := range list {
			list[i] = int64(binary.LittleEndian.Uint64(t.Raw[8*i:]))
		}
		data = list
	default:
		return nil, fmt.Errorf("the constant %q is %v", t.Name, t.Type)
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data)), nil
}
