package container

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"image/png"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"enciphergan/internal/key"
	"enciphergan/internal/keyslot"
	"enciphergan/internal/picture"
	"enciphergan/internal/pngchunk"
)

var roomy = picture.Limits{Bytes: 1 << 23, Pixels: 1 << 21}

// Embedded, so that the same file serves the test binary under js/wasm.
//
//go:embed testdata/vectors.json
var vectorFile []byte

type vector struct {
	Name, Key, Nonce, Model, Slot, Statistics, Record, SHA256, File string
	Width, Height, Stride, Side, Length                             int
	MinSide                                                         int `json:"min_side"`
	SlotKind                                                        int `json:"slot_kind"`
}

func vectors(t testing.TB) []vector {
	var f struct{ Vectors []vector }
	if err := json.Unmarshal(vectorFile, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Vectors) == 0 {
		t.Fatal("testdata/vectors.json has no vectors")
	}
	return f.Vectors
}

// parts are what a vector is sealed from.
func (v vector) parts(t testing.TB) (h Header, subkeys key.Subkeys, levels, statistics []byte) {
	k, err := key.Parse([]byte(v.Key))
	if err != nil {
		t.Fatal(err)
	}
	h = Header{Model: [32]byte(unhex(t, v.Model)), Width: v.Width, Height: v.Height, Nonce: key.Nonce(unhex(t, v.Nonce)),
		Tiling: picture.Tiling{Stride: v.Stride, Side: v.Side, MinSide: v.MinSide},
		Slot:   keyslot.Slot{Kind: keyslot.Kind(v.SlotKind), Data: string(unhex(t, v.Slot))}}
	height, width := h.Padded()
	for i := uint32(0); len(levels) < 3*height*width; i++ {
		sum := sha256.Sum256(binary.BigEndian.AppendUint32([]byte("levels"), i))
		levels = append(levels, sum[:]...)
	}
	return h, k.Subkeys(h.Nonce), levels[:3*height*width], unhex(t, v.Statistics)
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (v vector) seal(t testing.TB) []byte {
	h, subkeys, levels, statistics := v.parts(t)
	file, err := Seal(h, subkeys, levels, statistics, unhex(t, v.Record))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// open is the whole way of a reader.
func open(file []byte, subkeys key.Subkeys, statistics int) (Header, Plaintext, error) {
	s, err := Parse(file, roomy)
	if err != nil {
		return Header{}, Plaintext{}, err
	}
	text, err := s.Open(subkeys, statistics)
	return s.Header, text, err
}

func (p Plaintext) empty() bool { return p.Levels == nil && p.Statistics == nil && p.Record == nil }

func (p Plaintext) equal(levels, statistics, record []byte) bool {
	return bytes.Equal(p.Levels, levels) && bytes.Equal(p.Statistics, statistics) && bytes.Equal(p.Record, record)
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			h, subkeys, levels, statistics := v.parts(t)
			before := bytes.Clone(levels)
			file := v.seal(t)
			if sum := sha256.Sum256(file); len(file) != v.Length || hex.EncodeToString(sum[:]) != v.SHA256 || v.File != "" && hex.EncodeToString(file) != v.File {
				t.Errorf("the file differs from the vector: %d bytes instead of %d, or other content", len(file), v.Length)
			}
			if !bytes.Equal(levels, before) {
				t.Error("Seal changed the levels it was given")
			}
			got, text, err := open(file, subkeys, len(statistics))
			if err != nil {
				t.Fatal(err)
			}
			h.Commitment = subkeys.Commitment
			if got != h || !text.equal(levels, statistics, unhex(t, v.Record)) {
				t.Error("opening does not give back what was sealed")
			}
			m, err := png.Decode(bytes.NewReader(file))
			if err != nil {
				t.Fatalf("not a valid PNG: %v", err)
			}
			if height, width := h.Padded(); m.Bounds().Dx() != width || m.Bounds().Dy() != height {
				t.Errorf("a PNG of %v", m.Bounds())
			}
		})
	}
}

