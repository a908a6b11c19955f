package server

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// limitedListener bounds the number of open connections. When the limit is reached, a new
// connection replaces the one that has been inactive for the longest time, if that is at
// least minInactive; otherwise the new one waits.
type limitedListener struct {
	net.Listener
	max         int
	minInactive time.Duration
	closed      chan struct{}
	close       sync.Once
	freed       chan struct{} // receives a value when a connection is closed

	mu   sync.Mutex
	open map[*limitedConn]struct{}
}

// A connection without a request in progress is given up after this time, if others wait;
// a browser opens another one.
const minInactive = 5 * time.Second

func limitConnections(l net.Listener, max int) *limitedListener {
	return &limitedListener{Listener: l, max: max, minInactive: minInactive, closed: make(chan struct{}), freed: make(chan struct{}, 1), open: map[*limitedConn]struct{}{}}
}

func (l *limitedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	added := &limitedConn{TCPConn: c.(*net.TCPConn), listener: l}
	boundUnsent(added.TCPConn)
	for {
		wait := l.add(added)
		if wait == 0 {
			return added, nil
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

// add registers a connection, in place of an inactive one where the limit is reached. It
// returns 0, or how long to wait until a connection can be inactive for long enough.
func (l *limitedListener) add(c *limitedConn) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) >= l.max {
		var oldest *limitedConn
		for other := range l.open {
			if oldest == nil || other.active.Load() < oldest.active.Load() {
				oldest = other
			}
		}
		if inactive := time.Duration(uptime() - oldest.active.Load()); inactive < l.minInactive {
			return l.minInactive - inactive
		}
		delete(l.open, oldest)
		oldest.SetLinger(0) // unsent data is dropped
		oldest.TCPConn.Close()
	}
	c.active.Store(uptime())
	l.open[c] = struct{}{}
	return 0
}

func (l *limitedListener) Close() error {
	l.close.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// limitedConn is a connection of a limitedListener.
type limitedConn struct {
	*net.TCPConn
	listener *limitedListener
	active   atomic.Int64 // when data was last read or written, by uptime
}

func (c *limitedConn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	if n > 0 {
		c.active.Store(uptime())
	}
	return n, err
}

func (c *limitedConn) Write(b []byte) (int, error) {
	n, err := c.TCPConn.Write(b)
	if n > 0 {
		c.active.Store(uptime())
	}
	return n, err
}

func (c *limitedConn) Close() error {
	c.listener.mu.Lock()
	delete(c.listener.open, c)
	c.listener.mu.Unlock()
	err := c.TCPConn.Close()
	select {
	case c.listener.freed <- struct{}{}:
	default:
	}
	return err
}

// maxConnections bounds the connections on any system, for their memory: one of TLS takes
// some 50 KiB.
const maxConnections = 10_000

// spareDescriptors is the number of open files that the process needs besides its connections.
const spareDescriptors = 32

// connectionsWithin returns how many connections a limit of open files leaves room for.
func connectionsWithin(descriptors uint64) int {
	if descriptors < 2*spareDescriptors {
		return max(1, int(descriptors/2))
	}
	return int(min(descriptors-spareDescriptors, maxConnections))
}
