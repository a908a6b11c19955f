package server

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"enciphergan/server/site"
)

var pageFiles = fstest.MapFS{
	"index.html": {Data: []byte("<!doctype html>" + strings.Repeat("<p>calm</p>", 100))},
	"page.js":    {Data: []byte("export {};")},
	"style.css":  {Data: []byte("body { margin: 0 }")},
	"long.js":    {Data: bytes.Repeat([]byte("export {};\n"), 700)},
	"icon.svg":   {Data: []byte("<svg/>")},
	"icon.png":   {Data: []byte("\x89PNG\r\n\x1a\n")},

	"manifest.webmanifest": {Data: []byte("{}")},
	"encipher.wasm":        {Data: bytes.Repeat([]byte("\x00asm"), 64<<10)},
}

// start serves a small site as serve does and returns its address.
func start(t testing.TB, log *slog.Logger, quiet bool) (address string, pages *site.Site) {
	t.Helper()
	pages = smallSite(t)
	listener := listen(t)
	server := newServer(pages, log, quiet)
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return listener.Addr().String(), pages
}

func smallSite(t testing.TB) *site.Site {
	t.Helper()
	pages := site.New()
	if err := pages.AddModel("default", []byte("{}"), []byte("onnx-e"), []byte("onnx-d")); err != nil {
		t.Fatal(err)
	}
	if err := pages.AddPage(pageFiles); err != nil {
		t.Fatal(err)
	}
	return pages
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

func secure(t *testing.T, h http.Header) {
	t.Helper()
	for _, field := range site.Headers {
		if got := h.Values(field.Name); len(got) != 1 || got[0] != field.Value {
			t.Errorf("%s: %q, want %q once", field.Name, got, field.Value)
		}
	}
}

// answer sends bytes and reads the first answer, if there is one.
func answer(t testing.TB, address string, request []byte) (*http.Response, []byte, error) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	// A long run of fuzzing uses up the ports, which the system frees after a while.
	for deadline := time.Now().Add(2 * time.Minute); err != nil && time.Now().Before(deadline); c, err = net.Dial("tcp", address) {
		time.Sleep(time.Second)
	}
	if err != nil {
		t.Fatal(err)
	}
	return exchange(c.(*net.TCPConn), request)
}

// exchange sends bytes over a connection, which it closes, and reads the first answer.
func exchange(c *net.TCPConn, request []byte) (*http.Response, []byte, error) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	go func() { // the server may answer and close before it has read all
		c.Write(request)
		c.CloseWrite()
	}()
	method, _, _ := strings.Cut(string(request[:min(len(request), 16)]), " ")
	response, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(response.Body)
	return response, body, err
}

// net/http refuses what it cannot parse before the handler; such answers lack the
// header fields (docs/server.md). All others have them.
func TestRefusals(t *testing.T) {
	address, _ := start(t, silent(), false)
	for request, status := range map[string]int{
		"GET / HTTP/1.1\r\n\r\n":                                                            400, // no host
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n":                                      400,
		"GET / HTTP/1.1\r\nHost: a\r\nna me: b\r\n\r\n":                                     400,
		"nonsense\r\n\r\n":                                                                  400,
		"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n":                                              400,
		"GET / HTTP/3.0\r\nHost: a\r\n\r\n":                                                 505,
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\r\n":                                      400,
		"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n":                                             405,
		"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n":                                         405,
		"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n":                                         200,
		"GET / HTTP/1.0\r\n\r\n":                                                            200,
		"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n":                                          200,
		"GET /" + strings.Repeat("x", 3000) + " HTTP/1.1\r\nHost: a\r\n\r\n":                414,
		"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 40_000) + "\r\n\r\n":       431,
		"GET /" + strings.Repeat("x", 40_000) + " HTTP/1.1\r\nHost: a\r\n\r\n":              431,
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: stew\r\n\r\n":                     501,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\nbegins":             405,
		"GET / HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n\r\n":                              417,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde": 400,
	} {
		t.Run(fmt.Sprintf("%.40q", request), func(t *testing.T) {
			response, _, err := answer(t, address, []byte(request))
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != status {
				t.Errorf("status %d, want %d", response.StatusCode, status)
			}
			if !refusedByGo[status] {
				secure(t, response.Header)
			}
		})
	}
}

// refusedByGo holds the statuses with which only net/http answers, never the site.
var refusedByGo = map[int]bool{400: true, 417: true, 431: true, 501: true, 505: true}

