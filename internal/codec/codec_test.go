package codec

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"enciphergan/internal/metric"
)

var update = flag.Bool("update", false, "write testdata/vectors.json again")

// scene draws smooth colour, edges and texture, all by integers, so that it is the same everywhere.
func scene(width, height int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	rgb := make([]byte, 0, 3*width*height)
	for y := range height {
		for x := range width {
			v := 60 + 90*x/width + 60*y/height
			if (x/13+y/29)%5 == 0 {
				v += 40
			}
			if x*x+y*y < width*height/2 {
				v += int(r.Uint32N(24))
			}
			rgb = append(rgb, byte(v), byte(v*3/4+20*(x/40%2)), byte(255-v))
		}
	}
	return rgb
}

func TestRoundTrip(t *testing.T) {
	ctx := context.Background()
	for _, size := range [][2]int{{257, 131}, {96, 96}, {33, 65}, {8, 200}} {
		width, height := size[0], size[1]
		rgb := scene(width, height)
		previous := 0.
		for _, bits := range []float64{.5, 1, 3} {
			n := int(bits*float64(width*height)/8) + 60
			code, err := Codec{}.Encode(ctx, rgb, width, height, n)
			if err != nil {
				t.Fatalf("%v, %d bytes: %v", size, n, err)
			}
			filled := .97
			if bits < 1 { // the noise of the scene is coded all at once or not at all
				filled = .7
			}
			if len(code) > n || float64(len(code)) < filled*float64(n)-20 {
				t.Errorf("%v: %d bytes of %d", size, len(code), n)
			}
			got, err := Codec{}.Decode(ctx, code, width, height)
			if err != nil {
				t.Fatal(err)
			}
			psnr := metric.PSNR(rgb, got)
			t.Logf("%v: %d of %d bytes, %.2f dB", size, len(code), n, psnr)
			if psnr < previous || psnr < 24 {
				t.Errorf("%v, %d bytes: %.2f dB, after %.2f dB with fewer", size, n, psnr, previous)
			}
			previous = psnr
			again, preview, err := Codec{}.EncodePreview(ctx, rgb, width, height, n)
			if err != nil || !bytes.Equal(again, code) || !bytes.Equal(preview, got) {
				t.Errorf("%v: the preview is not the picture of the code (%v)", size, err)
			}
			padded, err := Codec{}.Decode(ctx, append(bytes.Clone(code), make([]byte, 100)...), width, height)
			if err != nil || !bytes.Equal(padded, got) {
				t.Errorf("%v: zeros at the end change the picture (%v)", size, err)
			}
		}
	}
}

