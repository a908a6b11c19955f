package container

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"enciphergan/internal/key"
	"enciphergan/internal/keyslot"
)

const (
	// payloadMagic is another one than that of the header in a PNG. As the header is
	// authenticated, a payload and a cipher image never open as each other.
	payloadMagic = "ENCMSNGR"

	// payloadHeaderSize excludes the data of the key slot.
	payloadHeaderSize = len(payloadMagic) + 2 + 1 + 1 + key.NonceSize + 32 + 2
)

// PayloadOverhead returns the bytes of a payload that are not of its record.
func PayloadOverhead(s keyslot.Slot) int {
	return payloadHeaderSize + len(s.Data) + chacha20poly1305.Overhead
}

// SealPayload returns the payload of a cipher image for messengers, PayloadOverhead longer than
// the record. Of the header it uses Nonce, which must be fresh, and Slot; subkeys are derived
// with that nonce.
func SealPayload(h Header, subkeys key.Subkeys, record []byte) ([]byte, error) {
	if err := h.Slot.Check(); err != nil {
		return nil, fmt.Errorf("cannot seal: %w", err)
	}
	aead, err := chacha20poly1305.NewX(subkeys.AEAD[:])
	if err != nil {
		return nil, fmt.Errorf("cannot seal: %w", err)
	}
	b := make([]byte, 0, PayloadOverhead(h.Slot)+len(record))
	b = append(b, payloadMagic...)
	b = binary.BigEndian.AppendUint16(b, version)
	b = append(b, 0, byte(h.Slot.Kind)) // no flags
	b = append(b, h.Nonce[:]...)
	b = append(b, subkeys.Commitment[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(h.Slot.Data)))
	b = append(b, h.Slot.Data...)
	return aead.Seal(b, h.Nonce[:], record, b), nil
}

// SealedPayload is a payload whose structure was checked, not decrypted yet.
type SealedPayload struct {
	Header Header // only Nonce, Commitment and Slot
	ad     []byte // the encoded header
	text   []byte // the ciphertext with the tag
}

// ParsePayload checks the structure of a payload and reads its header. It needs no key. Errors
// wrap ErrNotCipher, ErrVersion or ErrChanged.
func ParsePayload(b []byte) (*SealedPayload, error) {
	if len(b) < len(payloadMagic)+4 || string(b[:len(payloadMagic)]) != payloadMagic {
		return nil, fmt.Errorf("%w: it carries something else", ErrNotCipher)
	}
	f, err := fieldsOf(b[len(payloadMagic):], 0, payloadHeaderSize-len(payloadMagic))
	if err != nil {
		return nil, err
	}
	p := new(SealedPayload)
	if err := f.key(&p.Header); err != nil {
		return nil, err
	}
	if err := p.Header.Slot.Check(); err != nil {
		return nil, fmt.Errorf("%w: its header declares %w", ErrChanged, err)
	}
	n := len(b) - len(f.b)
	if len(f.b) < chacha20poly1305.Overhead {
		return nil, fmt.Errorf("%w: it is cut short", ErrChanged)
	}
	p.ad, p.text = b[:n:n], f.b
	return p, nil
}

// Open decrypts and authenticates the record. Errors wrap ErrWrongKey or ErrChanged.
func (p *SealedPayload) Open(subkeys key.Subkeys) ([]byte, error) {
	if !p.Header.IsFor(subkeys) {
		return nil, ErrWrongKey
	}
	aead, err := chacha20poly1305.NewX(subkeys.AEAD[:])
	if err != nil {
		return nil, fmt.Errorf("cannot open: %w", err)
	}
	record, err := aead.Open(nil, p.Header.Nonce[:], p.text, p.ad)
	if err != nil {
		return nil, fmt.Errorf("%w: its authentication tag is wrong", ErrChanged)
	}
	return record, nil
}
