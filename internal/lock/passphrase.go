// Package lock wraps and unwraps the keys of cipher images: with a passphrase, by Argon2id,
// and for age recipients. It also seals and unseals other files with age.
//
// Main path: Passphrase.Wrap and Recipients.Wrap return a key and the slot to write;
// Passphrase.Unwrap and Identities.Unwrap recover the key from a slot. The commitment in the
// header of the cipher image tells whether it is the right one.
package lock

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/sethvargo/go-diceware/diceware"
	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"enciphergan/internal/key"
	"enciphergan/internal/keyslot"
)

// The parameters of new slots: the second choice of RFC 9106.
const (
	newPasses = 3
	newMemory = 64 << 10 // KiB
	newLanes  = 4
)

// MaxPassphraseBytes is the maximum length of a passphrase.
const MaxPassphraseBytes = 1 << 10

// ErrPassphrase is returned for a text that is not a usable passphrase.
var ErrPassphrase = errors.New("this is not a usable passphrase")

// Passphrase is a passphrase. It runs Argon2id once for each salt, and is safe for
// concurrent use. Printing it does not show its text.
type Passphrase struct {
	text   []byte
	marked *Passphrase

	mu   sync.Mutex
	slot *keyslot.Slot // of Wrap
	keys map[keyslot.Slot]key.Key
}

// byteOrderMark is written by some editors at the start of a file of UTF-8.
const byteOrderMark = "\ufeff"

// NewPassphrase returns the passphrase of a text that was typed or read from a file: one line
// of UTF-8. It removes a leading byte order mark and trailing line ends, and normalizes the
// rest to Unicode's form C. Errors wrap ErrPassphrase.
func NewPassphrase(text string) (*Passphrase, error) {
	text = strings.TrimRight(text, "\r\n")
	plain, isMarked := strings.CutPrefix(text, byteOrderMark)
	p, err := newPassphrase(plain)
	if err == nil && isMarked {
		p.marked, _ = newPassphrase(text) // nil where the mark makes it too long
	}
	return p, err
}

func newPassphrase(text string) (*Passphrase, error) {
	switch {
	case text == "":
		return nil, fmt.Errorf("%w: it is empty", ErrPassphrase)
	case len(text) > MaxPassphraseBytes:
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrPassphrase, MaxPassphraseBytes)
	case !utf8.ValidString(text):
		return nil, fmt.Errorf("%w: it is not UTF-8", ErrPassphrase)
	case strings.ContainsAny(text, "\r\n"):
		return nil, fmt.Errorf("%w: it has more than one line", ErrPassphrase)
	}
	return &Passphrase{text: norm.NFC.Bytes([]byte(text)), keys: map[keyslot.Slot]key.Key{}}, nil
}

// Format implements fmt.Formatter for every verb.
func (p *Passphrase) Format(s fmt.State, _ rune) { s.Write([]byte("a passphrase")) }

// Text returns the passphrase itself, in normal form C.
func (p *Passphrase) Text() string { return string(p.text) }

// Equal reports whether two passphrases are the same, in constant time.
func (p *Passphrase) Equal(q *Passphrase) bool {
	return subtle.ConstantTimeCompare(p.text, q.text) == 1
}

// Marked returns the passphrase with the byte order mark that preceded it, or nil where none
// did. Earlier versions did not remove the mark, so that a picture may need it.
func (p *Passphrase) Marked() *Passphrase { return p.marked }

// Wrap returns a key and its slot. The first call draws a salt and runs Argon2id with
// 64 MiB; further calls return the same. The error is that of a cancelled ctx.
func (p *Passphrase) Wrap(ctx context.Context) (key.Key, keyslot.Slot, error) {
	p.mu.Lock()
	if p.slot == nil {
		a := keyslot.Argon2id{Passes: newPasses, Memory: newMemory, Lanes: newLanes}
		rand.Read(a.Salt[:])
		s := a.Slot()
		p.slot = &s
	}
	s := *p.slot
	p.mu.Unlock()
	k, err := p.Unwrap(ctx, s)
	return k, s, err
}

// deriving holds a token while Argon2id runs. A run cannot be stopped, and cancelled runs
// must not add up in memory.
var deriving = make(chan struct{}, 1)

// Unwrap returns the key of a slot, which may be wrong. Errors wrap keyslot.ErrSlot,
// keyslot.ErrIncorrectIdentity where the slot is of another kind, or are those of ctx: Unwrap
// then returns at once, while a run of Argon2id that has begun continues.
func (p *Passphrase) Unwrap(ctx context.Context, s keyslot.Slot) (key.Key, error) {
	a, err := s.Argon2id()
	if err != nil {
		return key.Key{}, err
	}
	select {
	case deriving <- struct{}{}:
	case <-ctx.Done():
		return key.Key{}, ctx.Err()
	}
	p.mu.Lock()
	k, ok := p.keys[s]
	p.mu.Unlock()
	if ok {
		<-deriving
		return k, nil
	}
	derived := make(chan key.Key, 1)
	go func() {
		defer func() { <-deriving }()
		k := key.FromSecret([32]byte(idKey(p.text, a.Salt[:], a.Passes, a.Memory, a.Lanes, 32)))
		p.mu.Lock()
		p.keys[s] = k
		p.mu.Unlock()
		derived <- k
	}()
	select {
	case k := <-derived:
		return k, nil
	case <-ctx.Done():
		return key.Key{}, ctx.Err()
	}
}

// idKey is a variable so that a test can delay it.
var idKey = argon2.IDKey

// proposedWords from a list of 7776 have 90 bits.
const proposedWords = 7

// Propose returns a passphrase of random words from EFF's long list.
func Propose() (string, error) {
	words, err := diceware.Generate(proposedWords)
	if err != nil {
		return "", fmt.Errorf("cannot choose random words: %w", err)
	}
	return strings.Join(words, " "), nil
}
