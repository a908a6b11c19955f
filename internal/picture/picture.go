// Package picture turns picture files into samples and back: it decodes PNG,
// JPEG, GIF, BMP, TIFF and WebP within limits, applies the EXIF orientation,
// keeps alpha, 16 bits, EXIF and colour profile, cuts a picture into tiles as a
// model wants them, and encodes PNG.
//
// Main path: Decode gives a Picture; Tiling.Plan lays tiles over it; Extract and
// Insert move one tile; Crop removes the padding; PNG writes the result, JPEG with a loss.
package picture

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
)

// Picture is a picture whose colours are what generators work on. The other
// samples go beside them.
type Picture struct {
	Width, Height int    // pixels, at least 1 each
	RGB           []byte // (Height, Width, 3) interleaved, not premultiplied; of 16 bits the high bytes

	Gray  bool   // red, green and blue are equal everywhere, and alpha is nil
	Alpha []byte // (Height, Width), of 16 bits the high bytes; nil: opaque
	Low   []byte // (Height, Width, Channels), the low bytes of 16 bits; nil: 8 bits
	EXIF  []byte // as a TIFF file, its orientation 1; nil: none
	ICC   []byte // colour profile; nil: none

	// Chunks are further chunks of a PNG that say what the picture's numbers mean and
	// what it shows, as package pngchunk checks them; nil: none.
	Chunks []byte

	// Notes says, one sentence each, what decoding did not keep, for example
	// the frames of an animation. Nil where nothing was lost.
	Notes        []string
	samplesNotes int // the first of Notes, which are not about metadata
}

// New makes a black picture.
func New(height, width int) *Picture {
	return &Picture{Width: width, Height: height, RGB: make([]byte, 3*height*width)}
}

// Channels is the number of samples that a pixel has as a file: 1 for gray, 3
// for colour, 4 with alpha.
func (p *Picture) Channels() int {
	switch {
	case p.Gray:
		return 1
	case p.Alpha != nil:
		return 4
	}
	return 3
}

// Crop copies the colours of the top left corner of the given size.
func (p *Picture) Crop(height, width int) *Picture {
	c := New(height, width)
	for y := range height {
		copy(c.RGB[3*width*y:3*width*(y+1)], p.RGB[3*p.Width*y:])
	}
	return c
}

// appendPixel appends the high bytes of a pixel's channels.
func (p *Picture) appendPixel(b []byte, i int) []byte {
	switch {
	case p.Gray:
		return append(b, p.RGB[3*i])
	case p.Alpha != nil:
		return append(b, p.RGB[3*i], p.RGB[3*i+1], p.RGB[3*i+2], p.Alpha[i])
	}
	return append(b, p.RGB[3*i], p.RGB[3*i+1], p.RGB[3*i+2])
}

// appendRow appends one row of samples as PNG has them: channels interleaved, 16
// bits with the high byte first.
func (p *Picture) appendRow(b []byte, y int) []byte {
	var pixel [4]byte
	for i := y * p.Width; i < (y+1)*p.Width; i++ {
		if p.Low == nil {
			b = p.appendPixel(b, i)
			continue
		}
		for c, high := range p.appendPixel(pixel[:0], i) {
			b = append(b, high, p.Low[i*p.Channels()+c])
		}
	}
	return b
}

// depth is the number of bytes of a sample.
func (p *Picture) depth() int {
	if p.Low != nil {
		return 2
	}
	return 1
}

