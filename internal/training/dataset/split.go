package dataset

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Split is a set of photos divided by photo, so that no two crops of one photo
// are in different parts.
type Split struct {
	Training, Validation, Test []Photo
}

// ErrTooFewPhotos is returned for a set that cannot be split.
var ErrTooFewPhotos = errors.New("training, validation and test need a photo each: add photos until there are at least three different ones, better a hundred")

// NewSplit divides photos 80:10:10, with at least one in each part. The part of a
// photo follows from the SHA-256 of the seed and the file's bytes, so names and
// order do not matter. The order within a part is that of photos.
func NewSplit(photos []Photo, seed uint64) (Split, error) {
	if len(photos) < 3 {
		return Split{}, fmt.Errorf("splitting %d photo(s): %w", len(photos), ErrTooFewPhotos)
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
	tenth := max(1, int(math.Round(float64(len(photos))/10)))
	part := make([]*[]Photo, len(photos))
	var split Split
	for position, photo := range order {
		switch {
		case position < tenth:
			part[photo.index] = &split.Test
		case position < 2*tenth:
			part[photo.index] = &split.Validation
		default:
			part[photo.index] = &split.Training
		}
	}
	for i, photo := range photos {
		*part[i] = append(*part[i], photo)
	}
	return split, nil
}

// Fingerprint returns a digest of the split and its order in hexadecimal, so that
// a run is resumed only with the photos that it began with.
func (s Split) Fingerprint() string {
	hash := sha256.New()
	for _, photos := range [][]Photo{s.Training, s.Validation, s.Test} {
		binary.Write(hash, binary.LittleEndian, uint64(len(photos)))
		for _, photo := range photos {
			hash.Write(photo.Sum[:])
			binary.Write(hash, binary.LittleEndian, [2]uint64{uint64(photo.Width), uint64(photo.Height)})
		}
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// Tile is a fixed square for measurements: 8-bit RGB, interleaved, (Side, Side, 3).
type Tile struct {
	Name     string // of the photo
	Side     int
	RGB      []byte
	Enlarged bool // the photo's shorter side was below Side and was scaled up
}

// Tiles cuts the centre square out of at most max photos, taken at even distances.
// A max of 0 sets no limit.
func Tiles(photos []Photo, side, max int) []Tile {
	count := len(photos)
	if max > 0 {
		count = min(count, max)
	}
	tiles := make([]Tile, 0, count)
	for i := range count {
		photo := &photos[i*len(photos)/count]
		size := min(side, photo.Width, photo.Height)
		tiles = append(tiles, Tile{
			Name: photo.Name, Side: side, Enlarged: size < side,
			RGB: square(photo, (photo.Width-size)/2, (photo.Height-size)/2, size, side),
		})
	}
	return tiles
}
