package encipher

import (
	"bytes"
	"fmt"
	"testing"

	"enciphergan/internal/picture"
	"enciphergan/internal/picture/picturetest"
)

// TestAwkwardPictures decrypts each and compares every part of it.
func TestAwkwardPictures(t *testing.T) {
	m, k, ctx := fakeModel(), newKey(t), t.Context()
	parts := func(p *Picture) string {
		return fmt.Sprintf("samples %x, EXIF %x, profile of %d bytes", p.Digest(), p.EXIF, len(p.ICC))
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
