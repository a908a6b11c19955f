package record

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestThereAndBack(t *testing.T) {
	sum := bytes.Repeat([]byte{7}, 32)
	for name, r := range map[string]Record{
		"nothing":        {},
		"empty residual": {Digest: sum, Residual: []byte{}},
		"zeros":          {Digest: sum, Residual: make([]byte, 4)},
		"long":           {Digest: sum, Residual: bytes.Repeat([]byte{1, 0}, 50_000)},
	} {
		b := r.Encode()
		got, err := Decode(b)
		if err != nil || !bytes.Equal(got.Digest, r.Digest) || !bytes.Equal(got.Residual, r.Residual) || (got.Digest == nil) != (r.Digest == nil) {
			t.Errorf("%s: %v", name, err)
		}
		if again := got.Encode(); !bytes.Equal(again, b) {
			t.Errorf("%s: what was read is written otherwise", name)
		}
	}
}

func TestPadded(t *testing.T) {
	// From the definition of Padmé: with E = floor(log2 n) and S = floor(log2 E) + 1, the lowest E-S bits of n become zero, upwards.
	for n, want := range map[int]int{0: 256, 1: 256, 256: 256, 257: 272, 272: 272, 273: 288, 1000: 1024, 1025: 1088, 1_000_000: 1_015_808, 1<<20 + 1: 1<<20 + 1<<15} {
		if got := Padded(n); got != want {
			t.Errorf("%d is padded to %d, want %d", n, got, want)
		}
	}
	for n := minimum; n < 1<<17; n++ {
		p := Padded(n)
		if p < n || p > n+n*12/100 || Padded(p) != p {
			t.Fatalf("%d is padded to %d, and that to %d", n, p, Padded(p))
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	pad := func(b ...byte) []byte { return append(b, make([]byte, Padded(len(b))-len(b))...) }
	sum := bytes.Repeat([]byte{7}, 32)
	with := slices.Concat([]byte{digest, 0, 0, 0, 32}, sum)
	good := Record{Digest: sum, Residual: []byte{1}}.Encode()
	loud := bytes.Clone(good)
	loud[len(loud)-1] = 1
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":             {nil, "no end"},
		"unknown section":   {pad(99, 0, 0, 0, 0, 0), "section 99"},
		"out of order":      {pad(append([]byte{residual, 0, 0, 0, 0}, with...)...), "out of order"},
		"twice":             {pad(slices.Concat(with, with)...), "out of order"},
		"section of 4 GB":   {pad(digest, 255, 255, 255, 255), "cut"},
		"cut in a length":   {[]byte{digest, 0, 0}, "cut"},
		"no end":            {with, "no end"},
		"padding not zero":  {loud, "padding"},
		"padding too short": {good[:len(good)-1], "padding"},
		"padding too long":  {append(bytes.Clone(good), make([]byte, 16)...), "padding"},
		"short digest":      {pad(digest, 0, 0, 0, 1, 9, residual, 0, 0, 0, 0), "digest has 1"},
		"digest alone":      {pad(with...), "and not the other"},
		"residual alone":    {pad(residual, 0, 0, 0, 0), "and not the other"},
	} {
		if r, err := Decode(c.b); !errors.Is(err, ErrRecord) || !strings.Contains(err.Error(), c.want) || r.Digest != nil {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Record{}.Encode())
	f.Add(Record{Digest: make([]byte, 32), Residual: []byte("residual")}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Decode(b)
		if err != nil {
			if !errors.Is(err, ErrRecord) {
				t.Errorf("error of no class: %v", err)
			}
			return
		}
		if !bytes.Equal(r.Encode(), b) {
			t.Error("a second way to write the same record")
		}
	})
}
