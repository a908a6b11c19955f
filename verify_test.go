package encipher

import (
	"testing"

	"enciphergan/internal/picture/picturetest"
)

// TestVerify checks that a cipher image matches the file that it was made from and the file that it is
// decrypted to, with exactly their metadata, and no other.
func TestVerify(t *testing.T) {
	m, k := fakeModel(), newKey(t)
	other := photo(t, 20, 30, 99)
	bare, kept := 0, 0
	for name, file := range picturetest.Awkward(t, "internal/picture/testdata") {
		s, err := m.Encrypt(t.Context(), file, k)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		v, err := m.Verify(t.Context(), s.PNG, k)
		if err != nil || !v.Exact || v.File != nil || v.Digest != s.Picture.Digest() {
			t.Errorf("%s: %+v, %v", name, v, err)
			continue
		}
		opened, err := m.Decrypt(t.Context(), s.PNG, k)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		metadata := s.Picture.EXIF != nil || s.Picture.ICC != nil || s.Picture.Chunks != nil
		for _, c := range []struct {
			what    string
			file    []byte
			content Content
			want    bool
		}{
			{"its file", file, ContentPicture, true},
			{"what it is decrypted to", opened.PNG, ContentPicture, true},
			{"another picture", other, ContentPicture, false},
			{"its file without metadata", file, ContentSamples, !metadata},
		} {
			if got, err := v.Matches(c.file, c.content); err != nil || got != c.want {
				t.Errorf("%s: %s: %v, %v, want %v", name, c.what, got, err, c.want)
			}
		}
		if metadata {
			kept++
		} else {
			bare++
		}
		if _, err := v.Matches([]byte("no picture"), ContentPicture); CodeOf(err) != BadPicture {
			t.Errorf("%s: no picture: %v", name, err)
		}

		off, err := m.Encrypt(t.Context(), file, k, WithContent(ContentApproximate))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if v, err = m.Verify(t.Context(), off.PNG, k); err != nil || v.Exact {
			t.Errorf("%s: approximately: %+v, %v", name, v, err)
			continue
		}
		if same, err := v.Matches(file, ContentPicture); same || err != nil {
			t.Errorf("%s: what was kept approximately is taken for exact: %v", name, err)
		}
	}
	if bare == 0 || kept == 0 {
		t.Errorf("%d pictures without metadata, %d with", bare, kept)
	}
	s, err := m.Encrypt(t.Context(), other, k)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Verify(t.Context(), s.PNG, newKey(t)); CodeOf(err) != WrongKey {
		t.Errorf("another key: %v", err)
	}
	if _, err := m.Verify(t.Context(), s.PNG, Key{}); CodeOf(err) != BadKey {
		t.Errorf("no key: %v", err)
	}
	s.PNG[len(s.PNG)/2] ^= 1
	if _, err := m.Verify(t.Context(), s.PNG, k); CodeOf(err) != Changed {
		t.Errorf("a changed byte: %v", err)
	}
}
