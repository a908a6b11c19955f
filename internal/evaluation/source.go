package evaluation

import (
	"errors"
	"fmt"
	"path/filepath"

	"enciphergan"
	"enciphergan/internal/picture"
)

var limits = picture.Limits{Bytes: encipher.MaxFileBytes, Pixels: encipher.MaxPixels}

// Source is a folder of pictures.
type Source struct {
	Names  []string // of all files below the folder, with slashes
	folder string
}

// OpenSource lists the files below a folder.
func OpenSource(folder string) (Source, error) {
	names, err := picture.Files(folder)
	return Source{names, folder}, err
}

// SkipError is returned for a picture that cannot be measured. It does not end a measurement.
type SkipError struct {
	Err     error
	Damaged bool // the picture cannot be read
}

func (e *SkipError) Error() string { return e.Err.Error() }
func (e *SkipError) Unwrap() error { return e.Err }

// skipUnreadable wraps the errors of a picture that cannot be read in a SkipError.
func skipUnreadable(err error) error {
	for _, e := range []error{picture.ErrFormat, picture.ErrUnsupported, picture.ErrCorrupt, picture.ErrTooLarge, picture.ErrUnreadable} {
		if errors.Is(err, e) {
			return &SkipError{err, true}
		}
	}
	return err
}

// Load reads a picture on a white background, or its centre square if crop is not 0.
// It returns nil for a file that is not a picture by content or name, and a SkipError
// for a picture that cannot be read or is smaller than the square.
func (s Source) Load(name string, crop int) (*picture.Picture, error) {
	file, err := picture.ReadFile(filepath.Join(s.folder, filepath.FromSlash(name)), limits)
	var p *picture.Picture
	if err == nil {
		p, err = picture.Decode(file, limits)
	}
	if picture.NoPicture(name, err) {
		return nil, nil
	}
	if err != nil {
		return nil, skipUnreadable(err)
	}
	p = p.OnWhite()
	if crop == 0 {
		return p.Crop(p.Height, p.Width), nil
	}
	if min(p.Width, p.Height) < crop {
		return nil, &SkipError{Err: fmt.Errorf("smaller than the square to measure (see -crop and -whole): it has %d x %d pixels", p.Width, p.Height)}
	}
	return centre(p, crop, crop), nil
}

// centre copies the middle of a picture that has at least the given size.
func centre(p *picture.Picture, height, width int) *picture.Picture {
	c := picture.New(height, width)
	top, left := (p.Height-height)/2, (p.Width-width)/2
	for y := range height {
		copy(c.RGB[3*width*y:][:3*width], p.RGB[3*((top+y)*p.Width+left):])
	}
	return c
}
