package main

import (
	"bufio"
	_ "embed"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

//go:embed photos.txt
var photosText string

// entry is one line of photos.txt.
type entry struct {
	decision string
	pack     string // Debian package
	sum      string // SHA-256 of the file in hexadecimal; "-" if not taken
	path     string // in the package, without a leading slash
}

var (
	packageName = regexp.MustCompile(`^[a-z0-9][a-z0-9.+-]+$`)
	hexSum      = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// parseList parses the list of decisions. It checks every field that becomes a
// command's argument or a path.
func parseList(text string) ([]entry, error) {
	var entries []entry
	lines := bufio.NewScanner(strings.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 4 {
			return nil, fmt.Errorf("line %d: %d fields, not 4", number, len(fields))
		}
		e := entry{fields[0], fields[1], fields[2], fields[3]}
		switch {
		case e.decision != "photo" && e.decision != "drawing" && e.decision != "thumbnail":
			return nil, fmt.Errorf("line %d: unknown decision %q", number, e.decision)
		case !packageName.MatchString(e.pack):
			return nil, fmt.Errorf("line %d: %q is not a package name", number, e.pack)
		case e.decision == "photo" && !hexSum.MatchString(e.sum):
			return nil, fmt.Errorf("line %d: %q is not a SHA-256", number, e.sum)
		case !filepath.IsLocal(filepath.FromSlash(e.path)):
			return nil, fmt.Errorf("line %d: %q is not a path in a package", number, e.path)
		}
		entries = append(entries, e)
	}
	return entries, lines.Err()
}

// outputName returns the name of the written file. It contains package and path, so
// that it is unique among entries.
func (e entry) outputName() string {
	path := strings.TrimPrefix(e.path, "usr/share/")
	path = strings.TrimSuffix(path, filepath.Ext(path))
	return e.pack + "--" + strings.ReplaceAll(path, "/", "-") + ".png"
}
