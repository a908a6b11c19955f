package record

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"enciphergan/internal/pngchunk"
)

func TestThereAndBack(t *testing.T) {
	sum := bytes.Repeat([]byte{7}, 32)
	for name, r := range map[string]Record{
		"nothing":                {},
		"empty residual":         {Digest: sum, Residual: nil},
		"zeros":                  {Digest: sum, Residual: make([]byte, 4)},
		"long":                   {Digest: sum, Residual: bytes.Repeat([]byte{1, 0}, 50_000)},
		"gray":                   {Digest: sum, Residual: {1}, Gray: {}, LowBytes: {2, 0}},
		"all":                    {Digest: sum, Residual: {1}, Alpha: {2, 0}, LowBytes: {3}, EXIF: {4}, ICC: {0}, File: {5}, Name: []byte("ä.jpg"), Chunks: pngchunk.Append(nil, "sRGB", []byte{0})},
		"gray, significant bits": {Digest: sum, Residual: {1}, Gray: {}, Chunks: pngchunk.Append(nil, "sBIT", []byte{8})},
		"16 bits with alpha":     {Digest: sum, Residual: {1}, Alpha: {2}, LowBytes: {3}, Chunks: pngchunk.Append(nil, "sBIT", []byte{9, 10, 16, 1})},
	} {
		b := r.Encode()
		got, err := Decode(b)
		if err != nil || !maps.EqualFunc(got, r, bytes.Equal) {
			t.Errorf("%s: %v, %v", name, got, err)
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
	with := slices.Concat([]byte{byte(Digest), 0, 0, 0, 32}, sum)
	good := Record{Digest: sum, Residual: {1}}.Encode()
	loud := bytes.Clone(good)
	loud[len(loud)-1] = 1
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":             {nil, "end is missing"},
		"unknown section":   {pad(99, 0, 0, 0, 0, 0), "section 99"},
		"out of order":      {pad(append([]byte{byte(Residual), 0, 0, 0, 0}, with...)...), "out of order"},
		"twice":             {pad(slices.Concat(with, with)...), "out of order"},
		"section of 4 GB":   {pad(byte(Digest), 255, 255, 255, 255), "cut"},
		"cut in a length":   {[]byte{byte(Digest), 0, 0}, "cut"},
		"no end":            {with, "end is missing"},
		"padding not zero":  {loud, "padding"},
		"padding too short": {good[:len(good)-1], "padding"},
		"padding too long":  {append(bytes.Clone(good), make([]byte, 16)...), "padding"},
		"short digest":      {pad(byte(Digest), 0, 0, 0, 1, 9, byte(Residual), 0, 0, 0, 0), "digest has 1"},
		"digest alone":      {pad(with...), "lacks"},
		"a path":            {Record{Digest: sum, Residual: {}, File: {1}, Name: []byte("../a")}.Encode(), "name of its kept file"},
		"a control":         {Record{Digest: sum, Residual: {}, File: {1}, Name: []byte("a\x1bb")}.Encode(), "name of its kept file"},
		"name alone":        {Record{Digest: sum, Residual: {}, Name: []byte("a.jpg")}.Encode(), "no kept file"},
		"no name":           {Record{Digest: sum, Residual: {}, File: {1}, Name: {}}.Encode(), "name of its kept file"},
		"gray and more":     {Record{Digest: sum, Residual: {}, Gray: {1}}.Encode(), "gray"},
		"gray with alpha":   {Record{Digest: sum, Residual: {}, Gray: {}, Alpha: {}}.Encode(), "gray"},
		"empty chunks":      {Record{Digest: sum, Residual: {}, Chunks: {}}.Encode(), "no chunks"},
		"another chunk":     {Record{Digest: sum, Residual: {}, Chunks: pngchunk.Append(nil, "IDAT", nil)}.Encode(), "IDAT"},
		"chunk of colours":  {Record{Digest: sum, Residual: {}, Gray: {}, Chunks: pngchunk.Append(nil, "sBIT", []byte{8, 8, 8})}.Encode(), "sBIT"},
		"chunk of 16 bits":  {Record{Digest: sum, Residual: {}, Chunks: pngchunk.Append(nil, "sBIT", []byte{8, 8, 9})}.Encode(), "sBIT"},
		"chunks alone":      {Record{Chunks: pngchunk.Append(nil, "sRGB", []byte{0})}.Encode(), "lacks"},
		"only a profile":    {Record{ICC: {1}}.Encode(), "lacks"},
		"residual alone":    {pad(byte(Residual), 0, 0, 0, 0), "lacks"},
	} {
		if r, err := Decode(c.b); !errors.Is(err, ErrRecord) || !strings.Contains(err.Error(), c.want) || r != nil {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestPack(t *testing.T) {
	plane := bytes.Repeat([]byte{0, 255, 255, 7}, 5000)
	packed := Pack(plane)
	if got, err := Unpack(packed, len(plane)); err != nil || !bytes.Equal(got, plane) || len(packed) > 500 {
		t.Errorf("%d bytes, %v", len(packed), err)
	}
	damaged := bytes.Clone(packed)
	damaged[len(damaged)-1] ^= 1
	for name, c := range map[string]struct {
		packed []byte
		n      int
	}{"longer": {packed, len(plane) - 1}, "shorter": {packed, len(plane) + 1}, "cut": {packed[:20], len(plane)}, "no zlib": {plane, 1}, "damaged": {damaged, len(plane)}, "empty": {nil, 0}} {
		if _, err := Unpack(c.packed, c.n); !errors.Is(err, ErrRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := Unpack(Pack(nil), 0); err != nil || len(got) != 0 {
		t.Errorf("no samples: %v", err)
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(Pack([]byte("samples and samples and samples")))
	f.Add(Pack(nil))
	f.Fuzz(func(t *testing.T, packed []byte) {
		if plane, err := Unpack(packed, 31); err != nil && !errors.Is(err, ErrRecord) || err == nil && len(plane) != 31 {
			t.Errorf("%d bytes, %v", len(plane), err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(Record{}.Encode())
	f.Add(Record{Digest: make([]byte, 32), Residual: []byte("residual"), EXIF: {1, 2}}.Encode())
	texts := pngchunk.List{Shape: pngchunk.Shape{Channels: 3, Depth: 8}}
	texts.Add("pHYs", []byte("\x00\x00\x0b\x13\x00\x00\x0b\x13\x01"))
	texts.Add("tEXt", []byte("Title\x00words"))
	texts.Add("iTXt", []byte("Title\x00\x00\x00de\x00\x00words"))
	f.Add(Record{Digest: make([]byte, 32), Residual: []byte("residual"), Chunks: texts.Bytes()}.Encode())
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

// size is the section Size of every record in the tests.
var size = []byte{0, 0, 0, 4, 0, 0, 0, 3}

func TestFill(t *testing.T) {
	for name, r := range map[string]Record{
		"code":         {Size: size, Code: {1, 2, 3}},
		"empty code":   {Size: size, Code: {}},
		"with profile": {Size: size, Code: {1}, ICC: {2}},
		"file":         {Size: size, File: {1, 0}},
		"named file":   {Size: size, File: {1}, Name: []byte("a.jpg")},
	} {
		need := Overhead(len(r))
		for _, content := range r {
			need += len(content)
		}
		for _, n := range []int{need, need + 1, 1000} {
			b, err := r.Fill(n)
			if err != nil || len(b) != n {
				t.Fatalf("%s: %d bytes of %d, %v", name, len(b), n, err)
			}
			got, err := DecodeFilled(b)
			if err != nil || !maps.EqualFunc(got, r, bytes.Equal) {
				t.Errorf("%s: %v, %v", name, got, err)
			}
			if _, err := Decode(b); !errors.Is(err, ErrRecord) {
				t.Errorf("%s: it is taken for a record of a cipher image: %v", name, err)
			}
		}
		if b, err := r.Fill(need - 1); !errors.Is(err, ErrRoom) || b != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecodeFilledRefuses(t *testing.T) {
	fill := func(r Record) []byte {
		b, err := r.Fill(200)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	loud := fill(Record{Size: size, Code: {1}})
	loud[199] = 1
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":             {nil, "end is missing"},
		"a record":          {Record{Digest: bytes.Repeat([]byte{7}, 32), Residual: {1}}.Encode(), "section 1"},
		"empty record":      {Record{}.Encode(), "no size"},
		"no size":           {fill(Record{Code: {1}}), "no size"},
		"short size":        {fill(Record{Size: size[1:], Code: {1}}), "no size"},
		"no picture":        {fill(Record{Size: size}), "no picture"},
		"two pictures":      {fill(Record{Size: size, Code: {1}, File: {1}}), "or two"},
		"file and profile":  {fill(Record{Size: size, File: {1}, ICC: {1}}), "does not go"},
		"code and name":     {fill(Record{Size: size, Code: {1}, Name: []byte("a")}), "does not go"},
		"a path":            {fill(Record{Size: size, File: {1}, Name: []byte("../a")}), "name of its file"},
		"metadata":          {fill(Record{Size: size, File: {1}, EXIF: {1}}), "section 6"},
		"padding not zero":  {loud, "padding"},
		"section too long":  {[]byte{byte(Size), 255, 255, 255, 255, 0}, "cut"},
		"cut in its length": {[]byte{byte(Size), 0}, "cut"},
	} {
		if r, err := DecodeFilled(c.b); !errors.Is(err, ErrRecord) || !strings.Contains(err.Error(), c.want) || r != nil {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func FuzzDecodeFilled(f *testing.F) {
	for _, r := range []Record{{Size: size, Code: {1, 2}, ICC: {3}}, {Size: size, File: {1}, Name: []byte("a.jpg")}} {
		b, err := r.Fill(100)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeFilled(b)
		if err != nil {
			if !errors.Is(err, ErrRecord) {
				t.Errorf("error of no class: %v", err)
			}
			return
		}
		if again, err := r.Fill(len(b)); err != nil || !bytes.Equal(again, b) {
			t.Errorf("a second way to write the same record, %v", err)
		}
	})
}
