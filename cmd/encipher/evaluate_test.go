package main

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

	"github.com/rogpeppe/go-internal/testscript"

	"enciphergan"
	"enciphergan/internal/picture"
)

// offByOne stands for a model: its cipher is noise and it recovers the last
// sample one level off, or exactly where exact is set.
type offByOne struct {
	exact bool
	fault error
	plain *picture.Picture
	keys  map[string]bool
}

func (f *offByOne) Encrypt(_ context.Context, file []byte, k encipher.Key, _ ...encipher.Option) (*encipher.Sealed, error) {
	if f.fault != nil {
		return nil, f.fault
	}
	plain, err := picture.Decode(file, picture.Limits{Bytes: 1 << 30, Pixels: 1 << 20})
	if err != nil {
		return nil, err
	}
	f.plain = plain
	f.keys[k.Fingerprint()] = true
	r := rand.New(rand.NewPCG(1, uint64(len(file))))
	bare := picture.New(plain.Height, plain.Width)
	for i := range bare.RGB {
		bare.RGB[i] = byte(r.Uint32())
	}
	sealed, err := picture.New(plain.Height, plain.Width).PNG()
	return &encipher.Sealed{PNG: sealed, Plain: plain, Bare: bare, Residual: 3}, err
}

func (f *offByOne) Decrypt(context.Context, []byte, encipher.Key, ...encipher.Option) (*encipher.Opened, error) {
	generated := f.plain.Crop(f.plain.Height, f.plain.Width)
	if !f.exact {
		generated.RGB[len(generated.RGB)-1] ^= 1
	}
	return &encipher.Opened{Picture: f.plain, Generated: generated, Exact: true}, nil
}

