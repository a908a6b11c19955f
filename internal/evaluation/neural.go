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

// neural is a model: the bare output of its generators, and the finished file.
type neural struct {
	systems    []System
	model      *encipher.Model
	statistics int // bytes a tile
}

var limits = picture.Limits{Bytes: encipher.MaxFileBytes, Pixels: encipher.MaxPixels}

// NewNeural makes a subject of two systems of a model: first the bare 8-bit
// output of its generators with a nonce for each picture, then the pixels of the
// finished file. label names the model in the tables.
func NewNeural(label string, files network.Files) (Subject, error) {
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
		bare.Note += "; it has no key: whoever has the weights decrypts"
	}
	file := System{Name: label + ", file", Fingerprint: m.Fingerprint(), SecretBits: 256, Note: "the same, and what makes it exact, inside XChaCha20-Poly1305"}
	return &neural{systems: []System{bare, file}, model: m, statistics: n.StatisticsBytes()}, nil
}

func (s *neural) Systems() []System { return s.systems }

func (s *neural) seal(ctx context.Context, p *picture.Picture, m Material, options ...encipher.Option) (*encipher.Sealed, []*picture.Picture, error) {
	file, err := p.PNG()
	if err != nil {
		return nil, nil, err
	}
	sealed, err := s.model.Encrypt(ctx, file, key.FromSecret(m.Secret), append(options, encipher.WithFixedNonce(m.Nonce))...)
	if err != nil {
		return nil, nil, err
	}
	final, err := picture.Decode(sealed.PNG, limits)
	if err != nil {
		return nil, nil, fmt.Errorf("the cipher image cannot be read back: %v", err)
	}
	return sealed, []*picture.Picture{sealed.Bare, final}, nil
}

func (s *neural) Encrypt(ctx context.Context, p *picture.Picture, m Material, workers int) ([]*picture.Picture, error) {
	// What makes a picture exact is not in the pixels, and takes a run of its own.
	_, ciphers, err := s.seal(ctx, p, m, encipher.WithExact(encipher.ExactOff), encipher.WithWorkers(workers))
	return ciphers, err
}

func (s *neural) Trip(ctx context.Context, p *picture.Picture, m Material, wrong [32]byte, workers int) ([]Trip, error) {
	sealed, ciphers, err := s.seal(ctx, p, m, encipher.WithWorkers(workers))
	if err != nil {
		return nil, err
	}
	opened, err := s.model.Decrypt(ctx, sealed.PNG, key.FromSecret(m.Secret), encipher.WithWorkers(workers))
	if err != nil {
		return nil, err
	}
	if !opened.Exact || !bytes.Equal(opened.Picture.RGB, p.RGB) {
		return nil, errors.New("the picture did not come back exactly")
	}
	bare := Trip{Cipher: ciphers[0], Recovered: opened.Generated.Crop(p.Height, p.Width)}
	if bare.Wrong, err = s.wrong(ctx, sealed.PNG, m, wrong, workers); err != nil {
		return nil, err
	}
	file := Trip{Cipher: ciphers[1], Recovered: opened.Picture}
	switch opened, err := s.model.Decrypt(ctx, sealed.PNG, key.FromSecret(wrong), encipher.WithWorkers(workers)); {
	case err == nil:
		file.Wrong = opened.Picture
	case encipher.CodeOf(err) != encipher.WrongKey && encipher.CodeOf(err) != encipher.Changed:
		return nil, err
	}
	return []Trip{bare, file}, nil
}

// wrong is what the decryption generator makes of a bare cipher image under
// another secret, given everything else: nonce and statistics. It asks the
// program itself, which takes no cipher image under a wrong key, by sealing the
// content again under that key.
func (s *neural) wrong(ctx context.Context, file []byte, m Material, secret [32]byte, workers int) (*picture.Picture, error) {
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
	opened, err := s.model.Decrypt(ctx, again, wrong, encipher.WithWorkers(workers))
	if err != nil {
		return nil, err
	}
	return opened.Picture, nil
}
