package evaluation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"enciphergan"
	"enciphergan/internal/key"
	"enciphergan/internal/network"
	"enciphergan/internal/picture"
)

// neural is a model: the bare output of its generators, and the finished file.
type neural struct {
	systems []System
	model   *encipher.Model
	// The root package gives out neither statistics nor what a wrong key makes of
	// a bare cipher, so the generators are run from here too.
	network *network.Model
	mu      sync.Mutex
	idle    []*network.Session
}

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
	return &neural{systems: []System{bare, file}, model: m, network: n}, nil
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
	final, err := picture.Decode(sealed.PNG, picture.Limits{Bytes: encipher.MaxFileBytes, Pixels: encipher.MaxPixels})
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
	if bare.Wrong, err = s.wrong(ctx, p, sealed.Bare, m, wrong); err != nil {
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
// another secret, given everything else: statistics and nonce.
func (s *neural) wrong(ctx context.Context, p, bare *picture.Picture, m Material, secret [32]byte) (*picture.Picture, error) {
	plan, err := picture.Tiling(s.network.Tiling()).Plan(p.Height, p.Width)
	if err != nil {
		return nil, err
	}
	session := s.borrow()
	right, other := key.FromSecret(m.Secret).Subkeys(m.Nonce), key.FromSecret(secret).Subkeys(m.Nonce)
	whole := picture.New(plan.Height, plan.Width)
	for _, t := range plan.Tiles {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c, err := session.Encrypt(ctx, p.Extract(t), t.Height, t.Width, right.TileSeed(s.network.Fingerprint(), uint32(t.Index)))
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(c.Levels, bare.Extract(t)) {
			return nil, fmt.Errorf("tile %d: the bare cipher is not that of the file", t.Index)
		}
		rgb, err := session.Decrypt(ctx, c, other.TileSeed(s.network.Fingerprint(), uint32(t.Index)))
		if err != nil {
			return nil, err
		}
		whole.Insert(t, rgb)
	}
	s.mu.Lock()
	s.idle = append(s.idle, session)
	s.mu.Unlock()
	return whole.Crop(p.Height, p.Width), nil
}

// borrow takes an idle session, or makes one: a session serves one goroutine.
func (s *neural) borrow() *network.Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.idle); n > 0 {
		session := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return session
	}
	return s.network.NewSession()
}
