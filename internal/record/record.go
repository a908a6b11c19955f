// Package record holds what is sealed beside the neural cipher and its
// statistics: what makes the recovered picture equal to the original, the proof
// that it is, and what goes with a picture. docs/format.md specifies its bytes.
//
// Main path: Encode pads, so that the length of a file tells little about the
// picture; Decode checks what it reads before it takes memory. Pack and Unpack
// shorten whole planes of samples.
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

// ErrRecord says that a record cannot be read. Under a valid tag it was written
// by a later version of this program, or by another one.
var ErrRecord = errors.New("what is sealed beside the picture cannot be read")

// Kind is what a section of a record holds.
type Kind byte

// The kinds, in the order in which sections follow each other.
const (
	Digest   Kind = 1 + iota // of the original picture, 32 bytes
	Residual                 // coded difference between the original and what the generator recovers
	Gray                     // empty: the picture is gray
	Alpha                    // packed, (height, width)
	Low                      // packed, the low bytes of 16-bit samples, (height, width, samples of a pixel)
	EXIF                     // as a TIFF file
	ICC                      // the colour profile
	File                     // the original file, byte by byte
	Name                     // of the original file, 1 to MaxName bytes of UTF-8, without a path
	Chunks                   // of the PNG that comes back, as package pngchunk checks them

	end, last = 0, Chunks
)

// MaxName bounds the name of a file, in bytes.
const MaxName = 255

// Record is what goes with a neural cipher: sections by their kind. The empty
// one is that of a picture that comes back approximately; every other one has
// at least Digest and Residual.
type Record map[Kind][]byte

// Has reports whether there is such a section.
func (r Record) Has(k Kind) bool { _, ok := r[k]; return ok }

// Encode writes a record and pads it with zeros to Padded bytes.
func (r Record) Encode() []byte {
	n := 1
	for _, content := range r {
		n += 5 + len(content)
	}
	b := make([]byte, 0, Padded(n))
	for k := Kind(1); k <= last; k++ {
		if r.Has(k) {
			b = binary.BigEndian.AppendUint32(append(b, byte(k)), uint32(len(r[k])))
			b = append(b, r[k]...)
		}
	}
	b = append(b, end)
	return b[:cap(b)]
}

// minimum is the least length of a record. Most residuals are shorter.
const minimum = 256

// Padded is the length that a record of n bytes is padded to: Padmé, which adds
// at most 12 % and leaves O(log log n) bits of n to be seen, and at least 256.
func Padded(n int) int {
	n = max(n, minimum)
	exponent := bits.Len(uint(n)) - 1
	mask := 1<<(exponent-bits.Len(uint(exponent))) - 1
	return (n + mask) &^ mask
}

// Decode reads a record. The sections share memory with b. Errors wrap ErrRecord.
func Decode(b []byte) (Record, error) {
	r := Record{}
	length := len(b)
	for k := Kind(1); k <= last; k++ {
		if len(b) == 0 || b[0] != byte(k) {
			continue
		}
		if len(b) < 5 || int64(binary.BigEndian.Uint32(b[1:])) > int64(len(b)-5) {
			return nil, fmt.Errorf("%w: its section %d was cut", ErrRecord, k)
		}
		n := int(binary.BigEndian.Uint32(b[1:]))
		r[k] = b[5 : 5+n : 5+n]
		b = b[5+n:]
	}
	switch {
	case len(b) == 0:
		return nil, fmt.Errorf("%w: it has no end", ErrRecord)
	case b[0] != end:
		return nil, fmt.Errorf("%w: it has a section %d, which is unknown or out of order", ErrRecord, b[0])
	case slices.ContainsFunc(b, func(v byte) bool { return v != 0 }) || length != Padded(length-len(b)+1):
		return nil, fmt.Errorf("%w: its padding is wrong", ErrRecord)
	case len(r) > 0 && !(r.Has(Digest) && r.Has(Residual)):
		return nil, fmt.Errorf("%w: it lacks digest or residual", ErrRecord)
	case r.Has(Digest) && len(r[Digest]) != sha256.Size:
		return nil, fmt.Errorf("%w: its digest has %d bytes", ErrRecord, len(r[Digest]))
	case r.Has(Name) && !r.Has(File):
		return nil, fmt.Errorf("%w: it names a file that it does not have", ErrRecord)
	case r.Has(Name) && !validName(string(r[Name])):
		return nil, fmt.Errorf("%w: its name is none of a file", ErrRecord)
	case r.Has(Gray) && (len(r[Gray]) > 0 || r.Has(Alpha)):
		return nil, fmt.Errorf("%w: it is gray, and has more to say of that or an alpha channel", ErrRecord)
	}
	if r.Has(Chunks) {
		if err := pngchunk.Check(r[Chunks], r.shape()); err != nil {
			return nil, fmt.Errorf("%w: of its PNG chunks: %w", ErrRecord, err)
		}
	}
	return r, nil
}

// shape is that of the samples in the PNG that comes back.
func (r Record) shape() pngchunk.Shape {
	s := pngchunk.Shape{Channels: 3, Depth: 8}
	switch {
	case r.Has(Gray):
		s.Channels = 1
	case r.Has(Alpha):
		s.Channels = 4
	}
	if r.Has(Low) {
		s.Depth = 16
	}
	return s
}

// validName says whether a record may have a name. It may still be one that no system
// takes or that is shown otherwise: package filename makes it safe.
func validName(name string) bool {
	return len(name) >= 1 && len(name) <= MaxName && utf8.ValidString(name) && name != "." && name != ".." &&
		!strings.ContainsFunc(name, func(r rune) bool { return r == '/' || r == '\\' || unicode.IsControl(r) })
}

// Pack shortens a plane of samples without loss, as a zlib stream.
func Pack(plane []byte) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write(plane) // into memory: neither call can fail
	w.Close()
	return b.Bytes()
}

// Unpack gives back a plane of n bytes, and takes no more memory for it than
// that. Errors wrap ErrRecord.
func Unpack(packed []byte, n int) ([]byte, error) {
	r, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	plane := make([]byte, n)
	if _, err := io.ReadFull(r, plane); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if more, err := io.Copy(io.Discard, io.LimitReader(r, 1)); more > 0 || err != nil { // at the end the checksum is compared
		return nil, fmt.Errorf("%w: a plane is longer than %d bytes or damaged", ErrRecord, n)
	}
	return plane, nil
}
