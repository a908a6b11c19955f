package main

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
	readTimeout     = 5 * time.Second // of a request, whose body nobody reads
	stallTimeout    = time.Minute     // of an answer that does not move
	idleTimeout     = 2 * time.Minute
	maxHeaderBytes  = 16 << 10
	shutdownTimeout = 5 * time.Second // for answers under way
)

// serve serves until ctx ends and then waits for the answers under way.
func (o options) serve(ctx context.Context, pages *site.Site, log *slog.Logger, stdout io.Writer) error {
	server := newServer(pages, log, o.quiet)
	scheme := "http"
	if o.hsts > 0 {
		server.Handler = strict{server.Handler, o.hsts}
	}
	if o.certificate != "" {
		scheme = "https"
		pair, err := tls.LoadX509KeyPair(o.certificate, o.key)
		if err != nil {
			return fmt.Errorf("-tls-cert and -tls-key: %w", err)
		}
		server.TLSConfig = tlsConfig(pair)
	}
	listener, err := net.Listen("tcp", o.addr)
	if err != nil {
		return fmt.Errorf("%w; choose another address with -addr", err)
	}
	address := listener.Addr().(*net.TCPAddr)
	listener = limited(listener, mostConnections())
	if server.TLSConfig != nil {
		listener = overTLS(listener, server.TLSConfig, log)
	} else {
		listener = wrapping{listener}
	}
	fmt.Fprintf(stdout, "Encipher is at %s://%s%s (Ctrl+C stops it)\n", scheme, visitable(address), pages.Base())
	if scheme == "http" && !address.IP.IsLoopback() {
		log.Warn("anybody on the way can read and change a page that comes without TLS, and from other machines browsers then give it no secure context: " +
			"no service worker, so no use offline and no installation, no memory shared between workers, no access to the clipboard and to folders; " +
			"give -tls-cert and -tls-key, or put a server with TLS in front")
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
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

func newServer(pages http.Handler, log *slog.Logger, quiet bool) *http.Server {
	if !quiet {
		pages = logged{pages, log}
	}
	return &http.Server{
		Handler:                      joined{paced{pages}},
		ConnContext:                  func(ctx context.Context, c net.Conn) context.Context { return withMoved(withConn(ctx, c), c) },
		ConnState:                    track,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 stallTimeout,
		HTTP2:                        &http.HTTP2Config{WriteByteTimeout: stallTimeout},
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		DisableGeneralOptionsHandler: true, // OPTIONS * is refused like any other
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// strict tells browsers to come with TLS only, for as long as it says.
type strict struct {
	next http.Handler
	age  time.Duration
}

func (s strict) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Strict-Transport-Security", fmt.Sprintf("max-age=%d", int64(s.age.Seconds())))
	s.next.ServeHTTP(w, r)
}

// visitable is the address as a browser on this machine can open it.
func visitable(a *net.TCPAddr) string {
	if a.IP.IsUnspecified() {
		return fmt.Sprintf("localhost:%d", a.Port)
	}
	return a.String()
}

// logged writes a line for each request but those that ask for health, of which
// there is one every few seconds. Query strings are left out: no URL of the site has
// one, so what stands there is the visitor's own.
type logged struct {
	next http.Handler
	log  *slog.Logger
}

func (l logged) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	answer := &recorder{ResponseWriter: w, status: http.StatusOK}
	l.next.ServeHTTP(answer, r)
	if r.URL.Path == site.HealthPath {
		return
	}
	remote, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		remote = r.RemoteAddr
	}
	l.log.LogAttrs(r.Context(), slog.LevelInfo, "request",
		slog.String("method", cut(r.Method, 16)),
		slog.String("path", cut(r.URL.Path, 256)),
		slog.Int("status", answer.status),
		slog.Int64("bytes", answer.bytes),
		slog.Duration("took", time.Since(began)),
		slog.String("proto", r.Proto),
		slog.String("remote", remote))
}

// cut bounds what a visitor can put into the log.
func cut(s string, most int) string {
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64 // of the body
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Preset implements site.Presetter where the writer below does.
func (r *recorder) Preset(fields []byte) bool {
	p, ok := r.ResponseWriter.(site.Presetter)
	return ok && p.Preset(fields)
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
