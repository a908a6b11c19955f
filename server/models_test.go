package main

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"enciphergan/internal/network"
	"enciphergan/server/site"
)

const sealedModel = ageIntroduction + "-> scrypt\n"

func write(t *testing.T, path string, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestOwnModels(t *testing.T) {
	dir := t.TempDir()
	if _, err := ownModels(dir); err == nil {
		t.Error("a folder without models was accepted")
	}
	if _, err := ownModels(filepath.Join(dir, "missing")); err == nil {
		t.Error("a folder that does not exist was accepted")
	}
	if err := os.Mkdir(filepath.Join(dir, "mine"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := ownModels(dir); err == nil {
		t.Error("a model without files was accepted")
	}
	for _, name := range []string{"card.json", "encryption.onnx", "decryption.onnx"} {
		write(t, filepath.Join(dir, "mine", name), name)
	}
	write(t, filepath.Join(dir, "readme.txt"), "not a model")
	write(t, filepath.Join(dir, "closed.age"), "not sealed")
	if _, err := ownModels(dir); err == nil {
		t.Error("a file that is no age file was accepted as a sealed model")
	}
	write(t, filepath.Join(dir, "closed.age"), sealedModel)
	own, err := ownModels(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := site.New()
	if err := addModels(s, own); err != nil {
		t.Fatal(err)
	}
	listed := index(t, s)
	if len(listed) != 2 || listed[0].Sealed || !listed[1].Sealed {
		t.Fatalf("listed: %+v", listed)
	}
	if got := get(t, s, "/"+listed[0].Folder+"encryption.onnx"); got != "encryption.onnx" {
		t.Errorf("the model is not served: %q", got)
	}
	if got := get(t, s, "/"+listed[1].Folder+"model.age"); got != sealedModel {
		t.Errorf("the sealed model is not served as it is: %q", got)
	}
}

// Of each origin the default model is offered first, and models with a note and
// sealed ones are offered last. The first of all is one that anybody can load.
func TestOrderOfModels(t *testing.T) {
	plain, noted, broken := network.Files{Card: []byte("{}")}, network.Files{Card: []byte(`{"note":"to measure with"}`)}, network.Files{Card: []byte("{")}
	shipped := []model{{name: "alpha", files: noted}, {name: "beta", files: broken}, {name: "default", files: plain}, {name: "default-2", files: noted}, {name: "paper", files: plain}}
	order(shipped)
	for _, c := range []struct {
		own  []model
		want []string
	}{
		{nil, []string{"default", "beta", "paper", "alpha", "default-2"}},
		{[]model{{name: "a", sealed: []byte("x")}, {name: "b", files: noted}, {name: "c", files: plain}}, []string{"c", "b", "a", "default", "beta", "paper", "alpha", "default-2"}},
		{[]model{{name: "a", sealed: []byte("x")}}, []string{"default", "a", "beta", "paper", "alpha", "default-2"}},
	} {
		order(c.own)
		s := site.New()
		if err := addModels(s, append(c.own, shipped...)); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, m := range index(t, s) {
			names = append(names, m.Name)
		}
		if !slices.Equal(names, c.want) {
			t.Errorf("the order is %q, want %q", names, c.want)
		}
	}
}

type listed struct {
	Name, Folder string
	Sealed       bool
}

func index(t *testing.T, s *site.Site) []listed {
	t.Helper()
	var models struct{ Models []listed }
	if err := json.Unmarshal([]byte(get(t, s, "/models/index.json")), &models); err != nil {
		t.Fatal(err)
	}
	return models.Models
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

// How long the server takes to collect what it serves.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		if _, err := collect(""); err != nil {
			b.Skip(err) // built without the wasm
		}
	}
}