func evaluationFolder(t *testing.T) string {
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

func TestEvaluate(t *testing.T) {
	var table, notes bytes.Buffer
	f := &offByOne{keys: map[string]bool{}}
	e := newEvaluation(64, &notes)
	e.cipher, e.table = f, &table
	var progress []string
	e.stage, e.progress = "model", func(stage string, done, total int) {
		progress = append(progress, fmt.Sprintf("%s %d/%d", stage, done, total))
	}
	all, err := e.run(context.Background(), evaluationFolder(t))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"model 1/6", "model 2/6", "model 3/6", "model 4/6", "model 5/6", "model 6/6"}; !slices.Equal(progress, want) {
		t.Errorf("progress %q, want %q", progress, want)
	}
	if len(all.Pictures) != 2 || all.Pictures[0].Name != "a.png" || all.Pictures[1].Name != "deep/b.png" {
		t.Fatalf("measured %+v", all.Pictures)
	}
	if len(f.keys) != 2 {
		t.Errorf("%d keys for 2 pictures", len(f.keys))
	}
	want := 10 * math.Log10(255*255*3*64*64)
	for _, m := range all.Pictures {
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
	a, b := all.Pictures[0].BareEntropy, all.Pictures[1].BareEntropy
	if all.Mean.BareEntropy != (a+b)/2 || all.Minimum.BareEntropy != min(a, b) || all.Maximum.BareEntropy != max(a, b) {
		t.Errorf("summary %+v %+v %+v of %g and %g", all.Mean, all.Minimum, all.Maximum, a, b)
	}
	if len(all.Skipped) != 3 {
		t.Errorf("skipped %+v", all.Skipped)
	}
	for _, name := range []string{"broken.jpg", "cut.png", "small.png"} {
		if !strings.Contains(notes.String(), "encipher: note: skipped "+name) {
			t.Errorf("%s is not named in %q", name, notes.String())
		}
	}
	lines := strings.Split(strings.TrimSpace(table.String()), "\n")
	if len(lines) != 7 || !strings.HasPrefix(lines[6], "2 measured, 3 skipped") {
		t.Fatalf("table:\n%s", table.String())
	}
	for _, line := range lines[:6] {
		if len([]rune(line)) != len([]rune(lines[0])) {
			t.Errorf("%q is not aligned", line)
		}
	}
}

func TestEvaluateWhole(t *testing.T) {
	f := &offByOne{exact: true, keys: map[string]bool{}}
	e := newEvaluation(0, &bytes.Buffer{})
	e.cipher = f
	all, err := e.run(context.Background(), evaluationFolder(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(all.Pictures) != 3 || all.Pictures[1].Width != 100 || all.Pictures[1].Height != 80 {
		t.Errorf("measured %+v", all.Pictures)
	}
	if _, err := json.Marshal(all); err != nil { // exact recoveries must not become infinite
		t.Error(err)
	}
}

func TestEvaluateErrors(t *testing.T) {
	e := newEvaluation(64, &bytes.Buffer{})
	e.cipher = &offByOne{keys: map[string]bool{}}
	if _, err := e.run(context.Background(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) || exitCode(err) != exitInput {
		t.Errorf("missing directory: %v", err)
	}
	if _, err := e.run(context.Background(), t.TempDir()); exitCode(err) != exitInput {
		t.Errorf("empty directory: %v", err)
	}
	fault := errors.New("a fault of the model")
	e.cipher = &offByOne{fault: fault}
	if _, err := e.run(context.Background(), evaluationFolder(t)); !errors.Is(err, fault) || !strings.Contains(err.Error(), "a.png") {
		t.Errorf("fault: %v", err)
	}
}

// parses PICTURES SKIPPED NAME... checks what evaluate -json printed last: the
// models by name, and for each the number of pictures and of those skipped.
func parses(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: parses PICTURES SKIPPED NAME...")
	}
	var all evaluations
	d := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	d.DisallowUnknownFields()
	ts.Check(d.Decode(&all))
	if len(all.Models) != len(args)-2 {
		ts.Fatalf("%d models", len(all.Models))
	}
	for i, m := range all.Models {
		if m.Model != args[2+i] || len(m.Fingerprint) != 64 || m.Kappa == 0 {
			ts.Fatalf("model %q, kappa %g, fingerprint %q", m.Model, m.Kappa, m.Fingerprint)
		}
		if got := fmt.Sprintf("%d %d", len(m.Pictures), len(m.Skipped)); got != args[0]+" "+args[1] {
			ts.Fatalf("%s: measured and skipped %s", m.Model, got)
		}
		const rounding = 1e-6
		if !(m.Minimum.PSNR <= m.Mean.PSNR+rounding && m.Mean.PSNR <= m.Maximum.PSNR+rounding && m.Minimum.PSNR > 20 && m.Mean.BareEntropy > 7) {
			ts.Fatalf("%s: %+v", m.Model, m)
		}
	}
}

func TestDefaultModels(t *testing.T) {
	got := defaultModels([]string{"default", "default-kappa1", "defaulted", "other"})
	if !slices.Equal(got, []string{"default", "default-kappa1"}) {
		t.Errorf("variants %v", got)
	}
	if got := defaultModels(nil); got != nil {
		t.Errorf("variants of nothing: %v", got)
	}
	if hint := shippedModels(nil); !strings.Contains(hint, "encipher train -o RUN FOLDER") {
		t.Errorf("without shipped models: %q", hint)
	}
}

// TestSeededKeys: one key a seed, another nonce for every picture, both the same
// again the next time.
func TestSeededKeys(t *testing.T) {
	seal := func(seed uint64, name string) (fingerprint string, file []byte) {
		k, options, err := seededKeys(seed)(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(options) != 1 {
			t.Fatalf("%d options, want a nonce", len(options))
		}
		dir := t.TempDir()
		writeModels(t, dir)
		m, err := openModel(t.Context(), nil, filepath.Join(dir, "model"))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := picture.New(16, 16).PNG()
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := m.Encrypt(context.Background(), plain, k, options...)
		if err != nil {
			t.Fatal(err)
		}
		return k.Fingerprint(), sealed.PNG
	}
	key1, a := seal(1, "a.png")
	again, same := seal(1, "a.png")
	key2, _ := seal(2, "a.png")
	_, b := seal(1, "b.png")
	if key1 != again || !bytes.Equal(a, same) {
		t.Error("the same seed and name give another key or file")
	}
	if key1 == key2 || bytes.Equal(a, b) {
		t.Error("another seed gives the same key, or another name the same file")
	}
}

func TestDecode(t *testing.T) {
	p := picture.New(5, 7)
	for i := range p.RGB {
		p.RGB[i] = byte(i / 3)
	}
	file, err := p.PNG()
	if err != nil {
		t.Fatal(err)
	}
	square, err := decode(file, 3)
	if err != nil {
		t.Fatal(err)
	}
	if len(square.RGB) != 3*3*3 || square.RGB[0] != 1*7+2 || square.RGB[len(square.RGB)-1] != 3*7+4 {
		t.Errorf("cut %v", square.RGB)
	}
	if whole, err := decode(file, 0); err != nil || !bytes.Equal(whole.RGB, p.RGB) || whole.Gray {
		t.Errorf("whole: %+v, %v", whole, err)
	}
	if _, err := decode(file, 6); !errors.Is(err, errTooSmall) {
		t.Errorf("too small: %v", err)
	}
}

// TestAnalyseInterrupted: the exit code of an interrupt, and no report.
func TestAnalyseInterrupted(t *testing.T) {
	dir := t.TempDir()
	writeModels(t, dir)
	report := filepath.Join(dir, "report.html")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := root().Run(ctx, []string{"encipher", "evaluate", "-html", report, "-whole", "-model", filepath.Join(dir, "model"), evaluationFolder(t)})
	if exitCode(err) != exitInterrupted {
		t.Errorf("exit code %d: %v", exitCode(err), err)
	}
	if _, err := os.Stat(report); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a report was written: %v", err)
	}
}

// means NAME... checks that evaluate -json printed last, for each model, the
// means of exactly these direct sub-folders, computed here from its pictures.
func means(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: means NAME...")
	}
	var all evaluations
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &all))
	for _, m := range all.Models {
		if len(m.Subfolders) != len(args) {
			ts.Fatalf("%s: sub-folders %+v", m.Model, m.Subfolders)
		}
		for i, s := range m.Subfolders {
			sum, n := 0., 0
			for _, p := range m.Pictures {
				if strings.HasPrefix(p.Name, args[i]+"/") {
					sum, n = sum+p.PSNR, n+1
				}
			}
			if s.Name != args[i] || s.Pictures != n || n == 0 || math.Abs(s.Mean.PSNR-sum/float64(n)) > 1e-9 {
				ts.Fatalf("%s: %+v, want %s with a PSNR of %g over %d", m.Model, s, args[i], sum/float64(n), n)
			}
		}
	}
}
