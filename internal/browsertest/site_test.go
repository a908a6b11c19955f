package browsertest

import (
	"regexp"
	"strings"
	"testing"
)

// The page works under a base path, and every file that it loads can be cached forever, except
// the page itself, the manifest and the list of models.
func TestBasePath(t *testing.T) {
	t.Parallel()
	b := openStored(t, serve(t, "-quiet", "-base-path", "/pictures/"))
	// The service worker is revalidated, too.
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
