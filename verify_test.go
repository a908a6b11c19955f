package encipher

import (
	"testing"

	"enciphergan/internal/picture/picturetest"
)

// TestVerify: a cipher image matches the file that it was made of and the one that it is
// decrypted to, with just their metadata, and no other.
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
		v, err := m.Verify(s.PNG, k)
		if err != nil || !v.Exact || v.File != nil || v.Digest != s.Plain.Digest() {
			t.Errorf("%s: %+v, %v", name, v, err)
			continue
		}
		opened, err := m.Decrypt(t.Context(), s.PNG, k)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		metadata := s.Plain.EXIF != nil || s.Plain.ICC != nil || s.Plain.Chunks != nil
		for _, c := range []struct {
			what string
			file []byte
			opts []Option
			want bool
		}{
			{"its file", file, nil, true},
			{"what it is decrypted to", opened.PNG, nil, true},
			{"another picture", other, nil, false},
			{"its file without metadata", file, []Option{WithoutMetadata()}, !metadata},
		} {
			if got, err := v.Matches(c.file, c.opts...); err != nil || got != c.want {
				t.Errorf("%s: %s: %v, %v, want %v", name, c.what, got, err, c.want)
			}
		}
		if metadata {
			kept++
		} else {
			bare++
		}
		if _, err := v.Matches([]byte("no picture")); CodeOf(err) != BadPicture {
			t.Errorf("%s: no picture: %v", name, err)
		}

		off, err := m.Encrypt(t.Context(), file, k, WithExact(ExactOff))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if v, err = m.Verify(off.PNG, k); err != nil || v.Exact {
			t.Errorf("%s: approximately: %+v, %v", name, v, err)
			continue
		}
		if same, err := v.Matches(file); same || err != nil {
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
	if _, err := m.Verify(s.PNG, newKey(t)); CodeOf(err) != WrongKey {
		t.Errorf("another key: %v", err)
	}
	if _, err := m.Verify(s.PNG, Key{}); CodeOf(err) != BadKey {
		t.Errorf("no key: %v", err)
	}
	s.PNG[len(s.PNG)/2] ^= 1
	if _, err := m.Verify(s.PNG, k); CodeOf(err) != Changed {
		t.Errorf("a changed byte: %v", err)
	}
}
