package picture

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"

	"enciphergan/internal/pngchunk"
)

// Colour types of PNG.
const (
	pngGray      = 0
	pngPalette   = 3
	pngGrayAlpha = 4
)

// significant holds the length of an sBIT chunk, by colour type.
var significant = map[byte]int{pngGray: 1, 2: 3, pngPalette: 3, pngGrayAlpha: 2, 6: 4}

func (a *about) png(file []byte) {
	if len(file) < 33 {
		return
	}
	depth, kind := file[24], file[25]
	var (
		colours  []byte    // palette
		frames   uint32    // number of frames of an animation
		samples  bool      // an IDAT chunk was read
		first    bool      // the still picture is the first frame
		profiles []pngPart // raw profiles with their names
		rest     = file[8:]
	)
	for {
		name, data, next, ok := pngchunk.Next(rest)
		if !ok {
			break
		}
		rest = next
		leave := func() { a.leave("PNG chunk " + printable([]byte(name))) }
		switch name {
		case "IEND":
			a.behind(rest)
			rest = nil
		case "IHDR", "tRNS", "fdAT":
		case "PLTE":
			colours = data
		case "IDAT":
			samples = true
		case "acTL":
			if !samples && len(data) == 8 {
				frames = binary.BigEndian.Uint32(data)
			}
		case "fcTL":
			first = first || !samples
		default:
			switch {
			case name == "eXIf" && a.exif == nil:
				a.exif = data
			case name == "iCCP" && a.icc == nil:
				a.icc = a.inflateProfile(data)
			case name == "sBIT" && a.bits == nil:
				switch {
				case len(data) != significant[kind]:
					leave()
				case kind == pngGray || kind == pngGrayAlpha:
					a.bits = append([]byte{data[0], data[0]}, data...)
				default:
					a.bits = data
				}
			case name == "bKGD" && a.background == nil:
				if a.background = background(data, kind, depth, colours); a.background == nil {
					leave()
				}
			case name == "tEXt" || name == "zTXt" || name == "iTXt":
				c, ok := a.inflatedText(name, data)
				if !ok {
					leave()
					continue
				}
				keyword, words, _ := bytes.Cut(c.data, []byte{0})
				if raw := strings.TrimPrefix(string(keyword), keywordRaw); c.name == "tEXt" && slices.Contains(movable, raw) && len(raw) < len(keyword) {
					if profile := rawProfile(words); profile != nil && len(profiles) < len(movable) {
						profiles = append(profiles, pngPart{raw, profile})
						continue
					} else if profile != nil {
						a.leave(string(keyword))
						continue
					}
				}
				a.take(c.name, c.data)
			case slices.ContainsFunc(a.chunks, func(c pngPart) bool { return c.name == name }):
				leave() // a duplicate
			case slices.Contains(copied, name):
				a.take(name, data)
			default:
				leave()
			}
		}
	}
	for _, raw := range profiles { // PNG's own chunks take precedence
		a.profile(raw.name, raw.data)
	}
	switch {
	case frames > 1 && first:
		a.lost = append(a.lost, noteFrames)
	case frames > 0 && !first:
		a.lost = append(a.lost, noteStill)
	}
}

// copied are the chunks that are copied unchanged to another PNG.
var copied = []string{"cICP", "mDCV", "cLLI", "sRGB", "gAMA", "cHRM", "pHYs", "tIME"}

// movable are the names of raw profiles that PNG has a chunk for.
var movable = []string{"exif", "APP1", "xmp", "icc", "icm"}

// profile stores a raw profile as if it came from PNG's chunk for it.
func (a *about) profile(name string, data []byte) {
	switch isXMP := bytes.HasPrefix(data, []byte(xmpPrefix)); {
	case name == "xmp" || name == "APP1" && isXMP:
		a.xmp(bytes.TrimPrefix(data, []byte(xmpPrefix)))
	case name == "icc" || name == "icm":
		if a.icc == nil {
			a.icc = data
		} else if !bytes.Equal(a.icc, data) {
			a.leave(keywordRaw + name)
		}
	default:
		if data = bytes.TrimPrefix(data, []byte(exifPrefix)); a.exif == nil {
			a.exif = data
		} else if !bytes.Equal(a.exif, data) {
			a.leave(keywordRaw + name)
		}
	}
}

// inflateProfile returns the profile in an iCCP chunk, or invalid data that are not
// empty if it cannot be read.
func (a *about) inflateProfile(chunk []byte) []byte {
	if _, packed, ok := bytes.Cut(chunk, []byte{0}); ok && len(packed) > 1 && packed[0] == 0 {
		if b, ok := a.inflate(packed[1:]); ok {
			return b
		}
	}
	return []byte{0}
}

// inflatedText returns a text chunk without compression: tEXt or iTXt. It is not ok if
// the chunk cannot be read.
func (a *about) inflatedText(name string, data []byte) (c pngPart, ok bool) {
	keyword, rest, ok := bytes.Cut(data, []byte{0})
	switch {
	case name == "tEXt":
		return pngPart{name, data}, ok
	case !ok:
		return c, false
	case name == "zTXt":
		if len(rest) < 1 || rest[0] != 0 {
			return c, false
		}
		words, ok := a.inflate(rest[1:])
		return pngPart{"tEXt", slices.Concat(keyword, []byte{0}, words)}, ok
	}
	if len(rest) < 2 || rest[0] > 1 || rest[1] != 0 {
		return c, false
	}
	compressed := rest[0] == 1
	language, rest, ok := bytes.Cut(rest[2:], []byte{0})
	if !ok {
		return c, false
	}
	translated, words, ok := bytes.Cut(rest, []byte{0})
	if ok && compressed {
		words, ok = a.inflate(words)
	}
	return pngPart{name, slices.Concat(keyword, []byte{0, 0, 0}, language, []byte{0}, translated, []byte{0}, words)}, ok
}

// background returns the colour of a bKGD chunk as red, green and blue, or nil if the
// chunk does not fit the picture.
func background(data []byte, kind, depth byte, palette []byte) []uint16 {
	switch {
	case kind == pngPalette && len(data) == 1 && len(palette) >= 3*int(data[0])+3:
		c := palette[3*int(data[0]):]
		return []uint16{uint16(c[0]), uint16(c[1]), uint16(c[2])}
	case (kind == pngGray || kind == pngGrayAlpha) && len(data) == 2:
		v := binary.BigEndian.Uint16(data)
		if depth < 8 { // scaled to 8 bits like the samples
			v = v & (1<<depth - 1) * (255 / (1<<depth - 1))
		}
		return []uint16{v, v, v}
	case kind != pngPalette && len(data) == 6:
		return []uint16{binary.BigEndian.Uint16(data), binary.BigEndian.Uint16(data[2:]), binary.BigEndian.Uint16(data[4:])}
	}
	return nil
}
