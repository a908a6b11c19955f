// Package proto replaces github.com/gogo/protobuf/proto. It has only Unmarshal, with
// which onnx-go decodes ONNX; third_party/README.md has the reason.
//
// Main path: planOf makes a plan from the struct tags of a generated message, once for
// each type; decode follows it through the wire format. It supports the kinds of fields
// that onnx.proto3 has: varint and fixed numbers, strings, bytes, messages, repeated
// fields, packed or not, and a oneof. It returns an error for a message with a field of
// another kind (zigzag, maps, groups, extensions).
package proto

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// maxDepth bounds the nesting of messages.
const maxDepth = 100

// Message is a generated message.
type Message interface {
	Reset()
	String() string
	ProtoMessage()
}

// Unmarshal resets m, a pointer to a generated struct, and decodes b into it.
// Bytes are copied; fields that m does not have are skipped. The error names the
// field that cannot be read; m is then partly decoded.
func Unmarshal(b []byte, m Message) error {
	v := reflect.ValueOf(m)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("proto: cannot decode into a %T", m)
	}
	m.Reset()
	if err := decode(b, v.Elem(), maxDepth); err != nil {
		return fmt.Errorf("proto: %w", err)
	}
	return nil
}

// field describes the struct field of one field number of a message.
type field struct {
	name    string
	index   int          // in the struct
	wrapper reflect.Type // of a oneof: the struct, held by pointer, whose only field holds the value
	wire    protowire.Type
}

type plan map[protowire.Number]field

var plans sync.Map // by reflect.Type

func planOf(t reflect.Type) (plan, error) {
	if p, ok := plans.Load(t); ok {
		return p.(plan), nil
	}
	p := plan{}
	for i := range t.NumField() {
		f := t.Field(i)
		if tag, ok := f.Tag.Lookup("protobuf"); ok {
			if err := p.add(tag, f.Type, field{name: f.Name, index: i}); err != nil {
				return nil, err
			}
		}
		if _, ok := f.Tag.Lookup("protobuf_oneof"); !ok {
			continue
		}
		m, ok := reflect.Zero(reflect.PointerTo(t)).Interface().(interface{ XXX_OneofWrappers() []any })
		if !ok {
			return nil, fmt.Errorf("%v does not declare the types of its oneof", t)
		}
		for _, w := range m.XXX_OneofWrappers() {
			wrapper := reflect.TypeOf(w).Elem()
			if !reflect.PointerTo(wrapper).Implements(f.Type) {
				continue // of another oneof
			}
			inner := wrapper.Field(0)
			if err := p.add(inner.Tag.Get("protobuf"), inner.Type, field{name: inner.Name, index: i, wrapper: wrapper}); err != nil {
				return nil, err
			}
		}
	}
	plans.Store(t, p)
	return p, nil
}

// add reads a tag such as "varint,8,rep,packed,name=ints,proto3" of a field of type t.
func (p plan) add(tag string, t reflect.Type, f field) error {
	kind, rest, _ := strings.Cut(tag, ",")
	digits, _, _ := strings.Cut(rest, ",")
	number, err := strconv.Atoi(digits)
	wires := map[string]protowire.Type{
		"varint": protowire.VarintType, "fixed32": protowire.Fixed32Type,
		"fixed64": protowire.Fixed64Type, "bytes": protowire.BytesType,
	}
	wire, known := wires[kind]
	if err != nil || !known || !fits(t, wire) {
		return fmt.Errorf("the field %s, a %v with the tag %q, is of a kind that is not supported", f.name, t, tag)
	}
	f.wire = wire
	p[protowire.Number(number)] = f
	return nil
}

