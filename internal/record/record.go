// Package record holds what is sealed beside the neural cipher and its
// statistics: what makes the recovered picture equal to the original, and the
// proof that it is. docs/format.md specifies its bytes.
//
// Main path: Encode pads, so that the length of a file tells little about the
// picture; Decode checks what it reads before it takes memory.
package record

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
)

// ErrRecord says that a record cannot be read. Under a valid tag it was written
// by a later version of this program, or by another one.
var ErrRecord = errors.New("what is sealed beside the picture cannot be read")

// Record is what goes with a neural cipher. Parts that are nil are not written.
type Record struct {
	Digest   []byte // of the original picture, 32 bytes; nil: the picture comes back approximately
	Residual []byte // coded difference between the original and what the generator recovers
}

// The kinds of sections. They follow each other in rising order.
const (
	end      = 0
	digest   = 1
	residual = 2
)

// sections pairs kinds with the parts of a record, in the order of the format.
func (r *Record) sections() []section {
	return []section{{digest, &r.Digest}, {residual, &r.Residual}}
}

type section struct {
	kind    byte
	content *[]byte
}

// Encode writes a record and pads it with zeros to Padded bytes.
func (r Record) Encode() []byte {
	n := 1
	for _, s := range r.sections() {
		if *s.content != nil {
			n += 5 + len(*s.content)
		}
	}
	b := make([]byte, 0, Padded(n))
	for _, s := range r.sections() {
		if *s.content != nil {
			b = binary.BigEndian.AppendUint32(append(b, s.kind), uint32(len(*s.content)))
			b = append(b, *s.content...)
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

// Decode reads a record. The parts share memory with b. Errors wrap ErrRecord.
func Decode(b []byte) (Record, error) {
	var r Record
	length := len(b)
	for _, s := range r.sections() {
		if len(b) == 0 || b[0] != s.kind {
			continue
		}
		if len(b) < 5 || int64(binary.BigEndian.Uint32(b[1:])) > int64(len(b)-5) {
			return Record{}, fmt.Errorf("%w: its section %d was cut", ErrRecord, s.kind)
		}
		n := int(binary.BigEndian.Uint32(b[1:]))
		*s.content = b[5 : 5+n : 5+n]
		b = b[5+n:]
	}
	switch {
	case len(b) == 0:
		return Record{}, fmt.Errorf("%w: it has no end", ErrRecord)
	case b[0] != end:
		return Record{}, fmt.Errorf("%w: it has a section %d, which is unknown or out of order", ErrRecord, b[0])
	case slices.ContainsFunc(b, func(v byte) bool { return v != 0 }) || length != Padded(length-len(b)+1):
		return Record{}, fmt.Errorf("%w: its padding is wrong", ErrRecord)
	case r.Digest != nil && len(r.Digest) != sha256.Size:
		return Record{}, fmt.Errorf("%w: its digest has %d bytes", ErrRecord, len(r.Digest))
	case (r.Digest == nil) != (r.Residual == nil):
		return Record{}, fmt.Errorf("%w: it has one of digest and residual and not the other", ErrRecord)
	}
	return r, nil
}
