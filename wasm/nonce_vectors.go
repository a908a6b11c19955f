//go:build js && wasm && vectors

package main

import "enciphergan"

// vectorOptions lets encrypt take a nonce of 24 bytes, in a build for tests that
// compares what the browser and the native program compute.
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
		return nil, bad("the nonce has %d bytes instead of %d", len(b), len(nonce))
	}
	copy(nonce[:], b)
	return []encipher.EncryptOption{encipher.WithFixedNonce(nonce)}, nil
}
