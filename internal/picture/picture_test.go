package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	goreflect "reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

var roomy = Limits{Bytes: 1 << 20, Pixels: 1 << 20}

// scene is a small opaque picture with something different in each corner.
func scene(height, width int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			m.SetNRGBA(x, y, color.NRGBA{uint8(255 * x / max(width-1, 1)), uint8(255 * y / max(height-1, 1)), uint8(20 * (x ^ y)), 255})
		}
	}
	return m
}

func encodePNG(t testing.TB, m image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encodeJPEG(t testing.TB, m image.Image) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// samples returns the RGB samples of an opaque image.
func samples(m *image.NRGBA) []byte {
	var rgb []byte
	for i := 0; i < len(m.Pix); i += 4 {
		rgb = append(rgb, m.Pix[i:i+3]...)
	}
	return rgb
}

func TestDecodeLossless(t *testing.T) {
	m := scene(7, 11)
	files := map[string][]byte{"PNG": encodePNG(t, m)}
	var b bytes.Buffer
	if err := bmp.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	files["BMP"] = bytes.Clone(b.Bytes())
	for name, c := range map[string]tiff.CompressionType{"TIFF": tiff.Uncompressed, "TIFF deflate": tiff.Deflate} {
		b.Reset()
		if err := tiff.Encode(&b, m, &tiff.Options{Compression: c}); err != nil {
			t.Fatal(err)
		}
		files[name] = bytes.Clone(b.Bytes())
	}
	for name, file := range files {
		p, err := Decode(file, roomy)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Width != 11 || p.Height != 7 || !bytes.Equal(p.RGB, samples(m)) || p.Notes != nil {
			t.Errorf("%s: not the picture that was encoded, or notes: %q", name, p.Notes)
		}
		back, err := p.PNG()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(back, roomy)
		if err != nil || !bytes.Equal(again.RGB, p.RGB) {
			t.Errorf("%s: PNG does not give the samples back: %v", name, err)
		}
	}
}

func TestDecodeJPEGAndWebP(t *testing.T) {
	p, err := Decode(encodeJPEG(t, image.NewGray(image.Rect(0, 0, 9, 5))), roomy)
	if err != nil || p.Width != 9 || p.Height != 5 || slices.Max(p.RGB) != 0 {
		t.Errorf("gray JPEG: %v", err)
	}
	p, err = Decode(webpPixel(255, 128, 7), roomy)
	if err != nil {
		t.Fatal(err)
	}
	if p.Width != 1 || p.Height != 1 || !bytes.Equal(p.RGB, []byte{255, 128, 7}) {
		t.Errorf("WebP: %d x %d %v", p.Width, p.Height, p.RGB)
	}
}

func TestConvert(t *testing.T) {
	one := image.Rect(0, 0, 1, 1)
	clear := image.NewNRGBA(one)
	clear.SetNRGBA(0, 0, color.NRGBA{200, 100, 0, 51})
	unseen := image.NewNRGBA(one)
	unseen.SetNRGBA(0, 0, color.NRGBA{1, 2, 3, 0})
	deep, deepClear := image.NewNRGBA64(one), image.NewNRGBA64(one)
	deep.SetNRGBA64(0, 0, color.NRGBA64{0x12ff, 0x3400, 0x5680, 0xffff})
	deepClear.SetNRGBA64(0, 0, color.NRGBA64{0x12ff, 0x3400, 0x5680, 0x89ab})
	opaque := image.NewRGBA64(one)
	opaque.SetRGBA64(0, 0, color.RGBA64{0x1234, 0x5678, 0x9abc, 0xffff})
	gray, gray8 := image.NewGray16(one), image.NewGray(one)
	gray.SetGray16(0, 0, color.Gray16{0xabcd})
	gray8.SetGray(0, 0, color.Gray{0xab})
	premultiplied := image.NewRGBA(one)
	premultiplied.SetRGBA(0, 0, color.RGBA{40, 20, 0, 51})
	hostile := image.NewRGBA64(one) // colour exceeds alpha
	hostile.SetRGBA64(0, 0, color.RGBA64{0xffff, 0x4000, 0, 0x8000})
	cmyk := image.NewCMYK(one)
	cmyk.SetCMYK(0, 0, color.CMYK{0, 255, 255, 0})
	for name, c := range map[string]struct {
		image image.Image
		want  Picture
	}{
		"alpha":         {clear, Picture{RGB: []byte{200, 100, 0}, Alpha: []byte{51}}},
		"unseen":        {unseen, Picture{RGB: []byte{1, 2, 3}, Alpha: []byte{0}}},
		"premultiplied": {premultiplied, Picture{RGB: []byte{200, 100, 0}, Alpha: []byte{51}, Notes: []string{notePremultiplied}}},
		"16 bits":       {deep, Picture{RGB: []byte{0x12, 0x34, 0x56}, LowBytes: []byte{0xff, 0, 0x80}}},
		"16-bit RGB":    {opaque, Picture{RGB: []byte{0x12, 0x56, 0x9a}, LowBytes: []byte{0x34, 0x78, 0xbc}}},
		"16-bit alpha":  {deepClear, Picture{RGB: []byte{0x12, 0x34, 0x56}, Alpha: []byte{0x89}, LowBytes: []byte{0xff, 0, 0x80, 0xab}}},
		"too colourful": {hostile, Picture{RGB: []byte{0xff, 0x7f, 0}, Alpha: []byte{0x80}, LowBytes: []byte{0xff, 0xff, 0, 0}, Notes: []string{notePremultiplied}}},
		"gray":          {gray8, Picture{RGB: []byte{0xab, 0xab, 0xab}, Gray: true}},
		"16-bit gray":   {gray, Picture{RGB: []byte{0xab, 0xab, 0xab}, Gray: true, LowBytes: []byte{0xcd}}},
		"CMYK":          {cmyk, Picture{RGB: []byte{255, 0, 0}, Notes: []string{noteCMYK}}},
	} {
		c.want.Width, c.want.Height = 1, 1
		if p := convert(c.image, false); !goreflect.DeepEqual(*p, c.want) {
			t.Errorf("%s: %+v, want %+v", name, *p, c.want)
		}
	}
}

func TestOnWhite(t *testing.T) {
	p := &Picture{Width: 1, Height: 1, RGB: []byte{200, 100, 0}, Alpha: []byte{51}, LowBytes: []byte{1, 2, 3, 4}, EXIF: []byte("x"), Notes: []string{"before"}}
	flat := p.OnWhite()
	if want := (Picture{Width: 1, Height: 1, RGB: []byte{244, 224, 204}, Notes: []string{"before", noteAlpha, noteSixteen, noteMetadata}}); !goreflect.DeepEqual(*flat, want) {
		t.Errorf("%+v, want %+v", *flat, want)
	}
	if !bytes.Equal(p.RGB, []byte{200, 100, 0}) || len(p.Notes) != 1 {
		t.Error("the picture itself has changed")
	}
	if plain := New(1, 1); plain.OnWhite() != plain {
		t.Error("a picture of colours alone is copied")
	}
}

// noisy fills a picture with random samples.
func noisy(height, width int, gray, alpha, deep bool) *Picture {
	r := rand.NewChaCha8([32]byte{byte(height), byte(width)})
	p := New(height, width)
	r.Read(p.RGB)
	if p.Gray = gray; gray {
		for i := range p.RGB {
			p.RGB[i] = p.RGB[i-i%3]
		}
	}
	if alpha {
		p.Alpha = make([]byte, height*width)
		r.Read(p.Alpha)
	}
	if deep {
		p.LowBytes = make([]byte, height*width*p.Channels())
		r.Read(p.LowBytes)
	}
	return p
}

// TestPNGKeepsEverything encodes each form of picture and decodes it again.
func TestPNGKeepsEverything(t *testing.T) {
	for _, c := range []struct{ gray, alpha, deep bool }{{}, {alpha: true}, {deep: true}, {alpha: true, deep: true}, {gray: true}, {gray: true, deep: true}} {
		p := noisy(9, 7, c.gray, c.alpha, c.deep)
		profile := profile(map[bool]string{false: "RGB ", true: "GRAY"}[c.gray], 200)
		for name, set := range map[string]func(){
			"alone":    func() {},
			"EXIF":     func() { p.EXIF = exif(1) },
			"ICC":      func() { p.EXIF, p.ICC = nil, profile },
			"EXIF too": func() { p.EXIF, p.ICC = exif(1), profile },
		} {
			p.EXIF, p.ICC = nil, nil
			set()
			for _, encode := range []func() ([]byte, error){p.PNG, p.StoredPNG} {
				file, err := encode()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := png.Decode(bytes.NewReader(file)); err != nil {
					t.Errorf("%+v, %s: not a valid PNG: %v", c, name, err)
				}
				back, err := Decode(file, roomy)
				if err != nil || !goreflect.DeepEqual(back, p) || back.Digest() != p.Digest() {
					t.Errorf("%+v, %s: another picture comes back: %v", c, name, err)
				}
			}
		}
	}
}

func TestJPEG(t *testing.T) {
	smooth := New(16, 24)
	for i := range smooth.RGB {
		smooth.RGB[i] = byte(100 + i/72*3)
	}
	smooth.Alpha = bytes.Repeat([]byte{255}, 16*24)
	smooth.Alpha[0], smooth.EXIF = 254, exif(1)
	file, err := smooth.JPEG()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Decode(file, roomy)
	if err != nil || back.Width != 24 || back.Height != 16 || back.EXIF != nil || back.Alpha != nil {
		t.Fatalf("%v", err)
	}
	for i, v := range back.RGB {
		if d := int(v) - int(smooth.RGB[i]); d < -6 || d > 6 {
			t.Fatalf("sample %d: %d, want about %d", i, v, smooth.RGB[i])
		}
	}
	if _, err := New(1, 1<<16).JPEG(); err == nil {
		t.Error("a JPEG of 65,536 columns")
	}
}

func TestDigest(t *testing.T) {
	wide := Picture{Width: 2, Height: 1, RGB: []byte{0, 127, 255, 1, 2, 3}}
	gray := Picture{Width: 2, Height: 1, RGB: []byte{5, 5, 5, 6, 6, 6}, Gray: true}
	with := func(p Picture, alpha, low []byte) Picture {
		p.Alpha, p.LowBytes = alpha, low
		return p
	}
	// Computed by sha256sum from the bytes that docs/format.md lists.
	for want, p := range map[string]Picture{
		"3fc18d3ba1394334a3f8bbe22b49a340d42a9ddeb986a8157deaf3734a99574a": wide,
		"f5d5aa3be5cb8a6e4cb1909ff3db39e9462c429c05a270911cbd3efe48d12691": gray,
		"5300bab8aa49e06572b520957099bdbd084158572b2b953d21efce32536f0ad2": with(wide, []byte{9, 8}, nil),
		"ae8f70fca2179d04b28e8d631f29c319a3f648358c4c15edaca9d6e56fe37387": with(wide, nil, []byte{10, 11, 12, 13, 14, 15}),
		"2d03c4d82f3166673b23bef5dc919a1e69ad3479e95d91f38a85a25842e58e12": with(gray, nil, []byte{1, 2}),
		"c2fec519519e6dad5be091999d57f7baac9fb520646de9676fe68438516c36c7": with(wide, []byte{9, 8}, []byte{1, 2, 3, 4, 5, 6, 7, 8}),
	} {
		if got := fmt.Sprintf("%x", p.Digest()); got != want {
			t.Errorf("%+v: digest %s, want %s", p, got, want)
		}
	}
	tall := Picture{Width: 1, Height: 2, RGB: wide.RGB}
	if wide.Digest() == tall.Digest() {
		t.Error("pictures of other shapes have one digest")
	}
}

func TestDecodeGIF(t *testing.T) {
	frame := image.NewPaletted(image.Rect(2, 1, 4, 3), color.Palette{color.NRGBA{255, 0, 0, 255}})
	g := gif.GIF{Image: []*image.Paletted{frame}, Delay: []int{0}, Config: image.Config{Width: 5, Height: 4, ColorModel: color.Palette(palette.WebSafe)}}
	encode := func() []byte {
		var b bytes.Buffer
		if err := gif.EncodeAll(&b, &g); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	still, err := Decode(encode(), roomy)
	if err != nil {
		t.Fatal(err)
	}
	if still.Width != 5 || still.Height != 4 || !bytes.Equal(still.RGB[3*(5+2):][:3], []byte{255, 0, 0}) || !bytes.Equal(still.Alpha[:3], []byte{0, 0, 0}) || still.Alpha[5+2] != 255 {
		t.Errorf("a frame inside its screen: %d x %d, %v", still.Width, still.Height, still.RGB)
	}
	if still.Notes != nil {
		t.Errorf("notes of a still GIF: %q", still.Notes)
	}
	g.Image, g.Delay = append(g.Image, frame), append(g.Delay, 10)
	moving, err := Decode(encode(), roomy)
	if err != nil {
		t.Fatal(err)
	}
	if len(moving.Notes) == 0 || !strings.Contains(moving.Notes[0], "first frame") {
		t.Errorf("notes of an animation: %q", moving.Notes)
	}
}

func TestLimitedRange(t *testing.T) {
	// From the definition: Y' = 16 + 219 (Kr R + Kg G + Kb B), Kr = 0.299, Kb = 0.114, in 0..1.
	for r := 0; r < 256; r += 15 {
		for g := 0; g < 256; g += 15 {
			for b := 0; b < 256; b += 15 {
				R, G, B := float64(r)/255, float64(g)/255, float64(b)/255
				y := 0.299*R + 0.587*G + 0.114*B
				gotR, gotG, gotB := limitedToRGB(uint8(math.Round(16+219*y)), uint8(math.Round(128+224*(B-y)/1.772)), uint8(math.Round(128+224*(R-y)/1.402)))
				for i, d := range []int{int(gotR) - r, int(gotG) - g, int(gotB) - b} {
					if d < -2 || d > 2 { // rounding of luma and chroma
						t.Fatalf("%d %d %d becomes %d %d %d (sample %d)", r, g, b, gotR, gotG, gotB, i)
					}
				}
			}
		}
	}
}

// exif returns minimal EXIF data with the given orientation.
func exif(o byte) []byte {
	return append([]byte("MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00"), o, 0, 0, 0, 0, 0, 0)
}

// withSegment inserts a segment after a JPEG's first marker.
func withSegment(file []byte, marker byte, data []byte) []byte {
	head := binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(data)+2))
	return slices.Concat(file[:2], head, data, file[2:])
}

