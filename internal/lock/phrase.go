// Package lock makes and opens the key slots of cipher images: with a passphrase,
// by Argon2id, and for the recipients of age.
//
// Main path: Phrase.Lock and To.Lock give a key and the slot to write;
// Phrase.Open and Identities.Open give the key of a slot again. Whether it is the
// right one is told by the commitment in the header.
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

// MaxPhraseBytes bounds a passphrase.
const MaxPhraseBytes = 1 << 10

// ErrPhrase says that a text is no passphrase.
var ErrPhrase = errors.New("this is not a usable passphrase")

// Phrase is a passphrase. It runs Argon2id once for each salt, however many
// pictures have it, and is safe for concurrent use. Printing it shows nothing.
type Phrase struct {
	text   []byte
	marked *Phrase

	mu    sync.Mutex
	fresh *keyslot.Slot
	keys  map[keyslot.Slot]key.Key
}

// byteOrderMark is what some editors begin a file of UTF-8 with.
const byteOrderMark = "\ufeff"

// NewPhrase takes a passphrase as it was typed or as a file holds it: one line of UTF-8.
// A byte order mark before it and line ends behind it are removed, and the rest is brought to
// Unicode's normal form C. Errors wrap ErrPhrase.
func NewPhrase(text string) (*Phrase, error) {
	text = strings.TrimRight(text, "\r\n")
	plain, isMarked := strings.CutPrefix(text, byteOrderMark)
	p, err := newPhrase(plain)
	if err == nil && isMarked {
		p.marked, _ = newPhrase(text) // it may be too long then
	}
	return p, err
}

func newPhrase(text string) (*Phrase, error) {
	switch {
	case text == "":
		return nil, fmt.Errorf("%w: it is empty", ErrPhrase)
	case len(text) > MaxPhraseBytes:
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrPhrase, MaxPhraseBytes)
	case !utf8.ValidString(text):
		return nil, fmt.Errorf("%w: it is not UTF-8", ErrPhrase)
	case strings.ContainsAny(text, "\r\n"):
		return nil, fmt.Errorf("%w: it has more than one line", ErrPhrase)
	}
	return &Phrase{text: norm.NFC.Bytes([]byte(text)), keys: map[keyslot.Slot]key.Key{}}, nil
}

// Format implements fmt.Formatter for every verb.
func (p *Phrase) Format(s fmt.State, _ rune) { s.Write([]byte("a passphrase")) }

// Text is the passphrase itself, in normal form C.
func (p *Phrase) Text() string { return string(p.text) }

// Equal says whether two passphrases are the same, in constant time.
func (p *Phrase) Equal(q *Phrase) bool { return subtle.ConstantTimeCompare(p.text, q.text) == 1 }

// Marked is the passphrase with the byte order mark that stood before it, nil where none did.
// Earlier versions did not remove the mark, so it may be what opens a picture.
func (p *Phrase) Marked() *Phrase { return p.marked }

// Lock gives a key to encrypt with and its slot. The first call draws a salt and runs
// Argon2id with 64 MiB; later ones give the same. The errors are those of a canceled ctx.
func (p *Phrase) Lock(ctx context.Context) (key.Key, keyslot.Slot, error) {
	p.mu.Lock()
	if p.fresh == nil {
		a := keyslot.Argon2id{Passes: newPasses, Memory: newMemory, Lanes: newLanes}
		rand.Read(a.Salt[:])
		s := a.Slot()
		p.fresh = &s
	}
	s := *p.fresh
	p.mu.Unlock()
	k, err := p.Open(ctx, s)
	return k, s, err
}

// deriving holds a token while Argon2id runs: it cannot be stopped, and runs that nobody
// waits for any more must not add up in memory.
var deriving = make(chan struct{}, 1)

// Open gives the key of a slot, right or wrong. Errors wrap keyslot.ErrSlot, or
// keyslot.ErrOther where the slot asks for no passphrase, or are those of ctx, with which Open
// returns at once; a run of Argon2id that has begun goes on to its end.
func (p *Phrase) Open(ctx context.Context, s keyslot.Slot) (key.Key, error) {
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

// idKey is a variable so that a test can hold it up.
var idKey = argon2.IDKey

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
