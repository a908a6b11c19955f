// Package onnx writes networks as ONNX files and loads ONNX files as machines that run them.
//
// Writing: fill a Model and call Encode; equal models give equal bytes. Callers write
// operator set 13, the last one whose operators carry what the networks need as attributes.
//
// Reading: Load takes the bytes through these steps and returns a Machine, whose Run
// computes the outputs:
//
//	parse   wire.go, parse.go        read the wire format within Limits
//	check   scan.go                  check the graph as a whole; Scan ends here
//	decode  specialise.go, backend.go  resolve symbolic dimensions, then let onnx-go replay the graph: a list of steps
//	build   build.go, operators*.go  infer shapes and make one graph of operations; fold constants
//	plan    package op               fuse operations and assign memory: an op.Program
//
// Two libraries take part. onnx-go decodes the protocol buffer to nodes and attributes and
// calls our backend for each; its own operators and its own backend are not used.
// Gorgonia holds the graph, its nodes and shapes; its operations and machines are not used
// for inference. Shapes, types, kernels, memory and the order of execution are those of
// packages op and kernel, which give the same bits on every machine.
//
// The operators are declared in operators.go. Every file is taken to be hostile: sizes are
// checked against Limits before memory is allocated, and no panic leaves the package.
package onnx

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Opset is the version of the operator set that Encode's callers should write.
const Opset = 13

// irVersion is the version of the file format that belongs to opset 13.
const irVersion = 7

// The operator sets that the reader understands. ReduceMean and Pad change
// their signature in 18.
const (
	minOpset = 6
	maxOpset = 17
)

// DataType is ONNX's number for a type of elements.
type DataType int32

// The types of elements that tensors may have.
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

// size is the number of bytes of an element, 0 for a type that is not supported.
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

// Model is a whole file.
type Model struct {
	Producer string
	Opset    int64
	Graph    Graph
	Metadata map[string]string
}

// Graph is a list of nodes in an order in which every value is made before it is used.
type Graph struct {
	Name            string
	Nodes           []Node
	Initializers    []Tensor // constants, by name; not listed among the inputs
	Inputs, Outputs []ValueInfo
}

// Node applies an operator of the default domain. An absent optional input is the empty name.
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

// Dim is one dimension: a size, or a symbolic parameter such as "H" whose size
// is given when the model is loaded.
type Dim struct {
	Size      int64
	Parameter string
}

// Sizes makes dimensions of known size.
func Sizes(sizes ...int64) []Dim {
	dims := make([]Dim, len(sizes))
	for i, n := range sizes {
		dims[i].Size = n
	}
	return dims
}

// AttributeType is ONNX's number for a type of attribute.
type AttributeType int32

// The types of attribute that nodes may have.
const (
	FloatAttribute  AttributeType = 1
	IntAttribute    AttributeType = 2
	StringAttribute AttributeType = 3
	TensorAttribute AttributeType = 4
	FloatsAttribute AttributeType = 6
	IntsAttribute   AttributeType = 7
)

// Attribute is a named constant of a node; the field of its type holds it.
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

// FloatOf makes a float attribute.
func FloatOf(name string, v float32) Attribute {
	return Attribute{Name: name, Type: FloatAttribute, Float: v}
}

// IntOf makes an integer attribute.
func IntOf(name string, v int64) Attribute {
	return Attribute{Name: name, Type: IntAttribute, Int: v}
}

// StringOf makes a string attribute.
func StringOf(name, v string) Attribute {
	return Attribute{Name: name, Type: StringAttribute, Text: v}
}

// FloatsOf makes an attribute of several floats.
func FloatsOf(name string, v ...float32) Attribute {
	return Attribute{Name: name, Type: FloatsAttribute, Floats: v}
}

// IntsOf makes an attribute of several integers.
func IntsOf(name string, v ...int64) Attribute {
	return Attribute{Name: name, Type: IntsAttribute, Ints: v}
}

// TensorOf makes an attribute of a tensor.
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

// NewFloat32 makes a tensor of float32. data has as many elements as dims say; Encode checks it.
func NewFloat32(name string, dims []int64, data []float32) Tensor {
	raw := make([]byte, 0, 4*len(data))
	for _, v := range data {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return Tensor{name, dims, Float32, raw}
}

// NewFloat16 makes a tensor of half-precision numbers from their bits.
func NewFloat16(name string, dims []int64, bits []uint16) Tensor {
	raw := make([]byte, 0, 2*len(bits))
	for _, v := range bits {
		raw = binary.LittleEndian.AppendUint16(raw, v)
	}
	return Tensor{name, dims, Float16, raw}
}

// NewInt32 makes a tensor of int32.
func NewInt32(name string, dims []int64, data []int32) Tensor {
	raw := make([]byte, 0, 4*len(data))
	for _, v := range data {
		raw = binary.LittleEndian.AppendUint32(raw, uint32(v))
	}
	return Tensor{name, dims, Int32, raw}
}

// NewInt64 makes a tensor of int64.
func NewInt64(name string, dims []int64, data []int64) Tensor {
	raw := make([]byte, 0, 8*len(data))
	for _, v := range data {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return Tensor{name, dims, Int64, raw}
}

// check returns an error unless dims are positive, their product is at most maxElements, and Raw has its bytes.
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

// elements is the product of dimensions that are at least 1, or an error when it exceeds maxElements.
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
