package evaluation

import (
	"errors"

	"enciphergan/internal/key"
	"enciphergan/internal/picture"
)

// Random returns random bytes for a picture and a purpose, always the same for equal
// arguments.
type Random func(name, purpose string) [32]byte

// Options configures Basic and Full.
type Options struct {
	Secret [32]byte // for all pictures
	Random Random   // for nonces and changes
	Names  []string // of pictures
	// Crops holds the sides in pixels of the centre squares to measure, one set
	// each; 0 for whole pictures.
	Crops []int
	// Load reads a picture, see Source.Load. It may be called by several goroutines.
	Load     func(name string, crop int) (*picture.Picture, error)
	Samples  int // pictures of the first set with pictures that Report.HTML shows
	Progress func(stage string, done, total int)
}

func (o Options) nonce(name, purpose string) key.Nonce {
	b := o.Random(name, purpose)
	return key.Nonce(b[:key.NonceSize])
}

func (o Options) material(name string) Material { return Material{o.Secret, o.nonce(name, "nonce")} }

// Skipped is a picture that cannot be measured.
type Skipped struct {
	Name    string `json:"name"`
	Reason  string `json:"reason"`
	Damaged bool   `json:"-"` // it cannot be read
}

// ErrNone is returned when no picture could be measured.
var ErrNone = errors.New("none of the pictures can be measured")