// withOrientation inserts EXIF data with the given orientation into a JPEG.
func withOrientation(file []byte, o byte) []byte {
	return withSegment(file, 0xe1, append([]byte(exifPrefix), exif(o)...))
}

func TestOrientation(t *testing.T) {
	// Letters stand for pixels; each row of the table is the upright result for
	// the stored picture "abc/def" (TIFF 6.0, tag 274).
	want := map[int]string{1: "abc/def", 2: "cba/fed", 3: "fed/cba", 4: "def/abc", 5: "ad/be/cf", 6: "da/eb/fc", 7: "fc/eb/da", 8: "cf/be/ad"}
	for o := 1; o <= 8; o++ {
		p := New(2, 3)
		p.Alpha, p.LowBytes = make([]byte, 6), make([]byte, 24)
		for i := range 6 {
			p.RGB[3*i], p.Alpha[i], p.LowBytes[4*i+3] = byte('a'+i), byte('a'+i), byte('a'+i)
		}
		p.orient(o)
		for i := range 6 {
			if p.Alpha[i] != p.RGB[3*i] || p.LowBytes[4*i+3] != p.RGB[3*i] {
				t.Errorf("orientation %d: alpha or low bytes are turned otherwise", o)
			}
		}
		var got strings.Builder
		for y := range p.Height {
			if y > 0 {
				got.WriteByte('/')
			}
			for x := range p.Width {
				got.WriteByte(p.RGB[3*(y*p.Width+x)])
			}
		}
		if got.String() != want[o] {
			t.Errorf("orientation %d: %s, want %s", o, got.String(), want[o])
		}

		file := encodeJPEG(t, scene(16, 24))
		upright, err := Decode(file, roomy)
		if err != nil {
			t.Fatal(err)
		}
		upright.orient(o)
		tagged, err := Decode(withOrientation(file, byte(o)), roomy)
		if err != nil {
			t.Fatal(err)
		}
		if tagged.Width != upright.Width || !bytes.Equal(tagged.RGB, upright.RGB) {
			t.Errorf("orientation %d in a JPEG is not applied", o)
		}
		if height, width, err := Size(withOrientation(file, byte(o)), roomy); err != nil || height != upright.Height || width != upright.Width {
			t.Errorf("orientation %d: a size of %d x %d: %v", o, width, height, err)
		}
		if !bytes.Equal(tagged.EXIF, exif(1)) {
			t.Errorf("orientation %d: the EXIF data that are kept are %x", o, tagged.EXIF)
		}
	}
	file := encodeJPEG(t, scene(16, 24))
	for _, o := range []byte{0, 9, 255} {
		if p, err := Decode(withOrientation(file, o), roomy); err != nil || p.Width != 24 {
			t.Errorf("orientation %d, which does not exist, must be ignored: %v", o, err)
		}
	}
}

