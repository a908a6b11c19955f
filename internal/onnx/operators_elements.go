package onnx

import (
	"fmt"
	"math"
	"slices"

	"enciphergan/internal/kernel"
	"enciphergan/internal/op"

	"gorgonia.org/gorgonia"
)

// floats returns an error if an operand is not float32. That includes half precision, in which
// every step would have to be rounded.
func floats(in ...*operand) error {
	for i, o := range in {
		if o.kind != Float32 {
			return fmt.Errorf("operand %d is %v, want float32", i, o.kind)
		}
	}
	return nil
}

func broadcast(a kernel.BinaryOp) func(c *call) (*operand, error) {
	return func(c *call) (*operand, error) {
		x, y := c.in[0], c.in[1]
		if x.kind != y.kind || x.kind == Float16 {
			return nil, fmt.Errorf("operands of %v and %v, want two of float32, int32 or int64", x.kind, y.kind)
		}
		o, err := c.apply(x.kind, func(in []*gorgonia.Node) (*gorgonia.Node, error) {
			return op.Broadcast(a, in[0], in[1])
		}, x, y)
		return scalarIf(o, err, x.scalar && y.scalar)
	}
}

// arithmetic is broadcast with the rules of the file's operator set.
func arithmetic(a kernel.BinaryOp) func(c *call) (*operand, error) {
	return func(c *call) (*operand, error) {
		if c.opset >= 7 {
			return broadcast(a)(c)
		}
		// Operator set 6: with "broadcast", the shape of the second operand is aligned with the
		// dimensions of the first from axis on, or with the last ones without an axis.
		x, y := c.in[0], c.in[1]
		dims, axis := x.shape(), len(x.shape())-len(y.shape())
		if c.flag("broadcast", false) {
			if _, given := c.attributes["axis"]; given {
				var err error
				if axis, err = c.axis(0, len(dims)); err != nil {
					return nil, err
				}
			}
			if axis < 0 || axis+len(y.shape()) > len(dims) {
				return nil, fmt.Errorf("shape %v does not match shape %v from dimension %d on", y.shape(), dims, axis)
			}
		} else if !slices.Equal(dims, y.shape()) {
			return nil, fmt.Errorf("operands of shapes %v and %v without the attribute \"broadcast\"", dims, y.shape())
		}
		if to := slices.Concat(y.shape(), slices.Repeat([]int{1}, len(dims)-axis-len(y.shape()))); len(to) > len(y.shape()) {
			wide, err := c.apply(y.kind, func(in []*gorgonia.Node) (*gorgonia.Node, error) { return op.Reshape(in[0], to...) }, y)
			if err != nil {
				return nil, err
			}
			c.in = []*operand{x, wide}
		}
		return broadcast(a)(c)
	}
}

func scalarIf(o *operand, err error, scalar bool) (*operand, error) {
	if err != nil {
		return nil, err
	}
	o.scalar = scalar
	return o, nil
}

func elementwise(f func(x *gorgonia.Node) (*gorgonia.Node, error)) func(c *call) (*operand, error) {
	return func(c *call) (*operand, error) {
		x := c.in[0]
		if err := floats(x); err != nil {
			return nil, err
		}
		o, err := c.apply(Float32, func(in []*gorgonia.Node) (*gorgonia.Node, error) { return f(in[0]) }, x)
		return scalarIf(o, err, x.scalar)
	}
}

func leakyRelu(c *call) (*operand, error) {
	slope := attribute(c, "alpha", float32(0.01))
	return elementwise(func(x *gorgonia.Node) (*gorgonia.Node, error) { return op.LeakyReLU(x, slope) })(c)
}

// clip uses the largest float32 for absent bounds, as ONNX does, and so makes infinities finite.
func clip(c *call) (*operand, error) {
	var minimum, maximum float64
	if c.opset < 11 {
		if err := c.singleInput(); err != nil {
			return nil, err
		}
		minimum, maximum = float64(attribute(c, "min", float32(-math.MaxFloat32))), float64(attribute(c, "max", float32(math.MaxFloat32)))
	} else {
		var err error
		if minimum, err = c.constantNumber(1, -math.MaxFloat32); err != nil {
			return nil, err
		}
		if maximum, err = c.constantNumber(2, math.MaxFloat32); err != nil {
			return nil, err
		}
	}
	return elementwise(func(x *gorgonia.Node) (*gorgonia.Node, error) { return op.Clip(x, float32(minimum), float32(maximum)) })(c)
}

// cast converts between element types. Half precision is stored as rounded float32, so a cast
// to it rounds and a cast from it to float32 changes nothing.
func cast(c *call) (*operand, error) {
	x, to := c.in[0], DataType(attribute(c, "to", int64(0)))
	if x.kind == to {
		return x, nil
	}
	if x.kind == Float16 && to == Float32 {
		o := *x
		o.kind = Float32
		return &o, nil
	}
	t, err := dtype(to)
	if err != nil {
		return nil, err
	}
	o, err := c.apply(to, func(in []*gorgonia.Node) (*gorgonia.Node, error) {
		n := in[0]
		var err error
		if n.Dtype() != t {
			n, err = op.Cast(n, t)
		}
		if err == nil && to == Float16 {
			n, err = op.RoundHalf(n)
		}
		return n, err
	}, x)
	return scalarIf(o, err, x.scalar)
}

func matMul(c *call) (*operand, error) {
	a, b := c.in[0], c.in[1]
	if err := floats(a, b); err != nil {
		return nil, err
	}
	sa, sb := a.shape(), b.shape()
	if len(sa) < 2 || len(sb) < 2 {
		return nil, fmt.Errorf("shapes %v and %v; vectors are not supported", sa, sb)
	}
	c.heavy = true
	return c.apply(Float32, func(in []*gorgonia.Node) (*gorgonia.Node, error) { return op.MatMul(in[0], in[1]) }, a, b)
}

func reduceMean(c *call) (*operand, error) {
	x := c.in[0]
	if err := floats(x); err != nil {
		return nil, err
	}
	rank := len(x.shape())
	axes, keep := attribute[[]int64](c, "axes", nil), c.flag("keepdims", true)
	reduced := make([]bool, rank)
	for _, v := range axes {
		axis, err := axisOf(v, rank)
		if err != nil {
			return nil, err
		}
		reduced[axis] = true
	}
	// The reduced dimensions are moved to the end, where they are contiguous. The others stay in order.
	var order, last, shape []int
	for d, n := range x.shape() {
		if reduced[d] || axes == nil {
			last = append(last, d)
			if keep {
				shape = append(shape, 1)
			}
		} else {
			order = append(order, d)
			shape = append(shape, n)
		}
	}
	if len(last) == 0 {
		return x, nil
	}
	order = append(order, last...)
	scalar := len(shape) == 0
	if scalar {
		shape = []int{1}
	}
	o, err := c.apply(Float32, func(in []*gorgonia.Node) (*gorgonia.Node, error) {
		n := in[0]
		var err error
		for d, from := range order {
			if d != from {
				if n, err = op.Transpose(n, order...); err != nil {
					return nil, err
				}
				break
			}
		}
		if n, err = op.ReduceMean(n, len(last)); err != nil {
			return nil, err
		}
		if slices.Equal(shape, n.Shape()) {
			return n, nil
		}
		return op.Reshape(n, shape...)
	}, x)
	return scalarIf(o, err, scalar)
}
