package attack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"enciphergan/internal/network"
	"enciphergan/internal/training/dataset"
)

const seed = 11

// scenes returns photos of waves and discs in different colours.
func scenes(t *testing.T, n int) *Pictures {
	t.Helper()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	var photos []dataset.Photo
	const side = 80
	for range n {
		var rgb []byte
		fx, fy, phase := 0.05+0.3*r.Float64(), 0.05+0.3*r.Float64(), 6*r.Float64()
		base := [3]float64{60 + 130*r.Float64(), 60 + 130*r.Float64(), 60 + 130*r.Float64()}
		cx, cy, radius := side*r.Float64(), side*r.Float64(), 10+20*r.Float64()
		for y := range side {
			for x := range side {
				for c := range 3 {
					v := base[c] + 40*math.Sin(fx*float64(x)+fy*float64(y)+phase+float64(c)/2) + 3*r.NormFloat64()
					if math.Hypot(float64(x)-cx, float64(y)-cy) < radius {
						v = 255 - v
					}
					rgb = append(rgb, level(v))
				}
			}
		}
		photos = append(photos, dataset.Photo{Width: side, Height: side, RGB: rgb})
	}
	p, err := NewPictures(photos, seed)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func tiny() Budget {
	return Budget{Name: "tiny", Side: 16, ProbeSide: 32, Pairs: []int{1, 160}, Targets: 16, Probes: 6, Hidden: 24, Rank: 24, Steps: 120, Batch: 8}
}

func run(t *testing.T, systems []System, models []*Victim, b Budget) *Report {
	t.Helper()
	r, err := Run(context.Background(), scenes(t, 40), systems, models, b, seed, func(string, int, int) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Systems {
		t.Logf("%s: mean %.2f pad %.2f linear %.2f ridge %.2f surrogate %.2f", s.Name, r.Mean[1].PSNR, s.Pad.PSNR, s.Linear[1].PSNR, s.Ridge[1].PSNR, s.Surrogate[1].PSNR)
		for _, c := range s.Conclusions {
			t.Logf("   %t %s: %s", c.Breaks, c.Attack, c.Text)
		}
	}
	return r
}

// broken returns whether each attack broke a system.
func broken(t *testing.T, r *Report, name string) map[string]bool {
	t.Helper()
	for _, s := range r.Systems {
		if s.Name == name {
			m := map[string]bool{}
			for _, c := range s.Conclusions {
				m[c.Attack] = c.Breaks
			}
			return m
		}
	}
	t.Fatalf("no system %q", name)
	return nil
}

// TestControls checks that attacks break weak controls and not sound ones.
func TestControls(t *testing.T) {
	r := run(t, Controls(seed), nil, tiny())
	if len(r.Systems) != 4 {
		t.Fatalf("%d systems", len(r.Systems))
	}
	for _, name := range []string{"control: independent noise", "control: XChaCha20-Poly1305"} {
		for attack, breaks := range broken(t, r, name) {
			if breaks {
				t.Errorf("%s is broken by %s", name, attack)
			}
		}
	}
	for _, name := range []string{"control: identity", "control: fixed pad"} {
		b := broken(t, r, name)
		for _, attack := range []string{"determinism", "one pixel", "impulses", "one pair as a pad", "linear, own pixel", "surrogate decoder"} {
			if !b[attack] {
				t.Errorf("%s is not broken by %s", name, attack)
			}
		}
	}
	if b := broken(t, r, "control: identity"); !b["leakage"] || !b["leakage, low-pass"] || !b["leakage, high-pass"] || !b["leakage, local energy"] || !b["flat pictures"] {
		t.Errorf("identity leaks: %v", b)
	}
	pad := r.Systems[2]
	if pad.Pad.PSNR < 60 || pad.Linear[1].PSNR < 40 || pad.Surrogate[1].PSNR < r.Mean[1].PSNR+5 {
		t.Errorf("the fixed pad falls to %.1f dB by one pair, %.1f dB by a linear fit, %.1f dB by the surrogate; the mean picture has %.1f", pad.Pad.PSNR, pad.Linear[1].PSNR, pad.Surrogate[1].PSNR, r.Mean[1].PSNR)
	}
}

func victim(t *testing.T, name string, d network.Definition) *Victim {
	t.Helper()
	w, err := network.NewWeights(d.Encryption(), stream(seed, name))
	if err != nil {
		t.Fatal(err)
	}
	f, err := network.NewFiles(d, network.Card{Name: name}, w, w)
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewVictim(name, f, seed)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestReversible checks that attacks recover parts of pictures from bare cipher images
// with a fixed seed, and nothing with a nonce for each picture or from the file.
func TestReversible(t *testing.T) {
	d := network.Reversible()
	d.Couplings, d.Hidden = 1, 8
	v := victim(t, "small", d)
	r := run(t, v.Systems(), []*Victim{v}, tiny())
	fixed := broken(t, r, "small: bare cipher image, fixed seed")
	for _, attack := range []string{"determinism", "one pixel", "ridge, whole picture", "surrogate decoder"} {
		if !fixed[attack] {
			t.Errorf("%s does not break the fixed seed", attack)
		}
	}
	nonce := broken(t, r, "small: bare cipher image, nonce per picture")
	for _, attack := range []string{"determinism", "one pixel", "one pair as a pad", "linear, own pixel", "ridge, whole picture", "surrogate decoder"} {
		if nonce[attack] {
			t.Errorf("%s breaks the bare cipher with a nonce per picture", attack)
		}
	}
	for attack, breaks := range broken(t, r, "small: file") {
		if breaks {
			t.Errorf("%s breaks the final file", attack)
		}
	}
	m := r.Models[0]
	for _, c := range m.Conclusions {
		t.Logf("   %t %s: %s", c.Breaks, c.Attack, c.Text)
	}
	if len(m.File) != len(treatments)+2 {
		t.Errorf("%d treatments of files", len(m.File))
	}
	for _, f := range m.File {
		if f.Files != tiny().Probes || f.Rejected != f.Files {
			t.Errorf("%s: %d of %d files rejected", f.Treatment, f.Rejected, f.Files)
		}
		want := "changed"
		switch f.Treatment {
		case "another key":
			want = "wrong-key"
		case "sent as JPEG quality 95":
			want = "not-a-cipher"
		}
		if f.Codes[want] != f.Files {
			t.Errorf("%s: errors %v, want %s", f.Treatment, f.Codes, want)
		}
	}
	if m.WrongKey == nil || m.Intact.PSNR < 30 || m.WrongKey.PSNR > m.Intact.PSNR-10 {
		t.Errorf("intact %v, wrong key %v", m.Intact, m.WrongKey)
	}
	// The smallest noise is similar to the rounding of the levels, and may have no effect.
	if p := m.Perturbed; p[0].PSNR < p[len(p)-1].PSNR+3 || p[0].PSNR > m.Intact.PSNR+0.1 {
		t.Errorf("intact %.2f dB, perturbed %v", m.Intact.PSNR, p)
	}
	if bits, jpeg := m.Bare[0].PSNR, m.Bare[len(m.Bare)-1].PSNR; bits >= m.Intact.PSNR || jpeg >= bits {
		t.Errorf("intact %.2f dB, one bit %.2f dB, JPEG %.2f dB", m.Intact.PSNR, bits, jpeg)
	}
}

// TestKeyless checks that known pairs suffice to invert a network without a key.
func TestKeyless(t *testing.T) {
	s, err := Untrained(seed)
	if err != nil {
		t.Fatal(err)
	}
	b := tiny()
	b.Steps = 200
	r := run(t, []System{s}, nil, b)
	broken := broken(t, r, s.Name)
	for _, attack := range []string{"determinism", "surrogate decoder"} {
		if !broken[attack] {
			t.Errorf("%s does not break the network without a key", attack)
		}
	}
}

// TestPaper checks that a model without a key has one bare mode, and no wrong key.
func TestPaper(t *testing.T) {
	v := victim(t, "paper", network.Paper())
	var names []string
	for _, s := range v.Systems() {
		names = append(names, s.Name)
	}
	if fmt.Sprint(names) != "[paper: file paper: bare cipher image, no key]" {
		t.Errorf("modes %q", names)
	}
	m := ModelReport{Name: "paper", Perturbed: []Damaged{{}}, Bare: []Damaged{{}}, File: []Rejection{{Files: 2, Rejected: 1}}}
	m.conclude()
	for _, c := range m.Conclusions {
		if (c.Attack == "wrong key" || c.Attack == "damaged files") && !c.Breaks {
			t.Errorf("%s: %s", c.Attack, c.Text)
		}
	}
	if !strings.Contains(m.Conclusions[0].Text, "no key") {
		t.Errorf("a network without a key: %+v", m.Conclusions[0])
	}
}

// TestRepeatable checks that the report follows from the seed.
func TestRepeatable(t *testing.T) {
	b := tiny()
	b.Pairs, b.Targets, b.Probes, b.Steps = []int{2}, 2, 2, 3
	var texts []string
	for range 2 {
		r, err := Run(context.Background(), scenes(t, 4), Controls(seed), nil, b, seed, func(string, int, int) {})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	if texts[0] != texts[1] {
		t.Error("two runs with one seed differ")
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	b := tiny()
	b.Steps = 1 << 20
	_, err := Run(ctx, scenes(t, 4), Controls(seed), nil, b, seed, func(stage string, done, _ int) {
		if strings.HasSuffix(stage, "surrogate") && done > 2 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestRefuses(t *testing.T) {
	if _, err := NewPictures(make([]dataset.Photo, 1), seed); !errors.Is(err, ErrTooFewPhotos) {
		t.Errorf("one photo: %v", err)
	}
	for name, change := range map[string]func(*Budget){
		"odd side":         func(b *Budget) { b.Side = 24 },
		"no pairs":         func(b *Budget) { b.Pairs = nil },
		"descending pairs": func(b *Budget) { b.Pairs = []int{10, 1} },
		"too much memory":  func(b *Budget) { b.Side, b.Pairs = 256, []int{1000} },
		"no steps":         func(b *Budget) { b.Steps = 0 },
		"one probe":        func(b *Budget) { b.Probes = 1 },
	} {
		b := tiny()
		change(&b)
		if _, err := Run(context.Background(), scenes(t, 4), nil, nil, b, seed, func(string, int, int) {}); err == nil {
			t.Errorf("%s is accepted: %+v", name, b)
		}
	}
	for _, b := range []Budget{Quick(), Full()} {
		if err := b.Validate(); err != nil {
			t.Errorf("%s: %v", b.Name, err)
		}
	}
	broken := System{"short", false, func(context.Context, []byte, int, uint64) ([]byte, error) { return nil, nil }}
	if _, err := Run(context.Background(), scenes(t, 4), []System{broken}, nil, tiny(), seed, func(string, int, int) {}); err == nil || !strings.Contains(err.Error(), "short: ") {
		t.Errorf("a system without output: %v", err)
	}
}

// TestPerturbChangesEveryWeight compares the number of weights with the definition:
// all parameters of the decryption generator, including fused and inverted ones.
func TestPerturbChangesEveryWeight(t *testing.T) {
	v := victim(t, "small", network.Definition{Profile: "reversible", Unshuffle: 4, Couplings: 1, Hidden: 4, Kappa: 1})
	original := slices.Clone(v.files.Decryption)
	_, n, err := perturb(v.files.Decryption, 0.5, stream(seed, "weights"))
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, p := range network.Parameters(v.definition.Encryption()) {
		size := 1
		for _, d := range p.Shape {
			size *= d
		}
		want += size
	}
	if n < want {
		t.Errorf("%d weights perturbed, the network has %d", n, want)
	}
	if _, _, err := perturb(original[:len(original)/2], 0.5, stream(seed, "weights")); err == nil {
		t.Error("half a file is accepted")
	}
	if !slices.Equal(v.files.Decryption, original) {
		t.Error("the original file changed")
	}
}
