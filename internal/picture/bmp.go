package picture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
)

// This file implements BMP, since the available Go decoders support neither OS/2's
// headers nor masks, and decode files whose header declares no alpha as transparent.
// Sources: Microsoft's documentation of BITMAPFILEHEADER to BITMAPV5HEADER, OS/2's
// of BITMAPINFOHEADER2, and the behaviour of Chromium for what these leave open.

// bmpMagic requires reserved bytes of 0 in the file header, or, with other reserved
// bytes, one of the usual sizes of the second header.
var bmpMagic = []string{"BM????\x00\x00\x00\x00", "BM????????????\x0c\x00\x00\x00", "BM????????????\x28\x00\x00\x00", "BM????????????\x40\x00\x00\x00",
	"BM????????????\x6c\x00\x00\x00", "BM????????????\x7c\x00\x00\x00"}

// bmpHeader describes how a BMP file stores its pixels.
type bmpHeader struct {
	width, height int
	topDown       bool
	bits          int // per pixel
	runs          bool
	masks         [4]uint32 // of red, green, blue and alpha, for pixels of 16 or 32 bits
	opaque        bool      // alpha that is 0 everywhere means opaque
	palette       [][3]byte // red, green, blue
	data          []byte    // pixels
}

func bmpSize(file []byte) (width, height int, err error) {
	h, err := readBMPHeader(file)
	if err != nil {
		return 0, 0, err
	}
	return h.width, h.height, nil
}

func readBMPHeader(file []byte) (*bmpHeader, error) {
	const fileHeader, core, info, v2, v3, os2 = 14, 12, 40, 52, 56, 64
	const rgb, rle8, rle4, bitFields, jpegInside, pngInside, alphaFields = 0, 1, 2, 3, 4, 5, 6
	o := binary.LittleEndian
	if len(file) < fileHeader+4 {
		return nil, io.ErrUnexpectedEOF
	}
	offset, size := int64(o.Uint32(file[10:])), int64(o.Uint32(file[fileHeader:]))
	if size < core || size > 1<<10 {
		return nil, fmt.Errorf("its header has %d bytes", size)
	}
	if int64(len(file)) < fileHeader+size {
		return nil, io.ErrUnexpectedEOF
	}
	// Fields missing from a short header are 0.
	head := make([]byte, max(size, 124))
	copy(head, file[fileHeader:fileHeader+size])
	behind := fileHeader + size
	h := &bmpHeader{}
	var compression, used uint32
	var planes uint16
	entry := int64(4)
	if size == core {
		h.width, h.height = int(o.Uint16(head[4:])), int(o.Uint16(head[6:]))
		planes, h.bits = o.Uint16(head[8:]), int(o.Uint16(head[10:]))
		entry = 3
	} else {
		h.width, h.height = int(int32(o.Uint32(head[4:]))), int(int32(o.Uint32(head[8:])))
		planes, h.bits = o.Uint16(head[12:]), int(o.Uint16(head[14:]))
		compression, used = o.Uint32(head[16:]), o.Uint32(head[32:])
	}
	if h.height < 0 && h.height != math.MinInt32 {
		h.height, h.topDown = -h.height, true
	}
	if h.width <= 0 || h.height <= 0 || planes != 1 {
		return nil, fmt.Errorf("it declares %d x %d pixels in %d planes", h.width, h.height, planes)
	}

	variant := fmt.Sprintf("BMP of %d bits a pixel with compression %d", h.bits, compression)
	isOS2 := size <= os2 && size != info && size != v2 && size != v3
	switch {
	case compression == jpegInside && !isOS2:
		return nil, unsupported("BMP with JPEG inside")
	case compression == pngInside && !isOS2:
		return nil, unsupported("BMP with PNG inside")
	case isOS2 && compression == bitFields:
		return nil, unsupported("BMP with OS/2 Huffman coding")
	case isOS2 && compression > bitFields:
		return nil, unsupported("BMP with OS/2 run-length coding of 24 bits")
	case compression == rgb:
	case compression == rle8 && h.bits == 8, compression == rle4 && h.bits == 4:
		h.runs = true
		if h.topDown {
			return nil, errors.New("its rows are compressed and run from the top, which BMP does not allow")
		}
	case (compression == bitFields || compression == alphaFields) && (h.bits == 16 || h.bits == 32):
	default:
		return nil, unsupported(variant)
	}

	switch h.bits {
	case 1, 2, 4, 8:
		n := int64(1) << h.bits
		if used > 0 && int64(used) < n {
			n = int64(used)
		}
		if offset > behind { // a palette shorter than declared ends where the pixels begin
			n = min(n, (offset-behind)/entry)
		}
		if int64(len(file)) < behind+n*entry {
			return nil, io.ErrUnexpectedEOF
		}
		for i := range n {
			c := file[behind+i*entry:]
			h.palette = append(h.palette, [3]byte{c[2], c[1], c[0]})
		}
		behind += n * entry
	case 16:
		h.masks = [4]uint32{0x7c00, 0x03e0, 0x001f}
	case 24:
	case 32:
		h.masks = [4]uint32{0xff0000, 0xff00, 0xff}
		if size >= v3 && !isOS2 {
			h.masks[3] = o.Uint32(head[52:])
			h.opaque = true
		}
	default:
		return nil, unsupported(variant)
	}
	if compression == bitFields || compression == alphaFields {
		masks := head[40:56]
		if size < v2 { // the masks follow the header
			n := int64(12)
			if compression == alphaFields {
				n = 16
			}
			if int64(len(file)) < behind+n {
				return nil, io.ErrUnexpectedEOF
			}
			masks = make([]byte, 16)
			copy(masks, file[behind:behind+n])
			behind += n
		}
		for i := range h.masks {
			h.masks[i] = o.Uint32(masks[4*i:])
		}
		h.opaque = false
	}
	var all uint32
	for i, m := range h.masks {
		low := bits.TrailingZeros32(m)
		if m&all != 0 || m != 0 && (m>>low)&(m>>low+1) != 0 || (h.bits == 16 || h.bits == 32) && i < 3 && m == 0 || h.bits == 16 && m > 0xffff {
			return nil, errors.New("its colour masks are invalid")
		}
		all |= m
	}
	if offset == 0 {
		offset = behind
	}
	if offset < fileHeader+size {
		return nil, errors.New("its pixels overlap its header")
	}
	if offset > int64(len(file)) {
		return nil, io.ErrUnexpectedEOF
	}
	h.data = file[offset:]
	return h, nil
}

