package attack

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"golang.org/x/crypto/chacha20"

	"enciphergan"
	"enciphergan/internal/key"
	"enciphergan/internal/keyschedule"
	"enciphergan/internal/network"
	"enciphergan/internal/picture"
)

// System is a cipher in one mode of use, under a key that the attacker does not have.
type System struct {
	Name    string
	Control bool
	// Encrypt makes the cipher image of a picture, both (side, side, 3)
	// interleaved. number counts the pictures that were encrypted before: what
	// uses a nonce makes it from that.
	Encrypt func(ctx context.Context, rgb []byte, side int, number uint64) ([]byte, error)
}

// oracle encrypts what the attacker chooses.
type oracle struct {
	ctx    context.Context
	system System
	number uint64
}

func (o *oracle) encrypt(rgb []byte, side int) ([]byte, error) {
	if err := o.ctx.Err(); err != nil {
		return nil, err
	}
	c, err := o.system.Encrypt(o.ctx, rgb, side, o.number)
	o.number++
	if err == nil && len(c) != len(rgb) {
		err = fmt.Errorf("a cipher image of %d samples for a picture of %d", len(c), len(rgb))
	}
	return c, err
}

// secret derives 32 bytes from the seed of a run.
func secret(seed uint64, purpose string, number uint64) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "encipher attack %s %d %d", purpose, seed, number))
}

// noise is a cipher image that has nothing to do with the picture.
func noise(seed uint64) System {
	return System{"control: independent noise", true, func(_ context.Context, rgb []byte, _ int, number uint64) ([]byte, error) {
		r := rand.NewChaCha8(secret(seed, "noise", number))
		c := make([]byte, len(rgb))
		_, err := r.Read(c)
		return c, err
	}}
}

// Controls are ciphers of known strength: two that must fall, and one that must
// not. Independent noise is not among them, Run adds it.
func Controls(seed uint64) []System {
	keystream := func(nonce [chacha20.NonceSizeX]byte, rgb []byte) ([]byte, error) {
		k := secret(seed, "control key", 0)
		s, err := chacha20.NewUnauthenticatedCipher(k[:], nonce[:])
		if err != nil {
			return nil, err
		}
		c := make([]byte, len(rgb))
		s.XORKeyStream(c, rgb)
		return c, nil
	}
	return []System{
		{"control: identity", true, func(_ context.Context, rgb []byte, _ int, _ uint64) ([]byte, error) { return rgb, nil }},
		{"control: fixed pad", true, func(_ context.Context, rgb []byte, _ int, _ uint64) ([]byte, error) {
			return keystream([chacha20.NonceSizeX]byte{}, rgb)
		}},
		{"control: XChaCha20, fresh nonce", true, func(_ context.Context, rgb []byte, _ int, number uint64) ([]byte, error) {
			var nonce [chacha20.NonceSizeX]byte
			binary.LittleEndian.PutUint64(nonce[:], number+1)
			return keystream(nonce, rgb)
		}},
	}
}

// Victim is a model under attack.
type Victim struct {
	Name       string
	files      network.Files
	model      *network.Model
	whole      *encipher.Model
	definition network.Definition
	key        key.Key
	seed       uint64
}

// NewVictim opens a model.
func NewVictim(name string, files network.Files, seed uint64) (*Victim, error) {
	m, err := network.Load(files)
	if err != nil {
		return nil, err
	}
	whole, err := encipher.OpenModel(files)
	if err != nil {
		return nil, err
	}
	return &Victim{name, files, m, whole, m.Card().Definition, key.FromSecret(secret(seed, "key", 0)), seed}, nil
}

// Untrained is the published network with random weights: without a key, and
// without training that might hide or show more.
func Untrained(seed uint64) (System, error) {
	const name = "paper, random weights"
	d := network.Paper()
	w, err := network.NewWeights(d.Encryption(), stream(seed, name))
	if err != nil {
		return System{}, err
	}
	f, err := network.NewFiles(d, network.Card{Name: name}, w, w)
	if err != nil {
		return System{}, err
	}
	v, err := NewVictim(name, f, seed)
	if err != nil {
		return System{}, err
	}
	return v.unkeyed(), nil
}

func (v *Victim) unkeyed() System {
	return System{v.Name + ": bare cipher, no key", false, v.bare(func(uint64) keyschedule.Seed { return keyschedule.Seed{} })}
}

// Keyed tells whether the model takes a key.
func (v *Victim) Keyed() bool { return v.definition.Keyed() }

// Systems are the model's modes of use. The final file is what ships; the others
// are the bare neural cipher, which nobody is to publish.
func (v *Victim) Systems() []System {
	file := System{v.Name + ": final file", false, v.file}
	if !v.definition.Keyed() {
		return []System{file, v.unkeyed()}
	}
	return []System{
		file,
		{v.Name + ": bare cipher, nonce per picture", false, v.bare(v.tileSeed)},
		{v.Name + ": bare cipher, fixed seed", false, v.bare(func(uint64) keyschedule.Seed { return v.tileSeed(0) })},
	}
}

func (v *Victim) nonce(number uint64) key.Nonce {
	s := secret(v.seed, "nonce", number)
	return key.Nonce(s[:key.NonceSize])
}

func (v *Victim) tileSeed(number uint64) keyschedule.Seed {
	return v.key.Subkeys(v.nonce(number)).TileSeed(v.model.Fingerprint(), 0)
}

func (v *Victim) bare(seed func(number uint64) keyschedule.Seed) func(context.Context, []byte, int, uint64) ([]byte, error) {
	session := v.model.NewSession(v.model.Arithmetic())
	return func(ctx context.Context, rgb []byte, side int, number uint64) ([]byte, error) {
		c, err := session.Encrypt(ctx, rgb, side, side, seed(number))
		return c.Levels, err
	}
}

// sealed encrypts a picture into the final file.
func (v *Victim) sealed(ctx context.Context, rgb []byte, side int, number uint64) (*encipher.Sealed, error) {
	p := picture.New(side, side)
	copy(p.RGB, rgb)
	plain, err := p.PNG()
	if err != nil {
		return nil, err
	}
	return v.whole.Encrypt(ctx, plain, v.key, encipher.WithFixedNonce(v.nonce(number)), encipher.WithWorkers(1))
}

func (v *Victim) file(ctx context.Context, rgb []byte, side int, number uint64) ([]byte, error) {
	s, err := v.sealed(ctx, rgb, side, number)
	if err != nil {
		return nil, err
	}
	p, err := picture.Decode(s.PNG, picture.Limits{Bytes: encipher.MaxFileBytes, Pixels: encipher.MaxPixels})
	if err != nil {
		return nil, err
	}
	return p.RGB, nil
}
