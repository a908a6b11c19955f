package encipher

import (
	"encoding/hex"
	"fmt"
	"runtime"

	"enciphergan/internal/container"
	"enciphergan/internal/picture"
)

// Info is what a cipher image shows to everybody.
type Info struct {
	Width, Height             int    // of the picture, in pixels
	PaddedWidth, PaddedHeight int    // of the cipher image
	Model                     string // fingerprint of the model, as Model.Fingerprint gives it
	Slot                      Slot   // with what the key is found
	Sealed                    bool   // false for a bare neural cipher, which is for measurements
	header                    container.Header
}

// Cost is what encrypting a picture takes.
type Cost struct {
	Width, Height int   // of the picture, in pixels
	FileBytes     int64 // of the cipher image; what else a picture has, and little for exactness, comes on top
	MemoryBytes   int64 // about, for exact encryption
}

// Estimate says what it will take to encrypt a picture file, from its header
// alone. workers is that of WithWorkers. A model that cannot be run on it ends in an error
// with the code BadModel.
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
		perPixel = 16 // of the whole picture, in its stages; measured with pictures of 12 megapixels
		garbage  = 8  // as a part of what is in use by tiles
		program  = 24 << 20
	)
	return Cost{width, height, pixels*3 + int64(plan.Height),
		program + perPixel*pixels + int64(min(workers, len(plan.Tiles)))*(tile+tile/garbage)}, nil
}

// Inspect reads what a cipher image shows without a key. Nothing of it is
// authenticated before the image is decrypted.
func Inspect(png []byte) (info *Info, err error) {
	defer guard(&err)
	sealed, err := container.Parse(png, limits)
	if err != nil {
		return nil, err
	}
	return infoOf(sealed.Header), nil
}

// Inspect is the function Inspect for a cipher image that the model is to open, and gives all
// errors of Decrypt that need no key: OtherModel where another model made it.
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

// IsFor reports whether a key is the one that sealed the image, without opening it.
func (i *Info) IsFor(k Key) bool { return i.header.IsFor(k.Subkeys(i.header.Nonce)) }
