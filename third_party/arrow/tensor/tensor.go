// Package tensor replaces arrow's: it has the types of tensors that gorgonia's tensor
// converts from. No package creates one, so their methods are never called.
package tensor

import "github.com/apache/arrow/go/arrow"

// Interface is a tensor.
type Interface interface {
	Retain()
	Release()
	Len() int
	Shape() []int64
	IsContiguous() bool
	IsColMajor() bool
	DataType() arrow.DataType
	Data() Data
}

// Data holds the elements of a tensor.
type Data interface {
	Offset() int
	Buffers() []Buffer
}

// Buffer is memory.
type Buffer interface{ Bytes() []byte }

// leftOut is embedded in every type of a tensor.
type leftOut struct{ Interface }

// Tensors by the type of their elements.
type (
	Int8    struct{ leftOut }
	Int16   struct{ leftOut }
	Int32   struct{ leftOut }
	Int64   struct{ leftOut }
	Uint8   struct{ leftOut }
	Uint16  struct{ leftOut }
	Uint32  struct{ leftOut }
	Uint64  struct{ leftOut }
	Float32 struct{ leftOut }
	Float64 struct{ leftOut }
)

func (*Int8) Int8Values() []int8          { return nil }
func (*Int16) Int16Values() []int16       { return nil }
func (*Int32) Int32Values() []int32       { return nil }
func (*Int64) Int64Values() []int64       { return nil }
func (*Uint8) Uint8Values() []uint8       { return nil }
func (*Uint16) Uint16Values() []uint16    { return nil }
func (*Uint32) Uint32Values() []uint32    { return nil }
func (*Uint64) Uint64Values() []uint64    { return nil }
func (*Float32) Float32Values() []float32 { return nil }
func (*Float64) Float64Values() []float64 { return nil }
