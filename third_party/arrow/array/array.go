// Package array replaces arrow's: it has the types of arrays that tensor converts from.
// No package creates one, so their methods are never called.
package array

import "github.com/apache/arrow/go/arrow"

// Interface is an array.
type Interface interface {
	Retain()
	Release()
	Len() int
	IsNull(int) bool
	DataType() arrow.DataType
}

// leftOut is embedded in every type of an array.
type leftOut struct{ Interface }

// Arrays by the type of their elements.
type (
	String  struct{ leftOut }
	Boolean struct{ leftOut }
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

func (*String) Value(int) string { return "" }
func (*Boolean) Value(int) bool  { return false }

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
