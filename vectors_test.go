package encipher

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"enciphergan/models"
)

// TestFileVector checks both directions for the shipped model: key, nonce and
// picture give exactly the stored file, and that file gives exactly the picture.
// The same files are tested in a browser. ENCIPHER_UPDATE=1 writes the stored file
// again, for an intended change of the format, the model or the arithmetic.
func TestFileVector(t *testing.T) {
	read := func(name string) []byte {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var v struct{ Model, Key, Nonce, Digest string }
	if err := json.Unmarshal(read("vector.json"), &v); err != nil {
		t.Fatal(err)
	}
	files, err := models.Files(v.Model)
	if err != nil {
		t.Fatal(err)
	}
	m, err := OpenModel(files)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ParseKey(v.Key)
	if err != nil {
		t.Fatal(err)
	}
	nonce, err := hex.DecodeString(v.Nonce)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := m.Encrypt(t.Context(), read("photo.png"), k, WithFixedNonce([24]byte(nonce)))
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("ENCIPHER_UPDATE") != "" {
		if err := os.WriteFile("testdata/photo.cipher.png", sealed.PNG, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	stored := read("photo.cipher.png")
	if i, err := Inspect(stored); err != nil || i.Model != m.Fingerprint() {
		t.Fatalf("the stored file is of another model, or none: %v", err)
	}
	if !bytes.Equal(sealed.PNG, stored) {
		t.Error("the picture gives another file")
	}
	opened, err := m.Decrypt(t.Context(), stored, k)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%x", opened.Picture.Digest()); got != v.Digest || !opened.Exact {
		t.Errorf("the file gives another picture, of digest %s", got)
	}
}
