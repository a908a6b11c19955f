package carrier

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"
	"strings"
	"testing"

	xdraw "golang.org/x/image/draw"
)

// random returns n bytes of a generator.
func random(seed generator, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(seed.next())
	}
	return b
}

// modulate returns a carrier of n random bytes, and these; of as many as it takes where n is negative.
func modulate(t testing.TB, width, height int, p Preset, n int) (*image.Gray, []byte) {
	t.Helper()
	if n < 0 {
		n = Capacity(width, height, p)
	}
	payload := random(generator(width*height), n)
	c, err := Modulate(t.Context(), payload, width, height, p)
	if err != nil {
		t.Fatal(err)
	}
	return c, payload
}

// opens fails the test unless p is a copy of a carrier of payload.
func opens(t testing.TB, p *image.Gray, payload []byte) {
	t.Helper()
	got, err := Demodulate(t.Context(), p)
	if err != nil {
		t.Error(err)
	} else if !bytes.Equal(got, payload) {
		t.Error("another payload came back")
	}
}

func TestCapacity(t *testing.T) {
	for _, test := range []struct {
		width, height int
		preset        Preset
		want          int
	}{
		{1600, 1200, Default, 466748},
		{1600, 1200, Strong, 303068},
		{MinSide, MinSide, Default, 8444},
		{MinSide, MinSide, Strong, 5276},
		{MinSide - 1, MinSide, Default, 0},
		{1 << 13, 1 << 12, Default, 0},
		{800, 600, 0, 0},
		{800, 600, 3, 0},
	} {
		if got := Capacity(test.width, test.height, test.preset); got != test.want {
			t.Errorf("%d x %d, preset %d: %d bytes, want %d", test.width, test.height, test.preset, got, test.want)
		}
	}
}

// Carriers of many sizes and payloads come back, from a part of a larger picture in memory too.
func TestRoundTrip(t *testing.T) {
	for _, test := range []struct{ width, height, payload int }{
		{192, 192, 0}, {192, 192, 1}, {200, 193, 1052}, {199, 207, 1053}, {192, 300, 5000}, {321, 239, -1}, {640, 200, -1},
	} {
		for _, p := range []Preset{Default, Strong} {
			t.Run(fmt.Sprint(test, p), func(t *testing.T) {
				c, payload := modulate(t, test.width, test.height, p, test.payload)
				if c.Rect != image.Rect(0, 0, test.width, test.height) {
					t.Fatal(c.Rect)
				}
				opens(t, c, payload)
				larger := image.NewGray(image.Rect(0, 0, test.width+20, test.height+10))
				part := larger.SubImage(image.Rect(11, 7, 11+test.width, 7+test.height)).(*image.Gray)
				xdraw.Copy(part, part.Rect.Min, c, c.Rect, xdraw.Src, nil)
				opens(t, part, payload)
			})
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		width, height, payload int
		preset                 Preset
		want                   string
	}{
		{192, 192, 8445, Default, "too many"},
		{191, 192, 1, Default, "191 x 192"},
		{1 << 16, 192, 1, Default, "65536 x 192"},
		{1 << 13, 1 << 12, 1, Default, "8192 x 4096"},
		{-200, -200, 1, Default, "-200 x -200"},
		{200, 200, 1, 0, "preset 0"},
		{200, 200, 1, 3, "preset 3"},
	} {
		_, err := Modulate(t.Context(), make([]byte, test.payload), test.width, test.height, test.preset)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v", test, err)
		}
	}
}

