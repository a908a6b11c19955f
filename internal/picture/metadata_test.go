package picture

import (
	"bytes"
	"encoding/binary"
	"image"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/tiff"

	"enciphergan/internal/pngchunk"
)

// profile returns a colour profile in which only the fields that are read are set.
func profile(space string, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	binary.BigEndian.PutUint32(b, uint32(n))
	copy(b[16:], space)
	copy(b[36:], "acsp")
	return b
}

func iccSegment(number, of byte, part []byte) []byte {
	return slices.Concat([]byte(iccPrefix), []byte{number, of}, part)
}

func TestMetadataOfJPEG(t *testing.T) {
	colour, gray := encodeJPEG(t, scene(8, 8)), encodeJPEG(t, image.NewGray(image.Rect(0, 0, 8, 8)))
	long := profile("RGB ", 70_000)
	for name, c := range map[string]struct {
		file  []byte
		icc   []byte
		notes string
	}{
		"none":               {colour, nil, ""},
		"profile":            {withSegment(colour, 0xe2, iccSegment(1, 1, profile("RGB ", 300))), profile("RGB ", 300), ""},
		"profile of gray":    {withSegment(gray, 0xe2, iccSegment(1, 1, profile("GRAY", 300))), profile("GRAY", 300), ""},
		"in two, wrong way":  {withSegment(withSegment(colour, 0xe2, iccSegment(1, 2, long[:40_000])), 0xe2, iccSegment(2, 2, long[40_000:])), long, ""},
		"profile of another": {withSegment(colour, 0xe2, iccSegment(1, 1, profile("CMYK", 300))), nil, noteICC},
		"gray, colours'":     {withSegment(gray, 0xe2, iccSegment(1, 1, profile("RGB ", 300))), nil, noteICC},
		"short profile":      {withSegment(colour, 0xe2, iccSegment(1, 1, []byte("hello"))), nil, noteICC},
		"empty profile":      {withSegment(colour, 0xe2, iccSegment(1, 1, nil)), nil, ""},
		"cut profile":        {withSegment(colour, 0xe2, iccSegment(1, 1, profile("RGB ", 300)[:299])), nil, noteICC},
		"padded profile":     {withSegment(colour, 0xe2, iccSegment(1, 1, append(profile("RGB ", 300), 0, 0))), profile("RGB ", 300), ""},
		"no profile at all":  {withSegment(colour, 0xe2, iccSegment(1, 1, bytes.Replace(profile("RGB ", 300), []byte("acsp"), []byte("none"), 1))), nil, noteICC},
		"fill bytes":         {slices.Concat(colour[:2], []byte{0xff}, withSegment(colour, 0xe2, iccSegment(1, 1, profile("RGB ", 300)))[2:]), profile("RGB ", 300), ""},
	} {
		p, err := Decode(c.file, roomy)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Equal(p.ICC, c.icc) || strings.Join(p.Notes, "; ") != c.notes {
			t.Errorf("%s: a profile of %d bytes, want %d; notes %q", name, len(p.ICC), len(c.icc), p.Notes)
		}
	}
}

func TestEXIFThatCannotBeKept(t *testing.T) {
	photo := encodeJPEG(t, scene(8, 8))
	sound := exif(1)
	longer := bytes.Clone(sound)
	longer[8+2+7] = 2 // two values
	cut := sound[:20]
	for name, data := range map[string][]byte{"no TIFF": []byte("hello, world"), "empty": nil, "values": longer, "short header": sound[:7]} {
		p, err := Decode(withSegment(photo, 0xe1, append([]byte(exifPrefix), data...)), roomy)
		if err != nil || p.EXIF != nil {
			t.Errorf("%s: kept %x, %v", name, p.EXIF, err)
		}
		if len(data) > 0 && !slices.Equal(p.Notes, []string{noteEXIF}) {
			t.Errorf("%s: notes %q", name, p.Notes)
		}
	}
	if _, ok := orientationTag(cut); ok {
		t.Error("an entry beyond the end")
	}
	far := bytes.Clone(sound)
	binary.BigEndian.PutUint32(far[4:], 1<<32-1)
	if _, ok := orientationTag(far); ok {
		t.Error("a directory beyond the end")
	}
	little := []byte("II\x2a\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00")
	if p, err := Decode(withSegment(photo, 0xe1, append([]byte(exifPrefix), little...)), roomy); err != nil || p.EXIF == nil || little[18] != 6 || p.EXIF[18] != 1 {
		t.Errorf("little-endian: %x, %v", p.EXIF, err)
	}
}

