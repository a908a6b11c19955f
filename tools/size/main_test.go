package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// page is a site in small: what the first visit loads, and what it does not.
func page() fstest.MapFS {
	files := fstest.MapFS{}
	for name, content := range map[string]string{
		"index.html":                     `<link rel="icon" href="icon.svg"><script type="module" src="page.js"></script><a href="https://example.org/">`,
		"icon.svg":                       "<svg/>",
		"page.js":                        "import { Pool } from \"./pool.js\";\nawait import(\"./later.js\");\n",
		"pool.js":                        `new URL("worker.js", base)`,
		"worker.js":                      "import \"./wasm_exec.js\";\nfetch(new URL(\"encipher.wasm\", import.meta.url))\n",
		"wasm_exec.js":                   "",
		"encipher.wasm":                  "\x00asm",
		"later.js":                       "later",
		"models/index.json":              `{"models":["default","second"]}`,
		"models/default/card.json":       "{}",
		"models/default/encryption.onnx": "e",
		"models/default/decryption.onnx": "d",
	} {
		files[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return files
}

func visited(t *testing.T, files fstest.MapFS) ([]file, error) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := files["index.html"]; !ok && r.URL.Path == "/" {
			http.NotFound(w, r) // and no list of the folder
			return
		}
		http.FileServerFS(files).ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	return visit(t.Context(), base)
}

func TestVisit(t *testing.T) {
	found, err := visited(t, page())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range found {
		names = append(names, f.path)
	}
	slices.Sort(names)
	want := strings.Fields("encipher.wasm icon.svg index.html models/default/card.json models/default/decryption.onnx " +
		"models/default/encryption.onnx models/index.json page.js pool.js wasm_exec.js worker.js")
	if !slices.Equal(names, want) {
		t.Errorf("visited %v, want %v", names, want)
	}
}

func TestMissingFilesAreErrors(t *testing.T) {
	for name := range page() {
		if name == "later.js" {
			continue
		}
		files := page()
		delete(files, name)
		if _, err := visited(t, files); err == nil {
			t.Errorf("nothing is said of the missing %s", name)
		}
	}
}

func TestUnreachedWasmIsAnError(t *testing.T) {
	files := page()
	files["worker.js"].Data = []byte(`import "./wasm_exec.js";`)
	if _, err := visited(t, files); err == nil || !strings.Contains(err.Error(), "encipher.wasm") {
		t.Errorf("a visit without the wasm: %v", err)
	}
}

func TestBudget(t *testing.T) {
	files := []file{{"a", 9, 5, 4}, {"b", 9, 5, 3}}
	if err := report(io.Discard, files, 7); err != nil {
		t.Error(err)
	}
	if err := report(io.Discard, files, 6); err == nil {
		t.Error("7 bytes fit into 6")
	}
}
