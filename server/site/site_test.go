package site_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/andybalholm/brotli"

	"enciphergan/server/site"
)

// page is long enough for compression to pay.
var page = `<!doctype html><link rel="icon" href="icon.svg"><link rel="manifest" href="manifest.webmanifest">` +
	`<a href="#top"></a><script src="page.js"></script>` + strings.Repeat("<p>calm</p>", 100)

const (
	card   = `{"name":"default"}`
	sealed = "age-encryption.org/v1\n..."
)

var encryption = strings.Repeat("onnx-e ", 100)

var folder = fstest.MapFS{
	"index.html":           {Data: []byte(page)},
	"page.js":              {Data: []byte(strings.Repeat("export {};\n", 50))},
	"style.css":            {Data: []byte("body{}")},
	"icon.svg":             {Data: []byte("<svg/>")},
	"manifest.webmanifest": {Data: []byte(`{"start_url": "./", "icons": [{"src": "icon.svg"}]}`)},
	"sw.js":                {Data: []byte("const build = __BUILD__;")},
	"vendor/zip.js":        {Data: []byte("export {};")},
	"encipher.wasm":        {Data: []byte("\x00asm-identity, longer than its forms")},
	"static.go":            {Data: []byte("package static")},
	".gitignore":           {Data: []byte("*")},
}

// forms stand in for those of the wasm; nothing but its digest leads to them.
func forms() fstest.MapFS {
	names := site.FormNames(folder["encipher.wasm"].Data)
	return fstest.MapFS{names[0]: {Data: []byte("as brotli")}, names[1]: {Data: []byte("as gzip")}}
}

func fill(t testing.TB, base string) *site.Site {
	t.Helper()
	s := site.New()
	s.UseForms(forms())
	if err := s.SetBase(base); err != nil {
		t.Fatal(err)
	}
	if err := s.AddModel("default", []byte(card), []byte(encryption), []byte("onnx-d")); err != nil {
		t.Fatal(err)
	}
	if err := s.AddSealedModel("secret", []byte(sealed)); err != nil {
		t.Fatal(err)
	}
	if err := s.AddPage(folder); err != nil {
		t.Fatal(err)
	}
	return s
}

// account is the description of a build in sw.js.
type account struct {
	Version string
	Shell   []string
	Models  []entry
}

// entry is a model in models/index.json.
type entry struct {
	Name, Folder string
	Files        []string
	Sealed       bool
	Bytes        int
}

func read(t testing.TB, s *site.Site) account {
	t.Helper()
	text := get(t, s, s.Base()+"sw.js", nil).Body.String()
	text, begins := strings.CutPrefix(text, "const build = ")
	text, ends := strings.CutSuffix(text, ";")
	var a account
	if err := json.Unmarshal([]byte(text), &a); err != nil || !begins || !ends {
		t.Fatalf("sw.js carries no account of its build: %v: %s", err, text)
	}
	return a
}

// required lists the header fields of every response, whatever its status.
var required = map[string]string{
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Embedder-Policy": "require-corp",
	"Cross-Origin-Resource-Policy": "same-origin",
	"X-Content-Type-Options":       "nosniff",
	"Referrer-Policy":              "no-referrer",
}

// directives are the parts of the policy on which the page's safety depends.
var directives = []string{
	"default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "worker-src 'self'", "connect-src 'self'",
	"img-src 'self' blob:", "style-src 'self'", "manifest-src 'self'", "base-uri 'none'", "form-action 'none'",
	"frame-ancestors 'none'", "require-trusted-types-for 'script'",
}

