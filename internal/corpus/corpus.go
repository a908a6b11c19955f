// Package corpus reads testdata/corpus: cipher images that every reader must open,
// with what it must find in them, and cipher images that every reader must refuse,
// with the numbered step of "Reading" in docs/format.md that refuses them. Go,
// WebAssembly and tools/reader run the same files.
//
// Main path: Load gives the cases; ENCIPHER_UPDATE=1 go test . -run TestCorpus
// writes the files anew.
package corpus

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Case is one cipher image. Either Digest or Step is set.
type Case struct {
	File  string `json:"file"`
	About string `json:"about"`

	// What opens it: one of the three.
	Key        string `json:"key,omitempty"`        // text of a key
	Passphrase string `json:"passphrase,omitempty"` // see docs/format.md
	Identity   string `json:"identity,omitempty"`   // of age

	// Of a file that opens.
	Digest   string `json:"digest,omitempty"`   // of the picture, in hexadecimal
	Original string `json:"original,omitempty"` // SHA-256 of the kept file, in hexadecimal
	Name     string `json:"name,omitempty"`     // of the kept file

	// Of a file that is refused.
	Step  int    `json:"step,omitempty"`  // of "Reading"
	Error string `json:"error,omitempty"` // the code of this module's error
}

// List is the content of corpus.json.
type List struct {
	About string `json:"about"`
	Model string `json:"model"` // fingerprint of the model that made the files, in hexadecimal
	Cases []Case `json:"cases"`
}

// Load reads the list in a folder. One without cases fails the test.
func Load(t testing.TB, folder string) List {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, "corpus.json"))
	if err != nil {
		t.Fatal(err)
	}
	var l List
	if err := json.Unmarshal(data, &l); err != nil {
		t.Fatal(err)
	}
	if len(l.Cases) == 0 {
		t.Fatalf("%s has no cases", folder)
	}
	return l
}

// Read gives the bytes of a case's file.
func (c Case) Read(t testing.TB, folder string) []byte {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(folder, c.File))
	if err != nil {
		t.Fatal(err)
	}
	return file
}
