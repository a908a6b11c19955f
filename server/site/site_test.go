package site_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/andybalholm/brotli"

	"enciphergan/server/site"
)

// page is long enough for compression to pay.
var page = "<!doctype html>" + strings.Repeat("<p>calm</p>", 100)

const card = `{"name":"default"}`

func fill(t *testing.T) *site.Site {
	t.Helper()
	s := site.New()
	folder := fstest.MapFS{
		"index.html":           {Data: []byte(page)},
		"page.js":              {Data: []byte(strings.Repeat("export {};\n", 50))},
		"style.css":            {Data: []byte("body{}")},
		"icon.svg":             {Data: []byte("<svg/>")},
		"manifest.webmanifest": {Data: []byte("{}")},
		"encipher.wasm":        {Data: []byte("\x00asm-identity")},
		"encipher.wasm.br":     {Data: []byte("as brotli")},
		"encipher.wasm.gz":     {Data: []byte("as gzip")},
		"static.go":            {Data: []byte("package static")},
		".gitignore":           {Data: []byte("*")},
	}
	if err := s.AddFolder(folder); err != nil {
		t.Fatal(err)
	}
	if err := s.AddModel("default", []byte(card), []byte("onnx-e"), []byte("onnx-d")); err != nil {
		t.Fatal(err)
	}
	return s
}

// required is what every response carries, whatever its status.
var required = map[string]string{
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Embedder-Policy": "require-corp",
	"Cross-Origin-Resource-Policy": "same-origin",
	"X-Content-Type-Options":       "nosniff",
	"Referrer-Policy":              "no-referrer",
}

// directives are the parts of the policy that the page's safety stands on.
var directives = []string{
	"default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "worker-src 'self'", "connect-src 'self'",
	"img-src 'self' blob:", "style-src 'self'", "manifest-src 'self'", "base-uri 'none'", "form-action 'none'",
	"frame-ancestors 'none'", "require-trusted-types-for 'script'",
}

func TestResponses(t *testing.T) {
	s := fill(t)
	const js, html = "text/javascript; charset=utf-8", "text/html; charset=utf-8"
	for _, c := range []struct {
		method, path, accept string
		status               int
		contentType, coding  string
	}{
		{"GET", "/", "", 200, html, ""},
		{"GET", "/", "gzip, deflate, br", 200, html, "br"},
		{"GET", "/index.html", "gzip", 200, html, "gzip"},
		{"GET", "/", "gzip;q=1, br;q=0", 200, html, "gzip"},
		{"GET", "/", "br;q=0.0, gzip; q=0", 200, html, ""},
		{"GET", "/", "*", 200, html, "br"},
		{"GET", "/", "br;q=0, *", 200, html, "gzip"},
		{"GET", "/", "identity", 200, html, ""},
		{"GET", "/", "BR", 200, html, "br"},
		{"GET", "/", "zstd", 200, html, ""},
		{"GET", "/", "br;q=banana", 200, html, ""},
		{"HEAD", "/page.js", "br", 200, js, "br"},
		{"HEAD", "/page.js", "", 200, js, ""},
		{"GET", "/style.css", "br", 200, "text/css; charset=utf-8", ""}, // too short to gain
		{"GET", "/icon.svg", "", 200, "image/svg+xml", ""},
		{"GET", "/manifest.webmanifest", "", 200, "application/manifest+json", ""},
		{"GET", "/encipher.wasm", "", 200, "application/wasm", ""},
		{"GET", "/encipher.wasm", "br", 200, "application/wasm", "br"},
		{"GET", "/models/index.json", "", 200, "application/json", ""},
		{"GET", "/models/default/card.json", "", 200, "application/json", ""},
		{"GET", "/models/default/encryption.onnx", "", 200, "application/octet-stream", ""},

		{"POST", "/", "", 405, "", ""},
		{"PUT", "/page.js", "", 405, "", ""},
		{"DELETE", "/page.js", "", 405, "", ""},
		{"OPTIONS", "/", "", 405, "", ""},
		{"PATCH", "/nothing", "", 405, "", ""},
		{"BREW", "/", "", 405, "", ""},
		{"GET", "/nothing", "", 404, "", ""},
		{"HEAD", "/nothing", "br", 404, "", ""},
		{"GET", "/models", "", 404, "", ""},
		{"GET", "/models/", "", 404, "", ""},
		{"GET", "/models/default/", "", 404, "", ""},
		{"GET", "/static.go", "", 404, "", ""},
		{"GET", "/.gitignore", "", 404, "", ""},
		{"GET", "/encipher.wasm.br", "", 404, "", ""},
		{"GET", "/../static.go", "", 404, "", ""},
		{"GET", "/models/../../etc/passwd", "", 404, "", ""},
		{"GET", "/%2e%2e/%2e%2e/etc/passwd", "", 404, "", ""},
		{"GET", "/..%5c..%5cwindows", "", 404, "", ""},
		{"GET", "//page.js", "", 404, "", ""},
		{"GET", "/page.js%00.html", "", 404, "", ""},
		{"GET", "/page.js/", "", 404, "", ""},
	} {
		t.Run(c.method+" "+c.path+" "+c.accept, func(t *testing.T) {
			r := httptest.NewRequest(c.method, c.path, nil)
			if c.accept != "" {
				r.Header.Set("Accept-Encoding", c.accept)
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != c.status {
				t.Fatalf("status %d, want %d", w.Code, c.status)
			}
			for name, value := range required {
				if got := w.Header().Get(name); got != value {
					t.Errorf("%s: %q, want %q", name, got, value)
				}
			}
			for _, d := range directives {
				if !strings.Contains(w.Header().Get("Content-Security-Policy"), d) {
					t.Errorf("the policy lacks %q", d)
				}
			}
			if c.status == 405 && w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("Allow: %q", w.Header().Get("Allow"))
			}
			if c.status != 200 {
				return
			}
			if got := w.Header().Get("Content-Type"); got != c.contentType {
				t.Errorf("content type %q, want %q", got, c.contentType)
			}
			if got := w.Header().Get("Content-Encoding"); got != c.coding {
				t.Errorf("coding %q, want %q", got, c.coding)
			}
			if w.Header().Get("Vary") != "Accept-Encoding" || w.Header().Get("Content-Length") == "" || w.Header().Get("Etag") == "" {
				t.Errorf("headers for caches are missing: %v", w.Header())
			}
		})
	}
}

