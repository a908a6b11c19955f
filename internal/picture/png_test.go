package picture

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"slices"
	"strings"
	"testing"

	"enciphergan/internal/pngchunk"
)

// chunksOf returns the chunks of a PNG.
func chunksOf(file []byte) (chunks [][]byte) {
	for rest := file[8:]; len(rest) > 0; {
		n := 12 + int(rest[2])<<8 + int(rest[3])
		chunks = append(chunks, rest[:n])
		rest = rest[n:]
	}
	return chunks
}

func chunkOf(name string, data []byte) []byte {
	return pngchunk.Append(nil, name, data)
}

// TestPNGChecksums decodes files with a damaged ancillary chunk in each position, and with
// each other chunk damaged.
func TestPNGChecksums(t *testing.T) {
	m := image.NewPaletted(image.Rect(0, 0, 9, 7), color.Palette{color.NRGBA{1, 2, 3, 4}, color.NRGBA{5, 6, 7, 255}})
	file := encodePNG(t, m)
	whole, err := Decode(file, roomy)
	if err != nil {
		t.Fatal(err)
	}
	chunks := chunksOf(file) // IHDR, PLTE, tRNS, IDAT, IEND
	if len(chunks) != 5 {
		t.Fatalf("%d chunks", len(chunks))
	}
	for _, name := range []string{"tEXt", "gAMA", "eXIf", "zzZz"} {
		damaged := chunkOf(name, []byte("abc\x00def"))
		damaged[len(damaged)-1] ^= 1
		for at := 1; at < len(chunks); at++ {
			mixed := slices.Concat(file[:8], slices.Concat(slices.Insert(slices.Clone(chunks), at, damaged)...))
			p, err := Decode(mixed, roomy)
			if err != nil {
				t.Errorf("%s before chunk %d: %v", name, at, err)
				continue
			}
			if !bytes.Equal(p.RGB, whole.RGB) || !bytes.Equal(p.Alpha, whole.Alpha) || p.EXIF != nil || len(p.Notes) != 1 || !strings.Contains(p.Notes[0], name) {
				t.Errorf("%s before chunk %d: other samples, or notes %q", name, at, p.Notes)
			}
			if _, _, err := Size(mixed, roomy); err != nil {
				t.Errorf("%s before chunk %d: size: %v", name, at, err)
			}
		}
	}
	for i, chunk := range chunks { // chunks that samples or structure need
		damaged := slices.Clone(chunks)
		damaged[i] = bytes.Clone(chunk)
		damaged[i][len(chunk)-1] ^= 1
		if _, err := Decode(slices.Concat(file[:8], slices.Concat(damaged...)), roomy); !errors.Is(err, ErrCorrupt) {
			t.Errorf("a wrong checksum of %s: %v", chunk[4:8], err)
		}
	}
}

func TestCgBI(t *testing.T) {
	file := encodePNG(t, scene(3, 4))
	apple := slices.Concat(file[:8], chunkOf("CgBI", []byte{0x50, 0, 0x20, 2}), file[8:])
	if _, err := Decode(apple, roomy); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "CgBI") {
		t.Errorf("%v", err)
	}
}
