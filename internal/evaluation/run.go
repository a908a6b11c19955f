package evaluation

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"enciphergan/internal/key"
	"enciphergan/internal/metric"
	"enciphergan/internal/picture"
)

// The pictures that are measured, in pixels. Below the least, levels are too few
// a bin for chi-square (five in each of 256); a picture is held about twenty
// times while it is measured.
const (
	MinPixels = 5 * 256
	MaxPixels = 25_000_000
)

// large is the size in pixels from which pictures are measured one at a time.
const large = 4_000_000

// Draw gives random bytes, other ones for every name and purpose: of the system,
// or computed where figures are to be repeated.
type Draw func(name, purpose string) [32]byte

// Options say what Run measures.
type Options struct {
	Secret [32]byte // of all pictures
	Draw   Draw
	Names  []string // of pictures
	// Crops are the sides in pixels of the centre squares to measure, one set
	// each; 0 stands for whole pictures.
	Crops []int
	// Load reads a picture, or its centre square. It may run in several
	// goroutines. Without a picture and an error, the name is passed over.
	Load func(name string, crop int) (*picture.Picture, error)
	// Skippable tells errors that concern one picture from those that end the run.
	Skippable func(error) bool
	Samples   int // pictures of the first set that has any, to keep for showing
	Progress  func(stage string, done, total int)
}

// Report is what was measured.
type Report struct {
	Seed    *uint64  `json:"seed,omitempty"` // of key and nonces; nil where they were random
	Alpha   float64  `json:"alpha"`
	Systems []Tested `json:"systems"`
	Sets    []Set    `json:"sets"`
	Paper   []Paper  `json:"paper"`
	Curves  []Curves `json:"curves,omitempty"`

	samples []sample
}

// Tested is a system and what was found of its key space.
type Tested struct {
	System
	ActingBits int `json:"acting_bits"` // of 256: those whose flip changes the cipher image of a small picture
}

// Set is a folder measured in one way. Summaries, and figures of a picture, have
// the order of Report.Systems.
type Set struct {
	Crop      int        `json:"crop"` // side in pixels; 0: whole pictures
	Pictures  []Measured `json:"pictures"`
	Summaries []Summary  `json:"summaries"`
	// MeanColours is how well a picture's three mean colours alone predict it: what
	// a decryption that has the key wrong and the statistics right should not beat.
	MeanColours Wrong     `json:"mean_colours"`
	Skipped     []Skipped `json:"skipped"`
}

// Name says what the set is.
func (s Set) Name() string {
	if s.Crop == 0 {
		return "whole pictures"
	}
	return fmt.Sprintf("centre squares of %d x %[1]d pixels", s.Crop)
}

// Measured is one picture.
type Measured struct {
	Name    string    `json:"name"`
	Width   int       `json:"width"`
	Height  int       `json:"height"`
	Figures []Figures `json:"figures"`

	MeanColours Wrong `json:"mean_colours"`
}

// Skipped is a picture that cannot be measured.
type Skipped struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// ErrNone is the error of a run in which no picture could be measured.
var ErrNone = errors.New("none of the pictures can be measured")

// Run measures every subject on every picture. Pictures are spread over the
// cores; the figures do not depend on how many there are. With ErrNone the
// report says why pictures were skipped.
func Run(ctx context.Context, subjects []Subject, o Options) (*Report, error) {
	r := &Report{Alpha: Alpha, Paper: paper}
	nonce := o.Draw("", "key space")
	o.Progress("key space", 0, len(subjects))
	for i, s := range subjects {
		bits, err := actingBits(ctx, s, Material{o.Secret, key.Nonce(nonce[:key.NonceSize])})
		if err != nil {
			return nil, err
		}
		for j, system := range s.Systems() {
			r.Systems = append(r.Systems, Tested{system, bits[j]})
		}
		o.Progress("key space", i+1, len(subjects))
	}
	measured, skipped := 0, 0
	for _, crop := range o.Crops {
		keep := 0
		if len(r.samples) == 0 {
			keep = o.Samples
		}
		set, samples, err := runSet(ctx, subjects, o, crop, keep)
		if err != nil {
			return nil, err
		}
		set.Summaries = make([]Summary, len(r.Systems))
		for n, m := range set.Pictures {
			set.MeanColours.PSNR += (m.MeanColours.PSNR - set.MeanColours.PSNR) / float64(n+1)
			set.MeanColours.SSIM += (m.MeanColours.SSIM - set.MeanColours.SSIM) / float64(n+1)
			for i, f := range m.Figures {
				set.Summaries[i].add(f)
			}
		}
		r.Sets = append(r.Sets, set)
		r.samples = append(r.samples, samples...)
		measured, skipped = measured+len(set.Pictures), skipped+len(set.Skipped)
	}
	if measured == 0 {
		return r, fmt.Errorf("%w, %d skipped", ErrNone, skipped)
	}
	return r, nil
}