// declaring returns a PNG header that declares the given size, without samples.
func declaring(width, height uint32) []byte {
	ihdr := binary.BigEndian.AppendUint32([]byte("IHDR"), width)
	ihdr = append(binary.BigEndian.AppendUint32(ihdr, height), 8, 2, 0, 0, 0)
	file := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), ihdr...)
	return binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(ihdr))
}

func TestDecodeRefuses(t *testing.T) {
	good := encodePNG(t, scene(30, 30))
	flipped := bytes.Clone(good)
	flipped[len(flipped)-20] ^= 1 // in the checksum of the samples
	photo := encodeJPEG(t, scene(64, 64))
	for name, c := range map[string]struct {
		file []byte
		is   error
		want string
	}{
		"empty":                  {nil, ErrFormat, "not a PNG"},
		"text":                   {[]byte("hello, world"), ErrFormat, "not a PNG"},
		"HEIC":                   {[]byte("\x00\x00\x00\x18ftypheic"), ErrFormat, "convert it"},
		"CR3":                    {[]byte("\x00\x00\x00\x18ftypcrx isom"), ErrUnsupported, "raw file; convert it to PNG"},
		"ORF":                    {[]byte("IIRO\x08\x00\x00\x00"), ErrUnsupported, "raw file"},
		"BigTIFF":                {[]byte("MM\x00\x2b\x00\x08\x00\x00"), ErrUnsupported, "BigTIFF"},
		"PSD":                    {[]byte("8BPS\x00\x01"), ErrUnsupported, "PSD"},
		"100,000 x 100,000":      {declaring(100_000, 100_000), ErrTooLarge, "100000 x 100000"},
		"2^31-1 x 2^31-1":        {declaring(1<<31-1, 1<<31-1), ErrTooLarge, "2147483647 x 2147483647"},
		"just over":              {declaring(1<<20, 2), ErrTooLarge, "1048576 x 2"},
		"no width":               {declaring(0, 5), ErrCorrupt, "PNG"},
		"long file":              {append(bytes.Clone(good), make([]byte, 1<<20)...), ErrTooLarge, "the file has"},
		"cut PNG":                {good[:len(good)-20], ErrCorrupt, "cut short"},
		"header only":            {good[:33], ErrCorrupt, "cut short"},
		"flipped PNG":            {flipped, ErrCorrupt, "checksum"},
		"cut JPEG":               {photo[:len(photo)/2], ErrCorrupt, "JPEG"},
		"JPEG with broken table": {slices.Concat(photo[:30], []byte{0xff, 0xff}, photo[30:]), ErrCorrupt, "JPEG"},
		"GIF header only":        {[]byte("GIF89a\x05\x00\x05\x00\x00\x00\x00"), ErrCorrupt, "GIF"},
	} {
		if _, _, err := Size(c.file, roomy); err != nil && !errors.Is(err, c.is) || err == nil && c.is == ErrTooLarge {
			t.Errorf("%s: size: %v", name, err)
		}
		p, err := Decode(c.file, roomy)
		if p != nil || !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v; want %q about %q", name, p != nil, err, c.is, c.want)
		}
	}
}

