package models

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"enciphergan/internal/network"
)

// TestExternalModels checks the digests against the files in the repository, and that Names lists every model there.
func TestExternalModels(t *testing.T) {
	for name, want := range external {
		files, err := network.ReadFiles(os.DirFS(name))
		if err != nil {
			t.Fatal(err)
		}
		if got := digest(files); got != want {
			t.Errorf("%s: the digest is %s, and %s in the table", name, got, want)
		}
	}
	cards, err := filepath.Glob("*/card.json")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, card := range cards {
		folders = append(folders, filepath.Dir(card))
	}
	if names := Names(); !slices.Equal(names, folders) {
		t.Errorf("the names are %v, the folders %v", names, folders)
	}
}

// TestExternalModelIsFound checks that Files finds an external model in the folder models of the working
// directory, and only with the digest of the shipped one.
func TestExternalModelIsFound(t *testing.T) {
	const name = "paper-stats"
	original, err := network.ReadFiles(os.DirFS(name))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if _, err := Files(name); !errors.Is(err, ErrMissing) {
		t.Errorf("without its files: %v", err)
	}
	if slices.Contains(Installed(), name) || !slices.Contains(Installed(), Default) {
		t.Errorf("installed: %v", Installed())
	}
	dir := filepath.Join("models", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, f := range original.List() {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if files, err := Files(name); err != nil || digest(files) != external[name] {
		t.Errorf("with its files: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "card.json"), append(original.Card, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Files(name); err == nil {
		t.Error("changed files are taken for the shipped model")
	}
}
