package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"enciphergan/internal/network"
	"enciphergan/server/site"
)

func TestOwnModels(t *testing.T) {
	dir := t.TempDir()
	if _, err := ownModels(dir); err == nil {
		t.Error("a folder without models was accepted")
	}
	if _, err := ownModels(filepath.Join(dir, "missing")); err == nil {
		t.Error("a folder that does not exist was accepted")
	}
	mine := filepath.Join(dir, "mine")
	if err := os.Mkdir(mine, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := ownModels(dir); err == nil {
		t.Error("a model without files was accepted")
	}
	for _, name := range []string{"card.json", "encryption.onnx", "decryption.onnx"} {
		if err := os.WriteFile(filepath.Join(mine, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	own, err := ownModels(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := site.New()
	if err := addModels(s, own); err != nil {
		t.Fatal(err)
	}
	if got := get(t, s, "/models/mine/encryption.onnx"); got != "encryption.onnx" {
		t.Errorf("the model is not served: %q", got)
	}
}

// The default model is offered first, and models with a note are offered last.
func TestOrderOfModels(t *testing.T) {
	plain, noted, broken := network.Files{Card: []byte("{}")}, network.Files{Card: []byte(`{"note":"to measure with"}`)}, network.Files{Card: []byte("{")}
	s := site.New()
	if err := addModels(s, []model{{"alpha", noted}, {"beta", broken}, {"default", plain}, {"default-2", noted}, {"paper", plain}}); err != nil {
		t.Fatal(err)
	}
	if got, want := get(t, s, "/models/index.json"), `{"models":["default","beta","paper","alpha","default-2"]}`; got != want {
		t.Errorf("the index is %s, want %s", got, want)
	}
}

func get(t *testing.T, s *site.Site, path string) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	if w.Code != 200 {
		t.Errorf("%s: status %d", path, w.Code)
	}
	return w.Body.String()
}
