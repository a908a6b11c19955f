package main

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"enciphergan/internal/network"
	"enciphergan/models"
	"enciphergan/server/site"
	"enciphergan/static"
)

// built is what `make wasm` puts there; in a fresh clone it holds nothing to serve.
//
//go:embed all:built
var built embed.FS

// collect gathers everything that is served.
func collect(dir string) (*site.Site, error) {
	wasm, err := fs.Sub(built, "built")
	if err != nil {
		return nil, err
	}
	if _, err := fs.Stat(wasm, "encipher.wasm"); err != nil {
		return nil, errors.New("this server was built without the wasm: run `make wasm` (or `make run`) first")
	}
	offered, err := shippedModels()
	if err != nil {
		return nil, err
	}
	if dir != "" {
		own, err := ownModels(dir)
		if err != nil {
			return nil, err
		}
		offered = append(own, offered...)
	}
	if len(offered) == 0 {
		return nil, errors.New("no model is embedded in this server: name a folder of own models with -dir")
	}
	forms, err := fs.Sub(built, "built/forms")
	if err != nil {
		return nil, err
	}
	s := site.New()
	s.UseForms(forms)
	if err := addModels(s, offered); err != nil {
		return nil, err
	}
	return s, s.AddPage(static.Files, wasm)
}

// model is one that the page offers, under the name of its folder or file.
type model struct {
	name   string
	files  network.Files
	sealed []byte // instead of files
}

// shippedModels returns the embedded models in their order.
func shippedModels() ([]model, error) {
	var found []model
	for _, name := range models.Names() {
		f, err := models.Files(name)
		if err != nil {
			return nil, err
		}
		found = append(found, model{name: name, files: f})
	}
	order(found)
	return found, nil
}

// sealedSuffix is that of files that `encipher model seal` makes.
const sealedSuffix = ".age"

// maxSealedBytes bounds a sealed model: the files of the largest, and what seals them.
const maxSealedBytes = network.MaxCardBytes + 2*network.MaxGeneratorBytes + 1<<20

// ownModels reads every sub-folder of dir and every sealed model in it, in their
// order. Sealed ones stay sealed: the server has nothing to open them with.
func ownModels(dir string) ([]model, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("own models: %w", err)
	}
	var found []model
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		switch name, sealed := strings.CutSuffix(entry.Name(), sealedSuffix); {
		case entry.IsDir():
			f, err := network.ReadFiles(os.DirFS(path))
			if err != nil {
				return nil, fmt.Errorf("own model %s: %w", path, err)
			}
			found = append(found, model{name: entry.Name(), files: f})
		case sealed:
			content, err := readSealed(path)
			if err != nil {
				return nil, fmt.Errorf("own model %s: %w", path, err)
			}
			found = append(found, model{name: name, sealed: content})
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s has no model: neither a sub-folder with card.json, encryption.onnx and decryption.onnx, nor a sealed NAME.age", dir)
	}
	order(found)
	return found, nil
}

// ageIntroduction begins every age file that is not armored as text.
const ageIntroduction = "age-encryption.org/v1\n"

func readSealed(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxSealedBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) > maxSealedBytes:
		return nil, fmt.Errorf("it is larger than %d bytes, which no sealed model needs", maxSealedBytes)
	case !bytes.HasPrefix(content, []byte(ageIntroduction)):
		return nil, errors.New("it is no age file: seal a model with `encipher model seal`")
	}
	return content, nil
}

// order puts models of one origin in the order in which the page offers them: the
// default comes first, and those come last that are sealed or whose card has a
// note, because they are for special uses.
func order(found []model) {
	slices.SortStableFunc(found, func(a, b model) int { return cmp.Compare(a.rank(), b.rank()) })
}

func (m model) rank() int {
	var card network.Card
	switch {
	case m.sealed != nil:
		return 3
	case m.name == models.Default:
		return 0
	// What is wrong with a card is said where the model is loaded.
	case json.Unmarshal(m.files.Card, &card) == nil && card.Note != "":
		return 2
	}
	return 1
}

// addModels adds models in the given order, but the first, which the page loads by
// itself, is one that needs no passphrase, where there is such a one.
func addModels(s *site.Site, offered []model) error {
	if first := slices.IndexFunc(offered, func(m model) bool { return m.sealed == nil }); first > 0 {
		m := offered[first]
		offered = slices.Insert(slices.Delete(slices.Clone(offered), first, first+1), 0, m)
	}
	for _, m := range offered {
		var err error
		if m.sealed != nil {
			err = s.AddSealedModel(m.name, m.sealed)
		} else {
			err = s.AddModel(m.name, m.files.Card, m.files.Encryption, m.files.Decryption)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