func TestSealRefuses(t *testing.T) {
	h, subkeys, levels, statistics := vectors(t)[0].parts(t)
	for name, change := range map[string]func(*Header, *[]byte){
		"too few levels": func(_ *Header, l *[]byte) { *l = (*l)[1:] },
		"no width":       func(h *Header, _ *[]byte) { h.Width = 0 },
		"bad slot":       func(h *Header, _ *[]byte) { h.Slot.Data = "x" },
		"no stride":      func(h *Header, _ *[]byte) { h.Tiling.Stride = 0 },
	} {
		bad, l := h, levels
		change(&bad, &l)
		if _, err := Seal(bad, subkeys, l, statistics, nil); err == nil {
			t.Errorf("%s: sealed", name)
		}
	}
}

func TestWrongKey(t *testing.T) {
	v := vectors(t)[0]
	h, _, _, statistics := v.parts(t)
	_, _, err := open(v.seal(t), key.New().Subkeys(h.Nonce), len(statistics))
	if !errors.Is(err, ErrWrongKey) {
		t.Errorf("another key: %v", err)
	}
}

// chunk is one PNG chunk with its checksum.
func chunk(name string, data []byte) []byte {
	return pngchunk.Append(nil, name, data)
}

// split takes a file of Seal apart: signature with IHDR, enCR's payload, the rest.
func split(file []byte) (head, private, rest []byte) {
	const at = 8 + 12 + 13
	n := int(binary.BigEndian.Uint32(file[at:]))
	return file[:at], file[at+8 : at+8+n], file[at+12+n:]
}

