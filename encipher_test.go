package encipher

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"enciphergan/internal/container"
	"enciphergan/internal/kernel"
	"enciphergan/internal/keyschedule"
	"enciphergan/internal/metric"
	"enciphergan/internal/network"
	"enciphergan/internal/record"
	"enciphergan/models"
)

// fake replaces a trained model. It adds noise derived from the tile seed and, like a trained
// model, does not recover everything: every 97th sample differs.
type fake struct {
	name   string
	tiling network.Tiling
	fault  func(tile []byte) error // nil: none
	drift  byte                    // added to recovered samples, as if the machine had another arithmetic
}

func (f *fake) Name() string                                { return f.name }
func (f *fake) Card() network.Card                          { return network.Card{Name: f.name} }
func (f *fake) Fingerprint() [32]byte                       { return sha256.Sum256([]byte(f.name)) }
func (f *fake) Tiling() network.Tiling                      { return f.tiling }
func (f *fake) StatisticsBytes() int                        { return 12 }
func (f *fake) TileMemory(height, width int) (int64, error) { return 400 * int64(height*width), nil }
func (f *fake) Arithmetic() kernel.Arithmetic               { return kernel.Canonical }
func (f *fake) newSession(kernel.Arithmetic) session        { return &fakeSession{fake: f} }

type fakeSession struct {
	*fake
	busy atomic.Bool
}

// enter returns an error if two goroutines use one session, or if the tiling does not
// allow the shape of a tile.
func (s *fakeSession) enter(samples []byte, height, width int) error {
	if !s.busy.CompareAndSwap(false, true) {
		return errors.New("two goroutines use one session")
	}
	t := s.tiling
	if height%t.Stride != 0 || width%t.Stride != 0 || min(height, width) < t.MinSide || len(samples) != 3*height*width {
		return fmt.Errorf("a tile of %d x %d with %d samples", height, width, len(samples))
	}
	if s.fault != nil {
		return s.fault(samples)
	}
	return nil
}

func noise(seed keyschedule.Seed, n int) []byte {
	b := make([]byte, 0, n+31)
	for i := uint32(0); len(b) < n; i++ {
		sum := sha256.Sum256(binary.BigEndian.AppendUint32(seed[:], i))
		b = append(b, sum[:]...)
	}
	return b[:n]
}

func (s *fakeSession) Encrypt(ctx context.Context, rgb []byte, height, width int, seed keyschedule.Seed) (network.Cipher, error) {
	if err := s.enter(rgb, height, width); err != nil {
		return network.Cipher{}, err
	}
	defer s.busy.Store(false)
	levels := noise(seed, len(rgb))
	statistics := slices.Clone(levels[:12])
	for i, v := range rgb {
		levels[i] += v
	}
	return network.Cipher{Height: height, Width: width, Levels: levels, Statistics: statistics}, ctx.Err()
}

func (s *fakeSession) Decrypt(ctx context.Context, c network.Cipher, seed keyschedule.Seed) ([]byte, error) {
	if err := s.enter(c.Levels, c.Height, c.Width); err != nil {
		return nil, err
	}
	defer s.busy.Store(false)
	rgb := noise(seed, len(c.Levels))
	if !bytes.Equal(c.Statistics, rgb[:12]) {
		return nil, errors.New("the statistics belong to another tile")
	}
	for i, v := range c.Levels {
		rgb[i] = v - rgb[i] + s.drift
		if i%97 == 0 {
			rgb[i] ^= 2
		}
	}
	return rgb, ctx.Err()
}

func fakeModel() *Model {
	return &Model{network: &fake{name: "fake", tiling: network.Tiling{Stride: 8, Side: 64, MinSide: 16}}}
}

