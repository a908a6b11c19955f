package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestFilesAreCurrent(t *testing.T) {
	assembly, declarations, err := write()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]byte{assemblyFile: assembly, declarationsFile: declarations} {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from the output of the generator; run go generate ./internal/kernel", name)
		}
	}
}
