// `make codec` runs these measurements; they are not part of the suite, since they need photos and other encoders.

//go:build measure && !js

package codec

import (
	"context"
	"fmt"
	"image"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/image/draw"

	"enciphergan/internal/metric"
	"enciphergan/internal/picture"
	"enciphergan/internal/training/dataset"
)

// photos reads the pictures in the folders that ENCIPHER_PHOTOS names, separated as in PATH, and reduces them to 1600 pixels on the longest side.
// In a folder made by `make dataset` it selects the photos of the test split of the shipped model.
func photos(t *testing.T) (names []string, list []*picture.Picture) {
	folders := os.Getenv("ENCIPHER_PHOTOS")
	if folders == "" {
		t.Fatal("ENCIPHER_PHOTOS names no folders of photos")
	}
	for _, folder := range filepath.SplitList(folders) {
		if _, err := os.Stat(filepath.Join(folder, "LICENSES.md")); err == nil {
			all, _, err := dataset.Read(context.Background(), folder, dataset.ReadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			split, err := dataset.NewSplit(all, 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range split.Test {
				names, list = append(names, p.Name), append(list, &picture.Picture{Width: p.Width, Height: p.Height, RGB: p.RGB})
			}
			continue
		}
		files, err := filepath.Glob(filepath.Join(folder, "*.[jpJP]*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p, err := picture.Decode(data, picture.Limits{Bytes: 256 << 20, Pixels: MaxPixels})
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			names, list = append(names, strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))), append(list, reduced(p, 1600))
		}
	}
	return names, list
}

func reduced(p *picture.Picture, side int) *picture.Picture {
	longest := max(p.Width, p.Height)
	if longest <= side {
		return p
	}
	from := image.NewRGBA(image.Rect(0, 0, p.Width, p.Height))
	for i := range p.Width * p.Height {
		copy(from.Pix[4*i:], p.RGB[3*i:3*i+3])
		from.Pix[4*i+3] = 255
	}
	q := &picture.Picture{Width: (p.Width*side + longest/2) / longest, Height: (p.Height*side + longest/2) / longest}
	to := image.NewRGBA(image.Rect(0, 0, q.Width, q.Height))
	draw.CatmullRom.Scale(to, to.Bounds(), from, from.Bounds(), draw.Src, nil)
	q.RGB = make([]byte, 0, 3*q.Width*q.Height)
	for i := 0; i < len(to.Pix); i += 4 {
		q.RGB = append(q.RGB, to.Pix[i:i+3]...)
	}
	return q
}

// peer is a codec to compare with: a command that writes a file of some quality, and one that decodes it to PPM.
type peer struct {
	name           string
	lowest         float64
	encode, decode func(from, to string, quality float64) *exec.Cmd
}

var peers = []peer{
	{"libwebp", 0,
		func(from, to string, q float64) *exec.Cmd {
			return exec.Command("cwebp", "-quiet", "-m", "6", "-q", strconv.FormatFloat(q, 'f', 3, 64), from, "-o", to)
		},
		func(from, to string, _ float64) *exec.Cmd {
			return exec.Command("dwebp", "-quiet", from, "-ppm", "-o", to)
		}},
	{"JPEG", 1,
		func(from, to string, q float64) *exec.Cmd {
			return exec.Command("cjpeg", "-optimize", "-quality", strconv.Itoa(int(q)), "-outfile", to, from)
		},
		func(from, to string, _ float64) *exec.Cmd { return exec.Command("djpeg", "-outfile", to, from) }},
}

// measure returns the picture that the peer makes of at most n bytes, and their number.
func (r peer) measure(t *testing.T, p *picture.Picture, n int) ([]byte, int) {
	folder := t.TempDir()
	original, coded, decoded := filepath.Join(folder, "o.ppm"), filepath.Join(folder, "c"), filepath.Join(folder, "d.ppm")
	header := fmt.Sprintf("P6\n%d %d\n255\n", p.Width, p.Height)
	if err := os.WriteFile(original, append([]byte(header), p.RGB...), 0o666); err != nil {
		t.Fatal(err)
	}
	size := func(quality float64) int {
		if out, err := r.encode(original, coded, quality).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", r.name, err, out)
		}
		info, err := os.Stat(coded)
		if err != nil {
			t.Fatal(err)
		}
		return int(info.Size())
	}
	low, high := r.lowest, 101.
	for range 9 {
		if middle := (low + high) / 2; middle <= 100 && size(middle) <= n {
			low = middle
		} else {
			high = middle
		}
	}
	bytesUsed := size(low)
	if out, err := r.decode(coded, decoded, 0).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", r.name, err, out)
	}
	data, err := os.ReadFile(decoded)
	if err != nil {
		t.Fatal(err)
	}
	return data[len(data)-len(p.RGB):], bytesUsed
}

// summary collects one column of the table.
type summary struct {
	psnr, ssim, filled float64
	lowest             float64
	count              int
	took               [2]time.Duration
}

