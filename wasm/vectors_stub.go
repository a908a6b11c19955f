//go:build js && wasm && !vectors

package main

import "enciphergan"

// vectorOptions returns nothing: in release builds a nonce cannot be chosen, so none
// can be used twice. See nonce_vectors.go.
func vectorOptions(argument) ([]encipher.EncryptOption, error) { return nil, nil }

// vectorMethods returns nothing. See generator_vectors.go.
func vectorMethods() map[string]method { return nil }
