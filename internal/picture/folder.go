package picture

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// maxFiles bounds the number of listed files. It is a variable so that tests can change it.
var maxFiles = 200_000

// ErrUnreadable is returned when the system fails to open or read a file.
var ErrUnreadable = errors.New("the file cannot be read")

// Listing is the content of a folder. Names are slash-separated paths relative to it.
type Listing struct {
	Names  []string // files, in byte order, which is the same on every system
	Left   []Left   // files and folders that are skipped
	Closed []Closed // folders that cannot be listed
}

// Left is a file or folder that is skipped, with the reason.
type Left struct{ Name, Why string }

// Closed is a folder that cannot be listed completely.
type Closed struct {
	Name string
	Err  error
}

// List lists the files below a folder, at any depth. leave returns the reason to skip a file or
// folder, given its relative path, or "" to list it; the content of a skipped folder is neither
// listed nor counted. Links to files are listed, and so are broken links, so that ReadFile reports
// them; links to folders are not followed. A folder below that cannot be listed is recorded in
// Closed, and the listing goes on.
//
// The error is a *fs.PathError. It means that the folder itself cannot be listed, or that it
// holds too many files.
func List(folder string, leave func(name string) (why string)) (Listing, error) {
	var l Listing
	info, err := os.Stat(folder)
	if err != nil {
		return l, err
	}
	if !info.IsDir() {
		return l, &fs.PathError{Op: "list", Path: folder, Err: errors.New("not a folder: give the folder that holds the pictures")}
	}
	err = fs.WalkDir(os.DirFS(folder), ".", func(name string, entry fs.DirEntry, err error) error {
		path := filepath.Join(folder, filepath.FromSlash(name))
		switch {
		case err != nil && name == ".":
			return &fs.PathError{Op: "list", Path: path, Err: cause(err)}
		case err != nil:
			l.Closed = append(l.Closed, Closed{name, cause(err)})
			return nil
		case name == ".":
			return nil
		}
		if why := leave(name); why != "" {
			l.Left = append(l.Left, Left{name, why})
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if entry.IsDir() {
			return nil
		}
		kind := entry.Type()
		if kind&fs.ModeSymlink != 0 {
			kind = 0
			if target, err := os.Stat(path); err == nil {
				kind = target.Mode().Type()
			}
		}
		switch {
		case kind.IsDir():
			l.Left = append(l.Left, Left{name, "a link to a folder"})
		case !kind.IsRegular():
			l.Left = append(l.Left, Left{name, "not a regular file"})
		case len(l.Names) == maxFiles:
			return &fs.PathError{Op: "list", Path: folder, Err: fmt.Errorf("more than %d files: give the folder that holds only the pictures", maxFiles)}
		default:
			l.Names = append(l.Names, name)
		}
		return nil
	})
	slices.Sort(l.Names)
	return l, err
}

// Files lists all files below a folder like List, but returns an error if any folder below
// cannot be listed.
func Files(folder string) ([]string, error) {
	l, err := List(folder, func(string) string { return "" })
	if err == nil && len(l.Closed) > 0 {
		c := l.Closed[0]
		err = &fs.PathError{Op: "list", Path: filepath.Join(folder, filepath.FromSlash(c.Name)), Err: c.Err}
	}
	return l.Names, err
}

// ReadFile reads a file that is to be decoded within limits. Errors wrap
// ErrTooLarge or ErrUnreadable.
func ReadFile(path string, limits Limits) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, unreadable(err)
	}
	if info.Size() > limits.Bytes {
		return nil, tooManyBytes(info.Size(), limits)
	}
	file, err := io.ReadAll(io.LimitReader(f, limits.Bytes+1)) // the file may have grown; Decode then rejects it as too large
	if err != nil {
		return nil, unreadable(err)
	}
	return file, nil
}

func unreadable(err error) error { return fmt.Errorf("%w: %w", ErrUnreadable, cause(err)) }

// cause removes the path from an error, since messages about a file already name it.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// NoPicture reports whether neither the content, by an error of Decode, nor the
// extension of a file is that of a picture. Such files are skipped without a message;
// other files that cannot be decoded are reported.
func NoPicture(name string, err error) bool {
	return errors.Is(err, ErrFormat) && !HasExtension(name)
}
