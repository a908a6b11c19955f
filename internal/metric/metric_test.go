package metric

import (
	"math"
	"math/rand/v2"
	"testing"
)

// uniform returns a picture of independent uniform bytes.
func uniform(t *testing.T, seed uint64, height, width int) []byte {
	t.Helper()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	rgb := make([]byte, height*width*channels)
	for i := range rgb {
		rgb[i] = byte(r.Uint32())
	}
	return rgb
}

// smooth returns a picture with edges, ramps and different channels.
func smooth(height, width int) []byte {
	rgb := make([]byte, 0, height*width*channels)
	for y := range height {
		for x := range width {
			v := 128 + 60*math.Sin(float64(x)/7) + 50*math.Cos(float64(y)/5)
			rgb = append(rgb, byte(v), byte(x*255/width), byte(255*(y/4%2)))
		}
	}
	return rgb
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within) {
		t.Errorf("%s: got %.12g, want %.12g within %g", what, got, want, within)
	}
}

func TestPSNR(t *testing.T) {
	a, b := uniform(t, 1, 256, 256), uniform(t, 2, 256, 256)
	// Two independent uniform bytes differ by (256^2-1)/6 in mean square.
	near(t, "independent noise", PSNR(a, b), 7.7470, .03)
	var mse float64
	for i := range a {
		mse += math.Pow(float64(a[i])-float64(b[i]), 2) / float64(len(a))
	}
	near(t, "definition", PSNR(a, b), 20*math.Log10(255/math.Sqrt(mse)), 1e-9)

	c := smooth(20, 30)
	d := append([]byte(nil), c...)
	for i := range d {
		d[i] ^= 1
	}
	near(t, "one level everywhere", PSNR(c, d), 48.1308036, 1e-6)
	if got := PSNR(c, c); !math.IsInf(got, 1) {
		t.Errorf("equal pictures: got %g, want +Inf", got)
	}
	if got := PSNR(c, c[3:]); !math.IsNaN(got) {
		t.Errorf("different lengths: got %g, want NaN", got)
	}
	if got := PSNR(nil, nil); !math.IsNaN(got) {
		t.Errorf("no samples: got %g, want NaN", got)
	}
}

func TestBoundedPSNR(t *testing.T) {
	a := uniform(t, 3, 256, 256)
	b := append([]byte(nil), a...)
	b[77] ^= 1
	near(t, "equal", BoundedPSNR(a, a), 101.067, 1e-3)
	near(t, "equal against one level off", BoundedPSNR(a, a), PSNR(a, b), 0)
	c := uniform(t, 4, 256, 256)
	near(t, "otherwise", BoundedPSNR(a, c), PSNR(a, c), 0)
	if got := BoundedPSNR(a, a[1:]); !math.IsNaN(got) {
		t.Errorf("different lengths: got %g, want NaN", got)
	}
}

func TestEntropy(t *testing.T) {
	near(t, "noise", MeanEntropy(uniform(t, 5, 256, 256)), 7.9972, 2e-4)
	near(t, "constant", MeanEntropy(make([]byte, 300)), 0, 0)
	near(t, "empty", MeanEntropy(nil), 0, 0)

	// Channel 0 has two levels, channel 1 all 256, channel 2 levels 1:3.
	var rgb []byte
	for i := range 256 {
		rgb = append(rgb, byte(i%2), byte(i), byte(200*min(1, i%4)))
	}
	got := Entropy(rgb)
	near(t, "two levels", got[0], 1, 1e-12)
	near(t, "all levels", got[1], 8, 1e-12)
	near(t, "one to three", got[2], .25*2+.75*math.Log2(4./3), 1e-12)
}

func TestChiSquare(t *testing.T) {
	for c, x := range ChiSquare(uniform(t, 12, 256, 256)) {
		if x < 170 || x > 350 { // 255 +- 4 deviations of sqrt(510)
			t.Errorf("noise, channel %d: %g", c, x)
		}
	}
	// Channel 0 is constant, channel 1 has every level twice, channel 2 two levels.
	var rgb []byte
	for i := range 512 {
		rgb = append(rgb, 9, byte(i), byte(i%2))
	}
	got := ChiSquare(rgb)
	near(t, "constant", got[0], 255*512, 1e-9)
	near(t, "equal levels", got[1], 0, 0)
	near(t, "two levels", got[2], 254*2+2*254*254./2, 1e-9)
	if x := ChiSquare(nil)[0]; !math.IsNaN(x) {
		t.Errorf("empty: %g", x)
	}
}

