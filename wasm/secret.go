//go:build js && wasm

package main

import (
	"context"

	"enciphergan"
	"enciphergan/internal/keyslot"
	"enciphergan/internal/lock"
)

func (s *service) generatePassphrase(argument) (map[string]any, error) {
	text, err := encipher.ProposePassphrase()
	return map[string]any{"passphrase": text}, err
}

func passphrase(a argument) (*encipher.Passphrase, error) {
	text, err := a.text("passphrase", lock.MaxPhraseBytes)
	if err != nil {
		return nil, err
	}
	return encipher.NewPassphrase(text)
}

func identity(a argument) (*encipher.Identities, error) {
	text, err := a.text("identity", maxKeyText)
	if err != nil {
		return nil, err
	}
	return encipher.ParseIdentities(text)
}

// unsealers are the passphrase and the identities of an argument. What is neither, as
// with a mistyped letter, opens nothing, which is said like that of a wrong one.
func unsealers(a argument) (with []encipher.Unsealer, err error) {
	defer func() {
		if encipher.CodeOf(err) == encipher.BadKey {
			err = &encipher.Error{Code: encipher.WrongKey, Hint: "Compare it with the original, or copy all of it again.", Err: err}
		}
	}()
	if a.has("passphrase") {
		p, err := passphrase(a)
		if err != nil {
			return nil, err
		}
		with = append(with, p)
	}
	if a.has("identity") {
		i, err := identity(a)
		if err != nil {
			return nil, err
		}
		with = append(with, i)
	}
	return with, nil
}

// unsealKeyFile gives the text of a key file that is sealed with age.
func (s *service) unsealKeyFile(a argument) (map[string]any, error) {
	file, err := a.bytes("file", encipher.MaxSealedKeyFileBytes, encipher.BadKey)
	if err != nil {
		return nil, err
	}
	with, err := unsealers(a)
	if err != nil {
		return nil, err
	}
	text, err := encipher.UnsealKeyFile(file, with...)
	return map[string]any{"text": text}, err
}

// lock gives the key to encrypt with for a passphrase or recipients, and its slot.
func (s *service) wrapKey(a argument) (map[string]any, error) {
	var by interface {
		Lock(context.Context) (encipher.Key, encipher.Slot, error)
	}
	switch {
	case a.has("passphrase"):
		p, err := passphrase(a)
		if err != nil {
			return nil, err
		}
		by = p
	case a.has("recipients"):
		text, err := a.text("recipients", keyslot.MaxBytes)
		if err != nil {
			return nil, err
		}
		if by, err = encipher.ParseRecipients(text); err != nil {
			return nil, err
		}
	default:
		return nil, bad("%q or %q is missing", "passphrase", "recipients")
	}
	k, slot, err := by.Lock(context.Background())
	if err != nil {
		return nil, &encipher.Error{Code: encipher.BadKey, Hint: "Encrypt for fewer recipients, or for some of one kind.", Err: err}
	}
	result := map[string]any{"key": k.Text()}
	return result, setArray(result, "slot", append([]byte{byte(slot.Kind)}, slot.Data...))
}

// slot reads what lock gave.
func slot(a argument) (encipher.Slot, error) {
	b, err := a.bytes("slot", 1+keyslot.MaxBytes, badArgument)
	if err != nil {
		return encipher.Slot{}, err
	}
	if len(b) == 0 {
		return encipher.Slot{}, bad("%q is empty", "slot")
	}
	slot := encipher.Slot{Kind: keyslot.Kind(b[0]), Data: string(b[1:])}
	if err := slot.Check(); err != nil {
		return encipher.Slot{}, bad("%q is none that lock gave: %v", "slot", err)
	}
	return slot, nil
}

// unlock finds the key of a cipher image. A passphrase is kept, so that the pictures of a
// batch, which have one salt, take one run of Argon2id.
func (s *service) unwrapKey(a argument) (map[string]any, error) {
	file, err := a.bytes("file", encipher.MaxFileBytes, encipher.TooLarge)
	if err != nil {
		return nil, err
	}
	inspect := encipher.Inspect
	if m := s.model.Load(); m != nil { // what the model does not open is not worth Argon2id
		inspect = m.Inspect
	}
	i, err := inspect(file)
	if err != nil {
		return nil, err
	}
	var secrets []encipher.Secret
	if a.has("key") {
		k, err := key(a, "key")
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, encipher.KeyFile{Key: k})
	}
	if a.has("passphrase") {
		p, err := s.remember(a)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, p)
	}
	if a.has("identity") {
		i, err := identity(a)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, i)
	}
	k, err := i.Unlock(context.Background(), secrets...)
	if err != nil {
		return nil, err
	}
	return map[string]any{"key": k.Text(), "fingerprint": k.Fingerprint()}, nil
}

// remember gives the passphrase of the last call again where it is the same.
func (s *service) remember(a argument) (*encipher.Passphrase, error) {
	p, err := passphrase(a)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phrase == nil || !s.phrase.Equal(p) {
		s.phrase = p
	}
	return s.phrase, nil
}
