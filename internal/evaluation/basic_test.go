package evaluation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"enciphergan"
	"enciphergan/internal/network"
	"enciphergan/internal/picture"
)

// offByOne replaces a model. Its neural cipher is noise, and it recovers the last
// sample with a difference of one level, or exactly if exact is set.
type offByOne struct {
	exact bool
	fault error
	plain *picture.Picture
}

func (f *offByOne) Encrypt(_ context.Context, file []byte, _ encipher.Recipient, _ ...encipher.EncryptOption) (*encipher.Sealed, error) {
	if f.fault != nil {
		return nil, f.fault
	}
	plain, err := picture.Decode(file, picture.Limits{Bytes: 1 << 30, Pixels: 1 << 20})
	if err != nil {
		return nil, err
	}
	f.plain = plain
	r := rand.New(rand.NewPCG(1, uint64(len(file))))
	bare := picture.New(plain.Height, plain.Width)
	for i := range bare.RGB {
		bare.RGB[i] = byte(r.Uint32())
	}
	sealed, err := picture.New(plain.Height, plain.Width).PNG()
	return &encipher.Sealed{PNG: sealed, Picture: plain, NeuralCipher: bare, ResidualBytes: 3}, err
}

func (f *offByOne) Decrypt(context.Context, []byte, encipher.Identity, ...encipher.DecryptOption) (*encipher.Opened, error) {
	generated := f.plain.Crop(f.plain.Height, f.plain.Width)
	if !f.exact {
		generated.RGB[len(generated.RGB)-1] ^= 1
	}
	return &encipher.Opened{Picture: f.plain, Generated: generated, Exact: true}, nil
}

func (f *offByOne) model() *Model {
	return &Model{cipher: f, card: network.Card{Name: "model"}, systems: make([]System, 2)}
}

// pictureFolder writes pictures of several sizes, damaged ones and other files.
func pictureFolder(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	put := func(name string, data []byte) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for name, size := range map[string][2]int{"a.png": {64, 64}, "deep/b.png": {80, 100}, "small.png": {64, 63}} {
		p := picture.New(size[0], size[1])
		for i := range p.RGB {
			p.RGB[i] = byte(i / 3)
		}
		data, err := p.PNG()
		if err != nil {
			t.Fatal(err)
		}
		put(name, data)
		if name == "a.png" {
			put("cut.png", data[:len(data)/2])
		}
	}
	put("notes.txt", []byte("no picture"))
	put("broken.jpg", []byte("no picture either"))
	return folder
}

// basicOptions measures the pictures of a folder.
func basicOptions(t *testing.T, folder string, crop int) Options {
	t.Helper()
	s, err := OpenSource(folder)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Secret: seeded("", "secret"), Random: seeded, Names: s.Names, Load: s.Load, Crops: []int{crop}, Progress: func(string, int, int) {}}
}

func ignore(*BasicPicture, *Skipped) {}