func TestOtherCompressionOpens(t *testing.T) {
	for _, v := range vectors(t) {
		_, subkeys, levels, statistics := v.parts(t)
		file := v.seal(t)
		_, private, _ := split(file)
		m, err := png.Decode(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		again := b.Bytes()
		end := len(again) - 12
		for name, file := range map[string][]byte{
			"chunk after IHDR":   slices.Concat(again[:33], chunk(chunkName, private), again[33:]),
			"chunk before IEND":  slices.Concat(again[:end], chunk(chunkName, private), again[end:]),
			"with other chunks":  slices.Concat(again[:33], chunk("tIME", make([]byte, 7)), chunk(chunkName, private), chunk("tEXt", []byte("a\x00b")), again[33:]),
			"bytes behind IEND":  slices.Concat(again[:33], chunk(chunkName, private), again[33:], []byte("hello")),
			"transparent colour": slices.Concat(again[:33], chunk(chunkName, private), chunk("tRNS", []byte{0, levels[0], 0, levels[1], 0, levels[2]}), again[33:]),
		} {
			_, text, err := open(file, subkeys, len(statistics))
			if err != nil || !text.equal(levels, statistics, unhex(t, v.Record)) {
				t.Errorf("%s: %s: %v", v.Name, name, err)
			}
		}
	}
}

// TestEveryByte changes each byte of a file, as an accident would.
func TestEveryByte(t *testing.T) {
	v := vectors(t)[0]
	_, subkeys, levels, statistics := v.parts(t)
	good := v.seal(t)
	classes := map[string]int{}
	for i := range good {
		for _, by := range []byte{1, 0x20, 0x80} {
			file := bytes.Clone(good)
			file[i] ^= by
			_, text, err := open(file, subkeys, len(statistics))
			switch {
			case errors.Is(err, ErrChanged):
				classes["changed"]++
			case errors.Is(err, ErrNotCipher):
				classes["not a cipher image"]++
				if i >= 8+12+13+12+headerSize {
					t.Errorf("byte %d: behind the chunk, and yet %v", i, err)
				}
			case err != nil:
				t.Errorf("byte %d: %v", i, err)
			case text.equal(levels, statistics, unhex(t, v.Record)):
				classes["harmless"]++
			default:
				t.Fatalf("byte %d: a wrong picture", i)
			}
		}
	}
	t.Logf("%d bytes: %v", len(good), classes)
	if classes["changed"] < len(good) {
		t.Errorf("too few were told to be changed: %v", classes)
	}
}

// TestEveryHeaderByte changes the header and mends the chunk's checksum, as an adversary would.
func TestEveryHeaderByte(t *testing.T) {
	v := vectors(t)[0]
	_, subkeys, _, statistics := v.parts(t)
	head, private, rest := split(v.seal(t))
	for i := range private {
		p := bytes.Clone(private)
		p[i] ^= 1
		_, text, err := open(slices.Concat(head, chunk(chunkName, p), rest), subkeys, len(statistics))
		want := ErrChanged
		switch {
		case i < 8:
			want = ErrNotCipher
		case i == 10:
			want = ErrBare // and no more, whatever the flag says
		case i < 11:
			want = ErrVersion
		case i >= headerSize-34 && i < headerSize-2:
			want = ErrWrongKey
		}
		if !errors.Is(err, want) || !text.empty() {
			if errors.Is(err, ErrTooLarge) && i >= 44 && i < 52 {
				continue // the changed byte is a high one of width or height
			}
			t.Errorf("byte %d of the header: %v, want %v", i, err, want)
		}
	}
}

// A bare cipher is read as one, and as nothing else.
func TestBare(t *testing.T) {
	for _, v := range vectors(t) {
		h, subkeys, levels, statistics := v.parts(t)
		file, err := WriteBare(h, subkeys, levels, statistics)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(file, roomy)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := s.Open(subkeys, len(statistics)); !errors.Is(err, ErrBare) || !text.empty() {
			t.Errorf("%s: opened as a sealed file: %v", v.Name, err)
		}
		text, err := s.ReadBare(subkeys, len(statistics))
		if err != nil || !text.equal(levels, statistics, nil) || !s.Header.Bare {
			t.Errorf("%s: %v", v.Name, err)
		}
		if _, err := s.ReadBare(key.New().Subkeys(h.Nonce), len(statistics)); !errors.Is(err, ErrWrongKey) {
			t.Errorf("%s: another key: %v", v.Name, err)
		}
		if _, err := s.ReadBare(subkeys, len(statistics)+1); !errors.Is(err, ErrChanged) {
			t.Errorf("%s: other statistics: %v", v.Name, err)
		}
		sealed, err := Parse(v.seal(t), roomy)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := sealed.ReadBare(subkeys, len(statistics)); !errors.Is(err, ErrChanged) || !text.empty() {
			t.Errorf("%s: a sealed file read as a bare one: %v", v.Name, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	v := vectors(t)[0]
	h, subkeys, levels, statistics := v.parts(t)
	good := v.seal(t)
	head, private, rest := split(good)
	with := func(private []byte) []byte { return slices.Concat(head, chunk(chunkName, private), rest) }
	set := func(at int, b ...byte) []byte {
		p := bytes.Clone(private)
		copy(p[at:], b)
		return with(p)
	}
	huge := set(44, 0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0)
	tall := h
	tall.Width, tall.Height, tall.Tiling = 1, 1<<19, picture.Tiling{Stride: 4, MinSide: 65532} // a legal picture whose padding is not
	tallFile := with(append(tall.encode(), 0))

	for name, c := range map[string]struct {
		file []byte
		is   error
		want string
	}{
		"empty":              {nil, ErrNotCipher, "not a PNG"},
		"JPEG":               {[]byte("\xff\xd8\xff\xe0"), ErrNotCipher, "not a PNG"},
		"chunk removed":      {slices.Concat(head, rest), ErrNotCipher, "messengers"},
		"chunk twice":        {slices.Concat(head, chunk(chunkName, private), chunk(chunkName, private), rest), ErrChanged, "two chunks"},
		"other kind":         {with([]byte("somebody else's")), ErrNotCipher, "another program"},
		"empty chunk":        {with(nil), ErrNotCipher, "another program"},
		"version 2":          {set(8, 0, 2), ErrVersion, "version 2"},
		"flags":              {set(10, 0x80), ErrVersion, "flags 0x80"},
		"kind of slot":       {set(11, 3), ErrVersion, "slot of kind 3"},
		"slot for another":   {set(11, 1), ErrChanged, "0 bytes for a passphrase"},
		"slot too long":      {set(headerSize-2, 255, 255), ErrChanged, "header is cut short"},
		"slot of nothing":    {set(headerSize-2, 0, 1), ErrChanged, "1 bytes for a key file"},
		"cut header":         {with(private[:headerSize-1]), ErrChanged, "header is cut short"},
		"100,000 x 100,000":  {huge, ErrTooLarge, "100000 x 100000"},
		"huge padding":       {tallFile, ErrTooLarge, "65532"},
		"stride 0":           {set(52, 0, 0), ErrChanged, "stride 0"},
		"no size":            {set(44, 0, 0, 0, 0), ErrChanged, "0 x 3"},
		"other size":         {set(47, 50), ErrChanged, "should be 52 x 4"},
		"cut before chunk":   {head[:20], ErrNotCipher, "cut short"},
		"cut behind chunk":   {good[:len(good)-30], ErrChanged, "cut short"},
		"chunk of 4 GB":      {slices.Concat(head, []byte("\xff\xff\xff\xffenCR"), rest), ErrNotCipher, "damaged"},
		"not IHDR first":     {slices.Concat(head[:8], chunk("tEXt", make([]byte, 13)), rest), ErrNotCipher, "header"},
		"longer than limits": {make([]byte, roomy.Bytes+1), ErrTooLarge, "bytes"},
	} {
		if s, err := Parse(c.file, roomy); s != nil || !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q about %q", name, err, c.is, c.want)
		}
	}
	// What only Open can tell.
	gray := bytes.Clone(head)
	gray[25] = 0
	for name, file := range map[string][]byte{
		"tail one byte longer":  with(append(bytes.Clone(private), 0)),
		"tail one byte shorter": with(private[:len(private)-1]),
		"no pixels":             slices.Concat(head, chunk(chunkName, private), chunk("IEND", nil)),
		"too few pixels":        slices.Concat(head, chunk(chunkName, private), chunk("IDAT", deflate(t, levels[:5])), chunk("IEND", nil)),
		"gray pixels":           slices.Concat(gray, chunk(chunkName, private), rest),
	} {
		if _, text, err := open(file, subkeys, len(statistics)); !errors.Is(err, ErrChanged) || !text.empty() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := open(good, subkeys, len(statistics)+len(v.Record)/2+1); !errors.Is(err, ErrChanged) {
		t.Errorf("statistics longer than what is there: %v", err)
	}
}

// allocated counts the bytes that a call allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A small file that declares a large picture ends before memory is taken for its pixels, for
// somebody, too, who has copied header and nonce of a file of the same key.
func TestFewPixels(t *testing.T) {
	h, subkeys, _, statistics := vectors(t)[0].parts(t)
	h.Width, h.Height = 4096, 4096
	h.Commitment = subkeys.Commitment
	height, width := h.Padded()
	limits := picture.Limits{Bytes: 1 << 30, Pixels: 100_000_000}
	zeros := deflate(t, make([]byte, height*(1+3*width)))
	for name, bare := range map[string]bool{"sealed": false, "bare": true} {
		h.Bare = bare
		tail := make([]byte, len(statistics))
		if !bare {
			tail = make([]byte, len(statistics)+16)
		}
		for pixels, data := range map[string][]byte{"few": zeros, "none": nil} {
			file := slices.Concat([]byte(signature), chunk("IHDR", []byte{0, 0, byte(width >> 8), byte(width), 0, 0, byte(height >> 8), byte(height), 8, 2, 0, 0, 0}),
				chunk(chunkName, append(h.encode(), tail...)), chunk("IDAT", data), chunk("IEND", nil))
			var err error
			var text Plaintext
			bytes := allocated(func() {
				var s *Sealed
				if s, err = Parse(file, limits); err != nil {
					return
				}
				if bare {
					text, err = s.ReadBare(subkeys, len(statistics))
				} else {
					text, err = s.Open(subkeys, len(statistics))
				}
			})
			t.Logf("%s, %s: a file of %d bytes, of %d bytes of samples: %d bytes allocated: %v", name, pixels, len(file), 3*height*width, bytes, err)
			if !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), "at least") || !text.empty() {
				t.Errorf("%s, %s: %v", name, pixels, err)
			}
			if bytes > 1<<16 {
				t.Errorf("%s, %s: %d bytes were allocated", name, pixels, bytes)
			}
		}
	}
}

// The memory that opening takes is that of the plaintext and a third of the samples.
func TestMemoryOfOpening(t *testing.T) {
	h, subkeys, _, statistics := vectors(t)[0].parts(t)
	h.Width, h.Height = 1024, 1024
	height, width := h.Padded()
	file, err := Seal(h, subkeys, make([]byte, 3*height*width), statistics, make([]byte, 1000))
	if err != nil {
		t.Fatal(err)
	}
	bytes := allocated(func() { _, _, err = open(file, subkeys, len(statistics)) })
	if most := uint64(4*height*width + 1<<18); err != nil || bytes > most {
		t.Errorf("%d bytes were allocated, want at most %d: %v", bytes, most, err)
	}
}

func deflate(t *testing.T, b []byte) []byte {
	var out bytes.Buffer
	w, err := zlib.NewWriterLevel(&out, zlib.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(b)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestSizes(t *testing.T) {
	seed := [2]uint64{5, 6}
	t.Logf("seed %v", seed)
	r := rand.New(rand.NewPCG(seed[0], seed[1]))
	k := key.New()
	for range 100 {
		h := Header{Width: 1 + r.IntN(200), Height: 1 + r.IntN(200), Nonce: key.NewNonce(), Tiling: picture.Tiling{Stride: 4, Side: 16, MinSide: 8}}
		height, width := h.Padded()
		levels, statistics, record := make([]byte, 3*height*width), make([]byte, r.IntN(100)), make([]byte, r.IntN(100))
		file, err := Seal(h, k.Subkeys(h.Nonce), levels, statistics, record)
		if err != nil {
			t.Fatal(err)
		}
		_, text, err := open(file, k.Subkeys(h.Nonce), len(statistics))
		if err != nil || !text.equal(levels, statistics, record) {
			t.Errorf("%d x %d: %v", h.Width, h.Height, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range vectors(f) {
		if v.File == "" {
			continue
		}
		file := v.seal(f)
		head, private, rest := split(file)
		f.Add(file)
		f.Add(slices.Concat(head, rest))
		f.Add(slices.Concat(head, chunk(chunkName, private), chunk(chunkName, private), rest))
	}
	v := vectors(f)[0]
	_, subkeys, levels, statistics := v.parts(f)
	f.Fuzz(func(t *testing.T, file []byte) {
		s, err := Parse(file, roomy)
		if err != nil {
			for _, class := range []error{ErrNotCipher, ErrVersion, ErrChanged, ErrTooLarge} {
				if errors.Is(err, class) {
					return
				}
			}
			t.Fatalf("error of no class: %v", err)
		}
		if !bytes.Equal(s.Header.encode(), s.ad) {
			t.Fatal("the header does not encode to what was parsed")
		}
		text, err := s.Open(subkeys, len(statistics))
		if err != nil {
			if !errors.Is(err, ErrWrongKey) && !errors.Is(err, ErrChanged) {
				t.Fatalf("error of no class: %v", err)
			}
			return
		}
		if !text.equal(levels, statistics, unhex(t, v.Record)) {
			t.Fatal("another plaintext under a valid tag")
		}
	})
}
