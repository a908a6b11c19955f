package training

import (
	"bytes"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"enciphergan/internal/evaluation"
	"enciphergan/internal/picture"
	"enciphergan/internal/training/dataset"
)

func TestWriteSampleGrid(t *testing.T) {
	const side = 5
	square := func(level byte) []byte { return bytes.Repeat([]byte{level, level, level}, side*side) }
	path := filepath.Join(t.TempDir(), "samples.png")
	tiles := []dataset.Tile{{Side: side, RGB: square(10)}, {Side: side, RGB: square(40)}}
	trip := func(cipher, recovered []byte) evaluation.RoundTrip {
		return evaluation.RoundTrip{Cipher: &picture.Picture{RGB: cipher}, Recovered: &picture.Picture{RGB: recovered}}
	}
	trips := []evaluation.RoundTrip{trip(square(20), square(30)), trip(square(50), square(60))}
	if err := writeSampleGrid(path, tiles, trips); err != nil {
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
	if size := grid.Bounds().Size(); size.X != 3*side+2*gridGap || size.Y != 2*side+gridGap {
		t.Fatalf("grid of %v", size)
	}
	for row := range 2 {
		for column := range 3 {
			x, y := column*(side+gridGap), row*(side+gridGap)
			want := byte(10 * (3*row + column + 1))
			for _, at := range [][2]int{{x, y}, {x + side - 1, y + side - 1}} {
				if got := color.GrayModel.Convert(grid.At(at[0], at[1])).(color.Gray).Y; got != want {
					t.Errorf("row %d column %d: %d, want %d", row, column, got, want)
				}
			}
		}
	}
	if got := color.GrayModel.Convert(grid.At(side, 0)).(color.Gray).Y; got != 255 {
		t.Errorf("the gap is %d", got)
	}

	if err := writeSampleGrid(path, nil, nil); err == nil {
		t.Error("no samples: written")
	}
	if err := writeSampleGrid(path, tiles[:1], []evaluation.RoundTrip{trip(square(1), square(1)[:3])}); err == nil {
		t.Error("short picture: written")
	}
}
