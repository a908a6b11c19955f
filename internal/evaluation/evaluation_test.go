package evaluation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"crypto/sha256"

	"golang.org/x/crypto/chacha20"

	"enciphergan/internal/control"
	"enciphergan/internal/key"
	"enciphergan/internal/picture"
	"enciphergan/models"
)

const seed = 5

func seeded(name, purpose string) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%d %s %s", seed, purpose, name))
}

// soft is a picture of waves and a little noise.
func soft(name string, height, width int) *picture.Picture {
	sum := sha256.Sum256([]byte(name))
	r := rand.New(rand.NewChaCha8(sum))
	p := picture.New(height, width)
	for i := range p.RGB {
		x, y := i/3%width, i/3/width
		p.RGB[i] = byte(120 + 60*math.Sin(float64(x)/9+float64(sum[i%3])) + 50*math.Cos(float64(y)/7) + r.Float64()*8)
	}
	return p
}

func options(pictures int) Options {
	o := Options{Secret: seeded("", "secret"), Random: seeded, Crops: []int{0}, Samples: 2,
		Load:     func(name string, crop int) (*picture.Picture, error) { return soft(name, 96, 128), nil },
		Progress: func(string, int, int) {}}
	for i := range pictures {
		o.Names = append(o.Names, fmt.Sprintf("%d.png", i))
	}
	return o
}

// planted returns a cipher of two functions on the samples of a picture.
func planted(encrypt, decrypt func(rgb []byte, m Material) []byte) control.Cipher {
	return control.Cipher{
		Encrypt: func(rgb []byte, secret [32]byte, nonce key.Nonce) ([]byte, error) {
			return encrypt(bytes.Clone(rgb), Material{secret, nonce}), nil
		},
		Decrypt: func(b []byte, secret [32]byte, nonce key.Nonce) ([]byte, bool, error) {
			return decrypt(bytes.Clone(b), Material{secret, nonce}), true, nil
		},
	}
}

// stream is ChaCha20 with the secret and nonce of m: a sound cipher, which the tests
// weaken.
func stream(rgb []byte, m Material) []byte {
	nonce := sha256.Sum256(m.Nonce[:])
	s, err := chacha20.NewUnauthenticatedCipher(m.Secret[:], nonce[:chacha20.NonceSize])
	if err != nil {
		panic(err)
	}
	s.XORKeyStream(rgb, rgb)
	return rgb
}

// same stands for decryption where a test does not need it.
func same(b []byte, _ Material) []byte { return b }

