package carrier

import (
	"errors"
	"fmt"
)

var (
	// ErrNotCarrier is returned for a picture in which no carrier was found.
	ErrNotCarrier = errors.New("the picture is not a carrier")
	// ErrDamaged is returned for a copy in its full size whose payload cannot be recovered.
	ErrDamaged = errors.New("the copy is damaged beyond repair")
)

// Change is the kind of change that a copy suffered.
type Change int

const (
	// Scaled is a copy of the whole carrier in another size.
	Scaled Change = iota + 1
	// Cropped is a part of the carrier, or a carrier within a larger picture, in its size or another.
	Cropped
	// Filtered is a copy in the carrier's size whose fine detail is gone: blurred, made smaller and then larger again, or compressed very hard.
	Filtered
)

// AlteredError is returned for a copy of a carrier that was changed by more than recompression and lost its payload.
type AlteredError struct {
	Change                Change
	Width, Height         int // of the carrier, in pixels
	CopyWidth, CopyHeight int // of the copy, in pixels
}

// Error returns what the copy has of the carrier.
func (e *AlteredError) Error() string {
	switch e.Change {
	case Cropped:
		return fmt.Sprintf("the copy is cropped: it has %d x %d of %d x %d pixels", e.CopyWidth, e.CopyHeight, e.Width, e.Height)
	case Filtered:
		return fmt.Sprintf("the copy of %d x %d pixels lost its fine detail: it was blurred, made smaller and larger again, or compressed very hard", e.CopyWidth, e.CopyHeight)
	}
	return fmt.Sprintf("the copy has %d x %d of %d x %d pixels", e.CopyWidth, e.CopyHeight, e.Width, e.Height)
}

// VersionError is returned for a carrier of a later version or with a preset of a later program.
type VersionError struct {
	Version byte
}

// Error returns the version.
func (e *VersionError) Error() string {
	return fmt.Sprintf("the carrier has version %d, or a preset that this program does not know", e.Version)
}
