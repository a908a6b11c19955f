// Package browsertest drives the page in a real headless Chromium, served by
// the real server with the real wasm.
//
// Main path: build and start the server, open a tab that records what goes
// wrong in it, act on the page as a user would, and compare what comes out with
// what the root package computes natively. All traffic of the browser passes a
// proxy of the test, so that no request can go unseen.
package browsertest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"enciphergan/server/site"
	"enciphergan/static"
)

// patience bounds every wait. It is generous, because the wasm computes in plain
// Go and machines differ; nothing is asserted about time.
const patience = 5 * time.Minute

// root is the folder of the repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// command runs a program in the repository's root and fails the test with its output.
func command(t *testing.T, name string, args ...string) {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir = root(t)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// programs is a folder for what the tests build, once for all of them.
var programs string

func TestMain(m *testing.M) {
	var err error
	if programs, err = os.MkdirTemp("", "encipher-browsertest-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(programs)
	os.Exit(code)
}

var bundles = map[string]string{} // folders with the wasm, by its tags

// bundled is a folder with the wasm, built with tags once for all tests.
func bundled(t *testing.T, tags string) string {
	t.Helper()
	dir, ok := bundles[tags]
	if !ok {
		dir = filepath.Join(programs, "wasm-"+tags)
		command(t, "go", "run", "./wasm/bundle", "-quick", "-tags", tags, "-o", dir)
		bundles[tags] = dir
	}
	return dir
}

// plain is a site with the page, a wasm of the given tags and the default model at its
// root, as they lie in the repository.
func plain(t *testing.T, tags string) *site.Site {
	t.Helper()
	s := site.New()
	s.UseForms(os.DirFS(filepath.Join(bundled(t, tags), "forms")))
	for _, dir := range []fs.FS{static.Files, os.DirFS(bundled(t, tags))} {
		if err := s.AddFolder(dir); err != nil {
			t.Fatal(err)
		}
	}
	addModels(t, s)
	return s
}

var serverBuilt sync.Once

// serve builds the wasm and the server, starts the server as `make run` does,
// and returns its address. The server is asked to stop at the end of the test,
// and must end well.
func serve(t *testing.T, args ...string) string {
	t.Helper()
	binary := filepath.Join(programs, "server")
	serverBuilt.Do(func() {
		command(t, "go", "run", "./wasm/bundle")
		command(t, "go", "build", "-buildvcs=false", "-o", binary, "./cmd/encipher-server")
	})
	c := exec.Command(binary, append([]string{"-addr", "127.0.0.1:0", "-quiet"}, args...)...)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("stopping the server: %v", err)
		}
		if err := c.Wait(); err != nil {
			t.Errorf("the server did not end well: %v", err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server printed no address: %v", err)
	}
	address := regexp.MustCompile(`http://\S+/`).FindString(line)
	if address == "" {
		t.Fatalf("the server printed no address but %q", line)
	}
	return address
}

// chromium finds the browser.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("there is no Chromium: install the package 'chromium' (Debian: apt-get install chromium), or set CHROMIUM to its path; `make test` installs it where it can")
	return ""
}

// chromiums are the services that Chromium calls by itself, whatever page is
// open. It gets no answer from them here. The page cannot reach them, since its
// policy allows no origin but its own.
var chromiums = regexp.MustCompile(`(^|\.)(google|googleapis|gvt1|gstatic)\.com(:\d+)?$`)

// traffic is a proxy that passes requests on to one host and records all but
// those that Chromium makes by itself.
type traffic struct {
	host  string
	proxy *httputil.ReverseProxy
	hold  func(path string) // returns when a request may go on

	mu   sync.Mutex
	seen []string // who saw it, method, host and path of every request, in order
}

func (tr *traffic) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !chromiums.MatchString(r.Host) {
		tr.add("proxy: " + r.Method + " " + r.Host + r.URL.Path)
	}
	if r.URL.Host != tr.host {
		http.Error(w, "only the page's own server is reachable in this test", http.StatusForbidden)
		return
	}
	tr.hold(r.URL.Path)
	tr.proxy.ServeHTTP(w, r)
}

func (tr *traffic) add(request string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.seen = append(tr.seen, request)
}

// requests returns what was seen so far.
func (tr *traffic) requests() []string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return slices.Clone(tr.seen)
}

// tab is one page in a browser of its own, with an empty profile.
type tab struct {
	t         *testing.T
	ctx       context.Context
	traffic   *traffic
	downloads string // folder of saved files

	mu       sync.Mutex
	trouble  []string // console warnings and errors, exceptions, policy violations
	expected string   // part of those that do not count; none if it is empty
}

// open starts a browser at the address of the page and waits until it can work,
// and has stored what it works offline with, where the site allows that.
func open(t *testing.T, address string) *tab {
	t.Helper()
	b := visit(t, address)
	b.ready()
	b.until(`document.getElementById("offline").dataset.state !== "asking"`)
	return b
}

// visit starts a browser at the address. The test fails if by its end the page
// there has complained about anything.
func visit(t *testing.T, address string) *tab {
	t.Helper()
	host, _, _ := strings.Cut(strings.TrimPrefix(address, "http://"), "/")
	return visitAs(t, address, host, func(string) {})
}