// allocated returns the number of bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestDecodeDoesNotAllocateForAHeader(t *testing.T) {
	file := declaring(1000, 1000)
	n := allocated(func() {
		if _, err := Decode(file, Limits{Bytes: 1 << 10, Pixels: 999_999}); !errors.Is(err, ErrTooLarge) {
			t.Fatal(err)
		}
	})
	if n > 100_000 {
		t.Errorf("refusing a picture of 1000 x 1000 pixels allocates %d bytes", n)
	}
}

func TestPlanPartitions(t *testing.T) {
	seed := [2]uint64{1, 2}
	t.Logf("seed %v", seed)
	r := rand.New(rand.NewPCG(seed[0], seed[1]))
	tilings := []Tiling{
		{Stride: 8, Side: 256, MinSide: 64},
		{Stride: 4, Side: 256, MinSide: 4},
		{Stride: 16, Side: 64, MinSide: 64},
		{Stride: 1, Side: 5, MinSide: 2},
		{Stride: 4, Side: 0, MinSide: 32},
	}
	var sizes [][2]int
	for _, n := range []int{1, 2, 3, 63, 64, 65, 255, 256, 257, 319, 320, 321, 512, 600} {
		sizes = append(sizes, [2]int{n, 1}, [2]int{1, n}, [2]int{n, n})
	}
	for range 300 {
		sizes = append(sizes, [2]int{1 + r.IntN(600), 1 + r.IntN(600)})
	}
	for _, tiling := range tilings {
		for _, size := range sizes {
			plan, err := tiling.Plan(size[0], size[1])
			if err != nil {
				t.Fatal(err)
			}
			checkPlan(t, tiling, size[0], size[1], plan)
		}
	}
}

