package op

import (
	"fmt"
	"slices"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// activation adds y = f(x), which step computes within a fused operation. The gradient is
// dx = back(x, dy), or back(y, dy) with fromOutput.
func activation(name string, x *gorgonia.Node, step kernel.Step, f func(dst, src []float32), fromOutput bool, back backward) (*gorgonia.Node, error) {
	return Apply(Spec{
		Name:  name,
		Arity: 1,
		Shape: same, InPlace: true, Step: &step, Work: functionWork,
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			f(floats(out), floats(in[0]))
			return nil
		},
		Gradient: activationGradient{name, fromOutput, back},
	}, x)
}

// ReLU computes max(x, 0).
func ReLU(x *gorgonia.Node) (*gorgonia.Node, error) { return LeakyReLU(x, 0) }

// LeakyReLU computes max(x, slope*x), 0 <= slope < 1.
func LeakyReLU(x *gorgonia.Node, slope float32) (*gorgonia.Node, error) {
	if !(slope >= 0 && slope < 1) {
		return nil, fmt.Errorf("LeakyReLU: slope %g must be at least 0 and below 1", slope)
	}
	return activation(fmt.Sprintf("LeakyReLU{%g}", slope), x, kernel.StepLeakyReLU(slope),
		func(dst, src []float32) { kernel.LeakyReLU(dst, src, slope) }, false,
		leakyReLUBackward(slope))
}

// Tanh computes the hyperbolic tangent.
func Tanh(x *gorgonia.Node) (*gorgonia.Node, error) {
	return activation("Tanh", x, kernel.StepTanh, kernel.Tanh, true, tanhBackward{})
}

// Sigmoid computes 1/(1+exp(-x)).
func Sigmoid(x *gorgonia.Node) (*gorgonia.Node, error) {
	return activation("Sigmoid", x, kernel.StepSigmoid, kernel.Sigmoid, true, sigmoidBackward{})
}

// Exp computes e^x.
func Exp(x *gorgonia.Node) (*gorgonia.Node, error) {
	return activation("Exp", x, kernel.StepExp, kernel.Exp, true, expBackward{})
}

// Erf computes the error function.
func Erf(x *gorgonia.Node) (*gorgonia.Node, error) {
	return activation("Erf", x, kernel.StepErf, kernel.Erf, false, erfBackward{})
}

// Scale computes factor*x.
func Scale(x *gorgonia.Node, factor float32) (*gorgonia.Node, error) {
	f := func(dst, src []float32) { kernel.Scale(dst, src, factor) }
	return activation(fmt.Sprintf("Scale{%g}", factor), x, kernel.StepScalar(kernel.Times, factor, false), f, false, linearBackward{f})
}

// Divide computes x/divisor, with a division for each element.
func Divide(x *gorgonia.Node, divisor float32) (*gorgonia.Node, error) {
	f := func(dst, src []float32) { kernel.Divide(dst, src, divisor) }
	return activation(fmt.Sprintf("Divide{%g}", divisor), x, kernel.StepScalar(kernel.Over, divisor, false), f, false, linearBackward{f})
}

// StraightThrough rounds c in [-1, 1] to 8-bit levels and passes the gradient on unchanged.
// Uniform levels are (k+0.5)/128 - 1, symmetric levels k/127.5 - 1.
func StraightThrough(c *gorgonia.Node, uniform bool) (*gorgonia.Node, error) {
	f := kernel.StraightThroughSymmetric
	if uniform {
		f = kernel.StraightThroughUniform
	}
	return Apply(Spec{
		Name:  fmt.Sprintf("StraightThrough{uniform %t}", uniform),
		Arity: 1,
		Shape: same,
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			f(floats(out), floats(in[0]))
			return nil
		},
		Gradient: gradientFunc(func(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
			return gorgonia.Nodes{grad}, nil
		}),
	}, c)
}

// InverseErf replaces each uniform level in c by its entry in table (256 entries, equal to
// erfinv at the start of training). The gradient for c uses the derivative of erfinv,
// sqrt(pi)/2*exp(v*v) for an entry v. The gradient of an entry is the sum over the elements
// of its level.
func InverseErf(c, table *gorgonia.Node) (*gorgonia.Node, error) {
	return Apply(Spec{
		Name:  "InverseErf",
		Arity: 2,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			if !slices.Equal(in[1], tensor.Shape{kernel.Levels}) {
				return nil, fmt.Errorf("the table is %v, want (%d)", in[1], kernel.Levels)
			}
			return in[0], nil
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			kernel.LookUp(floats(out), floats(in[0]), floats(in[1]))
			return nil
		},
		Gradient: gradientFunc(func(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
			g := make(gorgonia.Nodes, 2)
			var err error
			if want[0] {
				if g[0], err = Apply(Spec{
					Name: "InverseErfGrad", Arity: 2, Shape: same,
					Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
						kernel.InverseErfGrad(floats(out), floats(in[0]), floats(in[1]))
						return nil
					},
				}, out, grad); err != nil {
					return nil, err
				}
			}
			if want[1] {
				g[1], err = Apply(Spec{
					Name: "LookUpGrad", Arity: 2,
					Shape: func(in []tensor.Shape) (tensor.Shape, error) { return tensor.Shape{kernel.Levels}, nil },
					Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
						kernel.LookUpGrad(floats(out), floats(in[0]), floats(in[1]))
						return nil
					},
				}, in[0], grad)
			}
			return g, err
		}),
	}, c, table)
}
