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

// maxFiles bounds what is listed. It is a variable for tests.
var maxFiles = 200_000

// ErrUnreadable says that the system did not give the bytes of a file.
var ErrUnreadable = errors.New("the file cannot be read")

// Listing is what a folder holds. Paths are slash paths below it.
type Listing struct {
	Names  []string // files, in byte order, which is the same on every system
	Left   []Left   // what is passed over
	Closed []Closed // folders that cannot be listed
}

// Left is a file or a folder that is passed over, and why.
type Left struct{ Name, Why string }

// Closed is a folder that cannot be listed, or not as a whole.
type Closed struct {
	Name string
	Err  error
}

// List lists what is below a folder. leave says of a file or folder, by its path below, why it
// is passed over, or nothing; what is in such a folder is neither listed nor counted. Links
// to files are listed, and so are those that lead nowhere, for ReadFile to report; links to
// folders are not followed. A folder below that cannot be listed keeps nothing else from being.
//
// The error is a *fs.PathError: the folder itself cannot be listed, or holds too many files.
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
			l.Left = append(l.Left, Left{name, "no plain file"})
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

// Files lists all files below a folder, as List does, for those who need all of it: a folder
// that cannot be listed is an error.
func Files(folder string) ([]string, error) {
	l, err := List(folder, func(string) string { return "" })
	if err == nil && len(l.Closed) > 0 {
		c := l.Closed[0]
		err = &fs.PathError{Op: "list", Path: filepath.Join(folder, filepath.FromSlash(c.Name)), Err: c.Err}
	}
	return l.Names, err
}

// ReadFile reads a file that Decode may take with these limits. Errors wrap
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
	file, err := io.ReadAll(io.LimitReader(f, limits.Bytes+1)) // it may have grown; Decode then finds it too large
	if err != nil {
		return nil, unreadable(err)
	}
	return file, nil
}

func unreadable(err error) error { return fmt.Errorf("%w: %w", ErrUnreadable, cause(err)) }

// cause leaves out the path, which messages about a file name already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// NoPicture reports whether an error of Decode means that the file with this
// name does not even claim to be a picture: those are passed over in silence,
// while other files that cannot be used are reported.
func NoPicture(name string, err error) bool {
	return errors.Is(err, ErrFormat) && !HasExtension(name)
}
