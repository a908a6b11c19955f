package dataset

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"enciphergan/internal/kernel"
)

// Target is the domain that neural ciphers are trained to be indistinguishable from.
type Target struct {
	// Images are target cipher images, cropped and turned like photos but not
	// scaled. Without images the domain is uniform random bytes.
	Images []Photo
}

// Fingerprint returns a digest of the images in hexadecimal, or "" without images.
func (t Target) Fingerprint() string {
	if len(t.Images) == 0 {
		return ""
	}
	return Split{Training: t.Images}.Fingerprint()
}

// crop draws one 8-bit square, interleaved, (side, side, 3).
func (t Target) crop(source *rand.ChaCha8, side int) []byte {
	if len(t.Images) > 0 {
		return randomCrop(rand.New(source), t.Images, side, false)
	}
	levels := make([]byte, side*side*3)
	source.Read(levels)
	return levels
}

// BatchOptions configures NewBatches.
type BatchOptions struct {
	Seed    uint64
	Size    int  // crops in a batch, N
	Crop    int  // side of a crop in pixels, S
	Scale   bool // scale half of the crops down by a random factor of at least 0.5
	Target  Target
	Workers int // batches made at once; default 1
}

// Batch is the data of one step, in tensors of shape (N, 3, S, S).
type Batch struct {
	Step int
	// Plain holds crops of photos, u8/127.5 - 1.
	Plain []float32
	// Target holds target cipher images, (u8 + .5)/128 - 1. Quantised neural
	// ciphers are read with the same mapping, so that a discriminator cannot tell
	// the two apart by it.
	Target []float32
}

// Batches makes the batches of a run in advance, in order. A batch follows from
// the photos, the options and the number of its step.
type Batches struct {
	photos  []Photo
	options BatchOptions
	ahead   chan chan Batch // in the order of steps
	stop    chan struct{}
	stopped sync.Once
	workers sync.WaitGroup
}

// NewBatches starts workers that make batches, beginning with step first. The
// caller must call Close to stop them.
func NewBatches(photos []Photo, first int, options BatchOptions) (*Batches, error) {
	options.Workers = max(1, options.Workers)
	if options.Size < 1 || options.Crop < 1 {
		return nil, fmt.Errorf("batches of %d crops of %d pixels: both must be positive", options.Size, options.Crop)
	}
	if len(photos) == 0 {
		return nil, fmt.Errorf("making batches: %w", ErrNoPhotos)
	}
	for _, set := range [][]Photo{photos, options.Target.Images} {
		for _, photo := range set {
			if min(photo.Width, photo.Height) < options.Crop {
				return nil, fmt.Errorf("%s: %dx%d pixels are too few for crops of %d: use smaller crops or leave it out", photo.Name, photo.Width, photo.Height, options.Crop)
			}
		}
	}
	b := &Batches{
		photos:  photos,
		options: options,
		ahead:   make(chan chan Batch, 2*options.Workers),
		stop:    make(chan struct{}),
	}
	type job struct {
		step int
		done chan Batch
	}
	jobs := make(chan job)
	b.workers.Go(func() {
		defer close(jobs)
		for step := first; ; step++ {
			next := job{step, make(chan Batch, 1)}
			select {
			case b.ahead <- next.done:
			case <-b.stop:
				return
			}
			select {
			case jobs <- next:
			case <-b.stop:
				return
			}
		}
	})
	for range options.Workers {
		b.workers.Go(func() {
			for next := range jobs {
				next.done <- b.make(next.step)
			}
		})
	}
	return b, nil
}

// ErrClosed is returned by Next after Close.
var ErrClosed = errors.New("batches are closed")

// Next returns the batch of the next step.
func (b *Batches) Next(ctx context.Context) (Batch, error) {
	select {
	case <-b.stop:
		return Batch{}, ErrClosed
	default:
	}
	var done chan Batch
	select {
	case done = <-b.ahead:
	case <-b.stop:
		return Batch{}, ErrClosed
	case <-ctx.Done():
		return Batch{}, ctx.Err()
	}
	select {
	case batch := <-done:
		return batch, nil
	case <-b.stop:
		return Batch{}, ErrClosed
	case <-ctx.Done():
		return Batch{}, ctx.Err()
	}
}

// Close stops the workers and waits for them. It may be called twice.
func (b *Batches) Close() {
	b.stopped.Do(func() { close(b.stop) })
	b.workers.Wait()
}

func (b *Batches) make(step int) Batch {
	side, seed := b.options.Crop, b.options.Seed
	samples := 3 * side * side
	batch := Batch{
		Step:   step,
		Plain:  make([]float32, b.options.Size*samples),
		Target: make([]float32, b.options.Size*samples),
	}
	crops, targets := Stream(seed, step, "crop"), source(seed, step, "target")
	for n := range b.options.Size {
		fillPlanes(batch.Plain[n*samples:][:samples], randomCrop(crops, b.photos, side, b.options.Scale), &plainValue)
		fillPlanes(batch.Target[n*samples:][:samples], b.options.Target.crop(targets, side), &cipherValue)
	}
	return batch
}

// plainValue and cipherValue map the levels of a picture and of a quantised
// neural cipher to inputs of the networks.
var plainValue, cipherValue = func() (plain, cipher [256]float32) {
	for k := range 256 {
		plain[k] = kernel.SymmetricValue(byte(k))
		cipher[k] = kernel.UniformValue(byte(k))
	}
	return
}()

// fillPlanes writes interleaved levels (S, S, 3) to planes (3, S, S).
func fillPlanes(planes []float32, rgb []byte, value *[256]float32) {
	area := len(planes) / 3
	red, green, blue := planes[:area], planes[area:2*area], planes[2*area:]
	for i := range area {
		red[i], green[i], blue[i] = value[rgb[3*i]], value[rgb[3*i+1]], value[rgb[3*i+2]]
	}
}