func TestBasic(t *testing.T) {
	o := basicOptions(t, pictureFolder(t), 64)
	var progress []string
	o.Progress = func(stage string, done, total int) {
		progress = append(progress, fmt.Sprintf("%s %d/%d", stage, done, total))
	}
	var measured, skipped []string
	r, err := Basic(t.Context(), (&offByOne{}).model(), o, func(p *BasicPicture, s *Skipped) {
		if p != nil {
			measured = append(measured, p.Name)
		} else {
			skipped = append(skipped, fmt.Sprint(s.Name, s.Damaged))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"model 1/6", "model 2/6", "model 3/6", "model 4/6", "model 5/6", "model 6/6"}; !slices.Equal(progress, want) {
		t.Errorf("progress %q, want %q", progress, want)
	}
	if want := []string{"a.png", "deep/b.png"}; !slices.Equal(measured, want) || len(r.Pictures) != 2 {
		t.Fatalf("measured %q, want %q: %+v", measured, want, r.Pictures)
	}
	if want := []string{"broken.jpgtrue", "cut.pngtrue", "small.pngfalse"}; !slices.Equal(skipped, want) || len(r.Skipped) != 3 {
		t.Errorf("skipped %q, want %q: %+v", skipped, want, r.Skipped)
	}
	want := 10 * math.Log10(255*255*3*64*64)
	for _, m := range r.Pictures {
		if m.Width != 64 || m.Height != 64 {
			t.Errorf("%s: %dx%d", m.Name, m.Width, m.Height)
		}
		if math.Abs(m.PSNR-want) > 1e-9 || m.SSIM < .999 {
			t.Errorf("%s: PSNR %g, want %g; SSIM %g", m.Name, m.PSNR, want, m.SSIM)
		}
		if p := 1. / (3 * 64 * 64); math.Abs(m.ResidualCoded-100*3*p) > 1e-9 || math.Abs(m.ResidualEntropy+100./8*(p*math.Log2(p)+(1-p)*math.Log2(1-p))) > 1e-9 {
			t.Errorf("%s: a residual of %g %%, coded %g %%", m.Name, m.ResidualEntropy, m.ResidualCoded)
		}
		if m.BareEntropy < 7.9 || m.BareCorrelation > .05 || m.FileEntropy != 0 || m.FileCorrelation != 1 {
			t.Errorf("%s: bare and file are mixed up: %+v", m.Name, m)
		}
	}
	a, b := r.Pictures[0].BareEntropy, r.Pictures[1].BareEntropy
	if r.Mean.BareEntropy != (a+b)/2 || r.Minimum.BareEntropy != min(a, b) || r.Maximum.BareEntropy != max(a, b) {
		t.Errorf("summary %+v %+v %+v of %g and %g", r.Mean, r.Minimum, r.Maximum, a, b)
	}
}

func TestBasicWhole(t *testing.T) {
	r, err := Basic(t.Context(), (&offByOne{exact: true}).model(), basicOptions(t, pictureFolder(t), 0), ignore)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Pictures) != 3 || r.Pictures[1].Width != 100 || r.Pictures[1].Height != 80 {
		t.Errorf("measured %+v", r.Pictures)
	}
	if _, err := json.Marshal(r); err != nil { // exact recoveries must not become infinite
		t.Error(err)
	}
}

func TestBasicErrors(t *testing.T) {
	if _, err := OpenSource(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
	if _, err := Basic(t.Context(), (&offByOne{}).model(), basicOptions(t, t.TempDir(), 64), ignore); !errors.Is(err, ErrNone) {
		t.Errorf("empty folder: %v", err)
	}
	fault := errors.New("a fault of the model")
	if _, err := Basic(t.Context(), (&offByOne{fault: fault}).model(), basicOptions(t, pictureFolder(t), 64), ignore); !errors.Is(err, fault) || !strings.Contains(err.Error(), "a.png") {
		t.Errorf("fault: %v", err)
	}
	large := fmt.Errorf("no tile: %w", picture.ErrTooLarge)
	r, err := Basic(t.Context(), (&offByOne{fault: large}).model(), basicOptions(t, pictureFolder(t), 64), ignore)
	if !errors.Is(err, ErrNone) || len(r.Skipped) != 5 {
		t.Errorf("too large for the model: %v, %+v", err, r.Skipped)
	}
}

func TestLoad(t *testing.T) {
	folder := t.TempDir()
	p := picture.New(5, 7)
	for i := range p.RGB {
		p.RGB[i] = byte(i / 3)
	}
	file, err := p.PNG()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "a.png"), file, 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := OpenSource(folder)
	if err != nil {
		t.Fatal(err)
	}
	square, err := s.Load("a.png", 3)
	if err != nil {
		t.Fatal(err)
	}
	if len(square.RGB) != 3*3*3 || square.RGB[0] != 1*7+2 || square.RGB[len(square.RGB)-1] != 3*7+4 {
		t.Errorf("cut %v", square.RGB)
	}
	if whole, err := s.Load("a.png", 0); err != nil || !bytes.Equal(whole.RGB, p.RGB) || whole.Gray {
		t.Errorf("whole: %+v, %v", whole, err)
	}
	var skip *SkipError
	if _, err := s.Load("a.png", 6); !errors.As(err, &skip) || skip.Damaged {
		t.Errorf("too small: %v", err)
	}
}
