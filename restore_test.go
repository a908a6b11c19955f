package encipher

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"enciphergan/internal/container"
	"enciphergan/internal/picture"
	"enciphergan/internal/picture/picturetest"
	"enciphergan/internal/record"
)

// TestAwkwardPictures encrypts and decrypts unusual pictures and compares every part of them.
func TestAwkwardPictures(t *testing.T) {
	m, k, ctx := fakeModel(), newKey(t), t.Context()
	parts := func(p *Picture) string {
		return fmt.Sprintf("samples %x, EXIF %x, profile of %d bytes, chunks %q", p.Digest(), p.EXIF, len(p.ICC), p.Chunks)
	}
	for name, file := range picturetest.Awkward(t, "internal/picture/testdata") {
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

		whole, err := m.Encrypt(ctx, file, k, WithContent(ContentFile("/home/me/"+name)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if bytes.Contains(whole.PNG, []byte(name)) {
			t.Errorf("%s: the name stands in the clear", name)
		}
		if o, err := m.Decrypt(ctx, whole.PNG, k); err != nil || !o.Exact || o.Fault != nil || !bytes.Equal(o.File, file) || !named(o.Name, name, file) || parts(o.Picture) != parts(want) {
			t.Errorf("%s: as a file: %v", name, err)
		}
		if opened.File != nil || opened.Name != "" {
			t.Errorf("%s: the file is kept without being asked for", name)
		}

		bare, err := m.Encrypt(ctx, file, k, WithContent(ContentSamples))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if opened, err = m.Decrypt(ctx, bare.PNG, k); err != nil || opened.Picture.Digest() != want.Digest() || opened.Picture.EXIF != nil || opened.Picture.ICC != nil || opened.Picture.Chunks != nil {
			t.Errorf("%s: without metadata: %v", name, err)
		}
		off, err := m.Encrypt(ctx, file, k, WithContent(ContentApproximate))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if opened, err = m.Decrypt(ctx, off.PNG, k); err != nil || opened.Exact || opened.Picture.Channels() != 3 || opened.Picture.LowBytes != nil || opened.Picture.EXIF != nil || opened.Picture.Chunks != nil {
			t.Errorf("%s: approximately: %v", name, err)
		}
	}
}

// TestMetadataIsRestored checks that the decrypted PNG has all metadata that a PNG can hold, and that
// a note names the rest, unless the original file is kept.
func TestMetadataIsRestored(t *testing.T) {
	m, k, ctx := fakeModel(), newKey(t), t.Context()
	files := picturetest.Awkward(t, "internal/picture/testdata")
	seal := func(name string, opts ...EncryptOption) (*Sealed, *Opened) {
		t.Helper()
		sealed, err := m.Encrypt(ctx, files[name], k, opts...)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := m.Decrypt(ctx, sealed.PNG, k)
		if err != nil {
			t.Fatal(err)
		}
		return sealed, opened
	}
	sealed, opened := seal("all metadata.png")
	if !bytes.Contains(opened.PNG, picturetest.Metadata) || sealed.Picture.Notes != nil {
		t.Errorf("PNG: notes %q", sealed.Picture.Notes)
	}
	if _, opened = seal("all metadata.png", WithContent(ContentSamples)); opened.Picture.Chunks != nil || bytes.Contains(opened.PNG, []byte("gAMA")) {
		t.Error("PNG: chunks that were to be dropped")
	}
	if sealed, _ = seal("all metadata.png", WithContent(ContentFile(""))); sealed.Picture.Notes != nil {
		t.Errorf("PNG as a file: notes %q", sealed.Picture.Notes)
	}

	const photo = "all metadata.jpg"
	sealed, opened = seal(photo)
	for _, part := range []string{"pHYs\x00\x00\x0b\x13\x00\x00\x2e\x23\x01", "iTXtXML:com.adobe.xmp\x00\x00\x00\x00\x00<x:xmpmeta xmlns:x='adobe:ns:meta/'><a tiff:Orientation='1'/></x:xmpmeta>",
		"iTXtComment\x00\x00\x00\x00\x00gr\u00fcn", "eXIfMM"} {
		if !bytes.Contains(opened.PNG, []byte(part)) {
			t.Errorf("JPEG: without %q", part)
		}
	}
	if notes := strings.Join(sealed.Picture.Notes, "; "); !strings.Contains(notes, "another picture") || !strings.Contains(notes, "APP13 (Photoshop, IPTC)") {
		t.Errorf("JPEG: notes %q", notes)
	}
	// If metadata is dropped on request, a note still names what is not metadata.
	sealed, _ = seal(photo, WithContent(ContentSamples))
	if notes := strings.Join(sealed.Picture.Notes, "; "); !strings.Contains(notes, "another picture") || strings.Contains(notes, "APP13") {
		t.Errorf("JPEG without metadata: notes %q", notes)
	}
	sealed, opened = seal(photo, WithContent(ContentFile("")))
	if notes := sealed.Picture.Notes; len(notes) != 1 || !strings.HasPrefix(notes[0], "the original file is kept, so nothing is lost") || !bytes.Equal(opened.File, files[photo]) {
		t.Errorf("JPEG as a file: notes %q", notes)
	}
}

// named reports whether got is the right name for a file: before, if it has an extension of the file's
// kind, or else before with the usual extension of the kind.
func named(got, before string, file []byte) bool {
	extensions := picture.Extensions(file)
	if slices.Contains(extensions, filepath.Ext(before)) {
		return got == before
	}
	return strings.HasPrefix(got, strings.TrimSuffix(before, filepath.Ext(before))) && filepath.Ext(got) == extensions[0]
}

// TestWhatIsSealedOpens checks that Encrypt refuses a picture within the limit if its cipher image, with the
// kept file, would exceed the limit and could not be opened.
func TestWhatIsSealedOpens(t *testing.T) {
	usual, usualSealed := limits, maxSealedBytes
	defer func() { limits, maxSealedBytes = usual, usualSealed }()
	if maxSealedBytes != MaxFileBytes {
		t.Errorf("cipher images of %d bytes are made, and of %d opened", maxSealedBytes, MaxFileBytes)
	}
	m, k, ctx := fakeModel(), newKey(t), t.Context()
	file := photo(t, 40, 48, 1)
	s, err := m.Encrypt(ctx, file, k, WithContent(ContentFile("")))
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range []int{0, -1} {
		maxSealedBytes = len(s.PNG) + more
		limits.Bytes = int64(maxSealedBytes)
		again, err := m.Encrypt(ctx, file, k, WithContent(ContentFile("")))
		if more < 0 {
			if CodeOf(err) != TooLarge || again != nil {
				t.Errorf("one byte over the bound: %v, want %q", err, TooLarge)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if o, err := m.Decrypt(ctx, again.PNG, k); err != nil || !bytes.Equal(o.File, file) {
			t.Errorf("at the bound: %v", err)
		}
	}
}

// TestOtherFile opens cipher images that a hostile program has sealed, with another file or a dangerous name
// next to a valid picture.
func TestOtherFile(t *testing.T) {
	m, k, ctx := fakeModel(), newKey(t), t.Context()
	file := photo(t, 20, 24, 1)
	s, err := m.Encrypt(ctx, file, k, WithContent(ContentFile("photo.png")))
	if err != nil {
		t.Fatal(err)
	}
	seal := reseal(t, m, s.PNG, k)
	turned := photo(t, 24, 20, 1)
	program := append([]byte("MZ"), file...)
	for name, other := range map[string][]byte{
		"a program":                 program,
		"nothing":                   {},
		"a page":                    []byte("<html><script>alert(1)</script></html>"),
		"a damaged picture":         file[:len(file)/2],
		"another picture":           photo(t, 20, 24, 2),
		"a picture of another size": turned,
		"one of 400 megapixels":     declare(20_000),
	} {
		png := seal(func(r record.Record) { r[record.File] = other })
		if o, err := m.Decrypt(ctx, png, k); CodeOf(err) != NotExact || !errors.Is(err, ErrOtherFile) || o != nil {
			t.Errorf("%s: %v, want %q", name, err, NotExact)
		}
		o, err := m.Decrypt(ctx, png, k, AcceptApproximate())
		if err != nil {
			t.Errorf("%s: approximately: %v", name, err)
			continue
		}
		if o.Exact || o.File != nil || o.Name != "" || CodeOf(o.Fault) != NotExact {
			t.Errorf("%s: approximately: exact %v, %d bytes as %q, fault %v", name, o.Exact, len(o.File), o.Name, o.Fault)
		}
		if o.Picture.Digest() != s.Picture.Digest() {
			t.Errorf("%s: the picture itself did not come back", name)
		}
		if v, err := m.Verify(ctx, png, k); CodeOf(err) != NotExact || v != nil {
			t.Errorf("%s: it verifies: %v", name, err)
		}
	}

	// A file of the same samples cannot be told from the original.
	again, err := s.Picture.PNG()
	if err != nil {
		t.Fatal(err)
	}
	png := seal(func(r record.Record) { r[record.File] = again })
	if o, err := m.Decrypt(ctx, png, k); err != nil || !o.Exact || !bytes.Equal(o.File, again) {
		t.Errorf("another file of the same samples: %v", err)
	}
	// The kept file is proven without a generator.
	png = seal(func(r record.Record) { r[record.Residual] = []byte{0, 0, 0, 0} })
	if o, err := m.Decrypt(ctx, png, k, AcceptApproximate()); err != nil || o.Exact || !bytes.Equal(o.File, file) || !errors.Is(o.Fault, errNotExact) {
		t.Errorf("the file of a picture that did not come back: %v", err)
	}

	for sealed, want := range map[string]string{
		"photo.png": "photo.png", "photo.exe": "photo.exe.png", "photo\u202egnp.exe": "photognp.exe.png", "CON": "_CON.png", "a:b.png": "a_b.png", ".bashrc": "bashrc.png",
		"photo.jpg": "photo.png", "photo.png. ": "photo.png", strings.Repeat("x", 255): strings.Repeat("x", 251) + ".png", "\u202e": "",
	} {
		png := seal(func(r record.Record) { r[record.Name] = []byte(sealed) })
		if o, err := m.Decrypt(ctx, png, k); err != nil || o.Name != want {
			t.Errorf("sealed as %q, it is called %q, want %q; %v", sealed, o.Name, want, err)
		}
		if v, err := m.Verify(ctx, png, k); err != nil || v.Name != want {
			t.Errorf("sealed as %q, it verifies as %q, want %q; %v", sealed, v.Name, want, err)
		}
	}
	for name, change := range map[string]func(record.Record){
		"a name without a file": func(r record.Record) { delete(r, record.File) },
		"a path":                func(r record.Record) { r[record.Name] = []byte("../photo.png") },
		"no UTF-8":              func(r record.Record) { r[record.Name] = []byte("\xff.png") },
	} {
		if _, err := m.Decrypt(ctx, seal(change), k); CodeOf(err) != UnsupportedVersion {
			t.Errorf("%s: %v, want %q", name, err, UnsupportedVersion)
		}
	}
}

// reseal returns a function that seals a cipher image again with a changed record.
func reseal(t *testing.T, m *Model, png []byte, k Key) func(change func(record.Record)) []byte {
	t.Helper()
	sealed, err := container.Parse(png, limits)
	if err != nil {
		t.Fatal(err)
	}
	subkeys := k.Subkeys(sealed.Header.Nonce)
	text, err := sealed.Open(subkeys, m.network.StatisticsBytes())
	if err != nil {
		t.Fatal(err)
	}
	whole, err := record.Decode(text.Record)
	if err != nil {
		t.Fatal(err)
	}
	return func(change func(record.Record)) []byte {
		r := maps.Clone(whole)
		change(r)
		file, err := container.Seal(sealed.Header, subkeys, bytes.Clone(text.Levels), text.Statistics, r.Encode())
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
}
