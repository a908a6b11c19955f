package carrier

import (
	"enciphergan/internal/ldpc"
)

const (
	markSide   = 24                  // blocks a side of the mark that carries sync and header, again and again over the picture
	markBlocks = markSide * markSide // each carries one sign
	// MinSide is the smallest side of a carrier, in pixels: a whole mark.
	MinSide = 8 * markSide
	// MaxSide and MaxPixels bound a carrier, and a copy of one.
	MaxSide   = 1<<16 - 1
	MaxPixels = 1 << 24

	lifting    = 384                // of the code of the payload
	blockBytes = 22 * lifting / 8   // payload of a code word
	codeBits   = (68 - 2) * lifting // longest code word; a longer block repeats it
	checkBytes = 4                  // CRC-32 behind the payload
)

// symbolBit is one bit of one coefficient's symbol.
type symbolBit struct {
	coefficient, shift uint8
}

// layout is where the bits of a carrier are: the stream has one bit of all blocks after the other, and code bit i of code word c is bit spread[i] *
// words + c of it.
type layout struct {
	width, height int // pixels
	across, down  int // whole blocks
	blocks        int
	scheme        *scheme
	bits          []symbolBit
}

func newLayout(width, height int, s *scheme) *layout {
	l := &layout{width: width, height: height, across: width / 8, down: height / 8, scheme: s}
	l.blocks = l.across * l.down
	for k, n := range s.bits {
		for i := range n {
			l.bits = append(l.bits, symbolBit{uint8(k), n - 1 - i})
		}
	}
	return l
}

// stream returns the number of bits of the carrier.
func (l *layout) stream() int { return len(l.bits) * l.blocks }

// position returns where symbol bit bit of block order[n] is in the stream. Each bit begins at another block, so that a code word has its bits from
// all of them where the number of words divides that of blocks.
func (l *layout) position(bit, n int) int {
	n -= bit
	if n < 0 {
		n += l.blocks // which are more than the bits of one
	}
	return bit*l.blocks + n
}

// capacity returns the largest payload in bytes.
func (l *layout) capacity() int { return max(0, l.stream()/l.scheme.minLength*blockBytes-checkBytes) }

// words returns the number of code words of a payload, and the length of each.
func (l *layout) words(payload int) (words, length int) {
	words = (payload + checkBytes + blockBytes - 1) / blockBytes
	return words, l.stream() / words
}

func (l *layout) order() []int32 { return permutation(seedBlocks, l.blocks) }

// level returns the level of a symbol of the reflected binary code.
func level(symbol int32) int32 {
	for s := symbol >> 1; s > 0; s >>= 1 {
		symbol ^= s
	}
	return symbol
}

var code = func() ldpc.Code {
	c, err := ldpc.New(lifting)
	if err != nil {
		panic(err)
	}
	return c
}()
