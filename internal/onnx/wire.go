package onnx

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of onnx.proto3 (ONNX 1.17).
const (
	modelIRVersion = 1
	modelProducer  = 2
	modelGraph     = 7
	modelOpset     = 8
	modelMetadata  = 14
	modelTraining  = 20
	modelFunctions = 25

	opsetDomain  = 1
	opsetVersion = 2

	entryKey   = 1
	entryValue = 2

	graphNode        = 1
	graphName        = 2
	graphInitializer = 5
	graphInput       = 11
	graphOutput      = 12
	graphSparse      = 15

	nodeInput     = 1
	nodeOutput    = 2
	nodeName      = 3
	nodeOp        = 4
	nodeAttribute = 5
	nodeDomain    = 7

	attributeName      = 1
	attributeFloat     = 2
	attributeInt       = 3
	attributeString    = 4
	attributeTensor    = 5
	attributeFloats    = 7
	attributeInts      = 8
	attributeType      = 20
	attributeReference = 21

	tensorDims         = 1
	tensorType         = 2
	tensorSegment      = 3
	tensorFloats       = 4
	tensorInt32s       = 5
	tensorInt64s       = 7
	tensorName         = 8
	tensorRaw          = 9
	tensorExternal     = 13
	tensorDataLocation = 14

	valueName = 1
	valueType = 2

	typeTensor = 1

	tensorTypeElement = 1
	tensorTypeShape   = 2

	shapeDim = 1

	dimSize      = 1
	dimParameter = 2
)

// field is one undecoded field of a message.
type field struct {
	number protowire.Number
	kind   protowire.Type
	bits   uint64 // value of a varint, fixed32 or fixed64 field
	bytes  []byte // content of a length-delimited field; part of the file, not a copy
}

// walk calls visit for each field of a message. It refuses groups, which ONNX does not have,
// and so does not recurse.
func walk(message []byte, visit func(field) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return fmt.Errorf("broken field tag: %w", protowire.ParseError(n))
		}
		message = message[n:]
		f := field{number: number, kind: kind}
		switch kind {
		case protowire.VarintType:
			f.bits, n = protowire.ConsumeVarint(message)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(message)
			f.bits = uint64(v)
		case protowire.Fixed64Type:
			f.bits, n = protowire.ConsumeFixed64(message)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(message)
		default:
			return fmt.Errorf("field %d is a group, which ONNX does not have", number)
		}
		if n < 0 {
			return fmt.Errorf("field %d: %w", number, protowire.ParseError(n))
		}
		message = message[n:]
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

// want returns an error unless the field has the given wire type.
func (f field) want(kind protowire.Type) error {
	if f.kind != kind {
		return fmt.Errorf("field %d has wire type %d, want %d", f.number, f.kind, kind)
	}
	return nil
}

// varints calls add for each value of a repeated varint field, packed or not.
func (f field) varints(add func(uint64) error) error {
	return repeated(f, protowire.VarintType, f.bits, protowire.ConsumeVarint, add)
}

// fixed32s calls add for each value of a repeated fixed32 field, packed or not.
func (f field) fixed32s(add func(uint32) error) error {
	return repeated(f, protowire.Fixed32Type, uint32(f.bits), protowire.ConsumeFixed32, add)
}

// repeated calls add for the value one of an unpacked field, or for each value that consume reads from a packed field.
func repeated[T any](f field, unpacked protowire.Type, one T, consume func([]byte) (T, int), add func(T) error) error {
	if f.kind == unpacked {
		return add(one)
	}
	if err := f.want(protowire.BytesType); err != nil {
		return err
	}
	for b := f.bytes; len(b) > 0; {
		v, n := consume(b)
		if n < 0 {
			return fmt.Errorf("field %d: %w", f.number, protowire.ParseError(n))
		}
		b = b[n:]
		if err := add(v); err != nil {
			return err
		}
	}
	return nil
}
