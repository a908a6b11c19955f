package key

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// Create writes a key file with mode 0600. It never overwrites: the error for
// an existing path wraps fs.ErrExist. A failure leaves no file behind.
//
// The file is opened exclusively instead of being renamed into place, because
// a rename would replace a key that appears in between, and links, which would
// not, are missing on some file systems.
func Create(path string, k Key, created time.Time) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists and a key file is never overwritten: %w", path, fs.ErrExist)
	}
	if err != nil {
		return fmt.Errorf("cannot create the key file: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(path)
			err = fmt.Errorf("cannot write the key file, nothing was left behind: %w", err)
		}
	}()
	if _, err := f.Write(k.File(created)); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

// Read reads a key file of at most MaxFileBytes. created is the time that it
// records, and zero where it records none.
func Read(path string) (k Key, created time.Time, err error) {
	f, err := os.Open(path)
	if err != nil {
		return Key{}, created, fmt.Errorf("cannot open the key file: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	if err != nil {
		return Key{}, created, fmt.Errorf("cannot read the key file: %w", err)
	}
	if k, err = Parse(text); err != nil {
		return Key{}, created, fmt.Errorf("%s: %w", path, err)
	}
	for line := range strings.Lines(string(text)) {
		if at, ok := strings.CutPrefix(line, createdPrefix); ok {
			created, _ = time.Parse(time.RFC3339, strings.TrimSpace(at)) // zero, too, where it is no time
			break
		}
	}
	return k, created, nil
}
