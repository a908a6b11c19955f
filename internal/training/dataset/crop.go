package dataset

import (
	"image"
	"math/rand/v2"

	"golang.org/x/image/draw"
)

// randomCrop cuts a random square out of a random photo. With scale set, half of
// the crops are scaled down by a factor between 0.5 and 1. It flips the crop along
// each axis and transposes it, each with probability one half. The result is 8-bit
// RGB, interleaved, (side, side, 3). Both sides of every photo must have at least
// side pixels.
func randomCrop(r *rand.Rand, photos []Photo, side int, scale bool) []byte {
	photo := &photos[r.IntN(len(photos))]
	region := side
	if scale && r.IntN(2) == 1 {
		region += r.IntN(min(2*side, photo.Width, photo.Height) - side + 1)
	}
	x, y := r.IntN(photo.Width-region+1), r.IntN(photo.Height-region+1)
	crop := square(photo, x, y, region, side)
	return orient(crop, side, r.IntN(2) == 1, r.IntN(2) == 1, r.IntN(2) == 1)
}

// square copies the square of the given size at (x, y), scaled to side pixels.
func square(photo *Photo, x, y, size, side int) []byte {
	if size != side {
		return resample(photo, image.Rect(x, y, x+size, y+size), side, side)
	}
	crop := make([]byte, 0, side*side*3)
	for row := range side {
		crop = append(crop, photo.RGB[((y+row)*photo.Width+x)*3:][:side*3]...)
	}
	return crop
}

// orient mirrors a square left to right, flips it top to bottom, then transposes it.
func orient(crop []byte, side int, mirror, flip, transpose bool) []byte {
	oriented := make([]byte, len(crop))
	for y := range side {
		for x := range side {
			toX, toY := x, y
			if mirror {
				toX = side - 1 - toX
			}
			if flip {
				toY = side - 1 - toY
			}
			if transpose {
				toX, toY = toY, toX
			}
			copy(oriented[(toY*side+toX)*3:][:3], crop[(y*side+x)*3:][:3])
		}
	}
	return oriented
}

// resample scales a region of a photo to width by height pixels of 8-bit RGB,
// interleaved.
func resample(photo *Photo, region image.Rectangle, width, height int) []byte {
	from := image.NewRGBA(image.Rectangle{Max: region.Size()})
	for y := range region.Dy() {
		row := photo.RGB[((region.Min.Y+y)*photo.Width+region.Min.X)*3:]
		pixels := from.Pix[y*from.Stride:][:4*region.Dx()]
		for x := range region.Dx() {
			pixels[4*x], pixels[4*x+1], pixels[4*x+2], pixels[4*x+3] = row[3*x], row[3*x+1], row[3*x+2], 255
		}
	}
	to := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.CatmullRom.Scale(to, to.Bounds(), from, from.Bounds(), draw.Src, nil)
	rgb := make([]byte, 0, width*height*3)
	for i := 0; i < len(to.Pix); i += 4 {
		rgb = append(rgb, to.Pix[i], to.Pix[i+1], to.Pix[i+2])
	}
	return rgb
}
