// Package dataset reads a folder of photos, splits it, and makes batches of crops.
//
// Main path: Read decodes the photos, NewSplit divides them into training,
// validation and test, NewBatches makes the crops of each training step, and
// Tiles cuts fixed squares for measurements.
//
// Random choices follow from a seed and the number of the step alone, see Stream.
package dataset

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"enciphergan/internal/picture"
)

// fileLimits bounds a file before its samples are allocated.
var fileLimits = picture.Limits{Bytes: 256 << 20, Pixels: 120_000_000}

// Photo is one decoded picture, scaled to its size for training.
type Photo struct {
	Name          string // path below the folder, with slashes
	Width, Height int
	RGB           []byte            // 8-bit, interleaved, shape (Height, Width, 3)
	Sum           [sha256.Size]byte // SHA-256 of the file
}

// ReadOptions configures Read. Zero fields take the defaults.
type ReadOptions struct {
	LongestSide  int   // larger photos are scaled down to this many pixels; default 1024
	ShortestSide int   // photos with a smaller side, after scaling, are skipped; default 1
	MemoryBytes  int64 // limit of all decoded photos; default 6 GiB, about 2,700 photos of 1024x768
	Workers      int   // files decoded at once; default GOMAXPROCS
}

func (o ReadOptions) withDefaults() ReadOptions {
	if o.LongestSide == 0 {
		o.LongestSide = 1024
	}
	o.ShortestSide = max(1, o.ShortestSide)
	if o.MemoryBytes == 0 {
		o.MemoryBytes = 6 << 30
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	return o
}

// Report counts the files of a folder.
type Report struct {
	Used       int       // photos returned
	Scaled     int       // photos returned that were scaled down
	Duplicates int       // files with the same bytes as an earlier one, left out
	Others     int       // files that are not pictures by content or name
	Skipped    []Skipped // pictures that could not be used, in the order of their names
}

// Skipped is a picture that was left out.
type Skipped struct {
	Name   string
	Reason string
}

var (
	// ErrNoPhotos is returned for a folder without a usable photo.
	ErrNoPhotos = errors.New("no usable photo found")
	// ErrMemory is returned when the decoded photos exceed the memory limit.
	ErrMemory = errors.New("the decoded photos exceed the memory limit: use fewer photos or a smaller longest side")
)

// Read decodes all pictures below a folder in the order of their names, which is
// the same on every system. It skips pictures that are corrupt, too small or too
// large, and lists them in the report. The error wraps ErrNoPhotos when no photo
// is left and ErrMemory when the photos exceed the memory limit.
func Read(ctx context.Context, folder string, options ReadOptions) ([]Photo, Report, error) {
	options = options.withDefaults()
	names, err := picture.Files(folder)
	if err != nil {
		return nil, Report{}, fmt.Errorf("listing photos: %w", err)
	}
	results := make([]fileResult, len(names))
	var next, bytesHeld atomic.Int64
	var workers sync.WaitGroup
	for range options.Workers {
		workers.Go(func() {
			for ctx.Err() == nil && bytesHeld.Load() <= options.MemoryBytes {
				i := int(next.Add(1)) - 1
				if i >= len(names) {
					return
				}
				results[i] = readFile(filepath.Join(folder, filepath.FromSlash(names[i])), options)
				bytesHeld.Add(int64(len(results[i].photo.RGB)))
			}
		})
	}
	workers.Wait()
	if err := ctx.Err(); err != nil {
		return nil, Report{}, fmt.Errorf("reading photos: %w", err)
	}
	if bytesHeld.Load() > options.MemoryBytes {
		return nil, Report{}, fmt.Errorf("reading %s: %w (now %d MiB at a longest side of %d)",
			folder, ErrMemory, options.MemoryBytes>>20, options.LongestSide)
	}

	var photos []Photo
	var report Report
	seen := map[[sha256.Size]byte]bool{}
	for i, result := range results {
		switch {
		case errors.Is(result.err, errNotPicture):
			report.Others++
		case result.err != nil:
			report.Skipped = append(report.Skipped, Skipped{names[i], result.err.Error()})
		case seen[result.photo.Sum]:
			report.Duplicates++
		default:
			seen[result.photo.Sum] = true
			result.photo.Name = names[i]
			photos = append(photos, result.photo)
			if result.scaled {
				report.Scaled++
			}
		}
	}
	report.Used = len(photos)
	if len(photos) == 0 {
		err := fmt.Errorf("%s: %w", folder, ErrNoPhotos)
		if len(report.Skipped) > 0 {
			err = fmt.Errorf("%w, %d skipped, the first, %s: %s", err, len(report.Skipped), report.Skipped[0].Name, report.Skipped[0].Reason)
		}
		return nil, report, fmt.Errorf("%w: give a folder with JPEG, PNG, WebP, TIFF, BMP or GIF photos of at least %d x %[2]d pixels", err, options.ShortestSide)
	}
	return photos, report, nil
}

type fileResult struct {
	photo  Photo
	scaled bool
	err    error
}

// errNotPicture marks a file that is not a picture by content or name.
var errNotPicture = errors.New("not a picture")

func readFile(path string, options ReadOptions) fileResult {
	file, err := picture.ReadFile(path, fileLimits)
	if err != nil {
		return fileResult{err: err}
	}
	photo, scaled, err := Decode(file, options.LongestSide)
	switch {
	case picture.NoPicture(path, err):
		return fileResult{err: errNotPicture}
	case err != nil:
		return fileResult{err: err}
	case min(photo.Width, photo.Height) < options.ShortestSide:
		return fileResult{err: fmt.Errorf("too small: %dx%d pixels, %d needed on each side", photo.Width, photo.Height, options.ShortestSide)}
	}
	return fileResult{photo: photo, scaled: scaled}
}

// Decode decodes one picture file on a white background and scales it down
// (Catmull-Rom) when a side is longer than longestSide. Errors are those of picture.Decode.
func Decode(file []byte, longestSide int) (photo Photo, scaled bool, err error) {
	decoded, err := picture.Decode(file, fileLimits)
	if err != nil {
		return Photo{}, false, err
	}
	decoded = decoded.OnWhite()
	photo = Photo{Width: decoded.Width, Height: decoded.Height, RGB: decoded.RGB, Sum: sha256.Sum256(file)}
	if longest := max(photo.Width, photo.Height); longest > longestSide {
		fit := func(side int) int { return max(1, (side*longestSide+longest/2)/longest) }
		width, height := fit(photo.Width), fit(photo.Height)
		photo.RGB = resample(&photo, image.Rect(0, 0, photo.Width, photo.Height), width, height)
		photo.Width, photo.Height, scaled = width, height, true
	}
	return photo, scaled, nil
}
