// Command web measures the server beside nginx: requests per second for the same
// files, in the same codings, with the same header fields, over connections that
// are kept alive. `make bench-server` runs it.
//
// Main path: write the site with the server's -export, start nginx on that folder
// and the server, then let wrk load them in turns, file by file, and print the
// medians and their ratio. nginx and wrk come from the system's packages
// (tools/nginx).
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"enciphergan/server/site"
)

const modules = "/usr/lib/nginx/modules"

func main() {
	server := flag.String("server", filepath.Join("build", "server"), "the server's binary")
	runs := flag.Int("runs", 5, "measured runs of each side for each file; an odd number")
	seconds := flag.Int("seconds", 3, "length of a run")
	connections := flag.Int("connections", 50, "connections at a time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := compare(ctx, *server, *runs, *seconds, *connections); err != nil {
		fmt.Fprintf(os.Stderr, "web: %v\n", err)
		os.Exit(1)
	}
}

func compare(ctx context.Context, binary string, runs, seconds, connections int) error {
	if runs < 1 || runs%2 == 0 {
		return fmt.Errorf("-runs %d: want an odd number, so that there is a median", runs)
	}
	dir, err := os.MkdirTemp("", "encipher-web-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// The workers of an nginx that root starts are another user.
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	folder := filepath.Join(dir, "site")
	if out, err := exec.CommandContext(ctx, binary, "-export", folder).CombinedOutput(); err != nil {
		return fmt.Errorf("%s -export: %w: %s", binary, err, out)
	}
	ours, err := startServer(ctx, binary)
	if err != nil {
		return err
	}
	defer ours.end()
	theirs, err := startNginx(ctx, dir, folder)
	if err != nil {
		return err
	}
	defer theirs.end()

	files, err := measured(folder)
	if err != nil {
		return err
	}
	fmt.Printf("requests per second over %d connections that are kept alive, medians of %d runs of %d s of each side in turns; load and both sides share this machine\n\n", connections, runs, seconds)
	fmt.Printf("%-28s %-9s %10s %12s %12s %7s\n", "file", "coding", "bytes", "server", "nginx", "ratio")
	mean := 0.0 // of the ratios' logarithms
	for _, f := range files {
		a, err := ours.fetch(f)
		if err != nil {
			return err
		}
		b, err := theirs.fetch(f)
		if err != nil {
			return err
		}
		if !bytes.Equal(a, b) {
			return fmt.Errorf("%s in %s: the two sides send different bytes", f.path, f.coding)
		}
		var rates [2][]float64
		for range runs {
			for i, s := range []*side{ours, theirs} {
				rate, err := s.load(ctx, f, seconds, connections)
				if err != nil {
					return err
				}
				rates[i] = append(rates[i], rate)
			}
		}
		mine, peer := median(rates[0]), median(rates[1])
		fmt.Printf("%-28s %-9s %10d %12.0f %12.0f %7.2f\n", f.name, f.coding, len(a), mine, peer, mine/peer)
		mean += math.Log(mine/peer) / float64(len(files))
	}
	fmt.Printf("%-28s %54.2f\n", "geometric mean", math.Exp(mean))
	return nil
}

func median(v []float64) float64 { return slices.Sorted(slices.Values(v))[len(v)/2] }

// file is what one row asks for.
type file struct{ name, path, coding string }

// measured chooses the files: small and large ones, in the codings that browsers ask for.
func measured(folder string) ([]file, error) {
	text, err := os.ReadFile(filepath.Join(folder, "models", "index.json"))
	if err != nil {
		return nil, err
	}
	var index struct {
		Models []struct{ Folder string }
	}
	if err := json.Unmarshal(text, &index); err != nil || len(index.Models) == 0 {
		return nil, fmt.Errorf("models/index.json lists no model: %w", err)
	}
	style, err := filepath.Glob(filepath.Join(folder, "v", "*", "style.css"))
	if err != nil || len(style) != 1 {
		return nil, fmt.Errorf("the folder has %d versions of style.css", len(style))
	}
	version := "/v/" + filepath.Base(filepath.Dir(style[0])) + "/"
	return []file{
		{"index.html", "/", "br"},
		{"index.html", "/", "identity"},
		{"style.css", version + "style.css", "gzip"},
		{"encryption.onnx", "/" + index.Models[0].Folder + "encryption.onnx", "identity"},
		{"encipher.wasm", version + "encipher.wasm", "br"},
	}, nil
}

// side is a server that runs.
type side struct {
	address string
	end     func()
}

func startServer(ctx context.Context, binary string) (*side, error) {
	c := exec.CommandContext(ctx, binary, "-addr", "127.0.0.1:0", "-quiet")
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	end := func() { c.Process.Kill(); c.Wait() }
	line, err := bufio.NewReader(out).ReadString('\n')
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(line)
	if err != nil || address == "" {
		end()
		return nil, fmt.Errorf("the server printed no address: %w", err)
	}
	return &side{address, end}, nil
}

// nginxConf serves the folder as well as nginx can: forms that lie beside the
// files, sendfile, open files kept, no log.
const nginxConf = `
load_module %[1]s/ngx_http_brotli_static_module.so;
daemon off; worker_processes auto; pid %[2]s/nginx.pid; error_log stderr error;
events { worker_connections 1024; }
http {
	types { text/html html; text/css css; text/javascript js; application/wasm wasm; application/json json; }
	default_type application/octet-stream;
	access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
	open_file_cache max=1000;
	client_body_temp_path %[2]s/body; proxy_temp_path %[2]s/proxy; fastcgi_temp_path %[2]s/fastcgi; uwsgi_temp_path %[2]s/uwsgi; scgi_temp_path %[2]s/scgi;
	server {
		listen %[3]s; root %[2]s/site; gzip_static on; brotli_static on; gzip_vary on;
		add_header Cache-Control no-cache;
%[4]s	}
}
`

func startNginx(ctx context.Context, dir, folder string) (*side, error) {
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = "/usr/sbin/nginx" // not in every user's path
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := free.Addr().String()
	free.Close()
	var fields strings.Builder
	for _, h := range site.Headers {
		fmt.Fprintf(&fields, "\t\tadd_header %s %s;\n", h.Name, strconv.Quote(h.Value))
	}
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, nginxConf, modules, dir, address, fields.String()), 0o644); err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, path, "-c", conf, "-p", dir)
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("%w: run tools/nginx", err)
	}
	end := func() { c.Process.Signal(syscall.SIGTERM); c.Wait() } // its workers end with it
	for range 100 {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return &side{address, end}, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	end()
	return nil, errors.New("nginx does not listen")
}

