package key

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/decred/dcrd/bech32"
)

// The text form is Bech32 (BIP 173) in upper case, as age writes its secret keys.
const (
	hrp        = "encipher-key-"
	prefix     = "ENCIPHER-KEY-1" // hrp and Bech32's separator
	textLength = len(prefix) + 52 + 6
	charset    = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"
)

// byteOrderMark is written by some editors at the start of a file of UTF-8.
const byteOrderMark = "\ufeff"

// MaxFileBytes is the size of the largest key file that Parse accepts.
const MaxFileBytes = 16 << 10

// ErrText is wrapped by every error of Parse.
var ErrText = errors.New("this is not a usable key")

// Text returns the key as one line of 72 characters that begins with
// ENCIPHER-KEY-1 and ends with a checksum. It is the secret itself.
func (k Key) Text() string {
	s, err := bech32.EncodeFromBase256(hrp, k.secret[:])
	if err != nil {
		panic(fmt.Sprintf("key: Bech32 of 32 bytes: %v", err)) // the prefix is a constant and the length is fixed
	}
	return strings.ToUpper(s)
}

const createdPrefix = "# created: "

// File returns the content of a key file: comment lines with the creation time and
// the fingerprint, then the key.
func (k Key) File(created time.Time) []byte {
	return fmt.Appendf(nil, createdPrefix+"%s\n# fingerprint: %s\n%s\n",
		created.UTC().Format(time.RFC3339), k.Fingerprint(), k.Text())
}

// Parse reads a key from its text or from the content of a key file: a byte order
// mark, white space around lines, empty lines and lines that begin with # are
// skipped, and exactly one line must remain. Errors wrap ErrText, locate a typing error as
// far as the checksum allows, and never contain a valid key.
func Parse(text []byte) (Key, error) {
	if len(text) > MaxFileBytes {
		return Key{}, fmt.Errorf("%w: it is longer than %d bytes, and a key is one line of %d characters", ErrText, MaxFileBytes, textLength)
	}
	text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	var line string
	for l := range strings.Lines(string(text)) {
		l = strings.TrimSpace(l)
		if l == "" || l[0] == '#' {
			continue
		}
		if line != "" {
			return Key{}, fmt.Errorf("%w: it has more than one line that is not a comment", ErrText)
		}
		line = l
	}
	if line == "" {
		return Key{}, fmt.Errorf("%w: it has no line with a key; one begins with %s", ErrText, prefix)
	}
	return parseLine(line)
}

func parseLine(line string) (Key, error) {
	up := strings.ToUpper(line)
	if line != up && line != strings.ToLower(line) {
		return Key{}, fmt.Errorf("%w: it mixes upper and lower case, so at least one character was mistyped", ErrText)
	}
	rest, ok := strings.CutPrefix(up, prefix)
	if !ok {
		return Key{}, fmt.Errorf("%w: it does not begin with %s, so it has a typo there or is another kind of key", ErrText, prefix)
	}
	for i, r := range rest {
		if r > 127 || strings.IndexByte(charset, byte(r)) < 0 {
			return Key{}, fmt.Errorf("%w: it has a typo at character %d: %q cannot occur there", ErrText, len(prefix)+i+1, r)
		}
	}
	switch {
	case len(up) < textLength:
		return Key{}, fmt.Errorf("%w: it is cut short: it has %d characters of %d", ErrText, len(up), textLength)
	case len(up) > textLength:
		return Key{}, fmt.Errorf("%w: it has %d characters too many", ErrText, len(up)-textLength)
	}
	secret, ok := decode(up)
	if !ok {
		if i := typo(up); i >= 0 {
			return Key{}, fmt.Errorf("%w: it has a typo near character %d", ErrText, i+1)
		}
		return Key{}, fmt.Errorf("%w: its checksum does not match, so it has several typos", ErrText)
	}
	k := Key{secret: secret}
	if k.IsZero() {
		return Key{}, fmt.Errorf("%w: all its bits are zero", ErrText)
	}
	return k, nil
}

func decode(line string) (secret [32]byte, ok bool) {
	h, data, err := bech32.DecodeToBase256(line)
	if err != nil || h != hrp || len(data) != len(secret) {
		return secret, false
	}
	copy(secret[:], data)
	return secret, true
}

// typo returns the position where one other character, or the exchange of two
// neighbours, makes the checksum valid, or -1 where there is none. Bech32 words of this
// length differ in at least five places, so that with up to two mistyped characters
// no wrong position is found. It returns the position only: correcting the key silently
// would defeat the checksum.
func typo(line string) int {
	b := []byte(line)
	for i := len(prefix); i < len(b); i++ {
		was := b[i]
		for _, c := range []byte(charset) {
			b[i] = c
			if _, ok := decode(string(b)); ok {
				return i
			}
		}
		b[i] = was
	}
	for i := len(prefix); i+1 < len(b); i++ {
		b[i], b[i+1] = b[i+1], b[i]
		if _, ok := decode(string(b)); ok {
			return i
		}
		b[i], b[i+1] = b[i+1], b[i]
	}
	return -1
}
