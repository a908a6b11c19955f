package encipher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"enciphergan/internal/container"
	"enciphergan/internal/key"
	"enciphergan/internal/keyslot"
	"enciphergan/internal/lock"
)

// Recipient wraps the key of a picture: a Key, *Passphrase or *AgeRecipients.
type Recipient interface {
	// Wrap returns the key to encrypt one picture with, and the key slot from which an
	// Identity recovers it. It returns early with an error when the context is cancelled.
	Wrap(context.Context) (Key, Slot, error)
}

// Identity unwraps the key of a picture: a Key, *Passphrase or *AgeIdentities.
type Identity interface {
	// Unwrap returns the key of a key slot. The error wraps ErrIncorrectIdentity where
	// the slot was not made for the identity. It returns early with an error when the
	// context is cancelled. The key may be wrong: the header of the cipher image tells.
	Unwrap(context.Context, Slot) (Key, error)
}

// ErrIncorrectIdentity is wrapped by the error of Identity.Unwrap where the key slot was
// not made for the identity.
var ErrIncorrectIdentity = keyslot.ErrIncorrectIdentity

// Slot is a key slot, the header field that records how to recover the key. Its String
// method names what unwraps it, for example "a passphrase".
type Slot = keyslot.Slot

// SlotKind is the kind of a Slot.
type SlotKind = keyslot.Kind

// The kinds of slots.
const (
	SlotKeyFile    = keyslot.KeyFile    // no data: the key itself is needed
	SlotPassphrase = keyslot.Passphrase // salt and parameters of Argon2id
	SlotRecipients = keyslot.Recipients // an age file with the key
)

// Bounds on secrets and what they are stored in.
const (
	MaxPassphraseBytes    = lock.MaxPassphraseBytes
	MaxPassphraseMemory   = keyslot.MaxMemory // bytes of memory that unwrapping with a passphrase takes
	MaxSlotBytes          = keyslot.MaxBytes  // Slot.Data
	MaxKeyFileBytes       = 16 << 10          // the text of a key file
	MaxSealedKeyFileBytes = 256 << 10         // a sealed key file: room for a hundred recipients, and armor
)

// Key is a 256-bit secret. Printing it with fmt shows only its fingerprint; Text
// and File return the secret itself. As a Recipient, it encrypts pictures with itself; as
// an Identity, it decrypts every picture that it encrypted.
type Key = key.Key

// NewKey returns a random key. The error is always nil: crypto/rand ends the program
// where the system has no random source.
func NewKey() (Key, error) { return key.New(), nil }

// ParseKey parses the text of a key, or the content of a key file. Errors have the code
// BadKey and locate a typing error where that is possible.
func ParseKey(text string) (Key, error) {
	k, err := key.Parse([]byte(text))
	return k, explain(err)
}

// ParseKeyFile is ParseKey, and also returns the time of creation that a key file
// records; it is zero where the file records none.
func ParseKeyFile(text string) (k Key, created time.Time, err error) {
	k, created, err = key.ParseFile([]byte(text))
	return k, created, explain(err)
}

// Passphrase is a Recipient and an Identity, and seals and unseals models and key files.
// The first Wrap runs Argon2id with 64 MiB of memory; further calls return the same key and
// slot.
type Passphrase = lock.Passphrase

// NewPassphrase returns the passphrase of a text: 1 to MaxPassphraseBytes bytes of UTF-8 on one
// line, typed or from a file. A leading byte order mark and the line end are removed. Errors
// have the code BadKey.
func NewPassphrase(text string) (*Passphrase, error) {
	p, err := lock.NewPassphrase(text)
	return p, explain(err)
}

// ProposePassphrase returns seven random words from a list of 7,776: 90 bits.
func ProposePassphrase() (string, error) {
	text, err := lock.Propose()
	return text, explain(err)
}

// AgeRecipients are public keys of age. As a Recipient, they wrap a new random key for
// each picture; each of the matching identities unwraps it.
type AgeRecipients = lock.Recipients

// ParseRecipients parses age recipients (age1…, X25519 or hybrid), one a line. Errors have the
// code BadKey.
func ParseRecipients(text string) (*AgeRecipients, error) {
	r, err := lock.ParseRecipients(text)
	return r, explain(err)
}

// AgeIdentities are secret keys of age.
type AgeIdentities = lock.Identities

// ParseIdentities parses an identity file that age-keygen wrote. Errors have the code BadKey.
func ParseIdentities(text string) (*AgeIdentities, error) {
	i, err := lock.ParseIdentities(text)
	return i, explain(err)
}

// Sealer encrypts models and key files: a *Passphrase or *AgeRecipients.
type Sealer interface {
	Seal(data []byte) ([]byte, error)
}

// Unsealer decrypts sealed models and key files: a *Passphrase or *AgeIdentities.
type Unsealer interface {
	Unseal(file []byte, max int64) ([]byte, error)
}

