package codec

import (
	"math"
	"runtime"
	"sync"
)

// Coefficients are a picture as the entropy coder sees it: three colour planes, cut into square blocks of coefficients.
//
// Width and Height are multiples of 8. Layout holds, for each cell of 4x4 samples in rows, the size of the block it belongs
// to: the block's side is 4<<size, and its place a multiple of its side. Values are in rows of samples: the coefficient of
// vertical frequency u and horizontal frequency v of the block at (x, y) is at [(y+u)*Width+x+v]. The transform is
// orthonormal: an error of a coefficient is as large as the error of the samples that it makes.
type Coefficients struct {
	Width, Height int
	Layout        []uint8
	Values        [colours][]float32
}

// Transform maps a picture (8-bit RGB, interleaved) to coefficients and back. The decoder's side, Synthesise, decides what is seen and
// nothing of how the code is read, so it may use any arithmetic; a network may stand here.
type Transform interface {
	// Analyse returns the coefficients of a picture. step is about the one that they will be quantised with.
	Analyse(rgb []byte, width, height int, step float32) *Coefficients
	// Synthesise returns the picture of quantised coefficients, which it may overwrite.
	Synthesise(c *Coefficients, width, height int, step float32) []byte
}

const (
	colours   = 3
	rootThird = float32(0.57735026918962576)
	rootHalf  = halfRoot
	rootSixth = float32(0.40824829046386302)
)

// newCoefficients returns the coefficients of a black picture, its sides rounded up to multiples of 8.
func newCoefficients(width, height int) *Coefficients {
	c := &Coefficients{Width: (width + 7) &^ 7, Height: (height + 7) &^ 7}
	c.Layout = make([]uint8, c.Width*c.Height/16)
	for i := range c.Values {
		c.Values[i] = make([]float32, c.Width*c.Height)
	}
	return c
}

// Cosine is the analytic transform: the colours (R+G+B-384)/sqrt 3, (R-B)/sqrt 2 and (R-2G+B)/sqrt 6, and the orthonormal
// DCT-II of blocks of side 4 to 32.
type Cosine struct{ off ablation }

// Analyse chooses the sides of blocks for few bits at the given step.
func (t Cosine) Analyse(rgb []byte, width, height int, step float32) *Coefficients {
	c := newCoefficients(width, height)
	for y := range c.Height {
		line := rgb[3*width*min(y, height-1):]
		for x := range c.Width {
			at, i := 3*min(x, width-1), y*c.Width+x
			r, g, b := float32(line[at]), float32(line[at+1]), float32(line[at+2])
			if t.off.rgb {
				c.Values[0][i], c.Values[1][i], c.Values[2][i] = g-128, r-128, b-128
				continue
			}
			c.Values[0][i], c.Values[1][i], c.Values[2][i] = (r+g+b-384)*rootThird, (r-b)*rootHalf, (r-2*g+b)*rootSixth
		}
	}
	smallest, largest := 0, sizes-1
	if t.off.side > 0 {
		smallest = log2(t.off.side / minSide)
		largest = smallest
	}
	rows(c.Height, func(y int) {
		a := analysis{c: c, scale: sharpness * 16 / step, smallest: smallest, largest: largest}
		for x := 0; x < c.Width; x += maxSide {
			a.node(x, y, sizes-1)
		}
	})
	return c
}

// Synthesise inverts Analyse.
func (t Cosine) Synthesise(c *Coefficients, width, height int, _ float32) []byte {
	rgb := make([]byte, 3*width*height)
	rows(c.Height, func(y0 int) {
		for y := y0; y < min(y0+maxSide, c.Height); y += minSide {
			for x := 0; x < c.Width; x += minSide {
				side := minSide << c.Layout[y/4*(c.Width/4)+x/4]
				if x%side != 0 || y%side != 0 {
					continue
				}
				for i := range colours {
					transform(c.Values[i][y*c.Width+x:], c.Width, side, inverseDCT)
				}
			}
		}
		for y := y0; y < min(y0+maxSide, height); y++ {
			for x := range width {
				i, at := y*c.Width+x, 3*(y*width+x)
				p, q, r := c.Values[0][i], c.Values[1][i], c.Values[2][i]
				if t.off.rgb {
					rgb[at], rgb[at+1], rgb[at+2] = level8(q+128), level8(p+128), level8(r+128)
					continue
				}
				l, m, n := float32(p*rootThird)+128, float32(q*rootHalf), float32(r*rootSixth)
				rgb[at], rgb[at+1], rgb[at+2] = level8(l+m+n), level8(l-2*n), level8(l-m+n)
			}
		}
	})
	return rgb
}

// rows calls f for each row of the largest blocks, on all processors.
func rows(height int, f func(y int)) {
	var group sync.WaitGroup
	workers := min(runtime.GOMAXPROCS(0), (height+maxSide-1)/maxSide)
	for i := range workers {
		group.Go(func() {
			for y := i * maxSide; y < height; y += workers * maxSide {
				f(y)
			}
		})
	}
	group.Wait()
}

// level8 rounds to the nearest of 0 to 255.
func level8(v float32) byte { return byte(min(max(v, 0), 255) + 0.5) }

// bitsOf estimates the bits of a coefficient, by its magnitude in 1/16 of the step.
var bitsOf = func() (table [1024]float32) {
	for i := range table {
		table[i] = float32(math.Log2(1 + float64(i*i)/128))
	}
	return table
}()

// splitBits is the cost of dividing a block beyond its coefficients, in the unit of bitsOf.
const splitBits = 2

// sharpness divides the step in the choice of the layout. More than 1 measured better: it favours blocks that
// leave fewer coefficients between 0 and the step.
const sharpness = 4

// analysis chooses the layout of one row of the largest blocks, and transforms them.
type analysis struct {
	c                 *Coefficients
	scale             float32 // of a coefficient to an index of bitsOf
	smallest, largest int
	whole             [sizes][colours][maxSide * maxSide]float32
}

// node transforms one square as a block or in parts, whichever takes fewer bits, and returns their estimate.
func (a *analysis) node(x, y, size int) float32 {
	c := a.c
	if x >= c.Width || y >= c.Height {
		return 0
	}
	side := minSide << size
	fits := x+side <= c.Width && y+side <= c.Height && size <= a.largest
	var bits float32
	whole := &a.whole[size]
	if fits {
		for i := range colours {
			p := whole[i][:side*side]
			for j := range side {
				copy(p[j*side:j*side+side], c.Values[i][(y+j)*c.Width+x:])
			}
			transform(p, side, side, dct)
			for _, v := range p {
				bits += bitsOf[int(min(max(v, -v)*a.scale, 1023))]
			}
		}
	}
	if !fits || size > a.smallest {
		h := side / 2
		parts := a.node(x, y, size-1) + a.node(x+h, y, size-1) + a.node(x, y+h, size-1) + a.node(x+h, y+h, size-1) + splitBits
		if !fits || parts < bits {
			return parts
		}
	}
	for i := range colours {
		for j := range side {
			copy(c.Values[i][(y+j)*c.Width+x:], whole[i][j*side:j*side+side])
		}
	}
	cell := y/4*(c.Width/4) + x/4
	for j := range side / 4 {
		for i := range side / 4 {
			c.Layout[cell+j*(c.Width/4)+i] = uint8(size)
		}
	}
	return bits
}
