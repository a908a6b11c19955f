package browsertest

import (
	"regexp"
	"strings"
	"testing"
)

// Under a base path the page works too, and all that it loads but itself, its
// manifest and the list of models may be cached for ever.
func TestBasePath(t *testing.T) {
	b := open(t, serve(t, "-quiet", "-base-path", "/pictures/"))
	// The service worker, with which the page works offline, is revalidated as well.
	revalidated := regexp.MustCompile(`/pictures/(manifest\.webmanifest|models/index\.json|sw\.js)?$`)
	named := regexp.MustCompile(`/pictures/(v/[0-9a-f]{16}/[\w./-]+|models/[\w.-]+/[0-9a-f]{16}/[\w.]+)$`)
	immutable := 0
	for _, request := range b.traffic.requests() {
		switch {
		case named.MatchString(request):
			immutable++
		case !revalidated.MatchString(request):
			t.Errorf("a file without its version: %s", request)
		}
	}
	if immutable < 10 {
		t.Errorf("%d files were loaded:\n%s", immutable, strings.Join(b.traffic.requests(), "\n"))
	}
}
