package onnx

import (
	"enciphergan/internal/kernel"
	"enciphergan/internal/op"
)

// operator says how a step of one name is built.
type operator struct {
	minInputs, maxInputs int   // those from minInputs on may be absent
	constants            []int // inputs that must be constants
	build                func(c *call) ([]*operand, error)
}

// operators are the declared ones: a file with any other is refused. A new
// operator is a file in internal/kernel, one in internal/op and a line here.
//
// They follow ONNX in all that its operator sets 6 to 17 define, but for this, which is
// refused with an error: inputs without dimensions; empty tensors; shapes, and other
// operands listed as constants, that are known only when the graph runs; functions and
// layers of other elements than float32; convolutions of other than two dimensions or in
// groups; products with vectors; slopes of LeakyRelu outside 0 to 1; batch norms for
// training; negative pads.
var operators = map[string]operator{
	// arithmetic on elements
	"Add":       {2, 2, nil, singleOutput(arithmetic(kernel.Plus))},
	"Sub":       {2, 2, nil, singleOutput(arithmetic(kernel.Minus))},
	"Mul":       {2, 2, nil, singleOutput(arithmetic(kernel.Times))},
	"Div":       {2, 2, nil, singleOutput(arithmetic(kernel.Over))},
	"Abs":       {1, 1, nil, singleOutput(elementwise(op.Abs))},
	"Neg":       {1, 1, nil, singleOutput(elementwise(op.Neg))},
	"Sqrt":      {1, 1, nil, singleOutput(elementwise(op.Sqrt))},
	"Floor":     {1, 1, nil, singleOutput(elementwise(op.Floor))},
	"Exp":       {1, 1, nil, singleOutput(elementwise(op.Exp))},
	"Erf":       {1, 1, nil, singleOutput(elementwise(op.Erf))},
	"Tanh":      {1, 1, nil, singleOutput(elementwise(op.Tanh))},
	"Sigmoid":   {1, 1, nil, singleOutput(elementwise(op.Sigmoid))},
	"Relu":      {1, 1, nil, singleOutput(elementwise(op.ReLU))},
	"LeakyRelu": {1, 1, nil, singleOutput(leakyRelu)},
	"Clip":      {1, 3, []int{1, 2}, singleOutput(clip)},
	"Cast":      {1, 1, nil, singleOutput(cast)},

	// layers
	"Conv":                  {2, 3, nil, singleOutput(conv)},
	"ConvTranspose":         {2, 3, nil, singleOutput(convTranspose)},
	"MatMul":                {2, 2, nil, singleOutput(matMul)},
	"ReduceMean":            {1, 1, nil, singleOutput(reduceMean)},
	"InstanceNormalization": {3, 3, nil, singleOutput(instanceNorm)},
	"BatchNormalization":    {5, 5, nil, singleOutput(batchNorm)},

	// layout
	"Constant":       {0, 0, nil, nil}, // specialise turns it into Identity
	"Identity":       {1, 1, nil, singleOutput(identity)},
	"Shape":          {1, 1, nil, singleOutput(shape)},
	"Reshape":        {2, 2, []int{1}, singleOutput(reshape)},
	"Transpose":      {1, 1, nil, singleOutput(transpose)},
	"Slice":          {1, 5, []int{1, 2, 3, 4}, singleOutput(slice)},
	"Split":          {1, 2, []int{1}, split},
	"Concat":         {1, 1 << 10, nil, singleOutput(concat)},
	"Pad":            {1, 3, []int{1, 2}, singleOutput(pad)},
	"Gather":         {2, 2, nil, singleOutput(gather)},
	"GatherElements": {2, 2, nil, singleOutput(gatherElements)},
	"SpaceToDepth":   {1, 1, nil, singleOutput(spaceToDepth)},
	"DepthToSpace":   {1, 1, nil, singleOutput(depthToSpace)},
}

// singleOutput adapts the builder of an operator with one output.
func singleOutput(build func(c *call) (*operand, error)) func(c *call) ([]*operand, error) {
	return func(c *call) ([]*operand, error) {
		o, err := build(c)
		return []*operand{o}, err
	}
}
