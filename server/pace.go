package main

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"enciphergan/server/site"
)

// paced ends an answer when its connection has taken no piece of any answer for the time
// stallTimeout. An answer as a whole may take as long as it needs: the wasm is tens of
// megabytes uncompressed, and links can be slow. Over HTTP/2 answers share a connection,
// so that one may wait while others move.
type paced struct{ next http.Handler }

func (p paced) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	moved := r.Context().Value(movedKey{}).(*atomic.Int64)
	p.next.ServeHTTP(&pacer{ResponseWriter: w, control: http.NewResponseController(w), moved: moved, shared: r.ProtoMajor > 1}, r)
}

type movedKey struct{}

// withMoved gives a connection the time, in nanoseconds since began, of its last piece.
func withMoved(ctx context.Context, _ net.Conn) context.Context {
	moved := new(atomic.Int64)
	moved.Store(sinceBegan())
	return context.WithValue(ctx, movedKey{}, moved)
}

// pieceBytes is what a connection takes at a time: a frame of HTTP/2, a record of TLS.
const pieceBytes = 16 << 10

type pacer struct {
	http.ResponseWriter
	control *http.ResponseController
	moved   *atomic.Int64
	shared  bool // the connection has other answers
}

func (p *pacer) Write(b []byte) (n int, err error) {
	if !p.shared && len(b) <= pieceBytes {
		return p.ResponseWriter.Write(b) // within Server.WriteTimeout
	}
	end := p.watch()
	defer end()
	for len(b) > 0 {
		m, err := p.ResponseWriter.Write(b[:min(len(b), pieceBytes)])
		if n += m; err != nil {
			return n, err
		}
		p.moved.Store(sinceBegan())
		b = b[m:]
	}
	if p.shared { // what is buffered leaves while it is watched
		err = p.control.Flush()
	}
	return n, err
}

// watch puts its own supervision in the place of the server's deadline until end is called.
func (p *pacer) watch() (end func()) {
	p.control.SetWriteDeadline(time.Time{})
	started := sinceBegan()
	var mu sync.Mutex
	ended := false
	mu.Lock()
	defer mu.Unlock()
	var timer *time.Timer
	timer = time.AfterFunc(stallTimeout, func() {
		mu.Lock()
		defer mu.Unlock()
		if ended {
			return
		}
		if still := time.Duration(sinceBegan() - max(started, p.moved.Load())); still < stallTimeout {
			timer.Reset(stallTimeout - still)
			return
		}
		p.control.SetWriteDeadline(time.Unix(1, 0)) // ends the write under way
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		ended = true
		timer.Stop()
		if !p.shared { // what net/http has buffered is still to be sent
			p.control.SetWriteDeadline(time.Now().Add(stallTimeout))
		}
	}
}

// Preset implements site.Presetter where the writer below does.
func (p *pacer) Preset(fields []byte) bool {
	w, ok := p.ResponseWriter.(site.Presetter)
	return ok && w.Preset(fields)
}

func (p *pacer) Unwrap() http.ResponseWriter { return p.ResponseWriter }

var began = time.Now()

// sinceBegan is a clock that never goes back.
func sinceBegan() int64 { return int64(time.Since(began)) }