func secure(t *testing.T, h http.Header) {
	t.Helper()
	for name, value := range required {
		if got := h.Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	for _, d := range directives {
		if !strings.Contains(h.Get("Content-Security-Policy"), d) {
			t.Errorf("the policy lacks %q", d)
		}
	}
}

const (
	js      = "text/javascript; charset=utf-8"
	html    = "text/html; charset=utf-8"
	binary  = "application/octet-stream"
	forever = "public, max-age=31536000, immutable"
)

func TestResponses(t *testing.T) {
	for _, base := range []string{"/", "/pictures/sealed/"} {
		s := fill(t, base)
		about := read(t, s)
		v, m, a := "v/"+about.Version+"/", about.Models[0].Folder, about.Models[1].Folder
		for _, c := range []struct {
			method, path, accept, ranges string
			status                       int
			contentType, coding, cache   string
		}{
			{"GET", "", "", "", 200, html, "", "no-cache"},
			{"GET", "", "gzip, deflate, br", "", 200, html, "br", "no-cache"},
			{"GET", "?key=1", "br", "", 200, html, "br", "no-cache"},
			{"GET", "index.html", "gzip", "", 200, html, "gzip", "no-cache"},
			{"GET", "", "gzip;q=1, br;q=0", "", 200, html, "gzip", "no-cache"},
			{"GET", "", "br;q=0.0, gzip; q=0", "", 200, html, "", "no-cache"},
			{"GET", "", "*", "", 200, html, "br", "no-cache"},
			{"GET", "", "br;q=0, *", "", 200, html, "gzip", "no-cache"},
			{"GET", "", "identity", "", 200, html, "", "no-cache"},
			{"GET", "", "BR", "", 200, html, "br", "no-cache"},
			{"GET", "", "zstd", "", 200, html, "", "no-cache"},
			{"GET", "", "br;q=banana", "", 200, html, "", "no-cache"},
			{"GET", v + "page.js", "br", "", 200, js, "br", forever},
			{"HEAD", v + "page.js", "br", "", 200, js, "br", forever},
			{"HEAD", v + "page.js", "", "", 200, js, "", forever},
			{"GET", v + "vendor/zip.js", "", "", 200, js, "", forever},
			{"GET", v + "style.css", "br", "", 200, "text/css; charset=utf-8", "", forever}, // too short to gain
			{"GET", v + "icon.svg", "", "", 200, "image/svg+xml", "", forever},
			{"GET", v + "encipher.wasm", "", "", 200, "application/wasm", "", forever},
			{"GET", v + "encipher.wasm", "br", "", 200, "application/wasm", "br", forever},
			{"GET", "encipher.wasm", "gzip", "", 200, "application/wasm", "gzip", "no-cache"},
			{"HEAD", "page.js", "br", "", 200, js, "br", "no-cache"},
			{"GET", "vendor/zip.js", "", "", 200, js, "", "no-cache"},
			{"GET", "sw.js", "", "", 200, js, "", "no-cache"},
			{"GET", "manifest.webmanifest", "", "", 200, "application/manifest+json", "", "no-cache"},
			{"GET", "models/index.json", "", "", 200, "application/json", "", "no-cache"},
			{"GET", m + "card.json", "", "", 200, "application/json", "", forever},
			{"GET", m + "encryption.onnx", "br", "", 200, binary, "", forever}, // weights are not worth it
			{"GET", a + "model.age", "br", "", 200, binary, "", forever},

			{"GET", m + "encryption.onnx", "", "bytes=0-9", 206, binary, "", forever},
			{"GET", m + "encryption.onnx", "", "bytes=-4", 206, binary, "", forever},
			{"GET", m + "encryption.onnx", "br", "bytes=690-", 206, binary, "", forever},
			{"GET", m + "encryption.onnx", "", "bytes=0-0,5-6", 206, "multipart/byteranges", "", forever},
			{"GET", v + "page.js", "br", "bytes=0-9", 206, js, "", forever}, // of the file, not of its form
			{"GET", m + "encryption.onnx", "", "bytes=900-", 416, "", "", "no-store"},
			{"GET", m + "encryption.onnx", "", "Bytes=0-9", 200, binary, "", forever}, // net/http knows the lower case only
			{"GET", m + "encryption.onnx", "", "bytes=x", 416, "", "", "no-store"},
			{"GET", m + "encryption.onnx", "", "lines=1-2", 200, binary, "", forever}, // an unknown unit
			{"GET", v + "page.js", "br", "lines=1-2", 200, js, "br", forever},
			{"HEAD", m + "encryption.onnx", "", "bytes=0-9", 200, binary, "", forever},

			{"POST", "", "", "", 405, "", "", "no-store"},
			{"PUT", "page.js", "", "", 405, "", "", "no-store"},
			{"DELETE", "page.js", "", "", 405, "", "", "no-store"},
			{"OPTIONS", "", "", "", 405, "", "", "no-store"},
			{"TRACE", "", "", "", 405, "", "", "no-store"},
			{"PATCH", "nothing", "", "", 405, "", "", "no-store"},
			{"BREW", "", "", "", 405, "", "", "no-store"},
			{"GET", "nothing", "", "", 404, "", "", "no-store"},
			{"HEAD", "nothing", "br", "", 404, "", "", "no-store"},
			{"GET", "v/", "", "", 404, "", "", "no-store"},
			{"GET", "v/0123456789abcdef/page.js", "", "", 404, "", "", "no-store"},
			{"GET", v, "", "", 404, "", "", "no-store"},
			{"GET", v + "index.html", "", "", 404, "", "", "no-store"},
			{"GET", v + "sw.js", "", "", 404, "", "", "no-store"},
			{"GET", "models", "", "", 404, "", "", "no-store"},
			{"GET", "models/", "", "", 404, "", "", "no-store"},
			{"GET", m, "", "", 404, "", "", "no-store"},
			{"GET", "static.go", "", "", 404, "", "", "no-store"},
			{"GET", ".gitignore", "", "", 404, "", "", "no-store"},
			{"GET", "encipher.wasm.br", "", "", 404, "", "", "no-store"},
			{"GET", "_headers", "", "", 404, "", "", "no-store"},
			{"GET", "../static.go", "", "", 404, "", "", "no-store"},
			{"GET", "models/../../etc/passwd", "", "", 404, "", "", "no-store"},
			{"GET", "%2e%2e/%2e%2e/etc/passwd", "", "", 404, "", "", "no-store"},
			{"GET", "..%5c..%5cwindows", "", "", 404, "", "", "no-store"},
			{"GET", "/page.js", "", "", 404, "", "", "no-store"},
			{"GET", "page.js%00.html", "", "", 404, "", "", "no-store"},
			{"GET", "page.js/", "", "", 404, "", "", "no-store"},
			{"GET", "?" + strings.Repeat("x", 4000), "", "", 414, "", "", "no-store"},
		} {
			t.Run(strings.Join([]string{c.method, base + c.path[:min(len(c.path), 80)], c.accept, c.ranges}, " "), func(t *testing.T) {
				r := httptest.NewRequest(c.method, base+c.path, nil)
				if c.accept != "" {
					r.Header.Set("Accept-Encoding", c.accept)
				}
				if c.ranges != "" {
					r.Header.Set("Range", c.ranges)
				}
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				h := w.Header()
				if w.Code != c.status {
					t.Fatalf("status %d, want %d", w.Code, c.status)
				}
				secure(t, h)
				if got := h.Get("Cache-Control"); got != c.cache {
					t.Errorf("Cache-Control %q, want %q", got, c.cache)
				}
				if c.status == 405 && h.Get("Allow") != "GET, HEAD" {
					t.Errorf("Allow: %q", h.Get("Allow"))
				}
				if c.method == "HEAD" && c.status == 200 && w.Body.Len() > 0 {
					t.Errorf("a body of %d bytes", w.Body.Len())
				}
				if c.status >= 300 {
					return
				}
				if got := h.Get("Content-Type"); !strings.HasPrefix(got, c.contentType) {
					t.Errorf("content type %q, want %q", got, c.contentType)
				}
				if got := h.Get("Content-Encoding"); got != c.coding {
					t.Errorf("coding %q, want %q", got, c.coding)
				}
				if h.Get("Vary") != "Accept-Encoding" || h.Get("Content-Length") == "" || h.Get("Etag") == "" || h.Get("Accept-Ranges") != "bytes" {
					t.Errorf("headers for caches are missing: %v", h)
				}
			})
		}
	}
}

func get(t testing.TB, s http.Handler, path string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.Header = header
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestRangesArePartsOfTheFile(t *testing.T) {
	s := fill(t, "/")
	path := "/" + read(t, s).Models[0].Folder + "encryption.onnx"
	tag := get(t, s, path, nil).Header().Get("Etag")
	for _, c := range []struct{ ranges, condition, want string }{
		{"bytes=0-3", "", "onnx"},
		{"bytes=-3", "", "-e "},
		{"bytes=7-10", tag, "onnx"},
		{"bytes=7-10", `"of another version"`, encryption},
	} {
		header := http.Header{"Range": {c.ranges}, "Accept-Encoding": {"br"}}
		if c.condition != "" {
			header.Set("If-Range", c.condition)
		}
		if got := get(t, s, path, header).Body.String(); got != c.want {
			t.Errorf("%s if %s gives %q, want %q", c.ranges, c.condition, got, c.want)
		}
	}
}

func TestBasePath(t *testing.T) {
	s := fill(t, "/pictures")
	w := get(t, s, "/pictures?x=1", nil)
	if w.Code != http.StatusPermanentRedirect || w.Header().Get("Location") != "/pictures/" {
		t.Errorf("/pictures gives %d to %q", w.Code, w.Header().Get("Location"))
	}
	secure(t, w.Header())
	for path, status := range map[string]int{"/": 404, "/index.html": 404, "/picture": 404, "/pictures/": 200, "/pictures/pictures/": 404, site.HealthPath: 200, "/pictures" + site.HealthPath: 404} {
		if got := get(t, s, path, nil).Code; got != status {
			t.Errorf("%s gives %d, want %d", path, got, status)
		}
	}
	for _, base := range []string{"pictures/", "/a b/", "/../", "/./", "//", "/a//b/", "/ä/", "/a?b/", "/" + strings.Repeat("x", 2000), ""} {
		if err := site.New().SetBase(base); (err == nil) != (base == "") {
			t.Errorf("the base path %q gives %v", base, err)
		}
	}
}

func TestHealth(t *testing.T) {
	w := get(t, fill(t, "/"), "/healthz", http.Header{"Accept-Encoding": {"br"}})
	if w.Code != 200 || w.Body.String() != "ok\n" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
	}
	secure(t, w.Header())
}

func TestEveryFormHoldsTheSameFile(t *testing.T) {
	s := fill(t, "/")
	for coding, decode := range map[string]func(io.Reader) (io.Reader, error){
		"identity": func(r io.Reader) (io.Reader, error) { return r, nil },
		"br":       func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil },
		"gzip":     func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	} {
		w := get(t, s, "/page.js", http.Header{"Accept-Encoding": {coding}})
		r, err := decode(bytes.NewReader(w.Body.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil || string(content) != string(folder["page.js"].Data) {
			t.Errorf("%s: not the file (%v)", coding, err)
		}
	}
	if w := get(t, s, "/encipher.wasm", http.Header{"Accept-Encoding": {"br"}}); w.Body.String() != "as brotli" {
		t.Errorf("the form made at build time is not the one served: %q", w.Body)
	}
}

// The forms that Forms makes are found by their content, and decode to it.
func TestForms(t *testing.T) {
	content := []byte(strings.Repeat("weights ", 100))
	made, err := site.Forms(content, 11)
	if err != nil {
		t.Fatal(err)
	}
	folder := fstest.MapFS{}
	for _, name := range site.FormNames(content) {
		if made[name] == nil {
			t.Fatalf("there is no form %s", name)
		}
		folder[name] = &fstest.MapFile{Data: made[name]}
	}
	s := site.New()
	s.UseForms(folder)
	if err := s.AddModel("m", []byte("{}"), content, content[8:]); err != nil {
		t.Fatal(err)
	}
	var index struct{ Models []struct{ Folder string } }
	if err := json.Unmarshal(get(t, s, "/models/index.json", nil).Body.Bytes(), &index); err != nil {
		t.Fatal(err)
	}
	at := "/" + index.Models[0].Folder
	w := get(t, s, at+"encryption.onnx", http.Header{"Accept-Encoding": {"br"}})
	if got, err := io.ReadAll(brotli.NewReader(w.Body)); err != nil || !bytes.Equal(got, content) || w.Header().Get("Content-Encoding") != "br" {
		t.Errorf("%q, %v", got, err)
	}
	if w := get(t, s, at+"decryption.onnx", http.Header{"Accept-Encoding": {"br"}}); w.Header().Get("Content-Encoding") != "" {
		t.Error("a model without forms is compressed")
	}
}

func TestUnchangedFilesAreNotSentAgain(t *testing.T) {
	s := fill(t, "/")
	tags := map[string]bool{}
	for _, accept := range []string{"identity", "br", "gzip"} {
		first := get(t, s, "/", http.Header{"Accept-Encoding": {accept}})
		tag := first.Header().Get("Etag")
		tags[tag] = true
		for condition, status := range map[string]int{tag: 304, "W/" + tag: 304, `"x", ` + tag: 304, "*": 304, `"x"`: 200, tag[:5] + `"`: 200} {
			again := get(t, s, "/", http.Header{"Accept-Encoding": {accept}, "If-None-Match": {condition}})
			if again.Code != status || (status == 304) != (again.Body.Len() == 0) {
				t.Errorf("%s, if none match %s: status %d with %d bytes, want %d", accept, condition, again.Code, again.Body.Len(), status)
			}
			secure(t, again.Header())
			if again.Header().Get("Etag") != tag || again.Header().Get("Cache-Control") != "no-cache" || again.Header().Get("Vary") == "" {
				t.Errorf("%s: the %d lacks what a cache needs: %v", accept, again.Code, again.Header())
			}
		}
	}
	if len(tags) != 3 {
		t.Errorf("the forms share entity tags: %v", tags)
	}
}

// The page refers to files that may be cached for ever, and sw.js lists them.
func TestPageRefersToItsVersion(t *testing.T) {
	s := fill(t, "/")
	about := read(t, s)
	v := "v/" + about.Version + "/"
	text := get(t, s, "/", nil).Body.String()
	for _, want := range []string{`href="` + v + `icon.svg"`, `href="manifest.webmanifest"`, `href="#top"`, `src="` + v + `page.js"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if got, want := get(t, s, "/manifest.webmanifest", nil).Body.String(), `{"start_url": "./", "icons": [{"src": "`+v+`icon.svg"}]}`; got != want {
		t.Errorf("the manifest is %s, want %s", got, want)
	}
	want := []string{"", v + "encipher.wasm", v + "icon.svg", v + "page.js", v + "style.css", v + "vendor/zip.js", "manifest.webmanifest"}
	if !slices.Equal(about.Shell, want) {
		t.Errorf("the shell is %q, want %q", about.Shell, want)
	}
	for _, file := range about.Shell {
		if code := get(t, s, "/"+file, nil).Code; code != 200 {
			t.Errorf("%s is part of the shell and gives %d", file, code)
		}
	}
}

// Any change of page or wasm changes the version, and a change of models sw.js.
func TestVersionFollowsTheFiles(t *testing.T) {
	versions := map[string]string{read(t, fill(t, "/")).Version: "nothing"}
	for name := range folder {
		if slices.Contains([]string{"static.go", ".gitignore"}, name) {
			continue
		}
		changed := fstest.MapFS{}
		for n, f := range folder {
			changed[n] = f
		}
		changed[name] = &fstest.MapFile{Data: append(slices.Clone(folder[name].Data), ' ')}
		s := site.New()
		if err := s.AddPage(changed); err != nil {
			t.Fatal(err)
		}
		text := get(t, s, "/", nil).Body.String()
		_, text, _ = strings.Cut(text, "v/")
		version, _, _ := strings.Cut(text, "/")
		if was, known := versions[version]; known {
			t.Errorf("a change of %s gives the same version as that of %s", name, was)
		}
		versions[version] = name
	}
	if len(versions) != 9 {
		t.Errorf("%d versions, want 9", len(versions))
	}
	s := site.New()
	if err := s.AddPage(folder); err != nil {
		t.Fatal(err)
	}
	if a := read(t, s); len(a.Models) != 0 || a.Version != read(t, fill(t, "/")).Version {
		t.Errorf("without models: %+v", a)
	}
}

func TestPagesThatCannotBe(t *testing.T) {
	for what, folders := range map[string][]fstest.MapFS{
		"no page":                    {{"page.js": folder["page.js"]}},
		"a worker without its build": {{"index.html": folder["index.html"], "sw.js": {Data: []byte("const build = {};")}}},
		"a file twice":               {folder, {"page.js": folder["page.js"]}},
	} {
		s := site.New()
		var err error
		if len(folders) == 2 {
			err = s.AddPage(folders[0], folders[1])
		} else {
			err = s.AddPage(folders[0])
		}
		if err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
	// Manifest and service worker are optional.
	if err := site.New().AddPage(fstest.MapFS{"index.html": folder["index.html"]}); err != nil {
		t.Error(err)
	}
	if err := fill(t, "/").AddPage(folder); err == nil {
		t.Error("a second page is accepted")
	}
	if err := fill(t, "/").AddModel("late", []byte(card), nil, nil); err == nil {
		t.Error("a model that sw.js does not list is accepted")
	}
}

func TestModels(t *testing.T) {
	filled := func() *site.Site {
		s := site.New()
		if err := s.AddModel("default", []byte(card), []byte(encryption), []byte("onnx-d")); err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, name := range []string{"", "..", ".hidden", "a/b", "a b", "ä", strings.Repeat("x", 65), "default", "Default", "index.json"} {
		if err := filled().AddModel(name, nil, nil, nil); err == nil {
			t.Errorf("the name %q was accepted", name)
		}
		if err := filled().AddSealedModel(name, nil); err == nil {
			t.Errorf("the name %q was accepted for a sealed model", name)
		}
	}
	s := filled()
	if err := s.AddModel("second.v1", []byte(card), []byte(encryption), []byte("onnx-e")); err != nil {
		t.Fatal(err)
	}
	if err := s.AddSealedModel("secret", []byte(sealed)); err != nil {
		t.Fatal(err)
	}
	var index struct{ Models []entry }
	if err := json.Unmarshal(get(t, s, "/models/index.json", nil).Body.Bytes(), &index); err != nil {
		t.Fatal(err)
	}
	three := []string{"card.json", "encryption.onnx", "decryption.onnx"}
	for i, want := range []entry{
		{Name: "default", Files: three, Bytes: len(card) + len(encryption) + 6},
		{Name: "second.v1", Files: three, Bytes: len(card) + len(encryption) + 6},
		{Name: "secret", Files: []string{"model.age"}, Sealed: true, Bytes: len(sealed)},
	} {
		got := index.Models[i]
		if got.Name != want.Name || !slices.Equal(got.Files, want.Files) || got.Sealed != want.Sealed || got.Bytes != want.Bytes {
			t.Errorf("%+v, want %+v", got, want)
		}
		if !strings.HasPrefix(got.Folder, "models/"+want.Name+"/") {
			t.Errorf("%s lies in %s", want.Name, got.Folder)
		}
		for _, name := range got.Files {
			if code := get(t, s, "/"+got.Folder+name, nil).Code; code != 200 {
				t.Errorf("%s gives %d", got.Folder+name, code)
			}
		}
	}
	digest := func(i int) string { return strings.Split(index.Models[i].Folder, "/")[2] }
	if digest(0) == digest(1) {
		t.Error("models that differ share a digest")
	}
	if got := get(t, s, "/"+index.Models[2].Folder+"model.age", nil).Body.String(); got != sealed {
		t.Errorf("the sealed model comes as %q", got)
	}
}
