package training

import (
	"fmt"
	"os"
	"path/filepath"

	"enciphergan/internal/atomicfile"
	"enciphergan/internal/evaluation"
	"enciphergan/internal/picture"
	"enciphergan/internal/training/dataset"
)

// gridGap is the number of white pixels between the pictures of a sample grid.
const gridGap = 4

// writeSampleGrid writes a PNG with one row a tile: plain, bare cipher image and
// recovered, from left to right. All tiles must have the same side.
func writeSampleGrid(path string, tiles []dataset.Tile, trips []evaluation.RoundTrip) error {
	if len(tiles) == 0 {
		return fmt.Errorf("writing %s: no samples", path)
	}
	side := tiles[0].Side
	grid := picture.New(len(tiles)*(side+gridGap)-gridGap, 3*(side+gridGap)-gridGap)
	for i := range grid.RGB {
		grid.RGB[i] = 255
	}
	for row, tile := range tiles {
		for column, rgb := range [][]byte{tile.RGB, trips[row].Cipher.RGB, trips[row].Recovered.RGB} {
			if tile.Side != side || len(rgb) != 3*side*side {
				return fmt.Errorf("writing %s: row %d has %d bytes, a square of %d pixels needs %d", path, row, len(rgb), side, 3*side*side)
			}
			for y := range side {
				at := (row*(side+gridGap)+y)*grid.Width + column*(side+gridGap)
				copy(grid.RGB[3*at:], rgb[3*y*side:][:3*side])
			}
		}
	}
	encoded, err := grid.PNG()
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = atomicfile.Write(path, encoded, 0o666)
	}
	if err != nil {
		return fmt.Errorf("writing the samples: %w", err)
	}
	return nil
}
