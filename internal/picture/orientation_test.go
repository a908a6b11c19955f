package picture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"enciphergan/internal/pngchunk"
)

// TestProfileInParts checks that an incomplete profile is left out.
func TestProfileInParts(t *testing.T) {
	photo, icc := encodeJPEG(t, scene(8, 8)), profile("RGB ", 3000)
	part := func(number, of byte) []byte {
		n := int(min(max(number, 1), 3))
		return iccSegment(number, of, icc[1000*(n-1):1000*n])
	}
	for name, c := range map[string]struct {
		segments [][]byte
		whole    bool
	}{
		"in order":          {[][]byte{part(1, 3), part(2, 3), part(3, 3)}, true},
		"in another order":  {[][]byte{part(3, 3), part(1, 3), part(2, 3)}, true},
		"without the first": {[][]byte{part(2, 3), part(3, 3)}, false},
		"without the last":  {[][]byte{part(1, 3), part(2, 3)}, false},
		"twice the second":  {[][]byte{part(1, 3), part(2, 3), part(2, 3), part(3, 3)}, false},
		"number 0":          {[][]byte{part(0, 3), part(1, 3), part(2, 3), part(3, 3)}, false},
		"number too large":  {[][]byte{part(1, 3), part(2, 3), part(3, 3), part(4, 3)}, false},
		"another count":     {[][]byte{part(1, 3), part(2, 2), part(3, 3)}, false},
		"no count":          {[][]byte{part(1, 0)}, false},
		"no number":         {[][]byte{[]byte(iccPrefix), part(1, 3), part(2, 3), part(3, 3)}, false},
	} {
		file := slices.Clone(photo[:2])
		for _, s := range c.segments {
			file = append(binary.BigEndian.AppendUint16(append(file, 0xff, 0xe2), uint16(len(s)+2)), s...)
		}
		p, err := Decode(append(file, photo[2:]...), roomy)
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case c.whole && (!bytes.Equal(p.ICC, icc) || p.Notes != nil):
			t.Errorf("%s: %d bytes, notes %q", name, len(p.ICC), p.Notes)
		case !c.whole && (p.ICC != nil || !slices.Equal(p.Notes, []string{noteICC})):
			t.Errorf("%s: %d bytes, notes %q", name, len(p.ICC), p.Notes)
		}
	}
}

// turnable returns the tags of EXIF data that depend on how the picture is turned. The
// picture was stored 8 x 4, with the subject, a red point, at (1, 0).
func turnable(o uint16, wide, high uint32, xDensity, yDensity uint32, location, area []uint16) []tag {
	return []tag{long(tagWidth, wide), long(tagHeight, high), ascii(271, "ACME"), short(tagOrientation, o),
		ratio(tagXResolution, xDensity, 1), ratio(tagYResolution, yDensity, 1),
		directoryTag(tagEXIF, ratio(33434, 1, 125), short(tagSubjectArea, area...), opaque(tagMakerNote, "maker's notes, with places"),
			short(tagPixelXDimension, uint16(wide)), long(tagPixelYDimension, high),
			directoryTag(tagInterop, short(tagRelatedWidth, uint16(wide)), short(tagRelatedLength, uint16(high))),
			ratio(tagFocalPlaneX, xDensity, 2), ratio(tagFocalPlaneY, yDensity, 2), short(tagSubjectLocation, location...)),
		directoryTag(tagGPS, ascii(1, "N"), ratio(2, 48, 1, 8, 1, 0, 1))}
}

// withThumbnail adds a directory of a thumbnail and its bytes, and returns their offset.
func withThumbnail(page []tag, thumbnail string) (exif []byte, at int) {
	for range 2 { // the second time with the offset
		exif = tiffOf(page, []tag{short(259, 6), long(tagThumbnail, uint32(at)), long(tagThumbnailLength, uint32(len(thumbnail)))})
		at = len(exif)
	}
	return append(exif, thumbnail...), at
}

