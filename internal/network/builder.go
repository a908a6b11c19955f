package network

import (
	"fmt"

	"enciphergan/internal/op"
)

// Builder makes the values of a network: nodes of a training graph or names in
// an ONNX graph. A string argument names a parameter of the network; index is the
// number of the keyed layer. A builder records its first error and returns zero
// values from then on.
type Builder[V any] interface {
	ReflectPad(x V, pad int) V
	Conv2D(x V, weight, bias string, w op.Window) V // bias "" for none
	ConvTranspose2D(x V, weight, bias string, w op.Window, outputPadding int) V
	InstanceNorm(x V, eps float32) V
	BatchNorm(x V, name string, eps float32) V
	LeakyReLU(x V, slope float32) V
	Tanh(x V) V
	Exp(x V) V
	Erf(x V) V
	Scale(x V, factor float32) V
	Divide(x V, divisor float32) V
	Add(a, b V) V
	Sub(a, b V) V
	Mul(a, b V) V
	Div(a, b V) V
	Channels(x V, from, to int) V
	Join(a, b V) V
	SpaceToDepth(x V, block int) V
	DepthToSpace(x V, block int) V
	ChannelScale(x V, scale string) V
	ChannelAffine(x V, scale, shift string) V
	Whiten(x V, matrix, bias string) V
	Unwhiten(x V, matrix, bias string) V // minus bias, then the inverse of the matrix
	Rotate(x V, matrix string, back bool) V
	Permute(x V, index int, back bool) V
	Mix(x V, index int, back bool) V
	Statistics(x V, eps float32) V
	Standardize(x, statistics V) V
	Restore(x, statistics V) V
	InverseErf(x V, table string) V // x holds 8-bit levels
}

// Walk applies layers to x. It appends the statistics of each CarriedNorm to carried, in
// order; Restored layers read them from there.
func Walk[V any](b Builder[V], layers []Layer, x V, carried *[]V) V {
	for _, l := range layers {
		x = forward(b, l, x, carried)
	}
	return x
}

func forward[V any](b Builder[V], l Layer, x V, carried *[]V) V {
	bias := ""
	if l.Bias {
		bias = l.Name + ".bias"
	}
	switch l.Kind {
	case ReflectPad:
		return b.ReflectPad(x, l.Pad)
	case Conv2D:
		return b.Conv2D(x, l.Name+".weight", bias, op.Square(l.Stride, l.Pad))
	case ConvTranspose2D:
		return b.ConvTranspose2D(x, l.Name+".weight", bias, op.Square(l.Stride, l.Pad), l.Stride-1)
	case InstanceNorm:
		return b.InstanceNorm(x, l.Eps)
	case BatchNorm:
		return b.BatchNorm(x, l.Name, l.Eps)
	case ReLU:
		return b.LeakyReLU(x, 0)
	case LeakyReLU:
		return b.LeakyReLU(x, l.Slope)
	case Tanh:
		return b.Tanh(x)
	case Scaled:
		return b.Scale(x, l.Factor)
	case Residual:
		return b.Add(x, Walk(b, l.Branch, x, carried))
	case ChannelScale:
		return b.ChannelScale(x, l.Name+".scale")
	case ChannelAffine:
		return b.ChannelAffine(x, l.Name+".scale", l.Name+".shift")
	case SpaceToDepth:
		return b.SpaceToDepth(x, l.Block)
	case DepthToSpace:
		return b.DepthToSpace(x, l.Block)
	case Whitening:
		return b.Whiten(x, l.Name+".matrix", l.Name+".bias")
	case Coupling:
		half := l.Out / 2
		first, second := b.Channels(x, 0, half), b.Channels(x, half, l.Out)
		s, t := couple(b, l, first)
		if l.Clamp > 0 {
			second = b.Mul(second, s)
		}
		return b.Join(first, b.Add(second, t))
	case Rotation:
		return b.Rotate(x, l.Name+".matrix", false)
	case CarriedNorm:
		statistics := b.Statistics(x, l.Eps)
		*carried = append(*carried, statistics)
		return b.Standardize(x, statistics)
	case Restored:
		return b.Restore(x, (*carried)[l.Index])
	case KeyedPermutation:
		return b.Permute(x, l.Index, false)
	case KeyedMix:
		return b.Mix(x, l.Index, false)
	case Uniform:
		return b.Erf(b.Divide(x, l.Width()))
	}
	panic(fmt.Sprintf("network: layer %q has unknown kind %q", l.Name, l.Kind))
}

// WalkBack applies the inverses of layers in reverse order: from the 8-bit
// levels of a cipher image and the carried statistics to the picture.
func WalkBack[V any](b Builder[V], layers []Layer, x V, carried []V) V {
	for i := len(layers) - 1; i >= 0; i-- {
		x = backward(b, layers[i], x, carried)
	}
	return x
}

func backward[V any](b Builder[V], l Layer, x V, carried []V) V {
	switch l.Kind {
	case SpaceToDepth:
		return b.DepthToSpace(x, l.Block)
	case DepthToSpace:
		return b.SpaceToDepth(x, l.Block)
	case Whitening:
		return b.Unwhiten(x, l.Name+".matrix", l.Name+".bias")
	case Coupling:
		half := l.Out / 2
		first, second := b.Channels(x, 0, half), b.Channels(x, half, l.Out)
		s, t := couple(b, l, first)
		second = b.Sub(second, t)
		if l.Clamp > 0 {
			second = b.Div(second, s)
		}
		return b.Join(first, second)
	case Rotation:
		return b.Rotate(x, l.Name+".matrix", true)
	case CarriedNorm:
		return b.Restore(x, carried[l.Index])
	case KeyedPermutation:
		return b.Permute(x, l.Index, true)
	case KeyedMix:
		return b.Mix(x, l.Index, true)
	case Uniform:
		return b.Scale(b.InverseErf(x, l.Name+".table"), l.Width())
	}
	panic(fmt.Sprintf("network: layer %q of kind %q has no inverse", l.Name, l.Kind))
}

// couple runs a coupling's branch on the first half of the channels. It returns the factor
// s = exp(Clamp*tanh(s/Clamp)), the zero value where Clamp is 0, and the shift t.
func couple[V any](b Builder[V], l Layer, first V) (s, t V) {
	y := Walk(b, l.Branch, first, nil)
	if l.Clamp == 0 {
		return s, y
	}
	half := l.Out / 2
	s = b.Channels(y, 0, half)
	s = b.Exp(b.Scale(b.Tanh(b.Divide(s, l.Clamp)), l.Clamp))
	return s, b.Channels(y, half, l.Out)
}

// Width returns the divisor of a Uniform layer: the deviation Kappa of its normal distribution, times sqrt 2.
func (l Layer) Width() float32 { return float32(float64(l.Kappa) * 1.4142135623730951) }
