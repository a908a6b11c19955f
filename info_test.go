package encipher

import "testing"

func TestInspect(t *testing.T) {
	m, mine, other := fakeModel(), newKey(t), newKey(t)
	file := photo(t, 37, 90, 1)
	s, err := m.Encrypt(t.Context(), file, mine)
	if err != nil {
		t.Fatal(err)
	}
	i, err := Inspect(s.PNG)
	if err != nil {
		t.Fatal(err)
	}
	if i.Width != 90 || i.Height != 37 || i.PaddedWidth != 96 || i.PaddedHeight != 40 || i.Model != m.Fingerprint() {
		t.Errorf("%+v", i)
	}
	if !i.IsFor(mine) || i.IsFor(other) || i.IsFor(Key{}) {
		t.Error("the key is not told from others")
	}
	if i, err := Inspect(file); i != nil || CodeOf(err) != NotCipher {
		t.Errorf("a photo: %v", err)
	}
	if i, err := Inspect(s.PNG[:len(s.PNG)/2]); i != nil || CodeOf(err) != Changed {
		t.Errorf("half a file: %v", err)
	}
}
