package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/image/webp"
)

// animatedWebP is the first frame of an animated WebP file
// (https://developers.google.com/speed/webp/docs/riff_container#animation).
// Package x/image/webp does not read such files.
type animatedWebP struct {
	width, height           int // of the canvas
	x, y                    int // position of the frame on the canvas
	frameWidth, frameHeight int
	chunks                  []byte // of the frame's picture
	more                    bool   // further frames follow
}

// animation reads the first frame of an animated WebP file. It returns nil for a still
// picture.
func animation(file []byte) (*animatedWebP, error) {
	const header, animated = 12 + 8, 2
	if len(file) < header+10 || string(file[12:16]) != "VP8X" || file[header]&animated == 0 {
		return nil, nil
	}
	uint24 := func(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
	a := &animatedWebP{width: uint24(file[header+4:]) + 1, height: uint24(file[header+7:]) + 1}
	for rest := file[12:]; ; {
		name, data, behind, err := webpChunk(rest)
		if err != nil {
			if a.chunks != nil { // the first frame is complete
				return a, nil
			}
			return nil, err
		}
		rest = behind
		if name != "ANMF" {
			continue
		}
		if a.chunks != nil {
			a.more = true
			return a, nil
		}
		const frameHeader = 16
		if len(data) < frameHeader {
			return nil, io.ErrUnexpectedEOF
		}
		a.x, a.y = 2*uint24(data), 2*uint24(data[3:])
		a.frameWidth, a.frameHeight = uint24(data[6:])+1, uint24(data[9:])+1
		if a.x+a.frameWidth > a.width || a.y+a.frameHeight > a.height {
			return nil, errors.New("a frame extends beyond the canvas")
		}
		a.chunks = data[frameHeader:]
	}
}

// webpChunk returns the first of the WebP chunks in b, and the rest of b.
func webpChunk(b []byte) (name string, data, rest []byte, err error) {
	if len(b) < 8 {
		return "", nil, nil, io.ErrUnexpectedEOF
	}
	n := int64(binary.LittleEndian.Uint32(b[4:]))
	if n > int64(len(b)-8) {
		return "", nil, nil, io.ErrUnexpectedEOF
	}
	return string(b[:4]), b[8 : 8+n], b[min(8+n+n%2, int64(len(b))):], nil
}

func webpSize(file []byte) (width, height int, err error) {
	a, err := animation(file)
	if err != nil {
		return 0, 0, err
	}
	if a != nil {
		return a.width, a.height, nil
	}
	return sizeBy(webp.DecodeConfig)(file)
}

// decodeWebP decodes a still picture, or the first frame of an animation. It puts the
// frame on a transparent canvas, as browsers do.
func decodeWebP(file []byte) (*Picture, error) {
	a, err := animation(file)
	if err != nil {
		return nil, err
	}
	if a == nil {
		m, err := webp.Decode(bytes.NewReader(file))
		if err != nil {
			return nil, err
		}
		return convert(m, true), nil
	}
	still, err := a.still()
	if err != nil {
		return nil, err
	}
	m, err := webp.Decode(bytes.NewReader(still))
	if err != nil {
		return nil, err
	}
	p := convert(m, true)
	if p.Width != a.frameWidth || p.Height != a.frameHeight {
		return nil, fmt.Errorf("a frame declares %d x %d pixels, but holds %d x %d", a.frameWidth, a.frameHeight, p.Width, p.Height)
	}
	if p.Width != a.width || p.Height != a.height {
		p = p.onCanvas(a.height, a.width, a.y, a.x)
	}
	if a.more {
		p.Notes = append(p.Notes, noteFrames)
	}
	return p, nil
}

// still returns a WebP file that holds only the frame.
func (a *animatedWebP) still() ([]byte, error) {
	const hasAlpha = 1 << 4
	var chunks []byte
	extended := []byte("VP8X\x0a\x00\x00\x00\x00\x00\x00\x00")
	for _, n := range []int{a.frameWidth - 1, a.frameHeight - 1} {
		extended = append(extended, byte(n), byte(n>>8), byte(n>>16))
	}
	for rest := a.chunks; len(rest) > 0; {
		name, data, behind, err := webpChunk(rest)
		if err != nil {
			return nil, err
		}
		switch name {
		case "ALPH":
			extended[8] = hasAlpha
			fallthrough
		case "VP8 ", "VP8L":
			chunks = append(chunks, name...)
			chunks = binary.LittleEndian.AppendUint32(chunks, uint32(len(data)))
			chunks = append(append(chunks, data...), make([]byte, len(data)%2)...)
		}
		rest = behind
	}
	all := slices.Concat([]byte("WEBP"), extended, chunks)
	return slices.Concat(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(all))), all), nil
}

// onCanvas returns a transparent picture of the given size with p, of 8 bits, at the
// given position.
func (p *Picture) onCanvas(height, width, top, left int) *Picture {
	c := New(height, width)
	c.Alpha = make([]byte, height*width)
	for y := range p.Height {
		for x := range p.Width {
			from, to := y*p.Width+x, (top+y)*width+left+x
			copy(c.RGB[3*to:], p.RGB[3*from:][:3])
			c.Alpha[to] = 255
			if p.Alpha != nil {
				c.Alpha[to] = p.Alpha[from]
			}
		}
	}
	return c
}
