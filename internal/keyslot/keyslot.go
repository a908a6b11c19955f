// Package keyslot encodes key slots, the header field of a cipher image that records how
// to recover its key. A slot is not encrypted, and is checked before anything is computed or
// allocated for it. Package lock makes slots and unwraps keys from them.
//
// Main path: Check when a header is read; Argon2id when a key is unwrapped.
package keyslot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Kind is the kind of a slot.
type Kind byte

const (
	KeyFile    Kind = 0 // the slot is empty
	Passphrase Kind = 1 // salt and parameters of Argon2id
	Recipients Kind = 2 // the key as an age file
)

// String returns what a user needs to unwrap a key.
func (k Kind) String() string {
	switch k {
	case Passphrase:
		return "a passphrase"
	case Recipients:
		return "an age identity"
	}
	return "a key file"
}

// MaxBytes is the maximum length of the data of a slot.
const MaxBytes = 1<<16 - 1

// Slot is a key slot. It is comparable.
type Slot struct {
	Kind Kind
	Data string // depends on Kind; docs/format.md
}

// String returns what a user needs to unwrap the key.
func (s Slot) String() string { return s.Kind.String() }

// ErrSlot is returned for a slot whose data do not have the format of its kind, or exceed its
// bounds.
var ErrSlot = errors.New("the key slot is not valid")

// ErrIncorrectIdentity is returned for a slot that was not made for an identity.
var ErrIncorrectIdentity = errors.New("the key slot was not made for this identity")

// Check returns an error that wraps ErrSlot where a slot is not valid.
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
			return fmt.Errorf("%w: %d bytes that are not an age file", ErrSlot, len(s.Data))
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

// The limits on what a header asks of a reader, since the sender of a file chooses them
// before any key is checked. A writer asks for 3 passes over 64 MiB; a reader does up to
// 2 2/3 times that work with up to twice the memory, so that a phone that can write can read.
const (
	maxPasses = 8
	maxMemory = 128 << 10 // KiB
	maxLanes  = 8
	maxWork   = 512 << 10 // passes times KiB
)

// MaxMemory is the maximum number of bytes that Argon2id takes for a slot.
const MaxMemory = maxMemory << 10

// Argon2id returns the parameters of a passphrase's slot. Errors wrap ErrSlot, or
// ErrIncorrectIdentity where the slot is of another kind.
func (s Slot) Argon2id() (a Argon2id, err error) {
	if s.Kind != Passphrase {
		return a, ErrIncorrectIdentity
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

// Slot encodes the parameters.
func (a Argon2id) Slot() Slot {
	b := binary.BigEndian.AppendUint32(a.Salt[:], a.Passes)
	b = append(binary.BigEndian.AppendUint32(b, a.Memory), a.Lanes)
	return Slot{Passphrase, string(b)}
}