// TestPlanted checks that each weakness fails the measurements that are meant to
// detect it, and that a sound cipher passes all.
func TestPlanted(t *testing.T) {
	t.Logf("seed %d", seed)
	pad := func(rgb []byte, m Material) []byte { m.Nonce[0] = 0; clear(m.Nonce[:]); return stream(rgb, m) }
	for _, c := range []struct {
		name   string
		cipher control.Cipher
		failed []string // measurements below Required
		bits   int
	}{
		{"sound", planted(stream, stream), nil, 256},
		{"constant", planted(func(b []byte, _ Material) []byte { clear(b); return b }, same),
			[]string{"entropy", "chi-square", "horizontal", "vertical", "diagonal", "NPCR", "UACI", "key NPCR", "key UACI"}, 0},
		{"fixed pad", planted(pad, pad), []string{"NPCR", "UACI"}, 256},
		{"no nonce in the lower half of the picture", planted(func(b []byte, m Material) []byte {
			half := len(b) / 2
			pad(b[half:], m)
			return append(stream(b[:half:half], m), b[half:]...)
		}, same), []string{"NPCR", "UACI"}, 256},
		{"low entropy: 255 levels", planted(func(b []byte, m Material) []byte {
			for i, v := range stream(b, m) {
				if v == 255 {
					b[i] = 0
				}
			}
			return b
		}, same), []string{"entropy", "chi-square"}, 256},
		{"clipped to 192 levels", planted(func(b []byte, m Material) []byte {
			for i, v := range stream(b, m) {
				b[i] = min(191, v)
			}
			return b
		}, same), []string{"entropy", "chi-square", "NPCR", "UACI", "key NPCR", "key UACI"}, 256},
		// Every third sample is a copy. Copies show in the histogram too.
		{"correlated to the right", planted(func(b []byte, m Material) []byte {
			stream(b, m)
			for i := 3; i < len(b); i++ {
				if i/3%3 == 0 {
					b[i] = b[i-3]
				}
			}
			return b
		}, same), []string{"entropy", "chi-square", "horizontal"}, 256},
		{"correlated downwards", planted(func(b []byte, m Material) []byte {
			stream(b, m)
			const row = 3 * 128
			for i := row; i < len(b); i++ {
				if i/row%3 == 0 {
					b[i] = b[i-row]
				}
			}
			return b
		}, same), []string{"entropy", "chi-square", "vertical"}, 256},
		{"correlated diagonally", planted(func(b []byte, m Material) []byte {
			stream(b, m)
			const row = 3 * 128
			for i := row + 3; i < len(b); i++ {
				if i/row%3 == 0 {
					b[i] = b[i-row-3]
				}
			}
			return b
		}, same), []string{"entropy", "chi-square", "diagonal"}, 256},
		{"key-insensitive", planted(func(b []byte, m Material) []byte { clear(m.Secret[:]); return stream(b, m) }, same),
			[]string{"key NPCR", "key UACI"}, 0},
		{"16 bits of the key", planted(func(b []byte, m Material) []byte { clear(m.Secret[2:]); return stream(b, m) }, same),
			[]string{"key NPCR", "key UACI"}, 16},
		// Differences are frequent, but small.
		{"only the lowest bits depend on the nonce", planted(func(b []byte, m Material) []byte {
			high := pad(bytes.Clone(b), m)
			for i, v := range stream(b, m) {
				b[i] = high[i]&0xc0 | v&0x3f
			}
			return b
		}, same), []string{"NPCR", "UACI"}, 256},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := Full(t.Context(), []Subject{controlSubject{c.cipher}}, options(8))
			if err != nil {
				t.Fatal(err)
			}
			s := r.Sets[0].Summaries[0]
			var failed []string
			for _, x := range []struct {
				name  string
				score Score
			}{{"entropy", s.Entropy}, {"chi-square", s.ChiSquare}, {"horizontal", s.Horizontal}, {"vertical", s.Vertical}, {"diagonal", s.Diagonal},
				{"NPCR", s.NPCR}, {"UACI", s.UACI}, {"key NPCR", s.KeyNPCR}, {"key UACI", s.KeyUACI}} {
				if x.score.Of != 24 {
					t.Errorf("%s: %d channels of 8 pictures", x.name, x.score.Of)
				}
				// A weak cipher passes almost nowhere; of 24 channels, a sound one
				// may by chance pass a little less than required.
				switch share := x.score.Share(); {
				case share < .2:
					failed = append(failed, x.name)
				case share < .8, c.failed == nil && !x.score.Passes():
					t.Errorf("%s: %g of the channels pass", x.name, share)
				}
			}
			if fmt.Sprint(failed) != fmt.Sprint(c.failed) {
				t.Errorf("failed %q, want %q; %+v", failed, c.failed, s)
			}
			if got := r.Systems[0].ActingBits; got != c.bits {
				t.Errorf("%d bits of the key act, want %d", got, c.bits)
			}
		})
	}
}

// TestControls checks known properties of the controls.
func TestControls(t *testing.T) {
	t.Logf("seed %d", seed)
	r, err := Full(t.Context(), Controls(), options(8))
	if err != nil {
		t.Fatal(err)
	}
	s := r.Sets[0].Summaries
	plain, pad, sound := s[0], s[1], s[2]
	if plain.ChiSquare.Passed+plain.Entropy.Passed+plain.Horizontal.Passed+plain.NPCR.Passed+plain.KeyNPCR.Passed != 0 || plain.Wrong.SSIM != 1 {
		t.Errorf("identity: %+v", plain)
	}
	if !pad.Entropy.Passes() || !pad.ChiSquare.Passes() || !pad.Horizontal.Passes() || !pad.KeyNPCR.Passes() || pad.NPCR.Mean > .1 || pad.Rejected != 0 || math.Abs(pad.Wrong.PSNR-8.5) > 1.5 {
		t.Errorf("fixed pad: %+v", pad)
	}
	if !sound.NPCR.Passes() || !sound.UACI.Passes() || sound.SameNPCR.Mean > .1 || sound.Rejected != 8 || sound.Exact != 8 {
		t.Errorf("XChaCha20-Poly1305: %+v", sound)
	}
	if m := r.Sets[0].MeanColours; m.PSNR < 10 || m.PSNR > 20 || m.SSIM > .5 {
		t.Errorf("mean colours: %+v", m)
	}
	var bits []string
	for _, x := range r.Systems {
		bits = append(bits, fmt.Sprint(x.SecretBits, x.ActingBits))
	}
	if got := strings.Join(bits, ", "); got != "0 0, 256 256, 256 256" {
		t.Errorf("bits of the secret and those that act: %s", got)
	}
	for i, m := range r.Sets[0].Pictures {
		if m.Name != fmt.Sprintf("%d.png", i) || m.Width != 128 || m.Height != 96 || len(m.Figures) != 3 {
			t.Errorf("picture %d: %+v", i, m)
		}
	}
	if len(r.samples) != 2 || len(r.samples[0].systems) != 3 {
		t.Errorf("%d samples", len(r.samples))
	}
}

