package key

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// Create writes the content of a key file, sealed or not, with mode 0600. It never overwrites: the error for
// an existing path wraps fs.ErrExist. A failure leaves no file behind.
//
// The file is opened exclusively instead of being renamed into place, because
// a rename would replace a key that appears in between, and links, which would
// not, are missing on some file systems.
func Create(path string, content []byte) (err error) {
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
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

// ParseFile is Parse, and gives also the time that a key file records; zero where it
// records none.
func ParseFile(text []byte) (k Key, created time.Time, err error) {
	if k, err = Parse(text); err != nil {
		return Key{}, created, err
	}
	for line := range strings.Lines(string(text)) {
		if at, ok := strings.CutPrefix(line, createdPrefix); ok {
			created, _ = time.Parse(time.RFC3339, strings.TrimSpace(at)) // zero, too, where it is no time
			break
		}
	}
	return k, created, nil
}
