package main

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing/fstest"
	"time"

	"github.com/chromedp/chromedp"

	"enciphergan/models"
	"enciphergan/server/site"
	"enciphergan/static"
)

// startName is the row of a first visit, from the navigation until the first encryption
// can begin: page, script, wasm and both generators of the default model. Our server
// serves both sides with equal compression, and every run has a new browser.
const startName = "browser, cold start: script, wasm and default model, until ready"

// starter is a side whose run is one cold start.
type starter struct {
	pages http.Handler
	page  string // its global "started" is a promise of the seconds since the navigation
	max   int64  // peak memory of all runs in bytes
}

func (b *browsers) startOurs(context.Context) (side, error) {
	built := filepath.Join(folder, "shipped")
	if out, err := exec.Command("go", "run", "./wasm/bundle", "-quick", "-o", built).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the wasm: %w: %s", err, out)
	}
	pages, err := startSite(static.Files, os.DirFS(built))
	return &starter{pages: pages, page: "start-ours.html"}, err
}

func (b *browsers) startPeers(context.Context) (side, error) {
	if err := installed("onnxruntime-web"); err != nil {
		return nil, err
	}
	// With file extensions that our server knows.
	dist := fstest.MapFS{}
	for name, as := range map[string]string{
		"ort.wasm.min.mjs":            "ort.js",
		"ort-wasm-simd-threaded.mjs":  "ort-loader.js",
		"ort-wasm-simd-threaded.wasm": "ort.wasm",
	} {
		content, err := os.ReadFile(filepath.Join(peersFolder, "node_modules", "onnxruntime-web", "dist", name))
		if err != nil {
			return nil, err
		}
		dist[as] = &fstest.MapFile{Data: content}
	}
	pages, err := startSite(dist)
	return &starter{pages: pages, page: "start-peer.html"}, err
}

// startSite returns a handler for folders, the pages of this benchmark and the default model.
func startSite(folders ...fs.FS) (http.Handler, error) {
	s := site.New()
	s.UseForms(os.DirFS(filepath.Join(folder, "shipped", "forms")))
	for _, folder := range append(folders, os.DirFS(browserFolder)) {
		if err := s.AddFolder(folder); err != nil {
			return nil, err
		}
	}
	f, err := models.Files(models.Default)
	if err != nil {
		return nil, err
	}
	return s, s.AddModel(models.Default, f.Card, f.Encryption, f.Decryption)
}

// load does nothing, because a run measures loading.
func (s *starter) load(context.Context, job) ([][]byte, error) { return nil, nil }

func (s *starter) run(ctx context.Context) (time.Duration, error) {
	t, err := openTab(ctx, s.pages, "")
	if err != nil {
		return 0, err
	}
	defer t.close()
	if err := chromedp.Do(t.ctx, chromedp.Navigate(t.url+"/"+s.page)); err != nil {
		return 0, err
	}
	seconds, err := evaluate[float64](ctx, t, "started")
	if err != nil {
		return 0, err
	}
	bytes, err := t.peak(ctx)
	s.max = max(s.max, bytes)
	return time.Duration(seconds * float64(time.Second)), err
}

func (s *starter) peak(context.Context) (int64, error) { return s.max, nil }

func (s *starter) close() {}
