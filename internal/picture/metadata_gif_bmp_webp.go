package picture

import (
	"bytes"
	"encoding/binary"
)

func (a *about) gif(file []byte) {
	const (
		extension, frame, trailer       = 0x21, 0x2c, 0x3b
		plainText, comment, application = 0x01, 0xfe, 0xff
	)
	if len(file) < 13 {
		return
	}
	if v := file[12]; v != 0 { // width of a pixel divided by its height, in 64ths, minus 15
		a.density(64, float64(v)+15, perRatio)
	}
	colours := func(flags byte) int { // number of bytes of a colour table
		if flags&0x80 == 0 {
			return 0
		}
		return 3 << (flags&7 + 1)
	}
	rest := file[min(13+colours(file[10]), len(file)):]
	cut := func(n int) (b []byte) {
		n = min(n, len(rest))
		b, rest = rest[:n], rest[n:]
		return b
	}
	// Each block is preceded by its length; an empty block ends them.
	blocks := func() (b []byte) {
		for len(rest) > 0 {
			n := int(cut(1)[0])
			if n == 0 {
				break
			}
			b = append(b, cut(n)...)
		}
		return b
	}
	for len(rest) > 0 {
		switch cut(1)[0] {
		case trailer:
			a.behind(rest)
			return
		case frame:
			head := cut(9)
			if len(head) < 9 {
				return
			}
			cut(colours(head[8]) + 1)
			blocks()
		case extension:
			if len(rest) < 2 {
				return
			}
			switch label := cut(1)[0]; label {
			case comment:
				a.comment(blocks())
			case plainText:
				blocks()
				a.leave("text drawn over the picture (GIF)")
			case application:
				name := string(cut(1 + int(rest[0]))[1:])
				switch name {
				case "XMP DataXMP": // not in blocks; the 257 bytes after it lead readers of blocks to the end
					const magic = 257
					if end := bytes.Index(rest, append([]byte{1}, 0xff, 0xfe)); end >= 0 && len(rest) >= end+magic {
						a.xmp(cut(end))
						cut(magic)
					} else {
						a.leave("XMP")
					}
					blocks()
				case "ICCRGBG1012":
					if a.icc == nil {
						a.icc = blocks()
					} else {
						blocks()
						a.leave("a second colour profile")
					}
				case "NETSCAPE2.0", "ANIMEXTS1.0": // how an animation repeats
					blocks()
				default:
					blocks()
					a.leave("application data (GIF)")
				}
			default:
				blocks()
			}
		default:
			return
		}
	}
}

func (a *about) bmp(file []byte) {
	const (
		core   = 14 // offset of the second header
		info   = 40 // sizes of the second header, by version
		v4, v5 = 108, 124
	)
	if len(file) < core+info {
		return
	}
	o := binary.LittleEndian
	head := file[core:]
	size := o.Uint32(head)
	if size < info || int64(size) > int64(len(head)) {
		return
	}
	head = head[:size]
	if x, y := int32(o.Uint32(head[24:])), int32(o.Uint32(head[28:])); x > 0 && y > 0 {
		a.density(float64(x), float64(y), perMetre)
	}
	var end int64 // of the profile, then also of the samples
	if size >= v4 {
		switch space := string(head[56:60]); space {
		case "BGRs":
			intents := map[uint32]byte{1: 2, 2: 1, 8: 3} // all others: perceptual, 0
			intent := byte(0)
			if size >= v5 {
				intent = intents[o.Uint32(head[108:])]
			}
			a.take("sRGB", []byte{intent})
		case "DEBM", "KNIL":
			if size < v5 {
				break
			}
			at, n := int64(core)+int64(o.Uint32(head[112:])), int64(o.Uint32(head[116:]))
			if end = at + n; space == "DEBM" && end <= int64(len(file)) {
				a.icc = file[at:end]
			} else {
				a.icc = []byte{0}
			}
		case "\x00\x00\x00\x00":
			if bytes.ContainsFunc(head[60:v4], func(r rune) bool { return r != 0 }) {
				a.leave("calibrated colours (BMP)")
			}
		}
	}
	h, err := readBMPHeader(file)
	if err != nil {
		return
	}
	samples := h.stride() * int64(h.height)
	if h.runs {
		samples = int64(o.Uint32(head[20:]))
	}
	if end = max(end, int64(len(file)-len(h.data))+samples); samples > 0 && end < int64(len(file)) {
		a.behind(file[end:])
	}
}

func (a *about) webp(file []byte) {
	if len(file) < 12 {
		return
	}
	end := min(int64(binary.LittleEndian.Uint32(file[4:]))+8, int64(len(file)))
	for rest := file[12:max(end, 12)]; ; {
		name, data, behind, err := webpChunk(rest)
		if err != nil {
			break
		}
		rest = behind
		switch {
		case name == "EXIF" && a.exif == nil:
			a.exif = data
		case name == "ICCP" && a.icc == nil:
			a.icc = data
		case name == "XMP ":
			a.xmp(data)
		case name == "VP8X" || name == "VP8 " || name == "VP8L" || name == "ALPH" || name == "ANIM" || name == "ANMF":
		default:
			a.leave("chunk " + printable([]byte(name)) + " (WebP)")
		}
	}
	a.behind(file[max(end, 12):])
}