func TestTurnedEXIF(t *testing.T) {
	photo := encodeJPEG(t, scene(4, 8))
	const thumbnail = "\xff\xd8 a small picture \xff\xd9"
	for o, c := range map[uint16]struct{ location, area []uint16 }{
		1: {[]uint16{1, 0}, []uint16{2, 1, 5, 3}},
		2: {[]uint16{6, 0}, []uint16{5, 1, 5, 3}},
		3: {[]uint16{6, 3}, []uint16{5, 2, 5, 3}},
		4: {[]uint16{1, 3}, []uint16{2, 2, 5, 3}},
		5: {[]uint16{0, 1}, []uint16{1, 2, 3, 5}},
		6: {[]uint16{3, 1}, []uint16{2, 2, 3, 5}},
		7: {[]uint16{3, 6}, []uint16{2, 5, 3, 5}},
		8: {[]uint16{0, 6}, []uint16{1, 5, 3, 5}},
	} {
		data, at := withThumbnail(turnable(o, 8, 4, 300, 72, []uint16{1, 0}, []uint16{2, 1, 5, 3}), thumbnail)
		p, err := Decode(withSegment(photo, 0xe1, append([]byte(exifPrefix), data...)), roomy)
		if err != nil {
			t.Fatal(err)
		}
		// The subject is where the pixel is.
		mark := New(4, 8)
		mark.RGB[3] = 255
		mark.orient(int(o))
		if at := 3 * (int(c.location[1])*mark.Width + int(c.location[0])); mark.RGB[at] != 255 {
			t.Errorf("orientation %d: the test's point is wrong", o)
		}
		if len(p.EXIF) != len(data) {
			t.Fatalf("orientation %d: %d bytes of %d", o, len(p.EXIF), len(data))
		}
		want, _ := withThumbnail(turnable(1, 8, 4, 300, 72, c.location, c.area), thumbnail)
		if o >= 5 {
			want, _ = withThumbnail(turnable(1, 4, 8, 72, 300, c.location, c.area), thumbnail)
			if !bytes.Contains(p.EXIF, []byte("maker's notes, with places")) {
				t.Error("the maker's notes are gone")
			}
		}
		if o == 1 {
			if !bytes.Equal(p.EXIF, data) || p.Notes != nil {
				t.Errorf("EXIF data of an upright picture were changed; notes %q", p.Notes)
			}
			continue
		}
		if !bytes.Equal(p.EXIF[at:], make([]byte, len(thumbnail))) || !slices.Equal(p.Notes, []string{noteThumbnail}) {
			t.Errorf("orientation %d: thumbnail %q, notes %q", o, p.EXIF[at:], p.Notes)
		}
		// Exchanged values have other offsets, so the numbers are compared.
		got, expected := describeEXIF(p.EXIF), describeEXIF(want)
		if got != expected {
			t.Errorf("orientation %d:\n%s\nwant\n%s", o, got, expected)
		}
		d, _ := readEXIF(p.EXIF)
		if _, link := d.first(); d.o.Uint32(p.EXIF[link:]) != 0 {
			t.Errorf("orientation %d: a second directory", o)
		}
	}
}

// describeEXIF lists the values of the first directory of EXIF data and of those below it.
func describeEXIF(exif []byte) string {
	d, _ := readEXIF(exif)
	var b strings.Builder
	var list func(entries)
	list = func(e entries) {
		for entry := range slices.Chunk(e, 12) {
			tag := d.o.Uint16(entry)
			if slices.Contains([]uint16{tagEXIF, tagGPS, tagInterop}, tag) {
				list(d.below(e, tag))
				continue
			}
			v := d.value(entry)
			if kind := d.o.Uint16(entry[2:]); kind == typeShort || kind == typeLong { // sizes may be of either type
				v = bytes.TrimLeft(v, "\x00")
			}
			fmt.Fprintf(&b, "%d %q\n", tag, v)
		}
	}
	first, _ := d.first()
	list(first)
	return b.String()
}

