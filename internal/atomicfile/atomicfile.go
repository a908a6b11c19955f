// Package atomicfile writes files that are there whole or not at all.
//
// Write puts the bytes into a temporary file in the folder of the final one,
// makes sure that they are on the disk, and renames it. A crash or a full disk
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
	return WriteIf(path, data, mode, func() error { return nil })
}

// WriteIf is Write with a last look: may is called when only the renaming is
// left, and an error of it, which is returned as it is, leaves all as it was.
func WriteIf(path string, data []byte, mode fs.FileMode, may func() error) error {
	// The final name is not part of the temporary one, which could get too long.
	temporary := filepath.Join(filepath.Dir(path), ".encipher-"+rand.Text())
	if err := fill(temporary, data, mode); err != nil {
		return failed(path, err)
	}
	if err := may(); err != nil {
		os.Remove(temporary)
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		os.Remove(temporary)
		return failed(path, err)
	}
	return nil
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
