package key

import (
	"strings"
	"time"
)

// ParseFile is Parse, and gives also the time that a key file records; zero where it
// records none.
func ParseFile(text []byte) (k Key, created time.Time, err error) {
	if k, err = Parse(text); err != nil {
		return Key{}, created, err
	}
	for line := range strings.Lines(strings.TrimPrefix(string(text), byteOrderMark)) {
		if at, ok := strings.CutPrefix(strings.TrimSpace(line), createdPrefix); ok {
			created, _ = time.Parse(time.RFC3339, strings.TrimSpace(at)) // zero, too, where it is no time
			break
		}
	}
	return k, created, nil
}
