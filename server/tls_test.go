package main

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"enciphergan/server/site"
)

// configure makes the settings of a server and of a client that trusts it.
func configure(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	cert, key, clients := certificate(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return tlsConfig(pair), clients(false).Transport.(*http.Transport).TLSClientConfig
}

// startTLS is start under TLS.
func startTLS(t *testing.T, log *slog.Logger, quiet bool) (address string, pages *site.Site, client *tls.Config) {
	t.Helper()
	config, client := configure(t)
	address, pages = startOn(t, func(l net.Listener) net.Listener { return overTLS(l, config, log) }, log, quiet)
	return address, pages, client
}

// A connection that never makes its handshake is closed, and meanwhile keeps nobody from the others.
func TestSilentHandshake(t *testing.T) {
	var log safeBuffer
	address, _, client := startTLS(t, slog.New(slog.NewTextHandler(&log, nil)), true)
	mute, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	for range 3 {
		c, err := tls.Dial("tcp", address, client)
		if err != nil {
			t.Fatal(err)
		}
		response, _, err := exchange(c, []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
		if err != nil || response.StatusCode != 200 {
			t.Fatalf("%v, %v", response, err)
		}
	}
	mute.SetDeadline(time.Now().Add(time.Minute))
	if n, err := mute.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("%d bytes, %v, want the end", n, err)
	}
	for deadline := time.Now().Add(time.Minute); log.String() == "" && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if text := log.String(); !strings.Contains(text, "TLS handshake error") || !strings.Contains(text, "i/o timeout") {
		t.Errorf("the log says %q", text)
	}
}

// A fault of the handshake ends its connection, and no other.
func TestFaultOfHandshake(t *testing.T) {
	config, client := configure(t)
	var begun atomic.Int64
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if begun.Add(1) == 1 {
			panic("a fault")
		}
		return nil, nil
	}
	var log safeBuffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	address, _ := startOn(t, func(l net.Listener) net.Listener { return overTLS(l, config, logger) }, logger, true)
	if _, err := tls.Dial("tcp", address, client); err == nil {
		t.Error("the connection with the fault was made")
	}
	c, err := tls.Dial("tcp", address, client)
	if err != nil {
		t.Fatal(err)
	}
	if response, _, err := exchange(c, []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil || response.StatusCode != 200 {
		t.Errorf("%v, %v", response, err)
	}
	if text := log.String(); !strings.Contains(text, `fault="a fault"`) {
		t.Errorf("the log says %q", text)
	}
}

// Where Go is told to do without HTTP/2, it is not offered.
func TestWithoutHTTP2(t *testing.T) {
	for setting, want := range map[string]int{"": 2, "http2server=0": 1, "madvdontneed=1,http2server=0": 1, "http2server=1": 2} {
		t.Setenv("GODEBUG", setting)
		if got := tlsConfig(tls.Certificate{}).NextProtos; len(got) != want || got[want-1] != "http/1.1" {
			t.Errorf("%q: %q", setting, got)
		}
	}
}

// What waits to be accepted when the listener is closed is closed too, and Accept ends.
func TestListenerOverTLSCloses(t *testing.T) {
	config, client := configure(t)
	l := overTLS(listen(t), config, silent())
	c, err := tls.Dial("tcp", l.Addr().String(), client)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	l.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	if n, err := c.Read(make([]byte, 1)); n > 0 || errors.Is(err, net.ErrClosed) || err == nil {
		t.Errorf("%d bytes, %v, want the end", n, err)
	} else if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		t.Error("the connection stays open")
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept gives %v", err)
	}
}