func TestDifferences(t *testing.T) {
	a, b := uniform(t, 13, 256, 256), uniform(t, 14, 256, 256)
	for c := range channels {
		near(t, "NPCR of noise", NPCR(a, b)[c], 99.6094, .1)
		near(t, "UACI of noise", UACI(a, b)[c], 33.4635, .4)
		near(t, "NPCR of equal pictures", NPCR(a, a)[c], 0, 0)
		near(t, "UACI of equal pictures", UACI(a, a)[c], 0, 0)
	}
	// Two pixels: channel 0 by 255 downwards in one, channel 1 by 51 upwards in both.
	x, y := []byte{255, 0, 7, 3, 100, 7}, []byte{0, 51, 7, 3, 151, 7}
	if got := NPCR(x, y); got != [channels]float64{50, 100, 0} {
		t.Errorf("NPCR %v", got)
	}
	for c, want := range []float64{50, 20, 0} {
		near(t, "UACI", UACI(x, y)[c], want, 1e-12)
		near(t, "UACI, swapped", UACI(y, x)[c], want, 1e-12)
	}
	if !math.IsNaN(NPCR(a, b[3:])[0]) || !math.IsNaN(UACI(nil, nil)[1]) {
		t.Error("different or no lengths are not NaN")
	}
}

// pearson is the textbook two-pass computation over listed pairs.
func pearson(a, b []float64) float64 {
	var ma, mb float64
	for i := range a {
		ma += a[i] / float64(len(a))
		mb += b[i] / float64(len(b))
	}
	var saa, sbb, sab float64
	for i := range a {
		saa += (a[i] - ma) * (a[i] - ma)
		sbb += (b[i] - mb) * (b[i] - mb)
		sab += (a[i] - ma) * (b[i] - mb)
	}
	return sab / math.Sqrt(saa*sbb)
}

func TestAdjacentCorrelation(t *testing.T) {
	const height, width = 37, 53
	rgb := smooth(height, width)
	for i, v := range uniform(t, 6, height, width) {
		rgb[i] = byte((int(rgb[i])*3 + int(v)) / 4)
	}
	got := AdjacentCorrelation(rgb, height, width)
	for _, direction := range []struct {
		name        string
		down, right int
		got         [channels]float64
	}{{"horizontal", 0, 1, got.Horizontal}, {"vertical", 1, 0, got.Vertical}, {"diagonal", 1, 1, got.Diagonal}} {
		for c := range channels {
			var a, b []float64
			for y := range height - direction.down {
				for x := range width - direction.right {
					a = append(a, float64(rgb[(y*width+x)*channels+c]))
					b = append(b, float64(rgb[((y+direction.down)*width+x+direction.right)*channels+c]))
				}
			}
			near(t, direction.name, direction.got[c], pearson(a, b), 1e-10)
		}
	}
	h, v, d := got.Directions()
	near(t, "mean of directions", got.MeanAbsolute(), (h+v+d)/3, 1e-15)
}

func TestAdjacentCorrelationKnownValues(t *testing.T) {
	const side = 64
	noise := AdjacentCorrelation(uniform(t, 7, 256, 256), 256, 256)
	if got := noise.MeanAbsolute(); got > .01 {
		t.Errorf("noise: got %g, want at most .01", got)
	}

	rows := make([]byte, side*side*channels) // each row the negative of the one above, noise within
	copy(rows, uniform(t, 8, 1, side))
	for i := side * channels; i < len(rows); i++ {
		rows[i] = 255 - rows[i-side*channels]
	}
	got := AdjacentCorrelation(rows, side, side)
	for c := range channels {
		near(t, "anti-correlated rows", got.Vertical[c], -1, 1e-12)
	}

	flat := make([]byte, side*side*channels)
	for i := range flat {
		flat[i] = 137
	}
	near(t, "constant picture", AdjacentCorrelation(flat, side, side).MeanAbsolute(), 1, 0)
	near(t, "no neighbours", AdjacentCorrelation(flat[:3], 1, 1).MeanAbsolute(), 0, 0)
	near(t, "one side constant", AdjacentCorrelation([]byte{9, 9, 9, 9, 9, 9, 5, 5, 5}, 1, 3).Horizontal[0], 0, 0)
	if got := AdjacentCorrelation(flat, side, side+1).MeanAbsolute(); !math.IsNaN(got) {
		t.Errorf("wrong shape: got %g, want NaN", got)
	}
}

