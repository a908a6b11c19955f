package training

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"math"
	"slices"
)

// Dataset is a set of photos split by photo, so that no two crops of one photo
// stand on different sides.
type Dataset struct {
	Training, Validation, Test []Photo
}

// ErrTooFewPhotos is the error of a set that cannot be split.
var ErrTooFewPhotos = errors.New("training, validation and test need a photo each: add photos until there are at least three different ones, better a hundred")

// Split divides photos 80:10:10, with at least one on each side. A photo's side
// follows from the SHA-256 of the seed and the file's bytes, so neither names
// nor the order of photos matter. Within a side the given order is kept.
func Split(photos []Photo, seed uint64) (Dataset, error) {
	if len(photos) < 3 {
		return Dataset{}, fmt.Errorf("splitting %d photo(s): %w", len(photos), ErrTooFewPhotos)
	}
	type ranked struct {
		index int
		rank  [sha256.Size]byte
	}
	order := make([]ranked, len(photos))
	for i, photo := range photos {
		order[i] = ranked{i, sha256.Sum256(append(binary.LittleEndian.AppendUint64(nil, seed), photo.Sum[:]...))}
	}
	slices.SortFunc(order, func(a, b ranked) int {
		return cmp.Or(bytes.Compare(a.rank[:], b.rank[:]), cmp.Compare(a.index, b.index))
	})
	held := max(1, int(math.Round(float64(len(photos))/10)))
	side := make([]*[]Photo, len(photos))
	var set Dataset
	for position, photo := range order {
		switch {
		case position < held:
			side[photo.index] = &set.Test
		case position < 2*held:
			side[photo.index] = &set.Validation
		default:
			side[photo.index] = &set.Training
		}
	}
	for i, photo := range photos {
		*side[i] = append(*side[i], photo)
	}
	return set, nil
}

// Fingerprint identifies the split and its order, so that a run is resumed only
// on the data it was begun with.
func (d Dataset) Fingerprint() [sha256.Size]byte {
	hash := sha256.New()
	for _, photos := range [][]Photo{d.Training, d.Validation, d.Test} {
		binary.Write(hash, binary.LittleEndian, uint64(len(photos)))
		for _, photo := range photos {
			hash.Write(photo.Sum[:])
			binary.Write(hash, binary.LittleEndian, [2]uint64{uint64(photo.Width), uint64(photo.Height)})
		}
	}
	return [sha256.Size]byte(hash.Sum(nil))
}

// Tile is one fixed square for measuring: 8-bit RGB, interleaved, (Side, Side, 3).
type Tile struct {
	Name     string // of the photo
	Side     int
	RGB      []byte
	Enlarged bool // the photo's shorter side was below Side and was scaled up to it
}

// Tiles cuts the centre square out of each photo. Where there are more photos
// than most (0: no limit), they are taken at even distances.
func Tiles(photos []Photo, side, most int) []Tile {
	count := len(photos)
	if most > 0 {
		count = min(count, most)
	}
	tiles := make([]Tile, 0, count)
	for i := range count {
		photo := &photos[i*len(photos)/count]
		tile := Tile{Name: photo.Name, Side: side}
		if short := min(photo.Width, photo.Height); short < side {
			tile.Enlarged = true
			x, y := (photo.Width-short)/2, (photo.Height-short)/2
			tile.RGB = resample(photo, image.Rect(x, y, x+short, y+short), side, side)
		} else {
			x, y := (photo.Width-side)/2, (photo.Height-side)/2
			for row := range side {
				tile.RGB = append(tile.RGB, photo.RGB[((y+row)*photo.Width+x)*3:][:side*3]...)
			}
		}
		tiles = append(tiles, tile)
	}
	return tiles
}
