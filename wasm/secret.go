//go:build js && wasm

package main

import (
	"context"

	"enciphergan"
)

func (s *service) generatePassphrase(argument) (map[string]any, error) {
	text, err := encipher.ProposePassphrase()
	return map[string]any{"passphrase": text}, err
}

func passphrase(a argument) (*encipher.Passphrase, error) {
	text, err := a.text("passphrase", encipher.MaxPassphraseBytes)
	if err != nil {
		return nil, err
	}
	return encipher.NewPassphrase(text)
}

func identity(a argument) (*encipher.AgeIdentities, error) {
	text, err := a.text("identity", maxKeyText)
	if err != nil {
		return nil, err
	}
	return encipher.ParseIdentities(text)
}

// unsealers returns the passphrase and the identities of an argument. A malformed one,
// such as a mistyped identity, is reported as a wrong key.
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

// unsealKeyFile returns the text of a key file that is sealed with age.
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

// wrapKey returns the key to encrypt with for a passphrase or recipients, and its slot.
func (s *service) wrapKey(a argument) (map[string]any, error) {
	var to encipher.Recipient
	switch {
	case a.has("passphrase"):
		p, err := passphrase(a)
		if err != nil {
			return nil, err
		}
		to = p
	case a.has("recipients"):
		text, err := a.text("recipients", encipher.MaxSlotBytes)
		if err != nil {
			return nil, err
		}
		if to, err = encipher.ParseRecipients(text); err != nil {
			return nil, err
		}
	default:
		return nil, badArgumentError("%q or %q is missing", "passphrase", "recipients")
	}
	k, slot, err := to.Wrap(context.Background())
	if err != nil {
		return nil, &encipher.Error{Code: encipher.BadKey, Hint: "Encrypt for fewer recipients, or for recipients of one kind.", Err: err}
	}
	result := map[string]any{"key": k.Text()}
	return result, setArray(result, "slot", append([]byte{byte(slot.Kind)}, slot.Data...))
}

// wrapped is a key with the slot that wrapKey returned with it.
type wrapped struct {
	key  encipher.Key
	slot encipher.Slot
}

func (w wrapped) Wrap(context.Context) (encipher.Key, encipher.Slot, error) {
	return w.key, w.slot, nil
}

// slot reads a slot that wrapKey returned.
func slot(a argument) (encipher.Slot, error) {
	b, err := a.bytes("slot", 1+encipher.MaxSlotBytes, badArgument)
	if err != nil {
		return encipher.Slot{}, err
	}
	if len(b) == 0 {
		return encipher.Slot{}, badArgumentError("%q is empty", "slot")
	}
	slot := encipher.Slot{Kind: encipher.SlotKind(b[0]), Data: string(b[1:])}
	if err := slot.Check(); err != nil {
		return encipher.Slot{}, badArgumentError("%q is not a slot that wrapKey returned: %v", "slot", err)
	}
	return slot, nil
}

// unwrapKey recovers the key of a cipher image. It retains the passphrase, so that the
// pictures of a batch, which have one salt, take one run of Argon2id.
func (s *service) unwrapKey(a argument) (map[string]any, error) {
	file, err := a.bytes("file", encipher.MaxFileBytes, encipher.TooLarge)
	if err != nil {
		return nil, err
	}
	inspect := encipher.Inspect
	if m := s.model.Load(); m != nil { // refuses other models before running Argon2id
		inspect = m.Inspect
	}
	var cipher interface {
		Unlock(context.Context, ...encipher.Identity) (encipher.Key, error)
	}
	if cipher, err = inspect(file); encipher.CodeOf(err) == encipher.NotCipher {
		cipher, err = s.readCopy(context.Background(), file)
	}
	if err != nil {
		return nil, err
	}
	var ids []encipher.Identity
	if a.has("key") {
		k, err := key(a, "key")
		if err != nil {
			return nil, err
		}
		ids = append(ids, k)
	}
	if a.has("passphrase") {
		p, err := s.cachedPassphrase(a)
		if err != nil {
			return nil, err
		}
		ids = append(ids, p)
	}
	if a.has("identity") {
		i, err := identity(a)
		if err != nil {
			return nil, err
		}
		ids = append(ids, i)
	}
	k, err := cipher.Unlock(context.Background(), ids...)
	if err != nil {
		return nil, err
	}
	return map[string]any{"key": k.Text(), "fingerprint": k.Fingerprint()}, nil
}

// cachedPassphrase returns the passphrase of the last call if it is the same.
func (s *service) cachedPassphrase(a argument) (*encipher.Passphrase, error) {
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
