// Package corpus reads testdata/corpus: cipher images that every reader must decrypt,
// with their expected content, and cipher images that every reader must refuse,
// with the numbered step of "Reading" in docs/format.md that refuses them. The tests of Go,
// WebAssembly and tools/reader use the same files.
//
// Main path: Load returns the cases; ENCIPHER_UPDATE=1 go test . -run TestCorpus
// writes the files again.
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

	// One of the three decrypts the file.
	Key        string `json:"key,omitempty"`        // text of a key
	Passphrase string `json:"passphrase,omitempty"` // see docs/format.md
	Identity   string `json:"identity,omitempty"`   // of age

	// For a file that must be decrypted.
	Digest   string `json:"digest,omitempty"`   // of the picture, in hexadecimal
	Original string `json:"original,omitempty"` // SHA-256 of the kept file, in hexadecimal
	Name     string `json:"name,omitempty"`     // of the kept file

	// For a file that must be refused.
	Step  int    `json:"step,omitempty"`  // of "Reading"
	Error string `json:"error,omitempty"` // the code of this module's error
}

// List is the content of corpus.json.
type List struct {
	About string `json:"about"`
	Model string `json:"model"` // fingerprint of the model that made the files, in hexadecimal
	Cases []Case `json:"cases"`
}

// Load reads the list in a folder. An empty list fails the test.
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

// Read returns the content of the file of a case.
func (c Case) Read(t testing.TB, folder string) []byte {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(folder, c.File))
	if err != nil {
		t.Fatal(err)
	}
	return file
}