// TestThumbnailInHostileEXIF checks that nothing is overwritten if the thumbnail's range
// overlaps other parts of the EXIF data or exceeds them.
func TestThumbnailInHostileEXIF(t *testing.T) {
	photo := encodeJPEG(t, scene(4, 8))
	page := []tag{ascii(271, "ACME, of the first directory"), short(tagOrientation, 6), directoryTag(tagGPS, ascii(1, "N"))}
	for name, place := range map[string][2]uint32{"the whole": {0, 40}, "the header": {4, 4}, "a directory": {20, 10}, "a value": {60, 4}, "beyond": {40, 1 << 20}, "far": {1<<32 - 1, 1<<32 - 1}, "nothing": {0, 0}} {
		data := tiffOf(page, []tag{long(tagThumbnail, place[0]), long(tagThumbnailLength, place[1])})
		p, err := Decode(withSegment(photo, 0xe1, append([]byte(exifPrefix), data...)), roomy)
		if err != nil || p.EXIF == nil || !bytes.Contains(p.EXIF, []byte("ACME, of the first directory")) || !slices.Equal(p.Notes, []string{noteThumbnail}) {
			t.Errorf("%s: %q, notes %q, %v", name, p.EXIF, p.Notes, err)
		}
	}
	// A directory that links to itself.
	data := tiffOf(page, []tag{long(256, 1)})
	d, _ := readEXIF(data)
	_, link := d.first()
	binary.BigEndian.PutUint32(data[link:], 8)
	if p, err := Decode(withSegment(photo, 0xe1, append([]byte(exifPrefix), data...)), roomy); err != nil || !bytes.Contains(p.EXIF, []byte("ACME")) {
		t.Errorf("a loop: %v", err)
	}
}

// TestTurnedBeside checks that XMP and density are changed when the picture is turned.
func TestTurnedBeside(t *testing.T) {
	const (
		attributes = `<rdf:Description tiff:Orientation="%o" exif:PixelXDimension = '8000'  exif:PixelYDimension="40" dc:title="tiff:Orientation"/>`
		elements   = `<a><tiff:ImageLength>4</tiff:ImageLength><tiff:ImageWidth>8000</tiff:ImageWidth><tiff:Orientation>%o</tiff:Orientation></a>`
	)
	photo := encodeJPEG(t, scene(4, 8))
	for o := range byte(9) {
		wantX, wantY, attributesTurned, elementsTurned := uint32(11811), uint32(2835), attributes, elements
		if o >= 5 {
			wantX, wantY = wantY, wantX
			attributesTurned = `<rdf:Description tiff:Orientation="%o" exif:PixelXDimension = '40'  exif:PixelYDimension="8000" dc:title="tiff:Orientation"/>`
			elementsTurned = `<a><tiff:ImageLength>8000</tiff:ImageLength><tiff:ImageWidth>4</tiff:ImageWidth><tiff:Orientation>%o</tiff:Orientation></a>`
		}
		value := "1" // expected
		if o <= 1 {
			value = string('0' + rune(o))
		}
		for xmp, want := range map[string]string{attributes: attributesTurned, elements: elementsTurned, "<none/>": "<none/>", "tiff:Orientation=": "tiff:Orientation="} {
			xmp, want = strings.ReplaceAll(xmp, "%o", string('0'+rune(o))), strings.ReplaceAll(want, "%o", value)
			file := withSegment(withOrientation(photo, o), 0xe1, []byte(xmpPrefix+xmp))
			file = withSegment(file, 0xe0, []byte("JFIF\x00\x01\x02\x01\x01\x2c\x00\x48\x00\x00"))
			p, err := Decode(file, roomy)
			if chunks := seq("pHYs", big(wantX, wantY)+"\x01", "iTXt", textXMP+want); err != nil || !bytes.Equal(p.Chunks, chunks) || p.Notes != nil {
				t.Errorf("orientation %d: chunks %q, want %q, notes %q, %v", o, p.Chunks, chunks, p.Notes, err)
			}
		}
	}
}

