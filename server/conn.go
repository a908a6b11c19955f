package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"slices"

	"enciphergan/server/site"
)

// wrapping is a listener of connections that do three things which net/http does not, for
// HTTP/1. They add the site's header fields to the answers that it writes by itself,
// without any handler: to requests that it cannot parse or whose headers are too large.
// They send head and body of an answer in one system call where it takes two or more
// (above TLS in two). And they put header fields that are the same for every answer into
// its head as they are, where net/http copies, sorts and checks them each time.
type wrapping struct{ net.Listener }

func (l wrapping) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{transport: c.(transport)}, nil
}

// transport is what net/http looks for in connections, of TCP or TLS.
type transport interface {
	net.Conn
	CloseWrite() error
}

// conn is a connection of HTTP/1.
type conn struct {
	transport
	handled bool   // a handler answers the request, from its call until the answer is sent
	fields  []byte // of the handler, for the head, which is written next
	holding bool   // the body of an answer follows
	held    []byte // what was written meanwhile: the answer's head
}

func (c *conn) Write(b []byte) (int, error) {
	if c.holding {
		c.held = append(c.held, b...)
		return len(b), nil
	}
	if fields := c.missing(b); fields != nil {
		if _, err := c.send(b, fields, nil); err != nil {
			return 0, err
		}
		return len(b), nil
	}
	return c.transport.Write(b)
}

// missing returns the header fields that b is to be given: those of the handler for the
// first thing that is written of its answer, which is the head, and the site's for an
// answer without a handler. A body is given none, whatever it looks like.
func (c *conn) missing(b []byte) []byte {
	fields := c.fields
	c.fields = nil
	if !c.handled && bytes.HasPrefix(b, []byte("HTTP/1.")) { // and not TLS, where this connection is below it
		return site.Refusal
	}
	return fields
}

// send writes what net/http made, with fields behind its status line, and then a body,
// of which it returns how much was written.
func (c *conn) send(b, fields, body []byte) (int64, error) {
	pieces := net.Buffers{b, body}
	if fields != nil {
		status := bytes.Index(b, newline) + len(newline)
		pieces = net.Buffers{b[:status], fields, b[status:], body}
	}
	if _, ok := c.transport.(*tls.Conn); ok { // which would make a record of each piece
		pieces = net.Buffers{slices.Concat(pieces[:len(pieces)-1]...), body}
	}
	n, err := pieces.WriteTo(c.transport)
	return max(0, n-int64(len(b)+len(fields))), err
}

var newline = []byte("\r\n")

// ReadFrom is what net/http calls with the rest of a body, once the head is written.
func (c *conn) ReadFrom(source io.Reader) (int64, error) {
	rest, ok := source.(*body)
	if !ok || !c.holding {
		return io.Copy(c.transport, source)
	}
	n, err := c.send(c.held, c.missing(c.held), rest.left)
	c.holding, c.held, rest.left = false, c.held[:0], nil
	return n, err
}

// release sends what is held, if no body has taken it along.
func (c *conn) release() error {
	if !c.holding {
		return nil
	}
	c.holding = false
	if len(c.held) == 0 {
		return nil
	}
	_, err := c.send(c.held, c.missing(c.held), nil)
	c.held = c.held[:0]
	return err
}

// body is what is left of one.
type body struct{ left []byte }

func (b *body) Read(p []byte) (int, error) {
	if len(b.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	return n, nil
}

// track learns that an answer is sent.
func track(c net.Conn, state http.ConnState) {
	if c := ours(c); c != nil && state == http.StateIdle {
		c.handled = false
	}
}

// ours is a connection's own kind, or nil for one of HTTP/2.
func ours(c net.Conn) *conn {
	switch c := c.(type) {
	case *conn:
		return c
	case aboveTLS:
		return c.conn
	}
	return nil
}

type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, ours(c))
}

// joined lets the answers of a handler leave in one piece, where the connection can.
type joined struct{ next http.Handler }

func (j joined) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c, _ := r.Context().Value(connKey{}).(*conn); c != nil {
		c.handled, c.fields = true, nil
		w = &joiner{ResponseWriter: w, conn: c}
	}
	j.next.ServeHTTP(w, r)
}

// Smaller bodies net/http keeps until the head is written, and sends both at once.
const kept = 2 << 10 // bytes

type joiner struct {
	http.ResponseWriter
	conn   *conn
	headed bool // WriteHeader was called
	begun  bool // Write was
}

func (j *joiner) Write(b []byte) (int, error) {
	from, ok := j.ResponseWriter.(io.ReaderFrom)
	first := !j.begun
	j.begun = true
	if !ok || !first || len(b) <= kept {
		return j.ResponseWriter.Write(b)
	}
	j.conn.holding = true
	n, err := from.ReadFrom(&body{b})
	if failed := j.conn.release(); err == nil {
		err = failed
	}
	return int(n), err
}

// Preset implements site.Presetter.
func (j *joiner) Preset(fields []byte) bool {
	if j.headed || j.begun {
		return false
	}
	j.conn.fields = fields
	return true
}

func (j *joiner) WriteHeader(status int) {
	j.headed = true
	j.ResponseWriter.WriteHeader(status)
}

func (j *joiner) Unwrap() http.ResponseWriter { return j.ResponseWriter }
