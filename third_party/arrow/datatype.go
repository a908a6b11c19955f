// Package arrow stands in for github.com/apache/arrow/go/arrow: the types that
// tensor converts from, of which no values can be made here. See
// third_party/README.md.
package arrow

// DataType would be the type of an array's elements.
type DataType interface{ leftOut() }

// kind is a DataType that is equal to itself alone.
type kind string

func (kind) leftOut() {}

// The types that tensor asks for.
var (
	BinaryTypes     = struct{ String DataType }{kind("utf8")}
	FixedWidthTypes = struct{ Boolean DataType }{kind("bool")}
	PrimitiveTypes  = struct {
		Int8, Int16, Int32, Int64, Uint8, Uint16, Uint32, Uint64, Float32, Float64 DataType
	}{
		kind("int8"), kind("int16"), kind("int32"), kind("int64"),
		kind("uint8"), kind("uint16"), kind("uint32"), kind("uint64"), kind("float32"), kind("float64"),
	}
)
