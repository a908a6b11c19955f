// Package onnx writes networks as ONNX files and loads ONNX files as machines that run them.
//
// To write a file, fill a Model and call Encode; equal models have equal bytes. Callers write
// operator set 13.
//
// To read a file, call Load, which returns a Machine, whose Run computes the outputs. Load has
// these steps:
//
//	parse   wire.go, parse.go          read the wire format within Limits
//	check   scan.go                    check the graph as a whole; Scan ends here
//	decode  specialise.go, backend.go  resolve symbolic dimensions, decode with onnx-go: a list of steps
//	build   build.go, operators*.go    infer shapes, fold constants, build a graph of operations
//	plan    package op                 fuse operations and assign memory: an op.Program
//
// The package uses two libraries. onnx-go decodes the protocol buffer to nodes and attributes
// and calls our backend for each; its operators and its own backend are not used. Gorgonia
// represents the graph, its nodes and shapes; its operations and machines are not used for
// inference. Packages op and kernel infer shapes and types, plan memory and order, and compute,
// with the same bits on every machine.
//
// The operators are declared in operators.go. Every file is assumed to be hostile: sizes are
// checked against Limits before memory is allocated, and Load and Run return panics as errors.
package onnx

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Opset is the version of the operator set that callers of Encode should write.
const Opset = 13

// irVersion is the version of the file format for opset 13.
const irVersion = 7

// The operator sets that the reader understands. ReduceMean and Pad change
// their signature in 18.
const (
	minOpset = 6
	maxOpset = 17
)

// DataType is ONNX's number for an element type.
type DataType int32

// The supported element types.
const (
	Float32 DataType = 1
	Int32   DataType = 6
	Int64   DataType = 7
	Float16 DataType = 10
)

func (t DataType) String() string {
	switch t {
	case Float32:
		return "float32"
	case Int32:
		return "int32"
	case Int64:
		return "int64"
	case Float16:
		return "float16"
	}
	return fmt.Sprintf("data type %d", int32(t))
}

// size returns the number of bytes of an element, 0 for a type that is not supported.
func (t DataType) size() int64 {
	switch t {
	case Float32, Int32:
		return 4
	case Int64:
		return 8
	case Float16:
		return 2
	}
	return 0
}

// Model is the content of a file.
type Model struct {
	Producer string
	Opset    int64
	Graph    Graph
	Metadata map[string]string
}

// Graph is a list of nodes in which every value is computed before it is used.
type Graph struct {
	Name            string
	Nodes           []Node
	Initializers    []Tensor // constants, by name; need not be listed among the inputs
	Inputs, Outputs []ValueInfo
}

// Node applies an operator of the default domain. An absent optional input has the empty name.
type Node struct {
	Op, Name        string
	Inputs, Outputs []string
	Attributes      []Attribute
}

// ValueInfo describes an input or output of the graph.
type ValueInfo struct {
	Name string
	Type DataType
	Dims []Dim
}

// Dim is a dimension: a size, or a symbolic parameter such as "H", whose size is an argument of
// Load.
type Dim struct {
	Size      int64
	Parameter string
}

// Sizes returns dimensions of the given sizes.
func Sizes(sizes ...int64) []Dim {
	dims := make([]Dim, len(sizes))
	for i, n := range sizes {
		dims[i].Size = n
	}
	return dims
}

// AttributeType is ONNX's number for an attribute type.
type AttributeType int32

// The supported attribute types.
const (
	FloatAttribute  AttributeType = 1
	IntAttribute    AttributeType = 2
	StringAttribute AttributeType = 3
	TensorAttribute AttributeType = 4
	FloatsAttribute AttributeType = 6
	IntsAttribute   AttributeType = 7
)

// Attribute is a named constant of a node. Its value is in the field for its type.
type Attribute struct {
	Name   string
	Type   AttributeType
	Float  float32
	Int    int64
	Text   string
	Floats []float32
	Ints   []int64
	Tensor Tensor
}

// FloatOf returns a float attribute.
func FloatOf(name string, v float32) Attribute {
	return Attribute{Name: name, Type: FloatAttribute, Float: v}
}

// IntOf returns an integer attribute.
func IntOf(name string, v int64) Attribute {
	return Attribute{Name: name, Type: IntAttribute, Int: v}
}

// StringOf returns a string attribute.
func StringOf(name, v string) Attribute {
	return Attribute{Name: name, Type: StringAttribute, Text: v}
}

// FloatsOf returns an attribute of several floats.
func FloatsOf(name string, v ...float32) Attribute {
	return Attribute{Name: name, Type: FloatsAttribute, Floats: v}
}

// IntsOf returns an attribute of several integers.
func IntsOf(name string, v ...int64) Attribute {
	return Attribute{Name: name, Type: IntsAttribute, Ints: v}
}

// TensorOf returns a tensor attribute.
func TensorOf(name string, v Tensor) Attribute {
	return Attribute{Name: name, Type: TensorAttribute, Tensor: v}
}

// Tensor is a constant. Raw holds its elements little-endian in row-major order.
type Tensor struct {
	Name string
	Dims []int64
	Type DataType
	Raw  []byte
}

// NewFloat32 returns a tensor of float32. Encode checks that the length of data fits dims.
func NewFloat32(name string, dims []int64, data []float32) Tensor {
	raw := make([]byte, 0, 4*len(data))
	for _, v := range data {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return Tensor{name, dims, Float32, raw}
}

// NewFloat16 returns a tensor of half-precision numbers with the given bits.
func NewFloat16(name string, dims []int64, bits []uint16) Tensor {
	raw := make([]byte, 0, 2*len(bits))
	for _, v := range bits {
		raw = binary.LittleEndian.AppendUint16(raw, v)
	}
	return Tensor{name, dims, Float16, raw}
}

// NewInt32 returns a tensor of int32.
func NewInt32(name string, dims []int64, data []int32) Tensor {
	raw := make([]byte, 0, 4*len(data))
	for _, v := range data {
		raw = binary.LittleEndian.AppendUint32(raw, uint32(v))
	}
	return Tensor{name, dims, Int32, raw}
}

// NewInt64 returns a tensor of int64.
func NewInt64(name string, dims []int64, data []int64) Tensor {
	raw := make([]byte, 0, 8*len(data))
	for _, v := range data {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return Tensor{name, dims, Int64, raw}
}

// check returns an error unless all dims are positive, their product is at most maxElements, and Raw has that many elements.
func (t Tensor) check(maxElements int64) error {
	size := t.Type.size()
	if size == 0 {
		return fmt.Errorf("tensor %q: %v is not supported; float32, float16, int32 and int64 are", t.Name, t.Type)
	}
	n, err := elements(t.Dims, maxElements)
	if err != nil {
		return fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	if int64(len(t.Raw)) != n*size {
		return fmt.Errorf("tensor %q: %d bytes, but %d elements of %v take %d", t.Name, len(t.Raw), n, t.Type, n*size)
	}
	return nil
}

// elements returns the product of dims. It returns an error if a dimension is less than 1 or the product exceeds maxElements.
func elements[I int | int64](dims []I, maxElements int64) (int64, error) {
	n := int64(1)
	for _, d := range dims {
		if d < 1 {
			return 0, fmt.Errorf("shape %v: dimension %d is not positive", dims, d)
		}
		if int64(d) > maxElements/n {
			return 0, fmt.Errorf("shape %v has more than the %d elements allowed", dims, maxElements)
		}
		n *= int64(d)
	}
	return n, nil
}
