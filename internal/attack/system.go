package attack

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"

	"enciphergan"
	"enciphergan/internal/control"
	"enciphergan/internal/key"
	"enciphergan/internal/keyschedule"
	"enciphergan/internal/network"
	"enciphergan/internal/picture"
)

// System is a cipher in one mode of use, with a key that is unknown to the attacker.
type System struct {
	Name    string
	Control bool
	// Encrypt returns the cipher image of a picture, both (side, side, 3)
	// interleaved. number is the number of pictures encrypted before, from which
	// nonces are derived.
	Encrypt func(ctx context.Context, rgb []byte, side int, number uint64) ([]byte, error)
}

// oracle encrypts pictures that the attacker chooses.
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

// secret derives 32 bytes from a seed.
func secret(seed uint64, purpose string, number uint64) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "encipher attack %s %d %d", purpose, seed, number))
}

// noise returns a system whose cipher images are independent of the picture.
func noise(seed uint64) System {
	return System{"control: independent noise", true, func(_ context.Context, rgb []byte, _ int, number uint64) ([]byte, error) {
		r := rand.NewChaCha8(secret(seed, "noise", number))
		c := make([]byte, len(rgb))
		_, err := r.Read(c)
		return c, err
	}}
}

// Controls returns the ciphers of package control. Run adds independent noise.
func Controls(seed uint64) []System {
	var list []System
	for _, c := range control.Ciphers() {
		list = append(list, System{"control: " + c.Name, true, func(_ context.Context, rgb []byte, _ int, number uint64) ([]byte, error) {
			sealed, err := c.Encrypt(rgb, secret(seed, "control key", 0), nonce(seed, number))
			return sealed[:min(len(sealed), len(rgb))], err
		}})
	}
	return list
}

// nonce returns the nonce of a picture.
func nonce(seed, number uint64) key.Nonce {
	s := secret(seed, "nonce", number)
	return key.Nonce(s[:key.NonceSize])
}

// Victim is a model under attack.
type Victim struct {
	Name       string
	files      network.Files
	model      *network.Model
	cipher     *encipher.Model
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
	cipher, err := encipher.OpenModel(files)
	if err != nil {
		return nil, err
	}
	return &Victim{name, files, m, cipher, m.Card().Definition, key.FromSecret(secret(seed, "key", 0)), seed}, nil
}

// Untrained returns the published network with random weights. It has no key.
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
	return System{v.Name + ": bare cipher image, no key", false, v.bare(func(uint64) keyschedule.Seed { return keyschedule.Seed{} })}
}

// Keyed reports whether the model has a key.
func (v *Victim) Keyed() bool { return v.definition.Keyed() }

// Systems returns the model's modes of use: the sealed file, which users have, and
// the bare cipher image, which must not be published.
func (v *Victim) Systems() []System {
	file := System{v.Name + ": file", false, v.file}
	if !v.definition.Keyed() {
		return []System{file, v.unkeyed()}
	}
	return []System{
		file,
		{v.Name + ": bare cipher image, nonce per picture", false, v.bare(v.tileSeed)},
		{v.Name + ": bare cipher image, fixed seed", false, v.bare(func(uint64) keyschedule.Seed { return v.tileSeed(0) })},
	}
}

func (v *Victim) tileSeed(number uint64) keyschedule.Seed {
	return v.key.Subkeys(nonce(v.seed, number)).TileSeed(v.model.Fingerprint(), 0)
}

func (v *Victim) bare(seed func(number uint64) keyschedule.Seed) func(context.Context, []byte, int, uint64) ([]byte, error) {
	session := v.model.NewSession(v.model.Arithmetic())
	return func(ctx context.Context, rgb []byte, side int, number uint64) ([]byte, error) {
		c, err := session.Encrypt(ctx, rgb, side, side, seed(number))
		return c.Levels, err
	}
}

// sealed returns the cipher image of a picture.
func (v *Victim) sealed(ctx context.Context, rgb []byte, side int, number uint64) (*encipher.Sealed, error) {
	p := picture.New(side, side)
	copy(p.RGB, rgb)
	plain, err := p.PNG()
	if err != nil {
		return nil, err
	}
	return v.cipher.Encrypt(ctx, plain, v.key, encipher.WithFixedNonce(nonce(v.seed, number)), encipher.WithWorkers(1))
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