func checkPlan(t *testing.T, tiling Tiling, height, width int, plan Plan) {
	t.Helper()
	if plan.Height%tiling.Stride != 0 || plan.Width%tiling.Stride != 0 || plan.Height < max(height, tiling.MinSide) || plan.Width < max(width, tiling.MinSide) ||
		plan.Height >= max(height, tiling.MinSide)+tiling.Stride || plan.Width >= max(width, tiling.MinSide)+tiling.Stride {
		t.Fatalf("%+v, %d x %d: padded to %d x %d", tiling, height, width, plan.Height, plan.Width)
	}
	seen := make([]bool, plan.Height*plan.Width)
	area := 0
	for i, tile := range plan.Tiles {
		for _, side := range []int{tile.Height, tile.Width} {
			if side%tiling.Stride != 0 || side < tiling.MinSide || tiling.Side > 0 && side >= tiling.Side+tiling.MinSide {
				t.Fatalf("%+v, %d x %d: tile %+v", tiling, height, width, tile)
			}
		}
		if tile.Index != i {
			t.Fatalf("tile %d has index %d", i, tile.Index)
		}
		area += tile.Height * tile.Width
		for y := tile.Y; y < tile.Y+tile.Height; y++ {
			for x := tile.X; x < tile.X+tile.Width; x++ {
				if seen[y*plan.Width+x] {
					t.Fatalf("%+v, %d x %d: pixel %d,%d is covered twice", tiling, height, width, y, x)
				}
				seen[y*plan.Width+x] = true
			}
		}
	}
	if area != len(seen) {
		t.Fatalf("%+v, %d x %d: tiles cover %d of %d pixels", tiling, height, width, area, len(seen))
	}
	if tiling.Side == 0 && len(plan.Tiles) != 1 {
		t.Fatalf("a picture to be taken whole has %d tiles", len(plan.Tiles))
	}
}

