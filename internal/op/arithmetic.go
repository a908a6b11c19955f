package op

import (
	"fmt"
	"slices"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Add computes a + b. Like Sub, Mul and Div it takes two tensors of one shape.
func Add(a, b *gorgonia.Node) (*gorgonia.Node, error) {
	return binary("Add", kernel.Plus, a, b, func(_ gorgonia.Nodes, _, g *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
		d := make(gorgonia.Nodes, 2)
		for i := range d {
			if want[i] {
				d[i] = g
			}
		}
		return d, nil
	})
}

// Sub computes a - b.
func Sub(a, b *gorgonia.Node) (*gorgonia.Node, error) {
	return binary("Sub", kernel.Minus, a, b, func(_ gorgonia.Nodes, _, g *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
		d := make(gorgonia.Nodes, 2)
		if want[0] {
			d[0] = g
		}
		var err error
		if want[1] {
			d[1], err = Neg(g)
		}
		return d, err
	})
}

// Mul computes a * b.
func Mul(a, b *gorgonia.Node) (*gorgonia.Node, error) {
	return binary("Mul", kernel.Times, a, b, func(in gorgonia.Nodes, _, g *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
		d := make(gorgonia.Nodes, 2)
		var err error
		for i := range d {
			if want[i] && err == nil {
				d[i], err = Mul(g, in[1-i])
			}
		}
		return d, err
	})
}

// Div computes a / b.
func Div(a, b *gorgonia.Node) (*gorgonia.Node, error) {
	return binary("Div", kernel.Over, a, b, func(in gorgonia.Nodes, out, g *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
		d := make(gorgonia.Nodes, 2)
		q, err := Div(g, in[1])
		if err != nil {
			return nil, err
		}
		if want[0] {
			d[0] = q
		}
		if want[1] {
			d[1], err = negated(Mul(q, out))
		}
		return d, err
	})
}

func binary(name string, a kernel.BinaryOp, x, y *gorgonia.Node, diff func(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error)) (*gorgonia.Node, error) {
	return Apply(Spec{
		Name: name, Arity: 2,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			if !slices.Equal(in[0], in[1]) {
				return nil, fmt.Errorf("shapes %v and %v differ", in[0], in[1])
			}
			return in[0], nil
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			n := []int{len(floats(out))}
			kernel.Broadcast(a, floats(out), n, floats(in[0]), []int{1}, floats(in[1]), []int{1})
			return nil
		},
		Gradient: gradientFunc(diff),
	}, x, y)
}

func negated(x *gorgonia.Node, err error) (*gorgonia.Node, error) {
	if err != nil {
		return nil, err
	}
	return Neg(x)
}
