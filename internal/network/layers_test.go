package network

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"gorgonia.org/tensor"

	"enciphergan/internal/kernel"
	"enciphergan/internal/keyschedule"
	"enciphergan/internal/onnx"
)

// tileVector is a tile and the outputs of all nodes of a shipped model's generators,
// as docs/arithmetic.md describes it.
type tileVector struct {
	Model       string            `json:"model"`
	Fingerprint string            `json:"fingerprint"`
	Height      int               `json:"height"`
	Width       int               `json:"width"`
	Seed        string            `json:"seed,omitempty"`
	Picture     []byte            `json:"picture"`
	Levels      []byte            `json:"levels"`
	Statistics  []byte            `json:"statistics"`
	Recovered   []byte            `json:"recovered"`
	Keyed       map[string][]byte `json:"keyed,omitempty"` // by input of the decryption generator
	Encryption  []layerVector     `json:"encryption"`
	Decryption  []layerVector     `json:"decryption"`
}

// layerVector describes the output of a node.
type layerVector struct {
	Operator string `json:"operator"`
	Output   string `json:"output"`
	Shape    string `json:"shape"`
	SHA256   string `json:"sha256"`
	First    string `json:"first"`
}

// shown is a model whose graph also returns the outputs of its nodes.
func shown(t *testing.T, file []byte) (shown []byte, nodes []layerVector) {
	t.Helper()
	each := func(b []byte, f func(number protowire.Number, field, content []byte)) {
		for len(b) > 0 {
			number, kind, n := protowire.ConsumeTag(b)
			size := protowire.ConsumeFieldValue(number, kind, b[max(n, 0):])
			if n < 0 || size < 0 {
				t.Fatal("not a message")
			}
			content := b[n : n+size]
			if kind == protowire.BytesType {
				content, _ = protowire.ConsumeBytes(content)
			}
			f(number, b[:n+size], content)
			b = b[n+size:]
		}
	}
	message := func(b []byte, number protowire.Number, content []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), content)
	}
	each(file, func(number protowire.Number, field, graph []byte) {
		if number != 7 {
			shown = append(shown, field...)
			return
		}
		var outputs []byte
		each(graph, func(number protowire.Number, _, node []byte) {
			if number != 1 {
				return
			}
			var v layerVector
			each(node, func(number protowire.Number, _, content []byte) {
				switch number {
				case 2:
					v.Output = string(content)
				case 4:
					v.Operator = string(content)
				}
			})
			if v.Operator == "Identity" || v.Operator == "Shape" {
				return
			}
			nodes = append(nodes, v)
			float32s := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(onnx.Float32))
			outputs = message(outputs, 12, message(message(nil, 1, []byte(v.Output)), 2, message(nil, 1, float32s)))
		})
		shown = message(shown, 7, slices.Concat(graph, outputs))
	})
	return shown, nodes
}

