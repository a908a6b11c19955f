package training

import (
	"bytes"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

func TestWriteSamples(t *testing.T) {
	const side = 5
	square := func(level byte) []byte { return bytes.Repeat([]byte{level, level, level}, side*side) }
	path := filepath.Join(t.TempDir(), "samples.png")
	samples := []Sample{{side, square(10), square(20), square(30)}, {side, square(40), square(50), square(60)}}
	if err := WriteSamples(path, samples); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	grid, err := png.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	if size := grid.Bounds().Size(); size.X != 3*side+2*gap || size.Y != 2*side+gap {
		t.Fatalf("grid of %v", size)
	}
	for row := range 2 {
		for column := range 3 {
			x, y := column*(side+gap), row*(side+gap)
			want := byte(10 * (3*row + column + 1))
			for _, at := range [][2]int{{x, y}, {x + side - 1, y + side - 1}} {
				if got := color.GrayModel.Convert(grid.At(at[0], at[1])).(color.Gray).Y; got != want {
					t.Errorf("row %d column %d: %d, want %d", row, column, got, want)
				}
			}
		}
	}
	if got := color.GrayModel.Convert(grid.At(side, 0)).(color.Gray).Y; got != 255 {
		t.Errorf("gap is %d", got)
	}

	if err := WriteSamples(path, nil); err == nil {
		t.Error("no samples: written")
	}
	if err := WriteSamples(path, []Sample{{side, square(1), square(1), square(1)[:3]}}); err == nil {
		t.Error("short picture: written")
	}
}