// fetch returns what a side sends, and checks that it is in the coding asked for.
func (s *side) fetch(f file) ([]byte, error) {
	r, err := http.NewRequest("GET", "http://"+s.address+f.path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept-Encoding", f.coding)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	coding := response.Header.Get("Content-Encoding")
	if coding == "" {
		coding = "identity"
	}
	if response.StatusCode != 200 || coding != f.coding || response.Header.Get(site.Headers[0].Name) != site.Headers[0].Value {
		return nil, fmt.Errorf("%s: %s, coding %s, want %s", r.URL, response.Status, coding, f.coding)
	}
	return io.ReadAll(response.Body)
}

var (
	rate     = regexp.MustCompile(`Requests/sec:\s+([\d.]+)`)
	failures = regexp.MustCompile(`Non-2xx or 3xx responses: \d+|Socket errors: .*`)
)

// load returns the requests per second that wrk reaches.
func (s *side) load(ctx context.Context, f file, seconds, connections int) (float64, error) {
	out, err := exec.CommandContext(ctx, "wrk", "-t", "1", "-c", strconv.Itoa(connections), "-d", fmt.Sprintf("%ds", seconds),
		"-H", "Accept-Encoding: "+f.coding, "http://"+s.address+f.path).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("wrk: %w: %s", err, out)
	}
	if m := failures.Find(out); m != nil {
		return 0, fmt.Errorf("%s: %s", f.path, m)
	}
	m := rate.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("wrk printed no rate: %s", out)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}
