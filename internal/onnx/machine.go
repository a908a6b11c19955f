package onnx

import (
	"context"
	"fmt"
	"slices"

	"enciphergan/internal/kernel"
	"enciphergan/internal/op"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Machine runs a model on inputs of fixed shapes. It must not be used by several goroutines at
// a time.
type Machine struct {
	Header *Header // header of the file, with symbolic dimensions
	Work   int64   // work of a run and of the constants folded by Load, in the unit of kernel.Cost
	Memory int64   // peak memory in bytes, including inputs and outputs

	inputs  map[string]machineInput
	outputs []machineOutput
	program *op.Program
	results map[string]*tensor.Dense // of the last run
}

// machineInput is an input of the file.
type machineInput struct {
	of    tensor.Dtype
	shape tensor.Shape
}

// machineOutput is an output of the file: a constant, an input or a result of the program.
type machineOutput struct {
	name     string
	constant *tensor.Dense
	input    string
	result   int
	scalar   bool // returned without dimensions
}

// Observe makes every run call f after each operation; nil ends that.
func (m *Machine) Observe(f func(op.Event)) { m.program.Observe(f) }

// Load reads a file and returns a machine for inputs whose symbolic dimensions have the sizes
// in dims; it ignores sizes of dimensions that the file does not have. Convolutions run in
// arithmetic a. A hostile file causes an error before Load allocates more than lim allows: an
// *UndeclaredError for operators that are not supported, a *CostError for too much work or
// memory. When ctx ends, Load returns its error.
func Load(ctx context.Context, b []byte, dims map[string]int, lim Limits, a kernel.Arithmetic) (machine *Machine, err error) {
	defer recoverError(&err)
	m, err := scan(b, lim)
	if err != nil {
		return nil, err
	}
	p, err := read(m, dims, lim)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	if machine, err = compile(ctx, p, lim, a); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	machine.Header = header(m)
	return machine, nil
}

// read specialises and decodes a checked model.
func read(m *Model, dims map[string]int, lim Limits) (*program, error) {
	m, err := specialise(m, dims, lim)
	if err != nil {
		return nil, err
	}
	return decode(m)
}

// compile builds the graph of a decoded file and plans its machine.
func compile(ctx context.Context, p *program, lim Limits, a kernel.Arithmetic) (*Machine, error) {
	b := newBuilder(ctx, p, lim, a)
	if err := b.build(p); err != nil {
		return nil, err
	}
	m := &Machine{Work: b.work, inputs: map[string]machineInput{}, results: map[string]*tensor.Dense{}}
	leaves := map[*gorgonia.Node]string{}
	for _, in := range p.inputs {
		n := b.operands[in.value].node
		m.inputs[in.name] = machineInput{n.Dtype(), n.Shape().Clone()}
		leaves[n] = in.name
	}
	var made []*gorgonia.Node
	for _, v := range p.outputs {
		o, err := b.operand(v)
		if err != nil {
			return nil, err
		}
		out := machineOutput{name: v.name, constant: o.constant, scalar: o.scalar}
		if o.node != nil {
			if name, given := leaves[o.node]; given {
				out.input = name
			} else {
				out.result = len(made)
				made = append(made, o.node)
			}
		}
		m.outputs = append(m.outputs, out)
	}
	var err error
	if m.program, err = op.NewProgram(b.graph, made...); err != nil {
		return nil, err
	}
	if err := m.program.Within(lim.Memory); err != nil {
		return nil, &CostError{err}
	}
	m.Memory = m.program.Memory
	return m, nil
}

// recoverError turns a panic into an error. Load and Run defer it, since they call other modules.
func recoverError(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("onnx: the model cannot be used: %v", r)
	}
}

// Run computes the outputs of the file, by name, from its inputs: dense, contiguous tensors of
// float32, int32 or int64 as declared, of the shapes fixed by Load. Outputs of float16 are
// returned as float32. The map and its tensors are valid until the next run and must not be
// changed. When ctx ends, Run returns its error after the operation in progress.
func (m *Machine) Run(ctx context.Context, inputs map[string]*tensor.Dense) (outputs map[string]*tensor.Dense, err error) {
	defer recoverError(&err)
	for name := range inputs {
		if _, ok := m.inputs[name]; !ok {
			return nil, fmt.Errorf("onnx: the model has no input %q", name)
		}
	}
	for name, o := range m.inputs {
		d := inputs[name]
		switch {
		case d == nil:
			return nil, fmt.Errorf("onnx: the input %q is missing", name)
		case d.Dtype() != o.of:
			return nil, fmt.Errorf("onnx: the input %q has elements of %v, want %v", name, d.Dtype(), o.of)
		case !slices.Equal(d.Shape(), o.shape):
			return nil, fmt.Errorf("onnx: the input %q has shape %v, want %v", name, d.Shape(), o.shape)
		case d.RequiresIterator() || d.DataOrder() != 0:
			return nil, fmt.Errorf("onnx: the input %q is a view or not in row-major order; copy it first", name)
		}
		m.program.Set(inputPrefix+name, d)
	}
	if err := m.program.Run(ctx); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	for _, o := range m.outputs {
		d := o.constant
		switch {
		case d != nil:
		case o.input != "":
			d = inputs[o.input]
		default:
			d = m.program.Result(o.result)
		}
		if o.scalar && d.Dims() > 0 {
			d = d.Clone().(*tensor.Dense)
			if err := d.Reshape(); err != nil {
				return nil, fmt.Errorf("onnx: output %q: %w", o.name, err)
			}
		}
		m.results[o.name] = d
	}
	return m.results, nil
}
