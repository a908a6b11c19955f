package server

import (
	"errors"
	"io"
	"math"
	"net"
	"testing"
	"time"
)

func TestConnectionsWithin(t *testing.T) {
	for descriptors, want := range map[uint64]int{1: 1, 3: 1, 20: 10, 63: 31, 64: 32, 65: 33, 1024: 992, 20_000: 10_000, math.MaxInt64: 10_000, math.MaxUint64: 10_000} {
		if got := connectionsWithin(descriptors); got != want {
			t.Errorf("%d descriptors leave room for %d connections, want %d", descriptors, got, want)
		}
	}
}

// echoing returns a limited listener whose connections send back what they receive.
func echoing(t *testing.T, max int, minInactive time.Duration) *limitedListener {
	t.Helper()
	l := limitConnections(listen(t), max)
	l.minInactive = minInactive
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, struct{ io.Reader }{c})
			}()
		}
	}()
	return l
}

func dialed(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// echo sends a byte and waits for it.
func echo(c net.Conn) error {
	if _, err := c.Write([]byte{1}); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return err
}

// A connection beyond the limit replaces the one that has been inactive the longest.
func TestInactiveConnectionIsReplaced(t *testing.T) {
	l := echoing(t, 3, 0)
	a, b, c := dialed(t, l), dialed(t, l), dialed(t, l)
	for _, active := range []net.Conn{a, b, c, a, c} {
		if err := echo(active); err != nil {
			t.Fatal(err)
		}
	}
	d := dialed(t, l)
	for _, left := range []net.Conn{d, a, c} {
		if err := echo(left); err != nil {
			t.Error(err)
		}
	}
	if err := echo(b); err == nil {
		t.Error("four connections are open; the limit is three")
	} else if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		t.Error("the replaced connection is not closed")
	}
}

// If none is inactive, a connection beyond the limit waits until another or the listener is closed.
func TestConnectionWaits(t *testing.T) {
	l := echoing(t, 1, time.Hour)
	a := dialed(t, l)
	if err := echo(a); err != nil {
		t.Fatal(err)
	}
	b := dialed(t, l) // by the system, which queues what is not accepted
	b.SetDeadline(time.Now().Add(50 * time.Millisecond))
	if err := echo(b); err == nil {
		t.Error("two connections are open; the limit is one")
	}
	a.Close()
	b.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadFull(b, make([]byte, 1)); err != nil {
		t.Errorf("the waiting connection is not accepted: %v", err)
	}
	c := dialed(t, l)
	l.Close()
	if _, err := io.ReadFull(c, make([]byte, 1)); err == nil {
		t.Error("the listener is closed, and the waiting connection is not")
	} else if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		t.Error("the listener is closed, and a connection waits")
	}
}
