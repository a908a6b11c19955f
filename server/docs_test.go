package server

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"enciphergan/internal/network"
	"enciphergan/server/site"
)

func serverDocument(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "server.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// example returns the code of the n-th fenced block of a kind.
func example(t *testing.T, kind string, n int) string {
	t.Helper()
	found := regexp.MustCompile("(?ms)^```"+kind+"\n(.*?)^```$").FindAllStringSubmatch(serverDocument(t), -1)
	if len(found) <= n {
		t.Fatalf("docs/server.md has %d examples of %s", len(found), kind)
	}
	return found[n][1]
}

func TestDocumentHasEveryFlag(t *testing.T) {
	var help bytes.Buffer
	command := exec.Command(binary(t), "-help")
	command.Stderr = &help
	if err := command.Run(); err != nil {
		t.Fatal(err)
	}
	names := func(pattern, text string) (list []string) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			list = append(list, m[1])
		}
		slices.Sort(list)
		return list
	}
	flags := append(names(`(?m)^  -([a-z-]+)`, help.String()), "h", "help")
	slices.Sort(flags)
	_, table, _ := strings.Cut(serverDocument(t), "\n## Flags\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var cells strings.Builder
	for _, m := range regexp.MustCompile(`(?m)^\| (.*?) \|`).FindAllStringSubmatch(table, -1) {
		fmt.Fprintln(&cells, m[1])
	}
	if documented := names("`-([a-z-]+)", cells.String()); !slices.Equal(documented, flags) || len(flags) < 5 {
		t.Errorf("docs/server.md has the flags %q, the server %q", documented, flags)
	}
}

func TestDocumentHasTheLimits(t *testing.T) {
	text := serverDocument(t)
	for _, want := range []string{
		"`127.0.0.1:8080` if not given",
		fmt.Sprintf("| %d KiB and the 4 KiB", maxHeaderBytes>>10),
		fmt.Sprintf("| %.0f s after the connection", readTimeout.Seconds()),
		fmt.Sprintf("| an answer | no limit as a whole; %.0f s without progress", stallTimeout.Seconds()),
		fmt.Sprintf("if none has been inactive for %.0f s", minInactive.Seconds()),
		fmt.Sprintf("less %d, and at most %d ", spareDescriptors, maxConnections),
		fmt.Sprintf("| an idle connection | %.0f minutes |", idleTimeout.Minutes()),
		fmt.Sprintf("; %d MiB sealed |", network.MaxSealedBytes>>20),
		fmt.Sprintf("at most %.0f seconds", shutdownTimeout.Seconds()),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("docs/server.md lacks %q", want)
		}
	}
}

// The examples for other servers set the fields that ours sets.
func TestExamplesHaveTheHeaders(t *testing.T) {
	for kind, example := range map[string]string{"add_header %s %q always;": example(t, "nginx", 1), "%s %q\n": example(t, "caddyfile", 0)} {
		for _, h := range site.Headers {
			if want := fmt.Sprintf(kind, h.Name, h.Value); !strings.Contains(example, want) {
				t.Errorf("an example lacks %s", want)
			}
		}
	}
}

const nginxModule = "/usr/lib/nginx/modules/ngx_http_brotli_static_module.so"

// nginx runs with directives of its http block until the test ends; LISTEN in them is an address.
func nginx(t *testing.T, directives string) (url string) {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx" // not in every user's path
	}
	for _, path := range []string{program, nginxModule} {
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("the documents' examples need nginx and its module for brotli: tools/nginx installs them, and make test runs it (%v)", err)
		}
	}
	listener := listen(t)
	address := listener.Addr().String()
	inherited, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	dir := t.TempDir()
	conf := fmt.Sprintf("load_module %s;\ndaemon off; pid %[2]s/pid; error_log stderr error;\nevents {}\nhttp {\naccess_log off;\n", nginxModule, dir)
	if os.Getuid() == 0 {
		conf = "user root;\n" + conf // another user could not read the test's folder
	}
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		conf += fmt.Sprintf("%s_temp_path %s/%[1]s;\n", kind, dir)
	}
	conf += strings.ReplaceAll(directives, "LISTEN", address) + "}\n"
	write(t, filepath.Join(dir, "nginx.conf"), conf)
	c := exec.Command(program, "-c", filepath.Join(dir, "nginx.conf"), "-p", dir)
	var messages safeBuffer
	c.Stderr = &messages
	// As when nginx replaces itself by a newer version, it is given the socket that listens, so
	// that nobody takes the port meanwhile, and a request waits until it is served.
	c.Env, c.ExtraFiles = append(os.Environ(), "NGINX=3;"), []*os.File{inherited}
	err = c.Start()
	inherited.Close() // where nginx ends, nobody listens any more
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Signal(syscall.SIGTERM)
		c.Wait()
		if t.Failed() {
			t.Logf("nginx: %s", &messages)
		}
	})
	return "http://" + address
}