// naiveSSIM evaluates the definition window by window with a two-dimensional
// window and central moments.
func naiveSSIM(a, b []byte, height, width int) float64 {
	wh, ww := min(11, height), min(11, width)
	var total float64
	var count int
	for c := range channels {
		for y := 0; y+wh <= height; y++ {
			for x := 0; x+ww <= width; x++ {
				weight := func(i, j int) float64 {
					dy, dx := float64(i)-float64(wh-1)/2, float64(j)-float64(ww-1)/2
					return math.Exp(-(dy*dy + dx*dx) / 4.5)
				}
				at := func(rgb []byte, i, j int) float64 {
					return float64(rgb[((y+i)*width+x+j)*channels+c])
				}
				var norm, ma, mb, va, vb, cov float64
				for i := range wh {
					for j := range ww {
						norm += weight(i, j)
						ma += weight(i, j) * at(a, i, j)
						mb += weight(i, j) * at(b, i, j)
					}
				}
				ma, mb = ma/norm, mb/norm
				for i := range wh {
					for j := range ww {
						w, da, db := weight(i, j)/norm, at(a, i, j)-ma, at(b, i, j)-mb
						va += w * da * da
						vb += w * db * db
						cov += w * da * db
					}
				}
				const c1, c2 = 6.5025, 58.5225
				total += (2*ma*mb + c1) * (2*cov + c2) / ((ma*ma + mb*mb + c1) * (va + vb + c2))
				count++
			}
		}
	}
	return total / float64(count)
}

func TestSSIMAgainstDefinition(t *testing.T) {
	for _, size := range [][2]int{{24, 31}, {11, 11}, {12, 5}, {4, 20}, {1, 1}, {1, 13}, {2, 2}} {
		height, width := size[0], size[1]
		a := smooth(height, width)
		b := append([]byte(nil), a...)
		for i, v := range uniform(t, 9, height, width) {
			b[i] = byte((int(b[i])*7 + int(v)) / 8)
		}
		near(t, "noisy", SSIM(a, b, height, width), naiveSSIM(a, b, height, width), 1e-9)
		near(t, "equal", SSIM(a, a, height, width), 1, 1e-12)
	}
}

func TestSSIMKnownValues(t *testing.T) {
	black, white := make([]byte, 20*20*channels), make([]byte, 20*20*channels)
	for i := range white {
		white[i] = 255
	}
	near(t, "black against white", SSIM(black, white, 20, 20), 6.5025/(255*255+6.5025), 1e-9)
	near(t, "constant against itself", SSIM(white, white, 20, 20), 1, 1e-12)
	a, b := uniform(t, 10, 128, 128), uniform(t, 11, 128, 128)
	near(t, "independent noise", SSIM(a, b, 128, 128), 0, .02)
	if got := SSIM(a, b, 128, 127); !math.IsNaN(got) {
		t.Errorf("wrong shape: got %g, want NaN", got)
	}
}

func TestNeighbourPairs(t *testing.T) {
	const h, w = 3, 4
	rgb := make([]byte, h*w*3)
	for i := range rgb {
		rgb[i] = byte(i)
	}
	for _, n := range []int{1, 5, h * (w - 1) * 3, 1000} {
		p := NeighbourPairs(rgb, h, w, n)
		if len(p) != 2*min(n, h*(w-1)*3) {
			t.Fatalf("%d asked for: %d bytes", n, len(p))
		}
		seen := map[byte]bool{}
		for i := 0; i < len(p); i += 2 {
			if p[i+1] != p[i]+3 || int(p[i])%(w*3) >= (w-1)*3 || seen[p[i]] {
				t.Errorf("%d asked for: pair %d, %d", n, p[i], p[i+1])
			}
			seen[p[i]] = true
		}
	}
	if NeighbourPairs(rgb, h, w+1, 5) != nil || NeighbourPairs(rgb[:3], 1, 1, 5) != nil {
		t.Error("sizes that do not fit give pairs")
	}
}
