package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"enciphergan/internal/atomicfile"
	"enciphergan/internal/metric"
	"enciphergan/internal/network"
	"enciphergan/internal/picture"
)

// TestMain lets the test binary run as the program, so that scripts test the program itself.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"encipher": main,
		// The program on a full disk: files are /dev/full.
		"encipher-on-full-disk": func() {
			atomicfile.Create = func(string, fs.FileMode) (*os.File, error) { return os.OpenFile("/dev/full", os.O_WRONLY, 0) }
			main()
		},
	})
}

func TestScripts(t *testing.T) {
	shared := t.TempDir()
	writeModels(t, shared)
	writePictures(t, shared)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("MODEL", filepath.Join(shared, "model"))
			e.Setenv("MODELS", shared)
			e.Setenv("PICTURES", shared)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "damage": damage, "close": closeTo, "photos": photos, "interrupts": interrupts, "parses": parses, "means": means,
			"same": same, "forge": forge, "identity": identity, "words": words, "recompress": recompress,
		},
	})
}

// exits CODE PROGRAM ARG... runs a program and checks its exit code. A failure
// must print an error or an interrupt on standard error, and leave no temporary file.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var e *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &e) {
		got = e.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	left, err := filepath.Glob(ts.MkAbs(".encipher-*"))
	ts.Check(err)
	if len(left) > 0 {
		ts.Fatalf("left behind: %v", left)
	}
}

// damage HOW FROM TO writes a changed copy of a file. HOW is flip (one bit in
// the middle), cut (the second half is missing), strip (a PNG without its enCR
// chunk) or typo (one character of a key).
func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: damage HOW FROM TO")
	}
	b := []byte(ts.ReadFile(args[1]))
	switch args[0] {
	case "flip":
		b[len(b)/2] ^= 1
	case "cut":
		b = b[:len(b)/2]
	case "strip":
		at := bytes.Index(b, []byte("enCR")) - 4
		b = append(b[:at:at], b[at+12+int(binary.BigEndian.Uint32(b[at:])):]...)
	case "typo":
		at := bytes.Index(b, []byte("ENCIPHER-KEY-1")) + 30
		if b[at] == 'Q' {
			b[at] = 'P'
		} else {
			b[at] = 'Q'
		}
	default:
		ts.Fatalf("no such damage: %s", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), b, 0o600))
}

// recompress QUALITY FROM TO [WIDTH HEIGHT] writes a JPEG of a picture, as a messenger does, in another size if one is given.
func recompress(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 && len(args) != 5 {
		ts.Fatalf("usage: recompress QUALITY FROM TO [WIDTH HEIGHT]")
	}
	quality, err := strconv.Atoi(args[0])
	ts.Check(err)
	p, err := picture.Decode([]byte(ts.ReadFile(args[1])), picture.Limits{Bytes: 1 << 24, Pixels: 1 << 24})
	ts.Check(err)
	if len(args) == 5 {
		width, err := strconv.Atoi(args[3])
		ts.Check(err)
		height, err := strconv.Atoi(args[4])
		ts.Check(err)
		p, err = p.Reduced(context.Background(), height, width)
		ts.Check(err)
	}
	m := image.NewNRGBA(image.Rect(0, 0, p.Width, p.Height))
	for i := range p.Width * p.Height {
		copy(m.Pix[4*i:], p.RGB[3*i:3*i+3])
		m.Pix[4*i+3] = 255
	}
	var b bytes.Buffer
	ts.Check(jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}))
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), b.Bytes(), 0o600))
}

// close DB FILE FILE checks that two pictures have the same size and at least
// the given PSNR; ! close, that they have less.
func closeTo(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: close DB FILE FILE")
	}
	want, err := strconv.ParseFloat(args[0], 64)
	ts.Check(err)
	var p [2]*picture.Picture
	for i := range p {
		p[i], err = picture.Decode([]byte(ts.ReadFile(args[1+i])), picture.Limits{Bytes: 1 << 24, Pixels: 1 << 24})
		ts.Check(err)
	}
	if p[0].Width != p[1].Width || p[0].Height != p[1].Height {
		ts.Fatalf("%d x %d and %d x %d", p[0].Width, p[0].Height, p[1].Width, p[1].Height)
	}
	psnr := metric.PSNR(p[0].RGB, p[1].RGB)
	ts.Logf("PSNR %.1f dB", psnr)
	if (psnr >= want) == neg {
		ts.Fatalf("PSNR %.1f dB", psnr)
	}
}

