package server

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"enciphergan"
	"enciphergan/internal/network"
	"enciphergan/models"
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

// writeModel writes the files of a real model into a folder.
func writeModel(t *testing.T, folder string) network.Files {
	t.Helper()
	files, err := models.Files(models.Default)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files.List() {
		write(t, filepath.Join(folder, f.Name), string(f.Data))
	}
	return files
}

func TestOwnModels(t *testing.T) {
	dir := t.TempDir()
	if _, err := ownModels(dir, nil, silent()); err == nil {
		t.Error("a folder without models was accepted")
	}
	if _, err := ownModels(filepath.Join(dir, "missing"), nil, silent()); err == nil {
		t.Error("a folder that does not exist was accepted")
	}
	files := writeModel(t, filepath.Join(dir, "mine"))
	write(t, filepath.Join(dir, "readme.txt"), "not a model")
	write(t, filepath.Join(dir, ".hidden", "card.json"), "not a model")
	write(t, filepath.Join(dir, "closed.age"), sealedModel)
	var log safeBuffer
	own, err := ownModels(dir, nil, slog.New(slog.NewTextHandler(&log, nil)))
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
	if got := get(t, s, "/"+listed[0].Folder+"encryption.onnx"); got != string(files.Encryption) {
		t.Errorf("the model is not served: %d bytes", len(got))
	}
	if got := get(t, s, "/"+listed[1].Folder+"model.age"); got != sealedModel {
		t.Errorf("the sealed model is not served as it is: %q", got)
	}
	if text := log.String(); text != "" {
		t.Errorf("the log says %s", text)
	}
}

// A fault of one model is reported with its name and does not prevent serving the others. Files
// outside of the folder are not served.
func TestBadModelsAreLeftOut(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	at := func(name ...string) string { return filepath.Join(append([]string{dir}, name...)...) }
	writeModel(t, at("good"))
	writeModel(t, outside)
	write(t, at("good.age"), sealedModel) // a second of the name
	write(t, at("Shipped.age"), sealedModel)
	write(t, at("sealed.age"), sealedModel)
	write(t, at("unsealed.age"), "no age file")
	write(t, at("a b.age"), sealedModel)
	write(t, at("a.age", "in a folder"), "")
	if err := os.Mkdir(at("empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeModel(t, at("damaged"))
	write(t, at("damaged", "encryption.onnx"), "no model")
	write(t, at("text", "card.json"), "{}")
	write(t, at("text", "encryption.onnx"), "")
	write(t, at("text", "decryption.onnx"), "")
	large := at("large.age")
	write(t, large, sealedModel)
	if err := os.Truncate(large, network.MaxSealedBytes+1); err != nil {
		t.Fatal(err)
	}
	bad := []string{"a b.age", "a.age", "damaged", "empty", "good.age", "large.age", "Shipped.age", "text", "unsealed.age"}
	want := []string{"good", "sealed"}
	if err := os.Symlink("good", at("within")); err != nil {
		t.Logf("without links: %v", err)
	} else {
		want = append(want, "within")
		for name, target := range map[string]string{
			"passwd.age": "/etc/passwd", "up.age": "../../../../../../../etc/passwd", "away": outside, "away.age": outside, "nowhere.age": "nowhere", "loop.age": "loop.age",
		} {
			if err := os.Symlink(target, at(name)); err != nil {
				t.Fatal(err)
			}
			bad = append(bad, name)
		}
		writeModel(t, at("part"))
		if err := os.Remove(at("part", "card.json")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(outside, "card.json"), at("part", "card.json")); err != nil {
			t.Fatal(err)
		}
		bad = append(bad, "part")
	}
	var log safeBuffer
	own, err := ownModels(dir, []model{{name: "shipped"}}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range own {
		names = append(names, m.name)
	}
	slices.Sort(names)
	if !slices.Equal(names, want) {
		t.Errorf("offered are %q, want %q", names, want)
	}
	text := log.String()
	for _, name := range bad {
		if quoted := strconv.Quote(at(name)); !strings.Contains(text, "path="+at(name)+" ") && !strings.Contains(text, "path="+quoted+" ") {
			t.Errorf("the log does not name %s", name)
		}
	}
	if n := strings.Count(text, "level=ERROR"); n != len(bad) {
		t.Errorf("%d lines for %d bad models:\n%s", n, len(bad), text)
	}
}

// Every program opens each model that a server may serve: both have the same size limit.
func TestOneBoundOnSealedModels(t *testing.T) {
	if encipher.MaxSealedModelBytes != network.MaxSealedBytes {
		t.Errorf("the server takes %d bytes, the page %d", network.MaxSealedBytes, encipher.MaxSealedModelBytes)
	}
}

// Of each origin the default model is offered first, and models with a note and
// sealed ones are offered last. The first of all is one that anybody can load.
func TestOrderOfModels(t *testing.T) {
	plain, noted, broken := network.Files{Card: []byte("{}")}, network.Files{Card: []byte(`{"note":"to measure with"}`)}, network.Files{Card: []byte("{")}
	shipped := []model{{name: "alpha", files: noted}, {name: "beta", files: broken}, {name: "default", files: plain}, {name: "default-2", files: noted}, {name: "paper", files: plain}}
	sortModels(shipped)
	for _, c := range []struct {
		own  []model
		want []string
	}{
		{nil, []string{"default", "beta", "paper", "alpha", "default-2"}},
		{[]model{{name: "a", sealed: []byte("x")}, {name: "b", files: noted}, {name: "c", files: plain}}, []string{"c", "b", "a", "default", "beta", "paper", "alpha", "default-2"}},
		{[]model{{name: "a", sealed: []byte("x")}}, []string{"default", "a", "beta", "paper", "alpha", "default-2"}},
	} {
		sortModels(c.own)
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
	var found struct{ Models []listed }
	if err := json.Unmarshal([]byte(get(t, s, "/models/index.json")), &found); err != nil {
		t.Fatal(err)
	}
	return found.Models
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

// The time the server takes to collect its files.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		if _, err := NewSite("", silent()); err != nil {
			b.Skip(err) // built without the wasm
		}
	}
}
