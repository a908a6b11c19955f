// Package site is the HTTP handler of the Encipher server: the page, the wasm
// and the models as a fixed set of files held in memory, and nothing else. It
// takes no data: only GET and HEAD are answered, and a request's path is
// looked up as it is, so there is nothing to traverse or to list.
//
// Main path: AddModel and then AddPage fill a Site at start, with compressed forms
// made once; ServeHTTP sets the headers that every response carries, then picks
// the form that the browser accepts. WriteFolder writes the same files for a static
// host.
package site

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
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

// Header is a field that every response carries.
type Header struct{ Name, Value string }

// Headers are set on every response, errors included. Names are in canonical form.
var Headers = []Header{
	{"Content-Security-Policy", policy},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Embedder-Policy", "require-corp"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"X-Content-Type-Options", "nosniff"},
	{"Referrer-Policy", "no-referrer"},
}

// header is Headers in the form of net/http, whose values are shared by all responses.
var header = func() http.Header {
	h := http.Header{}
	for _, field := range Headers {
		h[field.Name] = []string{field.Value}
	}
	return h
}()

// Values of Cache-Control. A file whose content is named by its URL may be kept
// for ever. Any other may be kept too, but the browser asks each time whether it is
// still current, so that page, wasm and models always belong together.
const (
	immutable  = "public, max-age=31536000, immutable"
	revalidate = "no-cache"
	never      = "no-store"
)

// HealthPath is answered with "ok" by a server that works, whatever the base path.
const HealthPath = "/healthz"

// maxTarget bounds the request target, in bytes. The longest URL of a site is far shorter.
const maxTarget = 2048

// contentTypes are given here and not taken from the system's table, which
// differs between machines.
var contentTypes = map[string]string{
	".html":        "text/html; charset=utf-8",
	".css":         "text/css; charset=utf-8",
	".js":          "text/javascript; charset=utf-8",
	".svg":         "image/svg+xml",
	".png":         "image/png",
	".json":        "application/json",
	".webmanifest": "application/manifest+json",
	".wasm":        "application/wasm",
	".onnx":        "application/octet-stream",
	".age":         "application/octet-stream",
	".txt":         "text/plain; charset=utf-8",
}

// file is one file in the forms in which it can be sent, in the order of
// preference; the last is identity.
type file struct{ forms []form }

// form is a file in one content coding. Values of header fields are made once and
// shared by all responses.
type form struct {
	coding  coding // with an empty name for identity
	content []byte
	header  http.Header
}

func (f *file) identity() form { return f.forms[len(f.forms)-1] }

// Site is the set of files. Fill it before it serves; it is immutable then and
// safe for concurrent use.
type Site struct {
	base   string           // URL path that all files are under; it begins and ends with a slash
	files  map[string]*file // by URL path under base
	models []modelEntry
	kept   []string // folders under base whose files are immutable
	paged  bool     // AddPage was called
	forms  fs.FS    // compressed forms made before; may be nil
}

// New returns an empty site at the root of its host.
func New() *Site { return &Site{base: "/", files: map[string]*file{}} }

// UseForms names a folder with compressed forms of files that are added after: what
// Forms made of their contents. What is not there is compressed when it is added, if
// that is worth the time. Names are digests, so that a form fits its content or is not found.
func (s *Site) UseForms(fsys fs.FS) { s.forms = fsys }

var basePath = regexp.MustCompile(`^/([A-Za-z0-9_~-][A-Za-z0-9._~-]*/)*$`)

// SetBase puts all files under a URL path such as /encipher/.
func (s *Site) SetBase(base string) error {
	if !strings.HasSuffix(base, "/") {
		base += "/"
	}
	if !basePath.MatchString(base) || len(base) > maxTarget/2 {
		return fmt.Errorf("the base path %q does not fit: it begins with a slash and has names of letters, digits, '-', '_', '.' and '~' between slashes, as in /encipher/", base)
	}
	s.base = base
	return nil
}

// Base is the URL path under which the files are; it begins and ends with a slash.
func (s *Site) Base() string { return s.base }

// AddFolder serves every file of fsys whose kind is known at the root of the
// site, as it is and revalidated.
func (s *Site) AddFolder(fsys fs.FS) error {
	found, err := read(fsys)
	if err != nil {
		return err
	}
	for name, content := range found {
		if err := s.add(name, revalidate, content); err != nil {
			return err
		}
	}
	return nil
}

// read returns the files of fsys whose kind is known.
func read(fsys fs.FS) (map[string][]byte, error) {
	found := map[string][]byte{}
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || contentTypes[path.Ext(name)] == "" {
			return err
		}
		found[name], err = fs.ReadFile(fsys, name)
		return err
	})
	return found, err
}

// add registers a file under a URL path, relative to the base, and makes the
// compressed forms that are missing and worth it.
func (s *Site) add(name, cache string, content []byte) error {
	f, err := newFile(name, cache, content, s.forms)
	if err != nil {
		return fmt.Errorf("compressing %s: %w", name, err)
	}
	s.files[name] = f
	if name == indexPage {
		s.files[""] = f
	}
	return nil
}

