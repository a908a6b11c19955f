// Package picturetest gives pictures to tests of other packages.
//
// Main path: Awkward makes files that are easy to get wrong; Evaluation finds the shared
// evaluation set, which must be there in CI.
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
)

// Awkward gives picture files that are easy to get wrong, by name; folder is internal/picture/testdata.
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
	copy(icc[16:], "RGB ")
	segment := slices.Concat([]byte("\xff\xe2\x01\x3cICC_PROFILE\x00\x01\x01"), icc)
	for o := range 8 {
		exif := fmt.Appendf(nil, "\xff\xe1\x00\x22Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00%c\x00\x00\x00\x00\x00\x00", o+1)
		files[fmt.Sprintf("orientation %d, profile", o+1)] = slices.Concat(b.Bytes()[:2], exif, segment, b.Bytes()[2:])
	}
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

// Evaluation gives the files of the shared evaluation set, by path within it; nil where it is not
// there. root is the folder of the project.
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
