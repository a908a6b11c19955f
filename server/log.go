package server

import (
	"log/slog"
	"net"
	"net/http"
	"time"

	"enciphergan/server/site"
)

// accessLog writes a line for each request except those for HealthPath, which come
// every few seconds. Query strings are left out: no URL of the site has one, so a query
// is the visitor's own data.
type accessLog struct {
	next http.Handler
	log  *slog.Logger
}

func (l accessLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
		slog.String("method", truncate(r.Method, 16)),
		slog.String("path", truncate(r.URL.Path, 256)),
		slog.Int("status", answer.status),
		slog.Int64("bytes", answer.bytes),
		slog.Duration("took", time.Since(began)),
		slog.String("proto", r.Proto),
		slog.String("remote", remote))
}

// truncate bounds how much of the log a visitor can fill.
func truncate(s string, max int) string {
	if len(s) > max {
		return s[:max] + "..."
	}
	return s
}

// recorder records the status and the length of an answer.
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

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
