package site

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"enciphergan/internal/atomicfile"
)

// Files of the folder that are not served.
const (
	headersFile   = "_headers"
	checksumsFile = "SHA256SUMS"
)

// WriteFolder writes the site as a folder for a static host: every file under its URL,
// FILE.br and FILE.gz next to those that shrink, _headers with the header fields in the
// format of Netlify and Cloudflare, and SHA256SUMS. Equal sites yield equal bytes. dir must
// be empty or not exist; a failure leaves nothing behind.
func (s *Site) WriteFolder(dir string) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty: remove it, or name another folder", dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	var parts []atomicfile.Part
	files := s.folder()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		parts = append(parts, atomicfile.Part{Name: name, Data: files[name]})
	}
	return atomicfile.WriteFolder(dir, parts, 0o644)
}

// folder returns the files that WriteFolder writes, by name.
func (s *Site) folder() map[string][]byte {
	files := map[string][]byte{headersFile: s.headers()}
	for name, f := range s.files {
		if name == "" {
			continue // index.html by another name
		}
		for _, m := range f.forms {
			files[name+m.coding.suffix] = m.content
		}
	}
	var sums bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(files[name]), name)
	}
	files[checksumsFile] = sums.Bytes()
	return files
}

// headers returns the content of _headers. Two rules for one file must not set the same
// field, as hosts treat that differently. So there is no rule for revalidated files, which
// is the default of these hosts.
func (s *Site) headers() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s*\n", s.base)
	for _, h := range Headers {
		fmt.Fprintf(&b, "  %s: %s\n", h.Name, h.Value)
	}
	for _, folder := range s.immutable {
		fmt.Fprintf(&b, "\n%s%s*\n  Cache-Control: %s\n", s.base, folder, immutable)
	}
	return b.Bytes()
}