func decodeBMP(file []byte) (*Picture, error) {
	h, err := readBMPHeader(file)
	if err != nil {
		return nil, err
	}
	switch {
	case h.runs:
		return h.decodeRuns()
	case int64(len(h.data)) < h.stride()*int64(h.height):
		return nil, io.ErrUnexpectedEOF
	case h.palette != nil:
		return h.decodePalette()
	}
	return h.decodeColours(), nil
}

// stride returns the number of bytes of a row.
func (h *bmpHeader) stride() int64 { return (int64(h.width)*int64(h.bits) + 31) / 32 * 4 }

// row returns the stored row y, counted from the top.
func (h *bmpHeader) row(y int) []byte {
	if !h.topDown {
		y = h.height - 1 - y
	}
	return h.data[int64(y)*h.stride():][:h.stride()]
}

func (h *bmpHeader) decodePalette() (*Picture, error) {
	p := New(h.height, h.width)
	for y := range h.height {
		row := h.row(y)
		for x := range h.width {
			at := x * h.bits
			index := row[at/8] >> (8 - h.bits - at%8) & (1<<h.bits - 1)
			if err := h.colour(p, y*h.width+x, index); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

// colour sets pixel i to a colour of the palette.
func (h *bmpHeader) colour(p *Picture, i int, index byte) error {
	if int(index) >= len(h.palette) {
		return fmt.Errorf("its palette has %d colours, and a pixel has colour %d", len(h.palette), index)
	}
	copy(p.RGB[3*i:], h.palette[index][:])
	return nil
}

// decodeColours decodes pixels of 16, 24 and 32 bits.
func (h *bmpHeader) decodeColours() *Picture {
	p := New(h.height, h.width)
	full := uint64(255)
	for _, m := range h.masks {
		if bits.OnesCount32(m) > 8 {
			full = 65535
		}
	}
	if h.masks[3] != 0 {
		p.Alpha = make([]byte, h.height*h.width)
	}
	if full > 255 {
		p.LowBytes = make([]byte, h.height*h.width*p.Channels())
	}
	var shift, highest [4]uint64
	for c, m := range h.masks {
		shift[c] = uint64(bits.TrailingZeros32(m))
		highest[c] = uint64(m) >> shift[c]
	}
	scale := func(v uint32, c int) uint32 {
		return uint32((uint64(v&h.masks[c])>>shift[c]*full + highest[c]/2) / highest[c])
	}
	visible := false
	for y := range h.height {
		row := h.row(y)
		for x := range h.width {
			i := y*h.width + x
			var v uint32
			switch h.bits {
			case 16:
				v = uint32(binary.LittleEndian.Uint16(row[2*x:]))
			case 24:
				p.RGB[3*i], p.RGB[3*i+1], p.RGB[3*i+2] = row[3*x+2], row[3*x+1], row[3*x]
				continue
			case 32:
				v = binary.LittleEndian.Uint32(row[4*x:])
			}
			a := uint32(full)
			if p.Alpha != nil {
				a = scale(v, 3)
				visible = visible || a != 0
			}
			p.set(i, scale(v, 0), scale(v, 1), scale(v, 2), a)
		}
	}
	if h.opaque && !visible { // many writers leave the byte 0; Chromium treats these pictures as opaque, too
		for i := range p.Alpha {
			p.Alpha[i] = 255
			if p.LowBytes != nil {
				p.LowBytes[4*i+3] = 255
			}
		}
	}
	p.trim(false)
	return p
}

// decodeRuns decodes RLE8 and RLE4. Skipped pixels have colour 0.
func (h *bmpHeader) decodeRuns() (*Picture, error) {
	const endOfLine, endOfPicture, delta = 0, 1, 2
	p := New(h.height, h.width)
	for i := range h.width * h.height {
		if err := h.colour(p, i, 0); err != nil {
			return nil, err
		}
	}
	x, y := 0, 0 // y counts from the bottom
	// put sets n pixels from the indices in b, which it repeats as needed.
	put := func(n int, b []byte) error {
		if y >= h.height {
			return errors.New("its runs extend beyond the picture")
		}
		for i := range min(n, h.width-x) { // writers pad rows; readers ignore the excess

			index := b[i*h.bits/8%len(b)]
			if h.bits == 4 {
				index = index >> (4 - i%2*4) & 15
			}
			if err := h.colour(p, (h.height-1-y)*h.width+x, index); err != nil {
				return err
			}
			x++
		}
		return nil
	}
	for b := h.data; ; {
		if len(b) < 2 {
			if y >= h.height || y == h.height-1 && x == h.width { // all pixels are there
				return p, nil
			}
			return nil, io.ErrUnexpectedEOF
		}
		n, code := int(b[0]), int(b[1])
		if n > 0 {
			if err := put(n, b[1:2]); err != nil {
				return nil, err
			}
			b = b[2:]
			continue
		}
		b = b[2:]
		switch code {
		case endOfLine:
			x, y = 0, y+1
		case endOfPicture:
			return p, nil
		case delta:
			if len(b) < 2 {
				return nil, io.ErrUnexpectedEOF
			}
			x, y = x+int(b[0]), y+int(b[1])
			if x > h.width || y > h.height {
				return nil, errors.New("its runs extend beyond the picture")
			}
			b = b[2:]
		default: // literal pixels, padded to an even number of bytes
			bytes := (code*h.bits + 7) / 8
			if len(b) < bytes {
				return nil, io.ErrUnexpectedEOF
			}
			if err := put(code, b[:bytes]); err != nil {
				return nil, err
			}
			b = b[min(bytes+bytes%2, len(b)):]
		}
	}
}
