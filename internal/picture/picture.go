// Package picture converts picture files to samples and back. It decodes PNG,
// JPEG, GIF, BMP, TIFF and WebP within limits, applies the EXIF orientation,
// preserves alpha, 16-bit samples, EXIF data and the colour profile, cuts a picture
// into the tiles that a model requires, and encodes PNG.
//
// Main path: Decode returns a Picture; Tiling.Plan lays tiles over it; Extract and
// Insert copy one tile; Crop removes the padding; PNG encodes the result, and JPEG
// encodes it with loss.
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

// Picture is a decoded picture. The generators process RGB; the other samples and
// the metadata are stored separately.
type Picture struct {
	Width, Height int    // pixels, at least 1 each
	RGB           []byte // (Height, Width, 3) interleaved, not premultiplied; high bytes of 16-bit samples

	Gray     bool   // red, green and blue are equal everywhere, and alpha is nil
	Alpha    []byte // (Height, Width), high bytes of 16-bit samples; nil: opaque
	LowBytes []byte // (Height, Width, Channels), low bytes of 16-bit samples; nil: 8 bits
	EXIF     []byte // in TIFF format, with orientation 1; nil: none
	ICC      []byte // colour profile; nil: none

	// Chunks are further PNG chunks that describe the samples and the content of the
	// picture, checked by package pngchunk; nil: none.
	Chunks []byte

	// Notes lists what decoding lost, for example the frames of an animation, one
	// sentence each. It is nil if nothing was lost.
	Notes        []string
	samplesNotes int // number of leading Notes that are not about metadata
}

// New returns a black picture.
func New(height, width int) *Picture {
	return &Picture{Width: width, Height: height, RGB: make([]byte, 3*height*width)}
}

// Channels returns the number of samples per pixel in a file: 1 for gray, 3
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

// Crop returns a copy of the colours in the top left corner of the given size.
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

// appendRow appends one row of samples in the layout of PNG: channels interleaved,
// the high byte of 16-bit samples first.
func (p *Picture) appendRow(b []byte, y int) []byte {
	var pixel [4]byte
	for i := y * p.Width; i < (y+1)*p.Width; i++ {
		if p.LowBytes == nil {
			b = p.appendPixel(b, i)
			continue
		}
		for c, high := range p.appendPixel(pixel[:0], i) {
			b = append(b, high, p.LowBytes[i*p.Channels()+c])
		}
	}
	return b
}

// depth returns the number of bytes of a sample.
func (p *Picture) depth() int {
	if p.LowBytes != nil {
		return 2
	}
	return 1
}

// Digest returns the SHA-256 that identifies the samples of a picture, as docs/format.md
// defines it. The digest does not cover the original file, EXIF, ICC and Chunks.
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

// PNG encodes the picture and its metadata without loss: as gray, colour or
// colour with alpha, with 8 or 16 bits a sample.
func (p *Picture) PNG() ([]byte, error) { return p.encodePNG(png.DefaultCompression) }

// StoredPNG is PNG without compression, for files that are shown at once: it takes a
// small part of the time.
func (p *Picture) StoredPNG() ([]byte, error) { return p.encodePNG(png.NoCompression) }

func (p *Picture) encodePNG(level png.CompressionLevel) ([]byte, error) {
	bounds := image.Rect(0, 0, p.Width, p.Height)
	var m image.Image
	var pixels []byte
	switch {
	case p.Gray && p.LowBytes != nil:
		g := image.NewGray16(bounds)
		m, pixels = g, g.Pix
	case p.Gray:
		g := image.NewGray(bounds)
		m, pixels = g, g.Pix
	case p.LowBytes != nil:
		c := image.NewNRGBA64(bounds)
		m, pixels = c, c.Pix
	default:
		c := image.NewNRGBA(bounds)
		m, pixels = c, c.Pix
	}
	// The images have the layout of appendRow, except that colours always have alpha.
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
	if err := (&png.Encoder{CompressionLevel: level}).Encode(&file, m); err != nil {
		return nil, fmt.Errorf("cannot encode the picture as PNG: %w", err)
	}
	return p.withMetadata(file.Bytes()), nil
}

// OnWhite returns the picture as 8-bit colours only, with transparent parts blended
// with white. The result's Notes list these losses after those of decoding. A picture
// that has only 8-bit colours is returned itself.
func (p *Picture) OnWhite() *Picture {
	if p.Alpha == nil && p.LowBytes == nil && p.EXIF == nil && p.ICC == nil && p.Chunks == nil {
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
	if p.LowBytes != nil {
		lost(noteSixteen)
	}
	if p.EXIF != nil || p.ICC != nil || p.Chunks != nil {
		lost(noteMetadata)
	}
	return flat
}

// JPEG encodes the picture, on white, with loss at quality 95 of 100, without
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
	noteAlpha    = "transparent parts were blended with white"
	noteSixteen  = "16-bit samples were reduced to 8 bits"
	noteMetadata = "the metadata and the colour profile were left out"
)

// onWhite blends a sample that is not premultiplied with white.
func onWhite(v, a uint8) uint8 {
	return uint8((uint32(v)*uint32(a) + 255*(255-uint32(a)) + 127) / 255)
}