func newFile(name, cache string, identity []byte, made fs.FS) (*file, error) {
	f := &file{}
	tag := digest(identity)
	for _, c := range codings {
		var content []byte
		if made != nil {
			content, _ = fs.ReadFile(made, c.formName(identity)) // or it was not made
		}
		if content == nil && compressible(name) {
			var err error
			if content, err = c.encode(identity, startLevel); err != nil {
				return nil, err
			}
		}
		if content != nil && len(content) < len(identity) {
			f.forms = append(f.forms, newForm(name, cache, c, content, tag+"-"+c.name))
		}
	}
	f.forms = append(f.forms, newForm(name, cache, coding{}, identity, tag))
	return f, nil
}

func newForm(name, cache string, c coding, content []byte, tag string) form {
	h := maps.Clone(header)
	h["Accept-Ranges"] = []string{"bytes"}
	h["Cache-Control"] = []string{cache}
	h["Etag"] = []string{strconv.Quote(tag)}
	h["Vary"] = []string{"Accept-Encoding"}
	h["Content-Type"] = []string{contentTypes[path.Ext(name)]}
	h["Content-Length"] = []string{strconv.Itoa(len(content))} // which net/http would omit where there is a Content-Encoding
	if c.name != "" {
		h["Content-Encoding"] = []string{c.name}
	}
	return form{coding: c, content: content, header: h}
}

// cached is the same file with another value of Cache-Control.
func (f *file) cached(cache string) *file {
	forms := slices.Clone(f.forms)
	for i, m := range forms {
		h := maps.Clone(m.header)
		h["Cache-Control"] = []string{cache}
		forms[i].header = h
	}
	return &file{forms}
}

// digest names a content in 96 bits.
func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:12])
}

// health answers at HealthPath.
var health = func() *file {
	f, err := newFile("health.txt", never, []byte("ok\n"), nil)
	if err != nil {
		panic(err) // gzip and brotli write to memory
	}
	return f
}()

func (s *Site) lookup(urlPath string) *file {
	if urlPath == HealthPath {
		return health
	}
	name, ok := strings.CutPrefix(urlPath, s.base)
	if !ok {
		return nil
	}
	return s.files[name]
}

// ServeHTTP answers GET and HEAD for the files of the site.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
		return
	}
	if len(r.RequestURI) > maxTarget {
		refuse(w, "the address is too long", http.StatusRequestURITooLong)
		return
	}
	f := s.lookup(r.URL.Path)
	switch {
	case f == nil && r.URL.Path != "" && r.URL.Path+"/" == s.base:
		maps.Copy(w.Header(), header)
		w.Header().Set("Cache-Control", revalidate)
		http.Redirect(w, r, s.base, http.StatusPermanentRedirect)
		return
	case f == nil:
		refuse(w, "there is no such file here", http.StatusNotFound)
		return
	}
	f.serve(w, r)
}

func refuse(w http.ResponseWriter, words string, status int) {
	maps.Copy(w.Header(), header)
	w.Header().Set("Cache-Control", never)
	http.Error(w, words, status)
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	// Part of a file can be asked for with GET only, in bytes (RFC 9110, 14.2), and is a part
	// of the file itself: one of a compressed form would be of no use to anybody.
	if unit, _, _ := strings.Cut(r.Header.Get("Range"), "="); r.Method == http.MethodHead || unit != "bytes" {
		r.Header.Del("Range")
	}
	sent := f.identity()
	if r.Header["Range"] == nil {
		sent = f.negotiate(r.Header["Accept-Encoding"])
	}
	maps.Copy(w.Header(), sent.header)
	http.ServeContent(errorWriter{w}, r, "", time.Time{}, bytes.NewReader(sent.content))
}

// errorWriter changes the header of answers without the file, to conditions and ranges
// that do not hold: they must not be cached.
type errorWriter struct{ http.ResponseWriter }

func (w errorWriter) WriteHeader(status int) {
	if status >= 400 {
		w.Header()["Cache-Control"] = []string{never}
		w.Header().Del("Content-Length")
	}
	w.ResponseWriter.WriteHeader(status)
}

// negotiate returns the first form whose coding the request accepts, otherwise identity.
func (f *file) negotiate(accept []string) form {
	i := slices.IndexFunc(f.forms, func(m form) bool { return m.coding.name != "" && accepts(accept, m.coding.name) })
	if i < 0 {
		return f.identity()
	}
	return f.forms[i]
}

// accepts says whether the values of Accept-Encoding allow a coding: by its
// name, otherwise by "*".
func accepts(accept []string, coding string) bool {
	any := false
	for _, value := range accept {
		for item := range strings.SplitSeq(value, ",") {
			name, weight, _ := strings.Cut(item, ";")
			switch name = strings.TrimSpace(name); {
			case strings.EqualFold(name, coding):
				return !refused(weight)
			case name == "*":
				any = !refused(weight)
			}
		}
	}
	return any
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