// photo returns a PNG of gradients with a little noise.
func photo(t testing.TB, height, width int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			m.SetNRGBA(x, y, color.NRGBA{uint8(x + r.IntN(9)), uint8(y + r.IntN(9)), uint8(x*y/50 + r.IntN(9)), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func newKey(t testing.TB) Key {
	k, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestThereAndBack(t *testing.T) {
	m, k, ctx := fakeModel(), newKey(t), t.Context()
	for _, size := range [][2]int{{1, 1}, {1, 300}, {300, 1}, {15, 17}, {64, 64}, {65, 79}, {80, 81}, {200, 333}} {
		s, err := m.Encrypt(ctx, photo(t, size[0], size[1], 1), k)
		if err != nil {
			t.Fatalf("%v: %v", size, err)
		}
		o, err := m.Decrypt(ctx, s.PNG, k)
		if err != nil {
			t.Fatalf("%v: %v", size, err)
		}
		if o.Picture.Height != size[0] || o.Picture.Width != size[1] || !bytes.Equal(o.Picture.RGB, s.Picture.RGB) || !o.Exact || s.ResidualBytes == 0 {
			t.Errorf("%v: not the picture that was encrypted", size)
		}
		if !bytes.Equal(o.NeuralCipher.RGB, s.NeuralCipher.RGB) || o.NeuralCipher.Width != s.NeuralCipher.Width || o.NeuralCipher.Width%8 != 0 || o.NeuralCipher.Width < size[1] {
			t.Errorf("%v: the bare output differs, or has width %d", size, o.NeuralCipher.Width)
		}
		if g, err := s.Generated(); err != nil || g.Width != o.Generated.Width || !bytes.Equal(g.RGB, o.Generated.RGB) {
			t.Errorf("%v: Encrypt and Decrypt return different output of the decryption generator: %v", size, err)
		}
		config, err := png.DecodeConfig(bytes.NewReader(s.PNG))
		if err != nil || config.Width != s.NeuralCipher.Width || config.Height != s.NeuralCipher.Height {
			t.Errorf("%v: the cipher image is a PNG of %d x %d: %v", size, config.Width, config.Height, err)
		}
		back, err := png.Decode(bytes.NewReader(o.PNG))
		if err != nil {
			t.Fatal(err)
		}
		if r, g, b, a := back.At(size[1]-1, size[0]-1).RGBA(); a != 0xffff || !bytes.Equal(o.Picture.RGB[len(o.Picture.RGB)-3:], []byte{byte(r >> 8), byte(g >> 8), byte(b >> 8)}) {
			t.Errorf("%v: the PNG holds another last pixel", size)
		}
	}
}

func TestApproximate(t *testing.T) {
	m, k, ctx := fakeModel(), newKey(t), t.Context()
	file := photo(t, 70, 90, 1)
	differing := func(a, b *Picture) (n int) {
		for i, v := range a.RGB {
			if v != b.RGB[i] {
				n++
			}
		}
		return n
	}
	off, err := m.Encrypt(ctx, file, k, WithContent(ContentApproximate))
	if err != nil {
		t.Fatal(err)
	}
	if g, err := off.Generated(); g != nil || err != nil {
		t.Errorf("without exactness, Encrypt returns output of the decryption generator: %v", err)
	}
	o, err := m.Decrypt(ctx, off.PNG, k)
	if err != nil {
		t.Fatal(err)
	}
	if n := differing(o.Picture, off.Picture); n == 0 || n > 2*len(o.Picture.RGB)/97 || o.Exact || off.ResidualBytes != 0 {
		t.Errorf("without exactness: %d samples differ, exact %v, residual of %d bytes", n, o.Exact, off.ResidualBytes)
	}

	on, err := m.Encrypt(ctx, file, k)
	if err != nil {
		t.Fatal(err)
	}
	drifting := fakeModel()
	drifting.network.(*fake).drift = 1
	if o, err := drifting.Decrypt(ctx, on.PNG, k); o != nil || CodeOf(err) != NotExact {
		t.Errorf("a generator that computes otherwise: %v", err)
	}
	o, err = drifting.Decrypt(ctx, on.PNG, k, AcceptApproximate())
	if err != nil {
		t.Fatal(err)
	}
	if n := differing(o.Picture, on.Picture); n != len(o.Picture.RGB) || o.Exact {
		t.Errorf("asked for: %d samples differ, exact %v", n, o.Exact)
	}
	if o, err := m.Decrypt(ctx, on.PNG, k, AcceptApproximate()); err != nil || !o.Exact || differing(o.Picture, on.Picture) != 0 {
		t.Errorf("asked for and not needed: %v", err)
	}
}

// TestHostileRecord opens files that are sealed with the right key by a hostile program.
func TestHostileRecord(t *testing.T) {
	m, k, ctx := fakeModel(), newKey(t), t.Context()
	s, err := m.Encrypt(ctx, photo(t, 20, 20, 1), k)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := container.Parse(s.PNG, limits)
	if err != nil {
		t.Fatal(err)
	}
	subkeys := k.Subkeys(sealed.Header.Nonce)
	text, err := sealed.Open(subkeys, m.network.StatisticsBytes())
	if err != nil {
		t.Fatal(err)
	}
	digest := s.Picture.Digest()
	for name, c := range map[string]struct {
		record []byte
		code   string
	}{
		"no record":             {nil, UnsupportedVersion},
		"unknown section":       {append([]byte{9, 0, 0, 0, 0}, make([]byte, 251)...), UnsupportedVersion},
		"residual of no block":  {record.Record{record.Digest: digest[:], record.Residual: {}}.Encode(), NotExact},
		"residual too long":     {record.Record{record.Digest: digest[:], record.Residual: {0, 0, 0, 0, 0}}.Encode(), NotExact},
		"residual of all zeros": {record.Record{record.Digest: digest[:], record.Residual: {0, 0, 0, 0}}.Encode(), NotExact},
		"alpha of no plane":     {record.Record{record.Digest: digest[:], record.Residual: {0, 0, 0, 0}, record.Alpha: {1}}.Encode(), NotExact},
		"another number of low": {record.Record{record.Digest: digest[:], record.Residual: {0, 0, 0, 0}, record.LowBytes: record.Pack(make([]byte, 400))}.Encode(), NotExact},
		"approximate":           {record.Record{}.Encode(), ""},
	} {
		file, err := container.Seal(sealed.Header, subkeys, text.Levels, text.Statistics, c.record)
		if err != nil {
			t.Fatal(err)
		}
		if o, err := m.Decrypt(ctx, file, k); CodeOf(err) != c.code || (err == nil) != (o != nil) {
			t.Errorf("%s: %v, want %q", name, err, c.code)
		}
		if o, err := m.Decrypt(ctx, file, k, AcceptApproximate()); c.code == NotExact && (err != nil || o.Exact || metric.PSNR(o.Picture.RGB, s.Picture.RGB) < 50) {
			t.Errorf("%s: approximately: %v", name, err)
		}
	}
}

func TestOrientedPhotoIsUpright(t *testing.T) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 40, 20)), nil); err != nil {
		t.Fatal(err)
	}
	exif := []byte("\xff\xe1\x00\x22Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00")
	s, err := fakeModel().Encrypt(t.Context(), slices.Concat(b.Bytes()[:2], exif, b.Bytes()[2:]), newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	if s.Picture.Width != 20 || s.Picture.Height != 40 {
		t.Errorf("a photo to be turned is %d x %d", s.Picture.Width, s.Picture.Height)
	}
}

func TestNonce(t *testing.T) {
	m, k, ctx, file := fakeModel(), newKey(t), t.Context(), photo(t, 150, 170, 1)
	encrypt := func(opts ...EncryptOption) []byte {
		s, err := m.Encrypt(ctx, file, k, opts...)
		if err != nil {
			t.Fatal(err)
		}
		return s.PNG
	}
	a, b := encrypt(), encrypt()
	if len(a) != len(b) {
		t.Errorf("two encryptions of one picture have %d and %d bytes", len(a), len(b))
	}
	equal := 0
	for i := range min(len(a), len(b)) {
		if a[i] == b[i] {
			equal++
		}
	}
	if equal > len(a)/64 { // 1/256 by chance, and the structure of the PNG
		t.Errorf("two encryptions of one picture share %d of %d bytes", equal, len(a))
	}
	fixed := WithFixedNonce([24]byte{1, 2, 3})
	if !bytes.Equal(encrypt(fixed, WithWorkers(1)), encrypt(fixed, WithWorkers(7))) {
		t.Error("the file depends on the number of workers")
	}
}

func TestProgress(t *testing.T) {
	m, k, ctx := fakeModel(), newKey(t), t.Context()
	var calls []string
	last, ends := map[string]int{}, map[string]bool{}
	watch := WithProgress(func(stage string, done, total int) {
		if len(calls) == 0 || calls[len(calls)-1] != stage {
			calls = append(calls, stage)
			if done != 0 {
				t.Errorf("%s begins at %d", stage, done)
			}
		} else if done <= last[stage] {
			t.Errorf("%s goes from %d to %d", stage, last[stage], done)
		}
		last[stage], ends[stage] = done, done == total
	})
	s, err := m.Encrypt(ctx, photo(t, 200, 200, 1), k, watch, WithWorkers(4))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Decrypt(ctx, s.PNG, k, watch, WithWorkers(4)); err != nil {
		t.Fatal(err)
	}
	if want := []string{"decode", "encrypt", "seal", "open", "decrypt", "encode"}; !slices.Equal(calls, want) {
		t.Errorf("stages %q, want %q", calls, want)
	}
	for stage, ended := range ends {
		if !ended {
			t.Errorf("%s does not reach its total", stage)
		}
	}
	if last["encrypt"] != 9 {
		t.Errorf("%d tiles", last["encrypt"])
	}
}

func TestCancel(t *testing.T) {
	m, k, file := fakeModel(), newKey(t), photo(t, 300, 300, 1)
	s, err := m.Encrypt(t.Context(), file, k)
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{1, 3} {
		for name, run := range map[string]func(ctx context.Context, workers, progress Option) error{
			"encrypt": func(ctx context.Context, w, p Option) error { _, err := m.Encrypt(ctx, file, k, w, p); return err },
			"decrypt": func(ctx context.Context, w, p Option) error { _, err := m.Decrypt(ctx, s.PNG, k, w, p); return err },
		} {
			ctx, cancel := context.WithCancelCause(t.Context())
			tiles := 0
			err := run(ctx, WithWorkers(workers), WithProgress(func(stage string, done, total int) {
				if stage == name && done == 2 {
					cancel(errors.New("a signal came"))
				}
				if stage == name {
					tiles = done
				}
			}))
			if CodeOf(err) != Canceled || !errors.Is(err, context.Canceled) || tiles > 2+workers {
				t.Errorf("%s with %d workers: %v after %d tiles", name, workers, err, tiles)
			}
		}
	}
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	if _, err := m.Encrypt(ctx, file, k); CodeOf(err) != Canceled {
		t.Errorf("a deadline in the past: %v", err)
	}
}

func TestErrors(t *testing.T) {
	m, k, ctx := fakeModel(), newKey(t), t.Context()
	file := photo(t, 40, 40, 1)
	s, err := m.Encrypt(ctx, file, k)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(s.PNG, []byte("enCR"))
	newer := bytes.Clone(s.PNG)
	newer[at+4+9]++ // the version; the chunk's checksum no longer fits, so it counts as damage
	flipped := bytes.Clone(s.PNG)
	flipped[len(flipped)/2] ^= 1
	other := &Model{network: &fake{name: "other", tiling: network.Tiling{Stride: 8, Side: 64, MinSide: 16}}}
	whole := &Model{network: &fake{name: "whole", tiling: network.Tiling{Stride: 8, MinSide: 16, MaxPixels: 39 * 39}}}
	failing := func(f func([]byte) error) *Model {
		return &Model{network: &fake{name: "fake", tiling: network.Tiling{Stride: 8, Side: 64, MinSide: 16}, fault: f}}
	}
	encrypt := func(m *Model, file []byte, k Key) func() error {
		return func() error {
			s, err := m.Encrypt(ctx, file, k, WithWorkers(2))
			if err != nil && s != nil {
				t.Error("an error and a result")
			}
			return err
		}
	}
	decrypt := func(m *Model, file []byte, k Key) func() error {
		return func() error {
			o, err := m.Decrypt(ctx, file, k, WithWorkers(2))
			if err != nil && o != nil {
				t.Error("an error and a result")
			}
			return err
		}
	}
	for name, c := range map[string]struct {
		run        func() error
		code, want string
	}{
		"no picture":              {encrypt(m, []byte("hello"), k), BadPicture, "not a PNG"},
		"unsupported picture":     {encrypt(m, []byte("II\x2b\x00\x08\x00\x00\x00"), k), UnsupportedPicture, "BigTIFF; convert it to PNG"},
		"cut picture":             {encrypt(m, file[:len(file)/2], k), BadPicture, "not enough pixel data"},
		"declares 10^10 pixels":   {encrypt(m, declare(100_000), k), TooLarge, "100000 x 100000"},
		"over the model's limit":  {encrypt(whole, file, k), TooLarge, "1521"},
		"no key":                  {encrypt(m, file, Key{}), BadKey, "no key"},
		"no key to decrypt":       {decrypt(m, s.PNG, Key{}), BadKey, "no key"},
		"decrypt a photo":         {decrypt(m, file, k), NotCipher, "enCR"},
		"wrong key":               {decrypt(m, s.PNG, newKey(t)), WrongKey, "not the key"},
		"flipped bit":             {decrypt(m, flipped, k), Changed, "changed"},
		"damaged header":          {decrypt(m, newer, k), Changed, "checksum"},
		"cut cipher image":        {decrypt(m, s.PNG[:len(s.PNG)-9], k), Changed, "cut short"},
		"other model":             {decrypt(other, s.PNG, k), OtherModel, other.Fingerprint()[:16]},
		"other model, named":      {decrypt(other, s.PNG, k), OtherModel, m.Fingerprint()[:16]},
		"generator fails":         {encrypt(failing(func([]byte) error { return errors.New("no luck") }), file, k), BadModel, "tile 0: no luck"},
		"generator panics":        {encrypt(failing(func([]byte) error { panic("boom") }), file, k), Internal, "boom"},
		"generator panics behind": {decrypt(failing(func([]byte) error { panic("boom") }), s.PNG, k), Internal, "boom"},
		"bad key text":            {func() error { _, err := ParseKey("ENCIPHER-KEY-1QQ"); return err }, BadKey, "cut"},
		"empty model":             {func() error { _, err := OpenModel(ModelFiles{}); return err }, BadModel, "cannot use the model"},
	} {
		err := c.run()
		var e *Error
		if CodeOf(err) != c.code || err == nil || !strings.Contains(err.Error(), c.want) || !errors.As(err, &e) || e.Hint == "" {
			t.Errorf("%s: code %q, error %v; want %q about %q, and a hint", name, CodeOf(err), err, c.code, c.want)
		}
	}
	if CodeOf(nil) != "" || CodeOf(errors.New("x")) != Internal || CodeOf(fmt.Errorf("x: %w", context.Canceled)) != Canceled {
		t.Error("CodeOf of errors from elsewhere")
	}
}

// TestFlatBareCiphers checks that bare cipher images of a white picture, which compress best, still open after
// another program has compressed them as far as PNG can.
func TestFlatBareCiphers(t *testing.T) {
	flat := image.NewNRGBA(image.Rect(0, 0, 320, 240))
	for i := range flat.Pix {
		flat.Pix[i] = 255
	}
	var file bytes.Buffer
	if err := png.Encode(&file, flat); err != nil {
		t.Fatal(err)
	}
	k := newKey(t)
	for _, name := range models.Names() {
		files, err := models.Files(name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := OpenModel(files)
		if err != nil {
			t.Fatal(err)
		}
		s, err := m.Encrypt(t.Context(), file.Bytes(), k, WithContent(ContentBareCipher))
		if err != nil {
			t.Fatal(err)
		}
		shown, err := png.Decode(bytes.NewReader(s.PNG))
		if err != nil {
			t.Fatal(err)
		}
		var small bytes.Buffer
		if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, shown); err != nil {
			t.Fatal(err)
		}
		again := join(slices.Insert(chunksOf(small.Bytes()), 1, chunksOf(s.PNG)[1]))
		t.Logf("%s: %d bytes become %d", name, len(s.PNG), len(again))
		one, err := m.Decrypt(t.Context(), s.PNG, k, AcceptBareCipher())
		if err != nil {
			t.Fatal(err)
		}
		if o, err := m.Decrypt(t.Context(), again, k, AcceptBareCipher()); err != nil || !bytes.Equal(o.PNG, one.PNG) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRealNetwork encrypts and decrypts with networks instead of the fake.
func TestRealNetwork(t *testing.T) {
	open := func(f ModelFiles, err error) *Model {
		if err != nil {
			t.Fatal(err)
		}
		m, err := OpenModel(f)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	r := rand.New(rand.NewPCG(9, 10))
	d := network.Reversible()
	d.Couplings, d.Hidden = 1, 4
	w, err := network.NewWeights(d.Encryption(), r)
	if err != nil {
		t.Fatal(err)
	}
	opened := map[string]*Model{"untrained": open(network.NewFiles(d, network.Card{Name: "untrained"}, w, w))}
	for _, name := range models.Names() {
		opened[name] = open(models.Files(name))
	}
	k := newKey(t)
	for name, m := range opened {
		for _, size := range [][2]int{{1, 1}, {37, 90}, {261, 300}} {
			if tiling := m.network.Tiling(); tiling.Side == 0 && size[0] > 200 {
				continue // the paper profile is slow, and uses one tile at every size
			}
			s, err := m.Encrypt(t.Context(), photo(t, size[0], size[1], 1), k)
			if err != nil {
				t.Fatalf("%s: %v: %v", name, size, err)
			}
			o, err := m.Decrypt(t.Context(), s.PNG, k)
			if err != nil {
				t.Fatalf("%s: %v: %v", name, size, err)
			}
			if o.Picture.Height != size[0] || o.Picture.Width != size[1] || !bytes.Equal(o.Picture.RGB, s.Picture.RGB) || !o.Exact {
				t.Errorf("%s: %v: not the picture that was encrypted", name, size)
			}
			approximate, err := m.Encrypt(t.Context(), photo(t, size[0], size[1], 1), k, WithContent(ContentApproximate))
			if err != nil {
				t.Fatalf("%s: %v: %v", name, size, err)
			}
			if o, err = m.Decrypt(t.Context(), approximate.PNG, k); err != nil {
				t.Fatalf("%s: %v: %v", name, size, err)
			}
			psnr := metric.PSNR(o.Picture.RGB, s.Picture.RGB)
			t.Logf("%s: %v: residual of %d bytes; without it PSNR %.1f dB", name, size, s.ResidualBytes, psnr)
			if m.network.StatisticsBytes() > 0 && psnr < 25 {
				t.Errorf("%s: %v: %.1f dB", name, size, psnr)
			}
		}
	}
}

// declare returns the header of a PNG for a square picture, without samples.
func declare(side uint32) []byte {
	b := binary.BigEndian.AppendUint32([]byte("IHDR"), side)
	b = append(binary.BigEndian.AppendUint32(b, side), 8, 2, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), b...)
}

// TestRandomChanges changes random single bytes of a file of the shipped model:
// each change must be rejected or be harmless. ENCIPHER_CHANGES sets the number of changes.
func TestRandomChanges(t *testing.T) {
	changes := 500
	if n, err := strconv.Atoi(os.Getenv("ENCIPHER_CHANGES")); err == nil {
		changes = n
	}
	k, ctx := newKey(t), t.Context()
	files, err := models.Files(models.Default)
	if err != nil {
		t.Fatal(err)
	}
	m, err := OpenModel(files)
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.Encrypt(ctx, photo(t, 24, 24, 1), k)
	if err != nil {
		t.Fatal(err)
	}
	seed := [2]uint64{7, 8}
	t.Logf("seed %v", seed)
	r := rand.New(rand.NewPCG(seed[0], seed[1]))
	codes := map[string]int{}
	for range changes {
		file := bytes.Clone(s.PNG)
		file[r.IntN(len(file))] ^= byte(1 + r.IntN(255))
		o, err := m.Decrypt(ctx, file, k)
		codes[CodeOf(err)]++
		if err == nil && !bytes.Equal(o.Picture.RGB, s.Picture.RGB) {
			t.Fatal("a wrong picture")
		}
	}
	t.Logf("%d changes of a file of %d bytes: %d harmless, the others %v", changes, len(s.PNG), codes[""], codes)
	if codes[Internal] > 0 || codes[Changed] < changes*9/10 {
		t.Errorf("codes %v", codes)
	}
}

func TestConcurrentUse(t *testing.T) {
	m, k := fakeModel(), newKey(t)
	var wg sync.WaitGroup
	for i := range uint64(4) {
		wg.Go(func() {
			s, err := m.Encrypt(t.Context(), photo(t, 100, 100, i), k)
			if err != nil {
				t.Error(err)
				return
			}
			o, err := m.Decrypt(t.Context(), s.PNG, k)
			if err != nil || !bytes.Equal(o.Picture.RGB, s.Picture.RGB) {
				t.Errorf("picture %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

// TestConcurrentUseOfRealNetwork uses the shipped model concurrently, whose generators and
// kernels share more state than the fake. make race runs it with the race detector.
func TestConcurrentUseOfRealNetwork(t *testing.T) {
	files, err := models.Files(models.Default)
	if err != nil {
		t.Fatal(err)
	}
	m, err := OpenModel(files)
	if err != nil {
		t.Fatal(err)
	}
	k := newKey(t)
	var wg sync.WaitGroup
	for i := range uint64(3) {
		wg.Go(func() {
			file := photo(t, 40+int(i), 50, i)
			s, err := m.Encrypt(t.Context(), file, k, WithWorkers(2))
			if err != nil {
				t.Error(err)
				return
			}
			v, err := m.Verify(t.Context(), s.PNG, k)
			if err != nil {
				t.Error(err)
				return
			}
			if same, err := v.Matches(file, ContentPicture); err != nil || !same {
				t.Errorf("picture %d is not what was sealed: %v", i, err)
			}
			if o, err := m.Decrypt(t.Context(), s.PNG, k, WithWorkers(2)); err != nil || !o.Exact {
				t.Errorf("picture %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}
