// Package codec codes a picture with loss, into a given number of bytes: what a cipher image for messengers carries.
//
// Main path: Codec.Encode turns a picture into a code of at most n bytes, Codec.Decode turns it back. In between, a
// Transform makes coefficients, blockCoder turns them into levels and codes these, bit by bit, with probabilities mixed from
// several contexts. docs/codec.md specifies the code.
//
// Everything that the code is read by is integer arithmetic, and the same functions encode and decode, so the two cannot
// disagree. The samples that Decode returns are the same on every system.
package codec

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
)

// Codec codes pictures. The zero value uses the analytic transform.
type Codec struct {
	Transform Transform             // Cosine if nil
	Progress  func(done, total int) // is called now and then, unless nil; Encode's total is a guess
	off       ablation
}

// MaxPixels bounds the pictures that are coded. Memory is about 16 bytes a pixel in decoding and 20 in encoding.
const MaxPixels = 1 << 26

var (
	// ErrSize is returned for a picture without pixels or with more than MaxPixels, and for one whose samples do not have its size.
	ErrSize = errors.New("the picture's size is out of bounds")
	// ErrRoom is returned when a picture cannot be coded in so few bytes, however coarsely.
	ErrRoom = errors.New("the picture does not fit into so few bytes")
	// ErrCode is returned for a code that Encode does not write.
	ErrCode = errors.New("the code of the picture cannot be read")
)

// The code begins with a byte for the transform and two for the step.
const (
	headerSize = 3
	cosine1    = 1 // the only transform so far
)

// largestStep is the last step's number.
const largestStep = 1<<16 - 1

// stepOf returns the step of a number: 12 bits of a significand below 4 bits of an exponent, from 1/16 on.
func stepOf(number int) float32 {
	return float32(4096+number&4095) * float32(int(1)<<(number>>12)) / 65536
}

// stepNumber returns the number of the smallest step that is not below s, or the largest.
func stepNumber(s float64) int {
	exponent := 0
	for exponent < 15 && s*65536 > float64(int(8191)<<exponent) {
		exponent++
	}
	significand := int(s*65536/float64(int(1)<<exponent)+.999999) - 4096
	return exponent<<12 + min(max(significand, 0), 4095)
}

func (c Codec) report(done, total int) {
	if c.Progress != nil {
		c.Progress(done, total)
	}
}

func (c Codec) transform() Transform {
	if c.Transform == nil {
		return Cosine{c.off}
	}
	return c.Transform
}

func checkSize(width, height int) error {
	if width < 1 || height < 1 || width > MaxPixels || height > MaxPixels/width {
		return fmt.Errorf("%w: %d x %d", ErrSize, width, height)
	}
	return nil
}

// Decode returns the picture of a code, 8-bit RGB, interleaved: 3*width*height samples. Zeros at the end of the code, or the lack
// of them, make no difference. Any code has a picture: whether it is the right one, an authentication around it decides.
func (c Codec) Decode(ctx context.Context, code []byte, width, height int) ([]byte, error) {
	if err := checkSize(width, height); err != nil {
		return nil, err
	}
	if len(code) < headerSize || code[0] != cosine1 {
		return nil, ErrCode
	}
	step := stepOf(int(binary.BigEndian.Uint16(code[1:])))
	b := newBlockCoder(newCoefficients(width, height), step)
	b.off = c.off
	b.rangeCoder = newDecoder(code[headerSize:])
	n := b.rowsOfBlocks()
	if err := b.picture(ctx, func(i int) { c.report(i, n) }); err != nil {
		return nil, err
	}
	return c.transform().Synthesise(b.c, width, height, step), nil
}
