// Package digest computes the SHA-256 of whole files: with WebCrypto in the browser,
// with crypto/sha256 elsewhere.
//
// While the browser has not yet optimised the wasm, which is when a model is loaded,
// Go's SHA-256 runs at a few megabytes a second; WebCrypto takes a millisecond for the
// model. A page that is not a secure context has no WebCrypto and uses Go's.
package digest

import "crypto/sha256"

// SHA256 returns the SHA-256 of the concatenated parts. In the browser it waits for a
// promise, so it must not be called within a callback of JavaScript.
func SHA256(parts ...[]byte) [sha256.Size]byte {
	if sum, ok := hosted(parts); ok {
		return sum
	}
	h := sha256.New()
	for _, part := range parts {
		h.Write(part)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
