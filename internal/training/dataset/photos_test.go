package dataset

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// scene is a picture whose content depends on the seed.
func scene(seed uint64, width, height int) *image.RGBA {
	r := rand.New(rand.NewPCG(seed, 1))
	a, b, c := r.IntN(200), r.IntN(7)+1, r.IntN(5)+1
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			m.SetRGBA(x, y, color.RGBA{uint8(a + x*b), uint8(y * c), uint8(x ^ y), 255})
		}
	}
	m.SetRGBA(0, 0, color.RGBA{uint8(seed), uint8(seed >> 8), 0, 255})
	return m
}

func encodePNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func write(t testing.TB, folder, name string, data []byte) {
	t.Helper()
	path := filepath.Join(folder, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

// hugePNG is a PNG whose header declares 100,000 x 100,000 pixels.
func hugePNG(t testing.TB) []byte {
	data := encodePNG(t, scene(0, 4, 4))
	binary.BigEndian.PutUint32(data[16:], 100_000)
	binary.BigEndian.PutUint32(data[20:], 100_000)
	binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
	return data
}

func TestRead(t *testing.T) {
	folder := t.TempDir()
	encode := map[string]func(*bytes.Buffer, image.Image) error{
		"a.jpg":       func(b *bytes.Buffer, m image.Image) error { return jpeg.Encode(b, m, nil) },
		"b/b.png":     func(b *bytes.Buffer, m image.Image) error { return png.Encode(b, m) },
		"c.gif":       func(b *bytes.Buffer, m image.Image) error { return gif.Encode(b, m, nil) },
		"d.bmp":       func(b *bytes.Buffer, m image.Image) error { return bmp.Encode(b, m) },
		"e.tiff":      func(b *bytes.Buffer, m image.Image) error { return tiff.Encode(b, m, nil) },
		"f-no-ending": func(b *bytes.Buffer, m image.Image) error { return png.Encode(b, m) },
	}
	var jpegBytes []byte
	for i, name := range slices.Sorted(maps.Keys(encode)) {
		var out bytes.Buffer
		if err := encode[name](&out, scene(uint64(i), 100, 60)); err != nil {
			t.Fatal(err)
		}
		write(t, folder, name, out.Bytes())
		if name == "a.jpg" {
			jpegBytes = out.Bytes()
		}
	}
	write(t, folder, "z/copy of a.jpg", jpegBytes)
	write(t, folder, "large.png", encodePNG(t, scene(20, 300, 200)))
	write(t, folder, "corrupt.jpg", jpegBytes[:len(jpegBytes)/2])
	write(t, folder, "empty.png", nil)
	write(t, folder, "huge.png", hugePNG(t))
	write(t, folder, "tiny.png", encodePNG(t, scene(21, 1, 1)))
	write(t, folder, "licence.txt", []byte("not a picture"))

	photos, report, err := Read(context.Background(), folder, ReadOptions{LongestSide: 150, ShortestSide: 50})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, photo := range photos {
		names = append(names, photo.Name)
		if len(photo.RGB) != 3*photo.Width*photo.Height {
			t.Errorf("%s: %d bytes for %dx%d", photo.Name, len(photo.RGB), photo.Width, photo.Height)
		}
	}
	if want := []string{"a.jpg", "b/b.png", "c.gif", "d.bmp", "e.tiff", "f-no-ending", "large.png"}; !slices.Equal(names, want) {
		t.Errorf("photos: got %q, want %q", names, want)
	}
	if large := photos[len(photos)-1]; large.Width != 150 || large.Height != 100 {
		t.Errorf("large.png became %dx%d, want 150x100", large.Width, large.Height)
	}
	if want := scene(1, 100, 60); photos[1].RGB[3*(7*100+9)+1] != want.RGBAAt(9, 7).G {
		t.Errorf("b/b.png: wrong sample")
	}
	if report.Used != 7 || report.Scaled != 1 || report.Duplicates != 1 || report.Others != 1 {
		t.Errorf("report: %+v", report)
	}
	reasons := map[string]string{"corrupt.jpg": "damaged", "empty.png": "not a PNG", "huge.png": "100000 x 100000", "tiny.png": "too small"}
	if len(report.Skipped) != len(reasons) {
		t.Errorf("skipped: %+v", report.Skipped)
	}
	for _, skipped := range report.Skipped {
		if want := reasons[skipped.Name]; want == "" || !strings.Contains(skipped.Reason, want) {
			t.Errorf("%s skipped as %q, want %q", skipped.Name, skipped.Reason, want)
		}
	}

	again, _, err := Read(context.Background(), folder, ReadOptions{LongestSide: 150, ShortestSide: 50, Workers: 5})
	if err != nil {
		t.Fatal(err)
	}
	for i := range photos {
		if photos[i].Name != again[i].Name || !bytes.Equal(photos[i].RGB, again[i].RGB) {
			t.Errorf("%s depends on the number of workers", photos[i].Name)
		}
	}
}

func TestReadErrors(t *testing.T) {
	empty, corrupt, many := t.TempDir(), t.TempDir(), t.TempDir()
	write(t, corrupt, "bad.jpg", []byte("\xff\xd8\xff\xe0 no picture"))
	for i := range 4 {
		write(t, many, string(rune('a'+i))+".png", encodePNG(t, scene(uint64(i), 64, 64)))
	}
	ctx := context.Background()
	if _, _, err := Read(ctx, empty, ReadOptions{}); !errors.Is(err, ErrNoPhotos) {
		t.Errorf("empty folder: %v", err)
	}
	_, report, err := Read(ctx, corrupt, ReadOptions{})
	if !errors.Is(err, ErrNoPhotos) || !strings.Contains(err.Error(), "bad.jpg") || len(report.Skipped) != 1 {
		t.Errorf("only corrupt photos: %v, %+v", err, report)
	}
	if _, _, err := Read(ctx, many, ReadOptions{MemoryBytes: 20_000}); !errors.Is(err, ErrMemory) {
		t.Errorf("memory bound: %v", err)
	}
	if _, _, err := Read(ctx, filepath.Join(empty, "missing"), ReadOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
	if _, _, err := Read(ctx, filepath.Join(many, "a.png"), ReadOptions{}); err == nil || !strings.Contains(err.Error(), "not a folder") {
		t.Errorf("file for a folder: %v", err)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := Read(canceled, many, ReadOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}
