// Package encipher encrypts colour pictures with a generative network inside
// standard authenticated encryption.
//
// A Model, opened once with OpenModel, turns a picture file into a cipher image
// and back. The cipher image is a valid PNG of noise with the size of the picture.
// It holds the neural cipher, which the encryption generator computes from the
// picture, sealed with XChaCha20-Poly1305. The decryption generator recovers the
// picture from it with a small loss; the residual, which is sealed too, corrects
// that loss, so that every sample is restored exactly (see Content).
//
// For most uses, call NewKey once, store its File in a safe place, and pass the key
// to Model.Encrypt and Model.Decrypt. Every picture has its own nonce, so that one
// Key can encrypt any number of pictures. Decryption needs the key and the model; a
// lost key cannot be replaced.
//
// As in age, a Recipient wraps the key of a picture and an Identity unwraps it. A
// Key is both, and so is a Passphrase; AgeRecipients and AgeIdentities are the
// public and secret keys of age.
//
// Confidentiality and integrity come from XChaCha20-Poly1305 and HKDF-SHA256
// alone. The neural transform inside is experimental: deterministic, approximate
// and not proven secure. docs/security.md states what is and is not promised.
//
// Errors have the type *Error, with a stable Code and a Hint for the user; CodeOf
// returns the code of any error.
//
// # Compatibility
//
// A cipher image can be decrypted by every later version that supports its format
// version, with the same model and key. docs/format.md specifies the file, so that
// other programs can read it.
package encipher

import "enciphergan/internal/picture"

// Picture is a decoded picture.
type Picture = picture.Picture

// MaxFileBytes is the size of the largest file that Encrypt and Decrypt accept. It
// leaves room for an uncompressed picture of MaxPixels with 32 bits a pixel.
const MaxFileBytes = 4 * MaxPixels

var limits = picture.Limits{Bytes: MaxFileBytes, Pixels: MaxPixels}
