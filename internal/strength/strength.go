// Package strength estimates how soon a passphrase would be guessed, with the zxcvbn.js
// of the page. Go ports of it build tables of words at every program start; this package
// compiles the script at the first call, which takes some tenths of a second.
package strength

import (
	"fmt"
	"sync"

	"github.com/dop251/goja"

	"enciphergan/static/vendor"
)

// maxRunes bounds the part of a passphrase that is estimated, since the time grows with
// the length. The page has the same bound.
const maxRunes = 100

var (
	mu   sync.Mutex // the script engine is not safe for concurrent use
	load = sync.OnceValues(func() (score func(string) (int, error), err error) {
		engine := goja.New()
		if _, err := engine.RunScript("zxcvbn.js", vendor.Zxcvbn); err != nil {
			return nil, err
		}
		f, err := engine.RunString("(passphrase) => zxcvbn(passphrase).score")
		if err != nil {
			return nil, err
		}
		return score, engine.ExportTo(f, &score)
	})
)

// Score returns the score of a passphrase, from 0 (guessed at once) to 4. The page calls
// passphrases below 3 weak.
func Score(passphrase string) (int, error) {
	if r := []rune(passphrase); len(r) > maxRunes {
		passphrase = string(r[:maxRunes])
	}
	mu.Lock()
	defer mu.Unlock()
	score, err := load()
	if err != nil {
		return 0, fmt.Errorf("zxcvbn.js: %w", err)
	}
	return score(passphrase)
}
