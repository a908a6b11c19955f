package encipher

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync"

	"enciphergan/internal/kernel"
	"enciphergan/internal/keyschedule"
	"enciphergan/internal/network"
	"enciphergan/internal/picture"
)

// Model is a pair of trained generators. It is safe for concurrent use.
type Model struct {
	network generators

	mu   sync.Mutex
	idle idle
}

// generators is what this package needs of a *network.Model.
type generators interface {
	Name() string
	Card() network.Card
	Fingerprint() [32]byte
	Tiling() network.Tiling
	StatisticsBytes() int
	TileMemory(height, width int) (int64, error)
	newSession(a kernel.Arithmetic) session
	Arithmetic() kernel.Arithmetic
}

// session is what this package needs of a *network.Session. It serves one
// goroutine at a time.
type session interface {
	Encrypt(ctx context.Context, rgb []byte, height, width int, seed keyschedule.Seed) (network.Cipher, error)
	Decrypt(ctx context.Context, c network.Cipher, seed keyschedule.Seed) ([]byte, error)
}

type trained struct{ *network.Model }

func (t trained) newSession(a kernel.Arithmetic) session { return t.NewSession(a) }

const hintModel = "Get the model's three files (card.json, encryption.onnx, decryption.onnx) again, all from the same place."

// cannotRun is the error of a model that is well formed and fails all the same.
func cannotRun(err error) *Error {
	hint := hintModel
	if network.TooCostly(err) {
		hint = "The model asks for more than its kind of network takes, and may be hostile; use another one."
	}
	return &Error{BadModel, hint, err}
}

// OpenModel reads a model. Hostile files end in an error with the code BadModel.
func OpenModel(f ModelFiles) (m *Model, err error) {
	defer guard(&err)
	n, err := network.Load(f)
	if err == nil {
		err = picture.Tiling(n.Tiling()).Check()
	}
	if err != nil {
		return nil, &Error{BadModel, hintModel, fmt.Errorf("cannot use the model: %w", err)}
	}
	return &Model{network: trained{n}}, nil
}

// Name is the name on the model's card.
func (m *Model) Name() string { return m.network.Name() }

// ModelCard is what a model directory says about its model.
type ModelCard = network.Card

// Card says what the model is, what it is for and how it was trained.
func (m *Model) Card() ModelCard { return m.network.Card() }

// Fingerprint identifies the model: the SHA-256 of both generators in
// hexadecimal. A cipher image is opened with the model of equal fingerprint.
func (m *Model) Fingerprint() string {
	f := m.network.Fingerprint()
	return hex.EncodeToString(f[:])
}
