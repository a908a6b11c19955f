// Package picturetest provides pictures for the tests of other packages.
//
// Main path: Awkward returns files that are easy to decode wrongly; Evaluation reads the
// shared evaluation set, which must exist in CI.
package picturetest

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"enciphergan/internal/pngchunk"
)

// Awkward returns picture files that are easy to decode wrongly, by name. folder is internal/picture/testdata.
func Awkward(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	seed := [2]uint64{11, 12}
	t.Logf("seed %v", seed)
	r := rand.New(rand.NewPCG(seed[0], seed[1]))
	file := func(m image.Image, pixels []byte) []byte {
		for i := range pixels {
			pixels[i] = byte(r.Uint32())
		}
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	colours := func(width, height int) []byte {
		m := image.NewNRGBA(image.Rect(0, 0, width, height))
		for i := range m.Pix {
			m.Pix[i] = byte(r.Uint32()) | byte(i%4/3)*255 // opaque
		}
		return file(m, nil)
	}
	area := image.Rect(0, 0, 37, 23)
	gray, gray16, alpha, deep := image.NewGray(area), image.NewGray16(area), image.NewNRGBA(area), image.NewNRGBA64(area)
	palette := image.NewPaletted(area, color.Palette{color.NRGBA{1, 2, 3, 4}, color.NRGBA{255, 0, 0, 255}, color.NRGBA{9, 8, 7, 0}})
	for i := range palette.Pix {
		palette.Pix[i] = uint8(i % 3)
	}
	files := map[string][]byte{
		"1 x 1": colours(1, 1), "1 x 5000": colours(1, 5000), "5000 x 1": colours(5000, 1),
		"gray": file(gray, gray.Pix), "16-bit gray": file(gray16, gray16.Pix), "alpha": file(alpha, alpha.Pix), "16-bit alpha": file(deep, deep.Pix),
		"palette with alpha": file(palette, nil),
	}
	for i := 6; i < len(deep.Pix); i += 8 {
		deep.Pix[i], deep.Pix[i+1] = 255, 255
	}
	var b bytes.Buffer
	if err := png.Encode(&b, deep); err != nil {
		t.Fatal(err)
	}
	files["16 bits"] = bytes.Clone(b.Bytes())
	b.Reset()
	if err := jpeg.Encode(&b, alpha, nil); err != nil {
		t.Fatal(err)
	}
	icc := make([]byte, 300)
	copy(icc, "\x00\x00\x01\x2c")
	copy(icc[16:], "RGB ")
	copy(icc[36:], "acsp")
	segment := slices.Concat([]byte("\xff\xe2\x01\x3cICC_PROFILE\x00\x01\x01"), icc)
	for o := range 8 {
		exif := fmt.Appendf(nil, "\xff\xe1\x00\x22Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00%c\x00\x00\x00\x00\x00\x00", o+1)
		files[fmt.Sprintf("orientation %d, profile", o+1)] = slices.Concat(b.Bytes()[:2], exif, segment, b.Bytes()[2:])
	}
	addMetadata(files, b.Bytes())
	kinds, err := filepath.Glob(filepath.Join(folder, "*.*"))
	if err != nil || len(kinds) < 12 {
		t.Fatalf("%d files of other kinds: %v", len(kinds), err)
	}
	for _, name := range kinds {
		if files[filepath.Base(name)], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// Metadata holds the metadata of Awkward's picture "all metadata.png" as PNG chunks: the
// meaning of the colours, density, date and texts.
var Metadata = func() (b []byte) {
	for _, c := range [][2]string{
		{"cICP", "\x09\x10\x00\x01"},
		{"mDCV", "\x8a\x48\x39\x08\x21\x34\x9b\xaa\x19\x96\x08\xfc\x3d\x13\x40\x42\x00\x98\x96\x80\x00\x00\x00\x01"},
		{"cLLI", "\x00\x98\x96\x80\x00\x3d\x09\x00"},
		{"sRGB", "\x01"},
		{"gAMA", "\x00\x00\xb1\x8f"},
		{"cHRM", "\x00\x00\x7a\x26\x00\x00\x80\x84\x00\x00\xfa\x00\x00\x00\x80\xe8\x00\x00\x75\x30\x00\x00\xea\x60\x00\x00\x3a\x98\x00\x00\x17\x70"},
		{"sBIT", "\x0a\x0a\x0a"},
		{"bKGD", "\x01\x02\x03\x04\x05\x06"},
		{"pHYs", "\x00\x00\x2e\x23\x00\x00\x0b\x13\x01"},
		{"tIME", "\x07\xe8\x02\x1d\x17\x3b\x3c"},
		{"tEXt", "Title\x00gr\xfcn"},
		{"iTXt", "XML:com.adobe.xmp\x00\x00\x00\x00\x00<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"},
	} {
		b = pngchunk.Append(b, c[0], []byte(c[1]))
	}
	return b
}()

// addMetadata adds a PNG of 16 bits with the chunks of Metadata, and the JPEG photo with
// metadata in its segments and a second picture after its end.
func addMetadata(files map[string][]byte, photo []byte) {
	files["all metadata.png"] = slices.Insert(bytes.Clone(files["16 bits"]), 33, Metadata...)
	head := []byte("\xff\xd8")
	for _, s := range []string{
		"\xe0JFIF\x00\x01\x02\x01\x01\x2c\x00\x48\x00\x00",
		"\xe1http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta xmlns:x='adobe:ns:meta/'><a tiff:Orientation='6'/></x:xmpmeta>",
		"\xfegr\u00fcn",
		"\xedPhotoshop 3.0\x00",
		"\xe1Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00",
	} {
		head = append(head, 0xff, s[0], 0, byte(len(s)+1))
		head = append(head, s[1:]...)
	}
	files["all metadata.jpg"] = slices.Concat(head, photo[2:], photo)
}

// Evaluation returns the files of the shared evaluation set, by path within it, or nil if the set
// does not exist; in CI that fails the test. root is the folder of the project.
func Evaluation(t *testing.T, root string) map[string][]byte {
	t.Helper()
	shared := os.Getenv("ENCIPHER_SHARED")
	if shared == "" {
		shared = filepath.Join(root, "..", "shared")
	}
	set := os.DirFS(filepath.Join(shared, "data", "eval"))
	if _, err := fs.Stat(set, "."); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the evaluation set must be there in CI: %v", err)
		}
		return nil
	}
	files := map[string][]byte{}
	err := fs.WalkDir(set, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files[path], err = fs.ReadFile(set, path)
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files in the evaluation set: %v", len(files), err)
	}
	return files
}
