// Package lock makes and opens the key slots of cipher images: with a passphrase,
// by Argon2id, and for the recipients of age.
//
// Main path: Phrase.Lock and To.Lock give a key and the slot to write;
// Phrase.Open and Identities.Open give the key of a slot again. Whether it is the
// right one is told by the commitment in the header.
package lock

import (
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

// MaxPhraseBytes bounds a passphrase.
const MaxPhraseBytes = 1 << 10

// ErrPhrase says that a text is no passphrase.
var ErrPhrase = errors.New("this is not a usable passphrase")

// Phrase is a passphrase. It runs Argon2id once for each salt, however many
// pictures have it, and is safe for concurrent use. Printing it shows nothing.
type Phrase struct {
	text []byte

	mu    sync.Mutex
	fresh *keyslot.Slot
	keys  map[keyslot.Slot]key.Key
}

// NewPhrase takes a passphrase as it was typed: UTF-8, of which a line end is
// left away and the rest brought to Unicode's normal form C. Errors wrap ErrPhrase.
func NewPhrase(text string) (*Phrase, error) {
	text = strings.TrimRight(text, "\r\n")
	switch {
	case text == "":
		return nil, fmt.Errorf("%w: it is empty", ErrPhrase)
	case len(text) > MaxPhraseBytes:
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrPhrase, MaxPhraseBytes)
	case !utf8.ValidString(text):
		return nil, fmt.Errorf("%w: it is not UTF-8", ErrPhrase)
	}
	return &Phrase{text: norm.NFC.Bytes([]byte(text)), keys: map[keyslot.Slot]key.Key{}}, nil
}

// Format implements fmt.Formatter for every verb.
func (p *Phrase) Format(s fmt.State, _ rune) { s.Write([]byte("a passphrase")) }

// Equal says whether two passphrases are the same, in constant time.
func (p *Phrase) Equal(q *Phrase) bool { return subtle.ConstantTimeCompare(p.text, q.text) == 1 }

// Lock gives a key to encrypt with and its slot. The first call draws a salt and
// takes about a second and 64 MiB; later ones give the same.
func (p *Phrase) Lock() (key.Key, keyslot.Slot, error) {
	p.mu.Lock()
	if p.fresh == nil {
		a := keyslot.Argon2id{Passes: newPasses, Memory: newMemory, Lanes: newLanes}
		rand.Read(a.Salt[:])
		s := a.Slot()
		p.fresh = &s
	}
	s := *p.fresh
	p.mu.Unlock()
	k, err := p.Open(s)
	return k, s, err
}

// Open gives the key of a slot, right or wrong. Errors wrap keyslot.ErrSlot, or
// keyslot.ErrOther where the slot asks for no passphrase.
func (p *Phrase) Open(s keyslot.Slot) (key.Key, error) {
	a, err := s.Argon2id()
	if err != nil {
		return key.Key{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	k, ok := p.keys[s]
	if !ok {
		k = key.FromSecret([32]byte(argon2.IDKey(p.text, a.Salt[:], a.Passes, a.Memory, a.Lanes, 32)))
		p.keys[s] = k
	}
	return k, nil
}

// proposedWords of 7776 each are 90 bits.
const proposedWords = 7

// Propose draws a passphrase of words from EFF's long list.
func Propose() (string, error) {
	words, err := diceware.Generate(proposedWords)
	if err != nil {
		return "", fmt.Errorf("cannot draw words: %w", err)
	}
	return strings.Join(words, " "), nil
}
