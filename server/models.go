package server

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"enciphergan/internal/network"
	"enciphergan/models"
	"enciphergan/server/site"
	"enciphergan/static"
)

// built holds the output of `make wasm`; in a fresh clone it has nothing to serve.
//
//go:embed all:built
var built embed.FS

// NewSite returns the site of the page, the wasm, the shipped models and the operator's own
// models in dir, if that is not empty. Own models that cannot be used are logged.
func NewSite(dir string, log *slog.Logger) (*site.Site, error) {
	wasm, err := fs.Sub(built, "built")
	if err != nil {
		return nil, err
	}
	if _, err := fs.Stat(wasm, "encipher.wasm"); err != nil {
		return nil, errors.New("this server was built without the wasm: run `make wasm` (or `make run`) first")
	}
	offered, err := shippedModels(log)
	if err != nil {
		return nil, err
	}
	if dir != "" {
		own, err := ownModels(dir, offered, log)
		if err != nil {
			return nil, err
		}
		offered = append(own, offered...)
	}
	if len(offered) == 0 {
		return nil, errors.New("no model is embedded in this server: name a folder of models with -dir")
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

// model is a model that the page offers; its name is that of its folder or file.
type model struct {
	name   string
	files  network.Files
	sealed []byte // instead of files
}

// shippedModels returns the embedded models and those that are installed, sorted. Models that
// are not installed are logged.
func shippedModels(log *slog.Logger) ([]model, error) {
	var found []model
	for _, name := range models.Names() {
		f, err := models.Files(name)
		if errors.Is(err, models.ErrMissing) {
			log.Info("shipped model left out", "error", err)
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, model{name: name, files: f})
	}
	sortModels(found)
	return found, nil
}

// sealedSuffix ends the names of sealed models.
const sealedSuffix = ".age"

// ownModels returns the models in the sub-folders of dir and the sealed models in dir, sorted,
// without hidden ones. Sealed models stay sealed, as the server has no key. A model that cannot
// be used, or whose name is taken, is logged and left out. Links are followed within dir only.
func ownModels(dir string, others []model, log *slog.Logger) ([]model, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("models of -dir: %w", err)
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("models of -dir: %w", err)
	}
	names := map[string]bool{} // in lower case, as some file systems ignore case
	for _, m := range others {
		names[strings.ToLower(m.name)] = true
	}
	var found []model
	candidates := 0 // folders and files that are models or should be
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		m, err := ownModel(root, entry.Name())
		if err == nil && m == nil {
			continue
		}
		candidates++
		switch {
		case err != nil:
		case !site.IsModelName(m.name):
			err = errors.New("its name is not valid in a URL: rename it with letters, digits, '-', '_' and '.'")
		case names[strings.ToLower(m.name)]:
			err = errors.New("there is another model with this name: rename it")
		}
		if err != nil {
			log.Error("model of -dir left out", "path", filepath.Join(dir, entry.Name()), "error", err)
			continue
		}
		names[strings.ToLower(m.name)] = true
		found = append(found, *m)
	}
	if candidates == 0 {
		return nil, fmt.Errorf("%s has no model: neither a sub-folder with card.json, encryption.onnx and decryption.onnx, nor a sealed NAME.age", dir)
	}
	sortModels(found)
	return found, nil
}

// ownModel reads and checks the model of a name in a folder. It returns nil for a file that is
// no model.
func ownModel(root *os.Root, name string) (*model, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		folder, err := root.OpenRoot(name)
		if err != nil {
			return nil, err
		}
		defer folder.Close()
		for _, f := range (network.Files{}).List() {
			if info, err := folder.Stat(f.Name); err == nil && !info.Mode().IsRegular() {
				return nil, fmt.Errorf("%s: %w", f.Name, errNotRegular)
			}
		}
		files, err := network.ReadFiles(folder.FS())
		if err == nil {
			_, err = network.Load(files)
		}
		return &model{name: name, files: files}, err
	}
	bare, sealed := strings.CutSuffix(name, sealedSuffix)
	if !sealed {
		return nil, nil
	}
	content, err := readSealed(root, name, info)
	return &model{name: bare, sealed: content}, err
}

// errNotRegular is returned for pipes and devices, on which a read could block.
var errNotRegular = errors.New("it is not a regular file")

// ageIntroduction is the first line of every age file that is not armored.
const ageIntroduction = "age-encryption.org/v1\n"

func readSealed(root *os.Root, name string, info fs.FileInfo) ([]byte, error) {
	if !info.Mode().IsRegular() {
		return nil, errNotRegular
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, network.MaxSealedBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) > network.MaxSealedBytes:
		return nil, fmt.Errorf("it is larger than %d bytes, the maximum of a sealed model", network.MaxSealedBytes)
	case !bytes.HasPrefix(content, []byte(ageIntroduction)):
		return nil, errors.New("it is not an age file: seal a model with `encipher model seal`")
	}
	return content, nil
}

// sortModels sorts models of one origin into the order in which the page offers them: the
// default first, sealed ones and those for special uses, whose card has a note, last.
func sortModels(found []model) {
	slices.SortStableFunc(found, func(a, b model) int { return cmp.Compare(a.rank(), b.rank()) })
}

func (m model) rank() int {
	var card network.Card
	switch {
	case m.sealed != nil:
		return 3
	case m.name == models.Default:
		return 0
	// Loading the model reports errors of its card.
	case json.Unmarshal(m.files.Card, &card) == nil && card.Note != "":
		return 2
	}
	return 1
}

// addModels adds models in the given order, except that the first one that is not sealed, if
// there is one, comes first: the page loads the first model without asking.
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
