// Package proto replaces github.com/golang/protobuf/proto: it has the names that the
// generated code of onnx-go and tensor uses, without the protobuf runtime. See
// third_party/README.md for the reason.
//
// Nothing here encodes or decodes. onnx-go decodes through the replacement of
// github.com/gogo/protobuf/proto. Functions that only a protobuf runtime calls return
// ErrLeftOut, or panic with it where the signature has no error.
package proto

import (
	"errors"
	"fmt"
	"strconv"
)

// ErrLeftOut is returned by functions that would need the protobuf runtime.
var ErrLeftOut = errors.New("proto: the protobuf runtime is not part of this build")

// Versions of the generated code that this package supports.
const (
	ProtoPackageIsVersion2 = true
	ProtoPackageIsVersion3 = true
)

// Message is a generated message.
type Message interface {
	Reset()
	String() string
	ProtoMessage()
}

// Registration fills registries that nothing here reads.

func RegisterType(Message, string)                            {}
func RegisterEnum(string, map[int32]string, map[string]int32) {}
func RegisterFile(string, []byte)                             {}

// EnumName returns the name of an enum's value, or its number.
func EnumName(names map[int32]string, v int32) string {
	if name, ok := names[v]; ok {
		return name
	}
	return strconv.Itoa(int(v))
}

// CompactTextString returns the type of a message; its content would need the runtime.
func CompactTextString(m Message) string { return fmt.Sprintf("%T", m) }

// Marshal returns ErrLeftOut.
func Marshal(Message) ([]byte, error) { return nil, ErrLeftOut }

// InternalMessageInfo has the methods that generated code calls.
type InternalMessageInfo struct{}

func (*InternalMessageInfo) Unmarshal(Message, []byte) error { return ErrLeftOut }
func (*InternalMessageInfo) Marshal([]byte, Message, bool) ([]byte, error) {
	return nil, ErrLeftOut
}
func (*InternalMessageInfo) Merge(_, _ Message)     { panic(ErrLeftOut) }
func (*InternalMessageInfo) Size(Message) int       { panic(ErrLeftOut) }
func (*InternalMessageInfo) DiscardUnknown(Message) { panic(ErrLeftOut) }
