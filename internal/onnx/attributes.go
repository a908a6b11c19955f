package onnx

import (
	"fmt"

	"gorgonia.org/tensor"
)

// attribute returns the named attribute and removes it from c.attributes. It returns otherwise
// if the attribute is absent or has another type than T; the latter sets c.wrong.
func attribute[T any](c *call, name string, otherwise T) T {
	v, ok := c.attributes[name]
	if !ok {
		return otherwise
	}
	delete(c.attributes, name)
	t, ok := v.(T)
	if !ok {
		c.wrong = fmt.Errorf("the attribute %q is a %T, want a %T", name, v, otherwise)
		return otherwise
	}
	return t
}

// maxAttribute bounds sizes in attributes. No stride, pad or axis of a network is larger, and
// sums and products of such sizes with dimensions do not overflow.
const maxAttribute = 1 << 20

func (c *call) bounded(name string, v, minimum int64) int {
	if v < minimum || v > maxAttribute {
		c.wrong = fmt.Errorf("the attribute %q is %d, want %d to %d", name, v, minimum, maxAttribute)
		return int(minimum)
	}
	return int(v)
}

// integer returns an integer attribute from minimum to maxAttribute.
func (c *call) integer(name string, otherwise, minimum int64) int {
	return c.bounded(name, attribute(c, name, otherwise), minimum)
}

func (c *call) flag(name string, otherwise bool) bool {
	v := int64(0)
	if otherwise {
		v = 1
	}
	return attribute(c, name, v) != 0
}

// integers returns an attribute of count integers from minimum to maxAttribute, or nil if it is absent.
func (c *call) integers(name string, count int, minimum int64) []int {
	list := attribute[[]int64](c, name, nil)
	if list == nil {
		return nil
	}
	if len(list) != count {
		c.wrong = fmt.Errorf("the attribute %q has %d values, want %d", name, len(list), count)
		return nil
	}
	out := make([]int, count)
	for i, v := range list {
		out[i] = c.bounded(name, v, minimum)
	}
	return out
}

// singleInput returns an error if there is more than one input. In the file's operator set the others are attributes.
func (c *call) singleInput() error {
	if len(c.in) > 1 {
		return fmt.Errorf("%d inputs, want 1 in operator set %d", len(c.in), c.opset)
	}
	return nil
}

// pair returns an attribute of two integers, for height and width.
func (c *call) pair(name string, otherwise int, minimum int64) [2]int {
	if v := c.integers(name, 2, minimum); v != nil {
		return [2]int(v)
	}
	return [2]int{otherwise, otherwise}
}

// axis returns the attribute "axis" for a tensor of the given rank. A negative axis counts from the end.
func (c *call) axis(otherwise int64, rank int) (int, error) {
	return axisOf(attribute(c, "axis", otherwise), rank)
}

func axisOf(v int64, rank int) (int, error) {
	if v < -int64(rank) || v >= int64(rank) {
		return 0, fmt.Errorf("axis %d is out of range for %d dimensions", v, rank)
	}
	if v < 0 {
		v += int64(rank)
	}
	return int(v), nil
}

// constantIntegers returns the elements of a constant input, or nil if it is absent.
func (c *call) constantIntegers(input int) ([]int64, error) {
	if input >= len(c.in) || c.in[input] == nil {
		return nil, nil
	}
	d := c.in[input].constant
	if n, limit := d.Shape().TotalSize(), max(c.outputs, 64); n > limit {
		return nil, fmt.Errorf("input %d has %d values, want at most %d", input, n, limit)
	}
	return integersOf(d)
}

func integersOf(d *tensor.Dense) ([]int64, error) {
	switch v := d.Data().(type) {
	case []int64:
		return v, nil
	case []int32:
		out := make([]int64, len(v))
		for i, x := range v {
			out[i] = int64(x)
		}
		return out, nil
	}
	return nil, fmt.Errorf("elements are %v, want int64", d.Dtype())
}

// constantNumber returns the element of a constant input of size 1, or otherwise if the input is absent.
func (c *call) constantNumber(input int, otherwise float64) (float64, error) {
	if input >= len(c.in) || c.in[input] == nil {
		return otherwise, nil
	}
	d := c.in[input].constant
	if d.Shape().TotalSize() != 1 {
		return 0, fmt.Errorf("input %d has shape %v, want a single number", input, d.Shape())
	}
	switch v := d.Data().(type) {
	case []float32:
		return float64(v[0]), nil
	case []int32:
		return float64(v[0]), nil
	case []int64:
		return float64(v[0]), nil
	}
	return 0, fmt.Errorf("input %d has elements of %v, want float32, int32 or int64", input, d.Dtype())
}
