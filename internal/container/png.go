package container

import (
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"hash/crc32"
)

// The case of each letter means, in order: ancillary, private, of this version of
// PNG, and unsafe to copy, so that an editor that changes the pixels removes the chunk.
const chunkName = "enCR"

const (
	signature  = "\x89PNG\r\n\x1a\n"
	truecolour = 2

	// maxChunk is PNG's own bound on the length of a chunk.
	maxChunk = 1<<31 - 1

	// storedBlock is the longest stored block of Deflate.
	storedBlock = 1<<16 - 1
)

// ihdr is the content of a PNG's first chunk, without the interlace method, which
// does not change samples.
type ihdr struct {
	width, height uint32
	depth, colour byte
}

func (i ihdr) String() string {
	return fmt.Sprintf("%d x %d of colour type %d with %d bits", i.width, i.height, i.colour, i.depth)
}

// findChunk returns the payload of a PNG's only chunk enCR, whose checksum it
// verifies, the declared shape, and the total length of all IDAT chunks. It allocates
// nothing.
func findChunk(file []byte) (payload []byte, shape ihdr, idat int64, err error) {
	if len(file) < len(signature) || string(file[:len(signature)]) != signature {
		return nil, ihdr{}, 0, fmt.Errorf("%w: it is not a PNG", ErrNotCipher)
	}
	// A file that is damaged before the chunk may never have been a cipher image.
	broken := func(what string) error {
		if payload == nil {
			return fmt.Errorf("%w: it is a PNG that %s", ErrNotCipher, what)
		}
		return fmt.Errorf("%w: it %s", ErrChanged, what)
	}
	first := true
	for rest := file[len(signature):]; ; first = false {
		if len(rest) < 12 {
			return nil, ihdr{}, 0, broken("was cut short")
		}
		n := binary.BigEndian.Uint32(rest)
		if n > maxChunk || int64(n) > int64(len(rest)-12) {
			return nil, ihdr{}, 0, broken("was cut short or damaged")
		}
		name, data := string(rest[4:8]), rest[8:8+n]
		sum := binary.BigEndian.Uint32(rest[8+n:])
		intact := sum == crc32.ChecksumIEEE(rest[4:8+n])
		rest = rest[12+n:]

		switch {
		case first:
			if name != "IHDR" || n != 13 {
				return nil, ihdr{}, 0, broken("does not begin with its header")
			}
			shape = ihdr{binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:]), data[8], data[9]}
		case name == chunkName && payload != nil:
			return nil, ihdr{}, 0, fmt.Errorf("%w: it has two chunks %s", ErrChanged, chunkName)
		case name == chunkName && !intact:
			return nil, ihdr{}, 0, fmt.Errorf("%w: the checksum of its chunk %s is wrong", ErrChanged, chunkName)
		case name == chunkName:
			payload = data[:n:n]
		case name == "IEND" && payload == nil:
			return nil, ihdr{}, 0, fmt.Errorf("%w: it is a PNG without the chunk %s; messengers, photo sites and editors remove it when they recompress or change a picture", ErrNotCipher, chunkName)
		case name == "IEND":
			return payload, shape, idat, nil
		case name == "IDAT":
			idat += int64(n)
		}
	}
}

// writePNG returns a PNG with IHDR, the private chunk, one IDAT with stored blocks, and
// IEND. The blocks are stored because noise cannot be compressed. No library writes them
// because the bytes of a file for a given key, nonce and picture are part of the
// format.
func writePNG(height, width int, private, pixels []byte) ([]byte, error) {
	line := 1 + 3*width
	raw := line * height
	blocks := (raw + storedBlock - 1) / storedBlock
	idat := 2 + 5*blocks + raw + 4
	if idat > maxChunk || len(private) > maxChunk {
		return nil, fmt.Errorf("%w: %d x %d pixels do not fit into one PNG chunk", ErrTooLarge, width, height)
	}
	b := make([]byte, 0, len(signature)+12*4+13+len(private)+idat)
	b = append(b, signature...)

	b, start := beginChunk(b, "IHDR", 13)
	b = binary.BigEndian.AppendUint32(b, uint32(width))
	b = binary.BigEndian.AppendUint32(b, uint32(height))
	b = append(b, 8, truecolour, 0, 0, 0)
	b = endChunk(b, start)

	b, start = beginChunk(b, chunkName, len(private))
	b = append(b, private...)
	b = endChunk(b, start)

	b, start = beginChunk(b, "IDAT", idat)
	b = append(b, 0x78, 0x01) // zlib: window of 32 KiB, fastest
	sum := adler32.New()
	written := 0
	put := func(p []byte) { // appends to the current block and starts new ones
		sum.Write(p)
		for len(p) > 0 {
			at := written % storedBlock
			if at == 0 {
				n := min(storedBlock, raw-written)
				var final byte
				if written+n == raw {
					final = 1
				}
				b = append(b, final)
				b = binary.LittleEndian.AppendUint16(b, uint16(n))
				b = binary.LittleEndian.AppendUint16(b, ^uint16(n))
			}
			n := min(len(p), storedBlock-at)
			b = append(b, p[:n]...)
			written += n
			p = p[n:]
		}
	}
	for y := range height {
		put([]byte{0}) // no filter
		put(pixels[3*width*y : 3*width*(y+1)])
	}
	b = binary.BigEndian.AppendUint32(b, sum.Sum32())
	b = endChunk(b, start)

	b, start = beginChunk(b, "IEND", 0)
	return endChunk(b, start), nil
}

func beginChunk(b []byte, name string, length int) (_ []byte, start int) {
	b = binary.BigEndian.AppendUint32(b, uint32(length))
	return append(b, name...), len(b)
}

func endChunk(b []byte, start int) []byte {
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[start:]))
}
