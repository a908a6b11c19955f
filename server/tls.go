package main

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
)

// securing is a listener whose connections have made their TLS handshake. Those of
// HTTP/1.1 are of the same kind as wrapping's: net/http makes the handshake by itself
// only on a *tls.Conn, where nothing can add to what it writes. As such it gets the
// connections of HTTP/2, and those whose handshake failed, to which it says so.
type securing struct {
	net.Listener
	config   *tls.Config
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
	return &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}}
}

// overTLS makes a listener of connections under TLS from one of TCP connections.
func overTLS(l net.Listener, config *tls.Config) *securing {
	s := &securing{Listener: wrapping{l}, config: config, accepted: make(chan accepted), closed: make(chan struct{})}
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

// run accepts connections until the listener is closed. It goes on after an error only
// when Accept was called again, which net/http does with pauses that grow.
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
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	a := accepted{Conn: t}
	// The error is kept in t, and told to net/http when it asks for the handshake.
	if err := t.HandshakeContext(ctx); err == nil && t.ConnectionState().NegotiatedProtocol != "h2" {
		a.Conn = &conn{transport: t}
	}
	select {
	case s.accepted <- a:
	case <-s.closed:
		t.Close()
	}
}
