package onnx

import (
	"errors"
	"fmt"
	"slices"

	"enciphergan/internal/kernel"
	"enciphergan/internal/op"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

func identity(c *call) (*operand, error) { return c.in[0], nil }

// shape returns a constant, since every shape is known when the graph is built.
func shape(c *call) (*operand, error) {
	dims := c.in[0].shape()
	rank := int64(len(dims))
	end := func(v int64) int64 {
		if v < 0 {
			v += rank
		}
		return max(0, min(rank, v))
	}
	from, to := end(attribute(c, "start", int64(0))), end(attribute(c, "end", rank))
	if from >= to {
		return nil, errors.New("the result is empty; empty tensors are not supported")
	}
	dims = dims[from:to]
	data := make([]int64, len(dims))
	for i, n := range dims {
		data[i] = int64(n)
	}
	return &operand{kind: Int64, constant: tensor.New(tensor.WithShape(len(data)), tensor.WithBacking(data))}, nil
}

// resolve returns the sizes of the shape want of a Reshape: 0 copies the dimension of from,
// except with zeros (allowzero), and -1 is computed from the volume.
func resolve(want []int64, from []int, volume int, zeros bool) ([]int, error) {
	to, rest, open := make([]int, len(want)), volume, -1
	for i, n := range want {
		switch {
		case n == 0 && !zeros && i < len(from):
			to[i] = from[i]
		case n == -1 && open < 0:
			open = i
			continue
		case n > 0 && n <= int64(volume):
			to[i] = int(n)
		default:
			return nil, fmt.Errorf("cannot reshape %v to %v", from, want)
		}
		if rest%to[i] != 0 {
			return nil, fmt.Errorf("cannot reshape %v to %v", from, want)
		}
		rest /= to[i]
	}
	if open >= 0 {
		to[open] = rest
	} else if rest != 1 {
		return nil, fmt.Errorf("cannot reshape %v to %v", from, want)
	}
	return to, nil
}

func reshape(c *call) (*operand, error) {
	x := c.in[0]
	want, err := c.constantIntegers(1)
	if err != nil {
		return nil, err
	}
	if len(want) > c.lim.Rank {
		return nil, fmt.Errorf("more than the %d dimensions allowed", c.lim.Rank)
	}
	to, err := resolve(want, x.shape(), x.volume(), c.flag("allowzero", false))
	if err != nil {
		return nil, err
	}
	return c.apply(x.kind, func(in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Reshape(in[0], to...) }, x)
}

// index returns an error if o is not int32 or int64.
func (c *call) index(o *operand) error {
	if o.kind != Int32 && o.kind != Int64 {
		return fmt.Errorf("the index is %v, want int32 or int64", o.kind)
	}
	return nil
}

func transpose(c *call) (*operand, error) {
	x := c.in[0]
	rank := len(x.shape())
	order := c.integers("perm", rank, 0)
	if order == nil {
		for d := rank - 1; d >= 0; d-- {
			order = append(order, d)
		}
	}
	if rank == 0 {
		return x, nil
	}
	return c.apply(x.kind, func(in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Transpose(in[0], order...) }, x)
}

func slice(c *call) (*operand, error) {
	x := c.in[0]
	dims := x.shape()
	var lists [4][]int64 // starts, ends, axes, steps
	if c.opset < 10 {
		if err := c.singleInput(); err != nil {
			return nil, err
		}
		for i, name := range []string{"starts", "ends", "axes"} {
			lists[i] = attribute[[]int64](c, name, nil)
		}
	} else {
		for i := range lists {
			var err error
			if lists[i], err = c.constantIntegers(1 + i); err != nil {
				return nil, err
			}
		}
	}
	for i, list := range lists {
		if list == nil && i < 2 {
			return nil, errors.New("starts or ends are missing")
		}
		if list != nil && len(list) != len(lists[0]) {
			return nil, fmt.Errorf("%d starts, but %d %s", len(lists[0]), len(list), []string{"starts", "ends", "axes", "steps"}[i])
		}
	}
	start, step, size := make([]int, len(dims)), make([]int, len(dims)), slices.Clone(dims)
	for d := range step {
		step[d] = 1
	}
	sliced := make([]bool, len(dims))
	for i := range lists[0] {
		axis := i
		var err error
		if lists[2] != nil {
			axis, err = axisOf(lists[2][i], len(dims))
		} else if i >= len(dims) {
			err = fmt.Errorf("%d starts for shape %v", len(lists[0]), dims)
		}
		if err != nil {
			return nil, err
		}
		if sliced[axis] {
			return nil, fmt.Errorf("axis %d is sliced twice", axis)
		}
		sliced[axis] = true
		by := int64(1)
		if lists[3] != nil {
			by = lists[3][i]
		}
		if start[axis], step[axis], size[axis], err = span(lists[0][i], lists[1][i], by, int64(dims[axis])); err != nil {
			return nil, err
		}
	}
	return c.apply(x.kind, func(in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Slice(in[0], start, step, size) }, x)
}

// span resolves start:end:step over n elements as numpy does: size elements from first on, by apart.
func span(start, end, step, n int64) (first, by, size int, err error) {
	if step == 0 {
		return 0, 0, 0, errors.New("a step is 0")
	}
	step = max(-n, min(n, step)) // a longer step selects the same single element
	lowest, highest := int64(0), n
	if step < 0 {
		lowest, highest = -1, n-1
	}
	bound := func(v int64) int64 {
		if v < 0 {
			v += n
		}
		return max(lowest, min(highest, v))
	}
	start, end = bound(start), bound(end)
	count := (end - start + step - 1) / step
	if step < 0 {
		count = (start - end - step - 1) / -step
	}
	if count < 1 {
		return 0, 0, 0, errors.New("the result is empty; empty tensors are not supported")
	}
	return int(start), int(step), int(count), nil
}

func split(c *call) ([]*operand, error) {
	x := c.in[0]
	dims := x.shape()
	axis, err := c.axis(0, len(dims))
	if err != nil {
		return nil, err
	}
	parts := attribute[[]int64](c, "split", nil)
	if parts == nil {
		if parts, err = c.constantIntegers(1); err != nil {
			return nil, err
		}
	}
	if parts == nil {
		if dims[axis]%c.outputs != 0 {
			return nil, fmt.Errorf("cannot split dimension %d of shape %v into %d equal parts", axis, dims, c.outputs)
		}
		parts = slices.Repeat([]int64{int64(dims[axis] / c.outputs)}, c.outputs)
	}
	out := make([]*operand, len(parts))
	start, step, size := make([]int, len(dims)), slices.Repeat([]int{1}, len(dims)), slices.Clone(dims)
	for i, n := range parts {
		if n < 1 || n > int64(dims[axis]-start[axis]) {
			return nil, fmt.Errorf("cannot split dimension %d of shape %v into parts of %v", axis, dims, parts)
		}
		size[axis] = int(n)
		out[i], err = c.apply(x.kind, func(in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Slice(in[0], start, step, size) }, x)
		if err != nil {
			return nil, err
		}
		start[axis] += int(n)
	}
	if start[axis] != dims[axis] {
		return nil, fmt.Errorf("cannot split dimension %d of shape %v into parts of %v", axis, dims, parts)
	}
	return out, nil
}

func concat(c *call) (*operand, error) {
	for _, o := range c.in {
		if o == nil || o.scalar {
			return nil, errors.New("an operand is missing or a scalar")
		}
		if o.kind != c.in[0].kind {
			return nil, fmt.Errorf("operands of %v and %v", c.in[0].kind, o.kind)
		}
	}
	if _, given := c.attributes["axis"]; !given {
		return nil, errors.New(`the attribute "axis" is missing`)
	}
	axis, err := c.axis(0, len(c.in[0].shape()))
	if err != nil {
		return nil, err
	}
	return c.apply(c.in[0].kind, func(in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Concat(axis, in...) }, c.in...)
}

func pad(c *call) (*operand, error) {
	x := c.in[0]
	dims := x.shape()
	var pads []int64
	var value float64
	if c.opset < 11 {
		if err := c.singleInput(); err != nil {
			return nil, err
		}
		pads, value = attribute[[]int64](c, "pads", nil), float64(attribute(c, "value", float32(0)))
	} else {
		var err error
		if pads, err = c.constantIntegers(1); err != nil {
			return nil, err
		}
		if value, err = c.constantNumber(2, 0); err != nil {
			return nil, err
		}
	}
	if len(dims) == 0 || len(pads) != 2*len(dims) {
		return nil, fmt.Errorf("%d pads for shape %v", len(pads), dims)
	}
	begin, end := make([]int, len(dims)), make([]int, len(dims))
	for d := range dims {
		begin[d], end[d] = c.bounded("pads", pads[d], 0), c.bounded("pads", pads[d+len(dims)], 0)
	}
	modes := map[string]kernel.PadMode{"constant": kernel.PadConstant, "reflect": kernel.PadReflect, "edge": kernel.PadEdge}
	name := attribute(c, "mode", "constant")
	mode, ok := modes[name]
	if !ok {
		return nil, fmt.Errorf("mode %q is not supported", name)
	}
	if c.wrong != nil {
		return nil, c.wrong
	}
	return c.apply(x.kind, func(in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Pad(in[0], begin, end, mode, value) }, x)
}

func gather(c *call) (*operand, error) {
	x, index := c.in[0], c.in[1]
	axis, err := c.axis(0, len(x.shape()))
	if err != nil {
		return nil, err
	}
	if err := c.index(index); err != nil {
		return nil, err
	}
	if len(x.shape())+len(index.shape()) > c.lim.Rank {
		return nil, fmt.Errorf("more than the %d dimensions allowed", c.lim.Rank)
	}
	// A scalar index removes the axis.
	left := slices.Delete(slices.Clone(x.shape()), axis, axis+1)
	scalar := index.scalar && len(left) == 0
	o, err := c.apply(x.kind, func(in []*gorgonia.Node) (*gorgonia.Node, error) {
		n, err := op.Gather(in[0], in[1], axis)
		if err == nil && index.scalar && !scalar {
			n, err = op.Reshape(n, left...)
		}
		return n, err
	}, x, index)
	return scalarIf(o, err, scalar)
}

func gatherElements(c *call) (*operand, error) {
	x, index := c.in[0], c.in[1]
	axis, err := c.axis(0, len(x.shape()))
	if err != nil {
		return nil, err
	}
	if err := c.index(index); err != nil {
		return nil, err
	}
	return c.apply(x.kind, func(in []*gorgonia.Node) (*gorgonia.Node, error) { return op.GatherElements(in[0], in[1], axis) }, x, index)
}
