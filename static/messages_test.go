package static

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// codes returns the error codes that a Go file declares as string constants.
func codes(t *testing.T, path string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, spec := range g.Specs {
			for _, value := range spec.(*ast.ValueSpec).Values {
				if l, ok := value.(*ast.BasicLit); ok && l.Kind == token.STRING {
					code, err := strconv.Unquote(l.Value)
					if err != nil {
						t.Fatal(err)
					}
					found = append(found, code)
				}
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s declares no codes", path)
	}
	return found
}

// TestEveryCodeHasATitle checks that messages.js has, in each language, a title and a hint for exactly the error
// codes of the wasm and the page.
func TestEveryCodeHasATitle(t *testing.T) {
	want := append(codes(t, filepath.Join("..", "errors.go")), codes(t, filepath.Join("..", "wasm", "argument.go"))...)
	want = append(want, "not-kept") // of batch.js
	source, err := Files.ReadFile("messages.js")
	if err != nil {
		t.Fatal(err)
	}
	lists := regexp.MustCompile(`(?s)\n  errors: \{(.*?)\n  \},`).FindAllSubmatch(source, -1)
	if len(lists) != 2 {
		t.Fatalf("messages.js has %d lists of errors, want one for each language", len(lists))
	}
	for _, list := range lists {
		var have []string
		// The pattern matches only entries with a title and a hint.
		for _, m := range regexp.MustCompile(`(?m)^\s*"?([\w-]+)"?: \[\s*"[^"]+",\s*"[^"]+",?\s*\],$`).FindAllSubmatch(list[1], -1) {
			have = append(have, string(m[1]))
		}
		for _, code := range want {
			if !slices.Contains(have, code) {
				t.Errorf("messages.js has no title for the code %q", code)
			}
		}
		for _, code := range have {
			if !slices.Contains(want, code) {
				t.Errorf("messages.js has a title for %q, which nothing gives", code)
			}
		}
	}
}
