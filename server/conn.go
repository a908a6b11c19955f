package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"enciphergan/server/site"
)

// wrapping is a listener of connections without TLS that do two things which
// net/http does not. They add the site's header fields to the answers that it writes by
// itself, without any handler: to requests that it cannot parse or whose headers are
// too large; under TLS they see none of them but the one to a request without TLS. And they
// send head and body of an answer in one system call where it takes two or more.
type wrapping struct{ net.Listener }

func (l wrapping) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{TCPConn: c.(*net.TCPConn)}, nil
}

// conn keeps the methods of TCP connections, which net/http looks for.
type conn struct {
	*net.TCPConn
	holding bool   // the body of an answer follows
	held    []byte // what was written meanwhile: the answer's head
}

func (c *conn) Write(b []byte) (int, error) {
	if c.holding {
		c.held = append(c.held, b...)
		return len(b), nil
	}
	full := complete(b)
	if len(full) == len(b) {
		return c.TCPConn.Write(b)
	}
	if n, err := c.TCPConn.Write(full); err != nil {
		return min(n, len(b)), err
	}
	return len(b), nil
}

// ReadFrom is what net/http calls with the rest of a body, once the head is written.
func (c *conn) ReadFrom(source io.Reader) (int64, error) {
	rest, ok := source.(*body)
	if !ok || !c.holding {
		return c.TCPConn.ReadFrom(source)
	}
	head := int64(len(c.held))
	both := net.Buffers{c.held, rest.left}
	n, err := both.WriteTo(c.TCPConn)
	c.holding, c.held, rest.left = false, c.held[:0], nil
	return max(0, n-head), err
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
	_, err := c.TCPConn.Write(c.held)
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

type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// joined lets the answers of a handler leave in one piece, where the connection can.
type joined struct{ next http.Handler }

func (j joined) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*conn); ok {
		w = &joiner{ResponseWriter: w, conn: c}
	}
	j.next.ServeHTTP(w, r)
}

// Smaller bodies net/http keeps until the head is written, and sends both at once.
const kept = 2 << 10 // bytes

type joiner struct {
	http.ResponseWriter
	conn  *conn
	begun bool
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

func (j *joiner) Unwrap() http.ResponseWriter { return j.ResponseWriter }

// complete adds the header fields to an HTTP/1 error that lacks them. net/http
// writes such an answer, and the head of any other, in one piece.
func complete(b []byte) []byte {
	if !bytes.HasPrefix(b, []byte("HTTP/1.")) || len(b) < len("HTTP/1.1 400") || b[len("HTTP/1.1 ")] < '4' {
		return b
	}
	head, _, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok || bytes.Contains(head, []byte("\r\n"+site.Headers[0].Name+": ")) {
		return b
	}
	var full bytes.Buffer
	full.Write(head)
	for _, h := range site.Headers {
		fmt.Fprintf(&full, "\r\n%s: %s", h.Name, h.Value)
	}
	full.Write(b[len(head):])
	return full.Bytes()
}
