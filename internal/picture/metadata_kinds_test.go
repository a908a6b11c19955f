package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"enciphergan/internal/pngchunk"
)

// metadataCase is a picture file with metadata, and the metadata and notes that decoding must return.
type metadataCase struct {
	name   string
	file   []byte
	exif   []byte
	icc    []byte
	chunks []byte
	notes  []string
}

// seq returns PNG chunks. Names and data alternate in parts.
func seq(parts ...string) (b []byte) {
	for i := 0; i < len(parts); i += 2 {
		b = pngchunk.Append(b, parts[i], []byte(parts[i+1]))
	}
	return b
}

// big encodes numbers as in PNG: four bytes each, the highest first.
func big(v ...uint32) string {
	var b []byte
	for _, n := range v {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return string(b)
}

func packed(s string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}

// raw returns a profile as ImageMagick writes it into a text.
func raw(name string, data []byte) string {
	digits := hex.EncodeToString(data)
	var lines []string
	for len(digits) > 72 {
		lines, digits = append(lines, digits[:72]), digits[72:]
	}
	return fmt.Sprintf("\n%s\n%8d\n%s\n", name, len(data), strings.Join(append(lines, digits), "\n"))
}

// tag is a tag of a TIFF. If sub is set, the tag points to a directory.
type tag struct {
	tag, kind uint16
	count     uint32
	data      string
	sub       []tag
}

func short(n uint16, v ...uint16) tag {
	var b []byte
	for _, x := range v {
		b = binary.BigEndian.AppendUint16(b, x)
	}
	return tag{n, 3, uint32(len(v)), string(b), nil}
}

func long(n uint16, v uint32) tag         { return tag{n, 4, 1, big(v), nil} }
func ascii(n uint16, s string) tag        { return tag{n, 2, uint32(len(s) + 1), s + "\x00", nil} }
func ratio(n uint16, v ...uint32) tag     { return tag{n, 5, uint32(len(v) / 2), big(v...), nil} }
func opaque(n uint16, s string) tag       { return tag{n, 7, uint32(len(s)), s, nil} }
func directoryTag(n uint16, t ...tag) tag { return tag{n, 4, 1, "", t} }
func tiffOf(pages ...[]tag) []byte        { return appendTIFF([]byte("MM\x00\x2a\x00\x00\x00\x08"), pages...) }
func appendTIFF(b []byte, pages ...[]tag) []byte {
	for i, page := range pages {
		var link int
		b, link = appendDirectory(b, page)
		if i+1 < len(pages) {
			b = append(b, make([]byte, len(b)%2)...)
			binary.BigEndian.PutUint32(b[link:], uint32(len(b)))
		}
	}
	return b
}

// appendDirectory writes a directory, then its values and the directories below it in
// the order of the entries. It returns the offset of the link to the next directory.
func appendDirectory(b []byte, tags []tag) ([]byte, int) {
	o := binary.BigEndian
	b = o.AppendUint16(b, uint16(len(tags)))
	start := len(b)
	for _, t := range tags {
		b = o.AppendUint32(o.AppendUint16(o.AppendUint16(b, t.tag), t.kind), t.count)
		b = append(b, (t.data + "\x00\x00\x00\x00")[:4]...)
	}
	link := len(b)
	b = append(b, 0, 0, 0, 0)
	for i, t := range tags {
		if t.sub == nil && len(t.data) <= 4 {
			continue
		}
		b = append(b, make([]byte, len(b)%2)...)
		o.PutUint32(b[start+12*i+8:], uint32(len(b)))
		if t.sub == nil {
			b = append(b, t.data...)
		} else {
			b, _ = appendDirectory(b, t.sub)
		}
	}
	return b, link
}

// tiffPicture returns a TIFF of 2 x 1 gray pixels with further tags and pages.
func tiffPicture(more []tag, pages ...[]tag) []byte {
	base := []tag{long(256, 2), long(257, 1), short(258, 8), short(259, 1), short(262, 1), tag{273, 4, 1, big(8), nil}, short(277, 1), long(278, 1), long(279, 2)}
	page := append(base, more...)
	slices.SortFunc(page, func(a, b tag) int { return int(a.tag) - int(b.tag) })
	return appendTIFF([]byte("MM\x00\x2a\x00\x00\x00\x0a\x40\x80"), append([][]tag{page}, pages...)...)
}

const (
	someXMP   = `<x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:title>Gr` + "\u00fc\u00dfe" + `</dc:title></x:xmpmeta>`
	textXMP   = "XML:com.adobe.xmp\x00\x00\x00\x00\x00"
	textNote  = "metadata left out: "
	film      = "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00"
	gifXMPTag = "\x21\xff\x0bXMP DataXMP"
)

// metadataCases returns files of every kind with every kind of metadata.
func metadataCases(t testing.TB) []metadataCase {
	t.Helper()
	var all []metadataCase
	add := func(name string, file []byte, b metadataCase) {
		b.name, b.file = name, file
		all = append(all, b)
	}
	icc := profile("RGB ", 300)

	photo := encodeJPEG(t, scene(8, 8))
	jpeg := func(name string, b metadataCase, segments ...any) { // markers and contents alternate in segments
		file := slices.Clone(photo[:2])
		for i := 0; i < len(segments); i += 2 {
			data := segments[i+1].(string)
			file = append(binary.BigEndian.AppendUint16(append(file, 0xff, byte(segments[i].(int))), uint16(len(data)+2)), data...)
		}
		add("JPEG, "+name, append(file, photo[2:]...), b)
	}
	jfif := func(unit byte, x, y uint16, thumbnail string) string {
		b := append([]byte("JFIF\x00\x01\x02"), unit)
		b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, x), y)
		return string(append(b, byte(len(thumbnail)/3), byte(min(1, len(thumbnail))))) + thumbnail
	}
	jpeg("density in inches", metadataCase{chunks: seq("pHYs", big(11811, 2835)+"\x01")}, 0xe0, jfif(1, 300, 72, ""))
	jpeg("density in centimetres", metadataCase{chunks: seq("pHYs", big(11800, 2800)+"\x01")}, 0xe0, jfif(2, 118, 28, ""))
	jpeg("ratio", metadataCase{chunks: seq("pHYs", big(2, 1)+"\x00")}, 0xe0, jfif(0, 2, 1, ""))
	jpeg("square pixels", metadataCase{}, 0xe0, jfif(0, 1, 1, ""))
	jpeg("no density", metadataCase{}, 0xe0, jfif(1, 0, 0, ""))
	jpeg("thumbnail", metadataCase{notes: []string{textNote + "thumbnail (JFIF)"}}, 0xe0, jfif(0, 1, 1, "\x01\x02\x03"))
	jpeg("JFXX", metadataCase{notes: []string{textNote + "thumbnail (JFIF)"}}, 0xe0, jfif(0, 1, 1, ""), 0xe0, "JFXX\x00\x13\x01\x01\x01\x02\x03")
	jpeg("EXIF", metadataCase{exif: tiffOf([]tag{ascii(271, "ACME"), directoryTag(tagGPS, opaque(0, "\x02\x03\x00\x00"))})},
		0xe1, exifPrefix+string(tiffOf([]tag{ascii(271, "ACME"), directoryTag(tagGPS, opaque(0, "\x02\x03\x00\x00"))})))
	jpeg("EXIF twice", metadataCase{exif: exif(1), notes: []string{textNote + "APP1 (Exif)"}}, 0xe1, exifPrefix+string(exif(1)), 0xe1, exifPrefix+string(exif(2)))
	jpeg("XMP", metadataCase{chunks: seq("iTXt", textXMP+someXMP)}, 0xe1, "http://ns.adobe.com/xap/1.0/\x00"+someXMP)
	jpeg("XMP in no encoding", metadataCase{notes: []string{textNote + "XMP"}}, 0xe1, xmpPrefix+"\xff\xfe<")
	jpeg("extended XMP", metadataCase{chunks: seq("iTXt", textXMP+someXMP), notes: []string{textNote + "extended XMP"}}, 0xe1, xmpPrefix+someXMP, 0xe1, "http://ns.adobe.com/xmp/extension/\x00"+strings.Repeat("0", 40)+"<")
	jpeg("comments", metadataCase{chunks: seq("tEXt", "Comment\x00plain", "iTXt", "Comment\x00\x00\x00\x00\x00gr\u00fcn", "tEXt", "Comment\x00gr\xfcn")}, 0xfe, "plain\x00", 0xfe, "gr\u00fcn", 0xfe, "gr\xfcn", 0xfe, "")
	jpeg("comment of control characters", metadataCase{notes: []string{textNote + `the text "Comment"`}}, 0xfe, "\x1b[2J")
	jpeg("IPTC", metadataCase{notes: []string{textNote + "APP13 (Photoshop, IPTC)"}}, 0xed, "Photoshop 3.0\x008BIM\x04\x04\x00\x00\x00\x00\x00\x00")
	jpeg("others", metadataCase{notes: []string{textNote + "APP2 (MPF), APP4, APP11 (JP)"}}, 0xe2, "MPF\x00MM", 0xe4, "", 0xeb, "JP\x00\x01", 0xee, "Adobe\x00\x64\x00\x00\x00\x00\x00", 0xe4, "")
	jpeg("many others", metadataCase{notes: []string{textNote + "APP5 (0), APP5 (1), APP5 (2), APP5 (3), APP5 (4), APP5 (5), APP5 (6), APP5 (7) and 1 more"}},
		0xe5, "0", 0xe5, "1", 0xe5, "2", 0xe5, "3", 0xe5, "4", 0xe5, "5", 0xe5, "6", 0xe5, "7", 0xe5, "8")
	add("JPEG, padding", slices.Concat(photo, make([]byte, 100)), metadataCase{})
	add("JPEG, another picture", slices.Concat(photo, make([]byte, 3), photo), metadataCase{notes: []string{fmt.Sprintf("after the picture, the file holds another picture (%d bytes in all), which was left out", len(photo)+3)}})
	add("JPEG, film", slices.Concat(photo, []byte(film)), metadataCase{notes: []string{"after the picture, the file holds a video (16 bytes in all), which was left out"}})
	add("JPEG, data", slices.Concat(photo, []byte("SEFT")), metadataCase{notes: []string{"after the picture, the file holds data (4 bytes in all), which was left out"}})
	stray := string(encodeJPEG(t, scene(8, 8))[2:])
	marked := string(withOrientation(photo, 1)[2:])
	for name, between := range map[string]string{"two bytes": "ab", "a stuffed byte": "\xff\x00", "markers without length": "\xff\xd0\xff\xd7", "fill": "\xff\xff\xff"} {
		add("JPEG, EXIF behind "+name, []byte("\xff\xd8"+between+marked), metadataCase{exif: exif(1)})
	}
	add("JPEG, bytes behind EXIF", []byte("\xff\xd8"+marked[:len(marked)-len(stray)]+"abc"+stray), metadataCase{exif: exif(1)})

	colour := encodePNG(t, scene(3, 3))
	with := func(file []byte, parts ...string) []byte {
		return slices.Insert(slices.Clone(file), 33, seq(parts...)...)
	}
	png := func(name string, b metadataCase, parts ...string) { add("PNG, "+name, with(colour, parts...), b) }
	same := func(name string, parts ...string) { png(name, metadataCase{chunks: seq(parts...)}, parts...) }
	same("gamma and primaries", "gAMA", big(45455), "cHRM", big(31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
	same("sRGB", "sRGB", "\x01")
	same("cICP, HDR", "cICP", "\x09\x10\x00\x01", "mDCV", "\x8a\x48\x39\x08\x21\x34\x9b\xaa\x19\x96\x08\xfc\x3d\x13\x40\x42"+big(10_000_000, 1), "cLLI", big(10_000_000, 4_000_000))
	same("density and date", "pHYs", big(2835, 2835)+"\x01", "tIME", "\x07\xe8\x02\x1d\x17\x3b\x3c")
	same("texts", "tEXt", "Title\x00gr\xfcn", "iTXt", "Title\x00\x00\x00de\x00Titel\x00gr\u00fcn", "tEXt", "Title\x00twice")
	same("significant bits and background", "sBIT", "\x05\x06\x05", "bKGD", "\x00\x01\x00\x02\x00\xff")
	same("XMP", "iTXt", textXMP+someXMP)
	png("out of order", metadataCase{chunks: seq("gAMA", big(45455), "pHYs", big(1, 2)+"\x00", "tEXt", "A\x00b")}, "tEXt", "A\x00b", "pHYs", big(1, 2)+"\x00", "gAMA", big(45455))
	png("compressed texts", metadataCase{chunks: seq("tEXt", "Title\x00gr\xfcn", "iTXt", "Title\x00\x00\x00de\x00Titel\x00gr\u00fcn")},
		"zTXt", "Title\x00\x00"+packed("gr\xfcn"), "iTXt", "Title\x00\x01\x00de\x00Titel\x00"+packed("gr\u00fcn"))
	png("damaged texts", metadataCase{notes: []string{textNote + `PNG chunk zTXt, PNG chunk iTXt, PNG chunk tEXt, the text "A ", the text "A"`}}, "zTXt", "A\x00\x00words", "zTXt", "A\x00\x01", "iTXt", "A\x00\x02\x00\x00\x00", "tEXt", "no end",
		"tEXt", "A \x00words", "tEXt", "A\x00\x1b[2J", "iTXt", "A\x00\x00\x00\x00\x00\xff", "iTXt", "A\x00")
	png("raw EXIF", metadataCase{exif: exif(1)}, "zTXt", keywordRaw+"exif\x00\x00"+packed(raw("exif", append([]byte(exifPrefix), exif(1)...))))
	png("raw APP1 of EXIF", metadataCase{exif: exif(1)}, "tEXt", keywordRaw+"APP1\x00"+raw("APP1", append([]byte(exifPrefix), exif(1)...)))
	png("raw APP1 of XMP", metadataCase{chunks: seq("iTXt", textXMP+someXMP)}, "tEXt", keywordRaw+"APP1\x00"+raw("APP1", []byte(xmpPrefix+someXMP)))
	png("raw XMP", metadataCase{chunks: seq("iTXt", textXMP+someXMP)}, "tEXt", keywordRaw+"xmp\x00"+raw("xmp", []byte(someXMP)))
	png("raw profile", metadataCase{icc: icc}, "tEXt", keywordRaw+"icc\x00"+raw("icc", icc))
	png("raw EXIF and the same", metadataCase{exif: exif(1)}, "tEXt", keywordRaw+"exif\x00"+raw("exif", exif(1)), "eXIf", string(exif(1)))
	png("raw EXIF and another", metadataCase{exif: exif(1), notes: []string{textNote + keywordRaw + "exif"}}, "tEXt", keywordRaw+"exif\x00"+raw("exif", exif(2)), "eXIf", string(exif(1)))
	same("raw IPTC", "tEXt", keywordRaw+"iptc\x00"+raw("iptc", []byte("8BIM")))
	same("raw EXIF that is none", "tEXt", keywordRaw+"exif\x00no digits")
	png("chunks that no other PNG can have", metadataCase{notes: []string{textNote + "PNG chunk sPLT, PNG chunk prIv, PNG chunk oFFs"}}, "sPLT", "a\x00\x08", "prIv", "", "oFFs", big(1, 2)+"\x00")
	png("damaged chunks", metadataCase{notes: []string{textNote + "PNG chunk sBIT, PNG chunk bKGD, PNG chunk gAMA, PNG chunk sRGB"}}, "sBIT", "\x05", "bKGD", "\x01", "gAMA", big(0), "sRGB", "\x04")
	png("chunks twice", metadataCase{chunks: seq("gAMA", big(1), "sBIT", "\x01\x01\x01"), notes: []string{textNote + "PNG chunk gAMA, PNG chunk sBIT"}}, "gAMA", big(1), "gAMA", big(2), "sBIT", "\x01\x01\x01", "sBIT", "\x02\x02\x02")
	png("EXIF and profile twice", metadataCase{exif: exif(1), icc: icc, notes: []string{textNote + "PNG chunk eXIf, PNG chunk iCCP"}},
		"iCCP", "a\x00\x00"+packed(string(icc)), "eXIf", string(exif(1)), "eXIf", string(exif(2)), "iCCP", "a\x00\x00"+packed(string(icc)))
	add("PNG, behind its end", slices.Concat(colour, colour), metadataCase{notes: []string{fmt.Sprintf("after the picture, the file holds data (%d bytes in all), which was left out", len(colour))}})
	frame := big(0, 3, 3, 0, 0) + "\x00\x01\x00\x05\x00\x00"
	png("animation", metadataCase{notes: []string{noteFrames}}, "acTL", big(2, 0), "fcTL", frame)
	png("animation of one frame", metadataCase{}, "acTL", big(1, 0), "fcTL", frame)
	png("animation without the still picture", metadataCase{notes: []string{noteStill}}, "acTL", big(1, 0))
	png("animation that is none", metadataCase{}, "fcTL", frame)

	gray, alpha, half := image.NewGray(image.Rect(0, 0, 2, 2)), image.NewNRGBA(image.Rect(0, 0, 2, 2)), image.NewNRGBA64(image.Rect(0, 0, 2, 2))
	add("PNG of gray", with(encodePNG(t, gray), "sBIT", "\x07", "bKGD", "\x00\x09"), metadataCase{chunks: seq("sBIT", "\x07", "bKGD", "\x00\x09")})
	add("PNG with alpha", with(encodePNG(t, alpha), "sBIT", "\x07\x06\x05\x04", "bKGD", "\x00\x09\x00\x08\x00\x07"), metadataCase{chunks: seq("sBIT", "\x07\x06\x05\x04", "bKGD", "\x00\x09\x00\x08\x00\x07")})
	add("PNG of 16 bits", with(encodePNG(t, half), "sBIT", "\x0a\x0a\x0a\x01", "bKGD", "\xff\x09\x00\x08\x00\x07"), metadataCase{chunks: seq("sBIT", "\x0a\x0a\x0a\x01", "bKGD", "\xff\x09\x00\x08\x00\x07")})
	table := color.Palette{color.NRGBA{1, 2, 3, 255}, color.NRGBA{4, 5, 6, 255}}
	add("PNG of a palette", with(encodePNG(t, image.NewPaletted(image.Rect(0, 0, 2, 2), table)), "sBIT", "\x07\x06\x05"), metadataCase{chunks: seq("sBIT", "\x07\x06\x05")})
	table[0] = color.NRGBA{1, 2, 3, 0}
	transparent := encodePNG(t, image.NewPaletted(image.Rect(0, 0, 2, 2), table))
	at := bytes.Index(transparent, []byte("IDAT")) - 4
	add("PNG of a palette with alpha", slices.Insert(with(transparent, "sBIT", "\x07\x06\x05"), at+15, seq("bKGD", "\x01")...), metadataCase{chunks: seq("sBIT", "\x07\x06\x05\x08", "bKGD", "\x00\x04\x00\x05\x00\x06")})
	add("PNG of a palette without the background", slices.Insert(slices.Clone(transparent), at, seq("bKGD", "\x02")...), metadataCase{notes: []string{textNote + "PNG chunk bKGD"}})
	nibbles := slices.Concat(colour[:8], seq("IHDR", big(2, 1)+"\x04\x00\x00\x00\x00", "bKGD", "\x00\x0f", "IDAT", packed("\x00\x0f"), "IEND", ""))
	add("PNG of 4 bits", nibbles, metadataCase{chunks: seq("bKGD", "\x00\xff")})
	grayAlpha := slices.Concat(colour[:8], seq("IHDR", big(1, 1)+"\x08\x04\x00\x00\x00", "sBIT", "\x05\x01", "bKGD", "\x00\x0f", "IDAT", packed("\x00\x0f\x10"), "IEND", ""))
	add("PNG of gray with alpha", grayAlpha, metadataCase{chunks: seq("sBIT", "\x05\x05\x05\x01", "bKGD", "\x00\x0f\x00\x0f\x00\x0f")})

	var b bytes.Buffer
	if err := gif.Encode(&b, scene(4, 6), nil); err != nil {
		t.Fatal(err)
	}
	still := slices.Clone(b.Bytes())
	animated := func(name string, bd metadataCase, blocks ...string) {
		head := 13 + 3<<(still[10]&7+1)
		if still[10]&0x80 == 0 {
			head = 13
		}
		add("GIF, "+name, slices.Insert(slices.Clone(still), head, []byte(strings.Join(blocks, ""))...), bd)
	}
	blocks := func(s string) string {
		var b strings.Builder
		for len(s) > 0 {
			n := min(len(s), 255)
			b.WriteByte(byte(n))
			b.WriteString(s[:n])
			s = s[n:]
		}
		return b.String() + "\x00"
	}
	var magic strings.Builder
	magic.WriteByte(1)
	for i := 255; i >= 0; i-- {
		magic.WriteByte(byte(i))
	}
	magic.WriteByte(0)
	animated("nothing", metadataCase{})
	animated("comment", metadataCase{chunks: seq("tEXt", "Comment\x00"+strings.Repeat("long ", 100)+"text")}, "\x21\xfe", blocks(strings.Repeat("long ", 100)+"text"))
	animated("profile", metadataCase{icc: icc}, "\x21\xff\x0bICCRGBG1012", blocks(string(icc)))
	animated("profile of gray", metadataCase{notes: []string{noteICC}}, "\x21\xff\x0bICCRGBG1012", blocks(string(profile("GRAY", 300))))
	animated("XMP", metadataCase{chunks: seq("iTXt", textXMP+someXMP, "tEXt", "Comment\x00behind")}, gifXMPTag, someXMP, magic.String(), "\x21\xfe", blocks("behind"))
	animated("XMP without its end", metadataCase{notes: []string{textNote + "XMP"}}, gifXMPTag, blocks(someXMP))
	animated("others", metadataCase{notes: []string{textNote + "application data (GIF), text drawn over the picture (GIF)"}}, "\x21\xff\x0bMYPROG 1.00", blocks("data"),
		"\x21\xff\x0bNETSCAPE2.0", blocks("\x01\x00\x00"), "\x21\x01\x0c"+strings.Repeat("\x00", 12), blocks("words"))
	wide := slices.Clone(still)
	wide[12] = 113 // pixels twice as wide as high
	add("GIF, ratio", wide, metadataCase{chunks: seq("pHYs", big(64, 128)+"\x00")})
	add("GIF, behind its end", append(slices.Clone(still), "more"...), metadataCase{notes: []string{"after the picture, the file holds data (4 bytes in all), which was left out"}})

	b.Reset()
	if err := bmp.Encode(&b, scene(4, 6)); err != nil {
		t.Fatal(err)
	}
	old := slices.Clone(b.Bytes())
	clear(old[38:46])
	v5 := func(change func(head []byte), behind string) []byte { // the same with a header of version 5
		file := slices.Concat(old[:54], make([]byte, 84), old[54:], []byte(behind))
		binary.LittleEndian.PutUint32(file[10:], 138)
		binary.LittleEndian.PutUint32(file[14:], 124)
		change(file[14:138])
		return file
	}
	o := binary.LittleEndian
	add("BMP", old, metadataCase{})
	dense := slices.Clone(old)
	o.PutUint32(dense[38:], 2835)
	o.PutUint32(dense[42:], 11811)
	add("BMP, density", dense, metadataCase{chunks: seq("pHYs", big(2835, 11811)+"\x01")})
	add("BMP, sRGB", v5(func(h []byte) { copy(h[56:], "BGRs"); h[108] = 2 }, ""), metadataCase{chunks: seq("sRGB", "\x01")})
	embedded := func(h []byte) {
		copy(h[56:], "DEBM")
		o.PutUint32(h[112:], uint32(124+len(old)-54))
		o.PutUint32(h[116:], uint32(len(icc)))
	}
	add("BMP, profile", v5(embedded, string(icc)), metadataCase{icc: icc})
	add("BMP, profile cut", v5(embedded, string(icc[1:])), metadataCase{notes: []string{noteICC}})
	add("BMP, profile elsewhere", v5(func(h []byte) { copy(h[56:], "KNIL") }, ""), metadataCase{notes: []string{noteICC}})
	add("BMP, calibrated", v5(func(h []byte) { h[60] = 1 }, ""), metadataCase{notes: []string{textNote + "calibrated colours (BMP)"}})
	add("BMP, behind its end", append(slices.Clone(old), "more"...), metadataCase{notes: []string{"after the picture, the file holds data (4 bytes in all), which was left out"}})

	b.Reset()
	if err := tiff.Encode(&b, scene(4, 6), nil); err != nil {
		t.Fatal(err)
	}
	add("TIFF", slices.Clone(b.Bytes()), metadataCase{chunks: seq("pHYs", big(2835, 2835)+"\x01")})
	add("TIFF, density in centimetres", tiffPicture([]tag{ratio(282, 1181, 10), ratio(283, 590, 10), short(296, 3)}), metadataCase{chunks: seq("pHYs", big(11810, 5900)+"\x01")})
	add("TIFF, ratio", tiffPicture([]tag{ratio(282, 2, 1), ratio(283, 1, 1), short(296, 1)}), metadataCase{chunks: seq("pHYs", big(2, 1)+"\x00")})
	add("TIFF, no density", tiffPicture([]tag{ratio(282, 2, 0), ratio(283, 1, 1), short(296, 2)}), metadataCase{})
	grayICC := profile("GRAY", 300)
	add("TIFF, profile", tiffPicture([]tag{opaque(tagICC, string(grayICC))}), metadataCase{icc: grayICC})
	add("TIFF, XMP", tiffPicture([]tag{{tagXMP, 1, uint32(len(someXMP)), someXMP, nil}}), metadataCase{chunks: seq("iTXt", textXMP+someXMP)})
	words := []tag{ascii(270, "a caption"), ascii(315, "me"), ascii(33432, "(c) me, 2024")}
	add("TIFF, texts", tiffPicture(words), metadataCase{exif: tiffOf(words)})
	full := []tag{ascii(271, "ACME"), directoryTag(tagEXIF, ratio(33434, 1, 125), ascii(36867, "2024:02:29 12:00:00"), directoryTag(tagInterop, ascii(1, "R98"))),
		directoryTag(tagGPS, opaque(0, "\x02\x03\x00\x00"), ascii(1, "N"), ratio(2, 48, 1, 8, 1, 0, 1))}
	add("TIFF, EXIF and GPS", tiffPicture(full), metadataCase{exif: tiffOf(full)})
	add("TIFF, maker's notes", tiffPicture([]tag{directoryTag(tagEXIF, ratio(33434, 1, 125), opaque(tagMakerNote, "places in the file"))}),
		metadataCase{exif: tiffOf([]tag{directoryTag(tagEXIF, ratio(33434, 1, 125))}), notes: []string{textNote + "maker's notes"}})
	add("TIFF, others", tiffPicture([]tag{opaque(33723, "\x1c\x02"), opaque(34377, "8BIM"), opaque(50000, "mine")}), metadataCase{notes: []string{textNote + "IPTC, Photoshop data, TIFF tag 50000"}})
	add("TIFF, pages", tiffPicture(nil, []tag{long(256, 1)}, []tag{long(256, 1)}), metadataCase{notes: []string{"of the 3 pictures in the file (pages or previews), only one was read"}})

	chunk := func(name, data string) []byte {
		b := binary.LittleEndian.AppendUint32([]byte(name), uint32(len(data)))
		return append(append(b, data...), make([]byte, len(data)%2)...)
	}
	webp := func(name string, bd metadataCase, behind string, chunks ...[]byte) {
		file := append(webpPixel(1, 2, 3), bytes.Join(chunks, nil)...)
		binary.LittleEndian.PutUint32(file[4:], uint32(len(file)-8))
		add("WebP, "+name, append(file, behind...), bd)
	}
	webp("all", metadataCase{exif: exif(1), icc: icc, chunks: seq("iTXt", textXMP+someXMP)}, "", chunk("ICCP", string(icc)), chunk("EXIF", exifPrefix+string(exif(1))), chunk("XMP ", someXMP))
	webp("another chunk", metadataCase{notes: []string{textNote + "chunk MY?? (WebP)"}}, "", chunk("MY\x1b?", "1"))
	webp("behind its end", metadataCase{notes: []string{"after the picture, the file holds data (4 bytes in all), which was left out"}}, "more")
	return all
}

func TestBeside(t *testing.T) {
	for _, c := range metadataCases(t) {
		p, err := Decode(c.file, roomy)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !bytes.Equal(p.EXIF, c.exif) || !bytes.Equal(p.ICC, c.icc) || !bytes.Equal(p.Chunks, c.chunks) {
			t.Errorf("%s: EXIF %q, a profile of %d bytes, chunks %q; want %q, %d, %q", c.name, p.EXIF, len(p.ICC), p.Chunks, c.exif, len(c.icc), c.chunks)
		}
		if !slices.Equal(p.Notes, c.notes) || c.notes == nil && p.Notes != nil {
			t.Errorf("%s: notes %q, want %q", c.name, p.Notes, c.notes)
		}
		file, err := p.PNG()
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(file, roomy)
		if err != nil || !bytes.Equal(back.EXIF, p.EXIF) || !bytes.Equal(back.ICC, p.ICC) || !bytes.Equal(back.Chunks, p.Chunks) || back.Notes != nil || back.Digest() != p.Digest() {
			t.Errorf("%s: its PNG: EXIF %q, a profile of %d bytes, chunks %q, notes %q, %v", c.name, back.EXIF, len(back.ICC), back.Chunks, back.Notes, err)
		}
	}
}
