package digest

import (
	"bytes"
	"crypto/sha256"
	"errors"

	"github.com/hack-pad/safejs"
)

// minBytes is the size in bytes from which a promise takes less time than Go's SHA-256.
const minBytes = 16 << 10

// hosted returns the SHA-256 by WebCrypto. ok is false if WebCrypto is missing or fails,
// or if there are fewer than minBytes bytes.
func hosted(parts [][]byte) (sum [sha256.Size]byte, ok bool) {
	whole := bytes.Join(parts, nil)
	if len(whole) < minBytes {
		return sum, false
	}
	b, err := subtle(whole)
	if err != nil || len(b) != len(sum) {
		return sum, false
	}
	return [sha256.Size]byte(b), true
}

func subtle(content []byte) ([]byte, error) {
	crypto, err := safejs.Global().Get("crypto")
	if err != nil {
		return nil, err
	}
	methods, err := crypto.Get("subtle")
	if err != nil {
		return nil, err
	}
	class, err := safejs.Global().Get("Uint8Array")
	if err != nil {
		return nil, err
	}
	array, err := class.New(len(content))
	if err != nil {
		return nil, err
	}
	if _, err := safejs.CopyBytesToJS(array, content); err != nil {
		return nil, err
	}
	promise, err := methods.Call("digest", "SHA-256", array)
	if err != nil {
		return nil, err
	}
	type settled struct {
		sum []byte
		err error
	}
	done := make(chan settled, 1)
	resolved, err := safejs.FuncOf(func(_ safejs.Value, values []safejs.Value) any {
		view, err := class.New(values[0])
		b := make([]byte, sha256.Size)
		if err == nil {
			_, err = safejs.CopyBytesToGo(b, view)
		}
		done <- settled{b, err}
		return nil
	})
	if err != nil {
		return nil, err
	}
	defer resolved.Release()
	rejected, err := safejs.FuncOf(func(safejs.Value, []safejs.Value) any {
		done <- settled{err: errors.New("the host refuses the digest")}
		return nil
	})
	if err != nil {
		return nil, err
	}
	defer rejected.Release()
	if _, err := promise.Call("then", resolved, rejected); err != nil {
		return nil, err
	}
	s := <-done
	return s.sum, s.err
}
