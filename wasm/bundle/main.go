// Command bundle builds the wasm of the page: encipher.wasm with its compressed
// forms, and the loader wasm_exec.js of the same Go release.
//
// It is what `make wasm` runs. Files are written under a temporary name and
// renamed; an unchanged wasm keeps its compressed forms.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/andybalholm/brotli"

	"enciphergan/internal/atomicfile"
	"enciphergan/server/site"
)

func main() {
	out := flag.String("o", filepath.Join("server", "built"), "folder to write to; the server embeds the default one")
	tags := flag.String("tags", "", "build tags of the wasm")
	quick := flag.Bool("quick", false, "save the half minute that the best compression takes, for builds that are not shipped")
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
	if err := atomicfile.Write(filepath.Join(out, "wasm_exec.js"), loader, 0o666); err != nil {
		return err
	}

	fresh := filepath.Join(out, "encipher.wasm.new")
	defer os.Remove(fresh)
	if err := compile(fresh, tags, "", os.Stderr); err != nil {
		return err
	}
	content, err := os.ReadFile(fresh)
	if err != nil {
		return err
	}
	target := filepath.Join(out, "encipher.wasm")
	if old, err := os.ReadFile(target); err == nil && bytes.Equal(old, content) && complete(target) {
		return nil
	}
	// Without the wasm the forms count as missing, should this stop half-way.
	if err := os.Remove(target); err != nil && !os.IsNotExist(err) {
		return err
	}
	forms, err := site.Compressed(content)
	if err != nil {
		return err
	}
	if !quick {
		var best bytes.Buffer
		w := brotli.NewWriterLevel(&best, brotli.BestCompression)
		if _, err := w.Write(content); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		forms[".br"] = best.Bytes()
	}
	for suffix, b := range forms {
		if err := atomicfile.Write(target+suffix, b, 0o666); err != nil {
			return err
		}
	}
	if err := atomicfile.Write(target, content, 0o666); err != nil {
		return err
	}
	fmt.Printf("%s: %.1f MB, %.1f MB as brotli, %.1f MB as gzip\n", target, megabytes(content), megabytes(forms[".br"]), megabytes(forms[".gz"]))
	return nil
}

// compile builds the wasm. linker has flags for the linker beside ours; what it
// and the compiler say goes to messages.
func compile(target, tags, linker string, messages io.Writer) error {
	dir, err := os.MkdirTemp("", "encipher-wasm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	modfile, err := lazyModules(dir)
	if err != nil {
		return err
	}
	// Neither paths nor the commit go into the wasm, so that it changes only
	// when its code does.
	build := exec.Command("go", "build", "-modfile", modfile, "-trimpath", "-buildvcs=false", "-ldflags=-s -w "+linker, "-tags", tags, "-o", target, "enciphergan/wasm")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	build.Stderr = messages
	if err := build.Run(); err != nil {
		return fmt.Errorf("building the wasm: %w", err)
	}
	return nil
}

// complete says whether the compressed forms are there.
func complete(target string) bool {
	for _, suffix := range []string{".br", ".gz"} {
		if _, err := os.Stat(target + suffix); err != nil {
			return false
		}
	}
	return true
}

func megabytes(b []byte) float64 { return float64(len(b)) / 1e6 }
