package lock

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	"enciphergan/internal/key"
	"enciphergan/internal/keyslot"
)

// ErrAge says that a text holds no age recipients or identities that can be used.
var ErrAge = errors.New("this is not usable with age")

// lines reads a text as a key file is read: without a byte order mark at its start, and
// without blanks at the ends of its lines.
func lines(text string) io.Reader {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimPrefix(text, byteOrderMark)) {
		b.WriteString(strings.TrimSpace(line))
		b.WriteByte('\n')
	}
	return strings.NewReader(b.String())
}

// To are the people who can open a picture.
type To struct{ recipients []age.Recipient }

// ParseTo reads age recipients (age1…, of X25519 or hybrid), one a line. Errors
// wrap ErrAge.
func ParseTo(text string) (*To, error) {
	list, err := age.ParseRecipients(lines(text))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAge, err)
	}
	return &To{list}, nil
}

// Lock gives a fresh random key and the slot that holds it for the recipients.
// Errors wrap ErrAge: there are too many of them, or of kinds that do not mix.
func (t *To) Lock(context.Context) (key.Key, keyslot.Slot, error) {
	k := key.New()
	secret := k.Secret()
	file, err := t.Seal(secret[:])
	if err != nil {
		return key.Key{}, keyslot.Slot{}, err
	}
	if len(file) > keyslot.MaxBytes {
		return key.Key{}, keyslot.Slot{}, fmt.Errorf("%w: for %d recipients it takes %d bytes, over the %d of a header", ErrAge, len(t.recipients), len(file), keyslot.MaxBytes)
	}
	return k, keyslot.Slot{Kind: keyslot.Recipients, Data: string(file)}, nil
}

// Identities are age's secret keys.
type Identities struct{ list []age.Identity }

// ParseIdentities reads the content of an age identity file, as age-keygen
// writes it. Errors wrap ErrAge.
func ParseIdentities(text string) (*Identities, error) {
	list, err := age.ParseIdentities(lines(text))
	if err != nil {
		// age's message could quote the line, which may be a secret with a typo.
		return nil, fmt.Errorf("%w: a line is no identity, AGE-SECRET-KEY-…", ErrAge)
	}
	return &Identities{list}, nil
}

// Format implements fmt.Formatter for every verb.
func (i *Identities) Format(s fmt.State, _ rune) {
	if len(i.list) == 1 {
		fmt.Fprint(s, "1 age identity")
		return
	}
	fmt.Fprintf(s, "%d age identities", len(i.list))
}

// Open gives the key of a slot. Errors wrap keyslot.ErrOther where it is not for these
// identities, and keyslot.ErrSlot where it is damaged.
func (i *Identities) Open(_ context.Context, s keyslot.Slot) (key.Key, error) {
	if s.Kind != keyslot.Recipients {
		return key.Key{}, keyslot.ErrOther
	}
	if err := s.Check(); err != nil {
		return key.Key{}, err
	}
	secret, err := i.Unseal([]byte(s.Data), 32)
	switch {
	case errors.Is(err, keyslot.ErrOther):
		return key.Key{}, fmt.Errorf("%w: for other age identities", err)
	case err != nil:
		return key.Key{}, fmt.Errorf("%w: %w", keyslot.ErrSlot, err)
	case len(secret) != 32:
		return key.Key{}, fmt.Errorf("%w: it holds %d bytes in place of a key", keyslot.ErrSlot, len(secret))
	}
	k := key.FromSecret([32]byte(secret))
	if k.IsZero() {
		return key.Key{}, fmt.Errorf("%w: it holds zeros in place of a key", keyslot.ErrSlot)
	}
	return k, nil
}

// Seal encrypts data for the recipients, as a binary age file. Errors wrap ErrAge.
func (t *To) Seal(data []byte) ([]byte, error) { return seal(data, t.recipients...) }

// Unseal opens an age file, binary or armored, that holds at most most bytes. Errors wrap
// keyslot.ErrOther where it is not for these identities, and ErrAge where it is
// damaged or too long.
func (i *Identities) Unseal(file []byte, most int64) ([]byte, error) {
	return unseal(file, most, i.list...)
}

// The work factor of scrypt: 2^15 takes 32 MiB and a tenth of a second on a
// server processor, which a phone can do. What is opened may ask for 2^18, age's
// own choice, which takes 256 MiB.
const (
	newWork = 15
	maxWork = 18
)

// Seal encrypts data with the passphrase, as a binary age file. Errors wrap ErrAge.
func (p *Phrase) Seal(data []byte) ([]byte, error) {
	r, err := age.NewScryptRecipient(string(p.text))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAge, err)
	}
	r.SetWorkFactor(newWork)
	return seal(data, r)
}

// Unseal opens an age file, binary or armored, that holds at most most bytes. Errors are those of
// Identities.Unseal.
func (p *Phrase) Unseal(file []byte, most int64) ([]byte, error) {
	i, err := age.NewScryptIdentity(string(p.text))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAge, err)
	}
	i.SetMaxWorkFactor(maxWork)
	data, err := unseal(file, most, i)
	if errors.Is(err, keyslot.ErrOther) && p.marked != nil {
		return p.marked.Unseal(file, most)
	}
	return data, err
}

func seal(data []byte, to ...age.Recipient) ([]byte, error) {
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to...)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAge, err)
	}
	return b.Bytes(), nil
}

// introduction is how a file of age begins that is not armored.
const introduction = "age-encryption.org/v1\n"

// IsSealed says whether a file looks like one of age, binary or armored.
func IsSealed(file []byte) bool {
	return bytes.HasPrefix(file, []byte(introduction)) || isArmored(file)
}

// isArmored looks behind white space, which package armor allows before and behind its lines.
func isArmored(file []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(file, " \t\r\n"), []byte(armor.Header))
}

// HasPassphrase says whether a file of age, binary or armored, is sealed with a passphrase.
func HasPassphrase(file []byte) bool {
	head := make([]byte, len(introduction)+len("-> scrypt "))
	_, err := io.ReadFull(reader(file), head)
	return err == nil && string(head) == introduction+"-> scrypt " // the only stanza, as age demands
}

// Check says whether the header of a file of age can be read, whoever opens it. Errors wrap
// ErrAge.
func Check(file []byte) error {
	if _, err := age.ExtractHeader(reader(file)); err != nil {
		return fmt.Errorf("%w: %w", ErrAge, err)
	}
	return nil
}

func reader(file []byte) io.Reader {
	if isArmored(file) {
		return armor.NewReader(bytes.NewReader(file))
	}
	return bytes.NewReader(file)
}

func unseal(file []byte, most int64, with ...age.Identity) ([]byte, error) {
	r, err := age.Decrypt(reader(file), with...)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, keyslot.ErrOther
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAge, err)
	}
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAge, err)
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%w: it holds more than %d bytes", ErrAge, most)
	}
	return data, nil
}