func TestPlanRefuses(t *testing.T) {
	good := Tiling{Stride: 8, Side: 256, MinSide: 64, MaxPixels: 128 * 128}
	if _, err := good.Plan(121, 128); err != nil {
		t.Error(err)
	}
	if _, err := good.Plan(129, 128); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "16384") {
		t.Errorf("a picture over the model's limit: %v", err)
	}
	for _, tiling := range []Tiling{
		{}, {Stride: -8, Side: 256, MinSide: 64}, {Stride: 8, Side: 255, MinSide: 64}, {Stride: 8, Side: 256, MinSide: 60},
		{Stride: 8, Side: 32, MinSide: 64}, {Stride: 8, Side: 1 << 20, MinSide: 64}, {Stride: 8, Side: 0, MinSide: 0}, {Stride: 8, MinSide: 8, MaxPixels: -1},
	} {
		if _, err := tiling.Plan(100, 100); err == nil {
			t.Errorf("%+v is accepted", tiling)
		}
	}
	if _, err := good.Plan(0, 5); err == nil {
		t.Error("an empty picture is accepted")
	}
}

func TestExtractInsert(t *testing.T) {
	seed := [2]uint64{3, 4}
	t.Logf("seed %v", seed)
	r := rand.New(rand.NewPCG(seed[0], seed[1]))
	tiling := Tiling{Stride: 4, Side: 16, MinSide: 8}
	for range 200 {
		p := New(1+r.IntN(60), 1+r.IntN(60))
		for i := range p.RGB {
			p.RGB[i] = byte(r.Uint32())
		}
		plan, err := tiling.Plan(p.Height, p.Width)
		if err != nil {
			t.Fatal(err)
		}
		whole := New(plan.Height, plan.Width)
		for _, tile := range plan.Tiles {
			rgb := p.Extract(tile)
			if len(rgb) != 3*tile.Height*tile.Width {
				t.Fatalf("tile %+v of %d x %d has %d bytes", tile, p.Height, p.Width, len(rgb))
			}
			whole.Insert(tile, rgb)
		}
		if !bytes.Equal(whole.Crop(p.Height, p.Width).RGB, p.RGB) {
			t.Fatalf("%d x %d: inserting what was extracted does not give the picture", p.Height, p.Width)
		}
		for range 50 {
			y, x := r.IntN(plan.Height), r.IntN(plan.Width)
			sy, sx := walk(y, p.Height), walk(x, p.Width)
			if !bytes.Equal(whole.RGB[3*(y*plan.Width+x):][:3], p.RGB[3*(sy*p.Width+sx):][:3]) {
				t.Fatalf("%d x %d: pixel %d,%d is not the reflection of %d,%d", p.Height, p.Width, y, x, sy, sx)
			}
		}
	}
}

