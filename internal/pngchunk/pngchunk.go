// Package pngchunk encodes and checks the PNG chunks that a cipher image preserves in
// addition to samples, EXIF data and ICC profile: the meaning of colours, density, date
// and texts. docs/format.md lists them with their bytes.
//
// Main path: Valid checks one chunk; a List collects chunks in their order; Check
// checks a sequence from an untrusted source.
package pngchunk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxCount and MaxBytes are the limits of a sequence of chunks.
const (
	MaxCount = 256
	MaxBytes = 4 << 20
)

// Shape describes samples; the length of some chunks depends on it.
type Shape struct {
	Channels int // samples of a pixel: 1 for gray, 3 for colour, 4 for colour with alpha
	Depth    int // bits of a sample: 8 or 16
}

// names are the chunks in their order. Texts come last, in any number.
var names = []string{"cICP", "mDCV", "cLLI", "sRGB", "gAMA", "cHRM", "sBIT", "bKGD", "pHYs", "tIME", text, internationalText}

const (
	text              = "tEXt"
	internationalText = "iTXt"
)

// rank returns the position of a chunk's name in the order, or -1 for other chunks.
func rank(name string) int {
	if name == internationalText {
		name = text // the two kinds of text may be mixed
	}
	return slices.Index(names, name)
}

func isText(name string) bool { return name == text || name == internationalText }

// Valid reports whether a chunk is valid for a picture of the shape.
func Valid(name string, data []byte, shape Shape) bool {
	switch name {
	case "cICP": // the matrix of RGB
		return len(data) == 4 && data[2] == 0 && data[3] <= 1
	case "mDCV":
		return len(data) == 24 && numbers(data[16:])
	case "cLLI":
		return len(data) == 8 && numbers(data)
	case "sRGB":
		return len(data) == 1 && data[0] <= 3
	case "gAMA":
		return len(data) == 4 && numbers(data) && binary.BigEndian.Uint32(data) > 0
	case "cHRM":
		return len(data) == 32 && numbers(data)
	case "sBIT":
		return len(data) == shape.Channels && !slices.ContainsFunc(data, func(v byte) bool { return v == 0 || int(v) > shape.Depth })
	case "bKGD":
		if len(data) != 2*min(shape.Channels, 3) {
			return false
		}
		for i := 0; i < len(data); i += 2 {
			if shape.Depth == 8 && data[i] != 0 {
				return false
			}
		}
		return true
	case "pHYs":
		return len(data) == 9 && numbers(data[:8]) && data[8] <= 1
	case "tIME":
		return len(data) == 7 && data[2] >= 1 && data[2] <= 12 && data[3] >= 1 && data[3] <= 31 && data[4] <= 23 && data[5] <= 59 && data[6] <= 60
	case text:
		keyword, words, ok := bytes.Cut(data, []byte{0})
		return ok && validKeyword(keyword) && validLatin1(words)
	case internationalText:
		keyword, rest, ok := bytes.Cut(data, []byte{0})
		if !ok || !validKeyword(keyword) || len(rest) < 2 || rest[0] != 0 || rest[1] != 0 { // not compressed
			return false
		}
		language, rest, ok := bytes.Cut(rest[2:], []byte{0})
		if !ok || slices.ContainsFunc(language, func(c byte) bool { return !isLanguage(c) }) {
			return false
		}
		translated, words, ok := bytes.Cut(rest, []byte{0})
		return ok && validUTF8(translated) && validUTF8(words)
	}
	return false
}

// numbers reports whether big-endian numbers of four bytes are in PNG's range.
func numbers(b []byte) bool {
	for i := 0; i < len(b); i += 4 {
		if b[i] >= 1<<7 {
			return false
		}
	}
	return true
}

