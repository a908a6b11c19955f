// Package digest computes SHA-256 of whole files: natively as crypto/sha256
// does, in the browser by its own WebCrypto.
//
// Go's SHA-256 runs at a few megabytes a second while the browser has not yet
// optimised the wasm, which is when a model is loaded; WebCrypto takes a
// millisecond for it. Where a page is not a secure context there is no WebCrypto,
// and Go's serves; both give the same sum.
package digest

import "crypto/sha256"

// SHA256 is the sum of parts, one after the other. In the browser it waits for a
// promise, so that it must not be called within a callback of JavaScript.
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
