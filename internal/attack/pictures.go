package attack

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"

	"enciphergan/internal/training/dataset"
)

// Pictures cuts crops from photos. Known pairs and the pictures to be recovered come
// from different photos.
type Pictures struct {
	seed          uint64
	known, others []dataset.Photo
}

// ErrTooFewPhotos is returned for a set that cannot be divided.
var ErrTooFewPhotos = errors.New("known pairs and targets need different photos: give at least two, better twenty")

// NewPictures uses three quarters of the photos for known pairs. Every photo must be
// at least as large as the crops.
func NewPictures(photos []dataset.Photo, seed uint64) (*Pictures, error) {
	if len(photos) < 2 {
		return nil, fmt.Errorf("%d photo(s): %w", len(photos), ErrTooFewPhotos)
	}
	p := &Pictures{seed: seed}
	others := max(1, len(photos)/4)
	for i, at := range stream(seed, "division").Perm(len(photos)) {
		if i < others {
			p.others = append(p.others, photos[at])
		} else {
			p.known = append(p.known, photos[at])
		}
	}
	return p, nil
}

// stream returns the random numbers for one purpose.
func stream(seed uint64, purpose string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(purpose))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

func (p *Pictures) stream(purpose string) *rand.Rand { return stream(p.seed, purpose) }

// crops cuts n squares (side, side, 3), interleaved, from the photos in turn at random positions.
func (p *Pictures) crops(purpose string, photos []dataset.Photo, n, side int) [][]byte {
	r := p.stream(purpose)
	var list [][]byte
	for i := range n {
		photo := photos[i%len(photos)]
		x, y := r.IntN(photo.Width-side+1), r.IntN(photo.Height-side+1)
		crop := make([]byte, 0, 3*side*side)
		for row := range side {
			crop = append(crop, photo.RGB[3*((y+row)*photo.Width+x):][:3*side]...)
		}
		list = append(list, crop)
	}
	return list
}