// TestShippedModel measures the default model with the same code.
func TestShippedModel(t *testing.T) {
	t.Logf("seed %d", seed)
	files, err := models.Files(models.Default)
	if err != nil {
		t.Fatal(err)
	}
	n, err := NewModel("default", files)
	if err != nil {
		t.Fatal(err)
	}
	o := options(2)
	r, err := Full(t.Context(), []Subject{n}, o)
	if err != nil {
		t.Fatal(err)
	}
	bare, file := r.Sets[0].Summaries[0], r.Sets[0].Summaries[1]
	if bare.PSNR.Minimum < 50 || bare.Rejected != 0 || bare.Wrong.PSNR > 15 || bare.Wrong.SSIM > .2 || bare.NPCR.Mean < 98 || bare.KeyNPCR.Mean < 98 {
		t.Errorf("bare: %+v", bare)
	}
	if file.Exact != 2 || file.Rejected != 2 || file.Entropy.Mean < 7.98 || file.NPCR.Mean < 99.5 || file.KeyUACI.Mean < 33 {
		t.Errorf("file: %+v", file)
	}
	for _, s := range r.Systems {
		if s.SecretBits != 256 || s.ActingBits != 256 {
			t.Errorf("%+v", s)
		}
	}
	again, err := Full(t.Context(), []Subject{n}, o)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(r)
	b, _ := json.Marshal(again)
	if !bytes.Equal(a, b) {
		t.Error("the same seed gives other figures")
	}
}