func isLanguage(c byte) bool {
	return c == '-' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// validKeyword is PNG's rule: 1 to 79 printable characters of Latin-1, spaces only
// one at a time and inside.
func validKeyword(b []byte) bool {
	return len(b) >= 1 && len(b) <= 79 && b[0] != ' ' && b[len(b)-1] != ' ' && !bytes.Contains(b, []byte("  ")) &&
		!slices.ContainsFunc(b, func(c byte) bool { return isControl(rune(c)) || c == 0xa0 })
}

func validLatin1(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return isControl(rune(c)) && !isBreak(rune(c)) })
}

func validUTF8(b []byte) bool {
	return utf8.Valid(b) && !strings.ContainsFunc(string(b), func(r rune) bool { return isControl(r) && !isBreak(r) })
}

func isControl(r rune) bool { return unicode.Is(unicode.Cc, r) }

func isBreak(r rune) bool { return r == '\t' || r == '\n' || r == '\r' }

// Append appends a chunk with its checksum.
func Append(b []byte, name string, data []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	start := len(b)
	b = append(append(b, name...), data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[start:]))
}

// Next returns the first chunk of a sequence and the rest. ok is false where no chunk is complete.
func Next(b []byte) (name string, data, rest []byte, ok bool) {
	if len(b) < 12 {
		return "", nil, nil, false
	}
	n := int64(binary.BigEndian.Uint32(b))
	if n > int64(len(b)-12) {
		return "", nil, nil, false
	}
	return string(b[4:8]), b[8 : 8+n : 8+n], b[12+n:], true
}

// Check returns an error where a sequence of chunks is not valid for a picture of the shape.
func Check(b []byte, shape Shape) error {
	switch {
	case len(b) == 0:
		return errors.New("there are no chunks")
	case len(b) > MaxBytes:
		return fmt.Errorf("the chunks have %d bytes, and the maximum is %d", len(b), MaxBytes)
	}
	last := -1
	for count := 1; len(b) > 0; count++ {
		name, data, rest, ok := Next(b)
		r := rank(name)
		switch {
		case count > MaxCount:
			return fmt.Errorf("there are more than %d chunks", MaxCount)
		case !ok:
			return errors.New("a chunk is cut short")
		case r < 0:
			return fmt.Errorf("a chunk %q is not allowed", name)
		case r < last || r == last && !isText(name):
			return fmt.Errorf("a chunk %s is out of order", name)
		case binary.BigEndian.Uint32(b[8+len(data):]) != crc32.ChecksumIEEE(b[4:8+len(data)]):
			return fmt.Errorf("the checksum of a chunk %s is wrong", name)
		case !Valid(name, data, shape):
			return fmt.Errorf("the content of a chunk %s is not valid", name)
		}
		b, last = rest, r
	}
	return nil
}

// List collects the chunks of a picture of a Shape.
type List struct {
	Shape  Shape
	chunks []ranked
	bytes  int
}

type ranked struct {
	rank  int
	chunk []byte
}

// Add adds a chunk and reports whether it did. It does not add a chunk that is not Valid, repeats a
// kind other than text, or exceeds the limits.
func (l *List) Add(name string, data []byte) bool {
	if !Valid(name, data, l.Shape) || !isText(name) && l.Has(name) ||
		len(l.chunks) == MaxCount || len(data) > MaxBytes-12-l.bytes {
		return false
	}
	l.chunks = append(l.chunks, ranked{rank(name), Append(nil, name, data)})
	l.bytes += 12 + len(data)
	return true
}

// Has reports whether the list has a chunk of the name.
func (l *List) Has(name string) bool {
	return slices.ContainsFunc(l.chunks, func(c ranked) bool { return string(c.chunk[4:8]) == name })
}

// Bytes returns the sequence of chunks in order, or nil where there are none.
func (l *List) Bytes() []byte {
	slices.SortStableFunc(l.chunks, func(a, b ranked) int { return a.rank - b.rank })
	var b []byte
	for _, k := range l.chunks {
		b = append(b, k.chunk...)
	}
	return b
}
