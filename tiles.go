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

// TileJob is the computation of one tile. It needs nothing else but the model, so that
// another thread or process can run it: see WithTiles. It contains parts of the picture and
// key material.
type TileJob struct {
	Decrypt       bool     // run the decryption generator on a neural cipher instead of encrypting
	Exact         bool     // use canonical arithmetic; when encrypting, return Recovered too
	Height, Width int      // pixels, as the tiling of the model defines them
	Samples       []byte   // (H, W, 3) interleaved, of the picture or the neural cipher
	Statistics    []byte   // of the neural cipher; nil when encrypting
	Seed          [32]byte // tile seed of the key schedule
}

// TileResult is the result of a TileJob.
type TileResult struct {
	Samples    []byte // (H, W, 3) interleaved, of the neural cipher or the recovered picture
	Statistics []byte // of the neural cipher; nil when decrypting
	Recovered  []byte // (H, W, 3) what the decryption generator recovers; nil unless Exact and encrypting
}

// TileFunc runs a TileJob. Calls may overlap.
type TileFunc func(context.Context, TileJob) (TileResult, error)

// ComputeTile runs a job that WithTiles passed to its function. The error has the code
// BadModel where the job does not fit the model.
func (m *Model) ComputeTile(ctx context.Context, j TileJob) (r TileResult, err error) {
	defer guard(&err)
	a := m.arithmetic(j.Exact)
	s := m.acquire(a)
	if r, err = run(ctx, s, j); ctx.Err() != nil {
		return TileResult{}, ctx.Err()
	} else if err != nil {
		return TileResult{}, cannotRun(fmt.Errorf("the model cannot be run on a tile: %w", err))
	}
	m.release(s, a)
	return r, nil
}

// run runs a job in a session.
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

// check returns an error where the sizes of a result do not fit its job.
func (r TileResult) check(j TileJob, statistics int) error {
	recovered := 0
	if j.Decrypt {
		statistics = 0
	} else if j.Exact {
		recovered = 3 * j.Height * j.Width
	}
	if len(r.Samples) != 3*j.Height*j.Width || len(r.Statistics) != statistics || len(r.Recovered) != recovered {
		return fmt.Errorf("the generators returned %d samples, %d bytes of statistics and %d recovered samples", len(r.Samples), len(r.Statistics), len(r.Recovered))
	}
	return nil
}

// cachedSession is a session that no picture uses. It caches graphs by tile shape.
type cachedSession struct {
	session
	arithmetic kernel.Arithmetic
}

// acquire returns the cached session or a new one.
func (m *Model) acquire(a kernel.Arithmetic) session {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.cached; c.session != nil && c.arithmetic == a {
		m.cached = cachedSession{}
		return c.session
	}
	return m.network.newSession(a)
}

// arithmetic is canonical where another machine must recover the same samples, to
// which the residual is added.
func (m *Model) arithmetic(exact bool) kernel.Arithmetic {
	if exact {
		return kernel.Canonical
	}
	return m.network.Arithmetic()
}

// release caches a session for the next picture. Sessions that failed are not released.
// Only one is cached: its graphs take as much memory as a picture of several
// megapixels, which sealing needs next.
func (m *Model) release(s session, a kernel.Arithmetic) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cached = cachedSession{s, a}
}

// eachTile runs the job that prepare returns for each tile and passes job and result to
// finish. Workers call prepare and finish concurrently. Progress is reported as the given stage.
// The first error stops all.
func (m *Model) eachTile(ctx context.Context, exact bool, tiles []picture.Tile, o runOptions, stage string, prepare func(picture.Tile) TileJob, finish func(picture.Tile, TileJob, TileResult)) error {
	workers := o.workers
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	// Sorted by shape, so that a session holds the graphs of one shape at a time: they
	// take most of the memory. Full tiles come last, so that their graphs are cached for
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
			finish(t, j, r)
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

// worker calls work with compute, or, where that is nil, with a function that runs jobs in
// a session of this worker. It returns panics as errors: in a goroutine they would end the program.
func (m *Model) worker(a kernel.Arithmetic, compute TileFunc, work func(TileFunc) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("unexpected fault: %v", r)
		}
	}()
	if compute != nil {
		return work(compute)
	}
	s := m.acquire(a)
	if err := work(func(ctx context.Context, j TileJob) (TileResult, error) { return run(ctx, s, j) }); err != nil {
		return err
	}
	m.release(s, a)
	return nil
}
