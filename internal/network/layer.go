// Package network defines the networks as data: a profile is a list of layers for each
// generator and discriminator. Training (Gorgonia), export (ONNX) and documentation use
// the same list. Shipped models are loaded through internal/onnx and run tile by tile.
//
// Main path: Definition.Encryption and Decryption list layers; Walk applies them
// through a Builder. Load opens a model, Model.NewSession runs it.
package network

import (
	"math"
)

// Kind names what a layer does. Shapes are (N, C, H, W).
type Kind string

const (
	ReflectPad      Kind = "ReflectPad"      // Pad samples on each side, mirrored without repeating the edge
	Conv2D          Kind = "Conv2D"          // In to Out channels, Kernel, Stride, zero padding Pad, Bias or not
	ConvTranspose2D Kind = "ConvTranspose2D" // transposed convolution, fields as for Conv2D, output padding Stride-1
	InstanceNorm    Kind = "InstanceNorm"    // without affine terms; Eps
	BatchNorm       Kind = "BatchNorm"       // affine; running statistics at inference; Eps
	ReLU            Kind = "ReLU"
	LeakyReLU       Kind = "LeakyReLU" // Slope
	Tanh            Kind = "Tanh"
	Residual        Kind = "Residual"      // x + Branch(x)
	Scaled          Kind = "Scaled"        // times Factor
	ChannelScale    Kind = "ChannelScale"  // one factor a channel: the paper's linear layer
	ChannelAffine   Kind = "ChannelAffine" // scale and shift a channel

	// The layers below are invertible; a decryption generator runs them backwards.
	SpaceToDepth     Kind = "SpaceToDepth"     // Block
	DepthToSpace     Kind = "DepthToSpace"     // Block
	Whitening        Kind = "Whitening"        // 1x1 convolution with bias; backwards the bias is subtracted, then the inverse matrix applied
	Coupling         Kind = "Coupling"         // Branch maps the first half of the channels to the scale and shift (s, t) of the second, or to a shift only where Clamp is 0
	Rotation         Kind = "Rotation"         // fixed orthogonal matrix
	CarriedNorm      Kind = "CarriedNorm"      // instance norm whose half-precision means and deviations are carried to decryption as statistics Index; Eps
	Restored         Kind = "Restored"         // times deviation plus mean of each channel, from the statistics Index
	KeyedPermutation Kind = "KeyedPermutation" // Index-th permutation of positions, a different one each channel
	KeyedMix         Kind = "KeyedMix"         // Index-th orthogonal matrix
	Uniform          Kind = "Uniform"          // erf(x/(Kappa*sqrt 2)): normal to uniform; backwards a table of the 256 levels
)

// Layer is one layer. Name prefixes its parameters; fields that a kind does not use are zero.
type Layer struct {
	Kind                                Kind
	Name                                string
	In, Out, Kernel, Stride, Pad, Block int
	Bias                                bool
	Index                               int
	Gain                                float64 // scales the initial weights, see std
	Eps, Slope, Clamp, Kappa, Factor    float32
	Branch                              []Layer
}

// InitKind names how a parameter is initialised.
type InitKind string

const (
	InitZero       InitKind = "zero"
	InitOne        InitKind = "one"
	InitNormal     InitKind = "normal"      // mean 0, deviation Std
	InitOrthogonal InitKind = "orthogonal"  // a random orthogonal matrix
	InitInverseErf InitKind = "inverse-erf" // erfinv at the middles of the 8-bit levels
	InitData       InitKind = "data"        // computed from the training pictures
)

// Init describes the initialisation of a parameter.
type Init struct {
	Kind InitKind
	Std  float64
}

// Parameter describes one tensor of a network.
type Parameter struct {
	Name      string
	Shape     []int
	Init      Init
	Trainable bool
}

func weight(name string, std float64, shape ...int) Parameter {
	return Parameter{name, shape, Init{InitNormal, std}, true}
}

func constant(name string, kind InitKind, trainable bool, shape ...int) Parameter {
	return Parameter{name, shape, Init{Kind: kind}, trainable}
}

// parameters returns the parameters of a layer, those of its branch last.
func (l Layer) parameters() []Parameter {
	var list []Parameter
	switch l.Kind {
	case Conv2D, ConvTranspose2D:
		shape := []int{l.Out, l.In, l.Kernel, l.Kernel}
		if l.Kind == ConvTranspose2D {
			shape = []int{l.In, l.Out, l.Kernel, l.Kernel}
		}
		list = append(list, weight(l.Name+".weight", l.std(), shape...))
		if l.Bias {
			list = append(list, constant(l.Name+".bias", InitZero, true, l.Out))
		}
	case BatchNorm:
		list = append(list, constant(l.Name+".scale", InitOne, true, l.Out), constant(l.Name+".shift", InitZero, true, l.Out),
			constant(l.Name+".mean", InitZero, false, l.Out), constant(l.Name+".variance", InitOne, false, l.Out))
	case ChannelScale:
		list = append(list, constant(l.Name+".scale", InitOne, true, l.Out))
	case ChannelAffine:
		list = append(list, constant(l.Name+".scale", InitOne, true, l.Out), constant(l.Name+".shift", InitZero, true, l.Out))
	case Whitening:
		list = append(list, Parameter{l.Name + ".matrix", []int{l.Out, l.Out}, Init{Kind: InitData}, true}, Parameter{l.Name + ".bias", []int{l.Out}, Init{Kind: InitData}, true})
	case Rotation:
		list = append(list, constant(l.Name+".matrix", InitOrthogonal, false, l.Out, l.Out))
	case Uniform:
		list = append(list, constant(l.Name+".table", InitInverseErf, false, 256))
	}
	for _, b := range l.Branch {
		list = append(list, b.parameters()...)
	}
	return list
}

// std returns the deviation of a convolution's initial weights. Gain 0 selects the 0.02
// of the CycleGAN family, from which the paper's layers come; a negative Gain selects 0.
func (l Layer) std() float64 {
	switch {
	case l.Gain < 0:
		return 0
	case l.Gain == 0:
		return 0.02
	}
	return l.Gain * math.Sqrt(1/float64(l.In*l.Kernel*l.Kernel))
}