// result is that of one name; all nil where it is passed over.
type result struct {
	measured *Measured
	skipped  *Skipped
	sample   *sample
}

func runSet(ctx context.Context, subjects []Subject, o Options, crop, keep int) (Set, []sample, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	results := make([]result, len(o.Names))
	queue := make(chan int, len(o.Names))
	for i := range o.Names {
		queue <- i
	}
	close(queue)
	set := Set{Crop: crop, Pictures: []Measured{}, Skipped: []Skipped{}}
	stage := set.Name()
	o.Progress(stage, 0, len(o.Names))
	var wg sync.WaitGroup
	var progress, alone sync.Mutex
	done := 0
	for range min(runtime.GOMAXPROCS(0), len(o.Names)) {
		wg.Go(func() {
			for i := range queue {
				if ctx.Err() != nil {
					return
				}
				// Samples are spread over the folder.
				shown := keep > 0 && (i*keep)/len(o.Names) != ((i-1)*keep)/len(o.Names) || i == 0 && keep > 0
				var err error
				if results[i], err = one(ctx, subjects, o, o.Names[i], crop, shown, &alone); err != nil {
					stop(fmt.Errorf("%s: %w", o.Names[i], err))
					return
				}
				progress.Lock()
				done++
				o.Progress(stage, done, len(o.Names))
				progress.Unlock()
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return set, nil, context.Cause(ctx)
	}
	var samples []sample
	for _, r := range results {
		if r.measured != nil {
			set.Pictures = append(set.Pictures, *r.measured)
		}
		if r.skipped != nil {
			set.Skipped = append(set.Skipped, *r.skipped)
		}
		if r.sample != nil {
			samples = append(samples, *r.sample)
		}
	}
	return set, samples, nil
}

// one measures one picture. A panic becomes an error, because in a goroutine it
// would end the program.
func one(ctx context.Context, subjects []Subject, o Options, name string, crop int, shown bool, alone *sync.Mutex) (r result, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("unexpected fault: %v", fault)
		}
	}()
	p, err := o.Load(name, crop)
	switch {
	case err != nil && o.Skippable(err):
		r.skipped = &Skipped{name, err.Error()}
		return r, nil
	case err != nil || p == nil:
		return r, err
	}
	pixels := p.Width * p.Height
	if pixels < MinPixels || pixels > MaxPixels {
		r.skipped = &Skipped{name, fmt.Sprintf("it has %d x %d pixels, and %d to %d in all are measured", p.Width, p.Height, MinPixels, MaxPixels)}
		return r, nil
	}
	workers := 1
	if pixels > large {
		workers = 0 // all cores
		alone.Lock()
		defer alone.Unlock()
	}
	r.measured = &Measured{Name: name, Width: p.Width, Height: p.Height}
	if shown {
		r.sample = &sample{name: name, plain: view(p), histogram: metric.Histogram(p.RGB), pairs: neighbours(p)}
	}
	e := prepare(p, name, o.Secret, o.Draw, workers)
	r.measured.MeanColours.PSNR, r.measured.MeanColours.SSIM = e.quality(meanColours(p))
	for _, s := range subjects {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		figures, trips, err := e.measure(ctx, s)
		if err != nil {
			return r, err
		}
		r.measured.Figures = append(r.measured.Figures, figures...)
		if r.sample == nil {
			continue
		}
		for _, t := range trips {
			r.sample.add(t)
		}
	}
	return r, nil
}
