package op

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// NewProgram plans a complete graph. Its leaves are Data, which Set binds before a run, and
// Constants; outputs are operations of it. NewProgram allocates nothing of the size of a
// tensor. The program does not refer to the graph.
func NewProgram(g *gorgonia.ExprGraph, outputs ...*gorgonia.Node) (*Program, error) {
	order, err := gorgonia.Sort(g) // from the end
	if err != nil {
		return nil, fmt.Errorf("the graph cannot be sorted: %w", err)
	}
	slices.Reverse(order)
	of := map[*gorgonia.Node]*value{}
	var values []*value
	for _, n := range order {
		v := &value{}
		switch o := n.Op().(type) {
		case nil:
			v.leaf = n
		case *operation:
			v.o = o
		default:
			return nil, fmt.Errorf("%v is not an operation of this package", o)
		}
		for it := g.From(n.ID()); it.Next(); {
			in := of[it.Node().(*gorgonia.Node)]
			v.in = append(v.in, in)
			in.readers++
		}
		of[n] = v
		values = append(values, v)
	}
	for _, n := range outputs {
		if of[n] == nil || of[n].o == nil {
			return nil, fmt.Errorf("the output %v is not the result of an operation of the graph", n)
		}
		of[n].readers++ // for good
	}
	for _, v := range values {
		if v.o != nil {
			v.fuse()
		}
	}
	p := &Program{inputs: map[string]int{}}
	leaves := p.plan(values)
	for _, n := range outputs {
		p.outputs = append(p.outputs, of[n].index)
	}
	p.sumMemory(leaves)
	return p, nil
}

// value is a leaf or the result of an operation while a program is planned.
type value struct {
	leaf    *gorgonia.Node // or
	o       *operation
	in      []*value
	readers int     // operations and outputs that read it; 0 if it is fused with its reader
	viewed  *value  // the value whose memory this one shares, with another shape
	region  *region // of a result
	index   int     // in Program.tensors

	// Of an elementwise operation: its steps after fusing, and their inputs.
	steps      []fusedStep
	stepInputs []*value
}

func (v *value) shape() tensor.Shape {
	if v.leaf != nil {
		return v.leaf.Shape()
	}
	return v.o.shape
}

// constant returns the elements of a Constant of float32, nil for other values.
func (v *value) constant() []float32 {
	if v.leaf == nil || !constant(v.leaf) || v.leaf.Dtype() != tensor.Float32 {
		return nil
	}
	return floats(v.leaf.Value().(*tensor.Dense))
}

// base returns the value that holds the memory of v.
func (v *value) base() *value {
	if v.viewed != nil {
		return v.viewed
	}
	return v
}

// plan adds instructions for the values that are read and assigns memory to their results. It
// returns the bytes of leaves by index.
func (p *Program) plan(values []*value) (leaves map[int]int64) {
	leaves = map[int]int64{}
	var total int64
	free := map[tensor.Dtype][]*region{} // by size; of equal sizes the one that became free first
	for _, v := range values {
		if v.readers == 0 {
			continue
		}
		v.index = len(p.tensors)
		p.tensors = append(p.tensors, nil)
		if n := v.leaf; n != nil {
			leaves[v.index] = int64(max(1, n.Shape().TotalSize())) * int64(n.Dtype().Size())
			if d, ok := n.Value().(*tensor.Dense); ok && constant(n) {
				p.tensors[v.index] = d
				p.constants = append(p.constants, v.index)
			} else {
				p.inputs[strings.TrimPrefix(n.Name(), dataPrefix)] = v.index
			}
			continue
		}
		if v.o.spec.View && v.in[0].base().region != nil { // leaves are replaced or dropped, and so are copied
			v.viewed = v.in[0].base()
			v.viewed.readers += v.readers - 1
			p.results = append(p.results, result{v.index, v.viewed.region, v.o.shape})
			continue
		}
		of, need := v.o.spec.Type, max(1, v.o.shape.TotalSize())
		// The result takes the memory of an input that nothing else reads, or a free region.
		for _, in := range v.in {
			if r := in.base().region; r != nil && v.o.spec.InPlace && in.base().readers == 1 && slices.Equal(in.shape(), v.o.shape) && r.of == of {
				v.region = r
				in.base().readers++ // its region does not become free
				break
			}
		}
		if v.region == nil {
			// The smallest that is large enough, or else the largest, which grows.
			list := free[of]
			if n := len(list); n > 0 {
				best := firstOf(list, min(need, list[n-1].elements))
				v.region = list[best]
				free[of] = slices.Delete(list, best, best+1)
			} else {
				v.region = &region{of: of}
			}
		}
		if more := need - v.region.elements; more > 0 {
			v.region.elements = need
			total += int64(more) * int64(of.Size())
		}
		s := instruction{operation: v.o, out: v.index, args: make([]*tensor.Dense, len(v.in)), total: total}
		for _, in := range v.in {
			s.in = append(s.in, in.index)
			b := in.base()
			if b.readers--; b.readers == 0 && b.region != nil {
				r := b.region
				free[r.of] = slices.Insert(free[r.of], firstOf(free[r.of], r.elements+1), r)
			}
		}
		p.instructions = append(p.instructions, s)
		p.results = append(p.results, result{v.index, v.region, v.o.shape})
	}
	return leaves
}

// firstOf returns the index of the first region of at least so many elements in a list ordered by size.
func firstOf(list []*region, elements int) int {
	return sort.Search(len(list), func(i int) bool { return list[i].elements >= elements })
}

// sumMemory sets Memory, given the bytes of leaves. The first run packs weights one by one,
// each dropped when it is packed, and then allocates results.
func (p *Program) sumMemory(size map[int]int64) {
	readers := map[int]int{}
	for _, s := range p.instructions {
		for _, in := range s.in {
			readers[in]++
		}
	}
	var leaves, retained, peak int64
	for _, n := range size {
		leaves += n
	}
	var scratch kernel.Scratch
	for _, s := range p.instructions {
		retained += s.spec.Cost.Packed
		peak = max(peak, leaves+retained)
		scratch.Add(s.spec.Cost.Buffers)
		if s.packs(p) {
			w := s.in[1]
			if readers[w]--; readers[w] == 0 {
				leaves -= size[w]
			}
		}
	}
	p.fixed = leaves + retained + scratch.Bytes()
	p.Memory = max(peak, p.fixed)
	if n := len(p.instructions); n > 0 {
		p.Memory = max(peak, p.fixed+p.instructions[n-1].total)
	}
}
