// Package record encodes the record, which is sealed with the neural cipher and its
// statistics: the residual that makes the recovered picture equal to the original, the
// digest that proves it, metadata and the kept file. docs/format.md specifies its bytes.
//
// Main path: Encode pads, so that the length of a file reveals little about the
// picture; Decode checks its input before it allocates memory. Pack and Unpack compress and
// decompress planes of samples.
//
// A cipher image for messengers has a record of its own kind: the picture as a code of
// package codec, or the original file. Fill pads it to all the room there is, and DecodeFilled
// decodes it.
package record

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"enciphergan/internal/pngchunk"
)

// ErrRecord is returned for a record that cannot be decoded. Since it is authenticated, a later
// version of this program or another program wrote it.
var ErrRecord = errors.New("the sealed record cannot be read")

// Kind is the kind of a section.
type Kind byte

// The kinds, in the order of the sections.
const (
	Digest   Kind = 1 + iota // of the original picture, 32 bytes
	Residual                 // coded difference between the original and what the generator recovers
	Gray                     // empty: the picture is gray
	Alpha                    // packed, (height, width)
	LowBytes                 // packed, the low bytes of 16-bit samples, (height, width, samples of a pixel)
	EXIF                     // as a TIFF file
	ICC                      // the colour profile
	File                     // the kept file, byte for byte
	Name                     // of the kept file, 1 to MaxName bytes of UTF-8, without a path
	Chunks                   // of the restored PNG, as package pngchunk checks them

	// Of cipher images for messengers only; their other sections are ICC, File and Name.
	Size // width and height of the picture, 4 bytes each, big-endian
	Code // the picture, as package codec codes it

	end = 0
)

// MaxName is the maximum length of a file name in bytes.
const MaxName = 255

// Record holds sections by kind. It is empty where the picture is recovered
// approximately; otherwise it has at least Digest and Residual.
type Record map[Kind][]byte

// Has reports whether the record has a section of the kind.
func (r Record) Has(k Kind) bool { _, ok := r[k]; return ok }

// Encode encodes a record and pads it with zeros to Padded bytes.
func (r Record) Encode() []byte {
	b := r.sections(Padded)
	return b[:cap(b)]
}

// Fill encodes a record and pads it with zeros to n bytes. The error wraps ErrRoom where it has more.
func (r Record) Fill(n int) ([]byte, error) {
	b := r.sections(func(need int) int { return max(need, n) })
	if len(b) > n {
		return nil, fmt.Errorf("%w: %d bytes, and there is room for %d", ErrRoom, len(b), n)
	}
	return b[:cap(b)], nil
}

// ErrRoom is returned for a record that does not fit.
var ErrRoom = errors.New("the record is too long")

// Overhead returns the bytes that a record of n sections takes in addition to their content.
func Overhead(n int) int { return 5*n + 1 }

// sections encodes a record without its padding, for which the slice has the capacity that
// padded returns, all zeros.
func (r Record) sections(padded func(n int) int) []byte {
	n := Overhead(len(r))
	for _, content := range r {
		n += len(content)
	}
	b := make([]byte, 0, padded(n))
	for k := Kind(1); k <= Code; k++ {
		if r.Has(k) {
			b = binary.BigEndian.AppendUint32(append(b, byte(k)), uint32(len(r[k])))
			b = append(b, r[k]...)
		}
	}
	return append(b, end)
}

// minimum is the minimum length of a record. Most residuals are shorter.
const minimum = 256

// Padded returns the length to which a record of n bytes is padded: Padmé, which adds up
// to 12 % and reveals O(log log n) bits of n, with a minimum of 256.
func Padded(n int) int {
	n = max(n, minimum)
	exponent := bits.Len(uint(n)) - 1
	mask := 1<<(exponent-bits.Len(uint(exponent))) - 1
	return (n + mask) &^ mask
}

