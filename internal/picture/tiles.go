package picture

import (
	"fmt"
)

// Tiling says how a model wants a picture cut. All lengths are in pixels.
type Tiling struct {
	Stride    int // height and width of a tile are multiples of it
	Side      int // side of a full tile; 0: the picture is taken whole
	MinSide   int // smallest height and width of a tile; smaller pictures are padded up to it
	MaxPixels int // largest picture, after padding, that is accepted; 0: no limit
}

// MaxSide bounds Stride, Side and MinSide: a header stores them in 16 bits.
const MaxSide = 1<<16 - 1

// Check reports whether the tiling can be followed at all.
func (t Tiling) Check() error {
	switch {
	case t.Stride < 1 || t.Stride > MaxSide:
		return fmt.Errorf("tiling: stride %d is not in 1..%d", t.Stride, MaxSide)
	case t.MinSide < t.Stride || t.MinSide > MaxSide || t.MinSide%t.Stride != 0:
		return fmt.Errorf("tiling: smallest side %d is not a multiple of stride %d in %[2]d..%d", t.MinSide, t.Stride, MaxSide)
	case t.Side != 0 && (t.Side < t.MinSide || t.Side > MaxSide || t.Side%t.Stride != 0):
		return fmt.Errorf("tiling: side %d is neither 0 nor a multiple of stride %d in %d..%d", t.Side, t.Stride, t.MinSide, MaxSide)
	case t.MaxPixels < 0:
		return fmt.Errorf("tiling: negative limit of %d pixels", t.MaxPixels)
	}
	return nil
}

// Padded is the size of the area that the tiles cover: each dimension rounded up
// to the stride, and at least MinSide.
func (t Tiling) Padded(height, width int) (int, int) {
	up := func(n int) int { return max((n+t.Stride-1)/t.Stride*t.Stride, t.MinSide) }
	return up(height), up(width)
}

// Tile is one rectangle of the padded area.
type Tile struct {
	Index         int // place in row-major order, from 0
	Y, X          int // top left corner
	Height, Width int
}

// Plan lays tiles over a picture.
type Plan struct {
	Height, Width int // of the padded area
	Tiles         []Tile
}

// Plan covers a picture's padded area with tiles, in row-major order, exactly
// once. Tiles are Side x Side; the last row and column take what remains, and a
// remainder smaller than MinSide is joined to its neighbour. Errors wrap
// ErrTooLarge where the model takes no picture of that size.
func (t Tiling) Plan(height, width int) (Plan, error) {
	if err := t.Check(); err != nil {
		return Plan{}, err
	}
	if height < 1 || width < 1 {
		return Plan{}, fmt.Errorf("a picture of %d x %d pixels has nothing to cut", width, height)
	}
	h, w := t.Padded(height, width)
	if t.MaxPixels > 0 && h > t.MaxPixels/w {
		return Plan{}, fmt.Errorf("%w for this model: it has %d x %d pixels after padding, and the model takes at most %d in all",
			ErrTooLarge, w, h, t.MaxPixels)
	}
	rows, columns := t.split(h), t.split(w)
	p := Plan{Height: h, Width: w, Tiles: make([]Tile, 0, len(rows)*len(columns))}
	y := 0
	for _, th := range rows {
		x := 0
		for _, tw := range columns {
			p.Tiles = append(p.Tiles, Tile{Index: len(p.Tiles), Y: y, X: x, Height: th, Width: tw})
			x += tw
		}
		y += th
	}
	return p, nil
}

// split cuts a padded dimension.
func (t Tiling) split(length int) []int {
	if t.Side == 0 || length <= t.Side {
		return []int{length}
	}
	parts := make([]int, length/t.Side)
	for i := range parts {
		parts[i] = t.Side
	}
	switch rest := length % t.Side; {
	case rest >= t.MinSide:
		parts = append(parts, rest)
	case rest > 0:
		parts[len(parts)-1] += rest
	}
	return parts
}

// Extract copies one tile: (Height, Width, 3) interleaved. Where the tile
// reaches over the right or bottom edge, the picture goes on as its reflection,
// the edge itself not repeated, as often as it takes; a side of one pixel is
// repeated.
func (p *Picture) Extract(t Tile) []byte {
	rgb := make([]byte, 0, 3*t.Height*t.Width)
	inside := min(max(p.Width-t.X, 0), t.Width) // columns of the tile that lie in the picture
	for y := t.Y; y < t.Y+t.Height; y++ {
		row := p.RGB[3*p.Width*reflect(y, p.Height):][:3*p.Width]
		if inside > 0 {
			rgb = append(rgb, row[3*t.X:3*(t.X+inside)]...)
		}
		for x := t.X + inside; x < t.X+t.Width; x++ {
			i := 3 * reflect(x, p.Width)
			rgb = append(rgb, row[i], row[i+1], row[i+2])
		}
	}
	return rgb
}

// reflect maps a coordinate at or beyond the edge of 0..n-1 into it.
func reflect(i, n int) int {
	if n == 1 {
		return 0
	}
	period := 2 * (n - 1)
	i %= period
	return min(i, period-i)
}

// Insert puts a tile, (Height, Width, 3) interleaved, into a picture that
// covers it. Different tiles may be inserted at the same time.
func (p *Picture) Insert(t Tile, rgb []byte) {
	n := 3 * t.Width
	for y := range t.Height {
		copy(p.RGB[3*((t.Y+y)*p.Width+t.X):][:n], rgb[n*y:n*(y+1)])
	}
}
