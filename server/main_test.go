package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"enciphergan/server/site"
)

func TestOwnModels(t *testing.T) {
	dir := t.TempDir()
	if err := addOwnModels(site.New(), dir); err == nil {
		t.Error("a folder without models was accepted")
	}
	if err := addOwnModels(site.New(), filepath.Join(dir, "missing")); err == nil {
		t.Error("a folder that does not exist was accepted")
	}
	mine := filepath.Join(dir, "mine")
	if err := os.Mkdir(mine, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := addOwnModels(site.New(), dir); err == nil {
		t.Error("a model without files was accepted")
	}
	for _, name := range []string{"card.json", "encryption.onnx", "decryption.onnx"} {
		if err := os.WriteFile(filepath.Join(mine, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := site.New()
	if err := addOwnModels(s, dir); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/models/mine/encryption.onnx", nil))
	if w.Code != 200 || w.Body.String() != "encryption.onnx" {
		t.Errorf("the model is not served: %d %q", w.Code, w.Body)
	}
}

func TestDefaultModelComesFirst(t *testing.T) {
	for _, names := range [][]string{{"default", "paper"}, {"alpha", "default", "paper"}, {"paper"}} {
		got := defaultFirst(names)
		if slices.Contains(names, "default") && got[0] != "default" || len(got) != len(names) {
			t.Errorf("%v became %v", names, got)
		}
	}
}