// layers runs a generator with the outputs of all nodes shown, then unchanged, and
// compares the two results: merging nodes must change no bit.
func layers(t *testing.T, m *Model, file []byte, in map[string]*tensor.Dense, height, width int) []layerVector {
	t.Helper()
	run := func(file []byte) map[string]*tensor.Dense {
		machine, err := onnx.Load(t.Context(), file, m.Dims(height, width), onnx.DefaultLimits(), kernel.Canonical)
		if err != nil {
			t.Fatal(err)
		}
		out, err := machine.Run(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	file2, nodes := shown(t, file)
	out := run(file2)
	for i, v := range nodes {
		x, ok := out[v.Output].Data().([]float32)
		if !ok {
			t.Fatalf("%s makes elements of %v", v.Operator, out[v.Output].Dtype())
		}
		v.Shape = strings.Trim(fmt.Sprint(out[v.Output].Shape()), "()")
		v.SHA256 = fmt.Sprintf("%x", sha256.Sum256(raw(x)))
		var first []string
		for _, f := range x[:min(4, len(x))] {
			first = append(first, fmt.Sprintf("%08x", math.Float32bits(f)))
		}
		v.First = strings.Join(first, " ")
		nodes[i] = v
	}
	for name, merged := range run(file) {
		if !bytes.Equal(raw(merged.Data().([]float32)), raw(out[name].Data().([]float32))) {
			t.Errorf("%s has other bits when nodes are merged", name)
		}
	}
	return nodes
}

// raw returns numbers in the encoding of the file.
func raw[T float32 | int32](x []T) []byte {
	b, err := binary.Append(nil, binary.LittleEndian, x)
	if err != nil {
		panic(err)
	}
	return b
}

// tile returns the vector of a tile.
func tile(t *testing.T, model string, height, width int) tileVector {
	t.Helper()
	f, err := ReadFiles(os.DirFS("../../models/" + model))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Load(f)
	if err != nil {
		t.Fatal(err)
	}
	v := tileVector{Model: model, Fingerprint: fmt.Sprintf("%x", m.Fingerprint()), Height: height, Width: width}
	var seed keyschedule.Seed
	for i := range seed {
		seed[i] = byte(i)
	}
	// A gradient with an edge and some noise.
	for i := range height {
		for j := range width {
			for c := range 3 {
				v.Picture = append(v.Picture, byte(40+4*i+3*j+20*c+90*((i+j)/17%2)+(i*7+j*13+c*5)%11))
			}
		}
	}
	s := m.NewSession(kernel.Canonical)
	c, err := s.Encrypt(t.Context(), v.Picture, height, width, seed)
	if err != nil {
		t.Fatal(err)
	}
	v.Levels, v.Statistics = c.Levels, c.Statistics
	if v.Recovered, err = s.Decrypt(t.Context(), c, seed); err != nil {
		t.Fatal(err)
	}
	in, err := s.EncryptionInputs(v.Picture, height, width, seed)
	if err != nil {
		t.Fatal(err)
	}
	v.Encryption = layers(t, m, f.Encryption, in, height, width)
	if in, err = s.DecryptionInputs(c, seed); err != nil {
		t.Fatal(err)
	}
	v.Decryption = layers(t, m, f.Decryption, in, height, width)
	if m.card.Definition.Keyed() {
		v.Seed = fmt.Sprintf("%x", seed)
		v.Keyed = map[string][]byte{}
		for i := range KeyedLayers {
			v.Keyed[valuePermutation(i)] = raw(in[valuePermutation(i)].Data().([]int32))
			v.Keyed[valueMix(i)] = raw(in[valueMix(i)].Data().([]float32))
		}
	}
	return v
}

// TestArithmeticOfDocs checks that docs/arithmetic.md names every operator of the three profiles and
// the bytes of statistics of their tiles.
func TestArithmeticOfDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/arithmetic.md")
	if err != nil {
		t.Fatal(err)
	}
	_, operators, found := strings.Cut(string(text), "## Operators")
	operators, _, ends := strings.Cut(operators, "### Convolution")
	if !found || !ends {
		t.Fatal("docs/arithmetic.md has no table of operators")
	}
	for _, d := range []struct {
		definition Definition
		statistics string
	}{{Reversible(), "384 bytes"}, {PaperStats(), "1280 bytes"}, {Paper(), ""}} {
		f := files(t, d.definition)
		for _, generator := range [][]byte{f.Encryption, f.Decryption} {
			_, nodes := shown(t, generator)
			for _, n := range nodes {
				if !strings.Contains(operators, "`"+n.Operator+"`") {
					t.Errorf("%s: docs/arithmetic.md has no operator %s", d.definition.Profile, n.Operator)
				}
			}
		}
		m, err := Load(f)
		if err != nil {
			t.Fatal(err)
		}
		if d.statistics == "" && m.StatisticsBytes() != 0 || d.statistics != "" && (fmt.Sprint(m.StatisticsBytes(), " bytes") != d.statistics || !strings.Contains(string(text), d.statistics)) {
			t.Errorf("%s: %d bytes of statistics, the documents say %q", d.definition.Profile, m.StatisticsBytes(), d.statistics)
		}
	}
}

// TestLayers compares each node of the shipped generators with stored bits, which are equal on
// every machine. -update rewrites them, which makes a new version of the format.
func TestLayers(t *testing.T) {
	const path = "testdata/layers.json"
	// Neither is a multiple of the 4 x 4 tiles of a convolution.
	vectors := []tileVector{tile(t, "default", 20, 24), tile(t, "paper-stats", 16, 20)}
	if *update {
		text, err := json.MarshalIndent(vectors, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(text, '\n'), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want []tileVector
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) != len(vectors) {
		t.Fatalf("%d tiles are stored, want %d: store them anew", len(want), len(vectors))
	}
	for i, w := range want {
		v := vectors[i]
		for name := range w.Keyed {
			if !bytes.Equal(v.Keyed[name], w.Keyed[name]) {
				t.Errorf("%s: %s is not what is stored", w.Model, name)
			}
		}
		for _, part := range []struct {
			name      string
			got, want []byte
		}{{"the picture", v.Picture, w.Picture}, {"levels", v.Levels, w.Levels}, {"statistics", v.Statistics, w.Statistics}, {"recovered", v.Recovered, w.Recovered}} {
			if !bytes.Equal(part.got, part.want) {
				t.Errorf("%s: %s differ from what is stored", w.Model, part.name)
			}
		}
		if v.Model != w.Model || v.Fingerprint != w.Fingerprint || v.Seed != w.Seed || v.Height != w.Height || v.Width != w.Width || len(v.Keyed) != len(w.Keyed) {
			t.Errorf("%s of %s, want %s of %s", v.Model, v.Fingerprint, w.Model, w.Fingerprint)
		}
		for _, g := range []struct {
			name      string
			got, want []layerVector
		}{{"encryption", v.Encryption, w.Encryption}, {"decryption", v.Decryption, w.Decryption}} {
			if len(g.got) != len(g.want) {
				t.Errorf("%s, %s: %d nodes, want %d", w.Model, g.name, len(g.got), len(g.want))
				continue
			}
			for k, l := range g.want {
				if g.got[k] != l {
					t.Errorf("%s, %s: the first node that departs is %+v, want %+v", w.Model, g.name, g.got[k], l)
					break
				}
			}
		}
	}
}
