package server

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
	if len(list) != 5 {
		t.Fatalf("%d stages, want 5", len(list))
	}
	return list
}

// building is the command by which a stage builds a program.
func building(t *testing.T, stage []instruction) string {
	t.Helper()
	i := slices.IndexFunc(stage, func(in instruction) bool { return in.name == "RUN" && strings.Contains(in.rest, "go build") })
	if i < 0 {
		t.Fatalf("no RUN of %q builds a program", stage[0].rest)
	}
	return stage[i].rest
}

// Each image holds a program and nothing else, and does not run it as root.
func TestImages(t *testing.T) {
	list := stages(t)
	module, err := os.ReadFile(filepath.Join("..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	release := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(module)
	if from := list[0][0].rest; !regexp.MustCompile(` golang:` + regexp.QuoteMeta(string(release[1])) + `\.\d+ AS build$`).MatchString(from) {
		t.Errorf("it is built from %q, which is no pinned release of Go %s", from, release[1])
	}
	for i, want := range map[int][]instruction{
		1: {{"FROM", "build AS build-encipher"}, {"RUN", building(t, list[1])}},
		2: {{"FROM", "build AS build-server"}, {"RUN", "go run ./wasm/bundle"}, {"RUN", building(t, list[2])}},
		3: {
			{"FROM", "scratch AS encipher"},
			{"COPY", "--from=build-encipher /encipher /usr/local/bin/encipher"},
			{"COPY", "models/paper-stats /usr/local/bin/models/paper-stats"},
			{"USER", "65532:65532"},
			{"ENTRYPOINT", `["/usr/local/bin/encipher"]`},
		},
		4: {
			{"FROM", "scratch"},
			{"COPY", "--from=build-server /encipher-server /encipher-server"},
			{"COPY", "models/paper-stats /models/paper-stats"},
			{"USER", "65532:65532"},
			{"EXPOSE", "8080"},
			{"ENTRYPOINT", `["/encipher-server", "-addr", "0.0.0.0:8080"]`},
		},
	} {
		if !slices.Equal(list[i], want) {
			t.Errorf("stage %d is %q, want %q", i, list[i], want)
		}
	}
}

// compiled runs the command by which a stage builds its program, and checks that the program needs no other file.
func compiled(t *testing.T, command, name string) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), name)
	command = strings.Replace(command, " -o /"+name+" ", " -o '"+program+"' ", 1)
	sh := exec.Command("sh", "-euc", command)
	sh.Dir = ".."
	sh.Env = append(os.Environ(), "VERSION=v1.2.3-image", "TARGETOS="+runtime.GOOS, "TARGETARCH="+runtime.GOARCH)
	if out, err := sh.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
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
	return program
}

// The programs that the images' commands build start.
func TestProgramsOfTheImages(t *testing.T) {
	needWasm(t)
	list := stages(t)
	if out, err := exec.Command(compiled(t, building(t, list[1]), "encipher"), "version").Output(); err != nil || !strings.HasPrefix(string(out), "encipher v1.2.3-image\n") {
		t.Errorf("version: %q, %v", out, err)
	}
	program := compiled(t, building(t, list[2]), "encipher-server")
	if out, err := exec.Command(program, "-version").Output(); err != nil || string(out) != "v1.2.3-image\n" {
		t.Errorf("-version: %q, %v", out, err)
	}
	// The last -addr counts, so that arguments of `docker run` go before those of the image.
	var entry []string
	if err := json.Unmarshal([]byte(list[4][len(list[4])-1].rest), &entry); err != nil {
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