// FuzzRequest: whatever is sent, an answer is one of the site's files or a refusal, and
// has the header fields unless net/http refused the request before the handler.
func FuzzRequest(f *testing.F) {
	address, _ := start(f, silent(), false)
	known := map[[32]byte]bool{sha256.Sum256([]byte("ok\n")): true}
	paths := []string{"/", "/index.html", "/page.js", "/encipher.wasm", "/models/index.json"}
	for _, path := range paths {
		for _, coding := range []string{"identity", "br", "gzip"} {
			_, body, err := answer(f, address, []byte("GET "+path+" HTTP/1.1\r\nHost: a\r\nAccept-Encoding: "+coding+"\r\n\r\n"))
			if err != nil {
				f.Fatal(err)
			}
			known[sha256.Sum256(body)] = true
		}
	}
	for _, path := range append(paths, "/../main.go", "/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", `/..\..\windows\win.ini`, "//etc/passwd",
		"/page.js%00", "/./page.js", "/models/../page.js", "/v/../page.js", "/page.js/.", "/..;/page.js", "/%c0%ae%c0%ae/etc/passwd", "*", "file:///etc/passwd", "http://a/page.js") {
		f.Add([]byte("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n"))
	}
	for _, header := range []string{
		"Range: bytes=0-0,-1,5-", "Range: bytes=9223372036854775807-", "Range: bytes=-99999999999999999999", "Range: bytes=0-" + strings.Repeat(",0-", 2000),
		"If-None-Match: \"", "If-None-Match: W/\"x\", *", "If-Match: *", "If-Range: Mon, 02 Jan 2006 15:04:05 GMT\r\nRange: bytes=0-1",
		"Accept-Encoding: ;;;,q=0,*;q=;br", "Accept-Encoding: br;q=NaN", "Content-Length: -1", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 3",
		"X-Original-URL: /../main.go", "X-Forwarded-Prefix: /../", "Connection: upgrade\r\nUpgrade: h2c", "Cookie: " + strings.Repeat("x", 20_000), "a: b\r\n c: d", "\x00: b",
	} {
		f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\n" + header + "\r\n\r\n"))
	}
	f.Add([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	f.Add([]byte("HEAD /page.js HTTP/1.1\r\nHost: a\r\n\r\n"))
	f.Add([]byte("GET /\r\n"))
	f.Add([]byte{})
	statuses := map[int]bool{200: true, 206: true, 304: true, 308: true, 400: true, 404: true, 405: true, 412: true, 414: true, 416: true, 417: true, 431: true, 501: true, 505: true}
	f.Fuzz(func(t *testing.T, request []byte) {
		if len(request) > 64<<10 {
			return
		}
		response, body, err := answer(t, address, request)
		if err != nil {
			return // nothing that could be answered; the next request shows that the server lives
		}
		if response.StatusCode == 100 {
			return // the end of the body that the client announced never comes
		}
		if !statuses[response.StatusCode] {
			t.Fatalf("status %s", response.Status)
		}
		if !refusedByGo[response.StatusCode] {
			secure(t, response.Header)
		}
		if response.StatusCode == 200 && response.Request.Method == "GET" && !known[sha256.Sum256(body)] {
			t.Fatalf("an answer that is no file of the site: %.100q", body)
		}
	})
}

// 10,000 requests over 200 connections: the server closes no connection, no request fails, and
// the server's heap does not grow with the requests.
func TestManyRequests(t *testing.T) {
	const connections, requests = 200, 10_000
	var log lines
	pages := smallSite(t)
	server := newServer(pages, slog.New(slog.NewTextHandler(&log, nil)), false)
	// A busy machine must not end a connection.
	server.ReadTimeout, server.WriteTimeout, server.IdleTimeout = 0, 0, 0
	listener := listen(t)
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	paths := []string{"/", "/page.js", "/encipher.wasm", "/models/index.json", "/nothing"}
	codings := []string{"br", "gzip", "identity"}
	var clients [connections]*bufio.ReadWriter
	for n := range clients {
		c := dialed(t, listener)
		c.SetDeadline(time.Time{})
		clients[n] = bufio.NewReadWriter(bufio.NewReader(c), bufio.NewWriter(c))
	}
	ask := func(c *bufio.ReadWriter, i int) error {
		path := paths[i%len(paths)]
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: a\r\nAccept-Encoding: %s\r\n\r\n", path, codings[i%len(codings)])
		if err := c.Flush(); err != nil {
			return err
		}
		response, err := http.ReadResponse(c.Reader, nil)
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, response.Body)
		if want := map[bool]int{true: 404, false: 200}[path == "/nothing"]; err != nil || response.StatusCode != want || n == 0 || response.Close {
			return fmt.Errorf("%s: %s, %d bytes, %v, the last of its connection: %v", path, response.Status, n, err, response.Close)
		}
		return nil
	}
	all := func(n int) {
		var next atomic.Int64
		var workers sync.WaitGroup
		for first, c := range clients {
			workers.Go(func() {
				for i := first; i < n; i = connections + int(next.Add(1)) - 1 { // each has a turn at first
					if err := ask(c, i); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		workers.Wait()
	}
	held := func() uint64 {
		runtime.GC()
		runtime.GC() // pools retain buffers for one more collection
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	all(2 * connections) // at first every connection gets its buffers
	before := held()
	all(requests)
	after := held()
	runtime.KeepAlive(pages)
	runtime.KeepAlive(&clients)
	t.Logf("heap %d KiB before %d requests, %d KiB after", before>>10, requests, after>>10)
	if after > before+1<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
	// A line is written when its answer has been sent.
	for deadline := time.Now().Add(time.Minute); log.count.Load() < requests+2*connections && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if n := log.count.Load(); n != requests+2*connections {
		t.Errorf("%d lines of access log for %d requests", n, requests+2*connections)
	}
}

// lines counts the lines that are written and discards them.
type lines struct{ count atomic.Int64 }

func (l *lines) Write(b []byte) (int, error) {
	l.count.Add(int64(bytes.Count(b, []byte("\n"))))
	return len(b), nil
}

func TestAccessLog(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		var log safeBuffer
		address, _ := start(t, slog.New(slog.NewTextHandler(&log, nil)), quiet)
		for _, path := range []string{"/page.js?secret=1", "/healthz", "/a%0Alevel=ERROR", "/" + strings.Repeat("y", 1500)} {
			response, err := http.Get("http://" + address + path)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
		}
		text := log.String()
		if quiet {
			if text != "" {
				t.Errorf("a quiet server logs %s", text)
			}
			continue
		}
		for _, want := range []string{"method=GET path=/page.js status=200 bytes=10 ", "remote=127.0.0.1", `path="/a\nlevel=ERROR" status=404`} {
			if !strings.Contains(text, want) {
				t.Errorf("the log lacks %q:\n%s", want, text)
			}
		}
		for _, no := range []string{"secret", "healthz", strings.Repeat("y", 300)} {
			if strings.Contains(text, no) {
				t.Errorf("the log has %q:\n%s", no, text)
			}
		}
		if n := strings.Count(text, "\n"); n != 3 {
			t.Errorf("%d lines, want 3:\n%s", n, text)
		}
	}
}

// safeBuffer is a buffer for several goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// The answers over a connection have the header fields that the site sets, with and
// without TLS, HTTP/2 and a log, on connections that are kept alive.
func TestSameFieldsOverConnections(t *testing.T) {
	cert, key, client := certificate(t)
	for _, c := range []struct{ quiet, secured, http2 bool }{{true, false, false}, {false, false, false}, {true, true, false}, {false, true, true}} {
		pages, listener := smallSite(t), listen(t)
		server := newServer(pages, silent(), c.quiet)
		defer server.Close()
		address, scheme, transport := listener.Addr().String(), "http://", &http.Transport{}
		if c.secured {
			scheme, transport = "https://", client(c.http2).Transport.(*http.Transport)
			go server.ServeTLS(limitConnections(listener, 10), cert, key)
		} else {
			go server.Serve(limitConnections(listener, 10))
		}
		transport.DisableCompression = true
		defer transport.CloseIdleConnections()
		tag := func(path string) string {
			w := httptest.NewRecorder()
			pages.ServeHTTP(w, httptest.NewRequest(http.MethodHead, path, nil))
			return w.Header().Get("Etag")
		}
		compared := 0
		for _, path := range []string{"/", "/long.js", "/icon.png", "/encipher.wasm", "/missing", "/healthz"} {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
				for _, field := range [][2]string{{}, {"Range", "bytes=1-2"}, {"Range", "bytes=9999999-"}, {"If-None-Match", tag(path)}, {"If-None-Match", `"other"`}, {"If-Match", `"other"`}} {
					for _, coding := range []string{"identity", "br", "gzip"} {
						r, err := http.NewRequest(method, scheme+address+path, nil)
						if err != nil {
							t.Fatal(err)
						}
						r.Header.Set("Accept-Encoding", coding)
						if field[1] != "" {
							r.Header.Set(field[0], field[1])
						}
						want := httptest.NewRecorder()
						direct := r.Clone(t.Context())
						direct.RequestURI = path
						pages.ServeHTTP(want, direct)
						got, err := (&http.Client{Transport: transport}).Do(r)
						if err != nil {
							t.Fatal(err)
						}
						body, err := io.ReadAll(got.Body)
						got.Body.Close()
						if err != nil || got.StatusCode != want.Code || method != http.MethodHead && !bytes.Equal(body, want.Body.Bytes()) {
							t.Errorf("%s %s %s %s: %d, %d bytes, %v; want %d, %d bytes", method, path, field, coding, got.StatusCode, len(body), err, want.Code, want.Body.Len())
						}
						got.Header.Del("Date")
						if want.Header().Get("Content-Length") == "" {
							got.Header.Del("Content-Length") // net/http adds it
						}
						if !maps.EqualFunc(got.Header, want.Header(), slices.Equal) {
							t.Errorf("%s %s %s %s:\n%v, want\n%v", method, path, field, coding, got.Header, want.Header())
						}
						compared++
					}
				}
			}
		}
		t.Logf("%d answers", compared)
	}
}
