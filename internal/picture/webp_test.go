package picture

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestAnimatedWebP compares first frames with those decoded by libwebp;
// testdata/webp/make created both.
func TestAnimatedWebP(t *testing.T) {
	for name, notes := range map[string][]string{"covers": {noteFrames}, "part": {noteFrames}, "one": nil} {
		p, err := Decode(readTest(t, "webp/"+name+".webp"), roomy)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, err := Decode(readTest(t, "webp/"+name+".png"), roomy)
		if err != nil {
			t.Fatal(err)
		}
		want.Notes = notes
		if diff := different(p, want); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if h, w, err := Size(readTest(t, "webp/"+name+".webp"), roomy); err != nil || h != p.Height || w != p.Width {
			t.Errorf("%s: size %d x %d: %v", name, w, h, err)
		}
	}
	if p, _ := Decode(readTest(t, "webp/part.webp"), roomy); p.Width != 50 || p.Alpha == nil || p.Alpha[0] != 0 {
		t.Error("the part is not on a transparent canvas")
	}
}

func webpChunkOf(name string, data []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(name), uint32(len(data)))
	return append(append(b, data...), make([]byte, len(data)%2)...)
}

func uint24(n int) []byte { return []byte{byte(n), byte(n >> 8), byte(n >> 16)} }

// animated returns an animation with a canvas of the given size and frames made by frameAt.
func animated(width, height int, frames ...[]byte) []byte {
	all := slices.Concat([]byte("WEBP"), webpChunkOf("VP8X", slices.Concat([]byte{2 | 16, 0, 0, 0}, uint24(width-1), uint24(height-1))), webpChunkOf("ANIM", make([]byte, 6)))
	for _, f := range frames {
		all = append(all, webpChunkOf("ANMF", f)...)
	}
	return slices.Concat(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(all))), all)
}

// frameAt returns a frame of the given size at (2x, 2y), with the chunks of a still picture.
func frameAt(x, y, width, height int, chunks []byte) []byte {
	return slices.Concat(uint24(x), uint24(y), uint24(width-1), uint24(height-1), make([]byte, 4), chunks)
}

// TestWebPFrames decodes animations of still pictures in each coding.
func TestWebPFrames(t *testing.T) {
	chunks := func(name string) []byte { // without the headers of a file
		var b []byte
		for rest := readTest(t, name)[12:]; len(rest) > 0; {
			kind, data, behind, err := webpChunk(rest)
			if err != nil {
				t.Fatal(err)
			}
			if kind != "VP8X" {
				b = append(b, webpChunkOf(kind, data)...)
			}
			rest = behind
		}
		return b
	}
	for _, name := range []string{"lossy.webp", "lossless.webp", "webp/lossy-alpha.webp"} {
		still, err := Decode(readTest(t, name), roomy)
		if err != nil {
			t.Fatal(err)
		}
		frame := frameAt(3, 2, still.Width, still.Height, chunks(name))
		p, err := Decode(animated(still.Width+9, still.Height+7, frame, frame), roomy)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := still.onCanvas(still.Height+7, still.Width+9, 4, 6)
		want.Notes = []string{noteFrames}
		if diff := different(p, want); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	data := chunks("lossless.webp")
	for want, c := range map[string]struct {
		file []byte
		is   error
	}{
		"beyond the canvas":   {animated(50, 34, frameAt(1, 0, 50, 34, data)), ErrCorrupt},
		"cut short":           {animated(50, 34, frameAt(0, 0, 50, 34, data[:len(data)-2])), ErrCorrupt},
		"WebP":                {animated(50, 34, frameAt(0, 0, 40, 34, data)), ErrCorrupt},
		"the file was cut":    {animated(50, 34), ErrCorrupt},
		"16777216 x 16777216": {animated(1<<24, 1<<24, frameAt(0, 0, 50, 34, data)), ErrTooLarge},
	} {
		if _, err := Decode(c.file, roomy); !errors.Is(err, c.is) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