func (s *summary) add(p *picture.Picture, rgb []byte, bytes, n int) float64 {
	psnr := metric.BoundedPSNR(p.RGB, rgb)
	if s.count == 0 || psnr < s.lowest {
		s.lowest = psnr
	}
	s.psnr, s.ssim, s.filled, s.count = s.psnr+psnr, s.ssim+metric.SSIM(p.RGB, rgb, p.Height, p.Width), s.filled+float64(bytes)/float64(n), s.count+1
	return psnr
}

func (s *summary) String() string {
	n := float64(s.count)
	return fmt.Sprintf("%.2f / %.2f dB, SSIM %.4f, %.1f %% of the bytes", s.psnr/n, s.lowest, s.ssim/n, 100*s.filled/n)
}

// TestRate prints the quality at equal bytes beside libwebp and JPEG, and requires 1.5 dB over libwebp.
func TestRate(t *testing.T) {
	names, list := photos(t)
	ctx := context.Background()
	for _, r := range peers {
		if _, err := exec.LookPath(r.encode("", "", 0).Args[0]); err != nil {
			t.Fatal(err)
		}
	}
	for _, bits := range []float64{1.25, 2} {
		var ours summary
		others := make([]summary, len(peers))
		for i, p := range list {
			n := int(bits * float64(p.Width*p.Height) / 8)
			start := time.Now()
			code, err := Codec{}.Encode(ctx, p.RGB, p.Width, p.Height, n)
			if err != nil {
				t.Fatal(err)
			}
			ours.took[0] += time.Since(start)
			start = time.Now()
			rgb, err := Codec{}.Decode(ctx, code, p.Width, p.Height)
			if err != nil {
				t.Fatal(err)
			}
			ours.took[1] += time.Since(start)
			line := fmt.Sprintf("%.2f", ours.add(p, rgb, len(code), n))
			for j, r := range peers {
				rgb, size := r.measure(t, p, n)
				line += fmt.Sprintf(", %s %.2f", r.name, others[j].add(p, rgb, size, n))
			}
			t.Logf("%g bits a pixel, %d x %d: %s (%s)", bits, p.Width, p.Height, line, names[i])
		}
		fmt.Printf("%g bits a pixel, %d photos: mean / minimum PSNR\n  %-8s %v; encoding %v, decoding %v a photo\n", bits, len(list), "codec", &ours,
			(ours.took[0] / time.Duration(len(list))).Round(time.Millisecond), (ours.took[1] / time.Duration(len(list))).Round(time.Millisecond))
		for j, r := range peers {
			fmt.Printf("  %-8s %v\n", r.name, &others[j])
		}
		if gain := (ours.psnr - others[0].psnr) / float64(len(list)); gain < 1.5 {
			t.Errorf("%g bits a pixel: %.2f dB over libwebp", bits, gain)
		}
	}
}

// TestAblation prints what each part of the codec adds at equal bytes.
func TestAblation(t *testing.T) {
	names, list := photos(t)
	ctx := context.Background()
	code := func(p *picture.Picture, number int, off ablation) (bytes, psnr float64) {
		c := Codec{off: off}
		code, err := (&pass{codec: c, coefficients: c.transform().Analyse(p.RGB, p.Width, p.Height, stepOf(number)), number: number}).run(ctx, 0)
		if err != nil {
			t.Fatal(err)
		}
		rgb, err := c.Decode(ctx, code, p.Width, p.Height)
		if err != nil {
			t.Fatal(err)
		}
		return math.Log(float64(len(code))), metric.BoundedPSNR(p.RGB, rgb)
	}
	variants := []struct {
		name string
		off  ablation
	}{
		{"colour transform", ablation{rgb: true}}, {"blocks of 4 to 32, against 8", ablation{side: 8}}, {"against 16", ablation{side: 16}},
		{"mixing, against one context", ablation{mixing: true}}, {"final adjustment", ablation{adjustment: true}},
		{"neighbouring blocks", ablation{neighbours: true}}, {"edges of neighbouring blocks", ablation{edges: true}},
		{"the colours before", ablation{colour: true}}, {"rate-distortion quantisation", ablation{quantisation: true}},
	}
	gains := make([]float64, len(variants))
	for i, p := range list {
		full, err := Codec{}.Encode(ctx, p.RGB, p.Width, p.Height, p.Width*p.Height/5)
		if err != nil {
			t.Fatal(err)
		}
		number := int(full[1])<<8 + int(full[2])
		// PSNR is linear in the logarithm of the bytes, near enough.
		b0, d0 := code(p, number, ablation{})
		b1, d1 := code(p, number+1024, ablation{})
		slope := (d1 - d0) / (b1 - b0)
		for j, v := range variants {
			b, d := code(p, number, v.off)
			gain := d0 + slope*(b-b0) - d
			gains[j] += gain / float64(len(list))
			t.Logf("%s: %+.2f dB (%s)", v.name, gain, names[i])
		}
	}
	for j, v := range variants {
		fmt.Printf("%-32s %+.2f dB\n", v.name, gains[j])
	}
}
