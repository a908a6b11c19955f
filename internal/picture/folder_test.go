package picture

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFiles(t *testing.T) {
	folder, outside := t.TempDir(), t.TempDir()
	for _, path := range []string{filepath.Join(folder, "b", "z.png"), filepath.Join(folder, "b.png"), filepath.Join(folder, "B.txt"), filepath.Join(outside, "far.png")} {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(filepath.Base(path)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"link.png": filepath.Join(outside, "far.png"), "lost.png": "nowhere", "loop": ".", "elsewhere": outside, "device": os.DevNull,
	} {
		if err := os.Symlink(target, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	names, err := Files(folder)
	if want := []string{"B.txt", "b.png", "b/z.png", "link.png", "lost.png"}; err != nil || !slices.Equal(names, want) {
		t.Fatalf("%q, %v, want %q", names, err, want)
	}
	link := filepath.Join(outside, "link to the folder")
	if err := os.Symlink(folder, link); err != nil {
		t.Fatal(err)
	}
	if through, err := Files(link); err != nil || !slices.Equal(through, names) {
		t.Errorf("through a link: %q, %v", through, err)
	}
	limits := Limits{Bytes: 7}
	if file, err := ReadFile(filepath.Join(folder, "link.png"), limits); err != nil || string(file) != "far.png" {
		t.Errorf("through a link: %q, %v", file, err)
	}
	if _, err := ReadFile(filepath.Join(folder, "lost.png"), limits); !errors.Is(err, ErrUnreadable) || !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), folder) {
		t.Errorf("a link that leads nowhere: %v", err)
	}
	if _, err := ReadFile(folder, limits); err == nil {
		t.Error("a folder is read as a file")
	}
	if _, err := ReadFile(filepath.Join(folder, "link.png"), Limits{Bytes: 6}); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "7 bytes") {
		t.Errorf("one byte too many: %v", err)
	}

	var p *fs.PathError
	if _, err := Files(filepath.Join(folder, "none")); !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &p) {
		t.Errorf("a missing folder: %v", err)
	}
	if _, err := Files(filepath.Join(folder, "b.png")); !errors.As(err, &p) || !strings.Contains(err.Error(), "not a folder") {
		t.Errorf("a file: %v", err)
	}
}

// TestList checks that skipped files and folders are named, and that the content of
// skipped folders is not listed.
func TestList(t *testing.T) {
	folder := t.TempDir()
	for _, path := range []string{"a.png", ".b.png", ".hidden/c.png", "d/e.png", "d/.f/g.png"} {
		path = filepath.Join(folder, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"link": "d", "device": os.DevNull} {
		if err := os.Symlink(target, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	l, err := List(folder, func(name string) string {
		if filepath.Base(name)[0] == '.' {
			return "hidden"
		}
		return ""
	})
	if want := []string{"a.png", "d/e.png"}; err != nil || !slices.Equal(l.Names, want) || l.Closed != nil {
		t.Errorf("%q, %v, %v, want %q", l.Names, l.Closed, err, want)
	}
	if want := []Left{{".b.png", "hidden"}, {".hidden", "hidden"}, {"d/.f", "hidden"}, {"device", "not a regular file"}, {"link", "a link to a folder"}}; !slices.Equal(l.Left, want) {
		t.Errorf("left are %q, want %q", l.Left, want)
	}
}

// TestListBounded checks that maxFiles files are accepted, with any number of skipped
// files and files in skipped folders.
func TestListBounded(t *testing.T) {
	defer func(most int) { maxFiles = most }(maxFiles)
	maxFiles = 3
	folder := t.TempDir()
	for _, name := range []string{"1", "2", "3", ".4", ".5/6", ".5/7", ".5/8", ".5/9"} {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	hidden := func(name string) string { return map[bool]string{true: "hidden"}[name[0] == '.'] }
	if l, err := List(folder, hidden); err != nil || len(l.Names) != 3 {
		t.Errorf("%q, %v", l.Names, err)
	}
	if err := os.WriteFile(filepath.Join(folder, "4"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := List(folder, hidden); err == nil || !strings.Contains(err.Error(), "more than 3 files") {
		t.Errorf("four files: %v", err)
	}
}

func TestNoPicture(t *testing.T) {
	_, format := Decode([]byte("text"), Limits{Bytes: 10, Pixels: 10})
	_, large := Decode(bytes.Repeat([]byte("x"), 11), Limits{Bytes: 10, Pixels: 10})
	for _, c := range []struct {
		name string
		err  error
		want bool
	}{
		{"notes.txt", format, true}, {"a.b/README", fmt.Errorf("with words: %w", format), true},
		{"a.png", format, false}, {"a/b.JPeG", format, false}, {"a.jfif", format, false}, {"a.Jpe", format, false}, {"a.dib", format, false}, {"notes.txt", large, false}, {"notes.txt", nil, false},
	} {
		if got := NoPicture(c.name, c.err); got != c.want {
			t.Errorf("%s, %v: %t", c.name, c.err, got)
		}
	}
}
