package server

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var programs string // folder of the real binary

func TestMain(m *testing.M) {
	var err error
	if programs, err = os.MkdirTemp("", "encipher-server-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(programs)
	os.Exit(code)
}

var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programs, "encipher-server")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-ldflags", "-X enciphergan/internal/version.set=v1.2.3-test", "-o", path, "enciphergan/cmd/encipher-server").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// binary builds the real server.
func binary(t *testing.T) string {
	t.Helper()
	needWasm(t)
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// needWasm skips or fails the test if there is no wasm to embed in a server.
func needWasm(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(filepath.Join("built", "encipher.wasm")); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("there is no wasm to embed: make wasm")
		}
		t.Skip("there is no wasm to embed: make wasm builds it, as make test does")
	}
}

// running is a started server with its output.
type running struct {
	address string // its URL
	log     *safeBuffer
	process *os.Process
	ended   func() error // waits for the end
}

func launch(t *testing.T, args ...string) *running {
	t.Helper()
	return launchProgram(t, binary(t), append([]string{"-addr", "127.0.0.1:0"}, args...)...)
}

func launchProgram(t *testing.T, program string, args ...string) *running {
	t.Helper()
	c := exec.Command(program, args...)
	s := &running{log: &safeBuffer{}}
	c.Stderr = s.log
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	s.process, s.ended = c.Process, sync.OnceValue(c.Wait)
	t.Cleanup(func() {
		s.process.Kill()
		s.ended()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server printed no address: %v\n%s", err, s.log)
	}
	s.address = regexp.MustCompile(`https?://\S+/`).FindString(line)
	return s
}

// fetch gets a file in one coding, as it is sent.
func fetch(t *testing.T, client *http.Client, url, coding string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", coding)
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, body
}

func TestExitCodes(t *testing.T) {
	program := binary(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	none := filepath.Join(t.TempDir(), "none")
	for _, c := range []struct {
		args           string
		exit           int
		stdout, stderr string // what is in them; nothing else may be in stdout
	}{
		{"-version", 0, "v1.2.3-test\n", ""},
		{"-help", 0, "", "-base-path PATH"},
		{"-nonsense", 2, "", "-nonsense"},
		{"folder", 2, "", `unexpected argument "folder"`},
		{"-tls-cert cert.pem", 2, "", "given together"},
		{"-tls-key key.pem", 2, "", "given together"},
		{"-tls-cert " + none + " -tls-key " + none, 1, "", "no such file"},
		{"-hsts 1h", 2, "", "-hsts is for TLS"},
		{"-hsts -1h -tls-cert cert.pem -tls-key key.pem", 2, "", "at least one second"},
		{"-base-path pictures", 1, "", "begins with a slash"},
		{"-dir " + none, 1, "", "models of -dir"},
		{"-addr " + taken.Addr().String(), 1, "", "choose another address with -addr"},
		{"-export .", 1, "", "is not empty"},
	} {
		var stdout, stderr bytes.Buffer
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cmd := exec.CommandContext(ctx, program, strings.Fields(c.args)...)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		cancel()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if got := cmd.ProcessState.ExitCode(); got != c.exit || stdout.String() != c.stdout || !strings.Contains(stderr.String(), c.stderr) {
			t.Errorf("%s exits with %d, want %d\nstdout: %s\nstderr: %s", c.args, got, c.exit, &stdout, &stderr)
		}
	}
}

// The server reports what is missing if other machines can reach it without TLS.
func TestWarnsWithoutTLS(t *testing.T) {
	s := launch(t, "-addr", "0.0.0.0:0", "-base-path", "/pictures")
	if !regexp.MustCompile(`^http://localhost:\d+/pictures/$`).MatchString(s.address) {
		t.Errorf("the address is %s", s.address)
	}
	if response, _ := fetch(t, http.DefaultClient, s.address, "br"); response.StatusCode != 200 {
		t.Errorf("status %s", response.Status)
	}
	stop(t, s)
	if text := s.log.String(); !strings.Contains(text, "-tls-cert") || !strings.Contains(text, "secure context") {
		t.Errorf("no warning: %s", text)
	}
	quiet := launch(t, "-quiet")
	fetch(t, http.DefaultClient, quiet.address, "br")
	stop(t, quiet)
	if text := quiet.log.String(); text != "" {
		t.Errorf("on this machine alone, and quiet, the server says %s", text)
	}
}

func stop(t *testing.T, s *running) {
	t.Helper()
	if err := s.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.ended(); err != nil {
		t.Errorf("the server did not end well: %v\n%s", err, s.log)
	}
}

// The server finishes an answer under way before it ends.
func TestGracefulShutdown(t *testing.T) {
	s := launch(t)
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	response, err := client.Get(s.address + "encipher.wasm")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	// The body is larger than what the connection buffers, so it is under way.
	if err := s.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	n, err := io.Copy(io.Discard, response.Body)
	if err != nil || n != response.ContentLength {
		t.Errorf("%d of %d bytes came: %v", n, response.ContentLength, err)
	}
	if err := s.ended(); err != nil {
		t.Errorf("the server did not end well: %v", err)
	}
}

// certificate makes a self-signed certificate for 127.0.0.1 and a client that trusts it.
func certificate(t *testing.T) (cert, key string, client func(http2 bool) *http.Client) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	write(t, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})))
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return cert, key, func(http2 bool) *http.Client {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: http2}
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: transport}
	}
}

