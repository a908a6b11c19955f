package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// securing is a listener whose connections have made their TLS handshake. Those of
// HTTP/1.1 are of the same kind as wrapping's: net/http makes the handshake by itself
// only on a *tls.Conn, where nothing can add to what it writes. As such it gets the
// connections of HTTP/2, and those whose handshake failed, to which it says so.
type securing struct {
	net.Listener
	config   *tls.Config
	log      *slog.Logger
	accepted chan accepted
	closing  sync.Once
	closed   chan struct{}
}

type accepted struct {
	net.Conn
	err error
}

// tlsConfig offers HTTP/2 and HTTP/1.1.
func tlsConfig(pair tls.Certificate) *tls.Config {
	protocols := []string{"h2", "http/1.1"}
	if slices.Contains(strings.Split(os.Getenv("GODEBUG"), ","), "http2server=0") { // net/http has no HTTP/2 then
		protocols = protocols[1:]
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: protocols}
}

// overTLS makes a listener of connections under TLS from one of TCP connections.
func overTLS(l net.Listener, config *tls.Config, log *slog.Logger) *securing {
	s := &securing{Listener: wrapping{l}, config: config, log: log, accepted: make(chan accepted), closed: make(chan struct{})}
	go s.run()
	return s
}

func (s *securing) Accept() (net.Conn, error) {
	select {
	case a := <-s.accepted:
		return a.Conn, a.err
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *securing) Close() error {
	s.closing.Do(func() { close(s.closed) })
	return s.Listener.Close()
}

// run accepts connections until the listener is closed. It is never more than one error
// ahead of Accept, which net/http calls with pauses that grow then.
func (s *securing) run() {
	for {
		c, err := s.Listener.Accept()
		if err == nil {
			go s.handshake(tls.Server(c, s.config))
			continue
		}
		select {
		case s.accepted <- accepted{err: err}:
		case <-s.closed:
			return
		}
	}
}

func (s *securing) handshake(t *tls.Conn) {
	defer func() { // as net/http does: one connection must not end the others
		if fault := recover(); fault != nil {
			s.log.Error("TLS handshake", "remote", t.RemoteAddr().String(), "fault", fmt.Sprint(fault))
			t.Close()
		}
	}()
	t.SetDeadline(time.Now().Add(readTimeout))
	a := accepted{Conn: t}
	// The error is kept in t, and told to net/http when it asks for the handshake.
	if err := t.Handshake(); err == nil {
		t.SetDeadline(time.Time{})
		if t.ConnectionState().NegotiatedProtocol != "h2" {
			a.Conn = aboveTLS{&conn{transport: t}}
		}
	}
	select {
	case s.accepted <- a:
	case <-s.closed:
		t.Close()
	}
}

// aboveTLS has what net/http tells handlers of TLS.
type aboveTLS struct{ *conn }

func (c aboveTLS) ConnectionState() tls.ConnectionState {
	return c.transport.(*tls.Conn).ConnectionState()
}
