package site

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Files at the root, because browsers request them by a fixed URL.
const (
	indexPage     = "index.html"
	manifest      = "manifest.webmanifest"
	serviceWorker = "sw.js"
	modelIndex    = "models/index.json"
)

// buildToken is replaced in the service worker by the JSON of build.
const buildToken = "__BUILD__"

// references match references from the files at the root to other files of the page:
// `src="page.js"` in HTML, `"src": "icon.svg"` in the manifest.
var references = map[string]*regexp.Regexp{
	indexPage: regexp.MustCompile(`\b(?:src|href)="([^"]+)"`),
	manifest:  regexp.MustCompile(`"src":\s*"([^"]+)"`),
}

// build describes the build to its service worker. URLs are relative to the root of the
// site; the empty one is the page.
type build struct {
	Version string       `json:"version"`
	Shell   []string     `json:"shell"`
	Models  []modelEntry `json:"models"`
}

// Rewrites reports whether AddPage changes a file of the page, to insert the names of the
// build.
func Rewrites(name string) bool { return references[name] != nil || name == serviceWorker }

// AddPage serves the page from its folders (scripts and styles, wasm). Each file is served
// under v/VERSION/, immutable, as VERSION is a digest of all of them, and under its own name
// at the root, revalidated, for pages that embed it. The page itself, its manifest and its
// service worker are served at the root only; the first two refer to files under v/VERSION/.
//
// Models must be added first, since the service worker lists them.
func (s *Site) AddPage(folders ...fs.FS) error {
	if s.hasPage {
		return errors.New("the site already has a page")
	}
	s.hasPage = true
	files := map[string][]byte{}
	for _, folder := range folders {
		found, err := read(folder)
		if err != nil {
			return err
		}
		for name, content := range found {
			if files[name] != nil {
				return fmt.Errorf("two folders of the page have a file %s", name)
			}
			files[name] = content
		}
	}
	if files[indexPage] == nil {
		return errors.New("there is no " + indexPage)
	}
	names := slices.Sorted(maps.Keys(files))
	description := build{Version: version(names, files), Shell: []string{""}, Models: s.entries()}
	folder := "v/" + description.Version + "/"
	versioned := func(name string) bool {
		return files[name] != nil && name != indexPage && name != manifest && name != serviceWorker
	}
	s.immutable = append(s.immutable, folder)
	for _, name := range names {
		if !versioned(name) {
			continue
		}
		description.Shell = append(description.Shell, folder+name)
		if err := s.add(name, revalidate, files[name]); err != nil {
			return err
		}
		s.files[folder+name] = s.files[name].withCache(immutable)
	}
	for name, pattern := range references {
		if files[name] == nil {
			continue
		}
		content := pattern.ReplaceAllFunc(files[name], func(match []byte) []byte {
			target := string(pattern.FindSubmatch(match)[1])
			if !versioned(target) {
				return match
			}
			return bytes.Replace(match, []byte(`"`+target+`"`), []byte(`"`+folder+target+`"`), 1)
		})
		if err := s.add(name, revalidate, content); err != nil {
			return err
		}
	}
	if files[manifest] != nil {
		description.Shell = append(description.Shell, manifest)
	}
	if worker := files[serviceWorker]; worker != nil {
		text, err := json.Marshal(description)
		if err != nil {
			return err
		}
		if !bytes.Contains(worker, []byte(buildToken)) {
			return fmt.Errorf("%s lacks the token %s", serviceWorker, buildToken)
		}
		return s.add(serviceWorker, revalidate, bytes.ReplaceAll(worker, []byte(buildToken), text))
	}
	return nil
}

// version returns a digest of the names and contents of files, of 64 bits.
func version(names []string, files map[string][]byte) string {
	sum := sha256.New()
	for _, name := range names {
		fmt.Fprintf(sum, "%s %d\n", name, len(files[name]))
		sum.Write(files[name])
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// modelName matches the valid names of models, which become parts of URLs.
var modelName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// IsModelName reports whether name is a valid name of a model.
func IsModelName(name string) bool {
	// A folder models/index.json would conflict with the file of that name.
	return modelName.MatchString(name) && !strings.EqualFold("models/"+name, modelIndex)
}

// modelEntry is a model in models/index.json.
type modelEntry struct {
	Name   string   `json:"name"`
	Folder string   `json:"folder"` // URL relative to the root of the site
	Files  []string `json:"files"`
	Sealed bool     `json:"sealed"`
	Bytes  int      `json:"bytes"` // of all files
}

// entries returns a copy of the list of models, never nil.
func (s *Site) entries() []modelEntry { return append([]modelEntry{}, s.models...) }

// AddModel serves the three files of a model under models/NAME/DIGEST/, immutable, and lists
// the model in models/index.json. The page loads the first model that is added.
func (s *Site) AddModel(name string, card, encryption, decryption []byte) error {
	return s.addModel(modelEntry{Name: name, Files: []string{"card.json", "encryption.onnx", "decryption.onnx"}}, card, encryption, decryption)
}

// AddSealedModel serves a sealed model unchanged; the browser opens it.
func (s *Site) AddSealedModel(name string, content []byte) error {
	return s.addModel(modelEntry{Name: name, Files: []string{"model.age"}, Sealed: true}, content)
}

func (s *Site) addModel(entry modelEntry, contents ...[]byte) error {
	if s.hasPage {
		return errors.New("models must be added before the page")
	}
	if !IsModelName(entry.Name) {
		return fmt.Errorf("the model name %q is not valid in a URL: rename its folder or file with letters, digits, '-', '_' and '.'", entry.Name)
	}
	// Some file systems ignore case.
	if i := slices.IndexFunc(s.models, func(m modelEntry) bool { return strings.EqualFold(m.Name, entry.Name) }); i >= 0 {
		return fmt.Errorf("there are two models named %q: rename the folder or file of one of them", entry.Name)
	}
	files := map[string][]byte{}
	for i, content := range contents {
		files[entry.Files[i]] = content
		entry.Bytes += len(content)
	}
	entry.Folder = "models/" + entry.Name + "/" + version(entry.Files, files) + "/"
	for name, content := range files {
		if err := s.add(entry.Folder+name, immutable, content); err != nil {
			return err
		}
	}
	s.immutable = append(s.immutable, entry.Folder)
	s.models = append(s.models, entry)
	index, err := json.Marshal(map[string][]modelEntry{"models": s.models})
	if err != nil {
		return err
	}
	return s.add(modelIndex, revalidate, index)
}
