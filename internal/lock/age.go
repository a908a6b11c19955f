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

// ErrAge is returned for recipients, identities and files that cannot be used with age.
var ErrAge = errors.New("this cannot be used with age")

// lines removes a leading byte order mark, and white space around each line, as key files
// are read.
func lines(text string) io.Reader {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimPrefix(text, byteOrderMark)) {
		b.WriteString(strings.TrimSpace(line))
		b.WriteByte('\n')
	}
	return strings.NewReader(b.String())
}

// Recipients are public keys of age.
type Recipients struct{ list []age.Recipient }

// ParseRecipients parses age recipients (age1…, X25519 or hybrid), one a line. Errors
// wrap ErrAge.
func ParseRecipients(text string) (*Recipients, error) {
	list, err := age.ParseRecipients(lines(text))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAge, err)
	}
	return &Recipients{list}, nil
}

// Wrap returns a new random key and a slot with the key encrypted for the recipients.
// Errors wrap ErrAge: there are too many recipients, or their kinds cannot be combined.
func (r *Recipients) Wrap(context.Context) (key.Key, keyslot.Slot, error) {
	k := key.New()
	secret := k.Secret()
	file, err := r.Seal(secret[:])
	if err != nil {
		return key.Key{}, keyslot.Slot{}, err
	}
	if len(file) > keyslot.MaxBytes {
		return key.Key{}, keyslot.Slot{}, fmt.Errorf("%w: %d recipients need %d bytes, and a header has room for %d", ErrAge, len(r.list), len(file), keyslot.MaxBytes)
	}
	return k, keyslot.Slot{Kind: keyslot.Recipients, Data: string(file)}, nil
}

// Identities are secret keys of age.
type Identities struct{ list []age.Identity }

// ParseIdentities parses an age identity file, as age-keygen writes it. Errors wrap
// ErrAge.
func ParseIdentities(text string) (*Identities, error) {
	list, err := age.ParseIdentities(lines(text))
	if err != nil {
		// The message of age could quote the line, which may be a mistyped secret.
		return nil, fmt.Errorf("%w: a line is not an identity, AGE-SECRET-KEY-…", ErrAge)
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

// Unwrap returns the key of a slot. Errors wrap keyslot.ErrIncorrectIdentity where the slot
// was made for others, and keyslot.ErrSlot where it is damaged.
func (i *Identities) Unwrap(_ context.Context, s keyslot.Slot) (key.Key, error) {
	if s.Kind != keyslot.Recipients {
		return key.Key{}, keyslot.ErrIncorrectIdentity
	}
	if err := s.Check(); err != nil {
		return key.Key{}, err
	}
	secret, err := i.Unseal([]byte(s.Data), 32)
	switch {
	case errors.Is(err, keyslot.ErrIncorrectIdentity):
		return key.Key{}, err
	case err != nil:
		return key.Key{}, fmt.Errorf("%w: %w", keyslot.ErrSlot, err)
	case len(secret) != 32:
		return key.Key{}, fmt.Errorf("%w: it holds %d bytes instead of a key", keyslot.ErrSlot, len(secret))
	}
	k := key.FromSecret([32]byte(secret))
	if k.IsZero() {
		return key.Key{}, fmt.Errorf("%w: it holds zeros instead of a key", keyslot.ErrSlot)
	}
	return k, nil
}

// Seal encrypts data for the recipients, as a binary age file. Errors wrap ErrAge.
func (r *Recipients) Seal(data []byte) ([]byte, error) { return seal(data, r.list...) }

// Unseal decrypts an age file, binary or armored, that holds up to max bytes. Errors wrap
// keyslot.ErrIncorrectIdentity where the file was sealed for others, and ErrAge where it is
// damaged or too long.
func (i *Identities) Unseal(file []byte, max int64) ([]byte, error) {
	return unseal(file, max, i.list...)
}

// The work factors of scrypt. New files have 2^15, which takes 32 MiB, and a tenth of a
// second on a server processor: a phone can do it. Files with up to 2^18, the default of age,
// which takes 256 MiB, are unsealed.
const (
	newWork = 15
	maxWork = 18
)

// Seal encrypts data with the passphrase, as a binary age file. Errors wrap ErrAge.
func (p *Passphrase) Seal(data []byte) ([]byte, error) {
	r, err := age.NewScryptRecipient(string(p.text))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAge, err)
	}
	r.SetWorkFactor(newWork)
	return seal(data, r)
}

// Unseal decrypts an age file, binary or armored, that holds up to max bytes. Errors are those
// of Identities.Unseal.
func (p *Passphrase) Unseal(file []byte, max int64) ([]byte, error) {
	i, err := age.NewScryptIdentity(string(p.text))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAge, err)
	}
	i.SetMaxWorkFactor(maxWork)
	data, err := unseal(file, max, i)
	if errors.Is(err, keyslot.ErrIncorrectIdentity) && p.marked != nil {
		return p.marked.Unseal(file, max)
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

// introduction is the start of a binary age file.
const introduction = "age-encryption.org/v1\n"

// IsSealed reports whether a file looks like an age file, binary or armored.
func IsSealed(file []byte) bool {
	return bytes.HasPrefix(file, []byte(introduction)) || isArmored(file)
}

// isArmored skips leading white space, as package armor does.
func isArmored(file []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(file, " \t\r\n"), []byte(armor.Header))
}

// HasPassphrase reports whether an age file, binary or armored, is sealed with a passphrase.
func HasPassphrase(file []byte) bool {
	head := make([]byte, len(introduction)+len("-> scrypt "))
	_, err := io.ReadFull(reader(file), head)
	return err == nil && string(head) == introduction+"-> scrypt " // then the only stanza, as age requires
}

// Check returns an error that wraps ErrAge where the header of an age file cannot be parsed.
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

func unseal(file []byte, max int64, with ...age.Identity) ([]byte, error) {
	r, err := age.Decrypt(reader(file), with...)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, keyslot.ErrIncorrectIdentity
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAge, err)
	}
	data, err := io.ReadAll(io.LimitReader(r, max+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAge, err)
	}
	if int64(len(data)) > max {
		return nil, fmt.Errorf("%w: it holds more than %d bytes", ErrAge, max)
	}
	return data, nil
}