// Payload of any content looks like noise: the deviation of the samples is that of the preset, and few of them clip.
func TestSamples(t *testing.T) {
	for p, want := range map[Preset]float64{Default: 40, Strong: 42} {
		c, err := Modulate(t.Context(), make([]byte, Capacity(480, 320, p)), 480, 320, p)
		if err != nil {
			t.Fatal(err)
		}
		var sum, squares, clipped float64
		for _, v := range c.Pix {
			sum += float64(v)
			squares += float64(v) * float64(v)
			if v == 0 || v == 255 {
				clipped++
			}
		}
		n := float64(len(c.Pix))
		mean := sum / n
		if d := math.Sqrt(squares/n - mean*mean); math.Abs(d-want) > 1 || math.Abs(mean-128) > 1 || clipped/n > .003 {
			t.Errorf("preset %d: mean %.1f, deviation %.1f, %.2f %% clipped", p, mean, d, 100*clipped/n)
		}
	}
}

// levels returns p with each sample changed.
func levels(p *image.Gray, f func(v float64) float64) *image.Gray {
	q := image.NewGray(p.Rect)
	for i, v := range p.Pix {
		q.Pix[i] = uint8(max(0, min(255, math.Round(f(float64(v))))))
	}
	return q
}

// Brightness, contrast and gamma changed by some percent do no harm.
func TestLevels(t *testing.T) {
	for _, p := range []Preset{Default, Strong} {
		c, payload := modulate(t, 320, 256, p, -1)
		for _, change := range []float64{-.08, -.05, -.02, .02, .05, .08} {
			opens(t, levels(c, func(v float64) float64 { return v + 255*change }), payload)
			opens(t, levels(c, func(v float64) float64 { return (v-128)*(1+change) + 128 }), payload)
			opens(t, levels(c, func(v float64) float64 { return v * (1 + change) }), payload)
			opens(t, levels(c, func(v float64) float64 { return 255 * math.Pow(v/255, 1+change) }), payload)
		}
		// The range of video.
		opens(t, levels(c, func(v float64) float64 { return 16 + v*219/255 }), payload)
	}
}

func TestTurned(t *testing.T) {
	c, payload := modulate(t, 331, 258, Default, -1)
	for _, u := range turns[1:] {
		opens(t, u.undo(c), payload)
	}
}

func scaled(p *image.Gray, width, height int) *image.Gray {
	q := image.NewGray(image.Rect(0, 0, width, height))
	xdraw.CatmullRom.Scale(q, q.Rect, p, p.Rect, xdraw.Src, nil)
	return q
}

func cropped(p *image.Gray, r image.Rectangle) *image.Gray {
	q := image.NewGray(image.Rect(0, 0, r.Dx(), r.Dy()))
	xdraw.Copy(q, image.Point{}, p, r, xdraw.Src, nil)
	return q
}

// Copies that lost their payload are told apart.
func TestAltered(t *testing.T) {
	for _, p := range []Preset{Default, Strong} {
		c, _ := modulate(t, 800, 600, p, -1)
		for _, test := range []struct {
			name string
			copy *image.Gray
			want error
		}{
			{"half", scaled(c, 400, 300), &AlteredError{Scaled, 800, 600, 400, 300}},
			{"nine tenths", scaled(c, 720, 540), &AlteredError{Scaled, 800, 600, 720, 540}},
			{"a third", scaled(c, 267, 200), &AlteredError{Scaled, 800, 600, 267, 200}},
			{"thumbnail", scaled(c, 200, 150), &AlteredError{Scaled, 800, 600, 200, 150}},
			{"larger", scaled(c, 1280, 960), &AlteredError{Scaled, 800, 600, 1280, 960}},
			{"smaller and turned", turns[5].undo(scaled(c, 400, 300)), &AlteredError{Scaled, 800, 600, 400, 300}},
			{"crop", cropped(c, image.Rect(13, 21, 413, 321)), &AlteredError{Cropped, 800, 600, 400, 300}},
			{"crop of a corner", cropped(c, image.Rect(0, 0, 500, 500)), &AlteredError{Cropped, 800, 600, 500, 500}},
			{"small crop", cropped(c, image.Rect(313, 221, 545, 453)), &AlteredError{Cropped, 800, 600, 232, 232}},
			{"crop, then smaller", scaled(cropped(c, image.Rect(100, 100, 700, 500)), 350, 233), &AlteredError{Cropped, 800, 600, 350, 233}},
			{"smaller and larger", scaled(scaled(c, 500, 375), 800, 600), &AlteredError{Filtered, 800, 600, 800, 600}},
		} {
			t.Run(fmt.Sprint(p, " ", test.name), func(t *testing.T) {
				_, err := Demodulate(t.Context(), test.copy)
				if err == nil || err.Error() != test.want.Error() {
					t.Errorf("%v, want %v", err, test.want)
				}
			})
		}
		// What is painted over a small part is repaired, over half of it not.
		c, payload := modulate(t, 800, 600, p, -1)
		xdraw.Copy(c, image.Pt(100, 100), image.NewUniform(color.Gray{Y: 230}), image.Rect(0, 0, 120, 80), xdraw.Src, nil)
		opens(t, recompress(t, c, 75), payload)
		for i := range c.Pix[:len(c.Pix)/2] {
			c.Pix[i] = 90
		}
		if _, err := Demodulate(t.Context(), c); !errors.Is(err, ErrDamaged) {
			t.Error("a picture painted over: ", err)
		}
	}
}

