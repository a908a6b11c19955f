//go:build js && wasm

package main

import (
	"errors"
	"sync/atomic"
	"time"

	"enciphergan"
	"enciphergan/internal/network"
)

// Limit of a key file in bytes; what is too long for a key is said in those
// words below that.
const maxKeyText = 64 << 10

// service holds the loaded model.
type service struct {
	model atomic.Pointer[encipher.Model]
}

func (s *service) loadModel(a argument) (map[string]any, error) {
	var f encipher.ModelFiles
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
			return nil, err
		}
		*part.to = b
	}
	m, err := encipher.OpenModel(f)
	if err != nil {
		return nil, err
	}
	s.model.Store(m)
	card := m.Card()
	return map[string]any{
		"name":        card.Name,
		"fingerprint": m.Fingerprint(),
		"profile":     card.Definition.Profile,
		"note":        card.Note,
	}, nil
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
