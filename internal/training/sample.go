package training

import (
	"fmt"

	"enciphergan/internal/atomicfile"
	"enciphergan/internal/picture"
)

// Sample is one row of a sample grid: a tile, its bare cipher and what the
// decryption generator makes of that, each 8-bit RGB, interleaved,
// (Side, Side, 3).
type Sample struct {
	Side                     int
	Plain, Cipher, Recovered []byte
}

// gap is the number of white pixels between the pictures of a grid.
const gap = 4

// WriteSamples writes a PNG with one row a sample: plain, bare cipher and
// recovered from left to right. All samples must have the same side.
func WriteSamples(path string, samples []Sample) error {
	if len(samples) == 0 {
		return fmt.Errorf("writing %s: no samples", path)
	}
	side := samples[0].Side
	grid := picture.New(len(samples)*(side+gap)-gap, 3*(side+gap)-gap)
	for i := range grid.RGB {
		grid.RGB[i] = 255
	}
	for row, sample := range samples {
		for column, rgb := range [][]byte{sample.Plain, sample.Cipher, sample.Recovered} {
			if sample.Side != side || len(rgb) != 3*side*side {
				return fmt.Errorf("writing %s: row %d has %d bytes, a square of %d pixels needs %d", path, row, len(rgb), side, 3*side*side)
			}
			for y := range side {
				at := (row*(side+gap)+y)*grid.Width + column*(side+gap)
				copy(grid.RGB[3*at:], rgb[3*y*side:][:3*side])
			}
		}
	}
	encoded, err := grid.PNG()
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := atomicfile.Write(path, encoded, 0o666); err != nil {
		return fmt.Errorf("writing the samples: %w", err)
	}
	return nil
}
