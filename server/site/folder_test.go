package site_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// contents reads a folder.
func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		found[name], err = fs.ReadFile(root, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestFolder(t *testing.T) {
	s := fill(t, "/pictures/")
	about := read(t, s)
	v := "v/" + about.Version + "/"
	dir := filepath.Join(t.TempDir(), "new", "site")
	if err := s.WriteFolder(dir); err != nil {
		t.Fatal(err)
	}
	files := contents(t, dir)
	for _, name := range []string{"index.html", "index.html.br", "index.html.gz", "sw.js", "page.js", v + "page.js.br", v + "encipher.wasm", v + "encipher.wasm.br",
		"models/index.json", about.Models[0].Folder + "card.json", about.Models[1].Folder + "model.age"} {
		if files[name] == nil {
			t.Errorf("there is no %s", name)
		}
	}

	// The checksums list every file except their own.
	listed := 0
	for line := range strings.Lines(string(files["SHA256SUMS"])) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if got := sha256.Sum256(files[name]); hex.EncodeToString(got[:]) != sum {
			t.Errorf("the checksum of %s is not that of the file", name)
		}
		listed++
	}
	if listed != len(files)-1 {
		t.Errorf("%d checksums of %d files", listed, len(files)-1)
	}

	// The header rules set the fields that the server sets for each file.
	rules := map[string]map[string]string{}
	var rule map[string]string
	for line := range strings.Lines(string(files["_headers"])) {
		switch line = strings.TrimRight(line, "\n"); {
		case strings.HasPrefix(line, "/"):
			rule = map[string]string{}
			rules[strings.TrimSuffix(line, "*")] = rule
		case line != "":
			name, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
			if !ok || !strings.HasPrefix(line, "  ") {
				t.Fatalf("_headers has the line %q", line)
			}
			rule[name] = value
		}
	}
	for name := range files {
		w := get(t, s, "/pictures/"+name, nil)
		if w.Code != 200 {
			continue // a form, or a file about the folder
		}
		fields := map[string]string{}
		for prefix, rule := range rules {
			if !strings.HasPrefix("/pictures/"+name, prefix) {
				continue
			}
			for field, value := range rule {
				if fields[field] != "" {
					t.Errorf("two rules give %s the field %s", name, field)
				}
				fields[field] = value
			}
		}
		if fields["Cache-Control"] == "" {
			fields["Cache-Control"] = "no-cache"
		}
		for field, value := range fields {
			if got := w.Header().Get(field); got != value {
				t.Errorf("%s: _headers gives %s %q, the server %q", name, field, value, got)
			}
		}
		if len(fields) != len(required)+2 {
			t.Errorf("%s has the fields %v", name, fields)
		}
	}

	// Equal sites export equal bytes, and no folder is overwritten.
	again := filepath.Join(t.TempDir(), "again")
	if err := os.Mkdir(again, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := fill(t, "/pictures/").WriteFolder(again); err != nil {
		t.Fatal(err)
	}
	for name, content := range contents(t, again) {
		if !bytes.Equal(content, files[name]) {
			t.Errorf("%s differs the second time", name)
		}
	}
	if err := s.WriteFolder(again); err == nil {
		t.Error("a folder with files was written over")
	}
	if beside, err := os.ReadDir(filepath.Dir(again)); err != nil || len(beside) != 1 {
		t.Errorf("there is %v beside the folder (%v)", beside, err)
	}
}
