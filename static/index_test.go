package static

import (
	"path"
	"regexp"
	"slices"
	"testing"
)

var imported = regexp.MustCompile(`(?m)(?:\bfrom |^import )"(\.[^"]+)"`)

// TestModulesArePreloaded checks that index.html preloads exactly the modules that page.js imports, directly or
// indirectly.
func TestModulesArePreloaded(t *testing.T) {
	needed := map[string]bool{}
	var follow func(name string)
	follow = func(name string) {
		text, err := Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range imported.FindAllSubmatch(text, -1) {
			next := path.Join(path.Dir(name), string(m[1]))
			if !needed[next] {
				needed[next] = true
				follow(next)
			}
		}
	}
	follow("page.js")
	if len(needed) < 10 {
		t.Fatalf("page.js imports %d modules", len(needed))
	}
	text, err := Files.ReadFile("index.html")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, m := range regexp.MustCompile(`<link rel="modulepreload" href="([^"]+)">`).FindAllSubmatch(text, -1) {
		named = append(named, string(m[1]))
	}
	for name := range needed {
		if !slices.Contains(named, name) {
			t.Errorf("index.html does not preload %s", name)
		}
	}
	for _, name := range named {
		if !needed[name] {
			t.Errorf("index.html preloads %s, which page.js does not import", name)
		}
	}
}
