package op

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Program runs a graph that serves no gradients: its operations one after the
// other, in memory that is planned when it is made. Neighbours that work element by
// element become one operation. A result's memory serves a later result as soon as
// nothing reads the first any more; from its second run on, a program allocates no
// memory for tensors. It serves one goroutine at a time.
//
// Gorgonia's tape machine, which training uses, would start goroutines for every
// run and allocate for every operation.
type Program struct {
	// Memory is the most bytes that a program and its inputs take at a time: constants, what
	// operations keep of them from the first run on, results, and scratch buffers.
	Memory int64

	steps     []instruction
	values    []*tensor.Dense // leaves and results; of results nil before the first run
	constants []int           // in values, ascending
	inputs    map[string]int  // of Data by name in values
	outputs   []int
	made      []result
	rest      int64       // bytes of all but the results
	observe   func(Event) // nil when nobody measures
}

// instruction is an operation with the values that it reads and writes.
type instruction struct {
	*operation
	in  []int // or kept
	out int
	by  []*tensor.Dense // room for the values read
	// total is how many bytes of results there are if this is the last operation.
	total int64
}

// kept stands for an input that the operation has in a form of its own.
const kept = -1

// result is a value that the first run makes in a region.
type result struct {
	value  int
	region *region
	shape  tensor.Shape
}

// region is memory that results take turns in.
type region struct {
	of       tensor.Dtype
	elements int
	memory   *tensor.Dense // allocated by the first run
}

// NewProgram plans a complete graph whose leaves are Data, which is set by name
// before a run, and Constants. Nothing of the size of a tensor is allocated. The graph
// is not needed any more then. outputs are operations of it.
func NewProgram(g *gorgonia.ExprGraph, outputs ...*gorgonia.Node) (*Program, error) {
	order, err := gorgonia.Sort(g) // from the end
	if err != nil {
		return nil, fmt.Errorf("the graph has no order: %w", err)
	}
	slices.Reverse(order)
	of := map[*gorgonia.Node]*unit{}
	var units []*unit
	for _, n := range order {
		u := &unit{}
		switch o := n.Op().(type) {
		case nil:
			u.leaf = n
		case *operation:
			u.o = o
		default:
			return nil, fmt.Errorf("%v is not an operation of this package", o)
		}
		for _, in := range inputs(g, n) {
			u.in = append(u.in, of[in])
			of[in].readers++
		}
		of[n] = u
		units = append(units, u)
	}
	for _, n := range outputs {
		if of[n] == nil || of[n].o == nil {
			return nil, fmt.Errorf("the output %v is not made by an operation of the graph", n)
		}
		of[n].readers++ // one that never ends
	}
	for _, u := range units {
		if u.o != nil {
			u.chain()
		}
	}
	p := &Program{inputs: map[string]int{}}
	leaves := p.plan(units)
	for _, n := range outputs {
		p.outputs = append(p.outputs, of[n].value)
	}
	p.weigh(leaves)
	return p, nil
}

// weigh finds the most that is in memory at a time, given the bytes of leaves. Weights are packed one by one before there
// are results, and let go of as soon as they are.
func (p *Program) weigh(size map[int]int64) {
	readers := map[int]int{} // of constants
	for _, s := range p.steps {
		for _, v := range s.in {
			readers[v]++
		}
	}
	var leaves, kept, most int64
	for _, n := range size {
		leaves += n
	}
	var scratch kernel.Scratch
	for _, s := range p.steps {
		kept += s.spec.Cost.Packed
		most = max(most, leaves+kept)
		scratch.Add(s.spec.Cost.Buffers)
		if s.keeps(p) {
			w := s.in[1]
			if readers[w]--; readers[w] == 0 {
				leaves -= size[w]
			}
		}
	}
	p.rest = leaves + kept + scratch.Bytes()
	p.Memory = max(most, p.rest)
	if n := len(p.steps); n > 0 {
		p.Memory = max(most, p.rest+p.steps[n-1].total)
	}
}

// keeps says whether the operation packs a constant.
func (s *instruction) keeps(p *Program) bool {
	if s.spec.Keep == nil {
		return false
	}
	_, found := slices.BinarySearch(p.constants, s.in[1])
	return found
}

// Within checks that Memory is within a limit. The error names the operation whose result is too much.
func (p *Program) Within(limit int64) error {
	if p.Memory <= limit {
		return nil
	}
	err := fmt.Errorf("%d MB of memory at a time, more than the %d MB allowed", p.Memory>>20, limit>>20)
	for i := range p.steps {
		if s := &p.steps[i]; p.rest+s.total > limit {
			return fmt.Errorf("%s, whose result has the shape %v: with it and what is still needed, the graph takes %w", s.called(), s.shape, err)
		}
	}
	return fmt.Errorf("its constants and what is kept of them: the graph takes %w", err)
}

// unit is a value of a program while that is made: a leaf, or an operation, which may have taken up others.
type unit struct {
	leaf    *gorgonia.Node // or
	o       *operation
	in      []*unit
	readers int // units and outputs that read it; 0 where another has taken it up
	region  *region
	value   int

	// Of an operation on elements: the chain that it ends, and what that reads.
	links   []link
	flowing []*unit
}

func (u *unit) shape() tensor.Shape {
	if u.leaf != nil {
		return u.leaf.Shape()
	}
	return u.o.shape
}

