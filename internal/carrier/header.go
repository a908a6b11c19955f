package carrier

import (
	"encoding/binary"
	"hash/crc32"

	"enciphergan/internal/ldpc"
)

const (
	version       = 1
	headerLifting = 6
	headerBytes   = 16
	headerBits    = (68 - 2) * headerLifting // signs of the mark that are code bits of the header; the others are the sync
)

// header is coded at the lowest rate in every carrier.
type header struct {
	version       byte
	preset        Preset
	width, height int
	payload       int // bytes
}

// encode returns the header as bytes: version (1), preset (1), width (2), height (2), payload (4), zeros (2), CRC-32 of these (4), big-endian.
func (h header) encode() (b [headerBytes]byte) {
	b[0], b[1] = h.version, byte(h.preset)
	binary.BigEndian.PutUint16(b[2:], uint16(h.width))
	binary.BigEndian.PutUint16(b[4:], uint16(h.height))
	binary.BigEndian.PutUint32(b[6:], uint32(h.payload))
	binary.BigEndian.PutUint32(b[12:], crc32.ChecksumIEEE(b[:12]))
	return b
}

// parseHeader returns the header of b; not ok where its check fails.
func parseHeader(b [headerBytes]byte) (h header, ok bool) {
	if crc32.ChecksumIEEE(b[:12]) != binary.BigEndian.Uint32(b[12:]) {
		return h, false
	}
	return header{
		version: b[0], preset: Preset(b[1]),
		width: int(binary.BigEndian.Uint16(b[2:])), height: int(binary.BigEndian.Uint16(b[4:])),
		payload: int(binary.BigEndian.Uint32(b[6:])),
	}, true
}

var headerCode = func() ldpc.Code {
	c, err := ldpc.New(headerLifting)
	if err != nil {
		panic(err)
	}
	return c
}()

// mark assigns the signs of the mark to the header and the sync.
type mark struct {
	order []int32          // positions: the first headerBits are those of the header's code bits, the others the sync
	mask  [markBlocks]int8 // by position: 1 or -1, the sign of a code bit of zero and of the sync
}

var theMark = func() (t mark) {
	t.order = permutation(seedMark, markBlocks)
	signs := bitSource{g: seedMarkSigns}
	for i := range t.mask {
		t.mask[i] = 1 - 2*int8(signs.next())
	}
	return t
}()

// signs returns the signs of the mark, by rows of blocks.
func (h header) signs() [markBlocks]int8 {
	info := make([]byte, headerCode.Information())
	for i, b := range h.encode() {
		unpackByte(info[i*8:], b)
	}
	sent := make([]byte, headerBits)
	if err := headerCode.Encode(sent, info); err != nil {
		panic(err) // the sizes are constants
	}
	signs := theMark.mask
	for i, b := range sent {
		if b == 1 {
			signs[theMark.order[i]] *= -1
		}
	}
	return signs
}

// readHeader decodes a header. Each of sums is the logarithm of the ratio of the probabilities of the signs 1 and -1 at a position of the mark.
func readHeader(sums *[markBlocks]float64) (header, bool) {
	llr := make([]int8, headerBits)
	for i := range llr {
		p := theMark.order[i]
		llr[i] = int8(max(-127, min(127, 8*sums[p]*float64(theMark.mask[p]))))
	}
	d, err := ldpc.NewDecoder(headerCode, headerBits, 50)
	if err != nil {
		panic(err) // the sizes are constants
	}
	info := make([]byte, headerCode.Information())
	if _, err := d.Decode(info, llr); err != nil {
		return header{}, false
	}
	for _, b := range info[headerBytes*8:] {
		if b != 0 {
			return header{}, false
		}
	}
	var b [headerBytes]byte
	for i := range b {
		b[i] = packByte(info[i*8:])
	}
	return parseHeader(b)
}

// unpackByte writes the bits of b to dst, the highest first.
func unpackByte(dst []byte, b byte) {
	for i := range 8 {
		dst[i] = b >> (7 - i) & 1
	}
}

func packByte(src []byte) (b byte) {
	for _, bit := range src[:8] {
		b = b<<1 | bit
	}
	return b
}
