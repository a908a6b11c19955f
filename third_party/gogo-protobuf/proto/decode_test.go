package proto

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// inner and outer have the form of protoc-gen-go's output, with every kind of field that
// ONNX has.
type inner struct {
	Name string `protobuf:"bytes,1,opt,name=name,proto3"`
	Deep *inner `protobuf:"bytes,2,opt,name=deep,proto3"`
}

type outer struct {
	Text    string    `protobuf:"bytes,1,opt,name=text,proto3"`
	Raw     []byte    `protobuf:"bytes,2,opt,name=raw,proto3"`
	Int     int64     `protobuf:"varint,3,opt,name=int,proto3"`
	Kind    kind      `protobuf:"varint,4,opt,name=kind,proto3,enum=kind"`
	Float   float32   `protobuf:"fixed32,5,opt,name=float,proto3"`
	Ints    []int64   `protobuf:"varint,6,rep,packed,name=ints,proto3"`
	Floats  []float32 `protobuf:"fixed32,7,rep,packed,name=floats,proto3"`
	Doubles []float64 `protobuf:"fixed64,8,rep,packed,name=doubles,proto3"`
	Words   []uint64  `protobuf:"varint,9,rep,packed,name=words,proto3"`
	Names   []string  `protobuf:"bytes,10,rep,name=names,proto3"`
	Blobs   [][]byte  `protobuf:"bytes,11,rep,name=blobs,proto3"`
	One     *inner    `protobuf:"bytes,12,opt,name=one,proto3"`
	Many    []*inner  `protobuf:"bytes,13,rep,name=many,proto3"`
	Choice  choice    `protobuf_oneof:"choice"`
	Cache   int32     `json:"-"`
}

type kind int32

type choice interface{ isChoice() }

type choiceInt struct {
	Value int64 `protobuf:"varint,14,opt,name=value,proto3,oneof"`
}
type choiceInner struct {
	Value *inner `protobuf:"bytes,15,opt,name=value,proto3,oneof"`
}

func (*choiceInt) isChoice()   {}
func (*choiceInner) isChoice() {}

func (*outer) XXX_OneofWrappers() []any { return []any{(*choiceInt)(nil), (*choiceInner)(nil)} }

func (m *inner) Reset()       { *m = inner{} }
func (*inner) String() string { return "" }
func (*inner) ProtoMessage()  {}
func (m *outer) Reset()       { *m = outer{} }
func (*outer) String() string { return "" }
func (*outer) ProtoMessage()  {}

func varint(b []byte, n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
}

func text(b []byte, n protowire.Number, v string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), v)
}

func TestUnmarshal(t *testing.T) {
	named := string(text(nil, 1, "deep"))
	packed := protowire.AppendVarint(protowire.AppendVarint(nil, 1), 1<<64-2)
	var b []byte
	b = text(b, 1, "first")
	b = text(b, 1, "grün") // the last one counts
	b = text(b, 2, "\x00\xff")
	b = varint(b, 3, 1<<64-5)
	b = varint(b, 4, 7)
	b = protowire.AppendFixed32(protowire.AppendTag(b, 5, protowire.Fixed32Type), math.Float32bits(-1.5))
	b = text(b, 6, string(packed))
	b = varint(b, 6, 9) // and not packed
	b = text(b, 7, string(protowire.AppendFixed32(nil, math.Float32bits(2.5))))
	b = text(b, 8, string(protowire.AppendFixed64(nil, math.Float64bits(3.5))))
	b = varint(b, 9, 1<<64-1)
	b = text(text(b, 10, "a"), 10, "")
	b = text(b, 11, "blob")
	b = text(b, 12, named)
	b = text(b, 12, string(text(nil, 2, named))) // merged
	b = text(text(b, 13, named), 13, "")
	b = varint(b, 14, 3)
	b = text(b, 15, named) // the last choice counts
	b = varint(b, 100, 1)  // unknown
	b = protowire.AppendFixed64(protowire.AppendTag(b, 101, protowire.Fixed64Type), 1)
	got := outer{Text: "stale", Cache: 1}
	if err := Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	deep := func() *inner { return &inner{Name: "deep"} }
	want := outer{
		Text: "grün", Raw: []byte{0, 0xff}, Int: -5, Kind: 7, Float: -1.5, Ints: []int64{1, -2, 9}, Floats: []float32{2.5},
		Doubles: []float64{3.5}, Words: []uint64{1<<64 - 1}, Names: []string{"a", ""}, Blobs: [][]byte{[]byte("blob")},
		One: &inner{Name: "deep", Deep: deep()}, Many: []*inner{deep(), {}}, Choice: &choiceInner{deep()},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for i := range b { // a message that is cut short is an error or a shorter message, and never a panic
		Unmarshal(b[:i], &got)
	}
}

func TestBytesAreCopied(t *testing.T) {
	b := text(nil, 2, "data")
	var m outer
	if err := Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] = 'X'
	if string(m.Raw) != "data" {
		t.Errorf("the message changes with the file: %q", m.Raw)
	}
}

func TestBrokenMessages(t *testing.T) {
	deep := ""
	for range maxDepth + 1 {
		deep = string(text(nil, 2, deep))
	}
	for name, b := range map[string][]byte{
		"cut tag":          {0x80},
		"cut varint":       {3 << 3, 0x80},
		"cut bytes":        {1<<3 | 2, 5, 'a'},
		"huge length":      {1<<3 | 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"field 0":          {0, 0},
		"open group":       {1<<3 | 3},
		"wrong wire type":  varint(nil, 1, 1),
		"cut packed":       text(nil, 7, "abc"),
		"text, not UTF-8":  text(nil, 1, "\xff"),
		"too deep":         text(nil, 12, deep),
		"broken and inner": text(nil, 12, "\x80"),
	} {
		if err := Unmarshal(b, &outer{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

type zigzag struct {
	inner
	N int64 `protobuf:"zigzag64,1,opt,name=n"`
}

type unfit struct {
	inner
	N string `protobuf:"varint,1,opt,name=n"`
}

type undeclared struct {
	inner
	Choice choice `protobuf_oneof:"choice"`
}

func TestUnsupportedTypes(t *testing.T) {
	for _, m := range []Message{(*outer)(nil), &zigzag{}, &unfit{}, &undeclared{}} {
		if err := Unmarshal(nil, m); err == nil || !strings.HasPrefix(err.Error(), "proto: ") {
			t.Errorf("%T: %v", m, err)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(slices.Concat(text(nil, 1, "x"), varint(nil, 14, 3), text(nil, 12, string(text(nil, 2, "")))))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m, again outer
		if Unmarshal(b, &m) == nil && (Unmarshal(b, &again) != nil || !equal(m, again)) {
			t.Error("two calls differ")
		}
	})
}

// equal compares numbers by their bits, since NaN differs from itself.
func equal(a, b outer) bool {
	a.Float, b.Float = 0, 0
	a.Floats, b.Floats, a.Doubles, b.Doubles = nil, nil, nil, nil
	return reflect.DeepEqual(a, b)
}
