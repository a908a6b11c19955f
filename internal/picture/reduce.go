package picture

import (
	"context"
	"image"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
)

// Reduced returns the colours in another size, at most that of p, by Catmull-Rom interpolation
// that is stretched by the ratio of the sizes, in linear light. The result is the same natively and
// as WebAssembly. The error is that of the context.
func (p *Picture) Reduced(ctx context.Context, height, width int) (*Picture, error) {
	r := New(height, width)
	if height == p.Height && width == p.Width {
		copy(r.RGB, p.RGB)
		return r, ctx.Err()
	}
	rows, columns := tapsOf(p.Height, height), tapsOf(p.Width, width)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(height, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			line := make([]float32, 3*p.Width)
			for y := int(next.Add(1)) - 1; y < height && ctx.Err() == nil; y = int(next.Add(1)) - 1 {
				clear(line)
				for i, w := range rows[y].weights {
					for x, v := range p.RGB[3*p.Width*(rows[y].first+i):][:3*p.Width] {
						line[x] += float32(w * linearLight[v])
					}
				}
				out := r.RGB[3*width*y:][:3*width]
				for x, t := range columns {
					var red, green, blue float32
					from := line[3*t.first:]
					for i, w := range t.weights {
						red += float32(w * from[3*i])
						green += float32(w * from[3*i+1])
						blue += float32(w * from[3*i+2])
					}
					out[3*x], out[3*x+1], out[3*x+2] = sample(red), sample(green), sample(blue)
				}
			}
		})
	}
	wg.Wait()
	return r, ctx.Err()
}

// taps are the weights of the samples from first on, which sum to 1.
type taps struct {
	first   int
	weights []float32
}

// tapsOf returns the taps of each of n samples of a line of length samples.
func tapsOf(length, n int) []taps {
	scale := float64(length) / float64(n)
	reach := 2 * scale
	all := make([]taps, n)
	for i := range all {
		centre := float64((float64(i)+.5)*scale) - .5
		first, last := max(0, int(math.Ceil(centre-reach))), min(length-1, int(math.Floor(centre+reach)))
		weights, sum := make([]float64, last-first+1), 0.
		for j := range weights {
			weights[j] = catmullRom(math.Abs(float64(first+j)-centre) / scale)
			sum += weights[j]
		}
		all[i] = taps{first, make([]float32, len(weights))}
		for j, w := range weights {
			all[i].weights[j] = float32(w / sum)
		}
	}
	return all
}

// catmullRom returns the weight of a sample at a distance, at least 0. Here and elsewhere in this file
// every product is rounded before it is added to, so that no compiler fuses the two.
func catmullRom(d float64) float64 {
	switch {
	case d < 1:
		return float64(float64(float64(1.5*d)-2.5)*d*d) + 1
	case d < 2:
		return float64((float64((2.5-float64(.5*d))*d)-4)*d) + 2
	}
	return 0
}

// linearLight maps samples of sRGB to light from 0 to 1.
var linearLight = func() (table [256]float32) {
	for i := range table {
		v := float64(i) / 255
		if v <= .04045 {
			table[i] = float32(v / 12.92)
		} else {
			table[i] = float32(math.Pow((v+.055)/1.055, 2.4))
		}
	}
	return table
}()

// samplesOf maps light in 1/65535 to samples of sRGB.
var samplesOf = sync.OnceValue(func() *[1 << 16]uint8 {
	table := new([1 << 16]uint8)
	for i := range table {
		v := float64(i) / (1<<16 - 1)
		if v <= .0031308 {
			v *= 12.92
		} else {
			v = float64(1.055*math.Pow(v, 1/2.4)) - .055
		}
		table[i] = uint8(float64(255*v) + .5)
	}
	return table
})

func sample(light float32) uint8 {
	return samplesOf()[int(float32(min(max(light, 0), 1)*(1<<16-1))+.5)]
}

// Luma returns the brightness of the samples as a gray image (ITU-R BT.601, as in JPEG), on white where they are transparent.
func (p *Picture) Luma() *image.Gray {
	g := image.NewGray(image.Rect(0, 0, p.Width, p.Height))
	for i := range g.Pix {
		red, green, blue := uint32(p.RGB[3*i]), uint32(p.RGB[3*i+1]), uint32(p.RGB[3*i+2])
		g.Pix[i] = uint8((19595*red + 38470*green + 7471*blue + 1<<15) >> 16)
		if p.Alpha != nil {
			g.Pix[i] = onWhite(g.Pix[i], p.Alpha[i])
		}
	}
	return g
}
