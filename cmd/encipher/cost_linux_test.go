package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"enciphergan/internal/network"
	"enciphergan/internal/onnx"
)

// peakFile is an environment variable with the name of a file. A program that the tests start writes
// its peak resident memory there, in kB. The peak that the kernel reports for an ended child may be the memory
// of its parent, which it shared before exec.
const peakFile = "ENCIPHER_TEST_PEAK"

func init() {
	path := os.Getenv(peakFile)
	if path == "" {
		return
	}
	exit := run(os.Args)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	if err := os.WriteFile(path, []byte(strings.Fields(rest)[0]), 0o600); err != nil {
		panic(err)
	}
	os.Exit(exit)
}

// bombs returns encryption generators that claim the paper's profile: small files that cost much.
func bombs() map[string]onnx.Graph {
	node := func(op string, in []string, out string, a ...onnx.Attribute) onnx.Node {
		return onnx.Node{Op: op, Inputs: in, Outputs: []string{out}, Attributes: a}
	}
	channels := onnx.IntOf("axis", 1)
	wide := func(n int) []onnx.Node {
		return []onnx.Node{node("Concat", slices.Repeat([]string{"picture"}, n), "v0", channels)}
	}
	mean := func(in, out string) onnx.Node { return node("ReduceMean", []string{in}, out, onnx.IntsOf("axes", 1)) }
	all := map[string]onnx.Graph{}

	// Many constants to fold, each from the one before.
	g := onnx.Graph{Initializers: []onnx.Tensor{onnx.NewFloat32("c", []int64{1024}, make([]float32, 1024)), onnx.NewInt64("from", []int64{1}, []int64{0}), onnx.NewInt64("to", []int64{1}, []int64{1})}}
	g.Nodes = append(g.Nodes, node("Concat", slices.Repeat([]string{"c"}, 1024), "v0", onnx.IntOf("axis", 0)))
	const folds = 3900
	for i := range folds {
		g.Nodes = append(g.Nodes, node("Tanh", []string{fmt.Sprint("v", i)}, fmt.Sprint("v", i+1)))
	}
	g.Nodes = append(g.Nodes, node("Slice", []string{fmt.Sprint("v", folds), "from", "to"}, "s"), node("Add", []string{"picture", "s"}, "cipher"))
	all["fold"] = g

	// Operations that only move elements.
	g = onnx.Graph{Nodes: wide(256)}
	for i := range 400 {
		g.Nodes = append(g.Nodes, node("Transpose", []string{fmt.Sprint("v", i)}, fmt.Sprint("v", i+1), onnx.IntsOf("perm", 0, 3, 2, 1)))
	}
	all["move"] = onnx.Graph{Nodes: append(g.Nodes, mean("v400", "m"), node("Add", []string{"picture", "m"}, "cipher"))}

	// Many values needed at the same time, each cheap to compute.
	g = onnx.Graph{Nodes: wide(128)}
	for i := range 12 {
		g.Nodes = append(g.Nodes, node("Add", []string{"v0", fmt.Sprint("c", i)}, fmt.Sprint("w", i)))
		g.Initializers = append(g.Initializers, onnx.NewFloat32(fmt.Sprint("c", i), []int64{1}, []float32{float32(i)}))
	}
	last := "w0"
	for i := 11; i >= 1; i-- {
		g.Nodes = append(g.Nodes, node("Add", []string{last, fmt.Sprint("w", i)}, fmt.Sprint("s", i)))
		last = fmt.Sprint("s", i)
	}
	g.Nodes = append(g.Nodes, mean(last, "m"), node("Add", []string{"picture", "m"}, "cipher"))
	all["live"] = g
	return all
}

