package browsertest

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// photo writes a crop of a real photo as PNG and returns its path. The sides are not multiples
// of a model's sizes.
func photo(t *testing.T, width, height int) string {
	t.Helper()
	from := filepath.Join("testdata", "photo.jpg")
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	whole, err := jpeg.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if b := whole.Bounds(); b.Dx() < width || b.Dy() < height {
		t.Fatalf("%s is %d x %d pixels, too small for %d x %d", from, b.Dx(), b.Dy(), width, height)
	}
	part := image.NewNRGBA(image.Rect(0, 0, width, height))
	draw.Draw(part, part.Bounds(), whole, whole.Bounds().Min, draw.Src)
	return write(t, "photo.png", encode(t, part))
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func encode(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// rgb decodes a PNG file to interleaved 8-bit samples, shape (H, W, 3).
func rgb(t *testing.T, file []byte) (samples []byte, height, width int) {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	b := m.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
			samples = append(samples, c.R, c.G, c.B)
		}
	}
	return samples, b.Dy(), b.Dx()
}

// scene draws a smooth picture with an edge, the same in every run.
func scene(width, height int) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			wave := math.Sin(float64(x)/9) * math.Cos(float64(y)/13)
			c := color.NRGBA{uint8(128 + 90*wave), uint8(255 * x / width), uint8(255 * y / height), 255}
			if x > y {
				c.B /= 2
			}
			m.SetNRGBA(x, y, c)
		}
	}
	return m
}

// chunks splits a PNG file into its signature and its chunks.
func chunks(t *testing.T, file []byte) [][]byte {
	t.Helper()
	parts := [][]byte{file[:8]}
	for rest := file[8:]; len(rest) > 0; {
		if len(rest) < 12 || uint64(len(rest)) < 12+uint64(binary.BigEndian.Uint32(rest)) {
			t.Fatal("not a whole PNG file")
		}
		n := 12 + binary.BigEndian.Uint32(rest)
		parts = append(parts, rest[:n])
		rest = rest[n:]
	}
	return parts
}

// withoutPrivateChunks returns a PNG file as a tool leaves it that drops chunks it does not
// know.
func withoutPrivateChunks(t *testing.T, file []byte) []byte {
	var kept []byte
	t.Helper()
	for i, c := range chunks(t, file) {
		if i > 0 && c[5]&0x20 != 0 { // the case of the second letter says private
			continue
		}
		kept = append(kept, c...)
	}
	if len(kept) == len(file) {
		t.Fatal("the cipher image has no private chunk to remove")
	}
	return kept
}

// rewriteHeader changes the clear header of a cipher image and updates the chunk's checksum.
func rewriteHeader(t *testing.T, file []byte, change func(header []byte)) []byte {
	t.Helper()
	out := append([]byte{}, file[:8]...)
	for _, c := range chunks(t, file)[1:] {
		c = append([]byte{}, c...)
		if string(c[4:8]) == "enCR" {
			change(c[8:])
			end := len(c) - 4
			binary.BigEndian.PutUint32(c[end:], crc32.ChecksumIEEE(c[4:end]))
		}
		out = append(out, c...)
	}
	if bytes.Equal(out, file) {
		t.Fatal("the cipher image has no header to change")
	}
	return out
}

// withChangedSample changes one sample of a PNG picture and nothing else.
func withChangedSample(t *testing.T, file []byte) []byte {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	changed := image.NewNRGBA(m.Bounds())
	draw.Draw(changed, m.Bounds(), m, m.Bounds().Min, draw.Src)
	changed.Pix[0] ^= 1
	fresh := chunks(t, encode(t, changed))
	out := append([]byte{}, file[:8]...)
	replaced := false
	for _, c := range chunks(t, file)[1:] {
		if string(c[4:8]) != "IDAT" {
			out = append(out, c...)
			continue
		}
		if !replaced {
			for _, f := range fresh {
				if len(f) > 8 && string(f[4:8]) == "IDAT" {
					out = append(out, f...)
				}
			}
			replaced = true
		}
	}
	return out
}

// declaring returns a short PNG file that declares a picture of the given size.
func declaring(width, height uint32) []byte {
	header := []byte("IHDR")
	header = binary.BigEndian.AppendUint32(header, width)
	header = binary.BigEndian.AppendUint32(header, height)
	header = append(header, 8, 2, 0, 0, 0)
	file := []byte("\x89PNG\r\n\x1a\n")
	for _, c := range [][]byte{header, []byte("IDAT\x78\x9c\x03\x00\x00\x00\x00\x01"), []byte("IEND")} {
		file = binary.BigEndian.AppendUint32(file, uint32(len(c)-4))
		file = append(file, c...)
		file = binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(c))
	}
	return file
}
