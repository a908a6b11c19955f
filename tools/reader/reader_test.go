// Package reader tests the second reader of cipher images, JavaScript for Node.js that was written from the documents alone.
package reader

import (
	"os"
	"os/exec"
	"testing"
)

// node runs a script of this directory, or skips where Node.js or the packages from npm are missing.
func node(t *testing.T, arguments ...string) {
	t.Helper()
	missing := func(what string) {
		if os.Getenv("CI") != "" {
			t.Fatal(what)
		}
		t.Skip(what)
	}
	program, err := exec.LookPath("node")
	if err != nil {
		missing("needs Node.js 20 or later")
	}
	if _, err := os.Stat("node_modules/age-encryption"); err != nil {
		missing("needs the packages from npm: make tools/reader/node_modules/.package-lock.json")
	}
	output, err := exec.Command(program, arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("node %q: %v\n%s", arguments, err, output)
	}
	t.Logf("%s", output)
}

// TestCorpus checks that every file of the corpus is opened, or refused by the listed step.
func TestCorpus(t *testing.T) {
	node(t, "corpus.mjs", "../../testdata/corpus", "../../models/default")
}

// TestVectors checks the vectors of keys, containers, residuals, keyed layers and arithmetic.
func TestVectors(t *testing.T) {
	node(t, "--test", "vectors.test.mjs")
}
