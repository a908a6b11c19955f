package picture

import (
	"fmt"
)

// Tiling defines how a picture is padded and cut into tiles for a model. All lengths
// are in pixels.
type Tiling struct {
	Stride    int // height and width of a tile are multiples of it
	Side      int // side of a full tile; 0: one tile for the whole picture
	MinSide   int // smallest height and width of a tile; smaller pictures are padded to it
	MaxPixels int // limit for pictures after padding; 0: no limit
}

// MaxSide bounds Stride, Side and MinSide: a header stores them in 16 bits.
const MaxSide = 1<<16 - 1

// Check returns an error if the fields of the tiling are out of range or contradict
// each other.
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

// Padded returns the height and width of the area that the tiles cover: each
// dimension is rounded up to a multiple of Stride and is at least MinSide.
func (t Tiling) Padded(height, width int) (int, int) {
	up := func(n int) int { return max((n+t.Stride-1)/t.Stride*t.Stride, t.MinSide) }
	return up(height), up(width)
}

// Tile is one rectangle of the padded area.
type Tile struct {
	Index         int // in row-major order, from 0
	Y, X          int // top left corner
	Height, Width int
}

// Plan is the tiles of a picture.
type Plan struct {
	Height, Width int // of the padded area
	Tiles         []Tile
}

// Plan returns tiles, in row-major order, that cover a picture's padded area exactly
// once. Tiles are Side x Side; the last row and column take the remainder, and a
// remainder smaller than MinSide is joined to its neighbour. The error wraps
// ErrTooLarge if the padded picture has more than MaxPixels.
func (t Tiling) Plan(height, width int) (Plan, error) {
	if err := t.Check(); err != nil {
		return Plan{}, err
	}
	if height < 1 || width < 1 {
		return Plan{}, fmt.Errorf("a picture of %d x %d pixels cannot be cut into tiles", width, height)
	}
	h, w := t.Padded(height, width)
	if t.MaxPixels > 0 && h > t.MaxPixels/w {
		return Plan{}, fmt.Errorf("%w for this model: it has %d x %d pixels after padding, and the maximum is %d in all",
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

// split returns the lengths of the tiles along a padded dimension.
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

// Extract returns a copy of one tile: (Height, Width, 3) interleaved. Beyond the
// right and bottom edges the picture is continued by reflection without repeating
// the edge, as many times as necessary; a side of one pixel is repeated.
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

// reflect maps a coordinate i >= 0 into 0..n-1 by reflection at the edges.
func reflect(i, n int) int {
	if n == 1 {
		return 0
	}
	period := 2 * (n - 1)
	i %= period
	return min(i, period-i)
}

// Insert copies a tile, (Height, Width, 3) interleaved, into the picture, which must
// contain it. Different tiles may be inserted concurrently.
func (p *Picture) Insert(t Tile, rgb []byte) {
	n := 3 * t.Width
	for y := range t.Height {
		copy(p.RGB[3*((t.Y+y)*p.Width+t.X):][:n], rgb[n*y:n*(y+1)])
	}
}
