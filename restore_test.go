package encipher

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"enciphergan/internal/picture"
)

// awkward are picture files that are easy to get wrong, by name.
func awkward(t *testing.T) map[string][]byte {
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
	area := image.Rect(0, 0, 37, 23)
	gray, gray16, alpha, deep := image.NewGray(area), image.NewGray16(area), image.NewNRGBA(area), image.NewNRGBA64(area)
	palette := image.NewPaletted(area, color.Palette{color.NRGBA{1, 2, 3, 4}, color.NRGBA{255, 0, 0, 255}, color.NRGBA{9, 8, 7, 0}})
	for i := range palette.Pix {
		palette.Pix[i] = uint8(i % 3)
	}
	files := map[string][]byte{
		"1 x 1": photo(t, 1, 1, 1), "1 x 5000": photo(t, 5000, 1, 1), "5000 x 1": photo(t, 1, 5000, 1),
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
	kinds, err := filepath.Glob("internal/picture/testdata/*.*")
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

// TestAwkwardPictures decrypts each and compares every part of it.
func TestAwkwardPictures(t *testing.T) {
	m, k, ctx := fakeModel(), newKey(t), t.Context()
	parts := func(p *Picture) string {
		return fmt.Sprintf("samples %x, EXIF %x, profile of %d bytes", p.Digest(), p.EXIF, len(p.ICC))
	}
	for name, file := range awkward(t) {
		want, err := picture.Decode(file, limits)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sealed, err := m.Encrypt(ctx, file, k)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		opened, err := m.Decrypt(ctx, sealed.PNG, k)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		written, err := picture.Decode(opened.PNG, limits)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := parts(opened.Picture); got != parts(want) || parts(written) != got || !opened.Exact {
			t.Errorf("%s: %s, as a file %s; want %s", name, got, parts(written), parts(want))
		}

		whole, err := m.Encrypt(ctx, file, k, WithExact(ExactFile), WithName("/home/me/"+name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if bytes.Contains(whole.PNG, []byte(name)) {
			t.Errorf("%s: the name stands in the clear", name)
		}
		if o, err := m.Decrypt(ctx, whole.PNG, k); err != nil || !bytes.Equal(o.File, file) || o.Name != name || parts(o.Picture) != parts(want) {
			t.Errorf("%s: as a file: %v", name, err)
		}
		if opened.File != nil || opened.Name != "" {
			t.Errorf("%s: the file is kept without being asked for", name)
		}

		bare, err := m.Encrypt(ctx, file, k, WithoutMetadata())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if opened, err = m.Decrypt(ctx, bare.PNG, k); err != nil || opened.Picture.Digest() != want.Digest() || opened.Picture.EXIF != nil || opened.Picture.ICC != nil {
			t.Errorf("%s: without metadata: %v", name, err)
		}
		off, err := m.Encrypt(ctx, file, k, WithExact(ExactOff))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if opened, err = m.Decrypt(ctx, off.PNG, k); err != nil || opened.Exact || opened.Picture.Channels() != 3 || opened.Picture.Low != nil || opened.Picture.EXIF != nil {
			t.Errorf("%s: approximately: %v", name, err)
		}
	}
}