// Decode decodes a record. The sections share memory with b. Errors wrap ErrRecord.
func Decode(b []byte) (Record, error) {
	length := len(b)
	r, padding, err := parse(b, []Kind{Digest, Residual, Gray, Alpha, LowBytes, EXIF, ICC, File, Name, Chunks})
	if err != nil {
		return nil, err
	}
	switch {
	case length != Padded(length-padding):
		return nil, fmt.Errorf("%w: its padding is wrong", ErrRecord)
	case len(r) > 0 && !(r.Has(Digest) && r.Has(Residual)):
		return nil, fmt.Errorf("%w: it lacks digest or residual", ErrRecord)
	case r.Has(Digest) && len(r[Digest]) != sha256.Size:
		return nil, fmt.Errorf("%w: its digest has %d bytes", ErrRecord, len(r[Digest]))
	case r.Has(Name) && !r.Has(File):
		return nil, fmt.Errorf("%w: it has the name of a kept file but no kept file", ErrRecord)
	case r.Has(Name) && !validName(string(r[Name])):
		return nil, fmt.Errorf("%w: the name of its kept file is not valid", ErrRecord)
	case r.Has(Gray) && (len(r[Gray]) > 0 || r.Has(Alpha)):
		return nil, fmt.Errorf("%w: it is gray but has an alpha channel, or its section gray is not empty", ErrRecord)
	}
	if r.Has(Chunks) {
		if err := pngchunk.Check(r[Chunks], r.shape()); err != nil {
			return nil, fmt.Errorf("%w: its PNG chunks: %w", ErrRecord, err)
		}
	}
	return r, nil
}

// DecodeFilled decodes the record of a cipher image for messengers, which has Size and either
// Code, with ICC or not, or File, with Name or not. The sections share memory with b. Errors
// wrap ErrRecord.
func DecodeFilled(b []byte) (Record, error) {
	r, _, err := parse(b, []Kind{ICC, File, Name, Size, Code})
	if err != nil {
		return nil, err
	}
	switch {
	case len(r[Size]) != 8:
		return nil, fmt.Errorf("%w: it has no size of the picture", ErrRecord)
	case r.Has(Code) == r.Has(File):
		return nil, fmt.Errorf("%w: it has no picture, or two", ErrRecord)
	case r.Has(ICC) && r.Has(File) || r.Has(Name) && r.Has(Code):
		return nil, fmt.Errorf("%w: it has a section that does not go with its picture", ErrRecord)
	case r.Has(Name) && !validName(string(r[Name])):
		return nil, fmt.Errorf("%w: the name of its file is not valid", ErrRecord)
	}
	return r, nil
}

// parse returns the sections of b, which are of the given kinds and in their order, and the
// number of zeros after the byte that ends them.
func parse(b []byte, kinds []Kind) (r Record, padding int, err error) {
	r = Record{}
	for _, k := range kinds {
		if len(b) == 0 || b[0] != byte(k) {
			continue
		}
		if len(b) < 5 || int64(binary.BigEndian.Uint32(b[1:])) > int64(len(b)-5) {
			return nil, 0, fmt.Errorf("%w: its section %d is cut short", ErrRecord, k)
		}
		n := int(binary.BigEndian.Uint32(b[1:]))
		r[k] = b[5 : 5+n : 5+n]
		b = b[5+n:]
	}
	switch {
	case len(b) == 0:
		return nil, 0, fmt.Errorf("%w: its end is missing", ErrRecord)
	case b[0] != end:
		return nil, 0, fmt.Errorf("%w: it has a section %d, which is unknown or out of order", ErrRecord, b[0])
	case slices.ContainsFunc(b, func(v byte) bool { return v != 0 }):
		return nil, 0, fmt.Errorf("%w: its padding is wrong", ErrRecord)
	}
	return r, len(b) - 1, nil
}

// shape returns the shape of the samples in the restored PNG.
func (r Record) shape() pngchunk.Shape {
	s := pngchunk.Shape{Channels: 3, Depth: 8}
	switch {
	case r.Has(Gray):
		s.Channels = 1
	case r.Has(Alpha):
		s.Channels = 4
	}
	if r.Has(LowBytes) {
		s.Depth = 16
	}
	return s
}

// validName reports whether a record may have a name. It may still be unsafe on some systems:
// package filename makes it safe.
func validName(name string) bool {
	return len(name) >= 1 && len(name) <= MaxName && utf8.ValidString(name) && name != "." && name != ".." &&
		!strings.ContainsFunc(name, func(r rune) bool { return r == '/' || r == '\\' || unicode.IsControl(r) })
}

// Pack compresses a plane of samples as a zlib stream.
func Pack(plane []byte) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write(plane) // into memory: neither call can fail
	w.Close()
	return b.Bytes()
}

// Unpack decompresses a plane of n bytes, and allocates no more memory than that. Errors
// wrap ErrRecord.
func Unpack(packed []byte, n int) ([]byte, error) {
	r, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	plane := make([]byte, n)
	if _, err := io.ReadFull(r, plane); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if more, err := io.Copy(io.Discard, io.LimitReader(r, 1)); more > 0 || err != nil { // reading to the end verifies the checksum
		return nil, fmt.Errorf("%w: a plane is longer than %d bytes or damaged", ErrRecord, n)
	}
	return plane, nil
}
