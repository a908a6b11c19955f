package training

import (
	"crypto/sha256"
	"encoding/binary"
	"image"
	"math/rand/v2"
)

// Stream returns the random numbers of one purpose at one step of a run. It is
// a ChaCha8 generator seeded with
//
//	SHA-256("encipher training 1" | seed, 8 bytes LE | step, 8 bytes LE | purpose)
//
// so that nothing about randomness has to be saved: a resumed run draws what
// the uninterrupted one would have drawn.
func Stream(seed uint64, step int, purpose string) *rand.Rand {
	return rand.New(source(seed, step, purpose))
}

func source(seed uint64, step int, purpose string) *rand.ChaCha8 {
	text := []byte("encipher training 1")
	text = binary.LittleEndian.AppendUint64(text, seed)
	text = binary.LittleEndian.AppendUint64(text, uint64(step))
	return rand.NewChaCha8(sha256.Sum256(append(text, purpose...)))
}

// randomCrop cuts a random square out of a random photo, half of the time
// scaled down by a factor between 0.5 and 1 if scale is set, flips it along
// each axis and transposes it with probability one half each. The result is
// 8-bit RGB, interleaved, (side, side, 3). Every photo must have side pixels on
// both sides.
func randomCrop(r *rand.Rand, photos []Photo, side int, scale bool) []byte {
	photo := &photos[r.IntN(len(photos))]
	region := side
	if scale && r.IntN(2) == 1 {
		most := min(2*side, photo.Width, photo.Height)
		region += r.IntN(most - side + 1)
	}
	x, y := r.IntN(photo.Width-region+1), r.IntN(photo.Height-region+1)
	var crop []byte
	if region == side {
		crop = make([]byte, 0, side*side*3)
		for row := range side {
			crop = append(crop, photo.RGB[((y+row)*photo.Width+x)*3:][:side*3]...)
		}
	} else {
		crop = resample(photo, image.Rect(x, y, x+region, y+region), side, side)
	}
	return turn(crop, side, r.IntN(2) == 1, r.IntN(2) == 1, r.IntN(2) == 1)
}

// turn flips a square left to right, then top to bottom, then transposes it.
func turn(crop []byte, side int, mirror, flip, transpose bool) []byte {
	turned := make([]byte, len(crop))
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
			copy(turned[(toY*side+toX)*3:][:3], crop[(y*side+x)*3:][:3])
		}
	}
	return turned
}
