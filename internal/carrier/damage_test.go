package carrier

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"math"
	"os"
	"runtime"
	"strconv"
	"testing"

	xdraw "golang.org/x/image/draw"
)

// damages change a picture at random; how much is from 0 to 1.
var damages = []struct {
	name string
	do   func(g *generator, p *image.Gray, much float64) *image.Gray
}{
	{"flipped bits", func(g *generator, p *image.Gray, much float64) *image.Gray {
		for range int(much * float64(len(p.Pix))) {
			p.Pix[g.below(len(p.Pix))] ^= 1 << g.below(8)
		}
		return p
	}},
	{"noise", func(g *generator, p *image.Gray, much float64) *image.Gray {
		return levels(p, func(v float64) float64 { return v + 100*much*(float64(g.below(2001))/1000-1) })
	}},
	{"painted over", func(g *generator, p *image.Gray, much float64) *image.Gray {
		for range 1 + g.below(5) {
			x, y := g.below(p.Rect.Dx()), g.below(p.Rect.Dy())
			r := image.Rect(x, y, x+1+int(much*float64(p.Rect.Dx())), y+1+int(much*float64(p.Rect.Dy())))
			xdraw.Copy(p, r.Min, image.NewUniform(image.NewGray(r).ColorModel().Convert(p.At(x, y))), r, xdraw.Src, nil)
		}
		return p
	}},
	{"blocks exchanged", func(g *generator, p *image.Gray, much float64) *image.Gray {
		for range int(much * 400) {
			a := image.Pt(g.below(p.Rect.Dx()/8)*8, g.below(p.Rect.Dy()/8)*8)
			b := image.Pt(g.below(p.Rect.Dx()/8)*8, g.below(p.Rect.Dy()/8)*8)
			xdraw.Copy(p, a, p, image.Rect(b.X, b.Y, b.X+8, b.Y+8), xdraw.Src, nil)
		}
		return p
	}},
	{"cropped", func(g *generator, p *image.Gray, much float64) *image.Gray {
		w, h := p.Rect.Dx()-int(much*.9*float64(p.Rect.Dx())), p.Rect.Dy()-int(much*.9*float64(p.Rect.Dy()))
		x, y := g.below(p.Rect.Dx()-w+1), g.below(p.Rect.Dy()-h+1)
		return cropped(p, image.Rect(x, y, x+w, y+h))
	}},
	{"scaled", func(g *generator, p *image.Gray, much float64) *image.Gray {
		f := math.Pow(4, .5-1.2*much)
		return scaled(p, max(1, int(f*float64(p.Rect.Dx()))), max(1, int(f*float64(p.Rect.Dy()))))
	}},
	{"blurred", func(g *generator, p *image.Gray, much float64) *image.Gray {
		w, h := p.Rect.Dx(), p.Rect.Dy()
		return scaled(scaled(p, max(1, int((1-.9*much)*float64(w))), max(1, int((1-.9*much)*float64(h)))), w, h)
	}},
	{"moved", func(g *generator, p *image.Gray, much float64) *image.Gray {
		q := image.NewGray(p.Rect)
		xdraw.Copy(q, image.Pt(1+int(much*20), g.below(9)), p, p.Rect, xdraw.Src, nil)
		return q
	}},
	{"contrast", func(g *generator, p *image.Gray, much float64) *image.Gray {
		c, b := 2*much, float64(g.below(200))-100
		return levels(p, func(v float64) float64 { return (v-128)*c + 128 + b })
	}},
	{"negative", func(g *generator, p *image.Gray, much float64) *image.Gray {
		return levels(p, func(v float64) float64 { return 255 - v })
	}},
	{"blended", func(g *generator, p *image.Gray, much float64) *image.Gray {
		i := 0
		return levels(p, func(v float64) float64 { i++; return v*(1-much) + much*float64(i/p.Stride%256) })
	}},
	{"turned", func(g *generator, p *image.Gray, much float64) *image.Gray { return turns[g.below(8)].undo(p) }},
}

