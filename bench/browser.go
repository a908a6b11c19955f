package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/systeminfo"
	"github.com/chromedp/chromedp"

	"enciphergan/server/site"
	"enciphergan/static"
)

// browsers starts sides in headless Chromium, each in a new browser.
type browsers struct {
	once sync.Once
	wasm string // folder of our wasm with the functions for measurements
	err  error
}

func (b *browsers) build() error {
	b.once.Do(func() {
		b.wasm = filepath.Join(folder, "wasm")
		build := exec.Command("go", "run", "./wasm/bundle", "-quick", "-tags", "vectors", "-o", b.wasm)
		if out, err := build.CombinedOutput(); err != nil {
			b.err = fmt.Errorf("building the wasm: %w: %s", err, out)
		}
	})
	return b.err
}

// ours serves the scripts of the page with its content security policy.
func (b *browsers) ours(ctx context.Context) (side, error) {
	if err := b.build(); err != nil {
		return nil, err
	}
	s := site.New()
	s.UseForms(os.DirFS(filepath.Join(b.wasm, "forms")))
	for _, dir := range []fs.FS{static.Files, os.DirFS(b.wasm), os.DirFS(browserFolder)} {
		if err := s.AddFolder(dir); err != nil {
			return nil, err
		}
	}
	return openTab(ctx, s, "ours.js")
}

func (b *browsers) peers(ctx context.Context) (side, error) {
	if err := installed("onnxruntime-web"); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(os.DirFS(browserFolder)))
	mux.HandleFunc("/tensors.mjs", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(peersFolder, "tensors.mjs"))
	})
	mux.Handle("/ort/", http.StripPrefix("/ort/", http.FileServerFS(os.DirFS(filepath.Join(peersFolder, "node_modules", "onnxruntime-web", "dist")))))
	return openTab(ctx, mux, "peer.js")
}

var browserFolder = filepath.Join("bench", "browser")

// tab is a side in a browser. Its script exports load and run.
type tab struct {
	ctx    context.Context
	script string
	url    string   // of its server
	end    []func() // to be called in this order
	mu     sync.Mutex
	job    job // served to the page
}

func openTab(ctx context.Context, pages http.Handler, script string) (*tab, error) {
	path, err := chromium()
	if err != nil {
		return nil, err
	}
	t := &tab{script: script}
	mux := http.NewServeMux()
	mux.Handle("/", pages)
	mux.HandleFunc("/job/model", func(w http.ResponseWriter, _ *http.Request) { w.Write(t.current().file) })
	mux.HandleFunc("/job/feed", func(w http.ResponseWriter, _ *http.Request) { w.Write(t.current().feeds[0]) })
	mux.HandleFunc("/job/arithmetic", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, t.current().arithmetic) })
	server := httptest.NewServer(mux)
	allocator, endBrowser := chromedp.NewExecAllocator(ctx, append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.DisableGPU, chromedp.Flag("disable-component-update", true))...)
	tabContext, endTab := chromedp.NewContext(allocator)
	t.url, t.ctx, t.end = server.URL, tabContext, []func(){endTab, endBrowser, server.Close}
	if err := chromedp.Do(t.ctx, chromedp.Navigate(server.URL+"/bench.html")); err != nil {
		t.close()
		return nil, fmt.Errorf("starting Chromium: %w", err)
	}
	return t, nil
}

func (t *tab) current() job {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.job
}

// chromium returns the path of the browser, found as by the page's tests.
func chromium() (string, error) {
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", &missingPeer{"Chromium is not installed: install it, or set CHROMIUM to its path"}
}

// evaluate evaluates an expression in the page and waits for its promise.
func evaluate[T any](ctx context.Context, t *tab, expression string) (T, error) {
	bounded, cancel := context.WithTimeout(t.ctx, 10*time.Minute)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	return chromedp.Run(bounded, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

func (t *tab) load(ctx context.Context, j job) ([][]byte, error) {
	if len(j.feeds) != 1 {
		return nil, errors.New("a browser side takes one tile")
	}
	t.mu.Lock()
	t.job = j
	t.mu.Unlock()
	name, err := json.Marshal("./" + t.script)
	if err != nil {
		return nil, err
	}
	outputs, err := evaluate[string](ctx, t, fmt.Sprintf(`(async () => {
		globalThis.side = await import(new URL(%s, document.baseURI).href);
		const fetched = async (what) => { const r = await fetch("/job/" + what); if (!r.ok) throw new Error(what); return r; };
		return side.load(new Uint8Array(await (await fetched("model")).arrayBuffer()), await (await fetched("feed")).text(),
			await (await fetched("arithmetic")).text());
	})()`, name))
	return [][]byte{[]byte(outputs)}, err
}

func (t *tab) run(ctx context.Context) (time.Duration, error) {
	seconds, err := evaluate[float64](ctx, t, "side.run()")
	return time.Duration(seconds * float64(time.Second)), err
}

// peak returns the peak memory of the largest renderer process.
func (t *tab) peak(context.Context) (int64, error) {
	info, err := chromedp.CallBrowser(t.ctx, systeminfo.GetProcessInfo, cdp.Empty{})
	if err != nil {
		return 0, err
	}
	var largest int64
	for _, p := range info.ProcessInfo {
		if p.Type != "renderer" {
			continue
		}
		bytes, err := peakMemory(int(p.ID))
		if err != nil {
			return 0, err
		}
		largest = max(largest, bytes)
	}
	return largest, nil
}

func (t *tab) close() {
	for _, end := range t.end {
		end()
	}
}
