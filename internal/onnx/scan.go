package onnx

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Header describes a file. It is read without building the graph.
type Header struct {
	Producer        string
	Opset           int64
	Inputs, Outputs []ValueInfo // with symbolic dimensions; Inputs are those without a constant
	Metadata        map[string]string
	Operators       []string // each once, sorted
}

// UndeclaredError reports operators of a file that this package does not support.
type UndeclaredError struct {
	Operators []string // each once, sorted
}

func (e *UndeclaredError) Error() string {
	const shown = 20
	more := ""
	if n := len(e.Operators); n > shown {
		more = fmt.Sprintf(" and %d more", n-shown)
	}
	return "the model uses operators that are not supported: " + strings.Join(e.Operators[:min(shown, len(e.Operators))], ", ") + more
}

// Scan checks the wire format of a file against the limits and the declared operators, and
// returns the header. In a file that passes, the dimensions of every tensor are positive and
// match its data, every value is computed once and before it is used, and every operator is
// declared. The error for undeclared operators is an *UndeclaredError.
func Scan(b []byte, lim Limits) (*Header, error) {
	m, err := scan(b, lim)
	if err != nil {
		return nil, err
	}
	return header(m), nil
}

func scan(b []byte, lim Limits) (*Model, error) {
	m, err := parse(b, lim)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	if err := m.check(lim); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	return m, nil
}

func header(m *Model) *Header {
	h := &Header{Producer: m.Producer, Opset: m.Opset, Outputs: m.Graph.Outputs, Metadata: m.Metadata}
	h.Inputs, _ = m.Graph.required()
	for _, n := range m.Graph.Nodes {
		h.Operators = append(h.Operators, n.Op)
	}
	slices.Sort(h.Operators)
	h.Operators = slices.Compact(h.Operators)
	return h
}

// required returns the inputs without a constant of the same name, and the constants by name.
// Before version 4 of the format constants had to be listed as inputs too.
func (g *Graph) required() (inputs []ValueInfo, constants map[string]*Tensor) {
	constants = make(map[string]*Tensor, len(g.Initializers))
	for i := range g.Initializers {
		constants[g.Initializers[i].Name] = &g.Initializers[i]
	}
	for _, v := range g.Inputs {
		if constants[v.Name] == nil {
			inputs = append(inputs, v)
		}
	}
	return inputs, constants
}

// sizes returns the sizes of dims; parameter returns the size of a symbolic dimension.
func sizes(dims []Dim, parameter func(string) int) []int {
	shape := make([]int, len(dims))
	for i, d := range dims {
		shape[i] = int(d.Size)
		if d.Parameter != "" {
			shape[i] = parameter(d.Parameter)
		}
	}
	return shape
}

// check checks the graph as a whole.
func (m *Model) check(lim Limits) error {
	g := &m.Graph
	if len(g.Nodes) == 0 || len(g.Outputs) == 0 {
		return errors.New("the graph has no nodes or no outputs")
	}
	var undeclared []string
	for _, n := range g.Nodes {
		if _, ok := operators[n.Op]; !ok {
			undeclared = append(undeclared, n.Op)
		}
	}
	if len(undeclared) > 0 {
		slices.Sort(undeclared)
		return &UndeclaredError{slices.Compact(undeclared)}
	}
	if m.Opset < minOpset || m.Opset > maxOpset {
		return fmt.Errorf("operator set %d is not supported, %d to %d are; convert the model", m.Opset, minOpset, maxOpset)
	}
	for _, v := range slices.Concat(g.Inputs, g.Outputs) {
		if v.Type.size() == 0 {
			return fmt.Errorf("input or output %q: %v is not supported; float32, float16, int32 and int64 tensors are", v.Name, v.Type)
		}
	}

	known := map[string]bool{}
	for _, t := range g.Initializers {
		if t.Name == "" || known[t.Name] {
			return fmt.Errorf("the initializer name %q is empty or already defined", t.Name)
		}
		known[t.Name] = true
	}
	listed := map[string]bool{}
	_, constants := g.required()
	for _, v := range g.Inputs {
		if v.Name == "" || listed[v.Name] {
			return fmt.Errorf("the input name %q is empty or already defined", v.Name)
		}
		listed[v.Name], known[v.Name] = true, true
		if v.Type == Float16 && constants[v.Name] == nil {
			return fmt.Errorf("input %q is float16; declare it as float32 and cast it in the graph", v.Name)
		}
		if _, err := elements(sizes(v.Dims, func(string) int { return 1 }), lim.Elements); err != nil {
			return fmt.Errorf("input %q: %w", v.Name, err)
		}
	}
	for i, n := range g.Nodes {
		// onnx-go adds a value, whose name may be taken, for a node without inputs, and does not
		// support half precision in tensors of attributes.
		if n.Op != "Constant" {
			if len(n.Inputs) == 0 {
				return fmt.Errorf("node %d (%s %q) has no inputs", i, n.Op, n.Name)
			}
			for _, a := range n.Attributes {
				if a.Type == TensorAttribute {
					return fmt.Errorf("node %d (%s %q): the attribute %q is not supported", i, n.Op, n.Name, a.Name)
				}
			}
		}
		// onnx-go adds an edge from each output to each input.
		if limit := operators[n.Op].maxInputs; len(n.Inputs) > limit {
			return fmt.Errorf("node %d (%s %q) has %d inputs, more than %d", i, n.Op, n.Name, len(n.Inputs), limit)
		}
		if n.Op != "Split" && len(n.Outputs) > 1 {
			return fmt.Errorf("node %d (%s %q) has %d outputs, want 1", i, n.Op, n.Name, len(n.Outputs))
		}
		for _, in := range n.Inputs {
			if in != "" && !known[in] {
				return fmt.Errorf("node %d (%s %q) needs %q, which no earlier node computes", i, n.Op, n.Name, in)
			}
		}
		if len(n.Outputs) == 0 {
			return fmt.Errorf("node %d (%s %q) has no outputs", i, n.Op, n.Name)
		}
		for _, out := range n.Outputs {
			if out == "" || known[out] {
				return fmt.Errorf("node %d (%s %q): the output name %q is empty or already defined", i, n.Op, n.Name, out)
			}
			known[out] = true
		}
	}
	wanted := map[string]bool{}
	for _, v := range g.Outputs {
		if !known[v.Name] {
			return fmt.Errorf("no node computes the output %q", v.Name)
		}
		if wanted[v.Name] {
			return fmt.Errorf("the output %q is listed twice", v.Name)
		}
		wanted[v.Name] = true
	}
	return nil
}