// writeBomb writes a model directory with the encryption generator g.
func writeBomb(t *testing.T, dir string, g onnx.Graph) {
	t.Helper()
	definition, err := json.Marshal(network.Paper())
	if err != nil {
		t.Fatal(err)
	}
	dims := []onnx.Dim{{Size: 1}, {Size: 3}, {Parameter: "H"}, {Parameter: "W"}}
	file := func(g onnx.Graph, in, out string) []byte {
		g.Name = "g"
		g.Inputs, g.Outputs = []onnx.ValueInfo{{Name: in, Type: onnx.Float32, Dims: dims}}, []onnx.ValueInfo{{Name: out, Type: onnx.Float32, Dims: dims}}
		b, err := onnx.Encode(&onnx.Model{Producer: "bomb", Opset: onnx.Opset, Metadata: map[string]string{"encipher.definition": string(definition)}, Graph: g})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	enc := file(g, "picture", "cipher")
	dec := file(onnx.Graph{Nodes: []onnx.Node{{Op: "Tanh", Inputs: []string{"cipher"}, Outputs: []string{"picture"}}}}, "cipher", "picture")
	card := fmt.Sprintf(`{"version": 1, "name": "bomb", "definition": %s, "encryption_sha256": "%x", "decryption_sha256": "%x"}`, definition, sha256.Sum256(enc), sha256.Sum256(dec))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"encryption.onnx": enc, "decryption.onnx": dec, "card.json": []byte(card)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// costOfRun encrypts a picture of 256 x 256 pixels with the program. It returns the standard error, the exit
// code, the peak resident memory in bytes and the processor seconds, summed over all cores.
func costOfRun(t *testing.T, dir, model string) (says string, exit int, memory, seconds float64) {
	t.Helper()
	at := func(name string) string { return filepath.Join(dir, name) }
	if _, err := os.Stat(at("a.key")); err != nil {
		if exit := run([]string{"encipher", "key", "new", "-o", at("a.key")}); exit != 0 {
			t.Fatalf("key new exits %d", exit)
		}
		f, err := os.Create(at("photo.png"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := png.Encode(f, image.NewNRGBA(image.Rect(0, 0, 256, 256))); err != nil {
			t.Fatal(err)
		}
	}
	var stderr strings.Builder
	p := program(t, &stderr, "encrypt", "-key", at("a.key"), "-workers", "1", "-model", model, "-o", at(filepath.Base(model)+".out.png"), at("photo.png"))
	p.Env = append(os.Environ(), peakFile+"="+at("peak"))
	p.Run()
	peak, err := os.ReadFile(at("peak"))
	if err != nil {
		t.Fatal(err)
	}
	if memory, err = strconv.ParseFloat(string(peak), 64); err != nil {
		t.Fatal(err)
	}
	return stderr.String(), p.ProcessState.ExitCode(), 1024 * memory, (p.ProcessState.UserTime() + p.ProcessState.SystemTime()).Seconds()
}

// TestBombs checks that a model with too high a cost is refused, with an error that names the operation, before
// the cost arises. The bound on time is for all cores together, and far above the time to read the file.
func TestBombs(t *testing.T) {
	dir := t.TempDir()
	for name, g := range bombs() {
		model := filepath.Join(dir, name)
		writeBomb(t, model, g)
		says, exit, memory, seconds := costOfRun(t, dir, model)
		t.Logf("%s: exit code %d, %.0f MB, %.2f s, %q", name, exit, memory/1e6, seconds, says)
		if exit != exitInput || !regexp.MustCompile(`encryption\.onnx for tiles of 256 x 256: onnx: \w+ computing "\w+".* allowed`).MatchString(says) || !strings.Contains(says, "may be hostile") {
			t.Errorf("%s: exit code %d, %q", name, exit, says)
		}
		if memory > 250e6 || seconds > 2 {
			t.Errorf("%s: %.0f MB of memory and %.2f s of the processor", name, memory/1e6, seconds)
		}
	}
}

// TestMemoryAsStated checks that the program takes the memory that it announces, within a quarter.
func TestMemoryAsStated(t *testing.T) {
	dir := t.TempDir()
	paper, err := filepath.Abs("../../models/paper-stats")
	if err != nil {
		t.Fatal(err)
	}
	for _, model := range []string{"default", paper} {
		says, exit, memory, _ := costOfRun(t, dir, model)
		found := regexp.MustCompile(`about (\d+) MB of memory`).FindStringSubmatch(says)
		if exit != 0 || found == nil {
			t.Fatalf("%s: exit code %d, %q", model, exit, says)
		}
		stated, _ := strconv.ParseFloat(found[1], 64)
		t.Logf("%s: %.0f MB stated, %.0f MB taken", model, stated, memory/1e6)
		if ratio := memory / 1e6 / stated; ratio < 0.75 || ratio > 1.25 {
			t.Errorf("%s: %.0f MB stated, %.0f MB taken", model, stated, memory/1e6)
		}
	}
}
