package op

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorgonia.org/tensor"
)

// Program runs a graph without gradients: its operations one after another, in memory that
// NewProgram plans. The planner fuses operations (fuse.go) and lets results share memory
// (plan.go). From its second run on, a program allocates no memory for tensors. It serves
// one goroutine at a time.
//
// Training uses Gorgonia's tape machine, which starts goroutines for every run and
// allocates for every operation.
type Program struct {
	// Memory is the peak memory of a program and its inputs in bytes: constants, packed
	// weights, results and scratch buffers.
	Memory int64

	instructions []instruction
	tensors      []*tensor.Dense // leaves and results; results are nil before the first run
	constants    []int           // indices of tensors, ascending
	inputs       map[string]int  // indices of tensors by the name of Data
	outputs      []int
	results      []result    // to be allocated by the first run
	fixed        int64       // bytes of all but the results
	observe      func(Event) // may be nil
}

// instruction is an operation with the indices of the tensors that it reads and writes.
type instruction struct {
	*operation
	in   []int // or packed
	out  int
	args []*tensor.Dense // buffer for the tensors read
	// total is the bytes of all results up to this instruction.
	total int64
}

// packed stands for an input that the operation retains in a form of its own.
const packed = -1

// result is a tensor that the first run makes in a region.
type result struct {
	tensor int
	region *region
	shape  tensor.Shape
}

// region is memory that results use in turn.
type region struct {
	of       tensor.Dtype
	elements int
	memory   *tensor.Dense // allocated by the first run
}

// packs reports whether the instruction packs a constant.
func (s *instruction) packs(p *Program) bool {
	if s.spec.Pack == nil {
		return false
	}
	_, found := slices.BinarySearch(p.constants, s.in[1])
	return found
}

// Within returns an error if Memory exceeds limit. It names the operation whose result does not fit.
func (p *Program) Within(limit int64) error {
	if p.Memory <= limit {
		return nil
	}
	err := fmt.Errorf("%d MB of memory at a time, more than the %d MB allowed", p.Memory>>20, limit>>20)
	for i := range p.instructions {
		if s := &p.instructions[i]; p.fixed+s.total > limit {
			return fmt.Errorf("%s, with a result of shape %v: up to there the graph needs %w", s.describe(), s.shape, err)
		}
	}
	return fmt.Errorf("for constants and packed weights the graph needs %w", err)
}

// Observe makes every run call f after each operation; nil ends that.
func (p *Program) Observe(f func(Event)) { p.observe = f }

// Set binds a tensor to Data of the given name, with the declared type and shape and
// contiguous; the following runs read it. A name that the graph does not read is ignored.
func (p *Program) Set(name string, d *tensor.Dense) {
	if i, ok := p.inputs[name]; ok {
		p.tensors[i] = d
	}
}

// prepare packs constant weights, drops those that nothing else reads, and allocates the results.
func (p *Program) prepare(ctx context.Context) error {
	readers := make([]int, len(p.tensors))
	for _, s := range p.instructions {
		for _, in := range s.in {
			if in != packed {
				readers[in]++
			}
		}
	}
	for i := range p.instructions {
		s := &p.instructions[i]
		if !s.packs(p) || p.tensors[s.in[1]] == nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		w := s.in[1]
		if err := s.pack(p.tensors[w]); err != nil {
			return err
		}
		s.in[1] = packed
		if readers[w]--; readers[w] == 0 {
			p.tensors[w] = nil
		}
	}
	for _, r := range p.results {
		shape := r.shape
		if shape.Dims() == 0 {
			shape = tensor.Shape{1}
		}
		p.tensors[r.tensor] = r.region.view(shape)
	}
	p.results = nil
	return nil
}

// Run computes all results. The first run packs constant weights and allocates memory.
// When ctx ends, Run returns its error before the next operation.
func (p *Program) Run(ctx context.Context) error {
	if p.results != nil {
		if err := p.prepare(ctx); err != nil {
			return err
		}
	}
	for i := range p.instructions {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := &p.instructions[i]
		for j, in := range s.in {
			if in == packed {
				continue
			}
			if s.args[j] = p.tensors[in]; s.args[j] == nil {
				return fmt.Errorf("%s: input %d has no value", s.describe(), j)
			}
		}
		var start time.Time
		if p.observe != nil {
			start = time.Now()
		}
		if err := s.compute(s.args, p.tensors[s.out]); err != nil {
			return err
		}
		if p.observe != nil {
			p.observe(event(s, time.Since(start)))
		}
	}
	return nil
}

// Result returns output i of the last run; it is valid until the next one.
func (p *Program) Result(i int) *tensor.Dense { return p.tensors[p.outputs[i]] }

// view returns a tensor at the start of the region.
func (r *region) view(shape tensor.Shape) *tensor.Dense {
	if r.memory == nil {
		r.memory = tensor.New(tensor.Of(r.of), tensor.WithShape(r.elements))
	}
	n := shape.TotalSize()
	var part any
	switch whole := r.memory.Data().(type) {
	case []float32:
		part = whole[:n:n]
	case []int32:
		part = whole[:n:n]
	case []int64:
		part = whole[:n:n]
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(part))
}