func get(t *testing.T, s http.Handler, path string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.Header = header
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestEveryFormHoldsTheSameFile(t *testing.T) {
	s := fill(t)
	for coding, decode := range map[string]func(io.Reader) (io.Reader, error){
		"identity": func(r io.Reader) (io.Reader, error) { return r, nil },
		"br":       func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil },
		"gzip":     func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	} {
		w := get(t, s, "/", http.Header{"Accept-Encoding": {coding}})
		r, err := decode(bytes.NewReader(w.Body.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil || string(content) != page {
			t.Errorf("%s: not the page (%v)", coding, err)
		}
	}
	if w := get(t, s, "/encipher.wasm", http.Header{"Accept-Encoding": {"br"}}); w.Body.String() != "as brotli" {
		t.Errorf("the form made at build time is not the one served: %q", w.Body)
	}
}

func TestUnchangedFilesAreNotSentAgain(t *testing.T) {
	s := fill(t)
	tags := map[string]bool{}
	for _, accept := range []string{"identity", "br", "gzip"} {
		first := get(t, s, "/", http.Header{"Accept-Encoding": {accept}})
		tag := first.Header().Get("Etag")
		tags[tag] = true
		again := get(t, s, "/", http.Header{"Accept-Encoding": {accept}, "If-None-Match": {tag}})
		if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("%s: status %d with %d bytes, want 304 with none", accept, again.Code, again.Body.Len())
		}
		if again.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s: the 304 lacks the policy", accept)
		}
	}
	if len(tags) != 3 {
		t.Errorf("the forms share entity tags: %v", tags)
	}
}

func TestRangesAreNotServed(t *testing.T) {
	w := get(t, fill(t), "/", http.Header{"Accept-Encoding": {"br"}, "Range": {"bytes=0-3"}})
	if w.Code != 200 {
		t.Errorf("status %d, want the whole file", w.Code)
	}
}

func TestModelNames(t *testing.T) {
	for _, name := range []string{"", "..", ".hidden", "a/b", "a b", "ä", strings.Repeat("x", 65), "default"} {
		if err := fill(t).AddModel(name, nil, nil, nil); err == nil {
			t.Errorf("the name %q was accepted", name)
		}
	}
	s := fill(t)
	if err := s.AddModel("second.v1", []byte(card), nil, nil); err != nil {
		t.Fatal(err)
	}
	if got := get(t, s, "/models/index.json", nil).Body.String(); got != `{"models":["default","second.v1"]}` {
		t.Errorf("index: %s", got)
	}
}