// fits reports whether a field of type t can hold values of wire.
func fits(t reflect.Type, wire protowire.Type) bool {
	if t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool:
		return wire == protowire.VarintType
	case reflect.Int32, reflect.Uint32:
		return wire == protowire.VarintType || wire == protowire.Fixed32Type
	case reflect.Int64, reflect.Uint64:
		return wire == protowire.VarintType || wire == protowire.Fixed64Type
	case reflect.Float32:
		return wire == protowire.Fixed32Type
	case reflect.Float64:
		return wire == protowire.Fixed64Type
	case reflect.String:
		return wire == protowire.BytesType
	case reflect.Slice:
		return wire == protowire.BytesType && t.Elem().Kind() == reflect.Uint8
	case reflect.Pointer:
		return wire == protowire.BytesType && t.Elem().Kind() == reflect.Struct
	}
	return false
}

// decode reads the fields of a message into m, a struct.
func decode(b []byte, m reflect.Value, depth int) error {
	if depth == 0 {
		return errors.New("messages are nested too deeply")
	}
	p, err := planOf(m.Type())
	if err != nil {
		return err
	}
	for len(b) > 0 {
		number, wire, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		f, known := p[number]
		if n = protowire.ConsumeFieldValue(number, wire, b); n < 0 {
			return fmt.Errorf("field %d: %w", number, protowire.ParseError(n))
		}
		value := b[:n]
		b = b[n:]
		if !known {
			continue
		}
		to := m.Field(f.index)
		if f.wrapper != nil {
			if to.IsNil() || to.Elem().Type().Elem() != f.wrapper {
				to.Set(reflect.New(f.wrapper))
			}
			to = to.Elem().Elem().Field(0)
		}
		if err := f.read(to, wire, value, depth); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

// read decodes value, which holds exactly one value of the wire type, into a field.
func (f field) read(to reflect.Value, wire protowire.Type, value []byte, depth int) error {
	repeated := to.Kind() == reflect.Slice && to.Type().Elem().Kind() != reflect.Uint8
	if wire == f.wire {
		if repeated {
			one := reflect.New(to.Type().Elem()).Elem()
			if err := set(one, wire, value, depth); err != nil {
				return err
			}
			to.Set(reflect.Append(to, one))
			return nil
		}
		return set(to, wire, value, depth)
	}
	if !repeated || wire != protowire.BytesType {
		return fmt.Errorf("wire type %d, want %d", wire, f.wire)
	}
	packed, n := protowire.ConsumeBytes(value)
	if n < 0 {
		return protowire.ParseError(n)
	}
	for len(packed) > 0 {
		if n = protowire.ConsumeFieldValue(1, f.wire, packed); n < 0 {
			return protowire.ParseError(n)
		}
		one := reflect.New(to.Type().Elem()).Elem()
		if err := set(one, f.wire, packed[:n], depth); err != nil {
			return err
		}
		to.Set(reflect.Append(to, one))
		packed = packed[n:]
	}
	return nil
}

// set decodes one well-formed value into v, whose type fits it.
func set(v reflect.Value, wire protowire.Type, value []byte, depth int) error {
	var bits uint64
	switch wire {
	case protowire.VarintType:
		bits, _ = protowire.ConsumeVarint(value)
	case protowire.Fixed32Type:
		narrow, _ := protowire.ConsumeFixed32(value)
		bits = uint64(narrow)
	case protowire.Fixed64Type:
		bits, _ = protowire.ConsumeFixed64(value)
	case protowire.BytesType:
		content, _ := protowire.ConsumeBytes(value)
		switch v.Kind() {
		case reflect.String:
			if !utf8.Valid(content) {
				return errors.New("the text is not UTF-8")
			}
			v.SetString(string(content))
		case reflect.Pointer:
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			return decode(content, v.Elem(), depth-1)
		default:
			v.SetBytes(append([]byte{}, content...))
		}
		return nil
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(bits != 0)
	case reflect.Int32:
		v.SetInt(int64(int32(bits)))
	case reflect.Int64:
		v.SetInt(int64(bits))
	case reflect.Uint32:
		v.SetUint(uint64(uint32(bits)))
	case reflect.Uint64:
		v.SetUint(bits)
	case reflect.Float32:
		v.SetFloat(float64(math.Float32frombits(uint32(bits))))
	case reflect.Float64:
		v.SetFloat(math.Float64frombits(bits))
	}
	return nil
}
