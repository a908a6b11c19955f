// Package browsertest tests the page in headless Chromium, with the server and
// the wasm that users get.
//
// A test starts the server, opens a tab, acts on the page as a user would, and
// compares the results with those of the root package. All tests share one
// Chromium; each tab has its own browser context, so storage, caches and service
// workers are separate. A tab records console messages and sends all its requests
// through a proxy of the test, which records them.
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
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"enciphergan/server/site"
	"enciphergan/static"
)

// patience limits every wait. It is long because machines differ; no test
// asserts how long something takes.
const patience = 5 * time.Minute

// root returns the root folder of the repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// command runs a program in the root folder of the repository. If it fails, so does the test, with its output.
func command(t *testing.T, name string, args ...string) {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir = root(t)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// programs is the folder of the programs that the tests build and share.
var programs string

func TestMain(m *testing.M) {
	var err error
	if programs, err = os.MkdirTemp("", "encipher-browsertest-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	stopBrowser()
	os.RemoveAll(programs)
	os.Exit(code)
}

var (
	bundlesMu sync.Mutex
	bundles   = map[string]string{} // folders with the wasm, by build tags
)

// bundled returns a folder with the wasm, which it builds once for each set of tags.
func bundled(t *testing.T, tags string) string {
	t.Helper()
	bundlesMu.Lock()
	defer bundlesMu.Unlock()
	dir, ok := bundles[tags]
	if !ok {
		dir = filepath.Join(programs, "wasm-"+tags)
		command(t, "go", "run", "./wasm/bundle", "-quick", "-tags", tags, "-o", dir)
		bundles[tags] = dir
	}
	return dir
}

// plain returns a site that serves the files of the page, the wasm and the default model
// under their own names.
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

// serve starts the server as `make run` does and returns its address. At the end
// of the test it stops the server, which must exit without an error.
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

// chromium returns the path of the browser.
func chromium() (string, error) {
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("there is no Chromium: install the package 'chromium' (Debian: apt-get install chromium), or set CHROMIUM to its path; `make test` installs it where it can")
}

// unreachable is an address where nothing listens.
const unreachable = "http://127.0.0.1:9"

// startBrowser starts the Chromium that all tests share.
var startBrowser = sync.OnceValues(func() (context.Context, error) {
	path, err := chromium()
	if err != nil {
		return nil, err
	}
	allocator, end := chromedp.NewExecAllocator(context.Background(), append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path),
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-domain-reliability", true),
		// By default V8 optimises much of the wasm in every new tab, which takes longer than most tests.
		chromedp.Flag("js-flags", "--wasm-tiering-budget=20000000"),
		chromedp.ProxyServer(unreachable), // each browser context has its own
		chromedp.WindowSize(windowWidth, windowHeight),
		chromedp.WSURLReadTimeout(patience), // the first start of a browser may take long
	)...)
	ctx, cancel := chromedp.NewContext(allocator)
	stopBrowser = func() {
		cancel()
		end()
	}
	return ctx, chromedp.Do(ctx)
})

// stopBrowser ends the Chromium, if a test has started it.
var stopBrowser = func() {}

// Size of the page in CSS pixels, until a test changes it.
const windowWidth, windowHeight = 1440, 1000

// chromiums matches the services that Chromium calls by itself, whatever page is
// open. The proxy does not answer for them. The page cannot reach them, because
// its Content-Security-Policy allows only its own origin.
var chromiums = regexp.MustCompile(`(^|\.)(google|googleapis|gvt1|gstatic)\.com(:\d+)?$`)

// traffic is a proxy to one host. It records all requests but those that Chromium
// makes by itself.
type traffic struct {
	host  string
	proxy *httputil.ReverseProxy
	hold  func(path string) // returns when the request may proceed

	mu   sync.Mutex
	seen []string // witness (proxy or page), method, host and path of every request, in order
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

// requests returns the requests so far.
func (tr *traffic) requests() []string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return slices.Clone(tr.seen)
}

// tab is a page in its own browser context, which starts empty.
type tab struct {
	t         *testing.T
	address   string
	ctx       context.Context
	traffic   *traffic
	downloads string // folder of saved files

	mu       sync.Mutex
	trouble  []string // console warnings and errors, exceptions, policy violations
	expected string   // part of the messages to ignore, if not empty
}

// open opens the page without service workers, as an insecure context does, and waits
// until it is ready. Tests of offline use call openStored.
func open(t *testing.T, address string) *tab {
	t.Helper()
	b := newTab(t, address, host(address), func(string) {})
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `delete Navigator.prototype.serviceWorker`})
	b.do(chromedp.Navigate(b.address))
	b.ready()
	return b
}

// openStored opens the page and waits until it is ready and, where the site allows that,
// stored for offline use.
func openStored(t *testing.T, address string) *tab {
	t.Helper()
	b := visit(t, address)
	b.ready()
	b.until(`document.getElementById("offline").dataset.state !== "asking"`)
	return b
}