// TestDamage changes carriers in one or two ways: no payload but the one that was sent comes back, and each error has its kind. ENCIPHER_DAMAGE=N
// changes N.
func TestDamage(t *testing.T) {
	n := 40
	if runtime.GOOS == "js" {
		n = 10 // it is several times slower, and computes the same
	}
	if s := os.Getenv("ENCIPHER_DAMAGE"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	type outcome struct{ opened, notCarrier, scaled, cropped, filtered, damaged int }
	counts := map[string]*outcome{}
	for seed := range n {
		g := generator(seed)
		p := Preset(1 + g.below(2))
		width, height := 192+g.below(100), 192+g.below(100)
		carrier, payload := modulate(t, width, height, p, g.below(Capacity(width, height, p)+1))
		name := ""
		for range 1 + g.below(2) {
			d := damages[g.below(len(damages))]
			much := float64(g.below(1000)) / 1000
			if carrier.Rect.Dx() < 16 || carrier.Rect.Dy() < 16 {
				break
			}
			carrier = d.do(&g, carrier, much*much)
			if name == "" {
				name = d.name
			}
		}
		got, err := Demodulate(t.Context(), carrier)
		if counts[name] == nil {
			counts[name] = new(outcome)
		}
		o := counts[name]
		var altered *AlteredError
		switch {
		case err == nil:
			o.opened++
			if !bytes.Equal(got, payload) {
				t.Fatalf("seed %d: another payload came back", seed)
			}
		case errors.Is(err, ErrNotCarrier):
			o.notCarrier++
		case errors.Is(err, ErrDamaged):
			o.damaged++
		case errors.As(err, &altered):
			if altered.Width != width || altered.Height != height {
				t.Fatalf("seed %d: %d x %d pixels: %v", seed, width, height, err)
			}
			*map[Change]*int{Scaled: &o.scaled, Cropped: &o.cropped, Filtered: &o.filtered}[altered.Change]++
		default:
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	fmt.Fprintf(t.Output(), "%-18s %7s %12s %7s %8s %9s %8s\n", "first damage", "opened", "no carrier", "scaled", "cropped", "filtered", "damaged")
	for _, d := range damages {
		if o := counts[d.name]; o != nil {
			fmt.Fprintf(t.Output(), "%-18s %7d %12d %7d %8d %9d %8d\n", d.name, o.opened, o.notCarrier, o.scaled, o.cropped, o.filtered, o.damaged)
		}
	}
}

// FuzzDemodulate changes a small carrier by the bytes of data, or makes a picture of them alone.
func FuzzDemodulate(f *testing.F) {
	f.Add([]byte{}, uint16(192), uint16(192), true)
	f.Add([]byte{0, 0, 255}, uint16(200), uint16(193), true)
	f.Add([]byte("any picture"), uint16(30), uint16(9), false)
	f.Add([]byte{}, uint16(0), uint16(0), false)
	base := map[Preset]*image.Gray{}
	payloads := map[Preset][]byte{}
	for _, p := range []Preset{Default, Strong} {
		base[p], payloads[p] = modulate(f, 192, 192, p, -1)
	}
	f.Fuzz(func(t *testing.T, data []byte, width, height uint16, change bool) {
		picture := image.NewGray(image.Rect(0, 0, int(width%256), int(height%256))) // larger ones take a second each
		p := Preset(1 + len(data)%2)
		if change {
			xdraw.Copy(picture, image.Point{}, base[p], base[p].Rect, xdraw.Src, nil)
		}
		for i, v := range data {
			if i < len(picture.Pix) {
				picture.Pix[i*len(picture.Pix)/len(data)] ^= v
			}
		}
		if got, err := Demodulate(t.Context(), picture); err == nil && !bytes.Equal(got, payloads[p]) {
			t.Fatal("another payload came back")
		}
	})
}

// FuzzHeader parses what might have been decoded of a header: what parses is written alike.
func FuzzHeader(f *testing.F) {
	b := header{1, Strong, 1600, 1200, 290000}.encode()
	f.Add(b[:])
	f.Fuzz(func(t *testing.T, data []byte) {
		var b [headerBytes]byte
		copy(b[:], data)
		if h, ok := parseHeader(b); ok && b[10] == 0 && b[11] == 0 && h.encode() != b {
			t.Fatalf("%v", h)
		}
	})
}
