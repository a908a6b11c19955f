package onnx

import (
	"fmt"
	"slices"

	onnxgo "github.com/owulveryck/onnx-go"
	"gonum.org/v1/gonum/graph"
	"gorgonia.org/tensor"
)

// value is a node of onnx-go's graph: an input, a constant or a result of a step.
type value struct {
	id       int64
	name     string
	constant *tensor.Dense // nil if the value is not constant
	kind     constantKind
}

func (v *value) ID() int64           { return v.id }
func (v *value) SetName(name string) { v.name = name }
func (v *value) GetName() string     { return v.name }

// step applies an operator to values.
type step struct {
	op         string
	attributes map[string]any
	in, out    []*value // in contains nil for an absent optional input
}

// program is a decoded file. Its steps are in an order in which they can be run.
type program struct {
	opset   int64
	steps   []*step
	inputs  []programInput
	outputs []*value
}

type programInput struct {
	*value
	typ   DataType
	shape []int
}

// decode decodes a specialised model with onnx-go.
func decode(m *Model) (*program, error) {
	// onnx-go gets inputs and outputs without types, since it would allocate a tensor for each,
	// and no constants, since it would copy them three times.
	bare := *m
	untyped := func(vs []ValueInfo) []ValueInfo {
		out := make([]ValueInfo, len(vs))
		for i, v := range vs {
			out[i].Name = v.Name
		}
		return out
	}
	bare.Graph.Inputs, bare.Graph.Outputs = untyped(m.Graph.Inputs), untyped(m.Graph.Outputs)
	bare.Graph.Initializers = nil
	file, err := encode(&bare)
	if err != nil {
		return nil, err
	}
	b := &backend{}
	decoder := onnxgo.NewModel(b)
	if err := decoder.UnmarshalBinary(file); err != nil {
		return nil, err
	}
	find := func(name string) (*value, error) {
		n, ok := decoder.GetNodeByName(name)
		if !ok {
			return nil, fmt.Errorf("the decoder did not return the value %q", name)
		}
		return n.(*value), nil
	}
	p := &program{opset: m.Opset, steps: b.steps}
	for _, v := range m.Graph.Inputs {
		n, err := find(v.Name)
		if err != nil {
			return nil, err
		}
		p.inputs = append(p.inputs, programInput{n, v.Type, sizes(v.Dims, nil)})
	}
	for _, v := range m.Graph.Outputs {
		n, err := find(v.Name)
		if err != nil {
			return nil, err
		}
		p.outputs = append(p.outputs, n)
	}
	for i := range m.Graph.Initializers {
		t := &m.Graph.Initializers[i]
		n, used := decoder.GetNodeByName(t.Name)
		if !used {
			continue
		}
		v := n.(*value)
		if v.constant, err = t.dense(); err != nil {
			return nil, err
		}
		v.kind = constantKind{half: t.Type == Float16, scalar: len(t.Dims) == 0}
	}
	p.dropUnread()
	return p, nil
}

// dropUnread removes the steps on which no output depends.
func (p *program) dropUnread() {
	read := map[*value]bool{}
	for _, v := range p.outputs {
		read[v] = true
	}
	for i, s := range slices.Backward(p.steps) {
		if !slices.ContainsFunc(s.out, func(v *value) bool { return read[v] }) {
			p.steps[i] = nil
			continue
		}
		for _, v := range s.in {
			read[v] = true
		}
	}
	p.steps = slices.DeleteFunc(p.steps, func(s *step) bool { return s == nil })
}

// backend receives the graph from onnx-go. For each node of the file, the decoder first sets
// the edges from its outputs to its inputs, weighted with the input's index, and then applies
// the operation. The edges are a list, since an edge may occur twice, as in Add(x, x).
type backend struct {
	values []*value
	edges  []edge // of the current node
	steps  []*step
}

var _ onnxgo.Backend = (*backend)(nil)

type edge struct {
	output, input *value
	index         float64
}

func (e edge) From() graph.Node         { return e.output }
func (e edge) To() graph.Node           { return e.input }
func (e edge) Weight() float64          { return e.index }
func (e edge) ReversedEdge() graph.Edge { return edge{e.input, e.output, e.index} }

func (b *backend) NewNode() graph.Node { return &value{id: int64(len(b.values))} }

func (b *backend) AddNode(n graph.Node) { b.values = append(b.values, n.(*value)) }

func (b *backend) NewWeightedEdge(from, to graph.Node, w float64) graph.WeightedEdge {
	return edge{from.(*value), to.(*value), w}
}

func (b *backend) SetWeightedEdge(e graph.WeightedEdge) { b.edges = append(b.edges, e.(edge)) }

// ApplyOperation adds the step of a node of the file, from its operation and the edges set before.
func (b *backend) ApplyOperation(o onnxgo.Operation, outputs ...graph.Node) error {
	s := &step{op: o.Name, attributes: o.Attributes}
	for _, n := range outputs {
		s.out = append(s.out, n.(*value))
	}
	for _, e := range b.edges {
		if e.output != s.out[0] {
			continue // all outputs have the same inputs
		}
		in := e.input
		if in.name == "" {
			in = nil
		}
		s.in = append(s.in, in)
	}
	b.edges = b.edges[:0]
	b.steps = append(b.steps, s)
	return nil
}

// The methods below complete graph.WeightedDirected, which the decoder's interface includes.
// The decoder does not call them.

func (b *backend) Node(id int64) graph.Node {
	if id < 0 || id >= int64(len(b.values)) {
		return nil
	}
	return b.values[id]
}
func (b *backend) Nodes() graph.Nodes                           { return graph.Empty }
func (b *backend) From(int64) graph.Nodes                       { return graph.Empty }
func (b *backend) To(int64) graph.Nodes                         { return graph.Empty }
func (b *backend) HasEdgeBetween(int64, int64) bool             { return false }
func (b *backend) HasEdgeFromTo(int64, int64) bool              { return false }
func (b *backend) Edge(int64, int64) graph.Edge                 { return nil }
func (b *backend) WeightedEdge(int64, int64) graph.WeightedEdge { return nil }
func (b *backend) Weight(int64, int64) (w float64, ok bool)     { return 0, false }
