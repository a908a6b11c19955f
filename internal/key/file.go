package key

import (
	"strings"
	"time"
)

// ParseFile is Parse, and also returns the time of creation that a key file records, or
// zero.
func ParseFile(text []byte) (k Key, created time.Time, err error) {
	if k, err = Parse(text); err != nil {
		return Key{}, created, err
	}
	for line := range strings.Lines(strings.TrimPrefix(string(text), byteOrderMark)) {
		if at, ok := strings.CutPrefix(strings.TrimSpace(line), createdPrefix); ok {
			created, _ = time.Parse(time.RFC3339, strings.TrimSpace(at)) // zero also where it is not a time
			break
		}
	}
	return k, created, nil
}