// Behind nginx the server's answers are the same as before it.
func TestExampleOfAProxy(t *testing.T) {
	s := site.New()
	if err := s.SetBase("/encipher/"); err != nil {
		t.Fatal(err)
	}
	if err := s.AddPage(pageFiles); err != nil {
		t.Fatal(err)
	}
	direct := httptest.NewUnstartedServer(nil)
	direct.Config = newServer(s, silent(), true)
	direct.Start()
	defer direct.Close()
	location := strings.Replace(example(t, "nginx", 0), "http://127.0.0.1:8080", direct.URL, 1)
	proxied := nginx(t, "server { listen LISTEN;\n"+location+strings.Replace(location, "location /encipher/", "location = /encipher", 1)+"}\n")
	client := &http.Client{
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for path, status := range map[string]int{"/encipher/": 200, "/encipher": 308, "/encipher/encipher.wasm": 200, "/encipher/nothing": 404} {
		want, wantBody := fetch(t, client, direct.URL+path, "br")
		got, body := fetch(t, client, proxied+path, "br")
		if got.StatusCode != status || want.StatusCode != status || !bytes.Equal(body, wantBody) {
			t.Errorf("%s: %s, %d bytes, and by itself %s, %d bytes", path, got.Status, len(body), want.Status, len(wantBody))
		}
		secure(t, got.Header)
		for _, name := range []string{"Content-Encoding", "Etag", "Cache-Control", "Location", "Vary"} {
			if g, w := got.Header.Get(name), want.Header.Get(name); g != w {
				t.Errorf("%s: %s %q, and by itself %q", path, name, g, w)
			}
		}
	}
}

// The exported folder comes from nginx as it comes from the server.
func TestExampleOfAStaticHost(t *testing.T) {
	_, pages := start(t, silent(), true)
	dir := filepath.Join(t.TempDir(), "site")
	if err := pages.WriteFolder(dir); err != nil {
		t.Fatal(err)
	}
	direct := httptest.NewServer(pages)
	defer direct.Close()
	host := nginx(t, strings.NewReplacer("127.0.0.1:8080", "LISTEN", "/srv/encipher", dir).Replace(example(t, "nginx", 1)))
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	compared := 0
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || slices.Contains([]string{"_headers", "SHA256SUMS"}, entry.Name()) || slices.Contains([]string{".br", ".gz"}, filepath.Ext(path)) {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		for _, coding := range []string{"br", "gzip", "identity"} {
			want, wantBody := fetch(t, client, direct.URL+"/"+filepath.ToSlash(name), coding)
			got, body := fetch(t, client, host+"/"+filepath.ToSlash(name), coding)
			if got.StatusCode != 200 || !bytes.Equal(body, wantBody) {
				t.Errorf("%s, %s: %s, %d bytes, want %d", name, coding, got.Status, len(body), len(wantBody))
			}
			secure(t, got.Header)
			for _, field := range []string{"Content-Encoding", "Cache-Control"} {
				if g, w := got.Header.Get(field), want.Header.Get(field); g != w {
					t.Errorf("%s, %s: %s %q, want %q", name, coding, field, g, w)
				}
			}
			g, _, _ := strings.Cut(got.Header.Get("Content-Type"), ";")
			w, _, _ := strings.Cut(want.Header.Get("Content-Type"), ";")
			if g != w {
				t.Errorf("%s: the type is %q, want %q", name, g, w)
			}
			compared++
		}
		return nil
	})
	if err != nil || compared < 25 {
		t.Errorf("%d answers were compared, %v", compared, err)
	}
	response, _ := fetch(t, client, host+"/nothing", "br")
	if response.StatusCode != 404 || strings.Contains(response.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("what is not there comes with %s, %v", response.Status, response.Header)
	}
	secure(t, response.Header)
}
