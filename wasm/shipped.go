//go:build js && wasm && !vectors

package main

import "enciphergan"

// vectorOptions gives nothing here: what the page gets has no way to choose a
// nonce, so it cannot use one twice. See nonce_vectors.go.
func vectorOptions(argument) ([]encipher.EncryptOption, error) { return nil, nil }

// vectorMethods gives nothing here. See generator_vectors.go.
func vectorMethods() map[string]method { return nil }
