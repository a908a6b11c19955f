package encipher

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"enciphergan/internal/kernel"
	"enciphergan/internal/keyschedule"
	"enciphergan/internal/keyslot"
	"enciphergan/internal/network"
	"enciphergan/internal/picture"
)

// Model is a pair of trained generators. It is safe for concurrent use.
type Model struct {
	network generators

	mu     sync.Mutex
	cached cachedSession
}

// generators are the methods of *network.Model that this package calls; tests replace them.
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

// session are the methods of *network.Session that this package calls. One goroutine uses
// it at a time.
type session interface {
	Encrypt(ctx context.Context, rgb []byte, height, width int, seed keyschedule.Seed) (network.Cipher, error)
	Decrypt(ctx context.Context, c network.Cipher, seed keyschedule.Seed) ([]byte, error)
}

type trained struct{ *network.Model }

func (t trained) newSession(a kernel.Arithmetic) session { return t.NewSession(a) }

const hintModel = "Get the model's three files (card.json, encryption.onnx, decryption.onnx) again from one source."

// cannotRun returns the error of a well-formed model that fails when it runs.
func cannotRun(err error) *Error {
	hint := hintModel
	if network.TooCostly(err) {
		hint = "Use another model: this one takes far more work than its kind of network needs, and may be hostile."
	}
	return &Error{BadModel, hint, err}
}

// ModelFiles are the three files of a model directory.
type ModelFiles = network.Files

// ReadModel reads a model directory. Errors have the code BadModel.
func ReadModel(dir fs.FS) (f ModelFiles, err error) {
	defer guard(&err)
	if f, err = network.ReadFiles(dir); err != nil {
		return f, &Error{BadModel, hintModel, err}
	}
	return f, nil
}

// OpenModel parses and checks a model. Errors have the code BadModel, also for hostile
// files.
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

// Name returns the name on the model card.
func (m *Model) Name() string { return m.network.Name() }

// ModelCard is the part of a model card that describes the model to its users.
type ModelCard struct {
	Name    string
	Profile string // of the network: "paper", "paper+stats" or "reversible"
	Note    string // what the model is for, where it is not for everyday use
}

// Card returns the model card.
func (m *Model) Card() ModelCard {
	c := m.network.Card()
	return ModelCard{c.Name, string(c.Definition.Profile), c.Note}
}

// Fingerprint identifies the model: the SHA-256 of both generators in
// hexadecimal. A cipher image is decrypted by the model with the same fingerprint.
func (m *Model) Fingerprint() string {
	f := m.network.Fingerprint()
	return hex.EncodeToString(f[:])
}

// MaxSealedModelBytes is the size of the largest sealed model.
const MaxSealedModelBytes = network.MaxSealedBytes

// SealModel encrypts a model as one age file. It contains a zip of the model directory,
// not compressed, as weights hardly compress, and without times, so that equal models make equal
// archives.
func SealModel(f ModelFiles, with Sealer) (sealed []byte, err error) {
	defer guard(&err)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, file := range f.List() {
		w, err := z.CreateHeader(&zip.FileHeader{Name: file.Name, Method: zip.Store})
		if err == nil {
			_, err = w.Write(file.Data)
		}
		if err != nil {
			return nil, fmt.Errorf("cannot pack the model: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("cannot pack the model: %w", err)
	}
	return with.Seal(b.Bytes())
}

const hintSealedModel = "Get the sealed model again from where it was made."

// UnsealModel decrypts a sealed model with the first Unsealer that can. The error is
// WrongKey where none can, and BadModel where the file is damaged or holds no model.
func UnsealModel(file []byte, with ...Unsealer) (f ModelFiles, err error) {
	defer guard(&err)
	if len(file) > MaxSealedModelBytes {
		return f, &Error{BadModel, hintSealedModel, fmt.Errorf("the sealed model has %d bytes, and the maximum is %d", len(file), MaxSealedModelBytes)}
	}
	archive, err := unseal(file, MaxSealedModelBytes, with)
	if errors.Is(err, keyslot.ErrIncorrectIdentity) {
		return f, &Error{WrongKey, "Give the passphrase or the identity that the model was sealed for.", errors.New("this secret does not open the model")}
	}
	if err == nil {
		var z *zip.Reader
		if z, err = zip.NewReader(bytes.NewReader(archive), int64(len(archive))); err == nil {
			f, err = network.ReadFiles(z)
		}
	}
	if err != nil {
		return f, &Error{BadModel, hintSealedModel, fmt.Errorf("this is not a sealed model, or it is damaged: %w", err)}
	}
	return f, nil
}
