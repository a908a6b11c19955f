// Command server serves the Encipher page, its wasm and the models as static
// files. It has no endpoint that takes data: pictures and keys stay in the
// browser.
//
// Main path: collect page, wasm and models into a site.Site, listen, print the
// address, serve until interrupted.
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
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
		if err := addOwnModels(s, dir); err != nil {
			return nil, err
		}
	}
	shipped := defaultFirst(models.Names())
	if dir == "" && len(shipped) == 0 {
		return nil, errors.New("no model is embedded in this server: name a folder of own models with -dir")
	}
	for _, name := range shipped {
		f, err := models.Files(name)
		if err != nil {
			return nil, err
		}
		if err := s.AddModel(name, f.Card, f.Encryption, f.Decryption); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// addOwnModels adds every sub-folder of dir as a model.
func addOwnModels(s *site.Site, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("own models: %w", err)
	}
	found := 0
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		f, err := network.ReadFiles(os.DirFS(filepath.Join(dir, entry.Name())))
		if err != nil {
			return fmt.Errorf("own model %s: %w", filepath.Join(dir, entry.Name()), err)
		}
		if err := s.AddModel(entry.Name(), f.Card, f.Encryption, f.Decryption); err != nil {
			return err
		}
		found++
	}
	if found == 0 {
		return fmt.Errorf("%s has no sub-folder with a model: each needs card.json, encryption.onnx and decryption.onnx", dir)
	}
	return nil
}

// defaultFirst moves the default model to the front, since the page loads the first.
func defaultFirst(names []string) []string {
	ordered := []string{}
	for _, name := range names {
		if name == models.Default {
			ordered = append([]string{name}, ordered...)
		} else {
			ordered = append(ordered, name)
		}
	}
	return ordered
}
