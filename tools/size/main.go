// Command size prints what the first visit of the page transfers, file by file:
// the page, its scripts, the wasm and the default model. `make size` runs it.
//
// Main path: start the server, collect from its first page the files that browsers load
// unconditionally (scripts, styles, icons, static imports, the worker and the wasm), add the
// default model, and request each file without compression, as gzip and as brotli. A
// missing file or a total above the budget is an error.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// budget of a first visit in bytes, as brotli.
const budget = 3_200_000

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "size: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	dir, err := os.MkdirTemp("", "encipher-size-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := path.Join(dir, "encipher-server")
	if text, err := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/encipher-server").CombinedOutput(); err != nil {
		return fmt.Errorf("building the server: %w: %s", err, text)
	}
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	server := exec.CommandContext(ctx, program, "-quiet", "-addr", "127.0.0.1:0")
	server.Stderr = os.Stderr
	answers, err := server.StdoutPipe()
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	defer server.Wait()
	defer stop()
	line, err := bufio.NewReader(answers).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the server did not start: %w", err)
	}
	address := regexp.MustCompile(`http://\S+`).FindString(line)
	base, err := url.Parse(address)
	if address == "" || err != nil {
		return fmt.Errorf("the server names no address in %q", line)
	}
	files, err := visit(ctx, base)
	if err != nil {
		return err
	}
	return report(out, files, budget)
}

// file is one file of the visit.
type file struct {
	path              string
	raw, gzip, brotli int // bytes
}

// needed lists the files without which a visit is incomplete, whatever the page refers to.
var needed = []string{"index.html", "wasm_exec.js", "encipher.wasm", "card.json", "encryption.onnx", "decryption.onnx"}

// visit returns the files that a first visit of base loads.
func visit(ctx context.Context, base *url.URL) ([]file, error) {
	var files []file
	seen := map[string]bool{}
	queue := []*url.URL{base}
	models, err := defaultModel(ctx, base)
	if err != nil {
		return nil, err
	}
	queue = append(queue, models...)
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if seen[at.Path] {
			continue
		}
		seen[at.Path] = true
		f := file{path: strings.TrimPrefix(at.Path, base.Path)}
		if f.path == "" {
			f.path = "index.html"
		}
		content, err := fetch(ctx, at, "identity")
		if err != nil {
			return nil, err
		}
		f.raw = len(content)
		for coding, to := range map[string]*int{"gzip": &f.gzip, "br": &f.brotli} {
			b, err := fetch(ctx, at, coding)
			if err != nil {
				return nil, err
			}
			*to = len(b)
		}
		files = append(files, f)
		for _, reference := range references(f.path, content) {
			from := at
			if path.Base(reference) == "sw.js" { // it is given relative to the page
				from = base
			}
			next, err := from.Parse(reference)
			if err != nil {
				return nil, fmt.Errorf("%s refers to %q: %w", f.path, reference, err)
			}
			queue = append(queue, next)
		}
	}
	for _, name := range needed {
		if !slices.ContainsFunc(files, func(f file) bool { return path.Base(f.path) == name }) {
			return nil, fmt.Errorf("nothing that the page loads leads to %s", name)
		}
	}
	return files, nil
}

// defaultModel lists the files of the model that the page loads by itself.
func defaultModel(ctx context.Context, base *url.URL) ([]*url.URL, error) {
	list, err := base.Parse("models/index.json")
	if err != nil {
		return nil, err
	}
	content, err := fetch(ctx, list, "identity")
	if err != nil {
		return nil, err
	}
	var index struct{ Models []json.RawMessage }
	if err := json.Unmarshal(content, &index); err != nil {
		return nil, fmt.Errorf("%s: %w", list, err)
	}
	if len(index.Models) == 0 {
		return nil, fmt.Errorf("%s lists no model", list)
	}
	var entry struct {
		Folder string
		Files  []string
	}
	var name string
	if json.Unmarshal(index.Models[0], &name) == nil {
		entry.Folder, entry.Files = "models/"+name+"/", []string{"card.json", "encryption.onnx", "decryption.onnx"}
	} else if err := json.Unmarshal(index.Models[0], &entry); err != nil {
		return nil, fmt.Errorf("%s: %w", list, err)
	}
	found := []*url.URL{list}
	for _, name := range entry.Files {
		at, err := base.Parse(entry.Folder + name)
		if err != nil {
			return nil, err
		}
		found = append(found, at)
	}
	return found, nil
}

var (
	attributes = regexp.MustCompile(`\s(?:src|href)="([^"#:]+)"`)
	// Imports that run with the module, and the worker's and the wasm's address.
	// What import() loads later is no part of the first visit.
	imports = regexp.MustCompile(`(?m)(?:\bfrom |^import )"(\.{1,2}/[^"]+)"|new URL\("([\w./-]+\.(?:js|wasm))"`)
)

// references lists what a file makes the browser load.
func references(name string, content []byte) (list []string) {
	pattern := imports
	switch path.Ext(name) {
	case ".html":
		pattern = attributes
	case ".js":
	default:
		return nil
	}
	for _, match := range pattern.FindAllSubmatch(content, -1) {
		for _, group := range match[1:] {
			if len(group) > 0 {
				list = append(list, string(group))
			}
		}
	}
	return list
}

// fetch returns the bytes that a browser is sent.
func fetch(ctx context.Context, at *url.URL, coding string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept-Encoding", coding) // by hand, so that nothing is decompressed
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s is missing: %s", at.Path, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

// report prints files, the largest first, and their total.
func report(out io.Writer, files []file, budget int) error {
	if len(files) == 0 {
		return errors.New("no files")
	}
	slices.SortStableFunc(files, func(a, b file) int { return b.brotli - a.brotli })
	fmt.Fprintf(out, "%-44s %10s %10s %10s\n", "bytes of a first visit", "raw", "gzip", "brotli")
	total := file{path: "total"}
	for _, f := range files {
		fmt.Fprintf(out, "%-44s %10d %10d %10d\n", f.path, f.raw, f.gzip, f.brotli)
		total.raw, total.gzip, total.brotli = total.raw+f.raw, total.gzip+f.gzip, total.brotli+f.brotli
	}
	fmt.Fprintf(out, "%-44s %10d %10d %10d\n", total.path, total.raw, total.gzip, total.brotli)
	if total.brotli > budget {
		return fmt.Errorf("a first visit transfers %.2f MB, more than the limit of %.1f MB", float64(total.brotli)/1e6, float64(budget)/1e6)
	}
	return nil
}
