// Package keyslot says what a cipher image's key is found with: a key file, a
// passphrase, or an age identity. A Slot stands in the clear in the header, and
// is checked before anything is computed or allocated for it. Package lock makes
// and opens slots.
//
// Main path: Check where a header is read; Argon2id where a slot is opened.
package keyslot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Kind is what a slot asks for.
type Kind byte

const (
	KeyFile    Kind = 0 // the slot is empty
	Passphrase Kind = 1 // salt and parameters of Argon2id
	Recipients Kind = 2 // the key as an age file
)

// MaxBytes bounds the data of a slot.
const MaxBytes = 1<<16 - 1

// Slot is what stands in a header. It is comparable.
type Slot struct {
	Kind Kind
	Data string // of the kind; docs/format.md
}

// ErrSlot says that a slot's data are not those of its kind, or out of bounds.
var ErrSlot = errors.New("the key slot is out of bounds")

// ErrOther says that a slot asks for something else.
var ErrOther = errors.New("the key of the picture is found otherwise")

// Check bounds a slot. Errors wrap ErrSlot.
func (s Slot) Check() error {
	switch s.Kind {
	case KeyFile:
		if s.Data != "" {
			return fmt.Errorf("%w: %d bytes for a key file", ErrSlot, len(s.Data))
		}
	case Passphrase:
		_, err := s.Argon2id()
		return err
	case Recipients:
		if len(s.Data) > MaxBytes || !strings.HasPrefix(s.Data, "age-encryption.org/v1\n") {
			return fmt.Errorf("%w: %d bytes that are no age file", ErrSlot, len(s.Data))
		}
	default:
		return fmt.Errorf("%w: kind %d", ErrSlot, s.Kind)
	}
	return nil
}

// Argon2id are the parameters of RFC 9106.
type Argon2id struct {
	Salt   [16]byte
	Passes uint32
	Memory uint32 // KiB
	Lanes  uint8
}

// What a header may ask of a reader. A writer asks for 3 passes over 64 MiB; a reader does at
// most 2 2/3 times that work, with at most twice that memory. Since a phone does the one, it can do
// the other: whoever sends a file chooses what the reader's machine does before it knows the key.
const (
	maxPasses = 8
	maxMemory = 128 << 10 // KiB
	maxLanes  = 8
	maxWork   = 512 << 10 // passes times KiB
)

// MaxMemory bounds the bytes that Argon2id takes for a slot.
const MaxMemory = maxMemory << 10

// Argon2id gives the parameters of a passphrase's slot, within bounds. Errors wrap
// ErrSlot, or ErrOther where the slot asks for no passphrase.
func (s Slot) Argon2id() (a Argon2id, err error) {
	if s.Kind != Passphrase {
		return a, ErrOther
	}
	if len(s.Data) != len(a.Salt)+9 {
		return a, fmt.Errorf("%w: %d bytes for a passphrase", ErrSlot, len(s.Data))
	}
	b := []byte(s.Data)
	copy(a.Salt[:], b)
	b = b[len(a.Salt):]
	a.Passes, a.Memory, a.Lanes = binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), b[8]
	if a.Passes < 1 || a.Passes > maxPasses || a.Lanes < 1 || a.Lanes > maxLanes || a.Memory < 8*uint32(a.Lanes) || a.Memory > maxMemory || a.Passes*a.Memory > maxWork {
		return a, fmt.Errorf("%w: Argon2id with %d passes over %d KiB in %d lanes", ErrSlot, a.Passes, a.Memory, a.Lanes)
	}
	return a, nil
}

// Slot writes the parameters.
func (a Argon2id) Slot() Slot {
	b := binary.BigEndian.AppendUint32(a.Salt[:], a.Passes)
	b = append(binary.BigEndian.AppendUint32(b, a.Memory), a.Lanes)
	return Slot{Passphrase, string(b)}
}
