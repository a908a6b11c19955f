package main

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mostBytes is how large the wasm may be, uncompressed; 33 MB is what it has when
// methods are not pruned.
const mostBytes = 12_500_000

// The linker leaves out methods that nothing calls, unless a reachable function
// can find methods by a name or number that is known only when it runs: then all
// methods of all types stay. Its dump of dependencies marks such functions.
func TestMethodsArePruned(t *testing.T) {
	target := filepath.Join(t.TempDir(), "encipher.wasm")
	var dump bytes.Buffer
	if err := compile(target, "", "-dumpdep", &dump); err != nil {
		t.Fatalf("%v\n%.2000s", err, &dump)
	}
	edges := 0
	var culprits []string
	for lines := bufio.NewScanner(&dump); lines.Scan(); {
		from, to, edge := strings.Cut(lines.Text(), " -> ")
		if !edge {
			continue
		}
		edges++
		if strings.HasSuffix(to, " <ReflectMethod>") && len(culprits) < 10 {
			culprits = append(culprits, from+" -> "+to)
		}
	}
	if edges < 10_000 {
		t.Fatalf("the linker's dump has %d edges: it is not what this test reads", edges)
	}
	if culprits != nil {
		t.Errorf("the linker must keep every method, because of\n%s\nLeave out the package that leads there, or put a stand-in in its place (third_party/README.md).",
			strings.Join(culprits, "\n"))
	}
	built, err := os.Stat(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, %d edges", built.Size(), edges)
	if built.Size() > mostBytes {
		t.Errorf("the wasm has %d bytes, more than %d: see with make size what a first visit transfers, and what the last change imports", built.Size(), mostBytes)
	}
}