// walk returns a reflected coordinate by stepping back and forth.
func walk(steps, n int) int {
	at, by := 0, 1
	for range steps {
		if n == 1 {
			return 0
		}
		if at+by < 0 || at+by >= n {
			by = -by
		}
		at += by
	}
	return at
}

// webpPixel returns a lossless WebP of one pixel of the given colour, by the VP8L
// specification: no transforms, no colour cache, and five prefix codes of one
// symbol each, so that the pixel itself takes no bits.
func webpPixel(red, green, blue byte) []byte {
	var bits []byte
	put := func(v uint32, n int) {
		for i := range n {
			bits = append(bits, byte(v>>i&1))
		}
	}
	put(0x2f, 8)
	put(0, 14+14)                                             // width and height, minus 1
	put(0, 1+3)                                               // no alpha, version 0
	put(0, 1+1+1)                                             // no transform, no colour cache, no meta prefix codes
	for _, symbol := range []byte{green, red, blue, 255, 0} { // then alpha and distance
		put(1, 1) // a simple code
		put(0, 1) // of one symbol
		put(1, 1) // which has 8 bits
		put(uint32(symbol), 8)
	}
	data := make([]byte, (len(bits)+15)/16*2) // chunks have even length
	for i, b := range bits {
		data[i/8] |= b << (i % 8)
	}
	chunk := slices.Concat([]byte("WEBPVP8L"), binary.LittleEndian.AppendUint32(nil, uint32(len(data))), data)
	return slices.Concat([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(len(chunk))), chunk)
}