func TestTLS(t *testing.T) {
	cert, key, client := certificate(t)
	s := launch(t, "-tls-cert", cert, "-tls-key", key)
	if !strings.HasPrefix(s.address, "https://") {
		t.Fatalf("the address is %s", s.address)
	}
	for http2, proto := range map[bool]string{true: "HTTP/2.0", false: "HTTP/1.1"} {
		for path, status := range map[string]int{"": 200, "encipher.wasm": 200, "models/index.json": 200, "nothing": 404} {
			response, body := fetch(t, client(http2), s.address+path, "br")
			if response.Proto != proto || response.StatusCode != status || len(body) == 0 {
				t.Errorf("%s: %s %s, %d bytes", path, response.Proto, response.Status, len(body))
			}
			secure(t, response.Header)
		}
	}
	response, _ := fetch(t, client(true), s.address, "br")
	if got := response.Header["Strict-Transport-Security"]; got != nil {
		t.Errorf("without -hsts, Strict-Transport-Security is %q", got)
	}
	strictly := launch(t, "-tls-cert", cert, "-tls-key", key, "-hsts", "8760h")
	for _, http2 := range []bool{true, false} {
		for _, path := range []string{"", "encipher.wasm", "nothing"} {
			response, _ := fetch(t, client(http2), strictly.address+path, "br")
			if got := response.Header["Strict-Transport-Security"]; len(got) != 1 || got[0] != "max-age=31536000" {
				t.Errorf("%s: Strict-Transport-Security is %q", path, got)
			}
			secure(t, response.Header)
		}
	}
	old := client(false)
	settings := old.Transport.(*http.Transport).TLSClientConfig
	settings.MinVersion, settings.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if _, err := old.Get(s.address); err == nil || !strings.Contains(err.Error(), "protocol version not supported") {
		t.Errorf("TLS 1.1 is spoken, or not refused by the server: %v", err)
	}
	plain, _, err := answer(t, strings.TrimSuffix(strings.TrimPrefix(s.address, "https://"), "/"), []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
	if err != nil || plain.StatusCode != 400 {
		t.Fatalf("without TLS: %v %v", plain, err)
	}
}

// The folder that -export writes, served by a plain file server, equals the server's answers,
// file by file and form by form.
func TestExportIsWhatIsServed(t *testing.T) {
	own := t.TempDir()
	write(t, filepath.Join(own, "secret.age"), sealedModel)
	dir := filepath.Join(t.TempDir(), "site")
	if out, err := exec.Command(binary(t), "-quiet", "-export", dir, "-dir", own).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("-export: %v\n%s", err, out)
	}
	plain := httptest.NewServer(http.FileServerFS(os.DirFS(dir)))
	defer plain.Close()
	s := launch(t, "-quiet", "-dir", own)

	suffixes := map[string]string{".br": "br", ".gz": "gzip"}
	compared, sealed := 0, 0
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || name == "_headers" || name == "SHA256SUMS" {
			return err
		}
		url := name
		if name == "index.html" {
			url = "" // to which a file server redirects
		}
		if strings.HasPrefix(name, "forms") {
			t.Errorf("%s belongs to the build", name)
		}
		file, coding := url, "identity"
		if c := suffixes[filepath.Ext(name)]; c != "" {
			file, coding = strings.TrimSuffix(name, filepath.Ext(name)), c
		}
		fromFolder, want := fetch(t, plain.Client(), plain.URL+"/"+url, "identity")
		fromServer, got := fetch(t, http.DefaultClient, s.address+file, coding)
		if fromFolder.StatusCode != 200 || fromServer.StatusCode != 200 || !bytes.Equal(got, want) {
			t.Errorf("%s: the folder gives %s, %d bytes, the server %s, %d bytes", name, fromFolder.Status, len(want), fromServer.Status, len(got))
		}
		if coding != "identity" && fromServer.Header.Get("Content-Encoding") != coding {
			t.Errorf("%s comes in the coding %q", name, fromServer.Header.Get("Content-Encoding"))
		}
		compared++
		if strings.HasSuffix(name, "/model.age") {
			sealed++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if compared < 30 || sealed != 1 {
		t.Errorf("%d files were compared, %d sealed models", compared, sealed)
	}
	// Every file that the page, its manifest and its service worker refer to is there.
	references := 0
	for _, name := range []string{"index.html", "manifest.webmanifest", "sw.js", "models/index.json"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			if name == "sw.js" {
				continue
			}
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"((?:v|models)/[^"]*)"`).FindAllSubmatch(content, -1) {
			references++
			if _, err := os.Stat(filepath.Join(dir, string(m[1]))); err != nil {
				t.Errorf("%s refers to %v", name, err)
			}
		}
		if name == "index.html" && !bytes.Contains(content, []byte(`src="v/`)) {
			t.Error("the page does not refer to its version")
		}
	}
	if references < 8 {
		t.Errorf("%d references were followed", references)
	}
}
