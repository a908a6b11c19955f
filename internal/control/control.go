// Package control provides ciphers of known quality. Measurements and attacks run
// them next to ours, to show what they can detect: no encryption, a cipher that
// passes most measurements and is broken by one known pair, and a sound cipher.
package control

import (
	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/chacha20poly1305"

	"enciphergan/internal/key"
)

// Cipher encrypts the samples of a picture, 8-bit RGB, interleaved.
type Cipher struct {
	Name       string
	Note       string
	SecretBits int // entropy of the secret in bits; 0 if the cipher has none
	// Encrypt returns a sample of cipher image for each sample, and may append a tag.
	Encrypt func(rgb []byte, secret [32]byte, nonce key.Nonce) ([]byte, error)
	// Decrypt returns the samples, or ok false if it detects a wrong secret.
	Decrypt func(sealed []byte, secret [32]byte, nonce key.Nonce) (rgb []byte, ok bool, err error)
}

// Ciphers returns the controls.
func Ciphers() []Cipher {
	return []Cipher{{
		Name: "identity", Note: "no encryption: the figures of the plain pictures",
		Encrypt: func(rgb []byte, _ [32]byte, _ key.Nonce) ([]byte, error) { return rgb, nil },
		Decrypt: func(sealed []byte, _ [32]byte, _ key.Nonce) ([]byte, bool, error) { return sealed, true, nil },
	}, {
		Name: "fixed pad", Note: "XOR with one key stream for all pictures: one known pair breaks it", SecretBits: 256,
		Encrypt: func(rgb []byte, secret [32]byte, _ key.Nonce) ([]byte, error) { return pad(rgb, secret) },
		Decrypt: func(sealed []byte, secret [32]byte, _ key.Nonce) ([]byte, bool, error) {
			rgb, err := pad(sealed, secret)
			return rgb, true, err
		},
	}, {
		Name: "XChaCha20-Poly1305", Note: "standard authenticated encryption, a fresh nonce for each picture", SecretBits: 256,
		Encrypt: func(rgb []byte, secret [32]byte, nonce key.Nonce) ([]byte, error) {
			a, err := chacha20poly1305.NewX(secret[:])
			if err != nil {
				return nil, err
			}
			return a.Seal(nil, nonce[:], rgb, nil), nil
		},
		Decrypt: func(sealed []byte, secret [32]byte, nonce key.Nonce) ([]byte, bool, error) {
			a, err := chacha20poly1305.NewX(secret[:])
			if err != nil {
				return nil, false, err
			}
			rgb, err := a.Open(nil, nonce[:], sealed, nil)
			return rgb, err == nil, nil // Open fails for a wrong secret only
		},
	}}
}

// pad XORs samples with the key stream of nonce 0.
func pad(samples []byte, secret [32]byte) ([]byte, error) {
	s, err := chacha20.NewUnauthenticatedCipher(secret[:], make([]byte, chacha20.NonceSize))
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(samples))
	s.XORKeyStream(out, samples)
	return out, nil
}