// plan adds the instructions of units and the places of their results, and gives the bytes of leaves by value.
func (p *Program) plan(units []*unit) (leaves map[int]int64) {
	leaves = map[int]int64{}
	var total int64
	free := map[tensor.Dtype][]*region{} // by size, and of equal ones the first that became free first
	for _, u := range units {
		if u.readers == 0 {
			continue
		}
		u.value = len(p.values)
		p.values = append(p.values, nil)
		if n := u.leaf; n != nil {
			leaves[u.value] = int64(max(1, n.Shape().TotalSize())) * int64(n.Dtype().Size())
			if d, ok := n.Value().(*tensor.Dense); ok && constant(n) {
				p.values[u.value] = d
				p.constants = append(p.constants, u.value)
			} else {
				p.inputs[strings.TrimPrefix(n.Name(), dataPrefix)] = u.value
			}
			continue
		}
		of, need := u.o.spec.Type, max(1, u.o.shape.TotalSize())
		// An input that nothing else reads gives its place, or a free region does.
		for _, in := range u.in {
			if r := in.region; r != nil && u.o.spec.InPlace && in.readers == 1 && slices.Equal(in.shape(), u.o.shape) && r.of == of {
				u.region = r
				in.readers++ // its region does not become free
				break
			}
		}
		if u.region == nil {
			// The smallest that is large enough, else the largest, which then grows.
			list := free[of]
			if n := len(list); n > 0 {
				best := firstOf(list, min(need, list[n-1].elements))
				u.region = list[best]
				free[of] = slices.Delete(list, best, best+1)
			} else {
				u.region = &region{of: of}
			}
		}
		if more := need - u.region.elements; more > 0 {
			u.region.elements = need
			total += int64(more) * int64(of.Size())
		}
		s := instruction{operation: u.o, out: u.value, by: make([]*tensor.Dense, len(u.in)), total: total}
		for _, in := range u.in {
			s.in = append(s.in, in.value)
			if in.readers--; in.readers == 0 && in.region != nil {
				r := in.region
				free[r.of] = slices.Insert(free[r.of], firstOf(free[r.of], r.elements+1), r)
			}
		}
		p.steps = append(p.steps, s)
		p.made = append(p.made, result{u.value, u.region, u.o.shape})
	}
	return leaves
}

// firstOf finds the first region of at least so many elements in a list that is ordered by them.
func firstOf(list []*region, elements int) int {
	return sort.Search(len(list), func(i int) bool { return list[i].elements >= elements })
}

// inputs are those of the operation of n, in their order.
func inputs(g *gorgonia.ExprGraph, n *gorgonia.Node) []*gorgonia.Node {
	var list []*gorgonia.Node
	for it := g.From(n.ID()); it.Next(); {
		list = append(list, it.Node().(*gorgonia.Node))
	}
	return list
}

// Observe calls f after every operation of a run; nil ends it.
func (p *Program) Observe(f func(Event)) { p.observe = f }

// Set gives the Data of a name, with the type and shape it was declared with,
// contiguous; it is read in the runs that follow. A name that the graph does not read is ignored.
func (p *Program) Set(name string, d *tensor.Dense) {
	if i, ok := p.inputs[name]; ok {
		p.values[i] = d
	}
}

// prepare hands constant weights to the operations that keep them in a form of their
// own, lets go of those that nothing else reads, and makes the results.
func (p *Program) prepare(ctx context.Context) error {
	readers := make([]int, len(p.values))
	for _, s := range p.steps {
		for _, v := range s.in {
			if v != kept {
				readers[v]++
			}
		}
	}
	for i := range p.steps {
		s := &p.steps[i]
		if !s.keeps(p) || p.values[s.in[1]] == nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		w := s.in[1]
		if err := s.keep(p.values[w]); err != nil {
			return err
		}
		s.in[1] = kept
		if readers[w]--; readers[w] == 0 {
			p.values[w] = nil
		}
	}
	p.allocate()
	return nil
}

// Run computes all results. The first one packs constant weights and makes the memory.
// Before each operation it looks whether ctx has ended, whose error it then returns.
func (p *Program) Run(ctx context.Context) error {
	if p.made != nil {
		if err := p.prepare(ctx); err != nil {
			return err
		}
	}
	for i := range p.steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := &p.steps[i]
		for j, v := range s.in {
			if v == kept {
				continue
			}
			if s.by[j] = p.values[v]; s.by[j] == nil {
				return fmt.Errorf("%s: input %d has no value", s.called(), j)
			}
		}
		var began time.Time
		if p.observe != nil {
			began = time.Now()
		}
		if err := s.compute(s.by, p.values[s.out]); err != nil {
			return err
		}
		if p.observe != nil {
			p.observe(event(s, time.Since(began)))
		}
	}
	return nil
}

// allocate makes the results and their memory.
func (p *Program) allocate() {
	for _, m := range p.made {
		shape := m.shape
		if shape.Dims() == 0 {
			shape = tensor.Shape{1}
		}
		p.values[m.value] = m.region.result(shape)
	}
	p.made = nil
}

// Result is output i of the last run; it holds until the next one.
func (p *Program) Result(i int) *tensor.Dense { return p.values[p.outputs[i]] }

// result is a tensor in the region.
func (r *region) result(shape tensor.Shape) *tensor.Dense {
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
