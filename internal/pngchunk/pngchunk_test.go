package pngchunk

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

var colour = Shape{Channels: 3, Depth: 8}

func join(parts ...string) []byte { return []byte(strings.Join(parts, "")) }

const zeros = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

func TestValid(t *testing.T) {
	gray, alpha, deep := Shape{1, 8}, Shape{4, 8}, Shape{3, 16}
	for _, c := range []struct {
		name, data string
		shape      Shape
		want       bool
	}{
		{"cICP", "\x09\x10\x00\x01", colour, true},
		{"cICP", "\x09\x10\x01\x01", colour, false}, // a matrix of luma and chroma
		{"cICP", "\x09\x10\x00\x02", colour, false},
		{"cICP", "\x09\x10\x00", colour, false},
		{"mDCV", zeros, colour, true},
		{"mDCV", zeros[:16] + "\x80" + zeros[:7], colour, false},
		{"mDCV", zeros[1:], colour, false},
		{"cLLI", zeros[:8], colour, true},
		{"cLLI", zeros[:4] + "\xff\xff\xff\xff", colour, false},
		{"sRGB", "\x03", colour, true},
		{"sRGB", "\x04", colour, false},
		{"sRGB", "", colour, false},
		{"gAMA", "\x00\x00\xb1\x8f", colour, true},
		{"gAMA", zeros[:4], colour, false},
		{"gAMA", "\x80\x00\x00\x00", colour, false},
		{"cHRM", zeros + zeros[:8], colour, true},
		{"cHRM", zeros, colour, false},
		{"cHRM", "\x80" + zeros + zeros[:7], colour, false},
		{"sBIT", "\x05\x06\x05", colour, true},
		{"sBIT", "\x05\x06\x09", colour, false},
		{"sBIT", "\x05\x06\x09", deep, true},
		{"sBIT", "\x05\x06\x00", colour, false},
		{"sBIT", "\x05", gray, true},
		{"sBIT", "\x05\x06\x05", alpha, false},
		{"sBIT", "\x05\x06\x05\x08", alpha, true},
		{"bKGD", "\x00\x01\x00\x02\x00\x03", colour, true},
		{"bKGD", "\x00\x01\x00\x02\x00\x03", alpha, true},
		{"bKGD", "\x00\x01", colour, false},
		{"bKGD", "\x00\x01", gray, true},
		{"bKGD", "\x00\x01\x01\x02\x00\x03", colour, false},
		{"bKGD", "\x00\x01\x01\x02\x00\x03", deep, true},
		{"pHYs", zeros[:8] + "\x01", colour, true},
		{"pHYs", zeros[:8] + "\x02", colour, false},
		{"pHYs", "\x80" + zeros[:8], colour, false},
		{"pHYs", zeros[:8], colour, false},
		{"tIME", "\x07\xe8\x02\x1d\x17\x3b\x3c", colour, true},
		{"tIME", "\x07\xe8\x00\x1d\x17\x3b\x3c", colour, false},
		{"tIME", "\x07\xe8\x0d\x1d\x17\x3b\x3c", colour, false},
		{"tIME", "\x07\xe8\x02\x00\x17\x3b\x3c", colour, false},
		{"tIME", "\x07\xe8\x02\x20\x17\x3b\x3c", colour, false},
		{"tIME", "\x07\xe8\x02\x1d\x18\x3b\x3c", colour, false},
		{"tIME", "\x07\xe8\x02\x1d\x17\x3c\x3c", colour, false},
		{"tIME", "\x07\xe8\x02\x1d\x17\x3b\x3d", colour, false},
		{"tEXt", "Title\x00gr\xfc\xdfe\r\n\tan alle", colour, true},
		{"tEXt", "Title\x00", colour, true},
		{"tEXt", "Title", colour, false},
		{"tEXt", "\x00words", colour, false},
		{"tEXt", "Title\x00a\x00b", colour, false},
		{"tEXt", "Title\x00\x1b[2J", colour, false},
		{"tEXt", "Title\x00\x9b2J", colour, false},
		{"tEXt", "Title\x00\x7f", colour, false},
		{"tEXt", " Title\x00words", colour, false},
		{"tEXt", "Title \x00words", colour, false},
		{"tEXt", "A  title\x00words", colour, false},
		{"tEXt", "A title\x00words", colour, true},
		{"tEXt", "A\xa0title\x00words", colour, false},
		{"tEXt", "A\ntitle\x00words", colour, false},
		{"tEXt", strings.Repeat("k", 79) + "\x00words", colour, true},
		{"tEXt", strings.Repeat("k", 80) + "\x00words", colour, false},
		{"iTXt", "Title\x00\x00\x00de-CH\x00\u00dcberschrift\x00w\u00f6rter\n", colour, true},
		{"iTXt", "Title\x00\x00\x00\x00\x00", colour, true},
		{"iTXt", "Title\x00\x01\x00\x00\x00words", colour, false},
		{"iTXt", "Title\x00\x00\x01\x00\x00words", colour, false},
		{"iTXt", "Title\x00\x00\x00de_CH\x00\x00words", colour, false},
		{"iTXt", "Title\x00\x00\x00\x00\x00w\xf6rter", colour, false},
		{"iTXt", "Title\x00\x00\x00\x00\xff\x00words", colour, false},
		{"iTXt", "Title\x00\x00\x00\x00\x00w\x00", colour, false},
		{"iTXt", "Title\x00\x00\x00\x00\x00\u0085", colour, false},
		{"iTXt", "Title\x00\x00\x00\x00words", colour, false},
		{"iTXt", "Title\x00\x00\x00words", colour, false},
		{"iTXt", "Title\x00\x00", colour, false},
		{"zTXt", "Title\x00\x00", colour, false},
		{"tRNS", "\x00\x01\x00\x02\x00\x03", colour, false},
		{"IDAT", "", colour, false},
	} {
		if got := Valid(c.name, []byte(c.data), c.shape); got != c.want {
			t.Errorf("%s of %q, %+v: %v", c.name, c.data, c.shape, got)
		}
	}
}

