// Package residual codes, without loss, the difference between a picture and what the
// decryption generator recovers. With a good generator the difference is almost all
// zeros, so the package codes runs of zeros instead of samples.
//
// Main path: Encode codes a residual; Add decodes it and adds it to the recovered
// picture, sample by sample, modulo 256. docs/format.md specifies the code. Finite
// State Entropy comes from github.com/klauspost/compress.
package residual

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/klauspost/compress/fse"
)

// block is the number of samples that are coded together. It bounds memory, and is so
// large that the size of a block's tables does not matter.
const block = 1 << 22

// The kinds of streams.
const (
	stored   = 0 // as it is
	repeated = 1 // one byte, repeated for every token of the block
	entropy  = 2 // Finite State Entropy
)

// ErrCode is returned when a code cannot be decoded to the given number of samples.
var ErrCode = errors.New("the coded residual cannot be read")

// Encode codes a residual: differences of samples, modulo 256. Equal residuals have
// equal codes. The code of no samples is empty.
func Encode(residual []byte) []byte {
	var code []byte
	var w writer
	for len(residual) > 0 {
		n := min(len(residual), block)
		code = w.block(code, residual[:n])
		residual = residual[n:]
	}
	return code
}

// writer reuses its buffers for each block. A token is a run of zeros and the nonzero
// sample that ends it. A run of n zeros has the class c = floor(log2(n+1)), and its
// rest is the lowest c bits of n+1.
type writer struct {
	classes, values, rests []byte
}

func (w *writer) block(code, samples []byte) []byte {
	w.classes, w.values, w.rests = w.classes[:0], w.values[:0], w.rests[:0]
	run, free := uint32(0), 0 // free counts the unused low bits of the last byte of rests
	for _, v := range samples {
		if run++; v == 0 {
			continue
		}
		class := bits.Len32(run) - 1
		w.classes, w.values = append(w.classes, byte(class)), append(w.values, v)
		for i := class - 1; i >= 0; i-- {
			if free == 0 {
				w.rests, free = append(w.rests, 0), 8
			}
			free--
			w.rests[len(w.rests)-1] |= byte(run>>i&1) << free
		}
		run = 0
	}
	code = binary.BigEndian.AppendUint32(code, uint32(len(w.values)))
	if len(w.values) == 0 {
		return code
	}
	code = appendStream(code, w.classes)
	code = appendStream(code, w.values)
	code = binary.BigEndian.AppendUint32(code, uint32(len(w.rests)))
	return append(code, w.rests...)
}

// appendStream writes the kind of a stream, its length and its bytes.
func appendStream(code, symbols []byte) []byte {
	kind := byte(entropy)
	packed, err := fse.Compress(symbols, nil)
	switch {
	case errors.Is(err, fse.ErrUseRLE):
		kind, packed = repeated, symbols[:1]
	case err != nil || len(packed) >= len(symbols):
		kind, packed = stored, symbols
	}
	code = binary.BigEndian.AppendUint32(append(code, kind), uint32(len(packed)))
	return append(code, packed...)
}

// Add decodes a residual and adds it to samples, modulo 256. The code must be for
// as many samples. Other memory is bounded, whatever the code contains. Errors wrap
// ErrCode and leave the samples partly changed.
func Add(samples, code []byte) (err error) {
	defer func() { // the input is untrusted, and a panic of the decoder must end here
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrCode, r)
		}
	}()
	r := reader{code}
	for len(samples) > 0 {
		n := min(len(samples), block)
		if err := r.block(samples[:n]); err != nil {
			return fmt.Errorf("%w: %w", ErrCode, err)
		}
		samples = samples[n:]
	}
	if len(r.rest) > 0 {
		return fmt.Errorf("%w: %d bytes are left over", ErrCode, len(r.rest))
	}
	return nil
}

type reader struct{ rest []byte }

var errCut = errors.New("it is cut short")

func (r *reader) block(samples []byte) error {
	n, err := r.length()
	if err != nil || n == 0 {
		return err
	}
	if n > len(samples) {
		return fmt.Errorf("%d tokens for %d samples", n, len(samples))
	}
	classes, err := r.stream(n)
	if err != nil {
		return err
	}
	values, err := r.stream(n)
	if err != nil {
		return err
	}
	length, err := r.length()
	if err != nil {
		return err
	}
	rests, err := r.take(length)
	if err != nil {
		return err
	}
	at, bit := 0, 0
	for i, class := range classes {
		if class > 31 || bit+int(class) > 8*len(rests) {
			return fmt.Errorf("a run has class %d", class)
		}
		run := 1
		for range class {
			run = run<<1 | int(rests[bit/8]>>(7-bit%8)&1)
			bit++
		}
		if at += run; at > len(samples) {
			return errors.New("a run extends beyond the last sample")
		}
		samples[at-1] += values[i]
	}
	if len(rests) != (bit+7)/8 {
		return errors.New("the number of bits is wrong")
	}
	return nil
}

// stream reads n symbols.
func (r *reader) stream(n int) ([]byte, error) {
	kind, err := r.take(1)
	if err != nil {
		return nil, err
	}
	length, err := r.length()
	if err != nil {
		return nil, err
	}
	packed, err := r.take(length)
	if err != nil {
		return nil, err
	}
	switch kind[0] {
	case stored:
	case repeated:
		if length != 1 {
			return nil, fmt.Errorf("a repeated symbol is coded in %d bytes", length)
		}
		value := packed[0]
		packed = make([]byte, n)
		for i := range packed {
			packed[i] = value
		}
	case entropy:
		// The library checks its limit in steps of up to 256 symbols, and rejects a stream
		// that just reaches it.
		if packed, err = fse.Decompress(packed, &fse.Scratch{DecompressLimit: n + 512}); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("a stream has kind %d", kind[0])
	}
	if len(packed) != n {
		return nil, fmt.Errorf("a stream has %d symbols for %d tokens", len(packed), n)
	}
	return packed, nil
}

func (r *reader) length() (int, error) {
	b, err := r.take(4)
	if err != nil {
		return 0, err
	}
	n := binary.BigEndian.Uint32(b)
	if n > 1<<31-1 {
		return 0, fmt.Errorf("a length is %d", n)
	}
	return int(n), nil
}

func (r *reader) take(n int) ([]byte, error) {
	if n > len(r.rest) {
		return nil, errCut
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b, nil
}
