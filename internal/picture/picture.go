// Package picture turns picture files into samples and back: it decodes PNG,
// JPEG, GIF, BMP, TIFF and WebP within limits, applies the EXIF orientation,
// cuts a picture into tiles as a model wants them, and encodes PNG.
//
// Main path: Decode gives a Picture; Tiling.Plan lays tiles over it; Extract and
// Insert move one tile; Crop removes the padding; PNG writes the result.
package picture

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"image"
	"image/png"
)

// Picture is a colour picture of 8 bits a sample.
type Picture struct {
	Width, Height int    // pixels, at least 1 each
	RGB           []byte // (Height, Width, 3) interleaved

	// Notes says, one sentence each, what decoding did not keep, for example
	// transparency. Nil where nothing was lost.
	Notes []string
}

// New makes a black picture.
func New(height, width int) *Picture {
	return &Picture{Width: width, Height: height, RGB: make([]byte, 3*height*width)}
}

// Crop copies the top left corner of the given size.
func (p *Picture) Crop(height, width int) *Picture {
	c := New(height, width)
	for y := range height {
		copy(c.RGB[3*width*y:3*width*(y+1)], p.RGB[3*p.Width*y:])
	}
	return c
}

// PNG encodes the picture, losslessly, as truecolour of 8 bits without metadata.
func (p *Picture) PNG() ([]byte, error) {
	m := image.NewRGBA(image.Rect(0, 0, p.Width, p.Height))
	for i, j := 0, 0; j < len(m.Pix); i, j = i+3, j+4 {
		m.Pix[j], m.Pix[j+1], m.Pix[j+2], m.Pix[j+3] = p.RGB[i], p.RGB[i+1], p.RGB[i+2], 255
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		return nil, fmt.Errorf("cannot encode the picture as PNG: %w", err)
	}
	return b.Bytes(), nil
}

// Digest identifies the samples of a picture: the SHA-256 that docs/format.md
// defines. It says nothing of a file that held them.
func (p *Picture) Digest() [sha256.Size]byte {
	h := sha256.New()
	head := binary.BigEndian.AppendUint32([]byte("encipher picture 1"), uint32(p.Width))
	head = binary.BigEndian.AppendUint32(head, uint32(p.Height))
	h.Write(append(head, 3, 1)) // samples a pixel, bytes a sample
	h.Write(p.RGB)
	return [sha256.Size]byte(h.Sum(nil))
}
