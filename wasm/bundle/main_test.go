package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// maxBytes bounds the uncompressed wasm, which has 33 MB when the linker prunes no
// methods.
const maxBytes = 12_500_000

// The linker prunes methods that nothing calls, unless a reachable function can find
// methods by a name or number that is known only at run time: then it retains all
// methods of all types. Its dump of dependencies marks such functions.
func TestMethodsArePruned(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the wasm")
	}
	watch(t)
	target := filepath.Join(t.TempDir(), "encipher.wasm")
	var dump bytes.Buffer
	if err := compile(target, "", "-dumpdep", &dump); err != nil {
		t.Fatalf("%v\n%.2000s", err, &dump)
	}
	edges := 0
	var culprits []string
	lines := bufio.NewScanner(&dump)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		from, to, edge := strings.Cut(lines.Text(), " -> ")
		if !edge {
			continue
		}
		edges++
		if strings.Contains(to, "<ReflectMethod>") && len(culprits) < 10 {
			culprits = append(culprits, from+" -> "+to)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if edges < 10_000 {
		t.Fatalf("the linker's dump has %d edges: it is not what this test reads", edges)
	}
	if culprits != nil {
		t.Errorf("the linker must keep every method, because of\n%s\nLeave out the package that leads there, or put a stand-in in its place (third_party/README.md).",
			strings.Join(culprits, "\n"))
	}
	built, err := os.ReadFile(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, %d edges", len(built), edges)
	if len(built) > maxBytes {
		t.Errorf("the wasm has %d bytes, more than %d: see with make size what a first visit transfers, and what the last change imports", len(built), maxBytes)
	}
	// Equal sources in different folders build equal wasm. Go writes the paths of replaced
	// modules into it.
	replaced := regexp.MustCompile(`\n=>\t([^\t]*)\t`).FindAllSubmatch(built, -1)
	for _, m := range replaced {
		if !strings.HasPrefix(string(m[1]), "./") {
			t.Errorf("the wasm has the path %s of this machine", m[1])
		}
	}
	if len(replaced) < len(leanEdits) {
		t.Errorf("the wasm names %d modules in place of others: it is not what this test reads", len(replaced))
	}
}

// watch reads the status of every source file of ours in the wasm, so that go test does
// not use its cached result after one has changed.
func watch(t *testing.T) {
	t.Helper()
	list := exec.Command("go", "list", "-deps", "-f",
		`{{if and .Module (or .Module.Main .Module.Replace)}}{{range .GoFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}{{end}}`, "enciphergan/wasm")
	list.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := strings.Fields(string(out))
	if len(files) < 50 {
		t.Fatalf("the wasm is made of %d files", len(files))
	}
	for _, name := range append(files, filepath.Join("..", "wasm.mod")) {
		if _, err := os.Stat(name); err != nil {
			t.Fatal(err)
		}
	}
}