// TestProgress checks that the steps of both directions grow and stay within their total.
func TestProgress(t *testing.T) {
	const width, height = 96, 320
	last, calls := -1, 0
	c := Codec{Progress: func(done, total int) {
		if calls++; done < last || done >= total {
			t.Errorf("%d of %d after %d", done, total, last)
		}
		last = done
	}}
	code, err := c.Encode(t.Context(), scene(width, height), width, height, 3000)
	if err != nil || calls < 20 {
		t.Errorf("%d calls, %v", calls, err)
	}
	last, calls = -1, 0
	if _, err := c.Decode(t.Context(), code, width, height); err != nil || calls != 10 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

// TestSmall codes pictures smaller than a block, with as many bytes as the finest step takes.
func TestSmall(t *testing.T) {
	ctx := context.Background()
	for width := 1; width < 40; width += 6 {
		for height := 1; height < 40; height += 5 {
			rgb := scene(width, height)
			code, err := Codec{}.Encode(ctx, rgb, width, height, 1<<16)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Codec{}.Decode(ctx, code, width, height)
			if err != nil || !bytes.Equal(got, rgb) {
				t.Errorf("%dx%d: %.1f dB at the finest step (%v)", width, height, metric.PSNR(rgb, got), err)
			}
		}
	}
}

// TestSameLevels compares what the encoder coded with what the decoder reads, for pictures that stress the model.
func TestSameLevels(t *testing.T) {
	const width, height = 168, 104
	noise := make([]byte, 3*width*height)
	rand.NewChaCha8([32]byte{1}).Read(noise)
	extremes := bytes.Clone(noise)
	for i := range extremes {
		extremes[i] = byte(int8(extremes[i]) >> 7)
	}
	for name, rgb := range map[string][]byte{"noise": noise, "extremes": extremes, "scene": scene(width, height), "black": make([]byte, len(noise))} {
		for _, number := range []int{0, 9000, 20000, 33000, 50000, largestStep} {
			p := pass{coefficients: Cosine{}.Analyse(rgb, width, height, stepOf(number)), number: number}
			e := newBlockCoder(p.coefficients, stepOf(number))
			e.rangeCoder, e.lambda = newEncoder(), lambda
			if err := e.picture(context.Background(), func(int) {}); err != nil {
				t.Fatal(err)
			}
			d := newBlockCoder(newCoefficients(width, height), stepOf(number))
			d.rangeCoder = newDecoder(e.finish())
			if err := d.picture(context.Background(), func(int) {}); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(e.c.Layout, d.c.Layout) {
				t.Errorf("%s, step %d: other blocks", name, number)
			}
			for c := range colours {
				if !bytes.Equal(e.magnitudes[c], d.magnitudes[c]) || !slices.Equal(e.aboveEdge[c], d.aboveEdge[c]) {
					t.Errorf("%s, step %d: colour %d differs", name, number, c)
				}
				for i, v := range d.c.Values[c] {
					if off := math.Abs(float64(v-e.c.Values[c][i])) / float64(stepOf(number)); off > 1.6 {
						t.Fatalf("%s, step %d: coefficient %d of colour %d is %g steps off", name, number, i, c, off)
					}
				}
			}
		}
	}
}

// TestGray compares a gray picture with the bytes that its brightness alone takes: the two colours without content cost next to nothing.
func TestGray(t *testing.T) {
	const width, height = 320, 240
	rgb := scene(width, height)
	for i := 0; i < len(rgb); i += 3 {
		rgb[i+1], rgb[i+2] = rgb[i], rgb[i]
	}
	c := Cosine{}.Analyse(rgb, width, height, 3)
	for i := 1; i < colours; i++ {
		for _, v := range c.Values[i] {
			if v != 0 {
				t.Fatalf("colour %d has a coefficient of %g", i, v)
			}
		}
	}
	p := pass{coefficients: c, number: stepNumber(3)}
	code, err := p.run(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	b := newBlockCoder(c, 3)
	b.rangeCoder, b.lambda = newEncoder(), lambda
	for y := 0; y < c.Height; y += maxSide {
		for x := 0; x < c.Width; x += maxSide {
			brightness(b, x, y, sizes-1)
		}
	}
	alone := len(b.finish())
	t.Logf("%d bytes, brightness alone %d", len(code), alone)
	if len(code) > alone+alone/100+40 {
		t.Errorf("%d bytes, brightness alone takes %d", len(code), alone)
	}
}

// brightness codes the first colour of the blocks of a square, without the layout.
func brightness(b *blockCoder, x, y, size int) {
	if x >= b.c.Width || y >= b.c.Height {
		return
	}
	h := minSide << size / 2
	if int(b.c.Layout[y/4*(b.c.Width/4)+x/4]) == size {
		b.block(0, x, y, size)
		for i := range 1 << size {
			b.leftSize[y/4+i], b.aboveSize[x/4+i] = uint8(size), uint8(size)
		}
		return
	}
	for i := range 4 {
		brightness(b, x+i%2*h, y+i/2*h, size-1)
	}
}

func TestErrors(t *testing.T) {
	ctx := context.Background()
	rgb := scene(64, 64)
	for name, err := range map[string]error{
		"no pixels":       func() error { _, err := Codec{}.Encode(ctx, nil, 0, 9, 100); return err }(),
		"too many pixels": func() error { _, err := Codec{}.Decode(ctx, make([]byte, 9), 1<<20, 1<<20); return err }(),
		"other samples":   func() error { _, err := Codec{}.Encode(ctx, rgb, 64, 63, 100); return err }(),
	} {
		if !errors.Is(err, ErrSize) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := range 20 {
		if code, err := (Codec{}).Encode(ctx, rgb, 64, 64, n); err == nil && len(code) > n {
			t.Errorf("%d bytes of %d", len(code), n)
		} else if err != nil && !errors.Is(err, ErrRoom) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := (Codec{}).Encode(ctx, rgb, 64, 64, 2); !errors.Is(err, ErrRoom) {
		t.Errorf("2 bytes: %v", err)
	}
	for _, code := range [][]byte{nil, {1, 2}, {0, 2, 3, 4}, {2, 2, 3, 4}} {
		if _, err := (Codec{}).Decode(ctx, code, 8, 8); !errors.Is(err, ErrCode) {
			t.Errorf("%v: %v", code, err)
		}
	}
	stopped, stop := context.WithCancel(ctx)
	stop()
	if _, err := (Codec{}).Encode(stopped, rgb, 64, 64, 1000); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

func TestSteps(t *testing.T) {
	if stepOf(0) != 1./16 || stepOf(largestStep) != 8191./2 {
		t.Errorf("steps from %g to %g", stepOf(0), stepOf(largestStep))
	}
	for number := 1; number <= largestStep; number++ {
		s := stepOf(number)
		if s <= stepOf(number-1) {
			t.Fatalf("step %d is not above the one before", number)
		}
		if got := stepNumber(float64(s)); got != number {
			t.Fatalf("step %d is found as %d", number, got)
		}
	}
	for s, want := range map[float64]int{0: 0, .01: 0, 1e9: largestStep} {
		if got := stepNumber(s); got != want {
			t.Errorf("step %g is found as %d", s, got)
		}
	}
}

func TestTransform(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{4, 8, 16, 32} {
		var x [maxSide]float32
		for i := range n {
			x[i] = float32(r.NormFloat64())
		}
		y := x
		dct(&y, n)
		for k := range n {
			want := 0.
			for i := range n {
				want += float64(x[i]) * math.Cos(float64((2*i+1)*k)*math.Pi/float64(2*n))
			}
			want *= math.Sqrt(2 / float64(n))
			if k == 0 {
				want /= math.Sqrt2
			}
			if math.Abs(want-float64(y[k])) > 1e-5 {
				t.Errorf("side %d: coefficient %d is %g, not %g", n, k, y[k], want)
			}
		}
		inverseDCT(&y, n)
		for i := range n {
			if math.Abs(float64(y[i]-x[i])) > 1e-5 {
				t.Errorf("side %d: sample %d is %g, not %g", n, i, y[i], x[i])
			}
		}
	}
}

// TestEdges continues a flat picture and a ramp over the boundary between blocks of different sides.
func TestEdges(t *testing.T) {
	const width, height = 64, 64
	rgb := bytes.Repeat([]byte{200, 100, 30}, width*height)
	code, err := Codec{}.Encode(context.Background(), rgb, width, height, 60)
	if err != nil {
		t.Fatal(err)
	}
	if len(code) > 40 {
		t.Errorf("a flat picture takes %d bytes", len(code))
	}
	got, err := Codec{}.Decode(context.Background(), code, width, height)
	if err != nil || !bytes.Equal(got, rgb) {
		t.Errorf("a flat picture comes back with %.1f dB (%v)", metric.PSNR(rgb, got), err)
	}
}

// The vectors are codes and the SHA-256 of the samples that they decode to. Embedded, so that the same file serves the test
// under js/wasm.
//
//go:embed testdata/vectors.json
var vectorFile []byte

type vector struct {
	Name          string
	Width, Height int
	Code          string // base64
	SHA256        string // of the samples
}

func TestVectors(t *testing.T) {
	ctx := context.Background()
	if *update {
		writeVectors(t)
	}
	var vectors []vector
	if err := json.Unmarshal(vectorFile, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 6 {
		t.Fatalf("%d vectors", len(vectors))
	}
	for _, v := range vectors {
		code, err := base64.StdEncoding.DecodeString(v.Code)
		if err != nil {
			t.Fatal(err)
		}
		rgb, err := Codec{}.Decode(ctx, code, v.Width, v.Height)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(rgb); hex.EncodeToString(sum[:]) != v.SHA256 {
			t.Errorf("%s: other samples, %x", v.Name, sum)
		}
	}
}

func writeVectors(t *testing.T) {
	ctx := context.Background()
	var vectors []vector
	add := func(name string, width, height int, code []byte) {
		rgb, err := Codec{}.Decode(ctx, code, width, height)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(rgb)
		vectors = append(vectors, vector{name, width, height, base64.StdEncoding.EncodeToString(code), hex.EncodeToString(sum[:])})
	}
	for _, s := range []struct{ width, height, n int }{{1, 1, 30}, {7, 3, 100}, {40, 72, 700}, {161, 99, 500}, {161, 99, 4000}, {96, 64, 9000}} {
		code, err := Codec{}.Encode(ctx, scene(s.width, s.height), s.width, s.height, s.n)
		if err != nil {
			t.Fatal(err)
		}
		add(fmt.Sprintf("scene of %d x %d in %d bytes", s.width, s.height, s.n), s.width, s.height, code)
	}
	noise := make([]byte, 3000)
	rand.NewChaCha8([32]byte{5}).Read(noise)
	for i, step := range [][2]byte{{0, 0}, {0x66, 0x66}, {0xff, 0xff}} {
		noise[0], noise[1], noise[2] = cosine1, step[0], step[1]
		noise[3] = byte(i)
		add(fmt.Sprintf("random bytes %d", i), 90, 50, noise)
	}
	add("three bytes", 50, 90, []byte{cosine1, 0x70, 0})
	var err error
	if vectorFile, err = json.MarshalIndent(vectors, "", "\t"); err != nil {
		t.Fatal(err)
	}
	vectorFile = append(vectorFile, '\n')
	if err := os.WriteFile("testdata/vectors.json", vectorFile, 0o666); err != nil {
		t.Fatal(err)
	}
}

func FuzzDecode(f *testing.F) {
	var vectors []vector
	if err := json.Unmarshal(vectorFile, &vectors); err != nil {
		f.Fatal(err)
	}
	for _, v := range vectors {
		code, _ := base64.StdEncoding.DecodeString(v.Code)
		f.Add(code, uint16(v.Width), uint16(v.Height))
	}
	f.Fuzz(func(t *testing.T, code []byte, width, height uint16) {
		w, h := int(width%300), int(height%300)
		rgb, err := Codec{}.Decode(context.Background(), code, w, h)
		if err == nil && len(rgb) != 3*w*h {
			t.Errorf("%d samples of %d x %d", len(rgb), w, h)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	const width, height = 1600, 1200
	rgb := scene(width, height)
	for b.Loop() {
		if _, err := (Codec{}).Encode(context.Background(), rgb, width, height, 480_000); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	const width, height = 1600, 1200
	code, err := Codec{}.Encode(context.Background(), scene(width, height), width, height, 480_000)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := (Codec{}).Decode(context.Background(), code, width, height); err != nil {
			b.Fatal(err)
		}
	}
}
