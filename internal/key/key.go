// Package key implements the secret that protects pictures: 256 random bits, their
// text form, and the subkeys that are derived from them for one picture.
//
// Main path: New returns a Key, Text and File encode it, Parse decodes it, Subkeys
// derives the subkeys of one picture from the key and the picture's nonce.
// The text form, the file form and every derivation are part of the format and
// are specified in docs/format.md.
package key

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"

	"enciphergan/internal/keyschedule"
	"enciphergan/internal/keyslot"
)

// NonceSize is the number of bytes of a picture's nonce, that of XChaCha20.
const NonceSize = 24

// Nonce is the public random value of one picture. No two pictures may share
// one under the same key.
type Nonce [NonceSize]byte

// NewNonce returns a random nonce.
func NewNonce() Nonce {
	var n Nonce
	rand.Read(n[:]) // never fails: crypto/rand ends the process instead
	return n
}

// Key is a 256-bit secret. The zero Key is not a key: IsZero reports it. Printing
// a Key with fmt shows its fingerprint, never the secret.
type Key struct {
	secret [32]byte
}

// New returns a random key.
func New() Key {
	var k Key
	rand.Read(k.secret[:])
	return k
}

// FromSecret returns the key with a given secret, for repeatable figures and test
// vectors. Use New for keys that must stay secret.
func FromSecret(secret [32]byte) Key { return Key{secret} }

// Secret returns the 32 bytes themselves, to be wrapped by another key.
func (k Key) Secret() [32]byte { return k.secret }

// IsZero reports whether k was never set.
func (k Key) IsZero() bool { return k == Key{} }

// Every purpose has its own info string, so that derived values are independent.
// The version in them is that of the format, and changes with it.
const (
	purposeFingerprint = "encipher/v1 key fingerprint"
	purposeAEAD        = "encipher/v1 xchacha20-poly1305 key"
	purposeCommitment  = "encipher/v1 key commitment"
	purposeTile        = "encipher/v1 tile seed"
)

// Fingerprint returns a short public name of the key: 64 bits derived by
// HKDF-SHA256, in hexadecimal groups such as "09af-1b2c-77d0-e4e1". It reveals
// nothing about the secret.
func (k Key) Fingerprint() string {
	prk := extract(k.secret[:], nil)
	d := hex.EncodeToString(expand(prk, purposeFingerprint, 8))
	return d[0:4] + "-" + d[4:8] + "-" + d[8:12] + "-" + d[12:16]
}

// Format implements fmt.Formatter for every verb, so that a key that slips into
// a log or an error shows its fingerprint only.
func (k Key) Format(s fmt.State, _ rune) {
	io.WriteString(s, "key "+k.Fingerprint())
}

// Subkeys are the values that one picture derives from a key and its nonce.
type Subkeys struct {
	AEAD       [32]byte // key of XChaCha20-Poly1305
	Commitment [32]byte // in the header; equal only for the same key
	prk        [32]byte
}

// Subkeys derives the subkeys of one picture: HKDF-SHA256 with the nonce as
// salt, and one info string a purpose.
func (k Key) Subkeys(n Nonce) Subkeys {
	s := Subkeys{prk: extract(k.secret[:], n[:])}
	copy(s.AEAD[:], expand(s.prk, purposeAEAD, 32))
	copy(s.Commitment[:], expand(s.prk, purposeCommitment, 32))
	return s
}

// TileSeed derives the seed of the keyed layers for one tile of the picture.
// model is the fingerprint of the model; tile counts from 0 in row-major order.
func (s Subkeys) TileSeed(model [32]byte, tile uint32) keyschedule.Seed {
	info := make([]byte, 0, len(purposeTile)+len(model)+4)
	info = append(info, purposeTile...)
	info = append(info, model[:]...)
	info = binary.BigEndian.AppendUint32(info, tile)
	var seed keyschedule.Seed
	copy(seed[:], expand(s.prk, string(info), len(seed)))
	return seed
}

func extract(secret, salt []byte) (prk [32]byte) {
	out, err := hkdf.Extract(sha256.New, secret, salt)
	if err != nil {
		panic(fmt.Sprintf("key: HKDF-SHA256 extract: %v", err)) // only under a FIPS policy that forbids SHA-256, which none does
	}
	copy(prk[:], out)
	return prk
}

func expand(prk [32]byte, info string, length int) []byte {
	out, err := hkdf.Expand(sha256.New, prk[:], info, length)
	if err != nil {
		panic(fmt.Sprintf("key: HKDF-SHA256 expand: %v", err)) // only for more than 8160 bytes
	}
	return out
}

// Wrap returns k itself and an empty slot: the key file is needed to decrypt.
func (k Key) Wrap(context.Context) (Key, keyslot.Slot, error) { return k, keyslot.Slot{}, nil }

// Unwrap returns k itself, whatever the slot: it may have been unwrapped from it before.
func (k Key) Unwrap(context.Context, keyslot.Slot) (Key, error) { return k, nil }