// TestTextsAreBounded checks that compressed texts are left out once the texts of a
// file exceed the bound together.
func TestTextsAreBounded(t *testing.T) {
	file := encodePNG(t, scene(3, 3))
	bomb := "A\x00\x00" + packed(strings.Repeat("a", maxMetadata))
	var chunks []string
	for range 50 {
		chunks = append(chunks, "zTXt", bomb)
	}
	chunks = append(chunks, "tEXt", "B\x00b", "zTXt", "C\x00\x00"+packed("c"))
	p, err := Decode(slices.Insert(file, 33, seq(chunks...)...), roomy)
	if err != nil || !bytes.Equal(p.Chunks, seq("tEXt", "B\x00b")) || len(p.Notes) != 1 {
		t.Errorf("%d bytes, notes %q, %v", len(p.Chunks), p.Notes, err)
	}
	many := slices.Repeat([]string{"tEXt", "A\x00b"}, 2*pngchunk.MaxCount)
	if p, err = Decode(slices.Insert(file, 33, seq(many...)...), roomy); err != nil || pngchunk.Check(p.Chunks, pngchunk.Shape{Channels: 3, Depth: 8}) != nil || !slices.Equal(p.Notes, []string{textNote + "PNG chunk tEXt"}) {
		t.Errorf("%d bytes, notes %q, %v", len(p.Chunks), p.Notes, err)
	}
	a := about{}
	for range 50 {
		a.inflate([]byte(packed(strings.Repeat("a", maxMetadata))))
	}
	if a.inflated > 2*maxMetadata+50 {
		t.Errorf("%d bytes were inflated", a.inflated)
	}
}

func TestManyTextsAreLinear(t *testing.T) {
	empty := "A\x00\x00" + packed("")
	file := slices.Insert(encodePNG(t, scene(3, 3)), 33, bytes.Repeat(seq("zTXt", empty), 10_000)...)
	n := allocated(func() {
		if _, err := Decode(file, roomy); err != nil {
			t.Fatal(err)
		}
	})
	if n > 50_000_000 { // one reader per text would take 400 MB
		t.Errorf("decoding a file of %d bytes allocates %d", len(file), n)
	}
}

// TestXMPWithoutEnd would take an hour if the rest were searched again from every name.
func TestXMPWithoutEnd(t *testing.T) {
	const name = "tiff:Orientation"
	if from, to := xmpValue(strings.Repeat(name+">", 64<<20/len(name)), name); from != 0 || to != 0 {
		t.Errorf("a value from %d to %d", from, to)
	}
}

func TestDropMetadata(t *testing.T) {
	photo := withSegment(withSegment(encodeJPEG(t, scene(8, 8)), 0xed, []byte("Photoshop 3.0\x00")), 0xfe, []byte("words"))
	photo = withSegment(withOrientation(photo, 1), 0xe2, iccSegment(1, 1, profile("RGB ", 300)))
	p, err := Decode(append(photo, film...), roomy)
	if err != nil || p.EXIF == nil || p.ICC == nil || p.Chunks == nil || len(p.Notes) != 2 {
		t.Fatalf("notes %q, %v", p.Notes, err)
	}
	samples := p.Digest()
	p.DropMetadata()
	if p.EXIF != nil || p.ICC != nil || p.Chunks != nil || p.Digest() != samples || len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "video") {
		t.Errorf("notes %q", p.Notes)
	}
	if p, err = Decode(photo, roomy); err != nil {
		t.Fatal(err)
	}
	if p.DropMetadata(); p.Notes != nil {
		t.Errorf("notes %q", p.Notes)
	}
}
