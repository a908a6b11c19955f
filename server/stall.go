package server

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// stallGuard ends an answer when its connection has accepted no data of any answer for
// stallTimeout. An answer as a whole may take as long as it needs: the wasm is more than
// ten megabytes uncompressed, and links can be slow, so that WriteTimeout alone does not
// serve. Over HTTP/2 answers share a connection, so that one may wait while others make
// progress.
type stallGuard struct{ next http.Handler }

func (g stallGuard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	progress := r.Context().Value(progressKey{}).(*atomic.Int64)
	g.next.ServeHTTP(&guardedWriter{ResponseWriter: w, control: http.NewResponseController(w), progress: progress, shared: r.ProtoMajor > 1}, r)
}

type progressKey struct{}

// withProgress attaches to a connection the time, as returned by uptime, at which it last
// accepted data.
func withProgress(ctx context.Context, _ net.Conn) context.Context {
	progress := new(atomic.Int64)
	progress.Store(uptime())
	return context.WithValue(ctx, progressKey{}, progress)
}

// chunkBytes is the length of one write: a frame of HTTP/2, a record of TLS.
const chunkBytes = 16 << 10

type guardedWriter struct {
	http.ResponseWriter
	control  *http.ResponseController
	progress *atomic.Int64
	shared   bool // the connection carries other answers
}

func (w *guardedWriter) Write(b []byte) (n int, err error) {
	if !w.shared && len(b) <= chunkBytes {
		return w.ResponseWriter.Write(b) // within Server.WriteTimeout
	}
	end := w.watch()
	defer end()
	for len(b) > 0 {
		m, err := w.ResponseWriter.Write(b[:min(len(b), chunkBytes)])
		if n += m; err != nil {
			return n, err
		}
		w.progress.Store(uptime())
		b = b[m:]
	}
	if w.shared { // so that buffered data leaves while it is watched
		err = w.control.Flush()
	}
	return n, err
}

// watch replaces the server's write deadline by the check for progress until end is called.
func (w *guardedWriter) watch() (end func()) {
	w.control.SetWriteDeadline(time.Time{})
	started := uptime()
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
		if stalled := time.Duration(uptime() - max(started, w.progress.Load())); stalled < stallTimeout {
			timer.Reset(stallTimeout - stalled)
			return
		}
		w.control.SetWriteDeadline(time.Unix(1, 0)) // ends the write in progress
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		ended = true
		timer.Stop()
		if !w.shared { // net/http still has to send buffered data
			w.control.SetWriteDeadline(time.Now().Add(stallTimeout))
		}
	}
}

func (w *guardedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

var processStart = time.Now()

// uptime returns the nanoseconds since the start of the process, by a monotonic clock.
func uptime() int64 { return int64(time.Since(processStart)) }