func TestList(t *testing.T) {
	l := List{Shape: colour}
	for _, c := range []struct {
		name, data string
		want       bool
	}{
		{"iTXt", "B\x00\x00\x00\x00\x00b", true}, {"tEXt", "A\x00a", true}, {"pHYs", zeros[:9], true}, {"pHYs", zeros[:9], false},
		{"tEXt", "A\x00a", true}, {"gAMA", "\x00\x00\x00\x01", true}, {"tRNS", "", false}, {"sRGB", "\x09", false},
	} {
		if got := l.Add(c.name, []byte(c.data)); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	b := l.Bytes()
	if err := Check(b, colour); err != nil {
		t.Error(err)
	}
	var order []string
	for rest := b; len(rest) > 0; {
		name, data, next, ok := Next(rest)
		if !ok {
			t.Fatalf("%q is not whole", rest)
		}
		order = append(order, name+string(data[:1]))
		rest = next
	}
	if want := []string{"gAMA\x00", "pHYs\x00", "iTXtB", "tEXtA", "tEXtA"}; !slices.Equal(order, want) {
		t.Errorf("order %q, want %q", order, want)
	}

	long := List{Shape: colour}
	words := append([]byte("A\x00"), bytes.Repeat([]byte("a"), MaxBytes-14)...)
	if long.Add("tEXt", append(words, 'a')) || !long.Add("tEXt", words) || long.Add("sRGB", []byte{0}) || len(long.Bytes()) != MaxBytes || Check(long.Bytes(), colour) != nil {
		t.Errorf("%d bytes of %d", len(long.Bytes()), MaxBytes)
	}
	many := List{Shape: colour}
	for range MaxCount {
		many.Add("tEXt", []byte("A\x00a"))
	}
	if many.Add("tEXt", []byte("A\x00a")) || Check(many.Bytes(), colour) != nil {
		t.Error("bound on the number")
	}
	if (&List{}).Bytes() != nil {
		t.Error("bytes of no chunk")
	}
}

func TestCheckRefuses(t *testing.T) {
	srgb, phys, words := Append(nil, "sRGB", []byte{0}), Append(nil, "pHYs", []byte(zeros[:9])), Append(nil, "tEXt", []byte("A\x00a"))
	damaged := bytes.Clone(srgb)
	damaged[len(damaged)-1] ^= 1
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"nothing":       {nil, "no chunks"},
		"twice":         {slices.Concat(srgb, srgb), "order"},
		"wrong order":   {slices.Concat(phys, srgb), "order"},
		"text first":    {slices.Concat(words, srgb), "order"},
		"another chunk": {Append(nil, "IDAT", nil), "not allowed"},
		"end":           {slices.Concat(srgb, Append(nil, "IEND", nil)), "not allowed"},
		"EXIF data":     {Append(nil, "eXIf", nil), "not allowed"},
		"compressed":    {Append(nil, "zTXt", []byte("A\x00\x00")), "not allowed"},
		"damaged":       {damaged, "checksum"},
		"cut":           {srgb[:len(srgb)-1], "cut"},
		"4 GB":          {[]byte("\xff\xff\xff\xfftEXt\x00\x00\x00\x00"), "cut"},
		"not valid":     {Append(nil, "sRGB", []byte{9}), "is not valid"},
		"too long":      {make([]byte, MaxBytes+1), "bytes"},
		"too many":      {bytes.Repeat(words, MaxCount+1), "more than"},
	} {
		if err := Check(c.b, colour); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if err := Check(join(string(srgb), string(phys), string(words), string(words)), colour); err != nil {
		t.Error(err)
	}
}
