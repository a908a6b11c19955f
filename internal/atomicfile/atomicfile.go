// Package atomicfile writes files completely or not at all.
//
// Write, Replace and WriteNew write a temporary file in the folder of the final one, sync it to
// the disk, and rename it. After a crash or a full disk, the folder is as before; after an error
// too. WriteFolder does the same for a folder.
//
// Only its owner can read a temporary file; the final permissions are set after the
// rename. The temporary file of a killed program is removed by the next program that
// writes to the folder, or by Sweep. A lock, which the system releases when its process ends,
// shows that a temporary file is in use.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// Create creates the temporary file. It is a variable so that tests can simulate a full
// disk.
var Create = func(name string, mode fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
}

// private is the mode of temporary files.
const private fs.FileMode = 0o600

// Write writes data to the file at path, which it creates or replaces. mode is
// that of the new file, before the umask.
//
// The error is a *fs.PathError that names path, not the temporary file. Full reports
// whether the disk is full.
func Write(path string, data []byte, mode fs.FileMode) error {
	return write(path, data, mode&^umask, os.Rename)
}

// Replace is Write for an existing file; the new file has its permissions, independent of
// the umask.
func Replace(path string, data []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return failed(path, err)
	}
	return write(path, data, info.Mode().Perm(), os.Rename)
}

// WriteNew is Write for a file that must not exist: where one exists, also one created
// meanwhile, the error wraps fs.ErrExist.
func WriteNew(path string, data []byte, mode fs.FileMode) error {
	return write(path, data, mode&^umask, renameNew)
}

// Part is a file of a folder. Its name may have slashes, for subfolders.
type Part struct {
	Name string
	Data []byte
}

// WriteFolder creates a folder with the given files, whose permissions are mode; those who can read
// them can list the folders. Only an empty folder may exist at path. The errors are those of Write.
func WriteFolder(path string, parts []Part, mode fs.FileMode) error {
	sweepOnce(filepath.Dir(path))
	if err := writeFolder(path, parts, mode); err != nil {
		return failed(path, err)
	}
	return nil
}

func writeFolder(path string, parts []Part, mode fs.FileMode) (err error) {
	folderMode := mode | 0o100 | mode&0o444>>2
	name, lock, err := temporary(filepath.Dir(path), func(name string) (*os.File, error) {
		if err := os.Mkdir(name, 0o700); err != nil {
			return nil, err
		}
		f, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil // it was swept
		}
		return f, err
	})
	if err != nil {
		return err
	}
	defer lock.Close()
	defer func() {
		if err != nil {
			os.RemoveAll(name)
		}
	}()
	for _, part := range parts {
		target := filepath.Join(name, filepath.FromSlash(part.Name))
		if err := os.MkdirAll(filepath.Dir(target), folderMode); err != nil {
			return err
		}
		f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if err != nil {
			return err
		}
		if err := errors.Join(fill(f, part.Data), f.Close()); err != nil {
			return err
		}
	}
	syncFolder(name)
	if !renamesOpen {
		lock.Close()
	}
	if i, err := os.Lstat(path); err == nil && i.IsDir() { // on some systems a rename does not replace a folder; Remove succeeds if it is empty
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	if err := os.Rename(name, path); err != nil {
		return err
	}
	if mode != private {
		os.Chmod(path, folderMode) // fails where the file system has the same permissions for all files
	}
	syncFolder(filepath.Dir(path))
	return nil
}

func write(path string, data []byte, mode fs.FileMode, rename func(from, to string) error) error {
	folder := filepath.Dir(path)
	sweepOnce(folder)
	name, f, err := temporary(folder, func(name string) (*os.File, error) { return Create(name, private) })
	if err != nil {
		return failed(path, err)
	}
	defer f.Close() // releases the lock
	err = fill(f, data)
	if err == nil && !renamesOpen {
		err = f.Close()
	}
	if err == nil {
		err = rename(name, path)
	}
	if err != nil {
		f.Close()
		os.Remove(name)
		return failed(path, err)
	}
	if mode != private {
		// This fails where the file system has the same permissions for all files.
		if renamesOpen {
			f.Chmod(mode)
		} else {
			os.Chmod(path, mode)
		}
	}
	syncFolder(folder)
	return nil
}

// Probe creates and removes a file in a folder, and returns the error of doing so.
func Probe(folder string) error {
	name, f, err := temporary(folder, func(name string) (*os.File, error) {
		return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, private) // an empty file fits on a full disk
	})
	if err != nil {
		return err
	}
	f.Close()
	return os.Remove(name)
}

// isTemporary reports whether a name is that of a temporary file that is locked while in use.
func isTemporary(name string) bool {
	random, found := strings.CutPrefix(name, ".encipher-")
	return found && len(random) == 26 && strings.Trim(random, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// temporary creates and locks a temporary file or folder. create returns neither a file nor an error
// where what it created was removed.
func temporary(folder string, create func(name string) (*os.File, error)) (name string, f *os.File, err error) {
	// The temporary name does not contain the final name, as it could get too long.
	fresh := func(end string) string { return filepath.Join(folder, ".encipher-"+rand.Text()+end) }
	for {
		name = fresh("")
		if f, err = create(name); err != nil {
			return "", nil, err
		}
		if f == nil {
			continue
		}
		switch held, err := lock(f); {
		case err == nil && held:
			return name, f, nil
		case err == nil: // it was swept before it was locked
			f.Close()
		default: // without a lock it needs a name that is never swept
			f.Close()
			os.Remove(name)
			name = fresh("-unlocked")
			f, err = create(name)
			return name, f, err
		}
	}
}

var swept sync.Map // by folder

func sweepOnce(folder string) {
	if _, done := swept.LoadOrStore(folder, true); !done {
		Sweep(folder)
	}
}

// Sweep removes the temporary files of this package in a folder that belong to the user and
// that no process uses. Where that is unknown, it removes nothing.
func Sweep(folder string) {
	f, err := os.Open(folder)
	if err != nil {
		return
	}
	defer f.Close()
	names, _ := f.Readdirnames(-1)
	for _, name := range names {
		if isTemporary(name) {
			removeStale(filepath.Join(folder, name))
		}
	}
}

// Link is a variable so that tests can simulate a file system without links.
var Link = os.Link

// renameNew renames a file unless the new name exists. It creates a link with the new name,
// which fails if the name exists, and removes the old name, which fails on some systems while the file
// is open. On file systems without links, such as FAT, it checks before it renames.
func renameNew(from, to string) error {
	err := Link(from, to)
	switch {
	case err == nil:
		os.Remove(from)
		return nil
	case errors.Is(err, fs.ErrExist):
		return err
	}
	if _, err := os.Lstat(to); err == nil {
		return fs.ErrExist
	}
	return os.Rename(from, to)
}

// fill writes a new file and syncs it to the disk.
func fill(f *os.File, data []byte) error {
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

// failed replaces the path of the temporary file in an error by that of the final file.
func failed(path string, err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		err = p.Err
	case errors.As(err, &l):
		err = l.Err
	}
	if Full(err) {
		err = fmt.Errorf("the disk is full, nothing was written: %w", err)
	}
	return &fs.PathError{Op: "write", Path: path, Err: err}
}

// Full reports whether an error means that the disk or the quota of the user is full.
func Full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
