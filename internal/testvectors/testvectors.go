// Package testvectors finds public test vectors in the module cache: those of
// Wycheproof and of the Community Cryptography Test Vectors. Their versions and
// checksums are those of tools/vectors/go.mod.
//
// Main path: Folder returns the folder of a module; Read decodes a file in it.
package testvectors

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The modules.
const (
	Wycheproof = "github.com/c2sp/wycheproof"
	Age        = "c2sp.org/CCTV/age"
)

// Folder returns the folder of a module, and downloads the module if it is not in the module
// cache. Without a network it skips the test, except in CI. root is the folder of this module.
func Folder(t testing.TB, root, module string) string {
	t.Helper()
	c := exec.Command("go", "mod", "download", "-json", module)
	c.Dir = filepath.Join(root, "tools", "vectors")
	out, err := c.Output()
	var answer struct{ Dir, Error string }
	if problem := json.Unmarshal(out, &answer); problem != nil {
		t.Fatalf("go mod download: %v, %v", err, problem)
	}
	if answer.Dir == "" {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s cannot be downloaded: %s", module, answer.Error)
		}
		t.Skipf("skipped the vectors of %s, which cannot be downloaded: %s", module, answer.Error)
	}
	return answer.Dir
}

// Read decodes a JSON file of vectors.
func Read(t testing.TB, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}
