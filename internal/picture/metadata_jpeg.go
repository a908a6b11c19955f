package picture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
)

const (
	exifPrefix     = "Exif\x00\x00"
	iccPrefix      = "ICC_PROFILE\x00"
	xmpPrefix      = "http://ns.adobe.com/xap/1.0/\x00"
	xmpMorePrefix  = "http://ns.adobe.com/xmp/extension/\x00"
	adobePrefix    = "Adobe"
	jfifPrefix     = "JFIF\x00"
	jfifMorePrefix = "JFXX\x00"
)

// Markers of JPEG in addition to those in jpeg.go.
const (
	jpegTEM  = 0x01
	jpegSOI  = 0xd8
	jpegAPP0 = 0xe0
	jpegCOM  = 0xfe
)

// segments yields the markers of a JPEG with the contents of their segments. Like
// libjpeg, it skips bytes that belong to no segment. With the end marker it yields the
// data that follow it.
func segments(file []byte) iter.Seq2[byte, []byte] {
	return func(yield func(byte, []byte) bool) {
		for rest := file[2:]; ; {
			i := bytes.IndexByte(rest, 0xff)
			if i < 0 || i+1 == len(rest) {
				return
			}
			marker := rest[i+1]
			if rest = rest[i+1:]; marker == 0xff { // fill
				continue
			}
			rest = rest[1:]
			switch {
			case marker == 0 || marker == jpegTEM || marker == jpegSOI || marker >= jpegRST0 && marker <= jpegRST7:
				continue
			case marker == jpegEOI:
				yield(marker, rest)
				return
			case len(rest) < 2:
				return
			}
			n := int(binary.BigEndian.Uint16(rest))
			if n < 2 || n > len(rest) || !yield(marker, rest[2:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}

func (a *about) jpeg(file []byte) {
	var profile profileParts
	density := false
	for marker, data := range segments(file) {
		prefix := func(s string) bool { return bytes.HasPrefix(data, []byte(s)) }
		switch {
		case marker == jpegEOI:
			a.behind(data)
		case marker == jpegCOM:
			a.comment(data)
		case marker < jpegAPP0 || marker > jpegAPP0+15:
		case marker == jpegAPP0 && prefix(jfifPrefix) && len(data) >= 14:
			if !density {
				density = true
				units := map[byte]int{0: perRatio, 1: perInch, 2: perCentimetre}
				if unit, ok := units[data[7]]; ok {
					a.density(float64(binary.BigEndian.Uint16(data[8:])), float64(binary.BigEndian.Uint16(data[10:])), unit)
				}
			}
			if data[12] > 0 && data[13] > 0 {
				a.leave("thumbnail (JFIF)")
			}
		case marker == jpegAPP0 && prefix(jfifMorePrefix):
			a.leave("thumbnail (JFIF)")
		case marker == jpegAPP0+1 && a.exif == nil && prefix(exifPrefix):
			a.exif = data
		case marker == jpegAPP0+1 && prefix(xmpPrefix):
			a.xmp(data[len(xmpPrefix):])
		case marker == jpegAPP0+1 && prefix(xmpMorePrefix):
			a.leave("extended XMP")
		case marker == jpegAPP0+2 && prefix(iccPrefix):
			profile.add(data[len(iccPrefix):])
		case marker == jpegAPP0+14 && prefix(adobePrefix): // coding of the samples
		default:
			a.leave(segmentName(marker, data))
		}
	}
	a.icc = profile.joined()
}

// segmentName returns the name of an application segment, with the identifier that it
// begins with, if any.
func segmentName(marker byte, data []byte) string {
	own, _, _ := bytes.Cut(data[:min(len(data), 32)], []byte{0})
	for i, c := range own {
		if c < ' ' || c > '~' {
			own = own[:i]
			break
		}
	}
	switch name := fmt.Sprintf("APP%d", marker-jpegAPP0); {
	case string(own) == "Photoshop 3.0":
		return name + " (Photoshop, IPTC)"
	case len(own) > 0:
		return fmt.Sprintf("%s (%s)", name, own)
	default:
		return name
	}
}

// profileParts collects the parts of a colour profile (ICC.1, B.4). Each part begins
// with its number, from 1, and the number of parts.
type profileParts struct {
	parts  [256][]byte
	count  byte // 0: not yet known
	found  int
	broken bool
}

func (p *profileParts) add(segment []byte) {
	if len(segment) < 2 || p.broken {
		p.broken = true
		return
	}
	number, count, part := segment[0], segment[1], segment[2:]
	if p.found > 0 && count != p.count || number == 0 || number > count || p.parts[number] != nil {
		p.broken = true
		return
	}
	p.count, p.parts[number] = count, part
	p.found++
}

// joined returns the profile. It returns nil or an empty slice if there is none, and
// invalid data that are not empty if a part is missing or inconsistent.
func (p *profileParts) joined() []byte {
	if p.broken || p.found < int(p.count) {
		return []byte{0}
	}
	return bytes.Join(p.parts[:], nil)
}
