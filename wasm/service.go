//go:build js && wasm

package main

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"enciphergan"
	"enciphergan/internal/network"
)

// maxKeyText limits the text of a key, in UTF-16 units. It is far longer than a key, so that
// ParseKey reports most texts that are too long.
const maxKeyText = 64 << 10

// service holds the loaded model, the last copy and the last passphrase of unwrapKey.
type service struct {
	model    atomic.Pointer[encipher.Model]
	lastCopy atomic.Pointer[copyCache]

	mu     sync.Mutex
	phrase *encipher.Passphrase
}

// loadModel loads the three files of a model, or a sealed model with its secret.
func (s *service) loadModel(a argument) (map[string]any, error) {
	files := modelFiles
	if a.has("sealed") {
		files = sealedModel
	}
	f, err := files(a)
	if err != nil {
		return nil, err
	}
	m, err := encipher.OpenModel(f)
	if err != nil {
		return nil, err
	}
	share, err := a.flag("share")
	if err != nil {
		return nil, err
	}
	s.model.Store(m)
	card := m.Card()
	result := map[string]any{
		"name":        card.Name,
		"fingerprint": m.Fingerprint(),
		"profile":     card.Profile,
		"note":        card.Note,
	}
	if !share {
		return result, nil
	}
	return result, errors.Join(
		setArray(result, "card", f.Card),
		setArray(result, "encryption", f.Encryption),
		setArray(result, "decryption", f.Decryption),
	)
}

func modelFiles(a argument) (f encipher.ModelFiles, err error) {
	for _, part := range []struct {
		name  string
		limit int64
		to    *[]byte
	}{
		{"card", network.MaxCardBytes, &f.Card},
		{"encryption", network.MaxGeneratorBytes, &f.Encryption},
		{"decryption", network.MaxGeneratorBytes, &f.Decryption},
	} {
		b, err := a.bytes(part.name, part.limit, encipher.BadModel)
		if err != nil {
			return f, err
		}
		*part.to = b
	}
	return f, nil
}

func sealedModel(a argument) (f encipher.ModelFiles, err error) {
	file, err := a.bytes("sealed", encipher.MaxSealedModelBytes, encipher.BadModel)
	if err != nil {
		return f, err
	}
	with, err := unsealers(a)
	if err != nil {
		return f, err
	}
	return encipher.UnsealModel(file, with...)
}

func (s *service) loaded() (*encipher.Model, error) {
	m := s.model.Load()
	if m == nil {
		return nil, &encipher.Error{Code: encipher.BadModel, Hint: "Load a model first.", Err: errors.New("no model is loaded")}
	}
	return m, nil
}

func (s *service) newKey(argument) (map[string]any, error) {
	k, err := encipher.NewKey()
	if err != nil {
		return nil, err
	}
	return map[string]any{"text": k.Text(), "file": string(k.File(time.Now())), "fingerprint": k.Fingerprint()}, nil
}

func (s *service) parseKey(a argument) (map[string]any, error) {
	k, err := key(a, "text")
	if err != nil {
		return nil, err
	}
	return map[string]any{"fingerprint": k.Fingerprint()}, nil
}

func key(a argument, name string) (encipher.Key, error) {
	text, err := a.text(name, maxKeyText)
	if err != nil {
		return encipher.Key{}, err
	}
	return encipher.ParseKey(text)
}