func TestRunErrors(t *testing.T) {
	skip := errors.New("to be skipped")
	o := options(4)
	o.Load = func(name string, crop int) (*picture.Picture, error) {
		switch name {
		case "0.png":
			return nil, &SkipError{Err: skip}
		case "1.png":
			return nil, nil
		case "2.png":
			return soft(name, 32, 39), nil
		}
		return soft(name, 32, 40), nil
	}
	r, err := Full(t.Context(), Controls(), o)
	if err != nil {
		t.Fatal(err)
	}
	if s := r.Sets[0]; len(s.Pictures) != 1 || s.Pictures[0].Name != "3.png" || len(s.Skipped) != 2 || s.Skipped[1].Name != "2.png" {
		t.Errorf("%+v", s)
	}
	o.Names = o.Names[:3]
	if _, err := Full(t.Context(), Controls(), o); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "2 skipped") {
		t.Errorf("nothing to measure: %v", err)
	}
	o.Names = nil
	if _, err := Full(t.Context(), Controls(), o); !errors.Is(err, ErrNone) {
		t.Errorf("no names: %v", err)
	}
	fault := errors.New("a fault")
	o = options(3)
	o.Load = func(name string, _ int) (*picture.Picture, error) { return nil, fault }
	if _, err := Full(t.Context(), Controls(), o); !errors.Is(err, fault) || !strings.Contains(err.Error(), ".png") {
		t.Errorf("fault: %v", err)
	}
	o.Load = func(string, int) (*picture.Picture, error) { panic("a panic") }
	if _, err := Full(t.Context(), Controls(), o); err == nil || !strings.Contains(err.Error(), "a panic") {
		t.Errorf("panic: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	o = options(40)
	o.Progress = func(stage string, done, _ int) {
		if stage == "whole pictures" && done == 2 {
			cancel()
		}
	}
	if _, err := Full(ctx, Controls(), o); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// TestProgress checks that done grows by one a call, to its total.
func TestProgress(t *testing.T) {
	last := map[string]int{}
	o := options(9)
	o.Crops = []int{64, 0}
	o.Load = func(name string, crop int) (*picture.Picture, error) {
		if crop == 0 {
			return soft(name, 96, 128), nil
		}
		return centre(soft(name, 96, 128), crop, crop), nil
	}
	o.Progress = func(stage string, done, total int) {
		if before, known := last[stage]; known && done != before+1 || done > total {
			t.Errorf("%s: %d after %d of %d", stage, done, before, total)
		}
		last[stage] = done
	}
	r, err := Full(t.Context(), Controls(), o)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(last) != "map[centre squares of 64 x 64 pixels:9 key space:3 whole pictures:9]" {
		t.Errorf("%v", last)
	}
	if r.Sets[0].Pictures[8].Width != 64 || r.Sets[1].Pictures[8].Width != 128 {
		t.Error("sets are mixed up")
	}
}

// TestFolders checks that two sub-folders have a row for every model, and a single one has none.
func TestFolders(t *testing.T) {
	r := &Report{Systems: []Tested{{System: System{Name: "ours"}}, {System: System{Control: true}}}}
	put := func(name string, psnr float64) {
		if len(r.Sets) == 0 {
			r.Sets = make([]Set, 1)
		}
		r.Sets[0].Pictures = append(r.Sets[0].Pictures, Measured{Name: name, Figures: []Figures{{PSNR: psnr}, {PSNR: 99}}})
	}
	put("above.png", 10)
	put("a/1.png", 40)
	put("a/deep/2.png", 50)
	if rows := r.folders(r.Sets[0]).Rows; rows != nil {
		t.Errorf("one sub-folder: %q", rows)
	}
	put("b/3.png", 60)
	if got := fmt.Sprint(r.folders(r.Sets[0]).Rows); got != "[[a 2 ours 45.00 40.00 0.00000 0.0000 0.0000] [b 1 ours 60.00 60.00 0.00000 0.0000 0.0000]]" {
		t.Error(got)
	}
}

// hostile is a name that must not become markup.
const hostile = `<script>alert("1")</script>.png`

// TestHTML checks that the report is one file that loads nothing and has all parts.
func TestHTML(t *testing.T) {
	files, err := models.Files(models.Default)
	if err != nil {
		t.Fatal(err)
	}
	n, err := NewModel("default", files)
	if err != nil {
		t.Fatal(err)
	}
	o := options(1)
	o.Names = []string{hostile}
	r, err := Full(t.Context(), append([]Subject{n}, Controls()...), o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ReadCurves(hostile, strings.NewReader(`{"step":0,"validation":{"psnr":51.25}}
{"step":9,"losses":{"a":1,"b":2},"validation":{"psnr":63.5}}
{"step":19,"losses":{"a":0.5,"b":3}}
`))
	if err != nil {
		t.Fatal(err)
	}
	r.Curves = []Curves{c}
	b, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	// plain, bare and file: a histogram and pairs each; two losses and five more curves; the quality
	// of what is not exact.
	want := 2*3 + 7
	if r.Sets[0].Summaries[0].Exact == 0 {
		want++
	}
	if got := strings.Count(text, "<svg"); got != want {
		t.Errorf("%d plots, want %d", got, want)
	}
	// plain; two cipher images; what the bare one gives with both keys.
	if got := strings.Count(text, "data:image/png;base64,iVBOR"); got < 4 || got > 5 {
		t.Errorf("%d pictures", got)
	}
	for _, bad := range []string{"<script", "<link", "<iframe", "url(", "@import", `src="http`, `href="http`, "<?xml"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	for _, want := range []string{"default-src 'none'", "Key space", "Cipher image", "39.9703", "rejected", "Optimisation", "Every picture", "128 x 96", "&lt;script&gt;", "control: fixed pad"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestText(t *testing.T) {
	r, err := Full(t.Context(), Controls(), options(8))
	if err != nil {
		t.Fatal(err)
	}
	c, err := ReadCurves("journal.jsonl", strings.NewReader("{\"step\":0,\"validation\":{\"psnr\":51.25}}\n{\"step\":9,\"validation\":{\"psnr\":63.5}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	r.Curves = []Curves{c}
	var b bytes.Buffer
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Whole pictures: 8 measured, 0 skipped", "Key space", "Cipher image", "Cipher image by channel", "One pixel changed", "One bit of the key flipped", "Recovered picture",
		"Encipher GAN, as published", "39.9703", "control: XChaCha20-Poly1305", "0.0 % *", "100.0 %", "8 of 8", "inf", "51.25", "63.50", "do not prove",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}
