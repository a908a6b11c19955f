package network

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"enciphergan/internal/kernel"
	"testing/fstest"

	"enciphergan/internal/keyschedule"
	"enciphergan/internal/onnx"
)

func files(t *testing.T, d Definition) Files {
	t.Helper()
	r := seeded(t)
	e, err := NewWeights(d.Encryption(), r)
	if err != nil {
		t.Fatal(err)
	}
	f, err := NewFiles(d, Card{Name: "fresh"}, e, e)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// relabel sets the card's checksums to those of the generators.
func relabel(t *testing.T, f Files, d Definition) Files {
	t.Helper()
	card := Card{Version: cardVersion, Name: "hostile", Definition: d, Encryption: checksum(f.Encryption), Decryption: checksum(f.Decryption)}
	var err error
	if f.Card, err = json.Marshal(card); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestLoadRefuses(t *testing.T) {
	small := Definition{Profile: "reversible", Unshuffle: 2, Couplings: 1, Hidden: 4, Kappa: 1}
	good := files(t, small)
	if _, err := Load(good); err != nil {
		t.Fatal(err)
	}
	paper := files(t, Paper())
	for _, c := range []struct {
		name, says string
		files      Files
	}{
		{"no card", "not a model card", Files{Encryption: good.Encryption, Decryption: good.Decryption}},
		{"a card that is no JSON", "not a model card", Files{Card: []byte("{"), Encryption: good.Encryption, Decryption: good.Decryption}},
		{"a card of another version", "version 9", Files{Card: bytes.Replace(good.Card, []byte(`"version": 1`), []byte(`"version": 9`), 1), Encryption: good.Encryption, Decryption: good.Decryption}},
		{"absurd sizes", "hidden channels", relabel(t, good, Definition{Profile: "reversible", Unshuffle: 4, Couplings: 1, Hidden: 1 << 20, Kappa: 1})},
		{"a truncated generator", "damaged", Files{Card: good.Card, Encryption: good.Encryption[:len(good.Encryption)/2], Decryption: good.Decryption}},
		{"a truncated generator with a fitting card", "onnx", relabel(t, Files{Encryption: good.Encryption[:len(good.Encryption)/2], Decryption: good.Decryption}, small)},
		{"generators exchanged", "inputs", relabel(t, Files{Encryption: good.Decryption, Decryption: good.Encryption}, small)},
		{"generators of the other profile", "profile", relabel(t, paper, small)},
		{"noise", "onnx", relabel(t, Files{Encryption: bytes.Repeat([]byte{0x5a}, 4096), Decryption: good.Decryption}, small)},
		{"empty generators", "onnx", relabel(t, Files{}, small)},
	} {
		if _, err := Load(c.files); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want one that says %q", c.name, err, c.says)
		}
	}
}

// TestHostileShapes checks that a generator whose output shapes differ from its
// profile, which passes the scan, causes an error when it runs.
func TestHostileShapes(t *testing.T) {
	d := Paper()
	meta := map[string]string{}
	raw, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	meta[definitionKey] = string(raw)
	build := func(in, out string) []byte {
		m := onnx.Model{Producer: "hostile", Opset: onnx.Opset, Metadata: meta, Graph: onnx.Graph{Name: "g",
			Nodes:   []onnx.Node{{Op: "SpaceToDepth", Inputs: []string{in}, Outputs: []string{"d"}, Attributes: []onnx.Attribute{onnx.IntOf("blocksize", 2)}}, {Op: "ReduceMean", Inputs: []string{"d"}, Outputs: []string{out}, Attributes: []onnx.Attribute{onnx.IntsOf("axes", 2, 3)}}},
			Inputs:  []onnx.ValueInfo{{Name: in, Type: onnx.Float32, Dims: picture}},
			Outputs: []onnx.ValueInfo{{Name: out, Type: onnx.Float32, Dims: onnx.Sizes(1, 12, 1, 1)}},
		}}
		b, err := onnx.Encode(&m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	m, err := Load(relabel(t, Files{Encryption: build(valuePicture, valueCipher), Decryption: build(valueCipher, valuePicture)}, d))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.NewSession(kernel.Canonical).Encrypt(context.Background(), make([]byte, 3*32*32), 32, 32, keyschedule.Seed{}); err == nil || !strings.Contains(err.Error(), "shape") {
		t.Errorf("outputs of another shape give %v", err)
	}
}

// TestHostileWork checks that a generator far more costly than its profile is refused before it runs.
func TestHostileWork(t *testing.T) {
	d := Definition{Profile: "reversible", Unshuffle: 4, Couplings: 0, Hidden: 1, Kappa: 1}
	honest := files(t, d)
	big := Definition{Profile: "reversible", Unshuffle: 4, Couplings: 32, Hidden: 256, Kappa: 1}
	heavy := files(t, big)
	// The heavy generators claim the small definition.
	claim := func(data []byte) []byte {
		from, to := definitionJSON(t, big), definitionJSON(t, d)
		padded := to[:len(to)-1] + strings.Repeat(" ", len(from)-len(to)) + "}"
		out := bytes.Replace(data, []byte(from), []byte(padded), 1)
		if bytes.Equal(out, data) {
			t.Fatal("the definition is not in the file")
		}
		return out
	}
	m, err := Load(relabel(t, Files{Encryption: claim(heavy.Encryption), Decryption: honest.Decryption}, d))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.NewSession(kernel.Canonical).Encrypt(context.Background(), make([]byte, 3*512*512), 512, 512, keyschedule.Seed{}); err == nil || !strings.Contains(err.Error(), "multiply-adds") {
		t.Errorf("a generator with hundreds of times the work of its profile gives %v", err)
	}
}

func definitionJSON(t *testing.T, d Definition) string {
	t.Helper()
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestReadFilesBounds(t *testing.T) {
	if _, err := ReadFiles(fstest.MapFS{}); err == nil || !strings.Contains(err.Error(), "card.json") {
		t.Errorf("an empty directory gives %v", err)
	}
	big := fstest.MapFS{"card.json": {Data: make([]byte, MaxCardBytes+1)}}
	if _, err := ReadFiles(big); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Errorf("a card of %d bytes gives %v", MaxCardBytes+1, err)
	}
}

func TestTilesOutOfRange(t *testing.T) {
	m, err := Load(files(t, Definition{Profile: "reversible", Unshuffle: 4, Couplings: 0, Hidden: 4, Kappa: 1}))
	if err != nil {
		t.Fatal(err)
	}
	s := m.NewSession(kernel.Canonical)
	for _, size := range [][3]int{{16, 12, 576}, {18, 16, 864}, {16, 16, 767}, {1 << 20, 1 << 20, 0}, {0, 0, 0}, {-16, -16, 768}, {1024, 1024, 3 << 20}} {
		if _, err := s.Encrypt(context.Background(), make([]byte, size[2]), size[0], size[1], keyschedule.Seed{}); err == nil {
			t.Errorf("a tile of %d x %d with %d samples is taken", size[1], size[0], size[2])
		}
	}
	if _, err := s.Decrypt(context.Background(), Cipher{Height: 16, Width: 16, Levels: make([]byte, 768), Statistics: make([]byte, 3)}, keyschedule.Seed{}); err == nil {
		t.Error("a cipher with 3 bytes of statistics is taken")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Encrypt(ctx, make([]byte, 768), 16, 16, keyschedule.Seed{}); err == nil {
		t.Error("a cancelled context is ignored")
	}
}

// TestShippedModelsLoad checks that every model directory under models/ loads and has figures on its card.
func TestShippedModelsLoad(t *testing.T) {
	cards, err := filepath.Glob("../../models/*/card.json")
	if err != nil || len(cards) == 0 {
		t.Fatalf("no shipped model found: %v", err)
	}
	for _, card := range cards {
		f, err := ReadFiles(os.DirFS(filepath.Dir(card)))
		if err != nil {
			t.Fatal(err)
		}
		m, err := Load(f)
		if err != nil {
			t.Fatalf("%s: %v", card, err)
		}
		if m.Name() == "" || m.Card().Training == nil || len(m.Card().Figures) == 0 {
			t.Errorf("%s lacks name, training or figures", card)
		}
	}
}
