package onnx

import (
	"enciphergan/internal/kernel"
	"enciphergan/internal/op"
)

// operator says how a step of one name is built.
type operator struct {
	least, most int   // number of inputs; those from least on may be absent
	constants   []int // inputs that must be constants
	build       func(c *call) ([]*operand, error)
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
	"Add":       {2, 2, nil, one(arithmetic(kernel.Plus))},
	"Sub":       {2, 2, nil, one(arithmetic(kernel.Minus))},
	"Mul":       {2, 2, nil, one(arithmetic(kernel.Times))},
	"Div":       {2, 2, nil, one(arithmetic(kernel.Over))},
	"Abs":       {1, 1, nil, one(elementwise(op.Abs))},
	"Neg":       {1, 1, nil, one(elementwise(op.Neg))},
	"Sqrt":      {1, 1, nil, one(elementwise(op.Sqrt))},
	"Floor":     {1, 1, nil, one(elementwise(op.Floor))},
	"Exp":       {1, 1, nil, one(elementwise(op.Exp))},
	"Erf":       {1, 1, nil, one(elementwise(op.Erf))},
	"Tanh":      {1, 1, nil, one(elementwise(op.Tanh))},
	"Sigmoid":   {1, 1, nil, one(elementwise(op.Sigmoid))},
	"Relu":      {1, 1, nil, one(elementwise(op.ReLU))},
	"LeakyRelu": {1, 1, nil, one(leakyRelu)},
	"Clip":      {1, 3, []int{1, 2}, one(clip)},
	"Cast":      {1, 1, nil, one(cast)},

	// layers
	"Conv":                  {2, 3, nil, one(conv)},
	"ConvTranspose":         {2, 3, nil, one(convTranspose)},
	"MatMul":                {2, 2, nil, one(matMul)},
	"ReduceMean":            {1, 1, nil, one(reduceMean)},
	"InstanceNormalization": {3, 3, nil, one(instanceNorm)},
	"BatchNormalization":    {5, 5, nil, one(batchNorm)},

	// layout
	"Constant":       {0, 0, nil, nil}, // specialise turns it into Identity
	"Identity":       {1, 1, nil, one(identity)},
	"Shape":          {1, 1, nil, one(shape)},
	"Reshape":        {2, 2, []int{1}, one(reshape)},
	"Transpose":      {1, 1, nil, one(transpose)},
	"Slice":          {1, 5, []int{1, 2, 3, 4}, one(slice)},
	"Split":          {1, 2, []int{1}, split},
	"Concat":         {1, 1 << 10, nil, one(concat)},
	"Pad":            {1, 3, []int{1, 2}, one(pad)},
	"Gather":         {2, 2, nil, one(gather)},
	"GatherElements": {2, 2, nil, one(gatherElements)},
	"SpaceToDepth":   {1, 1, nil, one(spaceToDepth)},
	"DepthToSpace":   {1, 1, nil, one(depthToSpace)},
}

// one adapts the builder of an operator with one output.
func one(build func(c *call) (*operand, error)) func(c *call) ([]*operand, error) {
	return func(c *call) ([]*operand, error) {
		o, err := build(c)
		return []*operand{o}, err
	}
}
