// Package arrow replaces github.com/apache/arrow/go/arrow: it has the types that tensor
// converts from, without values. See third_party/README.md.
package arrow

// DataType is the type of an array's elements.
type DataType interface{ leftOut() }

// kind is a DataType that equals only itself.
type kind string

func (kind) leftOut() {}

// The types that tensor uses.
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
