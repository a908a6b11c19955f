// Command bundle builds the page's wasm, encipher.wasm, copies the loader wasm_exec.js of
// the same Go release, and compresses both, the page's files and the small shipped models
// into forms/, from where the server sends them.
//
// `make wasm` runs it. Files are written under a temporary name and renamed. Unchanged files
// are not written, so that a concurrent build of the server finds its folder unchanged.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"

	"enciphergan/internal/atomicfile"
	"enciphergan/models"
	"enciphergan/server/site"
	"enciphergan/static"
)

func main() {
	out := flag.String("o", filepath.Join("server", "built"), "folder to write to; the server embeds the default one")
	tags := flag.String("tags", "", "build tags of the wasm")
	quick := flag.Bool("quick", false, "compress fast instead of well, for builds that are not shipped; saves a minute")
	flag.Parse()
	if err := bundle(*out, *tags, *quick); err != nil {
		fmt.Fprintf(os.Stderr, "bundle: %v\n", err)
		os.Exit(1)
	}
}

func bundle(out, tags string, quick bool) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	loader, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(goroot)), "lib", "wasm", "wasm_exec.js"))
	if err != nil {
		return fmt.Errorf("the Go installation lacks its wasm loader: %w", err)
	}
	if err := update(filepath.Join(out, "wasm_exec.js"), loader); err != nil {
		return err
	}

	dir, err := os.MkdirTemp("", "encipher-wasm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fresh := filepath.Join(dir, "encipher.wasm")
	if err := compile(fresh, tags, "", os.Stderr); err != nil {
		return err
	}
	content, err := os.ReadFile(fresh)
	if err != nil {
		return err
	}
	if err := update(filepath.Join(out, "encipher.wasm"), content); err != nil {
		return err
	}
	contents := [][]byte{content, loader}
	if quick {
		return compress(filepath.Join(out, "forms"), contents, brotli.BestSpeed)
	}
	others, err := shipped()
	if err != nil {
		return err
	}
	return compress(filepath.Join(out, "forms"), append(contents, others...), brotli.BestCompression)
}

// update writes a file unless it already has the content.
func update(path string, content []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
		return nil
	}
	return atomicfile.Write(path, content, 0o666)
}

// maxModelFileBytes bounds the files of models that are compressed. Larger ones are loaded
// only when somebody chooses them, shrink little, and would triple the server's size.
const maxModelFileBytes = 1_000_000

// shipped returns the contents of the page's files that the server sends unchanged, and of
// the small models.
func shipped() (contents [][]byte, err error) {
	err = fs.WalkDir(static.Files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || site.Rewrites(name) || path.Ext(name) == ".png" {
			return err
		}
		content, err := static.Files.ReadFile(name)
		contents = append(contents, content)
		return err
	})
	for _, name := range models.Installed() {
		f, ferr := models.Files(name)
		err = errors.Join(err, ferr)
		if max(len(f.Encryption), len(f.Decryption)) <= maxModelFileBytes {
			contents = append(contents, f.Card, f.Encryption, f.Decryption)
		}
	}
	return contents, err
}

// encoder is the name of a file next to the forms that records what compressed them. The
// server does not serve it, as it does not know its extension.
const encoder = "encoder"

// compress makes a folder hold the forms of contents and no others. It replaces those of
// another encoder or level.
func compress(dir string, contents [][]byte, brotliLevel int) error {
	by := fmt.Sprintf("brotli %s, level %d, window %d; gzip of %s\n", brotliVersion(), brotliLevel, site.Window, runtime.Version())
	if old, err := os.ReadFile(filepath.Join(dir, encoder)); err != nil || string(old) != by {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := update(filepath.Join(dir, encoder), []byte(by)); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	unused := map[string]bool{} // by the name of an existing file
	for _, e := range entries {
		unused[e.Name()] = e.Name() != encoder
	}
	for _, content := range contents {
		names := site.FormNames(content)
		if !slices.ContainsFunc(names, func(name string) bool { return !unused[name] }) {
			for _, name := range names {
				unused[name] = false // it stays
			}
			continue
		}
		forms, err := site.Forms(content, brotliLevel)
		if err != nil {
			return err
		}
		for name, b := range forms {
			if err := atomicfile.Write(filepath.Join(dir, name), b, 0o666); err != nil {
				return err
			}
			unused[name] = false
		}
	}
	for name, stale := range unused {
		if stale {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func brotliVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if strings.HasSuffix(m.Path, "/brotli") {
				return m.Version
			}
		}
	}
	return "of an unknown version"
}

// smaller are packages that do no work for each pixel. Compiled without inlining, they make the
// compressed wasm 3 % smaller.
var smaller = []string{"gorgonia.org/...", "encoding/json", "encoding/csv", "log", "fmt", "time", "regexp/...", "archive/zip", "filippo.io/...", "crypto/internal/fips140/nistec/..."}

// compile builds the wasm. linker holds additional flags of the linker; the output of linker
// and compiler goes to messages.
func compile(target, tags, linker string, messages io.Writer) error {
	dir, err := os.MkdirTemp("", "encipher-wasm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	modfile, err := writeModfile(dir)
	if err != nil {
		return err
	}
	// The wasm contains neither paths nor the commit, so that it changes only when its code does.
	args := []string{"build", "-modfile", modfile, "-trimpath", "-buildvcs=false", "-ldflags=-s -w " + linker, "-tags", tags}
	for _, packages := range smaller {
		args = append(args, "-gcflags="+packages+"=-l")
	}
	build := exec.Command("go", append(args, "-o", target, "enciphergan/wasm")...)
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	build.Stderr = messages
	if err := build.Run(); err != nil {
		return fmt.Errorf("building the wasm: %w", err)
	}
	return nil
}
