package evaluation

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"enciphergan"
	"enciphergan/internal/container"
	"enciphergan/internal/key"
	"enciphergan/internal/network"
	"enciphergan/internal/picture"
	"enciphergan/internal/record"
)

// Model is a subject of two systems: the bare cipher image of a model, with a nonce
// for each picture, and the pixels of the cipher image as a file.
type Model struct {
	systems []System
	cipher  interface {
		Encrypt(context.Context, []byte, encipher.Recipient, ...encipher.EncryptOption) (*encipher.Sealed, error)
		Decrypt(context.Context, []byte, encipher.Identity, ...encipher.DecryptOption) (*encipher.Opened, error)
	}
	card       network.Card
	statistics int // bytes a tile
}

// NewModel opens a model. The label names it in the tables.
func NewModel(label string, files network.Files) (*Model, error) {
	m, err := encipher.OpenModel(files)
	if err != nil {
		return nil, err
	}
	n, err := network.Load(files)
	if err != nil {
		return nil, err
	}
	bare := System{Name: label + ", bare", Fingerprint: m.Fingerprint(), Note: "the neural transform alone: experimental, deterministic, approximate, unauthenticated"}
	if d := n.Card().Definition; d.Keyed() {
		bare.SecretBits = 256
		if d.Kappa > 1 {
			bare.Note += fmt.Sprintf("; kappa %g favours recovery over flat histograms", d.Kappa)
		}
	} else {
		bare.Note += "; it has no key: anyone with the weights can decrypt"
	}
	file := System{Name: label + ", file", Fingerprint: m.Fingerprint(), SecretBits: 256, Note: "the neural transform and the residual, inside XChaCha20-Poly1305"}
	return &Model{systems: []System{bare, file}, cipher: m, card: n.Card(), statistics: n.StatisticsBytes()}, nil
}

// Systems returns the bare cipher image and the file.
func (s *Model) Systems() []System { return s.systems }

// encrypt returns the result of encryption and the cipher image of each system.
func (s *Model) encrypt(ctx context.Context, p *picture.Picture, m Material, options ...encipher.EncryptOption) (*encipher.Sealed, []*picture.Picture, error) {
	file, err := p.PNG()
	if err != nil {
		return nil, nil, err
	}
	sealed, err := s.cipher.Encrypt(ctx, file, key.FromSecret(m.Secret), append(options, encipher.WithFixedNonce(m.Nonce))...)
	if err != nil {
		return nil, nil, err
	}
	final, err := picture.Decode(sealed.PNG, limits)
	if err != nil {
		return nil, nil, fmt.Errorf("the cipher image cannot be decoded: %v", err)
	}
	return sealed, []*picture.Picture{sealed.NeuralCipher, final}, nil
}

// decrypt returns what the decryption generator recovers and the exact picture.
func (s *Model) decrypt(ctx context.Context, sealed *encipher.Sealed, p *picture.Picture, m Material, workers int) (generated, exact *picture.Picture, err error) {
	opened, err := s.cipher.Decrypt(ctx, sealed.PNG, key.FromSecret(m.Secret), encipher.WithWorkers(workers))
	if err != nil {
		return nil, nil, err
	}
	if !opened.Exact || !bytes.Equal(opened.Picture.RGB, p.RGB) {
		return nil, nil, errors.New("the picture was not restored exactly")
	}
	return opened.Generated, opened.Picture, nil
}

// Encrypt implements Subject.
func (s *Model) Encrypt(ctx context.Context, p *picture.Picture, m Material, workers int) ([]*picture.Picture, error) {
	// Exact restore is not in the pixels and takes another run of a generator.
	_, ciphers, err := s.encrypt(ctx, p, m, encipher.WithContent(encipher.ContentApproximate), encipher.WithWorkers(workers))
	return ciphers, err
}

// RoundTrip implements Subject.
func (s *Model) RoundTrip(ctx context.Context, p *picture.Picture, m Material, wrong [32]byte, workers int) ([]RoundTrip, error) {
	sealed, ciphers, err := s.encrypt(ctx, p, m, encipher.WithWorkers(workers))
	if err != nil {
		return nil, err
	}
	generated, exact, err := s.decrypt(ctx, sealed, p, m, workers)
	if err != nil {
		return nil, err
	}
	bare, file := RoundTrip{Cipher: ciphers[0], Recovered: generated}, RoundTrip{Cipher: ciphers[1], Recovered: exact}
	if bare.Wrong, err = s.decryptBare(ctx, sealed.PNG, m, wrong, workers); err != nil {
		return nil, err
	}
	switch opened, err := s.cipher.Decrypt(ctx, sealed.PNG, key.FromSecret(wrong), encipher.WithWorkers(workers)); {
	case err == nil:
		file.Wrong = opened.Picture
	case encipher.CodeOf(err) != encipher.WrongKey && encipher.CodeOf(err) != encipher.Changed:
		return nil, err
	}
	return []RoundTrip{bare, file}, nil
}

// decryptBare decrypts the neural cipher in a file with another secret, the right
// nonce and the right statistics. Decrypt refuses a wrong key, so it seals the
// content again with that key.
func (s *Model) decryptBare(ctx context.Context, file []byte, m Material, secret [32]byte, workers int) (*picture.Picture, error) {
	sealed, err := container.Parse(file, limits)
	if err != nil {
		return nil, err
	}
	plan, err := sealed.Header.Tiling.Plan(sealed.Header.Height, sealed.Header.Width)
	if err != nil {
		return nil, err
	}
	content, err := sealed.Open(key.FromSecret(m.Secret).Subkeys(m.Nonce), s.statistics*len(plan.Tiles))
	if err != nil {
		return nil, err
	}
	wrong := key.FromSecret(secret)
	again, err := container.Seal(sealed.Header, wrong.Subkeys(m.Nonce), content.Levels, content.Statistics, record.Record{}.Encode())
	if err != nil {
		return nil, err
	}
	opened, err := s.cipher.Decrypt(ctx, again, wrong, encipher.WithWorkers(workers))
	if err != nil {
		return nil, err
	}
	return opened.Picture, nil
}
