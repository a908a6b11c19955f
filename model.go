package encipher

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"enciphergan/internal/kernel"
	"enciphergan/internal/keyed"
	"enciphergan/internal/network"
	"enciphergan/internal/picture"
)

// Model is a pair of trained generators. It is safe for concurrent use.
type Model struct {
	network generators

	mu   sync.Mutex
	idle idle
}

// generators is what this package needs of a *network.Model.
type generators interface {
	Name() string
	Card() network.Card
	Fingerprint() [32]byte
	Tiling() network.Tiling
	StatisticsBytes() int
	newSession(a kernel.Arithmetic) session
	Arithmetic() kernel.Arithmetic
}

// session is what this package needs of a *network.Session. It serves one
// goroutine at a time.
type session interface {
	Encrypt(ctx context.Context, rgb []byte, height, width int, seed keyed.Seed) (network.Cipher, error)
	Decrypt(ctx context.Context, c network.Cipher, seed keyed.Seed) ([]byte, error)
}

type trained struct{ *network.Model }

func (t trained) newSession(a kernel.Arithmetic) session { return t.NewSession(a) }

const hintModel = "Get the model's three files (card.json, encryption.onnx, decryption.onnx) again, all from the same place."

// OpenModel reads a model. Hostile files end in an error with the code BadModel.
func OpenModel(f ModelFiles) (m *Model, err error) {
	defer guard(&err)
	n, err := network.Load(f)
	if err == nil {
		err = picture.Tiling(n.Tiling()).Check()
	}
	if err != nil {
		return nil, &Error{BadModel, hintModel, fmt.Errorf("cannot use the model: %w", err)}
	}
	return &Model{network: trained{n}}, nil
}

// Name is the name on the model's card.
func (m *Model) Name() string { return m.network.Name() }

// ModelCard is what a model directory says about its model.
type ModelCard = network.Card

// Card says what the model is, what it is for and how it was trained.
func (m *Model) Card() ModelCard { return m.network.Card() }

// Fingerprint identifies the model: the SHA-256 of both generators in
// hexadecimal. A cipher image is opened with the model of equal fingerprint.
func (m *Model) Fingerprint() string {
	f := m.network.Fingerprint()
	return hex.EncodeToString(f[:])
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

// eachTile does the work for every tile, spread over workers with a session
// each in the given arithmetic, and reports progress as the given stage. The first
// error ends it.
func (m *Model) eachTile(ctx context.Context, a kernel.Arithmetic, tiles []picture.Tile, o options, stage string, work func(context.Context, session, picture.Tile) error) error {
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
	var wg sync.WaitGroup
	for range min(workers, len(tiles)) {
		wg.Go(func() {
			if err := m.workOff(shared, a, queue, work, advance); err != nil {
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

// workOff does tiles until there are none. A panic becomes an error here,
// because in a goroutine it would end the program.
func (m *Model) workOff(ctx context.Context, a kernel.Arithmetic, queue <-chan picture.Tile, work func(context.Context, session, picture.Tile) error, advance func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("unexpected fault: %v", r)
		}
	}()
	s := m.borrow(a)
	for t := range queue {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := work(ctx, s, t); ctx.Err() != nil {
			return ctx.Err()
		} else if err != nil {
			return &Error{BadModel, hintModel, fmt.Errorf("the model cannot be run on tile %d: %w", t.Index, err)}
		}
		advance()
	}
	m.giveBack(s, a)
	return nil
}
