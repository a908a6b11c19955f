// Package site provides the HTTP handler of the Encipher server: the page, the wasm
// and the models as a fixed set of files in memory. It accepts no data: it answers GET
// and HEAD only, and looks up a request's path in a map, so that there is no folder to
// traverse or to list.
//
// Main path: AddModel and then AddPage fill a Site at the start and compress its files once;
// ServeHTTP sets the header fields of every response and selects the compressed form that the
// browser accepts. WriteFolder writes the same files for a static host.
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

// policy is the content security policy of every response. The page runs only its own
// scripts and the wasm, connects only to its own origin, and cannot be framed. Script URLs
// pass the page's single Trusted Types policy.
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; " +
	"connect-src 'self'; img-src 'self' blob:; style-src 'self'; manifest-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types encipher"

// Header is a header field of every response.
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

// header holds Headers in the form of net/http. All responses share the values.
var header = func() http.Header {
	h := http.Header{}
	for _, field := range Headers {
		h[field.Name] = []string{field.Value}
	}
	return h
}()

// Values of Cache-Control. A file whose URL contains a digest of its content may be cached
// for ever. Other files are revalidated before each use, so that page, wasm and models
// always belong together.
const (
	immutable  = "public, max-age=31536000, immutable"
	revalidate = "no-cache"
	never      = "no-store"
)

// HealthPath is the path of the health check, whatever the base path; the answer is "ok".
const HealthPath = "/healthz"

// maxTarget bounds the request target, in bytes. The longest URL of a site is far shorter.
const maxTarget = 2048

// contentTypes replaces the system's table, which differs between machines.
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

// file holds the forms of a file, in the order of preference; the last one is identity.
type file struct{ forms []form }

// form is a file in one content coding. All responses share the values of its header.
type form struct {
	coding  coding // with an empty name for identity
	content []byte
	header  http.Header
}

func (f *file) identity() form { return f.forms[len(f.forms)-1] }

// Site is the set of files. Fill it before it serves; it is immutable then and
// safe for concurrent use.
type Site struct {
	base      string           // URL path that all files are under; it begins and ends with a slash
	files     map[string]*file // by URL path under base
	models    []modelEntry
	immutable []string // folders under base whose files are immutable
	hasPage   bool     // AddPage was called
	forms     fs.FS    // compressed forms from the build; may be nil
}

// New returns an empty site at the root of its host.
func New() *Site { return &Site{base: "/", files: map[string]*file{}} }

// UseForms sets a folder with the output of Forms for files that are added later. Files
// without a form there are compressed when they are added, if that is worth the time. Forms
// are named by a digest of the content, so that one of another content is not found.
func (s *Site) UseForms(fsys fs.FS) { s.forms = fsys }

var basePath = regexp.MustCompile(`^/([A-Za-z0-9_~-][A-Za-z0-9._~-]*/)*$`)

// SetBase sets the URL path of the site, such as /encipher/.
func (s *Site) SetBase(base string) error {
	if !strings.HasSuffix(base, "/") {
		base += "/"
	}
	if !basePath.MatchString(base) || len(base) > maxTarget/2 {
		return fmt.Errorf("the base path %q is invalid: it begins with a slash and has names of letters, digits, '-', '_', '.' and '~' between slashes, as in /encipher/", base)
	}
	s.base = base
	return nil
}

// Base returns the URL path of the site; it begins and ends with a slash.
func (s *Site) Base() string { return s.base }

// AddFolder serves every file of fsys with a known extension, unchanged and revalidated, at
// the root of the site.
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

// read returns the files of fsys with a known extension.
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

// add adds a file with a URL path relative to the base, and compresses it if forms are
// missing and compression is worth the time.
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
			content, _ = fs.ReadFile(made, c.formName(identity)) // nil if there is none
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

// withCache returns the file with another value of Cache-Control.
func (f *file) withCache(cache string) *file {
	forms := slices.Clone(f.forms)
	for i, m := range forms {
		h := maps.Clone(m.header)
		h["Cache-Control"] = []string{cache}
		forms[i].header = h
	}
	return &file{forms}
}

// digest returns 96 bits of the SHA-256 of content, in hexadecimal.
func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:12])
}

// health is the file at HealthPath.
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

func refuse(w http.ResponseWriter, message string, status int) {
	maps.Copy(w.Header(), header)
	w.Header().Set("Cache-Control", never)
	http.Error(w, message, status)
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	// Ranges are for GET only and in bytes (RFC 9110, 14.2). They refer to the uncompressed file.
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

// negotiate returns the first form whose coding the request accepts, or identity.
func (f *file) negotiate(accept []string) form {
	i := slices.IndexFunc(f.forms, func(m form) bool { return m.coding.name != "" && accepts(accept, m.coding.name) })
	if i < 0 {
		return f.identity()
	}
	return f.forms[i]
}

// accepts reports whether the values of Accept-Encoding allow a coding, by its name or else
// by "*".
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

// refused reports whether the weight of a coding is zero ("q=0") or malformed.
func refused(weight string) bool {
	q, ok := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(weight), " ", ""), "q=")
	if !ok {
		return false
	}
	v, err := strconv.ParseFloat(q, 64)
	return err != nil || v <= 0
}
