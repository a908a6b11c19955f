package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// holds checks that a folder holds exactly these files.
func holds(t *testing.T, folder string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(want) {
		t.Errorf("files %v, want %v", entries, want)
	}
	for name, content := range want {
		if got, err := os.ReadFile(filepath.Join(folder, name)); err != nil || string(got) != content {
			t.Errorf("%s: %q, %v, want %q", name, got, err, content)
		}
	}
}

func TestWrite(t *testing.T) {
	folder := t.TempDir()
	long := strings.Repeat("n", 250)
	for _, name := range []string{"a", long} {
		for _, content := range []string{"first", "second, longer", ""} {
			if err := Write(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	holds(t, folder, map[string]string{"a": "", long: ""})
	for _, mode := range []fs.FileMode{0o600, 0o400, 0o644} { // no usual umask takes of these
		path := filepath.Join(folder, "a")
		if err := Write(path, nil, mode); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o700 != mode&0o700 || info.Mode().Perm()&^mode != 0 {
			t.Errorf("mode %v, %v, want %v", info.Mode(), err, mode)
		}
	}
}

// TestFailures: each leaves the old file and nothing else, and names the final
// file only.
func TestFailures(t *testing.T) {
	usual := Create
	defer func() { Create = usual }()
	for _, c := range []struct {
		name   string
		path   string
		create func(string, fs.FileMode) (*os.File, error)
		write  func(string, []byte, fs.FileMode) error
		words  string
		full   bool
		exists bool
	}{
		{"a folder in the way", "folder", usual, Write, "write FOLDER/folder: ", false, true},
		{"no folder", "missing/new", usual, Write, "write FOLDER/missing/new: no such file", false, false},
		{"a file in the way", "old", usual, WriteNew, "write FOLDER/old: file exists", false, true},
		{"a folder in the way of a new file", "folder", usual, WriteNew, "write FOLDER/folder: file exists", false, true},
		{"no file to replace", "missing", usual, func(path string, data []byte, _ fs.FileMode) error { return Replace(path, data) }, "write FOLDER/missing: no such file", false, false},
		{"no folder for a new file", "missing/new", usual, WriteNew, "write FOLDER/missing/new: no such file", false, false},
		{"full disk", "old", func(name string, mode fs.FileMode) (*os.File, error) {
			// Links to the device, so that there is a file to be cleaned up.
			if err := os.Symlink("/dev/full", name); err != nil {
				return nil, err
			}
			return os.OpenFile(name, os.O_WRONLY, mode)
		}, Write, "write FOLDER/old: the disk is full, nothing was written", true, false},
	} {
		if _, err := os.Stat("/dev/full"); c.full && err != nil {
			t.Logf("%s: this system has no /dev/full", c.name)
			continue
		}
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "old"), []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(folder, "folder"), 0o700); err != nil {
			t.Fatal(err)
		}
		Create = c.create
		err := c.write(filepath.Join(folder, c.path), []byte("new"), 0o600)
		words := strings.ReplaceAll(c.words, "FOLDER", folder)
		var p *fs.PathError
		if err == nil || !strings.Contains(err.Error(), words) || Full(err) != c.full || !errors.As(err, &p) || errors.Is(err, fs.ErrExist) != c.exists {
			t.Errorf("%s: %v, want %s", c.name, err, words)
		}
		if err := os.Remove(filepath.Join(folder, "folder")); err != nil {
			t.Fatal(err)
		}
		holds(t, folder, map[string]string{"old": "old"})
	}
}

// Of many writers one makes a new file, and the others are told, with and without links.
func TestWriteNew(t *testing.T) {
	usual := Link
	defer func() { Link = usual }()
	for name, link := range map[string]func(string, string) error{
		"links": usual,
		"no links": func(from, to string) error {
			return &os.LinkError{Op: "link", Old: from, New: to, Err: errors.ErrUnsupported}
		},
	} {
		Link = link
		folder := t.TempDir()
		path := filepath.Join(folder, "new")
		if err := WriteNew(path, []byte("first"), 0o600); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := WriteNew(path, []byte("second"), 0o600); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v, want fs.ErrExist", name, err)
		}
		holds(t, folder, map[string]string{"new": "first"})
	}
	Link = usual
	folder := t.TempDir()
	path := filepath.Join(folder, "new")
	won := make(chan string)
	for n := range 20 {
		go func() {
			content := strings.Repeat("n", n)
			if err := WriteNew(path, []byte(content), 0o600); err == nil {
				won <- content
			} else if !errors.Is(err, fs.ErrExist) {
				t.Error(err)
				won <- "failed"
			} else {
				won <- "exists"
			}
		}()
	}
	var winners []string
	for range 20 {
		if content := <-won; content != "exists" {
			winners = append(winners, content)
		}
	}
	if len(winners) != 1 {
		t.Fatalf("%d writers made the file", len(winners))
	}
	holds(t, folder, map[string]string{"new": winners[0]})
}

// A file that is replaced keeps its permissions, those too that the umask takes.
func TestReplace(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a")
	for _, mode := range []fs.FileMode{0o600, 0o664, 0o666, 0o400} {
		os.Remove(path)
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := Replace(path, []byte("new")); err != nil {
			t.Fatal(err)
		}
		if after, err := os.Stat(path); err != nil || after.Mode() != before.Mode() {
			t.Errorf("mode %v, %v, want %v", after.Mode(), err, before.Mode())
		}
		holds(t, folder, map[string]string{"a": "new"})
	}
}

// A folder for others has its permissions inside too, takes the place of an empty one, and never
// that of anything else.
func TestPublicFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site")
	parts := []Part{{"index.html", []byte("a")}, {"models/default/card.json", []byte("b")}}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFolder(path, parts, 0o644); err != nil {
		t.Fatal(err)
	}
	usual := t.TempDir() // what the process's umask leaves
	if err := os.WriteFile(filepath.Join(usual, "index.html"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(usual, "models"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, like := range map[string]string{"index.html": "index.html", "models": "models", "models/default": "models", "models/default/card.json": "index.html"} {
		want, err := os.Stat(filepath.Join(usual, like))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.Stat(filepath.Join(path, name)); err != nil || got.Mode() != want.Mode() {
			t.Errorf("%s: %v, %v; want %v", name, got, err, want.Mode())
		}
	}
	if i, err := os.Stat(path); err != nil || i.Mode().Perm()&0o055 != 0o055 && os.PathSeparator == '/' {
		t.Errorf("the folder: %v, %v", i, err)
	}
	if err := WriteFolder(path, parts, 0o644); err == nil {
		t.Error("it took the place of a folder with files")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteFolder(file, parts, 0o644); err == nil {
		t.Error("it took the place of a file")
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "kept" {
		t.Errorf("the file holds %q, %v", b, err)
	}
}
