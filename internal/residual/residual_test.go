package residual

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// sparse returns a residual in which about the given share of samples is nonzero,
// mostly 1 or -1.
func sparse(n int, share float64, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		if r.Float64() < share {
			b[i] = byte(int(math.Round(r.NormFloat64())) | 1)
		}
	}
	return b
}

// order0 returns the entropy of the samples, taken one by one, in bytes.
func order0(b []byte) float64 {
	var count [256]float64
	for _, v := range b {
		count[v]++
	}
	bits := 0.
	for _, n := range count {
		if n > 0 {
			bits -= n * math.Log2(n/float64(len(b)))
		}
	}
	return bits / 8
}

func cases() map[string][]byte {
	noise := make([]byte, 3000)
	rand.NewChaCha8([32]byte{1}).Read(noise)
	edges := make([]byte, block+3)
	edges[0], edges[block-1], edges[block], edges[block+2] = 1, 2, 3, 4
	last := make([]byte, block)
	last[block-1] = 255
	m := map[string][]byte{
		"none": {}, "one zero": {0}, "one": {7}, "zeros": make([]byte, 1000), "all ones": bytes.Repeat([]byte{1}, 1000),
		"all levels": noise, "edges of blocks": edges, "longest run": last, "blocks of zeros": make([]byte, 2*block+1),
	}
	for name, share := range map[string]float64{"dense": .9, "half": .5, "tenth": .1, "hundredth": .01, "rare": .0005} {
		m[name] = sparse(600_000, share, 2)
	}
	for _, n := range []int{255, 256, 257, 511, 512, 513, 1024} { // where the library's limit is checked
		m["tokens"+string(rune('a'+n%26))] = sparse(n, 1, uint64(n))
	}
	return m
}

func TestThereAndBack(t *testing.T) {
	for name, samples := range cases() {
		code := Encode(samples)
		base := make([]byte, len(samples))
		rand.NewChaCha8([32]byte{2}).Read(base)
		sum := bytes.Clone(base)
		if err := Add(sum, code); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i := range sum {
			if sum[i] != base[i]+samples[i] {
				t.Errorf("%s: sample %d differs", name, i)
				break
			}
		}
	}
}

// TestSize compares the size of codes with the entropy of their residuals.
func TestSize(t *testing.T) {
	for _, share := range []float64{.9, .5, .2, .1, .03, .01, .001, .0005} {
		samples := sparse(1_000_000, share, 3)
		size, printed := float64(len(Encode(samples))), order0(samples)
		t.Logf("share %g: %.0f bytes, entropy %.0f bytes", share, size, printed)
		if size > 1.1*printed {
			t.Errorf("share %g: %.0f bytes, over 1.1 times the entropy of %.0f", share, size, printed)
		}
	}
	if n := len(Encode(make([]byte, 1_000_000))); n != 4 {
		t.Errorf("a residual of zeros has %d bytes", n)
	}
}

// Embedded, since the test binary under js/wasm has no files.
//
//go:embed testdata/vectors.json
var vectorFile []byte

func TestVectors(t *testing.T) {
	var f struct {
		Vectors []struct {
			Name, Code, SHA256 string
			Samples            int
		}
	}
	if err := json.Unmarshal(vectorFile, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Vectors) == 0 {
		t.Fatal("testdata/vectors.json has no vectors")
	}
	for _, v := range f.Vectors {
		code, err := hex.DecodeString(v.Code)
		if err != nil {
			t.Fatal(err)
		}
		samples := make([]byte, v.Samples)
		if err := Add(samples, code); err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if sum := sha256.Sum256(samples); hex.EncodeToString(sum[:]) != v.SHA256 {
			t.Errorf("%s: other samples", v.Name)
		}
		if got := Encode(samples); !bytes.Equal(got, code) {
			t.Errorf("%s: the code is %x", v.Name, got)
		}
	}
}

func TestAddRefuses(t *testing.T) {
	good := Encode(sparse(5000, .1, 4))
	set := func(at int, b ...byte) []byte {
		c := bytes.Clone(good)
		copy(c[at:], b)
		return c
	}
	for name, c := range map[string]struct {
		code []byte
		want string
	}{
		"empty":               {nil, "cut"},
		"cut":                 {good[:len(good)-1], "cut"},
		"cut in a length":     {good[:7], "cut"},
		"longer":              {append(bytes.Clone(good), 0), "left over"},
		"too many tokens":     {set(0, 0, 0, 0x13, 0x89), "5001 tokens"},
		"4 GB of tokens":      {set(0, 255, 255, 255, 255), "length is 4294967295"},
		"another kind":        {set(4, 3), "kind 3"},
		"fewer tokens":        {set(3, good[3]-1), "symbols for"},
		"stream of 2 GB":      {set(5, 0x7f, 255, 255, 255), "cut"},
		"two repeated":        {[]byte{0, 0, 0, 1, repeated, 0, 0, 0, 2, 1, 1}, "repeat"},
		"run too long":        {[]byte{0, 0, 0, 1, stored, 0, 0, 0, 1, 12, stored, 0, 0, 0, 1, 1, 0, 0, 0, 2, 255, 255}, "beyond"},
		"class without bits":  {[]byte{0, 0, 0, 1, stored, 0, 0, 0, 1, 9, stored, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0}, "class 9"},
		"class of 200":        {[]byte{0, 0, 0, 1, stored, 0, 0, 0, 1, 200, stored, 0, 0, 0, 1, 1, 0, 0, 0, 0}, "class 200"},
		"bits that are extra": {[]byte{0, 0, 0, 1, stored, 0, 0, 0, 1, 1, stored, 0, 0, 0, 1, 1, 0, 0, 0, 2, 0, 0}, "number of bits"},
	} {
		if err := Add(make([]byte, 5000), c.code); !errors.Is(err, ErrCode) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func FuzzAdd(f *testing.F) {
	f.Add(Encode(sparse(5000, .1, 5)))
	f.Add(Encode(sparse(5000, .9, 6)))
	f.Add(Encode(make([]byte, 5000)))
	f.Add([]byte{0, 0, 0, 9, repeated, 0, 0, 0, 1, 0, repeated, 0, 0, 0, 1, 1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, code []byte) {
		samples := make([]byte, 5000)
		if err := Add(samples, code); err != nil {
			if !errors.Is(err, ErrCode) {
				t.Errorf("error of no class: %v", err)
			}
			return
		}
		again := make([]byte, 5000)
		if err := Add(again, Encode(samples)); err != nil || !bytes.Equal(again, samples) {
			t.Errorf("what was read cannot be written: %v", err)
		}
	})
}