func TestNotCarrier(t *testing.T) {
	g := generator(7)
	picture := func(f func(x, y int) uint8) *image.Gray {
		p := image.NewGray(image.Rect(0, 0, 500, 400))
		for y := range 400 {
			for x := range 500 {
				p.SetGray(x, y, color.Gray{Y: f(x, y)})
			}
		}
		return p
	}
	for name, p := range map[string]*image.Gray{
		"noise":    picture(func(int, int) uint8 { return uint8(g.next()) }),
		"flat":     picture(func(int, int) uint8 { return 200 }),
		"gradient": picture(func(x, y int) uint8 { return uint8(x/4 + y/4) }),
		"blocks":   picture(func(x, y int) uint8 { h := generator(x/8*1000 + y/8); return uint8(h.next()) }),
		"empty":    image.NewGray(image.Rectangle{}),
		"one":      image.NewGray(image.Rect(0, 0, 1, 1)),
		"line":     image.NewGray(image.Rect(0, 0, 30000, 9)),
		"huge":     {Stride: 1 << 13, Rect: image.Rect(0, 0, 1<<13, 1<<13)},
	} {
		if _, err := Demodulate(t.Context(), p); !errors.Is(err, ErrNotCarrier) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func draw(t *testing.T, l *layout, stream []byte, h header) *image.Gray {
	t.Helper()
	p, err := l.draw(t.Context(), stream, h.signs())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Every step ends when the context is cancelled.
func TestCancel(t *testing.T) {
	c, payload := modulate(t, 800, 600, Default, -1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if p, err := Modulate(ctx, payload, 800, 600, Default); !errors.Is(err, context.Canceled) || p != nil {
		t.Error(err)
	}
	for name, p := range map[string]*image.Gray{"copy": c, "smaller copy": scaled(c, 400, 300), "no carrier": image.NewGray(c.Rect)} {
		if got, err := Demodulate(ctx, p); !errors.Is(err, context.Canceled) || got != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A header of another version or preset is told, and one that no writer writes is refused before any work.
func TestHeader(t *testing.T) {
	l := newLayout(256, 256, &schemes[0])
	stream, err := l.encode(t.Context(), []byte("payload"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		header header
		want   error
	}{
		{header{1, Default, 256, 256, 7}, nil},
		{header{2, Default, 256, 256, 7}, &VersionError{2}},
		{header{0, Default, 256, 256, 7}, &VersionError{0}},
		{header{1, 9, 256, 256, 7}, &VersionError{1}},
		{header{1, Default, 256, 100, 7}, ErrDamaged},
		{header{1, Default, 65535, 65535, 7}, ErrDamaged},
		{header{1, Default, 256, 256, l.capacity() + 1}, ErrDamaged},
		{header{1, Default, 256, 256, math.MaxUint32}, ErrDamaged},
		{header{1, Default, 256, 256, 6}, ErrDamaged}, // the check is elsewhere
		{header{1, Default, 512, 256, 7}, &AlteredError{Cropped, 512, 256, 256, 256}},
	} {
		_, err := Demodulate(t.Context(), draw(t, l, stream, test.header))
		if fmt.Sprint(err) != fmt.Sprint(test.want) {
			t.Errorf("%v: %v, want %v", test.header, err, test.want)
		}
	}
	// A version is told of a smaller copy too.
	_, err = Demodulate(t.Context(), scaled(draw(t, l, stream, header{2, Default, 256, 256, 7}), 200, 200))
	if v := (*VersionError)(nil); !errors.As(err, &v) {
		t.Error(err)
	}
}

// The correlation by spectra finds every turn and place.
func TestMatcher(t *testing.T) {
	g := generator(5)
	for _, u := range turns {
		known := syncOf(u)
		f := fold{variance: 1}
		for p := range f.sums {
			f.sums[p] = float64(known[mod(p/markSide+7)*markSide+mod(p%markSide+5)]) + float64(g.below(100))/1000
			f.counts[p] = 1
		}
		score, got, column, row := newMatcher().best(&f)
		if got != u || column != 5 || row != 7 || math.Abs(score-math.Sqrt(markBlocks-headerBits)) > 1 {
			t.Errorf("%v: turn %v at %d, %d with score %.1f", u, got, column, row, score)
		}
	}
}

// What the reader computes of samples is what the writer made them of, but for rounding.
func TestTransform(t *testing.T) {
	g := generator(11)
	for range 20 {
		var sent [64]int32
		for k := range sent {
			sent[k] = int32(g.below(400)) - 200
		}
		var block [64]uint8
		var got [64]float32
		samples(&block, &sent)
		transform(&got, block[:], 8)
		for k, v := range got {
			if math.Abs(float64(v)-float64(sent[k])/16) > 2 {
				t.Fatalf("coefficient %d is %v, was %v", k, v, float64(sent[k])/16)
			}
		}
	}
}

// No block holds much of one code word, where the number of words divides that of blocks too, as in a strong carrier of 800 x 600 pixels.
func TestInterleaving(t *testing.T) {
	for _, p := range []Preset{Default, Strong} {
		l := newLayout(800, 600, &schemes[p-1])
		words, length := l.words(l.capacity())
		word := make([]int, l.stream())
		for _, at := range permutation(seedCodeBits, length) {
			for c := range words {
				word[int(at)*words+c] = c
			}
		}
		for n := range l.blocks {
			counts := map[int]int{}
			for bit := range l.bits {
				c := word[l.position(bit, n)]
				if counts[c]++; counts[c] > len(l.bits)/20 {
					t.Fatalf("preset %d: word %d has %d and more bits in block %d", p, c, counts[c], n)
				}
			}
		}
	}
}

func BenchmarkModulate(b *testing.B) {
	payload := random(1, Capacity(1600, 1200, Default))
	for b.Loop() {
		Modulate(b.Context(), payload, 1600, 1200, Default)
	}
}

func BenchmarkDemodulate(b *testing.B) {
	for _, p := range []Preset{Default, Strong} {
		c, _ := modulate(b, 1600, 1200, p, -1)
		c = recompress(b, c, 75)
		b.Run(fmt.Sprint(p), func(b *testing.B) {
			for b.Loop() {
				if _, err := Demodulate(b.Context(), c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNotCarrier(b *testing.B) {
	c := image.NewGray(image.Rect(0, 0, 1600, 1200))
	copy(c.Pix, random(4, len(c.Pix)))
	for b.Loop() {
		Demodulate(b.Context(), c)
	}
}
