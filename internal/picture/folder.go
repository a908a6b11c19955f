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

// maxFiles bounds what Files lists.
const maxFiles = 200_000

// ErrUnreadable says that the system did not give the bytes of a file.
var ErrUnreadable = errors.New("the file cannot be read")

// Files lists the files below a folder, as slash paths below it in byte order,
// which is the same on every system. Links to files are listed, and so are those
// that lead nowhere, for ReadFile to report; links to folders are not followed.
//
// The error is a *fs.PathError that names the folder that cannot be listed.
func Files(folder string) ([]string, error) {
	info, err := os.Stat(folder)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &fs.PathError{Op: "list", Path: folder, Err: errors.New("not a folder: give the folder that holds the pictures")}
	}
	var names []string
	err = fs.WalkDir(os.DirFS(folder), ".", func(name string, entry fs.DirEntry, err error) error {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err != nil {
			return &fs.PathError{Op: "list", Path: path, Err: cause(err)}
		}
		kind := entry.Type()
		if kind&fs.ModeSymlink != 0 {
			kind = 0
			if target, err := os.Stat(path); err == nil {
				kind = target.Mode().Type()
			}
		}
		if !kind.IsRegular() {
			return nil
		}
		names = append(names, name)
		if len(names) > maxFiles {
			return &fs.PathError{Op: "list", Path: folder, Err: fmt.Errorf("more than %d files: give the folder that holds only the pictures", maxFiles)}
		}
		return nil
	})
	slices.Sort(names)
	return names, err
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