func FuzzDecode(f *testing.F) {
	f.Add(encodePNG(f, scene(5, 9)))
	f.Add(encodePNG(f, image.NewGray16(image.Rect(0, 0, 3, 3))))
	f.Add(withOrientation(encodeJPEG(f, scene(9, 17)), 6))
	f.Add(webpPixel(1, 2, 3))
	f.Add(declaring(100_000, 100_000))
	var b bytes.Buffer
	for _, encode := range []func() error{
		func() error { return gif.Encode(&b, scene(4, 6), nil) },
		func() error { return bmp.Encode(&b, scene(4, 6)) },
		func() error { return tiff.Encode(&b, scene(4, 6), &tiff.Options{Compression: tiff.Deflate}) },
	} {
		b.Reset()
		if err := encode(); err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.Clone(b.Bytes()))
	}
	for _, c := range metadataCases(f) {
		f.Add(c.file)
	}
	for _, pattern := range []string{"testdata/*.*", "testdata/*/*.*"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: %v", pattern, err)
		}
		for _, name := range files {
			file, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(file)
		}
	}
	limits := Limits{Bytes: 1 << 16, Pixels: 1 << 16}
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := Decode(file, limits)
		if err != nil {
			if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrTooLarge) {
				t.Errorf("error of no class: %v", err)
			}
			return
		}
		if p.Width < 1 || p.Height < 1 || int64(p.Width)*int64(p.Height) > limits.Pixels || len(p.RGB) != 3*p.Width*p.Height {
			t.Errorf("%d x %d pixels with %d bytes", p.Width, p.Height, len(p.RGB))
		}
		written, err := p.PNG()
		if err != nil {
			t.Fatal(err)
		}
		p.Notes, p.samplesNotes = nil, 0
		if back, err := Decode(written, Limits{Bytes: 1 << 24, Pixels: 1 << 16}); err != nil || !goreflect.DeepEqual(back, p) {
			t.Errorf("another picture comes back from its PNG: %v", err)
		}
	})
}

// TestKinds compares one scene in many kinds of files with its lossless form.
func TestKinds(t *testing.T) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil || len(files) < 12 {
		t.Fatalf("testdata holds %d files: %v", len(files), err)
	}
	read := func(name string) *Picture {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Decode(file, roomy)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return p
	}
	scene := read("testdata/scene.png")
	notes := map[string]string{"cmyk.jpg": noteCMYK, "animation.gif": "only the first frame"}
	for _, name := range files {
		p := read(name)
		if p.Width != scene.Width || p.Height != scene.Height {
			t.Errorf("%s: %d x %d", name, p.Width, p.Height)
			continue
		}
		var sum, worst int
		for i, v := range p.RGB {
			d := max(int(v)-int(scene.RGB[i]), int(scene.RGB[i])-int(v))
			sum += d
			worst = max(worst, d)
		}
		mean := float64(sum) / float64(len(p.RGB))
		t.Logf("%s: mean difference %.2f, largest %d", name, mean, worst)
		limit := 3.0 // lossy kinds and palettes
		if strings.HasPrefix(filepath.Base(name), "lossless") || strings.HasPrefix(filepath.Base(name), "interlaced") ||
			strings.HasPrefix(filepath.Base(name), "lzw") || strings.HasPrefix(filepath.Base(name), "deep") {
			limit = 0
		}
		if mean > limit {
			t.Errorf("%s: mean difference %.2f, at most %g is expected", name, mean, limit)
		}
		if got, want := strings.Join(p.Notes, "; "), notes[filepath.Base(name)]; !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: notes %q, want %q", name, got, want)
		}
	}
}

// TestRealPictures decodes the evaluation pictures, if their folder exists.
func TestRealPictures(t *testing.T) {
	dir := os.Getenv("ENCIPHER_SHARED")
	if dir == "" {
		dir = "../../../shared"
	}
	files, err := filepath.Glob(filepath.Join(dir, "data/eval/*/*"))
	if err != nil || len(files) == 0 {
		t.Logf("no pictures under %s, nothing to check", dir)
		return
	}
	pictures := 0
	for _, name := range files {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sniff(file); err != nil {
			continue // lists and licences in the same folder
		}
		if _, err := Decode(file, Limits{Bytes: 1 << 26, Pixels: 1 << 24}); err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
		}
		pictures++
	}
	t.Logf("%d pictures", pictures)
}
