package container

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"testing"

	"enciphergan/internal/key"
	"enciphergan/internal/keyslot"
	"enciphergan/internal/record"
)

//go:embed testdata/payloads.json
var payloadFile []byte

// TestPayloadVectors checks both directions. Their records are also those that package record reads.
func TestPayloadVectors(t *testing.T) {
	var f struct {
		Vectors []struct {
			Name, Key, Nonce, Slot, Record, Payload string
			SlotKind                                int `json:"slot_kind"`
		}
	}
	if err := json.Unmarshal(payloadFile, &f); err != nil || len(f.Vectors) == 0 {
		t.Fatalf("testdata/payloads.json has %d vectors, %v", len(f.Vectors), err)
	}
	for _, v := range f.Vectors {
		k, err := key.Parse([]byte(v.Key))
		if err != nil {
			t.Fatal(err)
		}
		h := Header{Nonce: key.Nonce(unhex(t, v.Nonce)), Slot: keyslot.Slot{Kind: keyslot.Kind(v.SlotKind), Data: string(unhex(t, v.Slot))}}
		subkeys := k.Subkeys(h.Nonce)
		rec, want := unhex(t, v.Record), unhex(t, v.Payload)
		b, err := SealPayload(h, subkeys, rec)
		if err != nil || !bytes.Equal(b, want) || len(b) != PayloadOverhead(h.Slot)+len(rec) {
			t.Errorf("%s: %x, %v", v.Name, b, err)
		}
		p, err := ParsePayload(want)
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		h.Commitment = subkeys.Commitment
		if p.Header != h {
			t.Errorf("%s: header %v", v.Name, p.Header)
		}
		got, err := p.Open(subkeys)
		if err != nil || !bytes.Equal(got, rec) {
			t.Errorf("%s: %x, %v", v.Name, got, err)
		}
		r, err := record.DecodeFilled(got)
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		if again, err := r.Fill(len(rec)); err != nil || !bytes.Equal(again, rec) {
			t.Errorf("%s: the record is written as %x, %v", v.Name, again, err)
		}
	}
}

// TestPayloadChanges changes every byte of a payload in turn.
func TestPayloadChanges(t *testing.T) {
	k := key.FromSecret([32]byte{1})
	h := Header{Nonce: key.Nonce{2}, Slot: keyslot.Argon2id{Passes: 1, Memory: 64, Lanes: 1}.Slot()}
	b, err := SealPayload(h, k.Subkeys(h.Nonce), []byte("a record"))
	if err != nil {
		t.Fatal(err)
	}
	open := func(b []byte) ([]byte, error) {
		p, err := ParsePayload(b)
		if err != nil {
			return nil, err
		}
		return p.Open(k.Subkeys(p.Header.Nonce))
	}
	if got, err := open(b); err != nil || string(got) != "a record" {
		t.Fatal(err)
	}
	for i := range b {
		want := ErrChanged
		switch {
		case i < 8:
			want = ErrNotCipher
		case i < 11:
			want = ErrVersion
		case i >= 12 && i < 68:
			want = ErrWrongKey
		}
		changed := bytes.Clone(b)
		changed[i] ^= 1 << 5
		if i == 11 { // a kind that is unknown, and one that has other data
			want = ErrVersion
			other := bytes.Clone(b)
			other[i] = byte(keyslot.Recipients)
			if got, err := open(other); !errors.Is(err, ErrChanged) || got != nil {
				t.Errorf("another slot: %v", err)
			}
		}
		if got, err := open(changed); !errors.Is(err, want) || got != nil {
			t.Errorf("byte %d: %v, want %v", i, err, want)
		}
		if got, err := open(b[:i]); err == nil || got != nil || i >= 12 && !errors.Is(err, ErrChanged) {
			t.Errorf("%d bytes: %v", i, err)
		}
	}
	if got, err := open(append(bytes.Clone(b), 0)); !errors.Is(err, ErrChanged) || got != nil {
		t.Errorf("one byte more: %v", err)
	}
	if p, err := SealPayload(Header{Slot: keyslot.Slot{Kind: 9}}, k.Subkeys(h.Nonce), nil); err == nil || p != nil {
		t.Error("a slot of an unknown kind is sealed")
	}
}

// TestPayloadIsNoCipherImage checks that neither of a payload and a cipher image opens as the other, not even with
// the same key, nonce and ciphertext.
func TestPayloadIsNoCipherImage(t *testing.T) {
	for _, v := range vectors(t) {
		h, subkeys, _, _ := v.parts(t)
		sealed, err := Parse(v.seal(t), roomy)
		if err != nil {
			t.Fatal(err)
		}
		chunk := append(bytes.Clone(sealed.ad), sealed.tail...)
		if p, err := ParsePayload(chunk); !errors.Is(err, ErrNotCipher) || p != nil {
			t.Errorf("%s: a chunk is a payload: %v", v.Name, err)
		}
		levels, err := sealed.pixels()
		if err != nil {
			t.Fatal(err)
		}
		payload, err := SealPayload(h, subkeys, nil)
		if err != nil {
			t.Fatal(err)
		}
		forged := append(payload[:PayloadOverhead(h.Slot)-16:PayloadOverhead(h.Slot)-16], append(levels, sealed.tail...)...)
		p, err := ParsePayload(forged)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := p.Open(subkeys); !errors.Is(err, ErrChanged) || b != nil {
			t.Errorf("%s: the ciphertext of a cipher image opens as a payload: %v", v.Name, err)
		}
		if _, _, err := decodeHeader(payload); !errors.Is(err, ErrNotCipher) {
			t.Errorf("%s: a payload is a chunk: %v", v.Name, err)
		}
	}
}

func FuzzParsePayload(f *testing.F) {
	k := key.FromSecret([32]byte{1})
	for _, s := range []keyslot.Slot{{}, keyslot.Argon2id{Passes: 1, Memory: 64, Lanes: 1}.Slot(), {Kind: keyslot.Recipients, Data: "age-encryption.org/v1\n"}} {
		b, err := SealPayload(Header{Slot: s}, k.Subkeys(key.Nonce{}), []byte("a record"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePayload(b)
		if err != nil {
			if !errors.Is(err, ErrNotCipher) && !errors.Is(err, ErrVersion) && !errors.Is(err, ErrChanged) {
				t.Errorf("error of no class: %v", err)
			}
			return
		}
		if err := p.Header.Slot.Check(); err != nil || len(p.ad)+len(p.text) != len(b) {
			t.Errorf("slot %v, %d and %d of %d bytes", err, len(p.ad), len(p.text), len(b))
		}
		if _, err := p.Open(k.Subkeys(p.Header.Nonce)); err != nil && !errors.Is(err, ErrWrongKey) && !errors.Is(err, ErrChanged) {
			t.Errorf("error of no class: %v", err)
		}
	})
}
