//go:build js && wasm && vectors

package main

import "enciphergan"

// vectorOptions reads the optional nonce of encrypt, 24 bytes, in builds for tests
// that compare the browser with the native program.
func vectorOptions(a argument) ([]encipher.EncryptOption, error) {
	if !a.has("nonce") {
		return nil, nil
	}
	var nonce [24]byte
	b, err := a.bytes("nonce", int64(len(nonce)), badArgument)
	if err != nil {
		return nil, err
	}
	if len(b) != len(nonce) {
		return nil, badArgumentError("the nonce has %d bytes instead of %d", len(b), len(nonce))
	}
	copy(nonce[:], b)
	return []encipher.EncryptOption{encipher.WithFixedNonce(nonce)}, nil
}
