package encipher

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"enciphergan/internal/picture"
	"enciphergan/internal/picture/picturetest"
)

// TestAwkwardPictures decrypts each and compares every part of it.
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
		if opened, err = m.Decrypt(ctx, bare.PNG, k); err != nil || opened.Picture.Digest() != want.Digest() || opened.Picture.EXIF != nil || opened.Picture.ICC != nil || opened.Picture.Chunks != nil {
			t.Errorf("%s: without metadata: %v", name, err)
		}
		off, err := m.Encrypt(ctx, file, k, WithExact(ExactOff))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if opened, err = m.Decrypt(ctx, off.PNG, k); err != nil || opened.Exact || opened.Picture.Channels() != 3 || opened.Picture.Low != nil || opened.Picture.EXIF != nil || opened.Picture.Chunks != nil {
			t.Errorf("%s: approximately: %v", name, err)
		}
	}
}

// TestBesideSamples: what a PNG can hold beside the samples is in the one that comes back,
// and what it cannot is named, unless the file itself is kept.
func TestBesideSamples(t *testing.T) {
	m, k, ctx := fakeModel(), newKey(t), t.Context()
	files := picturetest.Awkward(t, "internal/picture/testdata")
	seal := func(name string, opts ...Option) (*Sealed, *Opened) {
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
	sealed, opened := seal("all beside.png")
	if !bytes.Contains(opened.PNG, picturetest.Beside) || sealed.Plain.Notes != nil {
		t.Errorf("PNG: notes %q", sealed.Plain.Notes)
	}
	if _, opened = seal("all beside.png", WithoutMetadata()); opened.Picture.Chunks != nil || bytes.Contains(opened.PNG, []byte("gAMA")) {
		t.Error("PNG: chunks that were to be dropped")
	}
	if sealed, _ = seal("all beside.png", WithExact(ExactFile)); sealed.Plain.Notes != nil {
		t.Errorf("PNG as a file: notes %q", sealed.Plain.Notes)
	}

	const photo = "all beside.jpg"
	sealed, opened = seal(photo)
	for _, part := range []string{"pHYs\x00\x00\x0b\x13\x00\x00\x2e\x23\x01", "iTXtXML:com.adobe.xmp\x00\x00\x00\x00\x00<x:xmpmeta xmlns:x='adobe:ns:meta/'><a tiff:Orientation='1'/></x:xmpmeta>",
		"iTXtComment\x00\x00\x00\x00\x00gr\u00fcn", "eXIfMM"} {
		if !bytes.Contains(opened.PNG, []byte(part)) {
			t.Errorf("JPEG: without %q", part)
		}
	}
	if notes := strings.Join(sealed.Plain.Notes, "; "); !strings.Contains(notes, "another picture") || !strings.Contains(notes, "APP13 (Photoshop, IPTC)") {
		t.Errorf("JPEG: notes %q", notes)
	}
	// With the metadata dropped on purpose, what is not metadata is still named.
	sealed, _ = seal(photo, WithoutMetadata())
	if notes := strings.Join(sealed.Plain.Notes, "; "); !strings.Contains(notes, "another picture") || strings.Contains(notes, "APP13") {
		t.Errorf("JPEG without metadata: notes %q", notes)
	}
	sealed, opened = seal(photo, WithExact(ExactFile))
	if notes := sealed.Plain.Notes; len(notes) != 1 || !strings.HasPrefix(notes[0], "the file itself is kept, so nothing is lost") || !bytes.Equal(opened.File, files[photo]) {
		t.Errorf("JPEG as a file: notes %q", notes)
	}
}
