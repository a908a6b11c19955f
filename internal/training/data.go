// Package training turns a folder of photos into the two generators of a model:
// it reads and splits photos, makes batches of crops, optimises, saves and
// resumes runs, and reports on them.
//
// Every batch, key and permutation of a run follows from its seed and the number
// of the step, so that a resumed run continues as if it had never stopped.
package training

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

	"golang.org/x/image/draw"

	"enciphergan/internal/picture"
)

// fileLimits bound one file before its samples are allocated.
var fileLimits = picture.Limits{Bytes: 256 << 20, Pixels: 120_000_000}

// Photo is one decoded picture, scaled to the size at which it is trained on.
type Photo struct {
	Name          string // path below the folder, with slashes
	Width, Height int
	RGB           []byte            // 8-bit, interleaved, shape (Height, Width, 3)
	Sum           [sha256.Size]byte // SHA-256 of the file
}

// ReadOptions says how a folder is read. Zero fields take the defaults.
type ReadOptions struct {
	LongestSide  int   // larger photos are scaled down to this many pixels; default 1024
	ShortestSide int   // photos with a smaller side, after scaling, are skipped; default 1
	MemoryBytes  int64 // most bytes of decoded photos in all; default 6 GiB, about 2,700 photos of 1024x768
	Workers      int   // files decoded at once; default: as many as processors
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

// Report says what became of the files of a folder.
type Report struct {
	Used       int       // photos returned
	Scaled     int       // of these, photos scaled down
	Duplicates int       // files with the same bytes as an earlier one, left out
	Others     int       // files that are no pictures, neither by content nor by name
	Skipped    []Skipped // pictures that could not be used, in the order of their names
}

// Skipped is a picture that was left out.
type Skipped struct {
	Name   string
	Reason string
}

// Errors of folders that cannot be trained on.
var (
	ErrNoPhotos = errors.New("no usable photo found")
	ErrMemory   = errors.New("the decoded photos exceed the memory bound: use fewer photos or a smaller longest side")
)

// ReadPhotos decodes all pictures below a folder, in the order of their names,
// which is the same on every system. Pictures that are corrupt, too small or
// too large are skipped and listed in the report. The error wraps ErrNoPhotos
// where nothing is left and ErrMemory where too much is.
func ReadPhotos(ctx context.Context, folder string, options ReadOptions) ([]Photo, Report, error) {
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

// errNotPicture marks a file that does not claim to be a picture.
var errNotPicture = errors.New("not a picture")

func readFile(path string, options ReadOptions) fileResult {
	file, err := picture.ReadFile(path, fileLimits)
	if err != nil {
		return fileResult{err: err}
	}
	photo, scaled, err := DecodePhoto(file, options.LongestSide)
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

// DecodePhoto decodes one picture file and, where a side is longer than
// longestSide, scales it down (Catmull-Rom). Errors are those of picture.Decode.
func DecodePhoto(file []byte, longestSide int) (photo Photo, scaled bool, err error) {
	decoded, err := picture.Decode(file, fileLimits)
	if err != nil {
		return Photo{}, false, err
	}
	decoded = decoded.OnWhite()
	photo = Photo{Width: decoded.Width, Height: decoded.Height, RGB: decoded.RGB, Sum: sha256.Sum256(file)}
	if most := max(photo.Width, photo.Height); most > longestSide {
		fit := func(side int) int { return max(1, (side*longestSide+most/2)/most) }
		width, height := fit(photo.Width), fit(photo.Height)
		photo.RGB = resample(&photo, image.Rect(0, 0, photo.Width, photo.Height), width, height)
		photo.Width, photo.Height, scaled = width, height, true
	}
	return photo, scaled, nil
}

// resample scales a region of a photo to width by height pixels of 8-bit RGB,
// interleaved.
func resample(photo *Photo, region image.Rectangle, width, height int) []byte {
	from := image.NewRGBA(image.Rectangle{Max: region.Size()})
	for y := range region.Dy() {
		row := photo.RGB[((region.Min.Y+y)*photo.Width+region.Min.X)*3:]
		pixels := from.Pix[y*from.Stride:][:4*region.Dx()]
		for x := range region.Dx() {
			pixels[4*x], pixels[4*x+1], pixels[4*x+2], pixels[4*x+3] = row[3*x], row[3*x+1], row[3*x+2], 255
		}
	}
	to := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.CatmullRom.Scale(to, to.Bounds(), from, from.Bounds(), draw.Src, nil)
	rgb := make([]byte, 0, width*height*3)
	for i := 0; i < len(to.Pix); i += 4 {
		rgb = append(rgb, to.Pix[i], to.Pix[i+1], to.Pix[i+2])
	}
	return rgb
}
