package main

import (
	"debug/elf"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// instruction is one of a Dockerfile.
type instruction struct{ name, rest string }

// stages are the instructions of ../Dockerfile, each list beginning with its FROM.
func stages(t *testing.T) (list [][]instruction) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", "")) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case name == "" || strings.HasPrefix(name, "#"):
			continue
		case name == "FROM":
			list = append(list, nil)
		case len(list) == 0:
			t.Fatalf("%s stands before any FROM", name)
		}
		last := len(list) - 1
		list[last] = append(list[last], instruction{name, rest})
	}
	if len(list) != 2 {
		t.Fatalf("%d stages, want 2", len(list))
	}
	return list
}

// The image holds the server and nothing else, and does not run it as root.
func TestImage(t *testing.T) {
	list := stages(t)
	module, err := os.ReadFile(filepath.Join("..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	release := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(module)
	if from := list[0][0].rest; !regexp.MustCompile(` golang:` + regexp.QuoteMeta(string(release[1])) + `\.\d+ AS build$`).MatchString(from) {
		t.Errorf("it is built from %q, which is no pinned release of Go %s", from, release[1])
	}
	want := []instruction{
		{"FROM", "scratch"},
		{"COPY", "--from=build /encipher-server /encipher-server"},
		{"USER", "65532:65532"},
		{"EXPOSE", "8080"},
		{"ENTRYPOINT", `["/encipher-server", "-addr", "0.0.0.0:8080"]`},
	}
	if !slices.Equal(list[1], want) {
		t.Errorf("the image is %q, want %q", list[1], want)
	}
}

// The command that builds the image's program makes one that needs no file beside it, and it starts.
func TestProgramOfTheImage(t *testing.T) {
	needWasm(t)
	list := stages(t)
	i := slices.IndexFunc(list[0], func(in instruction) bool { return in.name == "RUN" && strings.Contains(in.rest, "go build") })
	if i < 0 {
		t.Fatal("no RUN builds the program")
	}
	program := filepath.Join(t.TempDir(), "encipher-server")
	command := strings.Replace(list[0][i].rest, " -o /encipher-server ", " -o '"+program+"' ", 1)
	sh := exec.Command("sh", "-euc", command)
	sh.Dir = ".."
	sh.Env = append(os.Environ(), "VERSION=v1.2.3-image", "TARGETOS="+runtime.GOOS, "TARGETARCH="+runtime.GOARCH)
	if out, err := sh.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	if out, err := exec.Command(program, "-version").Output(); err != nil || string(out) != "v1.2.3-image\n" {
		t.Errorf("-version: %q, %v", out, err)
	}
	if runtime.GOOS == "linux" {
		f, err := elf.Open(program)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
				t.Errorf("the program is not static: it has a segment %v", p.Type)
			}
		}
	}
	// The last -addr counts, so that arguments of `docker run` go before those of the image.
	var entry []string
	if err := json.Unmarshal([]byte(list[1][len(list[1])-1].rest), &entry); err != nil {
		t.Fatal(err)
	}
	s := launchProgram(t, program, append(entry[1:], "-addr", "127.0.0.1:0", "-base-path", "/pictures/")...)
	for _, path := range []string{"", "encipher.wasm", "models/index.json"} {
		if response, body := fetch(t, http.DefaultClient, s.address+path, "br"); response.StatusCode != 200 || len(body) == 0 {
			t.Errorf("%s: %s, %d bytes", path, response.Status, len(body))
		}
	}
	stop(t, s)
}
