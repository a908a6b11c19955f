// Package server collects the Encipher page, its wasm and the models into a
// site.Site and serves it over HTTP. Command encipher-server is its only user.
//
// Main path: NewSite reads the embedded files and the operator's own models; Serve
// listens, bounds the number of connections, and runs net/http's server until its
// context ends.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"enciphergan/server/site"
)

// Limits of a connection.
const (
	readTimeout     = 5 * time.Second // of a request with its body
	stallTimeout    = time.Minute     // of an answer without progress
	idleTimeout     = 2 * time.Minute
	maxHeaderBytes  = 16 << 10
	shutdownTimeout = 5 * time.Second // of answers in progress
)

// Config holds the settings of Serve.
type Config struct {
	Addr              string        // where to listen, host:port
	CertFile, KeyFile string        // PEM files of the TLS certificate chain and its key; without TLS both are empty
	HSTS              time.Duration // max-age of Strict-Transport-Security, used with TLS only; 0 omits the field
	Quiet             bool          // no access log
}

// Serve listens on config.Addr, prints the address to stdout, and serves pages until ctx
// ends. It then waits up to shutdownTimeout for answers in progress.
func Serve(ctx context.Context, pages *site.Site, config Config, log *slog.Logger, stdout io.Writer) error {
	server := newServer(pages, log, config.Quiet)
	secure := config.CertFile != ""
	if secure && config.HSTS > 0 {
		server.Handler = strictTransport{server.Handler, config.HSTS}
	}
	listener, err := net.Listen("tcp", config.Addr)
	if err != nil {
		return fmt.Errorf("%w; choose another address with -addr", err)
	}
	defer listener.Close()
	address := listener.Addr().(*net.TCPAddr)
	limited := limitConnections(listener, maxOpenConnections())
	failed := make(chan error, 1)
	scheme := "http"
	if secure {
		scheme = "https"
		pair, err := tls.LoadX509KeyPair(config.CertFile, config.KeyFile)
		if err != nil {
			return fmt.Errorf("-tls-cert and -tls-key: %w", err)
		}
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}}
	}
	fmt.Fprintf(stdout, "Encipher is at %s://%s%s (Ctrl+C stops it)\n", scheme, visitable(address), pages.Base())
	if !secure && !address.IP.IsLoopback() {
		log.Warn("without TLS, anybody on the network path can read and change the page, and other machines' browsers do not treat it as a secure context: " +
			"no service worker, so no offline use and no installation, no memory shared between workers, no access to the clipboard and to folders; " +
			"give -tls-cert and -tls-key, or put a server with TLS in front")
	}
	go func() {
		if secure {
			failed <- server.ServeTLS(limited, "", "")
		} else {
			failed <- server.Serve(limited)
		}
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(end); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// newServer returns a server of pages with this package's limits.
func newServer(pages http.Handler, log *slog.Logger, quiet bool) *http.Server {
	if !quiet {
		pages = accessLog{pages, log}
	}
	return &http.Server{
		Handler:                      stallGuard{pages},
		ConnContext:                  withProgress,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 stallTimeout,
		HTTP2:                        &http.HTTP2Config{WriteByteTimeout: stallTimeout},
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		DisableGeneralOptionsHandler: true, // the site refuses OPTIONS * like any other method
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// strictTransport adds Strict-Transport-Security to every answer of next.
type strictTransport struct {
	next   http.Handler
	maxAge time.Duration
}

func (s strictTransport) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Strict-Transport-Security", fmt.Sprintf("max-age=%d", int64(s.maxAge.Seconds())))
	s.next.ServeHTTP(w, r)
}

// visitable returns the address in the form in which a browser on this machine can open it.
func visitable(a *net.TCPAddr) string {
	if a.IP.IsUnspecified() {
		return fmt.Sprintf("localhost:%d", a.Port)
	}
	return a.String()
}
