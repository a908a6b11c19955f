package encipher

import (
	"encoding/hex"
	"fmt"
	"runtime"

	"enciphergan/internal/container"
	"enciphergan/internal/picture"
)

// Info holds what the header of a cipher image shows without a key.
type Info struct {
	Width, Height             int    // of the picture, in pixels
	PaddedWidth, PaddedHeight int    // of the cipher image
	Model                     string // fingerprint of the model, as Model.Fingerprint returns it
	Slot                      Slot   // how to recover the key
	Sealed                    bool   // false for a bare cipher image
	header                    container.Header
}

// Cost is an estimate of what encrypting a picture takes.
type Cost struct {
	Width, Height int   // of the picture, in pixels
	FileBytes     int64 // of the neural cipher; the residual, which is small, and metadata add to it
	MemoryBytes   int64 // peak, for exact encryption
}

// Estimate estimates the cost of encrypting a picture file from its header alone, with
// the given number of workers, as in WithWorkers. The error has the code BadModel where the
// model cannot run on the picture.
func (m *Model) Estimate(file []byte, workers int) (c Cost, err error) {
	defer guard(&err)
	height, width, err := picture.Size(file, limits)
	if err != nil {
		return Cost{}, err
	}
	plan, err := picture.Tiling(m.network.Tiling()).Plan(height, width)
	if err != nil {
		return Cost{}, err
	}
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	largest := plan.Tiles[0]
	for _, t := range plan.Tiles {
		if t.Height*t.Width > largest.Height*largest.Width {
			largest = t
		}
	}
	tile, err := m.network.TileMemory(largest.Height, largest.Width)
	if err != nil {
		return Cost{}, cannotRun(fmt.Errorf("the model cannot be run on tiles of the picture: %w", err))
	}
	pixels := int64(plan.Height) * int64(plan.Width)
	const (
		perPixel = 16 // bytes, for the whole picture; measured with pictures of 12 megapixels
		garbage  = 8  // one part in 8 of the memory of tiles
		program  = 24 << 20
	)
	return Cost{width, height, pixels*3 + int64(plan.Height),
		program + perPixel*pixels + int64(min(workers, len(plan.Tiles)))*(tile+tile/garbage)}, nil
}

// Inspect reads the header of a cipher image, without a key. Decryption alone
// authenticates it.
func Inspect(png []byte) (info *Info, err error) {
	defer guard(&err)
	sealed, err := container.Parse(png, limits)
	if err != nil {
		return nil, err
	}
	return infoOf(sealed.Header), nil
}

// Inspect is the function Inspect, and also returns every error of Decrypt that does not
// depend on a key, such as OtherModel where the image is of another model.
func (m *Model) Inspect(png []byte) (info *Info, err error) {
	defer guard(&err)
	sealed, _, err := m.parse(png)
	if err != nil {
		return nil, err
	}
	return infoOf(sealed.Header), nil
}

func infoOf(h container.Header) *Info {
	i := &Info{Width: h.Width, Height: h.Height, Model: hex.EncodeToString(h.Model[:]), Slot: h.Slot, Sealed: !h.Bare, header: h}
	i.PaddedHeight, i.PaddedWidth = h.Padded()
	return i
}

// IsFor reports whether k encrypted the image. It does not decrypt it.
func (i *Info) IsFor(k Key) bool { return i.header.IsFor(k.Subkeys(i.header.Nonce)) }
