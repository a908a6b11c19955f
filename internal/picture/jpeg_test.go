package picture

import (
	"bytes"
	"errors"
	"image"
	"os"
	"slices"
	"strings"
	"testing"
)

func readTest(t testing.TB, name string) []byte {
	t.Helper()
	file, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// TestJPEGCut decodes every prefix of files. Each prefix must be rejected, or decode to
// the samples of the whole file with a note that the end is missing.
func TestJPEGCut(t *testing.T) {
	for name, file := range map[string][]byte{
		"Go's encoder": encodeJPEG(t, scene(19, 23)), "gray": encodeJPEG(t, image.NewGray(image.Rect(0, 0, 9, 5))), "progressive": readTest(t, "progressive.jpg"), "restarts": readTest(t, "jpeg/restarts.jpg"),
		"progressive with restarts": readTest(t, "jpeg/restarts-progressive.jpg"), "CMYK": readTest(t, "cmyk.jpg"),
	} {
		whole, err := Decode(file, roomy)
		if err != nil {
			t.Fatal(err)
		}
		taken := 0
		for n := len(file) - 1; n > 2; n-- {
			p, err := Decode(file[:n], roomy)
			if err != nil {
				if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "cut short") {
					t.Errorf("%s, %d of %d bytes: %v", name, n, len(file), err)
				}
				continue
			}
			taken++
			if !bytes.Equal(p.RGB, whole.RGB) || len(p.Notes) == 0 || p.Notes[len(p.Notes)-1] != noteEnd {
				t.Errorf("%s, %d of %d bytes: other samples, or notes %q", name, n, len(file), p.Notes)
			}
		}
		if taken < 2 { // without either byte of the last marker
			t.Errorf("%s: %d beginnings are taken", name, taken)
		}
	}
}

func TestJPEGRestarts(t *testing.T) {
	for _, name := range []string{"restarts", "restarts-progressive", "restarts-gray"} {
		file := readTest(t, "jpeg/"+name+".jpg")
		whole, err := Decode(file, roomy)
		if err != nil || whole.Notes != nil {
			t.Fatalf("%s: %v, notes %q", name, err, whole.Notes)
		}
		j := readJPEG(file)
		markers := 0
		for _, s := range j.scans {
			markers += len(s.restarts)
			if s.interval > 0 && len(s.restarts) != (s.units-1)/s.interval {
				t.Errorf("%s: %d restarts of %d units, every %d", name, len(s.restarts), s.units, s.interval)
			}
		}
		if markers < 2 || j.cut || !j.whole() {
			t.Fatalf("%s: %d restarts", name, markers)
		}
		wrong, missing := bytes.Clone(file), bytes.Clone(file)
		at := j.scans[0].restarts[1]
		wrong[at] = jpegRST0 + (wrong[at]+5)%8
		p, err := Decode(wrong, roomy)
		if err != nil || !bytes.Equal(p.RGB, whole.RGB) || !slices.Equal(p.Notes, []string{noteRestart}) {
			t.Errorf("%s, one number wrong: %v", name, err)
		}
		if h, w, err := Size(wrong, roomy); err != nil || h != whole.Height || w != whole.Width {
			t.Errorf("%s, one number wrong: size: %v", name, err)
		}
		// If a marker is missing, samples are lost, and renumbering cannot correct the file.
		missing = slices.Delete(missing, at-1, at+1)
		if _, err := Decode(missing, roomy); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s, a marker is missing: %v", name, err)
		}
	}
}

// TestJPEGKinds checks that every kind of JPEG that is not supported is named in the
// error and not reported as damaged.
func TestJPEGKinds(t *testing.T) {
	base := encodeJPEG(t, scene(16, 16))
	frame := bytes.Index(base, []byte{0xff, jpegSOF0}) + 1
	changed := func(at int, v ...byte) []byte {
		file := bytes.Clone(base)
		copy(file[at:], v)
		return file
	}
	for _, c := range []struct {
		file []byte
		want string
	}{
		{readTest(t, "jpeg/arithmetic.jpg"), "arithmetic"},
		{readTest(t, "jpeg/arithmetic-progressive.jpg"), "arithmetic"},
		{readTest(t, "jpeg/sampled-1x4.jpg"), "factors 1x4, 1x1, 1x1"},
		{readTest(t, "jpeg/sampled-3x1.jpg"), "factors 3x1, 1x1, 1x1"},
		{readTest(t, "jpeg/sampled-apart.jpg"), "factors 2x2, 2x1, 1x2"},
		{readTest(t, "jpeg/restarts-apart.jpg"), "restart markers in scans of a single component"},
		{changed(frame, 0xc3), "lossless JPEG"},
		{changed(frame, 0xc5), "hierarchical"},
		{changed(frame, 0xc7), "hierarchical"},
		{changed(frame, 0xcb), "arithmetic"},
		{changed(frame, 0xf7), "JPEG-LS"},
		{changed(frame+3, 12), "samples of 12 bits"},
		{changed(frame+4, 0, 0), "height after the samples"},
		{slices.Concat(base[:frame], []byte{jpegSOF0, 0, 14, 8, 0, 16, 0, 16, 2, 1, 0x11, 0, 2, 0x11, 0}, base[frame+18:]), "2 components"},
	} {
		_, err := Decode(c.file, roomy)
		if !errors.Is(err, ErrUnsupported) || errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "convert it to PNG") {
			t.Errorf("%v, want %q", err, c.want)
		}
		if _, _, err := Size(c.file, roomy); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: size: %v", c.want, err)
		}
	}
	// The sampling factors of a single component have no effect (T.81, A.2.2).
	gray := encodeJPEG(t, image.NewGray(image.Rect(0, 0, 20, 30)))
	whole, err := Decode(gray, roomy)
	if err != nil {
		t.Fatal(err)
	}
	for _, factors := range []byte{0x22, 0x31, 0x33, 0x44} {
		file := bytes.Clone(gray)
		file[readJPEG(gray).sampling] = factors
		if p, err := Decode(file, roomy); err != nil || !bytes.Equal(p.RGB, whole.RGB) || p.Notes != nil {
			t.Errorf("gray with sampling factors %x: %v", factors, err)
		}
	}
}
