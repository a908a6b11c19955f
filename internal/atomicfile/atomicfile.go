// Package atomicfile writes files that are there whole or not at all.
//
// Write, Replace and WriteNew put the bytes into a temporary file in the folder of the final one,
// make sure that they are on the disk, and give it its name. A crash or a full disk
// leaves what was there before; a failure leaves nothing else.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Create opens the temporary file. It is a variable so that tests can put a full
// disk there.
var Create = func(name string, mode fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
}

// Write makes data the content of the file at path, which it creates or
// replaces. mode is that of the new file, before the umask.
//
// The error is a *fs.PathError that names path, not the temporary file. Where
// the disk is full, it says so, and Full is true of it.
func Write(path string, data []byte, mode fs.FileMode) error {
	return write(path, data, mode, os.Rename)
}

// Replace is Write for a file that is there, whose permissions the new one gets, whatever
// the umask.
func Replace(path string, data []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return failed(path, err)
	}
	return write(path, data, 0o600, func(from, to string) error {
		want := info.Mode().Perm()
		if err := os.Chmod(from, want); err != nil {
			// Some file systems give all their files the same permissions.
			if made, statErr := os.Stat(from); statErr != nil || made.Mode().Perm()&^want != 0 {
				return err
			}
		}
		return os.Rename(from, to)
	})
}

// WriteNew is Write for a file that must not exist: it never replaces one, even one
// that appears meanwhile, and the error is fs.ErrExist then.
func WriteNew(path string, data []byte, mode fs.FileMode) error {
	return write(path, data, mode, renameNew)
}

func write(path string, data []byte, mode fs.FileMode, rename func(from, to string) error) error {
	// The final name is not part of the temporary one, which could get too long.
	temporary := filepath.Join(filepath.Dir(path), ".encipher-"+rand.Text())
	if err := fill(temporary, data, mode); err != nil {
		return failed(path, err)
	}
	if err := rename(temporary, path); err != nil {
		os.Remove(temporary)
		return failed(path, err)
	}
	return nil
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

// fill makes a new file, which is gone again after a failure.
func fill(name string, data []byte, mode fs.FileMode) (err error) {
	f, err := Create(name, mode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(name)
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
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
