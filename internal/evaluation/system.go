package evaluation

import (
	"context"
	"errors"
	"fmt"

	"enciphergan/internal/control"
	"enciphergan/internal/key"
	"enciphergan/internal/picture"
)

// System is one cipher, a row of the tables.
type System struct {
	Name    string `json:"name"`
	Control bool   `json:"control,omitempty"` // a cipher of known quality, for comparison
	// SecretBits is the entropy of the secret in bits, 0 for a system without one.
	SecretBits int    `json:"secret_bits"`
	Note       string `json:"note,omitempty"`
	// Fingerprint is the model fingerprint of a neural system.
	Fingerprint string `json:"fingerprint,omitempty"`
}

// Material is the secret and the public nonce for one picture.
type Material struct {
	Secret [32]byte
	Nonce  key.Nonce
}

// RoundTrip is a picture encrypted and decrypted by one system.
type RoundTrip struct {
	Cipher    *picture.Picture // of the picture's size, or padded
	Recovered *picture.Picture // with the right secret, of the picture's size
	Wrong     *picture.Picture // with a wrong secret; nil if decryption returned an error
}

// Subject is one system, or several that are computed together. It may be used
// by several goroutines at a time.
type Subject interface {
	Systems() []System
	// Encrypt returns the cipher image of each system. It uses at most workers
	// cores, all with 0.
	Encrypt(ctx context.Context, p *picture.Picture, m Material, workers int) ([]*picture.Picture, error)
	// RoundTrip encrypts with m, and decrypts with m and with a wrong secret.
	RoundTrip(ctx context.Context, p *picture.Picture, m Material, wrong [32]byte, workers int) ([]RoundTrip, error)
}

// Controls returns the ciphers of package control as subjects.
func Controls() []Subject {
	var list []Subject
	for _, c := range control.Ciphers() {
		list = append(list, controlSubject{c})
	}
	return list
}

type controlSubject struct{ cipher control.Cipher }

func (s controlSubject) Systems() []System {
	return []System{{Name: s.cipher.Name, Control: true, SecretBits: s.cipher.SecretBits, Note: s.cipher.Note}}
}

func (s controlSubject) Encrypt(_ context.Context, p *picture.Picture, m Material, _ int) ([]*picture.Picture, error) {
	sealed, err := s.cipher.Encrypt(p.RGB, m.Secret, m.Nonce)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.cipher.Name, err)
	}
	return []*picture.Picture{withSamples(p, sealed)}, nil
}

func (s controlSubject) RoundTrip(_ context.Context, p *picture.Picture, m Material, wrong [32]byte, _ int) ([]RoundTrip, error) {
	sealed, err := s.cipher.Encrypt(p.RGB, m.Secret, m.Nonce)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.cipher.Name, err)
	}
	trip := RoundTrip{Cipher: withSamples(p, sealed)}
	for _, d := range []struct {
		secret [32]byte
		to     **picture.Picture
	}{{m.Secret, &trip.Recovered}, {wrong, &trip.Wrong}} {
		rgb, ok, err := s.cipher.Decrypt(sealed, d.secret, m.Nonce)
		if err == nil && !ok && d.secret == m.Secret {
			err = errors.New("the right secret was rejected")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.cipher.Name, err)
		}
		if ok {
			*d.to = withSamples(p, rgb)
		}
	}
	return []RoundTrip{trip}, nil
}

// withSamples returns a picture of p's size with the first of the given samples.
func withSamples(p *picture.Picture, rgb []byte) *picture.Picture {
	return &picture.Picture{Width: p.Width, Height: p.Height, RGB: rgb[:len(p.RGB)]}
}