// openWithoutScripts opens the page without running its scripts. Later expressions can
// import them.
func openWithoutScripts(t *testing.T, address string) *tab {
	t.Helper()
	b := newTab(t, address, host(address), func(string) {})
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.do(chromedp.Navigate(b.address))
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: false})
	return b
}

// visit opens the address. The test fails if the page has logged an unexpected
// message by the end of the test.
func visit(t *testing.T, address string) *tab {
	t.Helper()
	return visitAs(t, address, host(address), func(string) {})
}

// visitAs is like visit, with another host name for the server, and with a function
// that delays requests until it returns.
func visitAs(t *testing.T, address, host string, hold func(path string)) *tab {
	t.Helper()
	b := newTab(t, address, host, hold)
	b.do(chromedp.Navigate(b.address))
	return b
}

// host returns the host and port of an address.
func host(address string) string {
	host, _, _ := strings.Cut(strings.TrimPrefix(address, "http://"), "/")
	return host
}

// newTab returns an empty tab that can reach the server at the address under the name host.
func newTab(t *testing.T, address, host string, hold func(path string)) *tab {
	t.Helper()
	at, path, _ := strings.Cut(strings.TrimPrefix(address, "http://"), "/")
	b := &tab{t: t, address: "http://" + host + "/" + path, downloads: t.TempDir()}
	b.traffic = &traffic{host: host, hold: hold, proxy: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", at },
	}}
	proxy := httptest.NewServer(b.traffic)
	t.Cleanup(func() {
		proxy.CloseClientConnections()
		proxy.Close()
	})

	shared, err := startBrowser()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := chromedp.NewContext(shared, chromedp.WithNewBrowserContext(func(p *target.CreateBrowserContextParams) {
		p.ProxyServer = proxy.URL
		// Chromium bypasses proxies for addresses of this machine unless told not to.
		p.ProxyBypassList = "<-loopback>"
	}))
	t.Cleanup(func() {
		defer cancel()
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("closing the tab: %v", err)
		}
	})
	b.ctx = ctx

	console := chromedp.Console(ctx)
	// These events include requests of the page to hosts that the proxy attributes to Chromium.
	if err := chromedp.Listen(ctx, func(event any) {
		if e, ok := event.(*network.EventRequestWillBeSent); ok && !strings.HasPrefix(e.Request.URL, "blob:") {
			_, rest, _ := strings.Cut(e.Request.URL, "://")
			b.traffic.add("page: " + e.Request.Method + " " + rest)
		}
	}); err != nil {
		t.Fatal(err)
	}
	b.do(configure(b.downloads))
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
				t.Errorf("the page logged: %s", words)
			}
		}
	})
	return b
}

// expectTrouble ignores messages of the page that contain the words.
func (b *tab) expectTrouble(words string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = words
}

// configure gives a tab its folder for downloads, its size, and the focus that it
// would have as the only tab of a browser.
func configure(downloads string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		if _, err := chromedp.CallBrowser(ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
			Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: downloads, BrowserContextID: chromedp.FromContext(ctx).BrowserContextID,
		}); err != nil {
			return err
		}
		if _, err := cdp.Call(ctx, tab, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}); err != nil {
			return err
		}
		return chromedp.Do(ctx, chromedp.EmulateViewport(windowWidth, windowHeight))
	})
}

// do runs actions within patience.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	// The first call creates the tab, which lives as long as its context.
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

// until waits for a condition of the page. It fails if the page shows an error meanwhile.
func (b *tab) until(condition string) {
	b.t.Helper()
	deadline := time.Now().Add(patience)
	for !eval[bool](b, "!!("+condition+")") {
		if shown := eval[string](b, `document.getElementById("error")?.hidden === false ? document.getElementById("error").innerText : ""`); shown != "" && !strings.Contains(condition, "error") {
			b.t.Fatalf("waiting for %s, the page says: %s", condition, shown)
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("timed out waiting for %s\n%s", condition, b.state())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// state returns the text and messages of the page, for a failed test.
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

// click clicks the button with an id when it is visible and enabled.
func (b *tab) click(id string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`(() => { const e = document.getElementById(%q); return e && !e.hidden && !e.disabled })()`, id))
	b.do(chromedp.Click(chromedp.CSS("#" + id)))
}

// choose puts files into a file input, as the file chooser does.
func (b *tab) choose(id string, files ...string) {
	b.t.Helper()
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#"+id), files))
}

// save clicks a save button and returns the content of the downloaded file.
func (b *tab) save(selector, name string) []byte {
	b.t.Helper()
	path := filepath.Join(b.downloads, name)
	if err := os.RemoveAll(path); err != nil { // of a save before
		b.t.Fatal(err)
	}
	b.do(chromedp.Click(chromedp.CSS(selector)))
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		// Chromium may create an empty file first, and renames the complete file to it.
		// The page saves no empty files.
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

// expectError waits until the page shows the error of a code, with a title, a hint and details, and closes it.
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
