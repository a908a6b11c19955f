package op

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// plan is the memory of the operations of one graph: a result's memory serves a
// later result as soon as nothing reads the first any more.
type plan struct {
	next int // position of the operation that must run next
}

// region is memory that results take turns in.
type region struct {
	of       tensor.Dtype
	elements int
	memory   *tensor.Dense // allocated by the first result that needs it
}

// share is an operation's part in a plan.
type share struct {
	plan     *plan
	position int
	region   *region
	sources  []*operation // of the inputs; nil where one is a leaf
}

// Plan lets the results of a graph share memory, except those of the given nodes,
// which last until the next run. The graph must be complete, serve no gradients,
// and be run by one tape machine. Nothing is allocated before the first run. It
// tells how many bytes all results will take together.
func Plan(g *gorgonia.ExprGraph, outputs ...*gorgonia.Node) (bytes int64, err error) {
	order, err := gorgonia.Sort(g) // that of the tape machine, from the end
	if err != nil {
		return 0, fmt.Errorf("the graph has no order: %w", err)
	}
	slices.Reverse(order)
	readers := map[*gorgonia.Node]int{}
	for _, n := range outputs {
		readers[n]++ // one that never ends
	}
	operations := map[*gorgonia.Node]*operation{}
	for _, n := range order {
		if o, ok := n.Op().(*operation); ok {
			operations[n] = o
			for _, in := range inputs(g, n) {
				readers[in]++
			}
		}
	}
	p := &plan{}
	var regions, free []*region
	position := 0
	for _, n := range order {
		o := operations[n]
		if o == nil {
			continue
		}
		o.share = &share{plan: p, position: position}
		position++
		need := max(1, o.shape.TotalSize())
		// An input that nothing else reads gives its place, or a free region does.
		for _, in := range inputs(g, n) {
			if source := operations[in]; o.spec.InPlace && source != nil && readers[in] == 1 && in.Shape().Eq(o.shape) && source.spec.Type == o.spec.Type {
				o.share.region = source.share.region
				readers[in]++ // its region does not become free
				break
			}
		}
		at := -1
		for i, r := range free {
			// The smallest that is large enough, else the largest, which then grows.
			if r.of == o.spec.Type && (at < 0 || better(r.elements, free[at].elements, need)) {
				at = i
			}
		}
		switch {
		case o.share.region != nil:
		case at >= 0:
			o.share.region = free[at]
			free = slices.Delete(free, at, at+1)
		default:
			o.share.region = &region{of: o.spec.Type}
			regions = append(regions, o.share.region)
		}
		o.share.region.elements = max(o.share.region.elements, need)
		for _, in := range inputs(g, n) {
			source := operations[in]
			o.share.sources = append(o.share.sources, source)
			if readers[in]--; readers[in] == 0 && source != nil {
				free = append(free, source.share.region)
			}
		}
		if readers[n] == 0 {
			free = append(free, o.share.region)
		}
	}
	for _, r := range regions {
		bytes += int64(r.elements) * int64(r.of.Size())
	}
	return bytes, nil
}

// better says whether a free region of a elements suits a need better than one of b.
func better(a, b, need int) bool {
	if a >= need && b >= need {
		return a < b
	}
	return a > b
}

// inputs are those of the operation of n, in their order.
func inputs(g *gorgonia.ExprGraph, n *gorgonia.Node) []*gorgonia.Node {
	var list []*gorgonia.Node
	for it := g.From(n.ID()); it.Next(); {
		list = append(list, it.Node().(*gorgonia.Node))
	}
	return list
}

// enter checks that the operation runs in its turn, on the values the plan took
// into account: were it otherwise, one of them might be overwritten already.
func (s *share) enter(in []gorgonia.Value) error {
	if s.position == 0 {
		s.plan.next = 0
	}
	if s.position != s.plan.next {
		return fmt.Errorf("operation %d runs in the place of %d", s.position, s.plan.next)
	}
	s.plan.next++
	for i, source := range s.sources {
		if source != nil && in[i] != gorgonia.Value(source.out) {
			return fmt.Errorf("input %d is not the value that was planned", i)
		}
	}
	return nil
}

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