// visitAs lets the browser know the server by another host, and holds its requests
// until the function returns.
func visitAs(t *testing.T, address, host string, hold func(path string)) *tab {
	t.Helper()
	b := &tab{t: t, downloads: t.TempDir()}
	at, path, _ := strings.Cut(strings.TrimPrefix(address, "http://"), "/")
	b.traffic = &traffic{host: host, hold: hold, proxy: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", at },
	}}
	proxy := httptest.NewServer(b.traffic)
	t.Cleanup(proxy.Close)

	allocator, end := chromedp.NewExecAllocator(context.Background(), append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(chromium(t)),
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-domain-reliability", true),
		chromedp.ProxyServer(proxy.URL),
		// Chromium goes around proxies for addresses of this machine unless told not to.
		chromedp.Flag("proxy-bypass-list", "<-loopback>"),
		chromedp.WindowSize(1440, 1000),
		chromedp.WSURLReadTimeout(patience), // the first start of a browser may take long
	)...)
	t.Cleanup(end)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	b.ctx = ctx

	console := chromedp.Console(ctx)
	// The page's own account of its requests names foreign hosts that the proxy
	// takes for Chromium's.
	if err := chromedp.Listen(ctx, func(event any) {
		if e, ok := event.(*network.EventRequestWillBeSent); ok && !strings.HasPrefix(e.Request.URL, "blob:") {
			_, rest, _ := strings.Cut(e.Request.URL, "://")
			b.traffic.add("page: " + e.Request.Method + " " + rest)
		}
	}); err != nil {
		t.Fatal(err)
	}
	b.do(browserDownloads(b.downloads))
	go func() {
		for message, err := range console {
			if err != nil {
				return
			}
			b.mu.Lock()
			b.trouble = append(b.trouble, fmt.Sprintf("%s: %s (%s)", message.Type, message.Text, message.URL))
			b.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, words := range b.trouble {
			if b.expected == "" || !strings.Contains(words, b.expected) {
				t.Errorf("the page complained: %s", words)
			}
		}
	})
	b.do(chromedp.Navigate("http://" + host + "/" + path))
	return b
}

// expectTrouble lets the page complain in words with the given part.
func (b *tab) expectTrouble(words string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = words
}

func browserDownloads(dir string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.CallBrowser(ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
			Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir,
		})
		return err
	})
}

// do runs actions within patience.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	// The first call starts the browser, which lives as long as its context.
	if err := chromedp.Do(b.ctx); err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%v\n%s", err, b.state())
	}
}

// eval evaluates an expression in the page and waits for its promise.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// until waits for a condition of the page; an error that the page shows ends the wait.
func (b *tab) until(condition string) {
	b.t.Helper()
	deadline := time.Now().Add(patience)
	for !eval[bool](b, "!!("+condition+")") {
		if shown := eval[string](b, `document.getElementById("error")?.hidden === false ? document.getElementById("error").innerText : ""`); shown != "" && !strings.Contains(condition, "error") {
			b.t.Fatalf("waiting for %s, the page says: %s", condition, shown)
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("waited in vain for %s\n%s", condition, b.state())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// state describes the page for a failure.
func (b *tab) state() string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	words, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body?.innerText ?? ""`))
	if err != nil {
		return err.Error()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return words + "\n" + strings.Join(b.trouble, "\n")
}

func (b *tab) ready() {
	b.t.Helper()
	b.until(`document.getElementById("engine")?.dataset.state === "ready"`)
}

// click presses a button by its id, once it is there.
func (b *tab) click(id string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`(() => { const e = document.getElementById(%q); return e && !e.hidden && !e.disabled })()`, id))
	b.do(chromedp.Click(chromedp.CSS("#" + id)))
}

// choose gives files to a file field, as its chooser would.
func (b *tab) choose(id string, files ...string) {
	b.t.Helper()
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#"+id), files))
}

// save presses a save button and returns the content of the file that arrives.
func (b *tab) save(selector, name string) []byte {
	b.t.Helper()
	path := filepath.Join(b.downloads, name)
	if err := os.RemoveAll(path); err != nil { // of a save before
		b.t.Fatal(err)
	}
	b.do(chromedp.Click(chromedp.CSS(selector)))
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		// Chromium may reserve the name with an empty file, writes under another and
		// renames in the end. Nothing that the page saves is empty.
		if content, err := os.ReadFile(path); len(content) > 0 {
			return content
		} else if err != nil && !errors.Is(err, os.ErrNotExist) {
			b.t.Fatal(err)
		}
		if time.Now().After(deadline) {
			entries, _ := os.ReadDir(b.downloads)
			b.t.Fatalf("no file %s was saved; there are %v", name, entries)
		}
	}
}

// expectError waits for the error of a code and checks that it helps.
func (b *tab) expectError(code string) {
	b.t.Helper()
	b.until(`!document.getElementById("error").hidden`)
	if got := eval[string](b, `document.getElementById("error").dataset.code`); got != code {
		b.t.Fatalf("error code %q, want %q\n%s", got, code, b.state())
	}
	for _, part := range []string{"error-title", "error-hint", "error-detail"} {
		if eval[string](b, fmt.Sprintf(`document.getElementById(%q).textContent`, part)) == "" {
			b.t.Errorf("%s: %s is empty", code, part)
		}
	}
	b.click("error-close")
	b.until(`document.getElementById("error").hidden`)
}

// call runs a command of the DevTools protocol.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	result, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.t.Fatal(err)
	}
	return result
}
