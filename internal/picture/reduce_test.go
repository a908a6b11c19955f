package picture

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"testing"
)

// A flat picture stays as it is, in every size.
func TestReducedFlat(t *testing.T) {
	for v := range 256 {
		p := New(17, 40)
		for i := range p.RGB {
			p.RGB[i] = byte(v)
		}
		for _, size := range [][2]int{{17, 40}, {16, 39}, {7, 11}, {1, 40}, {1, 1}} {
			r, err := p.Reduced(t.Context(), size[0], size[1])
			if err != nil || r.Height != size[0] || r.Width != size[1] || len(r.RGB) != 3*size[0]*size[1] {
				t.Fatalf("%v: %d x %d, %v", size, r.Width, r.Height, err)
			}
			for _, got := range r.RGB {
				if got != byte(v) {
					t.Fatalf("%v: %d became %d", size, v, got)
				}
			}
		}
	}
}

// Black and white lines become the gray that is as bright from afar: 188 of sRGB has half the light.
func TestReducedIsLinear(t *testing.T) {
	p := New(64, 64)
	for i := range p.RGB {
		if i/(3*64)%2 == 0 {
			p.RGB[i] = 255
		}
	}
	r, err := p.Reduced(t.Context(), 16, 16)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range r.RGB {
		if y := i / 48; y > 0 && y < 15 && math.Abs(float64(v)-188) > 1 {
			t.Fatalf("row %d has %d", y, v)
		}
	}
}

// What is finer than the new pixels goes, what is coarser stays and where it was.
func TestReducedFilters(t *testing.T) {
	const n = 240
	wave := func(period float64) *Picture {
		p := New(8, n)
		for i := range p.RGB {
			p.RGB[i] = samplesOf()[int(65535*(.5+.4*math.Cos(2*math.Pi*(float64(i/3%n)+.5)/period)))]
		}
		return p
	}
	for _, test := range []struct{ period, min, max float64 }{{80, .39, .405}, {16, .3, .4}, {4.7, 0, .03}, {3.1, 0, .02}} {
		r, err := wave(test.period).Reduced(t.Context(), 8, n/4)
		if err != nil {
			t.Fatal(err)
		}
		var c, s float64
		for x := range n / 4 {
			at := 2 * math.Pi * (float64(x) + .5) * 4 / test.period
			v := float64(linearLight[r.RGB[3*(4*n/4+x)]]) - .5
			c += v * math.Cos(at)
			s += v * math.Sin(at)
		}
		if a := math.Hypot(c, s) / (n / 8); a < test.min || a > test.max {
			t.Errorf("period %g: amplitude %.3f", test.period, a)
		}
		if test.period == 80 && math.Abs(s/c) > .01 {
			t.Errorf("it moved by %.3f pixels", 80*math.Atan2(s, c)/2/math.Pi)
		}
	}
}

// The samples are the same on every machine.
func TestReducedVector(t *testing.T) {
	p := New(120, 200)
	v := uint32(1)
	for i := range p.RGB {
		v = v*1664525 + 1013904223
		p.RGB[i] = byte(v >> 24)
	}
	r, err := p.Reduced(t.Context(), 53, 97)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(r.RGB)
	if got := hex.EncodeToString(sum[:8]); got != "7e67c1e20e846070" {
		t.Errorf("the digest is %s", got)
	}
}

func TestReducedEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(100, 100).Reduced(ctx, 10, 10); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestLuma(t *testing.T) {
	p := &Picture{Width: 5, Height: 1, RGB: []byte{255, 0, 0, 0, 255, 0, 0, 0, 255, 7, 7, 7, 9, 9, 9}, Alpha: []byte{255, 255, 255, 255, 0}}
	if g := p.Luma(); string(g.Pix) != "\x4c\x96\x1d\x07\xff" {
		t.Errorf("%v", g.Pix)
	}
	for v := range 256 {
		if g := (&Picture{Width: 1, Height: 1, RGB: []byte{byte(v), byte(v), byte(v)}}).Luma(); g.Pix[0] != byte(v) {
			t.Errorf("%d became %d", v, g.Pix[0])
		}
	}
}

func BenchmarkReduced(b *testing.B) {
	p := New(3000, 4000)
	for b.Loop() {
		p.Reduced(b.Context(), 1200, 1600)
	}
}
