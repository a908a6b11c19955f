// Package atomicfile writes files that are there whole or not at all.
//
// Write, Replace and WriteNew put the bytes into a temporary file in the folder of the final one,
// make sure that they are on the disk, and give it its name. A crash or a full disk
// leaves what was there before; a failure leaves nothing else. WriteFolder does so for a folder.
//
// A temporary file can be read by its owner alone; the final file's permissions are set after it was renamed.
// One that a killed program left is removed by the next that writes into the folder, or by Sweep:
// it is told from one in use by a lock, which the system drops when its process ends.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
)

// Create opens the temporary file. It is a variable so that tests can put a full
// disk there.
var Create = func(name string, mode fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
}

// private is the mode of temporary files.
const private fs.FileMode = 0o600

// Write makes data the content of the file at path, which it creates or
// replaces. mode is that of the new file, before the umask.
//
// The error is a *fs.PathError that names path, not the temporary file. Where
// the disk is full, it says so, and Full is true of it.
func Write(path string, data []byte, mode fs.FileMode) error {
	return write(path, data, mode&^umask, os.Rename)
}

// Replace is Write for a file that is there, whose permissions the new one gets, whatever
// the umask.
func Replace(path string, data []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return failed(path, err)
	}
	return write(path, data, info.Mode().Perm(), os.Rename)
}

// WriteNew is Write for a file that must not exist: it never replaces one, even one
// that appears meanwhile, and the error is fs.ErrExist then.
func WriteNew(path string, data []byte, mode fs.FileMode) error {
	return write(path, data, mode&^umask, renameNew)
}

// Part is a file of a folder. A name with slashes leads into folders of the folder.
type Part struct {
	Name string
	Data []byte
}

// WriteFolder makes a folder of the given files, with mode as their permissions; whoever can read
// them can look into the folders. Its name must not be taken by anything but an empty folder. The errors are those of Write.
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
	if i, err := os.Lstat(path); err == nil && i.IsDir() { // where a rename replaces no folder; this one must be empty
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	if err := os.Rename(name, path); err != nil {
		return err
	}
	if mode != private {
		os.Chmod(path, folderMode) // where this fails, the file system gives all its files the same permissions
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
	defer f.Close() // with which the lock goes
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
		// Where this fails, the file system gives all its files the same permissions.
		if renamesOpen {
			f.Chmod(mode)
		} else {
			os.Chmod(path, mode)
		}
	}
	syncFolder(folder)
	return nil
}

// Probe says whether files can be made in a folder, by making one. The error is that of
// making it.
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

// ours are the names of temporary files that are locked as long as they are used.
var ours = regexp.MustCompile(`^\.encipher-[A-Z2-7]{26}$`)

// temporary makes a temporary file or folder and locks it. create gives neither a file nor an error where
// what it made is gone.
func temporary(folder string, create func(name string) (*os.File, error)) (name string, f *os.File, err error) {
	// The final name is not part of the temporary one, which could get too long.
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

// Sweep removes from a folder the temporary files of this package that belong to the user and
// that no living process has. It leaves alone what it cannot tell.
func Sweep(folder string) {
	f, err := os.Open(folder)
	if err != nil {
		return
	}
	defer f.Close()
	names, _ := f.Readdirnames(-1)
	for _, name := range names {
		if ours.MatchString(name) {
			removeStale(filepath.Join(folder, name))
		}
	}
}

// Link is a variable so that tests can stand for a file system without links.
var Link = os.Link

// renameNew renames a file unless the new name is taken. A link is made under the new name,
// which fails if there is one. The old name may stay, if somebody holds it. Where the file system has no links, such as FAT, a look
// before renaming must do.
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

// fill writes a new file, to the disk.
func fill(f *os.File, data []byte) error {
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

// failed puts the file that the caller knows in the place of the temporary one.
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

// Full reports whether an error of writing means that no space is left, on the
// disk or of the user's quota.
func Full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