// writeModels writes directories of small untrained models, valid and broken.
func writeModels(t *testing.T, dir string) {
	r := rand.New(rand.NewPCG(36, 0))
	make := func(name string, d network.Definition) network.Files {
		w, err := network.NewWeights(d.Encryption(), r)
		if err != nil {
			t.Fatal(err)
		}
		f, err := network.NewFiles(d, network.Card{Name: name}, w, w)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	small := network.Reversible()
	small.Couplings, small.Hidden = 1, 4
	good, other, paper := make("small", small), make("other", small), make("paper", network.Paper())

	cut, hostile, mixed, profile := good, good, good, good
	cut.Encryption = good.Encryption[:len(good.Encryption)/2]
	hostile.Encryption = []byte(strings.Repeat("\xff", 1000))
	mixed.Decryption = other.Decryption
	// A card with the right checksums and the wrong profile.
	profile.Card = edit(t, good.Card, func(card map[string]any) { card["definition"] = map[string]any{"profile": "paper"} })
	// Generators that are not ONNX, with a card of the right checksums.
	hostile.Card = edit(t, good.Card, func(card map[string]any) {
		card["encryption_sha256"] = fmt.Sprintf("%x", sha256.Sum256(hostile.Encryption))
	})

	for name, f := range map[string]network.Files{"model": good, "other": other, "paper": paper, "cut": cut, "hostile": hostile, "mixed": mixed, "profile": profile} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, file := range f.List() {
			if err := os.WriteFile(filepath.Join(dir, name, file.Name), file.Data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func edit(t *testing.T, card []byte, change func(map[string]any)) []byte {
	var m map[string]any
	if err := json.Unmarshal(card, &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// writePictures writes the pictures of the scripts: smooth shapes with a little noise.
func writePictures(t *testing.T, dir string) {
	r := rand.New(rand.NewPCG(37, 0))
	draw := func(height, width int) *image.NRGBA {
		m := image.NewNRGBA(image.Rect(0, 0, width, height))
		for y := range height {
			for x := range width {
				wave := 40*math.Sin(float64(x)/19) + 40*math.Cos(float64(y)/23)
				sample := func(base float64) uint8 { return uint8(min(max(base+wave+3*r.NormFloat64(), 0), 255)) }
				m.SetNRGBA(x, y, color.NRGBA{sample(100), sample(130), sample(160), 255})
			}
		}
		return m
	}
	write := func(name string, encode func(*bytes.Buffer) error) {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, size := range map[string][2]int{"photo.png": {90, 130}, "pixel.png": {1, 1}, "tiles.png": {300, 270}, "large.png": {1024, 1024}} {
		write(name, func(b *bytes.Buffer) error { return png.Encode(b, draw(size[0], size[1])) })
	}
	write("photo.jpg", func(b *bytes.Buffer) error { return jpeg.Encode(b, draw(60, 80), nil) })
	write("turned.jpg", func(b *bytes.Buffer) error { // its EXIF orientation is a quarter turn
		var upright bytes.Buffer
		err := jpeg.Encode(&upright, draw(60, 80), nil)
		b.WriteString("\xff\xd8\xff\xe1\x00\x22Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00")
		b.Write(upright.Bytes()[2:])
		return err
	})
	write("two.jpg", func(b *bytes.Buffer) error { // another picture follows
		if err := jpeg.Encode(b, draw(60, 80), nil); err != nil {
			return err
		}
		return jpeg.Encode(b, draw(60, 80), nil)
	})
	write("clear.png", func(b *bytes.Buffer) error { return png.Encode(b, image.NewNRGBA(image.Rect(0, 0, 20, 20))) })
	write("huge.png", func(b *bytes.Buffer) error { // a header that declares 100,000 x 100,000 pixels
		ihdr := []byte("IHDR\x00\x01\x86\xa0\x00\x01\x86\xa0\x08\x02\x00\x00\x00")
		b.WriteString("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d")
		b.Write(ihdr)
		return binary.Write(b, binary.BigEndian, crc32.ChecksumIEEE(ihdr))
	})
}

// program returns a command that runs the test binary as the program.
func program(t *testing.T, stderr io.Writer, args ...string) *exec.Cmd {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(path, args...)
	c.Args[0] = "encipher" // by which TestMain selects the program
	c.Stderr = stderr
	return c
}
