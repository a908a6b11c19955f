package encipher

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"enciphergan/internal/keyslot"
	"enciphergan/internal/lock"
)

// Passphrase locks and opens pictures and models. Lock gives a key, and the slot for
// WithSlot; for the first picture it runs Argon2id with 64 MiB, for those after it there is no more work.
type Passphrase = lock.Phrase

// NewPassphrase takes a passphrase of 1 to 1,024 bytes of UTF-8 on one line, typed or from a
// file: a byte order mark before it and the line's end are removed. Errors have the code BadKey.
func NewPassphrase(text string) (*Passphrase, error) {
	p, err := lock.NewPhrase(text)
	return p, explain(err)
}

// ProposePassphrase draws seven words of 7,776, 90 bits.
func ProposePassphrase() (string, error) {
	text, err := lock.Propose()
	return text, explain(err)
}

// Recipients are the people who can open a picture or model: age's public keys. Lock
// gives a fresh key, and the slot for WithSlot in which it is wrapped for them.
type Recipients = lock.To

// ParseRecipients reads age recipients (age1…, X25519 or hybrid), one a line. Errors have the
// code BadKey.
func ParseRecipients(text string) (*Recipients, error) {
	r, err := lock.ParseTo(text)
	return r, explain(err)
}

// Identities are age's secret keys, which open what is locked for their recipients.
type Identities = lock.Identities

// ParseIdentities reads what age-keygen writes. Errors have the code BadKey.
func ParseIdentities(text string) (*Identities, error) {
	i, err := lock.ParseIdentities(text)
	return i, explain(err)
}

// Bounds of a key file.
const (
	MaxKeyFileBytes       = 16 << 10  // its text
	MaxSealedKeyFileBytes = 256 << 10 // sealed, for as many as a hundred recipients, and armored
)

// IsSealed says whether a file, of a key or of a model, is sealed with age, and whether
// it is a passphrase that opens it.
func IsSealed(file []byte) (sealed, passphrase bool) {
	return lock.IsSealed(file), lock.HasPassphrase(file)
}

// SealKeyFile seals the text of a key file, or of age identities, as an age file.
func SealKeyFile(text string, by Sealer) (sealed []byte, err error) {
	defer guard(&err)
	if len(text) > MaxKeyFileBytes {
		return nil, &Error{BadKey, "Give a key file alone.", fmt.Errorf("the key file has %d bytes, and at most %d are taken", len(text), MaxKeyFileBytes)}
	}
	sealed, err = by.Seal([]byte(text))
	if len(sealed) > MaxSealedKeyFileBytes {
		return nil, &Error{BadKey, "Seal it for fewer recipients.", fmt.Errorf("the sealed key file has %d bytes, and at most %d are opened", len(sealed), MaxSealedKeyFileBytes)}
	}
	return sealed, err
}

// UnsealKeyFile gives the text of a key file, or of age identities, that is itself an age
// file, binary or armored, which one of the given opens. The error is WrongKey where none does, and
// BadKey where the file is damaged or too long.
func UnsealKeyFile(file []byte, with ...Unsealer) (text string, err error) {
	defer guard(&err)
	if len(file) > MaxSealedKeyFileBytes {
		return "", &Error{BadKey, "Give a sealed key file.", fmt.Errorf("the file has %d bytes, and at most %d are taken", len(file), MaxSealedKeyFileBytes)}
	}
	data, err := unseal(file, MaxKeyFileBytes, with)
	if errors.Is(err, keyslot.ErrOther) {
		return "", &Error{WrongKey, "Give the passphrase or the identity that the file was sealed for.", errors.New("this does not open the file")}
	}
	if err != nil {
		return "", &Error{BadKey, "Get the key file again, from where it was made.", fmt.Errorf("it is no sealed key file, or a damaged one: %w", err)}
	}
	return string(data), nil
}

// Secret finds the key of a picture by its slot: a *Passphrase, *Identities or KeyFile. Open
// returns early, with its error, when the context is canceled.
type Secret interface {
	Open(context.Context, Slot) (Key, error)
}

// KeyFile is a key that is given as it is.
type KeyFile struct{ Key }

// Open gives the key where a slot asks for a key file.
func (k KeyFile) Open(_ context.Context, s Slot) (Key, error) {
	if s.Kind != keyslot.KeyFile {
		return Key{}, keyslot.ErrOther
	}
	return k.Key, nil
}

// Unlock is the key that sealed the image, among what the secrets give, or the error
// WrongKey, which says what is needed. A passphrase that stood behind a byte order mark is tried
// with the mark, too, as Passphrase.Marked says.
func (i *Info) Unlock(ctx context.Context, secrets ...Secret) (k Key, err error) {
	defer guard(&err)
	for n := 0; n < len(secrets); n++ {
		s := secrets[n]
		if p, ok := s.(*Passphrase); ok && p.Marked() != nil {
			secrets = slices.Insert(slices.Clone(secrets), n+1, Secret(p.Marked()))
		}
		k, err := s.Open(ctx, i.Slot)
		switch {
		case err == nil && i.IsFor(k):
			return k, nil
		case err != nil && !errors.Is(err, keyslot.ErrOther):
			return Key{}, err
		}
	}
	return Key{}, wrongKey(i.Slot)
}

// wrongKey says what a slot asks for.
func wrongKey(s Slot) error {
	hint := "Use the key that the picture was encrypted with."
	switch s.Kind {
	case keyslot.Passphrase:
		hint = "Give the passphrase that the picture was encrypted with."
	case keyslot.Recipients:
		hint = "Give the age identity of one of those for whom the picture was encrypted."
	}
	return &Error{WrongKey, hint, fmt.Errorf("this is not the key that sealed the picture, which is opened by %s", Needs(s))}
}

// Needs names what a slot is opened by.
func Needs(s Slot) string {
	switch s.Kind {
	case keyslot.Passphrase:
		return "a passphrase"
	case keyslot.Recipients:
		return "an age identity"
	}
	return "a key file"
}