// IsSealed reports whether a key file or model is sealed with age, and whether it was
// sealed with a passphrase.
func IsSealed(file []byte) (sealed, passphrase bool) {
	return lock.IsSealed(file), lock.HasPassphrase(file)
}

// SealKeyFile encrypts the text of a key file, or of age identities, as an age file.
func SealKeyFile(text string, with Sealer) (sealed []byte, err error) {
	defer guard(&err)
	if len(text) > MaxKeyFileBytes {
		return nil, &Error{BadKey, "Give a file that holds only a key.", fmt.Errorf("the key file has %d bytes, and the maximum is %d", len(text), MaxKeyFileBytes)}
	}
	sealed, err = with.Seal([]byte(text))
	if len(sealed) > MaxSealedKeyFileBytes {
		return nil, &Error{BadKey, "Seal it for fewer recipients.", fmt.Errorf("the sealed key file has %d bytes, and the maximum is %d", len(sealed), MaxSealedKeyFileBytes)}
	}
	return sealed, err
}

// UnsealKeyFile returns the text of a sealed key file, or of sealed age identities, binary
// or armored, decrypted with the first Unsealer that can. The error is WrongKey where none
// can, and BadKey where the file is damaged or too long.
func UnsealKeyFile(file []byte, with ...Unsealer) (text string, err error) {
	defer guard(&err)
	if len(file) > MaxSealedKeyFileBytes {
		return "", &Error{BadKey, "Give a sealed key file.", fmt.Errorf("the file has %d bytes, and the maximum is %d", len(file), MaxSealedKeyFileBytes)}
	}
	data, err := unseal(file, MaxKeyFileBytes, with)
	if errors.Is(err, keyslot.ErrIncorrectIdentity) {
		return "", &Error{WrongKey, "Give the passphrase or the identity that the file was sealed for.", errors.New("this secret does not open the file")}
	}
	if err != nil {
		return "", &Error{BadKey, "Get the key file again from where it was made.", fmt.Errorf("this is not a sealed key file, or it is damaged: %w", err)}
	}
	return string(data), nil
}

// unseal decrypts an age file with the first Unsealer that can. The error is
// ErrIncorrectIdentity where none can.
func unseal(file []byte, max int64, with []Unsealer) ([]byte, error) {
	if err := lock.Check(file); err != nil { // so that a damaged file is reported as such with a wrong secret too
		return nil, err
	}
	for _, w := range with {
		if data, err := w.Unseal(file, max); !errors.Is(err, keyslot.ErrIncorrectIdentity) {
			return data, err
		}
	}
	return nil, keyslot.ErrIncorrectIdentity
}

// wrap returns the key and slot of a recipient.
func wrap(ctx context.Context, to Recipient) (Key, Slot, error) {
	if to == nil {
		return Key{}, Slot{}, errNoKey
	}
	k, slot, err := to.Wrap(ctx)
	known := (*Error)(nil)
	switch {
	case err != nil && (ctx.Err() != nil || errors.As(err, &known)):
		return Key{}, Slot{}, err
	case err != nil:
		return Key{}, Slot{}, &Error{BadKey, "Encrypt for fewer recipients, or for recipients of one kind.", err}
	case k.IsZero():
		return Key{}, Slot{}, errNoKey
	}
	return k, slot, nil
}

// Unlock returns the key of the image, from the first identity whose key the header
// confirms. The error is WrongKey where there is none, and names what the image needs. For a
// passphrase that a byte order mark preceded, the text with the mark is tried too, as
// Passphrase.Marked explains.
func (i *Info) Unlock(ctx context.Context, ids ...Identity) (k Key, err error) {
	defer guard(&err)
	return unlock(ctx, i.header, ids...)
}

func unlock(ctx context.Context, h container.Header, ids ...Identity) (Key, error) {
	for n := 0; n < len(ids); n++ {
		id := ids[n]
		if id == nil {
			return Key{}, errNoKey
		}
		if p, ok := id.(*Passphrase); ok && p.Marked() != nil {
			ids = slices.Insert(slices.Clone(ids), n+1, Identity(p.Marked()))
		}
		k, err := id.Unwrap(ctx, h.Slot)
		switch {
		case err == nil && k.IsZero():
			return Key{}, errNoKey
		case err == nil && h.IsFor(k.Subkeys(h.Nonce)):
			return k, nil
		case err != nil && !errors.Is(err, keyslot.ErrIncorrectIdentity):
			return Key{}, err
		}
	}
	hint := "Use the key that the picture was encrypted with."
	switch h.Slot.Kind {
	case keyslot.Passphrase:
		hint = "Give the passphrase that the picture was encrypted with."
	case keyslot.Recipients:
		hint = "Give the age identity of a recipient for whom the picture was encrypted."
	}
	return Key{}, &Error{WrongKey, hint, fmt.Errorf("%w, which needs %s", container.ErrWrongKey, h.Slot)}
}
