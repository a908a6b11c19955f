package encipher

import (
	"encoding/hex"

	"enciphergan/internal/container"
)

// Info is what a cipher image shows to everybody.
type Info struct {
	Width, Height             int    // of the picture, in pixels
	PaddedWidth, PaddedHeight int    // of the cipher image
	Model                     string // fingerprint of the model, as Model.Fingerprint gives it
	Slot                      Slot   // with what the key is found
	header                    container.Header
}

// Inspect reads what a cipher image shows without a key. Nothing of it is
// authenticated before the image is decrypted.
func Inspect(png []byte) (info *Info, err error) {
	defer guard(&err)
	sealed, err := container.Parse(png, limits)
	if err != nil {
		return nil, err
	}
	h := sealed.Header
	i := &Info{Width: h.Width, Height: h.Height, Model: hex.EncodeToString(h.Model[:]), Slot: h.Slot, header: h}
	i.PaddedHeight, i.PaddedWidth = h.Padded()
	return i, nil
}

// IsFor reports whether a key is the one that sealed the image, without opening it.
func (i *Info) IsFor(k Key) bool { return i.header.IsFor(k.Subkeys(i.header.Nonce)) }
