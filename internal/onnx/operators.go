package onnx

import (
	"enciphergan/internal/kernel"
	"enciphergan/internal/op"
)

// operator describes an operator of ONNX and how its steps are built.
type operator struct {
	minInputs, maxInputs int   // inputs from minInputs on are optional
	constants            []int // indices of inputs that must be constants
	build                func(c *call) ([]*operand, error)
}

// operators are the declared operators; a file with any other is refused. To add an operator,
// add a file in internal/kernel, a file in internal/op and a line here.
//
// The operators follow ONNX's operator sets 6 to 17, with these exceptions, which are refused
// with an error: inputs without dimensions; empty tensors; shapes and other operands listed as
// constants whose value is known only when the graph runs; functions and layers on elements
// other than float32; convolutions that are grouped or not two-dimensional; products with
// vectors; slopes of LeakyRelu outside 0 to 1; batch norms in training mode; negative pads.
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
	"Constant":       {0, 0, nil, nil}, // specialise replaces it by Identity
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

// singleOutput adapts a build function that returns one output.
func singleOutput(build func(c *call) (*operand, error)) func(c *call) ([]*operand, error) {
	return func(c *call) ([]*operand, error) {
		o, err := build(c)
		return []*operand{o}, err
	}
}
