package lock

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"

	"enciphergan/internal/key"
	"enciphergan/internal/keyslot"
)

// ErrAge says that a text holds no age recipients or identities that can be used.
var ErrAge = errors.New("this is not usable with age")

// To are the people who can open a picture.
type To struct{ recipients []age.Recipient }

// ParseTo reads age recipients (age1…, of X25519 or hybrid), one a line. Errors
// wrap ErrAge.
func ParseTo(text string) (*To, error) {
	list, err := age.ParseRecipients(strings.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAge, err)
	}
	return &To{list}, nil
}

// Lock gives a fresh random key and the slot that holds it for the recipients.
// Errors wrap ErrAge: there are too many of them, or of kinds that do not mix.
func (t *To) Lock() (key.Key, keyslot.Slot, error) {
	k := key.New()
	var b bytes.Buffer
	w, err := age.Encrypt(&b, t.recipients...)
	if err == nil {
		secret := k.Secret()
		w.Write(secret[:])
		err = w.Close()
	}
	if err != nil {
		return key.Key{}, keyslot.Slot{}, fmt.Errorf("%w: %w", ErrAge, err)
	}
	if b.Len() > keyslot.MaxBytes {
		return key.Key{}, keyslot.Slot{}, fmt.Errorf("%w: for %d recipients it takes %d bytes, over the %d of a header", ErrAge, len(t.recipients), b.Len(), keyslot.MaxBytes)
	}
	return k, keyslot.Slot{Kind: keyslot.Recipients, Data: b.String()}, nil
}

// Identities are age's secret keys.
type Identities struct{ list []age.Identity }

// ParseIdentities reads the content of an age identity file, as age-keygen
// writes it. Errors wrap ErrAge.
func ParseIdentities(text string) (*Identities, error) {
	list, err := age.ParseIdentities(strings.NewReader(text))
	if err != nil {
		// age's message could quote the line, which may be a secret with a typo.
		return nil, fmt.Errorf("%w: a line is no identity, AGE-SECRET-KEY-…", ErrAge)
	}
	return &Identities{list}, nil
}

// Format implements fmt.Formatter for every verb.
func (i *Identities) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "%d age identities", len(i.list)) }

// Open gives the key of a slot. Errors wrap keyslot.ErrOther where it is not for these
// identities, and keyslot.ErrSlot where it is damaged.
func (i *Identities) Open(s keyslot.Slot) (key.Key, error) {
	if s.Kind != keyslot.Recipients {
		return key.Key{}, keyslot.ErrOther
	}
	if err := s.Check(); err != nil {
		return key.Key{}, err
	}
	r, err := age.Decrypt(strings.NewReader(s.Data), i.list...)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return key.Key{}, fmt.Errorf("%w: for other age identities", keyslot.ErrOther)
	}
	if err != nil {
		return key.Key{}, fmt.Errorf("%w: %w", keyslot.ErrSlot, err)
	}
	var secret [32]byte
	if _, err := io.ReadFull(r, secret[:]); err != nil {
		return key.Key{}, fmt.Errorf("%w: %w", keyslot.ErrSlot, err)
	}
	if n, err := io.Copy(io.Discard, io.LimitReader(r, 1)); n > 0 || err != nil {
		return key.Key{}, fmt.Errorf("%w: it holds more than a key", keyslot.ErrSlot)
	}
	return key.FromSecret(secret), nil
}
