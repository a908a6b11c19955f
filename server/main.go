// Command server serves the Encipher page, its wasm and the models as static
// files. It has no endpoint that takes data: pictures and keys stay in the
// browser.
//
// Main path: collect page, wasm and models into a site.Site, listen, print the
// address, serve until interrupted.
package main

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"enciphergan/internal/network"
	"enciphergan/models"
	"enciphergan/server/site"
	"enciphergan/static"
)

// built is what `make wasm` puts there; in a fresh clone it holds nothing to serve.
//
//go:embed all:built
var built embed.FS

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on; port 0 takes a free one")
	dir := flag.String("dir", "", "folder of own models, one sub-folder each, served before the shipped ones")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "server: unexpected argument %q; see -help\n", flag.Arg(0))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr, *dir); err != nil {
		fmt.Fprintf(os.Stderr, "server: %v\n", err)
		os.Exit(1)
	}
}

// run serves until ctx ends and then waits for the answers under way.
func run(ctx context.Context, addr, dir string) error {
	pages, err := collect(dir)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("%w; choose another address with -addr", err)
	}
	server := &http.Server{
		Handler:           pages,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		// The wasm is tens of megabytes uncompressed and links can be slow.
		WriteTimeout:   10 * time.Minute,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: 16 << 10,
	}
	fmt.Printf("Encipher is at http://%s/ (Ctrl+C stops it)\n", listener.Addr())
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(end); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// collect gathers everything that is served.
func collect(dir string) (*site.Site, error) {
	wasm, err := fs.Sub(built, "built")
	if err != nil {
		return nil, err
	}
	if _, err := fs.Stat(wasm, "encipher.wasm"); err != nil {
		return nil, errors.New("this server was built without the wasm: run `make wasm` (or `make run`) first")
	}
	s := site.New()
	for _, folder := range []fs.FS{static.Files, wasm} {
		if err := s.AddFolder(folder); err != nil {
			return nil, err
		}
	}
	if dir != "" {
		own, err := ownModels(dir)
		if err != nil {
			return nil, err
		}
		if err := addModels(s, own); err != nil {
			return nil, err
		}
	}
	shipped, err := shippedModels()
	if err != nil {
		return nil, err
	}
	if dir == "" && len(shipped) == 0 {
		return nil, errors.New("no model is embedded in this server: name a folder of own models with -dir")
	}
	return s, addModels(s, shipped)
}

// model is one that the page offers, under its folder's name.
type model struct {
	name  string
	files network.Files
}

// shippedModels returns the embedded models.
func shippedModels() ([]model, error) {
	var found []model
	for _, name := range models.Names() {
		f, err := models.Files(name)
		if err != nil {
			return nil, err
		}
		found = append(found, model{name, f})
	}
	return found, nil
}

// ownModels reads every sub-folder of dir as a model.
func ownModels(dir string) ([]model, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("own models: %w", err)
	}
	var found []model
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		f, err := network.ReadFiles(os.DirFS(filepath.Join(dir, entry.Name())))
		if err != nil {
			return nil, fmt.Errorf("own model %s: %w", filepath.Join(dir, entry.Name()), err)
		}
		found = append(found, model{entry.Name(), f})
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s has no sub-folder with a model: each needs card.json, encryption.onnx and decryption.onnx", dir)
	}
	return found, nil
}

// addModels adds models in the order in which the page is to offer them; it
// loads the first. The default comes first, and those come last whose card has a
// note, because they are for special uses.
func addModels(s *site.Site, offered []model) error {
	slices.SortStableFunc(offered, func(a, b model) int { return cmp.Compare(a.rank(), b.rank()) })
	for _, m := range offered {
		if err := s.AddModel(m.name, m.files.Card, m.files.Encryption, m.files.Decryption); err != nil {
			return err
		}
	}
	return nil
}

func (m model) rank() int {
	var card network.Card
	switch {
	case m.name == models.Default:
		return 0
	// What is wrong with a card is said where the model is loaded.
	case json.Unmarshal(m.files.Card, &card) == nil && card.Note != "":
		return 2
	}
	return 1
}
