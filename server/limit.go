package main

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// capped is a listener that has at most a number of connections open. Where a new one
// comes in their place, it closes the one on which nothing has moved for the longest
// time, if that is still at least; until there is one, the new one waits.
type capped struct {
	net.Listener
	most   int
	still  time.Duration
	closed chan struct{}
	close  sync.Once
	freed  chan struct{} // holds one value when a connection has been closed

	mu   sync.Mutex
	open map[*held]struct{}
}

// Connections that are kept for a request to come are given up before this; a browser makes
// another one.
const stillTime = 5 * time.Second

func limited(l net.Listener, most int) *capped {
	return &capped{Listener: l, most: most, still: stillTime, closed: make(chan struct{}), freed: make(chan struct{}, 1), open: map[*held]struct{}{}}
}

func (l *capped) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	h := &held{TCPConn: c.(*net.TCPConn), from: l}
	showProgress(h.TCPConn)
	for {
		wait := l.enter(h)
		if wait == 0 {
			return h, nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-l.freed:
			timer.Stop()
		case <-l.closed:
			timer.Stop()
			c.Close()
			return nil, net.ErrClosed
		}
	}
}

// enter takes a connection in, if need be in the place of another, or says how long to wait
// until there may be one that is still.
func (l *capped) enter(h *held) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) >= l.most {
		var stillest *held
		for other := range l.open {
			if stillest == nil || other.moved.Load() < stillest.moved.Load() {
				stillest = other
			}
		}
		if still := time.Duration(sinceBegan() - stillest.moved.Load()); still < l.still {
			return l.still - still
		}
		delete(l.open, stillest)
		stillest.SetLinger(0) // what it has not taken is not kept either
		stillest.TCPConn.Close()
	}
	h.moved.Store(sinceBegan())
	l.open[h] = struct{}{}
	return 0
}

func (l *capped) Close() error {
	l.close.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// held is a connection of a capped listener.
type held struct {
	*net.TCPConn
	from  *capped
	moved atomic.Int64 // when something was read or written, by sinceBegan
}

func (h *held) Read(b []byte) (int, error) {
	n, err := h.TCPConn.Read(b)
	if n > 0 {
		h.moved.Store(sinceBegan())
	}
	return n, err
}

func (h *held) Write(b []byte) (int, error) {
	n, err := h.TCPConn.Write(b)
	if n > 0 {
		h.moved.Store(sinceBegan())
	}
	return n, err
}

func (h *held) Close() error {
	h.from.mu.Lock()
	delete(h.from.open, h)
	h.from.mu.Unlock()
	err := h.TCPConn.Close()
	select {
	case h.from.freed <- struct{}{}:
	default:
	}
	return err
}

// maxConnections bounds the connections of any system, for their memory: one of TLS takes
// some 50 KiB.
const maxConnections = 10_000

// spareDescriptors are those of the process besides its connections.
const spareDescriptors = 32

// connectionsWithin is how many connections a limit of open files leaves room for.
func connectionsWithin(descriptors uint64) int {
	if descriptors < 2*spareDescriptors {
		return max(1, int(descriptors/2))
	}
	return int(min(descriptors-spareDescriptors, maxConnections))
}
