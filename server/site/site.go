// Package site is the HTTP handler of the Encipher server: the page, the wasm
// and the models as a fixed set of files held in memory, and nothing else. It
// takes no data: only GET and HEAD are answered, and a request's path is
// looked up as it is, so there is nothing to traverse or to list.
//
// Main path: Add* fill a Site at start, with compressed forms made once; ServeHTTP
// sets the headers that every response carries, then picks the form that the
// browser accepts.
package site

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// policy is the content security policy of every response. The page runs only
// its own scripts and the wasm, talks only to its own origin, and cannot be
// framed. Script URLs go through the one Trusted Types policy of the page.
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; " +
	"connect-src 'self'; img-src 'self' blob:; style-src 'self'; manifest-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types encipher"

// headers are set on every response, errors included.
var headers = map[string]string{
	"Content-Security-Policy":      policy,
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Embedder-Policy": "require-corp",
	"Cross-Origin-Resource-Policy": "same-origin",
	"X-Content-Type-Options":       "nosniff",
	"Referrer-Policy":              "no-referrer",
}

// contentTypes are given here and not taken from the system's table, which
// differs between machines.
var contentTypes = map[string]string{
	".html":        "text/html; charset=utf-8",
	".css":         "text/css; charset=utf-8",
	".js":          "text/javascript; charset=utf-8",
	".svg":         "image/svg+xml",
	".json":        "application/json",
	".webmanifest": "application/manifest+json",
	".wasm":        "application/wasm",
	".onnx":        "application/octet-stream",
}

// modelName bounds what a model may be called, because the name becomes part of a URL.
var modelName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// file is one file in the forms in which it can be sent.
type file struct {
	contentType string
	digest      string            // of the identity form, for the entity tag
	forms       map[string][]byte // by content coding; "" is identity and always there
}

// Site is the set of files. Fill it before it serves; it is immutable then and
// safe for concurrent use.
type Site struct {
	files  map[string]*file // by URL path
	models []string
}

// New returns an empty site.
func New() *Site { return &Site{files: map[string]*file{}} }

// AddFolder serves every file of fsys whose kind is known at the root of the
// site. FILE.br and FILE.gz next to a FILE are its compressed forms; where they
// are missing they are made here.
func (s *Site) AddFolder(fsys fs.FS) error {
	return fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || contentTypes[path.Ext(name)] == "" {
			return err
		}
		content, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		forms := map[string][]byte{"": content}
		for _, c := range codings {
			if b, err := fs.ReadFile(fsys, name+c.suffix); err == nil {
				forms[c.name] = b
			}
		}
		return s.add("/"+name, forms)
	})
}

// AddModel serves the three files of a model under /models/NAME/ and lists the
// name in /models/index.json. The first model added is the one that the page loads.
func (s *Site) AddModel(name string, card, encryption, decryption []byte) error {
	if !modelName.MatchString(name) {
		return fmt.Errorf("the model name %q has characters that do not fit a URL: rename its folder with letters, digits, '-', '_' and '.'", name)
	}
	if slices.Contains(s.models, name) {
		return fmt.Errorf("there are two models named %q: rename the folder of one of them", name)
	}
	for part, content := range map[string][]byte{"card.json": card, "encryption.onnx": encryption, "decryption.onnx": decryption} {
		if err := s.add("/models/"+name+"/"+part, map[string][]byte{"": content}); err != nil {
			return err
		}
	}
	s.models = append(s.models, name)
	index, err := json.Marshal(map[string][]string{"models": s.models})
	if err != nil {
		return err
	}
	return s.add("/models/index.json", map[string][]byte{"": index})
}

// add registers a file under a URL path and makes the compressed forms that are
// missing and worth it.
func (s *Site) add(urlPath string, forms map[string][]byte) error {
	for _, c := range codings {
		if _, ok := forms[c.name]; ok {
			continue
		}
		b, err := c.encode(forms[""])
		if err != nil {
			return fmt.Errorf("compressing %s: %w", urlPath, err)
		}
		if len(b) < len(forms[""]) {
			forms[c.name] = b
		}
	}
	sum := sha256.Sum256(forms[""])
	f := &file{contentType: contentTypes[path.Ext(urlPath)], digest: hex.EncodeToString(sum[:12]), forms: forms}
	s.files[urlPath] = f
	if urlPath == "/index.html" {
		s.files["/"] = f
	}
	return nil
}

// ServeHTTP answers GET and HEAD for the files of the site.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for name, value := range headers {
		h.Set(name, value)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
		return
	}
	f, ok := s.files[r.URL.Path]
	if !ok {
		http.Error(w, "there is no such file here", http.StatusNotFound)
		return
	}
	coding := negotiate(r.Header.Values("Accept-Encoding"), f.forms)
	content := f.forms[coding]
	tag := f.digest
	if coding != "" {
		tag += "-" + coding
		h.Set("Content-Encoding", coding)
	}
	h.Set("Vary", "Accept-Encoding")
	h.Set("Content-Type", f.contentType)
	h.Set("Etag", strconv.Quote(tag))
	// The browser may keep every file but asks each time whether it is still
	// current, so that page, wasm and models always belong together.
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Length", strconv.Itoa(len(content)))
	// A range of a compressed form is of no use to anybody, and ServeContent
	// would answer it.
	r.Header.Del("Range")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// negotiate returns the content coding to use: the first of codings that the
// request accepts and the file has, otherwise identity.
func negotiate(accept []string, forms map[string][]byte) string {
	accepted := map[string]bool{}
	for _, item := range strings.Split(strings.Join(accept, ","), ",") {
		name, weight, _ := strings.Cut(item, ";")
		accepted[strings.ToLower(strings.TrimSpace(name))] = !refused(weight)
	}
	for _, c := range codings {
		ok, named := accepted[c.name]
		if !named {
			ok = accepted["*"]
		}
		if ok && forms[c.name] != nil {
			return c.name
		}
	}
	return ""
}

// refused says whether the weight of a coding ("q=0") rules it out.
func refused(weight string) bool {
	q, ok := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(weight), " ", ""), "q=")
	if !ok {
		return false
	}
	v, err := strconv.ParseFloat(q, 64)
	return err != nil || v <= 0
}