// Digest identifies the samples of a picture: the SHA-256 that docs/format.md
// defines. It says nothing of the file that held them, nor of EXIF, profile and chunks.
func (p *Picture) Digest() [sha256.Size]byte {
	h := sha256.New()
	head := binary.BigEndian.AppendUint32([]byte("encipher picture 1"), uint32(p.Width))
	head = binary.BigEndian.AppendUint32(head, uint32(p.Height))
	h.Write(append(head, byte(p.Channels()), byte(p.depth())))
	var row []byte
	for y := range p.Height {
		row = p.appendRow(row[:0], y)
		h.Write(row)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// PNG encodes the picture with all its parts, losslessly: as gray, colour or
// colour with alpha, of 8 or 16 bits.
func (p *Picture) PNG() ([]byte, error) {
	bounds := image.Rect(0, 0, p.Width, p.Height)
	var m image.Image
	var pixels []byte
	switch {
	case p.Gray && p.Low != nil:
		g := image.NewGray16(bounds)
		m, pixels = g, g.Pix
	case p.Gray:
		g := image.NewGray(bounds)
		m, pixels = g, g.Pix
	case p.Low != nil:
		c := image.NewNRGBA64(bounds)
		m, pixels = c, c.Pix
	default:
		c := image.NewNRGBA(bounds)
		m, pixels = c, c.Pix
	}
	// The images have the layout of appendRow, but always an alpha beside colours.
	row := p.Width * p.depth() * p.Channels()
	opaque := p.Channels() == 3
	var b []byte
	for y := range p.Height {
		if !opaque {
			p.appendRow(pixels[y*row:y*row], y)
			continue
		}
		b = p.appendRow(b[:0], y)
		n := 3 * p.depth()
		for x := range p.Width {
			at := pixels[(y*p.Width+x)*4*p.depth():][:4*p.depth()]
			copy(at, b[x*n:][:n])
			for i := n; i < len(at); i++ {
				at[i] = 255
			}
		}
	}
	var file bytes.Buffer
	if err := png.Encode(&file, m); err != nil {
		return nil, fmt.Errorf("cannot encode the picture as PNG: %w", err)
	}
	return p.withMetadata(file.Bytes()), nil
}

// OnWhite is the picture as 8-bit colours alone, transparent parts put on white.
// Its Notes say what that loses beyond what decoding did. A picture that has
// nothing else is given back itself.
func (p *Picture) OnWhite() *Picture {
	if p.Alpha == nil && p.Low == nil && p.EXIF == nil && p.ICC == nil && p.Chunks == nil {
		return p
	}
	flat := &Picture{Width: p.Width, Height: p.Height, RGB: p.RGB, Notes: p.Notes}
	lost := func(note string) { flat.Notes = append(flat.Notes[:len(flat.Notes):len(flat.Notes)], note) }
	if p.Alpha != nil {
		lost(noteAlpha)
		flat.RGB = bytes.Clone(p.RGB)
		for i, v := range flat.RGB {
			flat.RGB[i] = onWhite(v, p.Alpha[i/3])
		}
	}
	if p.Low != nil {
		lost(noteSixteen)
	}
	if p.EXIF != nil || p.ICC != nil || p.Chunks != nil {
		lost(noteMetadata)
	}
	return flat
}

// JPEG encodes the picture's colours with a loss, in quality 95 of 100, without
// metadata.
func (p *Picture) JPEG() ([]byte, error) {
	m := image.NewNRGBA(image.Rect(0, 0, p.Width, p.Height))
	rgb := p.OnWhite().RGB
	for i, j := 0, 0; j < len(m.Pix); i, j = i+3, j+4 {
		m.Pix[j], m.Pix[j+1], m.Pix[j+2], m.Pix[j+3] = rgb[i], rgb[i+1], rgb[i+2], 255
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		return nil, fmt.Errorf("cannot encode the picture as JPEG: %w", err)
	}
	return b.Bytes(), nil
}

const (
	noteAlpha    = "transparent parts were put on white"
	noteSixteen  = "16 bits a sample were reduced to 8"
	noteMetadata = "the metadata and the colour profile were not kept"
)

// onWhite blends a sample, not premultiplied, with white.
func onWhite(v, a uint8) uint8 {
	return uint8((uint32(v)*uint32(a) + 255*(255-uint32(a)) + 127) / 255)
}
