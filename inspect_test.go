package encipher

import (
	"strings"
	"testing"

	"enciphergan/internal/lock"
)

func TestEstimate(t *testing.T) {
	m := fakeModel()
	file := photo(t, 150, 300, 1)
	c, err := m.Estimate(file, 2)
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.Encrypt(t.Context(), file, newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	if c.Width != 300 || c.Height != 150 || c.FileBytes > int64(len(s.PNG)) || c.FileBytes < int64(len(s.PNG))*95/100 {
		t.Errorf("%+v, and the file has %d bytes", c, len(s.PNG))
	}
	one, err := m.Estimate(file, 1)
	if err != nil || one.MemoryBytes >= c.MemoryBytes || one.MemoryBytes < 16*300*150 {
		t.Errorf("one worker takes %d bytes, two %d: %v", one.MemoryBytes, c.MemoryBytes, err)
	}
	if _, err := m.Estimate(declare(100_000), 1); CodeOf(err) != TooLarge {
		t.Errorf("10^10 pixels: %v", err)
	}
}

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
	phrase, err := lock.NewPassphrase("a passphrase")
	if err != nil {
		t.Fatal(err)
	}
	k, slot, err := phrase.Wrap(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s, err = m.Encrypt(t.Context(), file, wrapped{k, slot}); err != nil {
		t.Fatal(err)
	}
	if i, err := Inspect(s.PNG); err != nil || i.Slot != slot || !i.IsFor(k) {
		t.Errorf("with a slot: %v", err)
	}
	if i, err := m.Inspect(s.PNG); err != nil || i.Slot != slot || !i.IsFor(k) {
		t.Errorf("by the model: %v", err)
	}
	stranger := &Model{network: &fake{name: "stranger", tiling: m.network.Tiling()}}
	if i, err := stranger.Inspect(s.PNG); i != nil || CodeOf(err) != OtherModel {
		t.Errorf("by another model: %v", err)
	}
	if o, err := m.Decrypt(t.Context(), s.PNG, k); err != nil || !o.Exact {
		t.Errorf("with a slot: %v", err)
	}
	if _, err := m.Decrypt(t.Context(), s.PNG, other); CodeOf(err) != WrongKey || !strings.Contains(err.Error(), "passphrase") {
		t.Errorf("another key, where a passphrase is wanted: %v", err)
	}
	if _, err := m.Encrypt(t.Context(), file, wrapped{k, Slot{Kind: 9}}); err == nil {
		t.Error("an unknown kind of slot is written")
	}
	if i, err := Inspect(file); i != nil || CodeOf(err) != NotCipher {
		t.Errorf("a photo: %v", err)
	}
	if i, err := Inspect(s.PNG[:len(s.PNG)/2]); i != nil || CodeOf(err) != Changed {
		t.Errorf("half a file: %v", err)
	}
}
