package evaluation

import (
	"context"
	"fmt"

	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/chacha20poly1305"

	"enciphergan/internal/key"
	"enciphergan/internal/picture"
)

// System is one cipher, as a row of the tables.
type System struct {
	Name    string `json:"name"`
	Control bool   `json:"control,omitempty"` // of known worth, to compare with
	// SecretBits is the entropy of the secret in bits, 0 for a system without one.
	SecretBits int    `json:"secret_bits"`
	Note       string `json:"note,omitempty"`
	// Fingerprint is that of a neural system's model.
	Fingerprint string `json:"fingerprint,omitempty"`
}

// Material is what one picture is encrypted under.
type Material struct {
	Secret [32]byte
	Nonce  key.Nonce // public; a system may ignore it, and a sound one does not
}

// Trip is a picture on its way through one system.
type Trip struct {
	Cipher    *picture.Picture // of the picture's size, or padded
	Recovered *picture.Picture // under the right secret, of the picture's size
	Wrong     *picture.Picture // under a wrong secret; nil: rejected with an error
}

// Subject is one system, or several that are computed together. It may be used
// by several goroutines at a time.
type Subject interface {
	Systems() []System
	// Encrypt gives the cipher image of each system. workers bounds the cores
	// that are used.
	Encrypt(ctx context.Context, p *picture.Picture, m Material, workers int) ([]*picture.Picture, error)
	// Trip encrypts under m, and decrypts under m and under a wrong secret.
	Trip(ctx context.Context, p *picture.Picture, m Material, wrong [32]byte, workers int) ([]Trip, error)
}

// Controls are ciphers of known worth: none at all, one that passes most tests
// and falls to one known pair, and a sound one.
func Controls() []Subject {
	return []Subject{
		single{System{Name: "identity", Control: true, Note: "no encryption: the figures of the plain pictures"}, identity{}},
		single{System{Name: "fixed pad", Control: true, SecretBits: 256, Note: "XOR with one key stream for all pictures: one known pair breaks it"}, fixedPad{}},
		single{System{Name: "XChaCha20-Poly1305", Control: true, SecretBits: 256, Note: "standard authenticated encryption, a fresh nonce for each picture"}, standard{}},
	}
}

// cipher works on samples alone; the picture keeps its size.
type cipher interface {
	encrypt(rgb []byte, m Material) ([]byte, error)
	// decrypt gives nil where the secret is noticed to be wrong.
	decrypt(sealed []byte, m Material) ([]byte, error)
}

// single is the subject of one such cipher.
type single struct {
	system System
	cipher cipher
}

func (s single) Systems() []System { return []System{s.system} }

func (s single) Encrypt(_ context.Context, p *picture.Picture, m Material, _ int) ([]*picture.Picture, error) {
	sealed, err := s.cipher.encrypt(p.RGB, m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.system.Name, err)
	}
	return []*picture.Picture{like(p, sealed)}, nil
}

func (s single) Trip(_ context.Context, p *picture.Picture, m Material, wrong [32]byte, _ int) ([]Trip, error) {
	sealed, err := s.cipher.encrypt(p.RGB, m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.system.Name, err)
	}
	right, err := s.cipher.decrypt(sealed, m)
	if err == nil && right == nil {
		err = fmt.Errorf("the right secret was rejected")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.system.Name, err)
	}
	t := Trip{Cipher: like(p, sealed), Recovered: like(p, right)}
	m.Secret = wrong
	bad, err := s.cipher.decrypt(sealed, m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.system.Name, err)
	}
	if bad != nil {
		t.Wrong = like(p, bad)
	}
	return []Trip{t}, nil
}

// like is a picture of p's size with the first samples given.
func like(p *picture.Picture, rgb []byte) *picture.Picture {
	return &picture.Picture{Width: p.Width, Height: p.Height, RGB: rgb[:len(p.RGB)]}
}

type identity struct{}

func (identity) encrypt(rgb []byte, _ Material) ([]byte, error)    { return rgb, nil }
func (identity) decrypt(sealed []byte, _ Material) ([]byte, error) { return sealed, nil }

type fixedPad struct{}

func (fixedPad) encrypt(rgb []byte, m Material) ([]byte, error) {
	s, err := chacha20.NewUnauthenticatedCipher(m.Secret[:], make([]byte, chacha20.NonceSize))
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(rgb))
	s.XORKeyStream(out, rgb)
	return out, nil
}

func (f fixedPad) decrypt(sealed []byte, m Material) ([]byte, error) { return f.encrypt(sealed, m) }

type standard struct{}

func (standard) encrypt(rgb []byte, m Material) ([]byte, error) {
	a, err := chacha20poly1305.NewX(m.Secret[:])
	if err != nil {
		return nil, err
	}
	return a.Seal(nil, m.Nonce[:], rgb, nil), nil
}

func (standard) decrypt(sealed []byte, m Material) ([]byte, error) {
	a, err := chacha20poly1305.NewX(m.Secret[:])
	if err != nil {
		return nil, err
	}
	rgb, err := a.Open(nil, m.Nonce[:], sealed, nil)
	if err != nil {
		return nil, nil // the only reason is a wrong secret: nobody changes sealed
	}
	return rgb, nil
}