func TestMetadataOfOtherKinds(t *testing.T) {
	chunk := func(name string, data []byte) []byte {
		b := binary.LittleEndian.AppendUint32([]byte(name), uint32(len(data)))
		return append(append(b, data...), make([]byte, len(data)%2)...)
	}
	webp := webpPixel(1, 2, 3)
	webp = slices.Concat(webp, chunk("ICCP", profile("RGB ", 301)), chunk("EXIF", append([]byte(exifPrefix), exif(1)...)))
	binary.LittleEndian.PutUint32(webp[4:], uint32(len(webp)-8))
	p, err := Decode(webp, roomy)
	if err != nil || !bytes.Equal(p.EXIF, exif(1)) || !bytes.Equal(p.ICC, profile("RGB ", 301)) {
		t.Errorf("WebP: EXIF %x, a profile of %d bytes: %v", p.EXIF, len(p.ICC), err)
	}

	file := encodePNG(t, scene(3, 3))
	bad := slices.Concat(file[:33], pngchunk.Append(nil, "iCCP", []byte("name\x00\x00no zlib")), file[33:])
	if p, err := Decode(bad, roomy); err != nil || p.ICC != nil || !slices.Equal(p.Notes, []string{noteICC}) {
		t.Errorf("PNG: notes %q, %v", p.Notes, err)
	}

	var b bytes.Buffer
	if err := tiff.Encode(&b, image.NewGray(image.Rect(0, 0, 3, 3)), nil); err != nil {
		t.Fatal(err)
	}
	if p, err := Decode(b.Bytes(), roomy); err != nil || p.Notes != nil {
		t.Errorf("TIFF: notes %q, %v", p.Notes, err)
	}
	// Change the last tag, the resolution's unit, to the tag of a profile.
	d, _ := readEXIF(b.Bytes())
	list, _ := d.first()
	binary.LittleEndian.PutUint16(d.entry(list, tagResolutionUnit), tagICC)
	if p, err := Decode(b.Bytes(), roomy); err != nil || !slices.Equal(p.Notes, []string{noteICC}) {
		t.Errorf("TIFF with a profile: notes %q, %v", p.Notes, err)
	}
}

// TestMetadataIsBounded decodes a profile that inflates beyond all bounds.
func TestMetadataIsBounded(t *testing.T) {
	p := New(1, 1)
	p.ICC = profile("RGB ", maxMetadata+1)
	file, err := p.PNG()
	if err != nil {
		t.Fatal(err)
	}
	if back, err := Decode(file, roomy); err != nil || back.ICC != nil || !slices.Equal(back.Notes, []string{noteICC}) {
		t.Errorf("notes %q, %v", back.Notes, err)
	}
}

func TestOrientationOfOtherKinds(t *testing.T) {
	wide := image.NewGray(image.Rect(0, 0, 5, 2))
	var b bytes.Buffer
	if err := tiff.Encode(&b, wide, nil); err != nil {
		t.Fatal(err)
	}
	// Append a second directory with one more entry to the file.
	photo := b.Bytes()
	o := binary.LittleEndian
	at := o.Uint32(photo[4:])
	entries := photo[at+2:][:12*o.Uint16(photo[at:])]
	o.PutUint32(photo[4:], uint32(len(photo)))
	photo = o.AppendUint16(photo, uint16(len(entries)/12+1))
	turned := false
	for entry := range slices.Chunk(entries, 12) {
		if o.Uint16(entry) > tagOrientation && !turned {
			photo = append(photo, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0)
			turned = true
		}
		photo = append(photo, entry...)
	}
	photo = append(photo, 0, 0, 0, 0)

	file := encodePNG(t, wide)
	marked := slices.Concat(file[:33], pngchunk.Append(nil, "eXIf", exif(8)), file[33:])

	for name, file := range map[string][]byte{"TIFF": photo, "PNG": marked} {
		p, err := Decode(file, roomy)
		if err != nil || p.Width != 2 || p.Height != 5 {
			t.Errorf("%s: not turned: %v", name, err)
		}
		if height, width, err := Size(file, roomy); err != nil || width != 2 || height != 5 {
			t.Errorf("%s: a size of %d x %d: %v", name, width, height, err)
		}
	}
}
