package network

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"enciphergan/internal/kernel"

	"enciphergan/internal/keyschedule"
	"enciphergan/internal/metric"
)

func seeded(t testing.TB) *rand.Rand {
	const seed = 36
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// fresh returns an untrained model. It applies changes before the export.
func fresh(t testing.TB, d Definition, changes ...func(encryption, decryption *Weights)) *Model {
	t.Helper()
	r := seeded(t)
	e, err := NewWeights(d.Encryption(), r)
	if err != nil {
		t.Fatal(err)
	}
	dec := e
	if !d.Keyed() {
		layers, _ := d.Decryption()
		if dec, err = NewWeights(layers, r); err != nil {
			t.Fatal(err)
		}
	}
	for _, change := range changes {
		change(e, dec)
	}
	f, err := NewFiles(d, Card{Name: "fresh"}, e, dec)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Load(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// smooth makes a tile of gradients, discs and a little noise.
func smooth(r *rand.Rand, height, width int) []byte {
	rgb := make([]byte, 0, 3*height*width)
	for y := range height {
		for x := range width {
			for c := range 3 {
				v := 128 + 60*math.Sin(float64(x*(c+1))/37) + 50*math.Cos(float64(y)/(20+float64(c))) + 4*r.NormFloat64()
				rgb = append(rgb, byte(min(255, max(0, v))))
			}
		}
	}
	return rgb
}

// TestReversibleRoundTrip checks that even the untrained reversible network recovers the
// picture up to the loss of quantising to 8 bits.
func TestReversibleRoundTrip(t *testing.T) {
	r := seeded(t)
	m := fresh(t, Reversible())
	s := m.NewSession(kernel.Canonical)
	for _, size := range [][2]int{{64, 64}, {16, 48}, {36, 20}} {
		rgb := smooth(r, size[0], size[1])
		seed := keyschedule.Seed{1, byte(size[0])}
		c, err := s.Encrypt(context.Background(), rgb, size[0], size[1], seed)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Statistics) != m.StatisticsBytes() {
			t.Fatalf("%d bytes of statistics, want %d", len(c.Statistics), m.StatisticsBytes())
		}
		back, err := s.Decrypt(context.Background(), c, seed)
		if err != nil {
			t.Fatal(err)
		}
		psnr := metric.PSNR(rgb, back)
		t.Logf("%d x %d: PSNR %.1f dB, entropy %v", size[1], size[0], psnr, metric.Entropy(c.Levels))
		if psnr < 30 {
			t.Errorf("%d x %d: PSNR %.1f dB after a round trip", size[1], size[0], psnr)
		}
		other, err := s.Decrypt(context.Background(), c, keyschedule.Seed{2})
		if err != nil {
			t.Fatal(err)
		}
		if p := metric.PSNR(rgb, other); p > 22 {
			t.Errorf("with another seed the picture comes back at %.1f dB", p)
		}
	}
}

// TestPaperParameters compares parameter counts with the published table, layer by layer.
func TestPaperParameters(t *testing.T) {
	count := func(layers []Layer) map[string]int {
		n := map[string]int{}
		for _, p := range Parameters(layers) {
			size := 1
			for _, d := range p.Shape {
				size *= d
			}
			n[p.Name] += size
		}
		return n
	}
	g := count(Paper().Encryption())
	residual := 0
	for name, n := range g {
		if len(name) > 8 && name[:8] == "residual" && name[len(name)-7:] == ".weight" {
			residual += n
		}
	}
	d := count(Discriminator(Paper()))
	for _, c := range []struct {
		layer     string
		got, want int
	}{
		{"convolution 3->32", g["down0.weight"], 4704},
		{"convolution 32->64", g["down1.weight"], 18432},
		{"convolution 64->128", g["down2.weight"], 73728},
		{"9 residual blocks (the paper prints 2,564,208)", residual, 2654208},
		{"transposed convolution 128->64", g["up0.weight"], 73728},
		{"transposed convolution 64->32", g["up1.weight"], 18432},
		{"convolution 32->3", g["out.weight"], 4704},
		{"discriminator 3->64", d["conv0.weight"] + d["conv0.bias"], 3136},
		{"discriminator 64->128", d["conv1.weight"] + d["conv1.bias"] + d["norm1.scale"] + d["norm1.shift"], 131456},
		{"discriminator 128->256 (the paper prints 524,056)", d["conv2.weight"] + d["conv2.bias"] + d["norm2.scale"] + d["norm2.shift"], 525056},
		{"discriminator 256->512", d["conv3.weight"] + d["conv3.bias"] + d["norm3.scale"] + d["norm3.shift"], 2098688},
		{"discriminator 512->1", d["conv4.weight"] + d["conv4.bias"], 8193},
		{"discriminator linear", d["linear.scale"], 1},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d parameters, want %d", c.layer, c.got, c.want)
		}
	}
	for name := range g {
		if name[len(name)-5:] == ".bias" {
			t.Errorf("%s: the published generator has no biases", name)
		}
	}
}

func TestPaperRuns(t *testing.T) {
	r := seeded(t)
	m := fresh(t, Paper())
	s := m.NewSession(kernel.Canonical)
	rgb := smooth(r, 32, 48)
	c, err := s.Encrypt(context.Background(), rgb, 32, 48, keyschedule.Seed{})
	if err != nil {
		t.Fatal(err)
	}
	back, err := s.Decrypt(context.Background(), c, keyschedule.Seed{})
	if err != nil {
		t.Fatal(err)
	}
	if len(back) != len(rgb) || len(c.Statistics) != 0 {
		t.Fatalf("%d samples and %d bytes of statistics", len(back), len(c.Statistics))
	}
}
