package encipher

import (
	"bytes"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// TestUnlock checks that a picture is opened by its own secret only, also if it is given with others.
func TestUnlock(t *testing.T) {
	m := fakeModel()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	words, err := ProposePassphrase()
	if err != nil || len(bytes.Fields([]byte(words))) != 7 {
		t.Fatalf("proposed %q: %v", words, err)
	}
	must := func(id Identity, err error) Identity {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	mine := newKey(t)
	right := map[string]Identity{}
	recipients := map[string]Recipient{"key": mine}
	p, err := NewPassphrase(words)
	right["key"], right["passphrase"], recipients["passphrase"] = mine, must(p, err), p
	r, err := ParseRecipients(identity.Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	recipients["recipients"] = r
	i, err := ParseIdentities(identity.String())
	right["recipients"] = must(i, err)
	o, err := ParseIdentities(stranger.String())
	other := must(o, err)
	q, err := NewPassphrase("another")
	wrong := []Identity{newKey(t), must(q, err), other}
	for name, to := range recipients {
		s, err := m.Encrypt(t.Context(), photo(t, 20, 20, 1), to)
		if err != nil {
			t.Fatal(err)
		}
		info, err := Inspect(s.PNG)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := info.Unlock(t.Context(), wrong...); CodeOf(err) != WrongKey {
			t.Errorf("%s: wrong secrets: %v", name, err)
		}
		found, err := info.Unlock(t.Context(), append(wrong, right[name])...)
		if err != nil || !info.IsFor(found) {
			t.Errorf("%s: %v", name, err)
		}
		for _, id := range []Identity{right[name], found} {
			if o, err := m.Decrypt(t.Context(), s.PNG, id); err != nil || !o.Exact {
				t.Errorf("%s: decrypted with %T: %v", name, id, err)
			}
		}
		for _, id := range wrong {
			if _, err := m.Decrypt(t.Context(), s.PNG, id); CodeOf(err) != WrongKey {
				t.Errorf("%s: decrypted with a wrong %T: %v", name, id, err)
			}
		}
	}
	for name, f := range map[string]func() error{
		"passphrase": func() error { _, err := NewPassphrase(""); return err },
		"recipients": func() error { _, err := ParseRecipients("age1nonsense"); return err },
		"identities": func() error { _, err := ParseIdentities("AGE-SECRET-KEY-1"); return err },
	} {
		if err := f(); CodeOf(err) != BadKey {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func newPassphrase(t *testing.T, text string) *Passphrase {
	t.Helper()
	p, err := NewPassphrase(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSealedModel(t *testing.T) {
	files := ModelFiles{Card: []byte("{}"), Encryption: []byte("one"), Decryption: []byte("two")}
	p, q := newPassphrase(t, "a passphrase"), newPassphrase(t, "another")
	sealed, err := SealModel(files, p)
	if err != nil {
		t.Fatal(err)
	}
	back, err := UnsealModel(sealed, q, p)
	if err != nil || !bytes.Equal(back.Card, files.Card) || !bytes.Equal(back.Encryption, files.Encryption) || !bytes.Equal(back.Decryption, files.Decryption) {
		t.Errorf("the model came back as %+v: %v", back, err)
	}
	if _, err := UnsealModel(sealed, q); CodeOf(err) != WrongKey {
		t.Errorf("another passphrase: %v", err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	noModel, err := p.Seal([]byte("no archive"))
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{"changed": changed, "nonsense": []byte("nonsense"), "no archive": noModel} {
		if _, err := UnsealModel(file, p); CodeOf(err) != BadModel {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBareCipher checks that a bare cipher image is read only with AcceptBareCipher, and reported as not sealed.
func TestBareCipher(t *testing.T) {
	m, k := fakeModel(), newKey(t)
	s, err := m.Encrypt(t.Context(), photo(t, 37, 90, 1), k, WithContent(ContentBareCipher))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := Inspect(s.PNG); err != nil || info.Sealed {
		t.Errorf("it is shown as sealed: %+v, %v", info, err)
	}
	if o, err := m.Decrypt(t.Context(), s.PNG, k); CodeOf(err) != NotSealed || o != nil {
		t.Errorf("opened like a sealed file: %v", err)
	}
	o, err := m.Decrypt(t.Context(), s.PNG, k, AcceptBareCipher())
	if err != nil {
		t.Fatal(err)
	}
	if o.Sealed || o.Exact || o.Promised || !bytes.Equal(o.NeuralCipher.RGB, s.NeuralCipher.RGB) || o.Picture.Width != 90 || o.Picture.Height != 37 {
		t.Errorf("it came back as %+v", o)
	}
	if _, err := m.Decrypt(t.Context(), s.PNG, newKey(t), AcceptBareCipher()); CodeOf(err) != WrongKey {
		t.Errorf("another key: %v", err)
	}
	sealed, err := m.Encrypt(t.Context(), photo(t, 37, 90, 1), k)
	if err != nil {
		t.Fatal(err)
	}
	if o, err := m.Decrypt(t.Context(), sealed.PNG, k, AcceptBareCipher()); err != nil || !o.Sealed || !o.Exact {
		t.Errorf("a sealed file with AcceptBareCipher: %v", err)
	}
}

func TestUnsealKeyFile(t *testing.T) {
	p, q := newPassphrase(t, "a passphrase"), newPassphrase(t, "another")
	const text = "ENCIPHER-KEY-1…\n"
	sealed, err := SealKeyFile(text, p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := SealKeyFile(strings.Repeat("x", MaxKeyFileBytes+1), p); CodeOf(err) != BadKey {
		t.Errorf("a long key file: %v", err)
	}
	var armored bytes.Buffer
	w := armor.NewWriter(&armored)
	if _, err := w.Write(sealed); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{"binary": sealed, "armored": armored.Bytes()} {
		if sealed, passphrase := IsSealed(file); !sealed || !passphrase {
			t.Errorf("%s: IsSealed says %v, %v", name, sealed, passphrase)
		}
		if sealed, passphrase := IsSealed(file[1:]); sealed || passphrase {
			t.Errorf("%s without its first byte: IsSealed says %v, %v", name, sealed, passphrase)
		}
		if got, err := UnsealKeyFile(file, q, p); err != nil || got != text {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if _, err := UnsealKeyFile(file, q); CodeOf(err) != WrongKey {
			t.Errorf("%s, another passphrase: %v", name, err)
		}
	}
	// For age recipients: no passphrase opens the file. Sealing is refused for so many recipients that the file
	// would be too large to open.
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 100, 200} {
		to, err := ParseRecipients(strings.Repeat(id.Recipient().String()+"\n", n))
		if err != nil {
			t.Fatal(err)
		}
		ids, err := ParseIdentities(id.String())
		if err != nil {
			t.Fatal(err)
		}
		file, err := SealKeyFile(text, to)
		if n == 200 {
			if CodeOf(err) != BadKey {
				t.Errorf("for %d people: %v", n, err)
			}
			continue
		}
		if sealed, passphrase := IsSealed(file); err != nil || !sealed || passphrase {
			t.Errorf("for %d people: IsSealed says %v, %v; %v", n, sealed, passphrase, err)
		}
		if got, err := UnsealKeyFile(file, p, ids); err != nil || got != text {
			t.Errorf("for %d people: %q, %v", n, got, err)
		}
	}
	if _, err := UnsealKeyFile(make([]byte, MaxSealedKeyFileBytes+1), p); CodeOf(err) != BadKey {
		t.Errorf("a large file: %v", err)
	}
	long, err := p.Seal(make([]byte, MaxKeyFileBytes+1))
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for name, file := range map[string][]byte{"changed": changed, "long": long, "nonsense": []byte("nonsense"), "armor alone": []byte(armor.Header)} {
		if _, err := UnsealKeyFile(file, p); CodeOf(err) != BadKey {
			t.Errorf("%s: %v", name, err)
		}
	}
}
