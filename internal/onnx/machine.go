package onnx

import (
	"fmt"
	"slices"

	"enciphergan/internal/kernel"
	"enciphergan/internal/op"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Machine is a model that is ready to run on inputs of fixed shapes. It serves
// one goroutine at a time.
type Machine struct {
	Header *Header // of the file; symbolic dimensions as they are there
	Memory int64   // bytes of inputs, constants and results, which share memory, and of the largest scratch buffer

	inputs  map[string]*operand
	names   []string // of the outputs
	outputs []*operand
	graph   *gorgonia.ExprGraph
	vm      gorgonia.VM // nil when every output is constant or an input
}

// Observe calls f after every operation of a run; nil ends it.
func (m *Machine) Observe(f func(op.Event)) { op.Observe(m.graph, f) }

// Load reads a file for inputs whose symbolic dimensions have the given sizes;
// sizes that the file does not mention are ignored. Hostile files end in an
// error before more than lim allows is allocated. The error for operators that
// are not supported is an *UndeclaredError. Convolutions run in the given
// arithmetic; in Fused, batch norms behind them are folded into their weights.
func Load(b []byte, dims map[string]int, lim Limits, a kernel.Arithmetic) (machine *Machine, err error) {
	defer rescue(&err)
	m, err := scan(b, lim)
	if err != nil {
		return nil, err
	}
	p, err := read(m, dims, lim)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	rewrite(p, a)
	if machine, err = compile(p, lim, a); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	machine.Header = header(m)
	return machine, nil
}

// read takes a checked model to a program.
func read(m *Model, dims map[string]int, lim Limits) (*program, error) {
	m, kinds, err := specialise(m, dims, lim)
	if err != nil {
		return nil, err
	}
	return decode(m, kinds)
}

// compile builds a program and its machine.
func compile(p *program, lim Limits, a kernel.Arithmetic) (*Machine, error) {
	b := newBuilder(p, lim, a)
	if err := b.build(p); err != nil {
		return nil, err
	}
	m := &Machine{inputs: map[string]*operand{}, graph: b.graph}
	if b.work > lim.Work {
		return nil, fmt.Errorf("the graph takes more than the %d multiply-adds allowed", lim.Work)
	}
	for _, in := range p.inputs {
		m.inputs[in.name] = b.operands[in.value]
	}
	for _, v := range p.outputs {
		o, err := b.operand(v)
		if err != nil {
			return nil, err
		}
		m.names = append(m.names, v.name)
		m.outputs = append(m.outputs, o)
	}
	var kept []*gorgonia.Node
	for _, o := range m.outputs {
		if o.node != nil {
			kept = append(kept, o.node)
		}
	}
	var err error
	if m.Memory, err = b.memory(kept); err != nil {
		return nil, err
	}
	for _, n := range b.graph.AllNodes() {
		if n.Op() != nil {
			m.vm = gorgonia.NewTapeMachine(b.graph)
			break
		}
	}
	return m, nil
}

// rescue turns a panic into an error at the boundary of the package.
func rescue(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("onnx: the model cannot be used: %v", r)
	}
}

// Run computes the outputs, by name, for one dense tensor per input of the
// file: float32, int32 or int64 as declared, contiguous, of the shape that Load
// fixed. Outputs of float16 come as float32. The results belong to the caller.
func (m *Machine) Run(inputs map[string]*tensor.Dense) (outputs map[string]*tensor.Dense, err error) {
	defer rescue(&err)
	for name := range inputs {
		if m.inputs[name] == nil {
			return nil, fmt.Errorf("onnx: the model has no input %q", name)
		}
	}
	for name, o := range m.inputs {
		d := inputs[name]
		switch {
		case d == nil:
			return nil, fmt.Errorf("onnx: the input %q is missing", name)
		case d.Dtype() != o.node.Dtype():
			return nil, fmt.Errorf("onnx: the input %q has elements of %v, want %v", name, d.Dtype(), o.node.Dtype())
		case !slices.Equal(d.Shape(), o.held()):
			return nil, fmt.Errorf("onnx: the input %q has shape %v, want %v", name, d.Shape(), o.held())
		case d.RequiresIterator() || d.DataOrder() != 0:
			return nil, fmt.Errorf("onnx: the input %q is a view or not in row-major order; copy it first", name)
		}
		if err := gorgonia.Let(o.node, d); err != nil {
			return nil, fmt.Errorf("onnx: input %q: %w", name, err)
		}
	}
	if m.vm != nil {
		defer m.vm.Reset()
		if err := m.vm.RunAll(); err != nil {
			return nil, fmt.Errorf("onnx: %w", err)
		}
	}
	outputs = make(map[string]*tensor.Dense, len(m.outputs))
	for i, o := range m.outputs {
		d := o.constant
		if d == nil {
			var ok bool
			if d, ok = o.node.Value().(*tensor.Dense); !ok {
				return nil, fmt.Errorf("onnx: the output %q is a %T, want a dense tensor", m.names[i], o.node.Value())
			}
		}
		d = d.Clone().(*tensor.Dense)
		if o.scalar {
			if err := d.Reshape(); err != nil {
				return nil, fmt.Errorf("onnx: output %q: %w", m.names[i], err)
			}
		}
		outputs[m.names[i]] = d
	}
	return outputs, nil
}
