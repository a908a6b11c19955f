package op

import (
	"fmt"
	"math"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Sqrt, Floor, Neg and Abs apply the function to every element of a float32 tensor. They have
// no gradient.
func Sqrt(x *gorgonia.Node) (*gorgonia.Node, error)  { return elementwise("sqrt", kernel.Sqrt, x) }
func Floor(x *gorgonia.Node) (*gorgonia.Node, error) { return elementwise("floor", kernel.Floor, x) }
func Neg(x *gorgonia.Node) (*gorgonia.Node, error)   { return elementwise("neg", kernel.Neg, x) }
func Abs(x *gorgonia.Node) (*gorgonia.Node, error)   { return elementwise("abs", kernel.Abs, x) }

// Clip limits every element to [minimum, maximum]. It has no gradient.
func Clip(x *gorgonia.Node, minimum, maximum float32) (*gorgonia.Node, error) {
	name := fmt.Sprintf("clip %08x %08x", math.Float32bits(minimum), math.Float32bits(maximum))
	return elementwise(name, func(dst, src []float32) { kernel.Clip(dst, src, minimum, maximum) }, x)
}

// RoundHalf rounds every element to the nearest half-precision number, ties to even. The result
// is float32, as if read back from 16 bits. RoundHalf has no gradient.
func RoundHalf(x *gorgonia.Node) (*gorgonia.Node, error) {
	return elementwise("round to half", kernel.RoundHalf, x)
}

func elementwise(name string, f func(dst, src []float32), x *gorgonia.Node) (*gorgonia.Node, error) {
	if x.Dtype() != tensor.Float32 {
		return nil, fmt.Errorf("%s: elements of type %v, want float32", name, x.Dtype())
	}
	return Apply(Spec{
		Name:  name,
		Arity: 1,
		Shape: same, InPlace: true, Work: functionWork,
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			f(out.Data().([]float32), in[0].Data().([]float32))
			return nil
		},
	}, x)
}
