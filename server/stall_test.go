package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener with connections in memory, for tests whose clock advances only when
// all goroutines wait. A connection buffers nothing.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	close    sync.Once
}

func newPipes() *pipes { return &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.accepted <- server
	return client
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.close.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// slow reads a number of bytes a second.
type slow struct {
	net.Conn
	rate int
}

func (s slow) Read(b []byte) (int, error) {
	time.Sleep(time.Second)
	return s.Conn.Read(b[:min(len(b), s.rate)])
}

const longAnswer = 3 << 20 // bytes

// slowly runs a test with a server of one long answer.
func slowly(t *testing.T, test func(t *testing.T, l *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		content := strings.Repeat("x", longAnswer)
		server := newServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/range" {
				http.ServeContent(w, r, "x.bin", time.Time{}, strings.NewReader(content))
				return
			}
			w.Header().Set("Content-Length", fmt.Sprint(longAnswer))
			io.WriteString(w, content)
		}), silent(), true)
		server.Protocols = new(http.Protocols)
		server.Protocols.SetHTTP1(true)
		server.Protocols.SetUnencryptedHTTP2(true)
		l := newPipes()
		go server.Serve(l)
		test(t, l)
		server.Close()
		time.Sleep(time.Minute) // until all that is left of it has ended
	})
}

// A slow reader that does not stop receives a whole answer, however long it takes: almost an hour
// at 1 KiB a second.
func TestSlowReaderFinishes(t *testing.T) {
	for _, path := range []string{"/", "/range"} {
		slowly(t, func(t *testing.T, l *pipes) {
			c := l.dial()
			defer c.Close()
			start := time.Now()
			if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(bufio.NewReader(slow{c, 1 << 10}), nil)
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, response.Body)
			if took := time.Since(start); err != nil || n != longAnswer || took < 50*time.Minute {
				t.Errorf("%s: %d of %d bytes in %v: %v", path, n, longAnswer, took, err)
			}
		})
	}
}

// The same over HTTP/2, where a dozen answers share the connection: each waits for the others.
func TestSlowReaderFinishesOverHTTP2(t *testing.T) {
	slowly(t, func(t *testing.T, l *pipes) {
		transport := &http.Transport{
			Protocols:   new(http.Protocols),
			DialContext: func(context.Context, string, string) (net.Conn, error) { return slow{l.dial(), 4 << 10}, nil },
		}
		transport.Protocols.SetUnencryptedHTTP2(true)
		start := time.Now()
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() {
				response, err := (&http.Client{Transport: transport}).Get("http://a/")
				if err != nil {
					t.Error(err)
					return
				}
				defer response.Body.Close()
				if n, err := io.Copy(io.Discard, response.Body); err != nil || n != longAnswer || response.ProtoMajor != 2 {
					t.Errorf("%s, %d of %d bytes: %v", response.Proto, n, longAnswer, err)
				}
			})
		}
		all.Wait()
		if took := time.Since(start); took < 2*time.Hour {
			t.Errorf("it took %v", took)
		}
		transport.CloseIdleConnections()
	})
}

// The connection of a reader that stops is closed one minute later, not ten.
func TestStalledReaderIsLetGo(t *testing.T) {
	for _, read := range []int64{0, 100, 1 << 20} {
		slowly(t, func(t *testing.T, l *pipes) {
			c := l.dial()
			defer c.Close()
			if _, err := fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			if _, err := io.CopyN(io.Discard, c, read); err != nil {
				t.Fatal(err)
			}
			time.Sleep(stallTimeout - time.Second)
			synctest.Wait()
			if _, err := c.Read(make([]byte, 1)); err != nil {
				t.Errorf("after %d bytes: let go too early: %v", read, err)
			}
			time.Sleep(stallTimeout + time.Second)
			synctest.Wait()
			if n, err := io.Copy(io.Discard, c); n > chunkBytes || err != nil && !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("after %d bytes: %d more came: %v", read, n, err)
			}
		})
	}
}

// Over HTTP/2, a stream whose client leaves its window closed is ended a minute later; the
// connection continues.
func TestStalledReaderIsLetGoOverHTTP2(t *testing.T) {
	slowly(t, func(t *testing.T, l *pipes) {
		c := l.dial()
		defer c.Close()
		type frame struct {
			kind, flags byte
			stream      uint32
			after       time.Duration
		}
		start := time.Now()
		frames := make(chan frame, 100)
		go func() {
			defer close(frames)
			var head [9]byte
			for {
				if _, err := io.ReadFull(c, head[:]); err != nil {
					return
				}
				length := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
				if _, err := io.CopyN(io.Discard, c, length); err != nil {
					return
				}
				frames <- frame{head[3], head[4], uint32(head[5])<<24 | uint32(head[6])<<16 | uint32(head[7])<<8 | uint32(head[8]), time.Since(start)}
			}
		}()
		const settings, ping, headers, data, reset = 4, 6, 1, 0, 3
		send := func(kind, flags, stream byte, payload string) {
			f := []byte{0, 0, byte(len(payload)), kind, flags, 0, 0, 0, stream}
			if _, err := c.Write(append(f, payload...)); err != nil {
				t.Error(err)
			}
		}
		io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
		send(settings, 0, 0, "\x00\x04\x00\x00\x00\x00") // a window of 0 bytes for each stream
		send(settings, 1, 0, "")
		send(headers, 5, 1, "\x82\x86\x84\x41\x01a") // GET / of host a, complete
		time.Sleep(2 * stallTimeout)
		send(ping, 0, 0, "12345678")
		time.Sleep(time.Second)
		c.Close()
		var resets, pongs int
		for f := range frames {
			switch {
			case f.kind == data:
				t.Error("data came without room for them")
			case f.kind == reset && f.stream == 1:
				resets++
				if f.after != stallTimeout {
					t.Errorf("given up after %v", f.after)
				}
			case f.kind == ping && f.flags == 1:
				pongs++
			}
		}
		if resets != 1 || pongs != 1 {
			t.Errorf("given up %d times, %d answers to a ping", resets, pongs)
		}
	})
}
