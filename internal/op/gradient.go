package op

import (
	"fmt"
	"sync"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// differentiate is nil until Gradients sets it to gradient.differentiate. An executable that
// only runs inference never calls Gradients, so the linker omits the implementations of
// gradient and the kernels that they call.
var differentiate func(g gradient, in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error)

var once sync.Once

func enableGradients() { once.Do(func() { differentiate = gradient.differentiate }) }

// Gradients adds the gradients of the scalar of with respect to leaves to its graph and returns them.
func Gradients(of *gorgonia.Node, leaves ...*gorgonia.Node) (gorgonia.Nodes, error) {
	enableGradients()
	return gorgonia.Grad(of, leaves...)
}

// gradient builds the gradients of an operation. Each operation of inference has its own
// type, whose method the linker can omit. Operations used only in training use gradientFunc.
type gradient interface {
	// differentiate returns the gradient of each input i for which want[i] is set,
	// and nil for the others.
	differentiate(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error)
}

type gradientFunc func(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error)

func (f gradientFunc) differentiate(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
	return f(in, out, grad, want)
}

// activationGradient computes the gradient of y = f(x): dx = back(x, dy), or back(y, dy) with fromOutput.
type activationGradient struct {
	name       string
	fromOutput bool
	back       backward
}

// backward computes dx from dy and v, which is x or y.
type backward interface{ backward(dx, v, dy []float32) }

func (a activationGradient) differentiate(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
	v := in[0]
	if a.fromOutput {
		v = out
	}
	g, err := Apply(Spec{
		Name:  a.name + "Grad",
		Arity: 2,
		Shape: same,
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			a.back.backward(floats(out), floats(in[0]), floats(in[1]))
			return nil
		},
	}, v, grad)
	return gorgonia.Nodes{g}, err
}

type (
	leakyReLUBackward float32 // the slope
	tanhBackward      struct{}
	sigmoidBackward   struct{}
	expBackward       struct{}
	erfBackward       struct{}
	linearBackward    struct{ f func(dst, src []float32) } // of a linear f
)

func (s leakyReLUBackward) backward(dx, x, dy []float32) { kernel.LeakyReLUGrad(dx, x, dy, float32(s)) }
func (tanhBackward) backward(dx, y, dy []float32)        { kernel.TanhGrad(dx, y, dy) }
func (sigmoidBackward) backward(dx, y, dy []float32)     { kernel.SigmoidGrad(dx, y, dy) }
func (expBackward) backward(dx, y, dy []float32)         { kernel.Multiply(dx, y, dy) }
func (erfBackward) backward(dx, x, dy []float32)         { kernel.ErfGrad(dx, x, dy) }
func (l linearBackward) backward(dx, _, dy []float32)    { l.f(dx, dy) }

type conv2DGradient Window

func (c conv2DGradient) differentiate(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
	a := Window(c)
	a.Arithmetic = kernel.Fused
	g := make(gorgonia.Nodes, len(in))
	var err error
	if want[0] {
		if g[0], err = convGradInput(grad, in[1], in[0].Shape(), a); err != nil {
			return nil, err
		}
	}
	if want[1] {
		if g[1], err = convGradWeight(in[0], grad, in[1].Shape(), a); err != nil {
			return nil, err
		}
	}
	if len(in) == 3 && want[2] {
		if g[2], err = channelSums(grad); err != nil {
			return nil, err
		}
	}
	return g, nil
}

type convGradInputGradient Window

func (c convGradInputGradient) differentiate(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
	a := Window(c)
	a.Arithmetic = kernel.Fused
	g := make(gorgonia.Nodes, 2)
	var err error
	if want[0] {
		if g[0], err = Conv2D(grad, in[1], nil, a); err != nil {
			return nil, err
		}
	}
	if want[1] {
		if g[1], err = convGradWeight(grad, in[0], in[1].Shape(), a); err != nil {
			return nil, err
		}
	}
	return g, nil
}

type instanceNormGradient float32 // eps

func (eps instanceNormGradient) differentiate(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
	g, err := Apply(Spec{
		Name: fmt.Sprintf("InstanceNormGrad{%g}", float32(eps)), Arity: 2, Shape: same,
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			n, c, p := planes(in[0].Shape())
			kernel.InstanceNormGrad(n*c, p, floats(in[0]), floats(in[1]), floats(out), float32(eps))
			return nil
		},
	}, in[0], grad)
	return gorgonia.Nodes{g}, err
}

type channelAffineGradient struct{}

func (channelAffineGradient) differentiate(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
	g := make(gorgonia.Nodes, 3)
	var err error
	if want[0] {
		if g[0], err = channelScale(grad, in[1]); err != nil {
			return nil, err
		}
	}
	if want[1] {
		if g[1], err = channelProducts(in[0], grad); err != nil {
			return nil, err
		}
	}
	if want[2] {
		g[2], err = channelSums(grad)
	}
	return g, err
}

type channelBiasGradient struct{}

func (channelBiasGradient) differentiate(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
	g := make(gorgonia.Nodes, 2)
	if want[0] {
		g[0] = grad
	}
	var err error
	if want[1] {
		g[1], err = channelSums(grad)
	}
	return g, err
}

type spaceToDepthGradient int // the block

func (b spaceToDepthGradient) differentiate(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
	g, err := DepthToSpace(grad, int(b), false)
	return gorgonia.Nodes{g}, err
}

type depthToSpaceGradient int // the block

func (b depthToSpaceGradient) differentiate(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
	g, err := SpaceToDepth(grad, int(b))
	return gorgonia.Nodes{g}, err
}
