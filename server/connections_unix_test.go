//go:build unix

package server

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The server still answers when clients begin, and do not read, more downloads than the process
// may have open files.
func TestUnreadDownloads(t *testing.T) {
	const descriptors, downloads = 64, 80
	program := binary(t)
	cert, key, client := certificate(t)
	for name, args := range map[string][]string{"http": nil, "https": {"-tls-cert", cert, "-tls-key", key}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limited := []string{"-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, descriptors), program, "-addr", "127.0.0.1:0", "-quiet"}
			s := launchProgram(t, "sh", append(limited, args...)...)
			_, address, _ := strings.Cut(strings.TrimSuffix(s.address, "/"), "://")
			for range downloads {
				c, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if name == "https" {
					c = tls.Client(c, client(false).Transport.(*http.Transport).TLSClientConfig)
				}
				go fmt.Fprint(c, "GET /encipher.wasm HTTP/1.1\r\nHost: a\r\n\r\n") // of many megabytes, without a coding
			}
			asking := client(false)
			asking.Timeout = time.Minute
			response, err := asking.Get(s.address + "healthz")
			if err != nil {
				t.Fatalf("%v\n%s", err, s.log)
			}
			response.Body.Close()
			if response.StatusCode != 200 {
				t.Errorf("status %s", response.Status)
			}
			if text := s.log.String(); strings.Contains(text, "too many open files") {
				t.Errorf("the log says %s", text)
			}
		})
	}
}

// A pipe in the folder of models is not a model, and the server does not wait for its other end.
func TestPipesAreNoModels(t *testing.T) {
	dir := t.TempDir()
	writeModel(t, filepath.Join(dir, "good"))
	writeModel(t, filepath.Join(dir, "pipe"))
	if err := os.Remove(filepath.Join(dir, "pipe", "card.json")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "pipe", "card.json"), filepath.Join(dir, "pipe.age")} {
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	own, err := ownModels(dir, nil, silent())
	if err != nil || len(own) != 1 || own[0].name != "good" {
		t.Errorf("%d models, %v", len(own), err)
	}
}
