package evaluation

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"enciphergan/internal/metric"
)

// The size in pixels of the pictures that Full measures. Below the minimum there
// are too few samples for chi-square, which needs five a level. A measurement holds
// about twenty copies of a picture.
const (
	MinPixels = 5 * 256
	MaxPixels = 25_000_000
)

// large is the size in pixels above which pictures are measured one at a time.
const large = 4_000_000

// Report is the full measurement of some subjects.
type Report struct {
	Seed    *uint64     `json:"seed,omitempty"` // of key and nonces; nil if they were random
	Alpha   float64     `json:"alpha"`
	Systems []Tested    `json:"systems"`
	Sets    []Set       `json:"sets"`
	Paper   []Published `json:"paper"`
	Curves  []Curves    `json:"curves,omitempty"`

	samples []sample
}

// Tested is a system and its measured key space.
type Tested struct {
	System
	ActingBits int `json:"acting_bits"` // of 256, see actingBits
}

// Set is a folder measured at one size. Summaries and the figures of a picture have
// the order of Report.Systems.
type Set struct {
	Crop      int        `json:"crop"` // side in pixels; 0: whole pictures
	Pictures  []Measured `json:"pictures"`
	Summaries []Summary  `json:"summaries"`
	// MeanColours compares pictures with their mean colour. Decryption with a wrong
	// key and the right statistics should not be better.
	MeanColours Wrong     `json:"mean_colours"`
	Skipped     []Skipped `json:"skipped"`
}

// Name describes the size.
func (s Set) Name() string {
	if s.Crop == 0 {
		return "whole pictures"
	}
	return fmt.Sprintf("centre squares of %d x %[1]d pixels", s.Crop)
}

// Measured holds the figures of one picture, one for each system.
type Measured struct {
	Name    string    `json:"name"`
	Width   int       `json:"width"`
	Height  int       `json:"height"`
	Figures []Figures `json:"figures"`

	MeanColours Wrong `json:"mean_colours"`
}

// Full measures every subject on every picture. Pictures are shared among the cores,
// without an effect on the figures. With ErrNone the report has the reasons why
// pictures were skipped.
func Full(ctx context.Context, subjects []Subject, o Options) (*Report, error) {
	r := &Report{Alpha: Alpha, Paper: published}
	o.Progress("key space", 0, len(subjects))
	for i, s := range subjects {
		bits, err := actingBits(ctx, s, Material{o.Secret, o.nonce("", "key space")})
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
		count := 0
		if len(r.samples) == 0 {
			count = o.Samples
		}
		set, samples, err := measureSet(ctx, subjects, o, crop, count)
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

// result is the result for one file; all fields are nil if it is not a picture.
type result struct {
	measured *Measured
	skipped  *Skipped
	sample   *sample
}

// measureSet measures all pictures at one size and returns the given number of samples.
func measureSet(ctx context.Context, subjects []Subject, o Options, crop, count int) (Set, []sample, error) {
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
	var progress, largeOnes sync.Mutex
	done := 0
	for range min(runtime.GOMAXPROCS(0), len(o.Names)) {
		wg.Go(func() {
			for i := range queue {
				if ctx.Err() != nil {
					return
				}
				// Samples are spread over the folder.
				shown := count > 0 && (i == 0 || (i*count)/len(o.Names) != ((i-1)*count)/len(o.Names))
				var err error
				if results[i], err = measureOne(ctx, subjects, o, o.Names[i], crop, shown, &largeOnes); err != nil {
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

// measureOne measures one picture, a large one with largeOnes locked. It returns a
// panic as an error, because a panic in a goroutine would end the program.
func measureOne(ctx context.Context, subjects []Subject, o Options, name string, crop int, shown bool, largeOnes *sync.Mutex) (r result, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("unexpected fault: %v", fault)
		}
	}()
	p, err := o.Load(name, crop)
	var skip *SkipError
	switch {
	case errors.As(err, &skip):
		r.skipped = &Skipped{name, err.Error(), skip.Damaged}
		return r, nil
	case err != nil || p == nil:
		return r, err
	}
	pixels := p.Width * p.Height
	if pixels < MinPixels || pixels > MaxPixels {
		r.skipped = &Skipped{name, fmt.Sprintf("it has %d x %d pixels: want %d to %d in all", p.Width, p.Height, MinPixels, MaxPixels), false}
		return r, nil
	}
	workers := 1
	if pixels > large {
		workers = 0 // all cores
		largeOnes.Lock()
		defer largeOnes.Unlock()
	}
	r.measured = &Measured{Name: name, Width: p.Width, Height: p.Height}
	if shown {
		r.sample = &sample{name: name, plain: view(p), histogram: metric.Histogram(p.RGB), pairs: neighbourPairs(p)}
	}
	e := newExperiment(p, name, o, workers)
	r.measured.MeanColours.PSNR, r.measured.MeanColours.SSIM = quality(p, meanColours(p))
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
