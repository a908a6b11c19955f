// Package carrier modulates bytes into a gray picture that looks like noise and reads them back from a copy that a messenger recompressed.
//
// Main path: Capacity tells how much a size takes, Modulate makes the picture, Demodulate reads a copy. The payload becomes code words of package ldpc,
// whose bits are symbols on the coefficients of 8 x 8 blocks (layout.go, scheme.go); a mark that is repeated over the picture holds the header
// (header.go). The reader estimates contrast, brightness and noise of a copy for soft decisions (receive.go); copies that were scaled, cropped or turned
// are found by their mark (search.go). docs/carrier.md specifies every sample. Writing uses integers alone, so that all machines write the same picture.
//
// A CRC-32 guards against errors of decoding, not against anybody: the payload is to be an authenticated ciphertext.
package carrier

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
)

// Capacity returns the largest payload of a carrier in bytes; 0 where the preset has none of this size.
func Capacity(width, height int, p Preset) int {
	s, err := p.scheme()
	if err != nil || checkSize(width, height) != nil {
		return 0
	}
	return newLayout(width, height, s).capacity()
}

func checkSize(width, height int) error {
	if width < MinSide || height < MinSide || width > MaxSide || height > MaxSide || width*height > MaxPixels {
		return fmt.Errorf("a carrier cannot have %d x %d pixels", width, height)
	}
	return nil
}

// Modulate returns a carrier of the payload. The payload should look random, as a ciphertext does. The error is that of the context where it is cancelled.
func Modulate(ctx context.Context, payload []byte, width, height int, p Preset) (*image.Gray, error) {
	s, err := p.scheme()
	if err != nil {
		return nil, err
	}
	if err := checkSize(width, height); err != nil {
		return nil, err
	}
	l := newLayout(width, height, s)
	if len(payload) > l.capacity() {
		return nil, fmt.Errorf("%d bytes are too many for a carrier of %d x %d pixels, which takes %d", len(payload), width, height, l.capacity())
	}
	stream, err := l.encode(ctx, payload)
	if err != nil {
		return nil, err
	}
	return l.draw(ctx, stream, header{version, p, width, height, len(payload)}.signs())
}

// encode returns the bits of the stream.
func (l *layout) encode(ctx context.Context, payload []byte) ([]byte, error) {
	words, length := l.words(len(payload))
	data := make([]byte, words*blockBytes)
	n := copy(data, payload)
	binary.BigEndian.PutUint32(data[n:], crc32.ChecksumIEEE(payload))
	whiten(data)

	stream := make([]byte, l.stream())
	fill := bitSource{g: seedFill}
	for i := words * length; i < len(stream); i++ {
		stream[i] = fill.next()
	}
	spread := permutation(seedCodeBits, length)
	info, sent := make([]byte, blockBytes*8), make([]byte, min(length, codeBits))
	for c := range words {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for i, b := range data[c*blockBytes : (c+1)*blockBytes] {
			unpackByte(info[i*8:], b)
		}
		if err := code.Encode(sent, info); err != nil {
			return nil, err
		}
		for i, at := range spread {
			stream[int(at)*words+c] = sent[i%len(sent)]
		}
	}
	return stream, nil
}

// whiten adds the whitening stream to data, little-endian; a second time it takes it away.
func whiten(data []byte) {
	g := seedWhitening
	for ; len(data) >= 8; data = data[8:] {
		binary.LittleEndian.PutUint64(data, binary.LittleEndian.Uint64(data)^g.next())
	}
	if len(data) > 0 {
		panic("carrier: code words are not whole numbers of 8 bytes")
	}
}

// checkEvery is the number of blocks after which a loop over them looks at the context.
const checkEvery = 1 << 12

// draw returns the picture of a stream.
func (l *layout) draw(ctx context.Context, stream []byte, signs [markBlocks]int8) (*image.Gray, error) {
	picture := image.NewGray(image.Rect(0, 0, l.width, l.height))
	var symbols, coefficients [64]int32
	var block [64]uint8
	put := func(bx, by int) {
		for k, n := range l.scheme.bits {
			coefficients[k] = (2*level(symbols[k]) - 1<<n + 1) * (l.scheme.spacing[k] / 2)
		}
		coefficients[0] += l.scheme.sign * int32(signs[by%markSide*markSide+bx%markSide])
		samples(&block, &coefficients)
		for y := range min(8, l.height-8*by) {
			at := picture.PixOffset(8*bx, 8*by+y)
			copy(picture.Pix[at:at+min(8, l.width-8*bx)], block[8*y:])
		}
	}
	for n, at := range l.order() {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		clear(symbols[:])
		for i, b := range l.bits {
			symbols[b.coefficient] |= int32(stream[l.position(i, n)]) << b.shift
		}
		put(int(at)%l.across, int(at)/l.across)
	}
	// Blocks of which only a part is in the picture carry nothing, and look like the others.
	fill := bitSource{g: seedFill + 1}
	for by := range (l.height + 7) / 8 {
		for bx := range (l.width + 7) / 8 {
			if bx < l.across && by < l.down {
				continue
			}
			clear(symbols[:])
			for _, b := range l.bits {
				symbols[b.coefficient] |= int32(fill.next()) << b.shift
			}
			put(bx, by)
		}
	}
	return picture, nil
}
