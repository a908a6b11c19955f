package encipher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"enciphergan/internal/kernel"
	"enciphergan/internal/keyschedule"
	"enciphergan/internal/network"
	"enciphergan/internal/picture"
)

// TileJob is the work on one tile of a picture. It needs nothing but the model,
// so that another thread or process can do it: see WithTiles. It holds parts of
// the picture and key material.
type TileJob struct {
	Decrypt       bool     // run the decryption generator on a cipher, in place of encrypting
	Exact         bool     // in the arithmetic that has the same bits everywhere; when encrypting, recover the samples too
	Height, Width int      // in pixels, as the model's tiling gives them
	Samples       []byte   // (H, W, 3) interleaved: the picture's, or the cipher's levels
	Statistics    []byte   // of the cipher; nil when encrypting
	Seed          [32]byte // of the tile's keyed layers
}

// TileResult is what a TileJob gives.
type TileResult struct {
	Samples    []byte // (H, W, 3) interleaved: the cipher's levels, or the recovered picture's
	Statistics []byte // of the cipher; nil when decrypting
	Recovered  []byte // what decryption will make of the cipher; nil unless it was asked for
}

// TileFunc does a TileJob. Calls may overlap.
type TileFunc func(context.Context, TileJob) (TileResult, error)

// WithTiles lets compute do the tiles in place of the model, atOnce of them at the
// same time; WithWorkers has no effect then. compute must give what
// Model.ComputeTile gives for the same model. Its errors of type *Error come back
// as they are.
func WithTiles(atOnce int, compute TileFunc) Option {
	return func(o *options) { o.workers, o.compute = max(1, atOnce), compute }
}

// ComputeTile does a tile's work that WithTiles handed out. A job that does not
// fit the model ends in an error with the code BadModel.
func (m *Model) ComputeTile(ctx context.Context, j TileJob) (r TileResult, err error) {
	defer guard(&err)
	a := m.arithmetic(j.Exact)
	s := m.borrow(a)
	if r, err = run(ctx, s, j); ctx.Err() != nil {
		return TileResult{}, ctx.Err()
	} else if err != nil {
		return TileResult{}, cannotRun(fmt.Errorf("the model cannot be run on a tile: %w", err))
	}
	m.giveBack(s, a)
	return r, nil
}

// run does a tile's work in a session.
func run(ctx context.Context, s session, j TileJob) (TileResult, error) {
	if j.Decrypt {
		rgb, err := s.Decrypt(ctx, network.Cipher{Height: j.Height, Width: j.Width, Levels: j.Samples, Statistics: j.Statistics}, keyschedule.Seed(j.Seed))
		return TileResult{Samples: rgb}, err
	}
	c, err := s.Encrypt(ctx, j.Samples, j.Height, j.Width, keyschedule.Seed(j.Seed))
	if err != nil || !j.Exact {
		return TileResult{Samples: c.Levels, Statistics: c.Statistics}, err
	}
	rgb, err := s.Decrypt(ctx, c, keyschedule.Seed(j.Seed))
	return TileResult{Samples: c.Levels, Statistics: c.Statistics, Recovered: rgb}, err
}

// check refuses a result that does not fit its job.
func (r TileResult) check(j TileJob, statistics int) error {
	recovered := 0
	if j.Decrypt {
		statistics = 0
	} else if j.Exact {
		recovered = 3 * j.Height * j.Width
	}
	if len(r.Samples) != 3*j.Height*j.Width || len(r.Statistics) != statistics || len(r.Recovered) != recovered {
		return fmt.Errorf("the generators gave %d samples, %d bytes of statistics and %d recovered samples", len(r.Samples), len(r.Statistics), len(r.Recovered))
	}
	return nil
}

// idle is a session that is kept, because it caches graphs by tile shape; or none.
type idle struct {
	session
	arithmetic kernel.Arithmetic
}

// borrow takes an idle session or makes one.
func (m *Model) borrow(a kernel.Arithmetic) session {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := m.idle; i.session != nil && i.arithmetic == a {
		m.idle = idle{}
		return i.session
	}
	return m.network.newSession(a)
}

// arithmetic is canonical where a residual must fit what is recovered on another
// machine, to the bit.
func (m *Model) arithmetic(exact bool) kernel.Arithmetic {
	if exact {
		return kernel.Canonical
	}
	return m.network.Arithmetic()
}

// giveBack keeps a session for the next picture. Only sessions whose work ended
// well come back, and one is kept: its graphs take as much memory as a picture of
// several megapixels, which is wanted for sealing next.
func (m *Model) giveBack(s session, a kernel.Arithmetic) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.idle = idle{s, a}
}

// eachTile does the job that prepare makes of every tile and hands the result to
// finish. The tiles are spread over workers, with a session each or as WithTiles
// says; prepare and finish are called from them. Progress is reported as the given
// stage. The first error ends it.
func (m *Model) eachTile(ctx context.Context, exact bool, tiles []picture.Tile, o options, stage string, prepare func(picture.Tile) TileJob, finish func(picture.Tile, TileResult)) error {
	workers := o.workers
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	// Shape by shape, so that a session holds the graphs of one at a time, which
	// take most of the memory; the full tiles last, so that theirs are ready for
	// the next picture.
	byShape := slices.Clone(tiles)
	slices.SortStableFunc(byShape, func(a, b picture.Tile) int {
		return cmp.Or(cmp.Compare(a.Height*a.Width, b.Height*b.Width), cmp.Compare(a.Height, b.Height))
	})
	queue := make(chan picture.Tile, len(tiles))
	for _, t := range byShape {
		queue <- t
	}
	close(queue)

	o.progress(stage, 0, len(tiles))
	var mu sync.Mutex
	done := 0
	advance := func() {
		mu.Lock()
		defer mu.Unlock()
		done++
		o.progress(stage, done, len(tiles))
	}

	shared, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	work := func(compute TileFunc) error {
		for t := range queue {
			if err := shared.Err(); err != nil {
				return err
			}
			j := prepare(t)
			r, err := compute(shared, j)
			if shared.Err() != nil {
				return shared.Err()
			}
			if err == nil {
				err = r.check(j, m.network.StatisticsBytes())
			}
			if known := (*Error)(nil); errors.As(err, &known) {
				return err
			} else if err != nil {
				return cannotRun(fmt.Errorf("the model cannot be run on tile %d: %w", t.Index, err))
			}
			finish(t, r)
			advance()
		}
		return nil
	}
	var wg sync.WaitGroup
	for range min(workers, len(tiles)) {
		wg.Go(func() {
			if err := m.worker(m.arithmetic(exact), o.compute, work); err != nil {
				stop(err)
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return context.Cause(shared)
}

// worker lets work compute tiles, in a session of its own unless compute does
// them. A panic becomes an error here, because in a goroutine it would end the
// program.
func (m *Model) worker(a kernel.Arithmetic, compute TileFunc, work func(TileFunc) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("unexpected fault: %v", r)
		}
	}()
	if compute != nil {
		return work(compute)
	}
	s := m.borrow(a)
	if err := work(func(ctx context.Context, j TileJob) (TileResult, error) { return run(ctx, s, j) }); err != nil {
		return err
	}
	m.giveBack(s, a)
	return nil
}
