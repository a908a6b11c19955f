package lock

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"filippo.io/age"

	"enciphergan/internal/key"
	"enciphergan/internal/keyslot"
)

// slotOf is a passphrase's slot with the salt 0, 1, 2, …
func slotOf(passes, memory uint32, lanes byte) keyslot.Slot {
	a := keyslot.Argon2id{Passes: passes, Memory: memory, Lanes: lanes}
	for i := range a.Salt {
		a.Salt[i] = byte(i)
	}
	return a.Slot()
}

func phrase(t testing.TB, text string) *Passphrase {
	p, err := NewPassphrase(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPhraseVectors(t *testing.T) {
	// From OpenSSL's Argon2id, for the passphrase in normal form C.
	for want, s := range map[string]keyslot.Slot{
		"8c6d0103bfa64007ba692953417e5bd51c84cdf70a5ac58c2392924465c8e8c7": slotOf(newPasses, newMemory, newLanes),
		"a5a955570bb89b4bbc3e04eb50cb4e884f1e4b3bbfed35474660c908f3bad3a6": slotOf(1, 8, 1),
	} {
		for form, text := range map[string]string{"C": "Gr\u00fc\u00dfe aus K\u00f6ln", "D": "Gru\u0308\u00dfe aus Ko\u0308ln", "with a line end": "Gr\u00fc\u00dfe aus K\u00f6ln\r\n"} {
			k, err := phrase(t, text).Unwrap(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%x", k.Secret()); got != want {
				t.Errorf("form %s: %s, want %s", form, got, want)
			}
		}
	}
	if s := slotOf(3, 65536, 4); s.Data != "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x00\x00\x00\x03\x00\x01\x00\x00\x04" || s.Kind != 1 {
		t.Errorf("the slot is %x", s.Data)
	}
}

func TestPhrase(t *testing.T) {
	p := phrase(t, "a phrase")
	var keys [3]key.Key
	var slots [3]keyslot.Slot
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], slots[i], err = p.Wrap(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if keys[0] != keys[1] || keys[1] != keys[2] || slots[0] != slots[1] || slots[1] != slots[2] || len(p.keys) != 1 {
		t.Errorf("a batch has %d keys", len(p.keys))
	}
	if slots[0].Check() != nil || slots[0].Data[16:] != slotOf(newPasses, newMemory, newLanes).Data[16:] {
		t.Errorf("slot %+v", slots[0])
	}
	cheap := slotOf(1, 8, 1)
	right, err := phrase(t, "a phrase").Unwrap(t.Context(), cheap)
	if err != nil {
		t.Fatal(err)
	}
	if wrong, err := phrase(t, "a Phrase").Unwrap(t.Context(), cheap); err != nil || wrong == right {
		t.Errorf("another passphrase: %v", err)
	}
	for _, s := range []keyslot.Slot{{}, {Kind: keyslot.Recipients, Data: "age-encryption.org/v1\n"}} {
		if _, err := p.Unwrap(t.Context(), s); !errors.Is(err, keyslot.ErrIncorrectIdentity) {
			t.Errorf("slot of kind %d: %v", s.Kind, err)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v %s %q", p, p, p, p, p); strings.Contains(text, "phrase\"") || strings.Contains(text, "a phrase") {
		t.Errorf("printing tells the passphrase: %s", text)
	}
	for name, text := range map[string]string{"empty": "", "a line end": "\n", "a byte order mark": "\ufeff", "a mark and a line end": "\ufeff\r\n",
		"long": strings.Repeat("x", MaxPassphraseBytes+1), "no UTF-8": "\xff", "UTF-16": "\xff\xfea\x00",
		"two lines": "one\ntwo", "two lines of Windows": "one\r\ntwo\r\n", "two lines of old Macs": "one\rtwo", "an empty line before": "\none", "a mark and two lines": "\ufeffone\ntwo"} {
		if _, err := NewPassphrase(text); !errors.Is(err, ErrPassphrase) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What an editor puts around a passphrase is no part of it; what was locked with a byte
// order mark before it is opened all the same.
func TestPhraseOfFile(t *testing.T) {
	cheap := slotOf(1, 8, 1)
	open := func(p *Passphrase) key.Key {
		k, err := p.Unwrap(t.Context(), cheap)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	plain := phrase(t, "a phrase")
	if plain.Marked() != nil {
		t.Error("a passphrase without a byte order mark has one")
	}
	// A second mark belongs to the passphrase: this is what earlier versions made of one.
	old := phrase(t, "\ufeff\ufeffa phrase")
	for name, text := range map[string]string{"mark": "\ufeffa phrase", "mark and line end": "\ufeffa phrase\r\n"} {
		p := phrase(t, text)
		if open(p) != open(plain) || open(p) == open(old) {
			t.Errorf("%s: not the passphrase alone", name)
		}
		if p.Marked() == nil || open(p.Marked()) != open(old) {
			t.Errorf("%s: with the mark, not what earlier versions took", name)
		}
		sealed, err := old.Seal([]byte("data"))
		if err != nil {
			t.Fatal(err)
		}
		if data, err := p.Unseal(sealed, 10); err != nil || string(data) != "data" {
			t.Errorf("%s: sealed by an earlier version: %v", name, err)
		}
		if _, err := plain.Unseal(sealed, 10); !errors.Is(err, keyslot.ErrIncorrectIdentity) {
			t.Errorf("%s: without the mark: %v", name, err)
		}
	}
	if long := phrase(t, "\ufeff"+strings.Repeat("x", MaxPassphraseBytes)); long.Marked() != nil {
		t.Error("a passphrase that was too long with its mark has another form")
	}
}

// A canceled Open returns while Argon2id runs on, and the next run waits for the end of that one.
func TestOpenIsCanceled(t *testing.T) {
	usual := idKey
	defer func() { idKey = usual }()
	begun, hold := make(chan struct{}, 2), make(chan struct{})
	var running, most atomic.Int32
	idKey = func(password, salt []byte, passes, memory uint32, lanes uint8, n uint32) []byte {
		most.Store(max(most.Load(), running.Add(1)))
		defer running.Add(-1)
		begun <- struct{}{}
		<-hold
		return usual(password, salt, passes, memory, lanes, n)
	}
	p, s := phrase(t, "a phrase"), slotOf(1, 8, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := p.Unwrap(ctx, s)
		ended <- err
	}()
	<-begun
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("canceled in the middle: %v", err)
	}
	if _, err := phrase(t, "another").Unwrap(ctx, s); !errors.Is(err, context.Canceled) { // it waits for the run that goes on
		t.Errorf("canceled before it began: %v", err)
	}
	var keys [2]key.Key
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], err = p.Unwrap(t.Context(), s); err != nil {
				t.Error(err)
			}
		})
	}
	close(hold)
	wg.Wait()
	idKey = usual
	if k, err := phrase(t, "a phrase").Unwrap(t.Context(), s); err != nil || keys != [2]key.Key{k, k} {
		t.Errorf("the run that was given up gave another key: %v", err)
	}
	if most.Load() != 1 || len(begun) != 0 {
		t.Errorf("%d runs at once, and %d more than one in all", most.Load(), len(begun))
	}
}

func TestRecipients(t *testing.T) {
	one, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	two, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	open := func(s keyslot.Slot, identity fmt.Stringer) (key.Key, error) {
		i, err := ParseIdentities("# created: today\n" + identity.String() + "\n")
		if err != nil {
			t.Fatal(err)
		}
		if text := fmt.Sprintf("%v %+v %#v %s", i, i, i, i); strings.Contains(text, "SECRET") {
			t.Errorf("printing tells the identity: %s", text)
		}
		return i.Unwrap(t.Context(), s)
	}
	for name, c := range map[string]struct {
		to     string
		owner  fmt.Stringer
		others []fmt.Stringer
	}{
		"X25519": {one.Recipient().String(), one, []fmt.Stringer{two, hybrid}},
		"two":    {one.Recipient().String() + "\n" + two.Recipient().String(), two, []fmt.Stringer{hybrid}},
		"hybrid": {hybrid.Recipient().String(), hybrid, []fmt.Stringer{one}},
	} {
		to, err := ParseRecipients(c.to)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		k, s, err := to.Wrap(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		t.Logf("%s: a slot of %d bytes", name, len(s.Data))
		if again, _, err := to.Wrap(t.Context()); err != nil || again == k {
			t.Errorf("%s: a second key is the same: %v", name, err)
		}
		if got, err := open(s, c.owner); err != nil || got != k {
			t.Errorf("%s: %v", name, err)
		}
		for _, other := range c.others {
			if got, err := open(s, other); !errors.Is(err, keyslot.ErrIncorrectIdentity) || got != (key.Key{}) {
				t.Errorf("%s, for another: %v", name, err)
			}
		}
		for _, damaged := range []keyslot.Slot{{Kind: keyslot.Recipients, Data: s.Data[:len(s.Data)-1]}, {Kind: keyslot.Recipients, Data: s.Data + "x"}, {Kind: keyslot.Recipients, Data: s.Data[:40]}} {
			if _, err := open(damaged, c.owner); !errors.Is(err, keyslot.ErrSlot) {
				t.Errorf("%s, damaged: %v", name, err)
			}
		}
		if _, err := open(keyslot.Slot{}, c.owner); !errors.Is(err, keyslot.ErrIncorrectIdentity) {
			t.Errorf("%s, of a key file: %v", name, err)
		}
	}

	// What another program may have put there.
	for name, secret := range map[string][]byte{"short": make([]byte, 31), "long": make([]byte, 33)} {
		var b bytes.Buffer
		w, err := age.Encrypt(&b, one.Recipient())
		if err != nil {
			t.Fatal(err)
		}
		w.Write(secret)
		w.Close()
		if _, err := open(keyslot.Slot{Kind: keyslot.Recipients, Data: b.String()}, one); !errors.Is(err, keyslot.ErrSlot) {
			t.Errorf("a key that is too %s: %v", name, err)
		}
	}
	for name, text := range map[string]string{"byte order mark": "\ufeff%s", "mark and comment": "\ufeff# created: today\n%s\n", "CRLF": "# created\r\n\r\n%s\r\n", "blanks": " \t\n# c\n  %s \t\n \n", "no line end": "%s"} {
		if _, err := ParseIdentities(fmt.Sprintf(text, one)); err != nil {
			t.Errorf("identities with %s: %v", name, err)
		}
		if _, err := ParseRecipients(fmt.Sprintf(text, one.Recipient())); err != nil {
			t.Errorf("recipients with %s: %v", name, err)
		}
	}
	if _, err := ParseRecipients(one.Recipient().String() + "x"); !errors.Is(err, ErrAge) {
		t.Errorf("a recipient with a typo: %v", err)
	}
	if _, err := ParseIdentities(one.String()[:40]); !errors.Is(err, ErrAge) || strings.Contains(err.Error(), one.String()[20:40]) {
		t.Errorf("an identity with a typo: %v", err)
	}
	many, err := ParseRecipients(strings.Repeat(one.Recipient().String()+"\n", 1000))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := many.Wrap(t.Context()); !errors.Is(err, ErrAge) || !strings.Contains(err.Error(), "1000 recipients") {
		t.Errorf("1000 recipients: %v", err)
	}
}

func FuzzSlot(f *testing.F) {
	one, err := age.GenerateX25519Identity()
	if err != nil {
		f.Fatal(err)
	}
	to, err := ParseRecipients(one.Recipient().String())
	if err != nil {
		f.Fatal(err)
	}
	_, s, err := to.Wrap(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	identities, err := ParseIdentities(one.String())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(byte(s.Kind), s.Data)
	f.Add(byte(keyslot.Passphrase), slotOf(1, 8, 1).Data)
	f.Add(byte(keyslot.KeyFile), "")
	f.Fuzz(func(t *testing.T, kind byte, data string) {
		s := keyslot.Slot{Kind: keyslot.Kind(kind), Data: data}
		if err := s.Check(); err != nil && !errors.Is(err, keyslot.ErrSlot) {
			t.Errorf("error of no class: %v", err)
		}
		if _, err := identities.Unwrap(t.Context(), s); err != nil && !errors.Is(err, keyslot.ErrSlot) && !errors.Is(err, keyslot.ErrIncorrectIdentity) {
			t.Errorf("error of no class: %v", err)
		}
		if len(data) == 25 && binary.BigEndian.Uint32([]byte(data[20:])) > 64 {
			return // within bounds, but too slow to fuzz
		}
		if _, err := phrase(t, "x").Unwrap(t.Context(), s); err != nil && !errors.Is(err, keyslot.ErrSlot) && !errors.Is(err, keyslot.ErrIncorrectIdentity) {
			t.Errorf("error of no class: %v", err)
		}
	})
}

func TestSeal(t *testing.T) {
	data := bytes.Repeat([]byte("data"), 1000)
	one, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	to, err := ParseRecipients(one.Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	identities, err := ParseIdentities(one.String())
	if err != nil {
		t.Fatal(err)
	}
	type sealer interface{ Seal([]byte) ([]byte, error) }
	type opener interface {
		Unseal([]byte, int64) ([]byte, error)
	}
	right, wrong := phrase(t, "right"), phrase(t, "wrong")
	for name, c := range map[string]struct {
		seal       sealer
		open, deny opener
	}{"recipient": {to, identities, right}, "passphrase": {right, right, wrong}, "passphrase, not identity": {right, right, identities}} {
		file, err := c.seal.Seal(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := c.open.Unseal(file, int64(len(data))); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := c.open.Unseal(file, int64(len(data)-1)); !errors.Is(err, ErrAge) || got != nil {
			t.Errorf("%s, over the bound: %v", name, err)
		}
		if got, err := c.deny.Unseal(file, int64(len(data))); !errors.Is(err, keyslot.ErrIncorrectIdentity) || got != nil {
			t.Errorf("%s, with another: %v", name, err)
		}
		if got, err := c.open.Unseal(file[:len(file)-1], int64(len(data))); !errors.Is(err, ErrAge) || got != nil {
			t.Errorf("%s, cut: %v", name, err)
		}
		if got, err := c.open.Unseal([]byte("hello"), 10); !errors.Is(err, ErrAge) || got != nil {
			t.Errorf("%s, no age file: %v", name, err)
		}
	}
	heavy := []byte("age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 30\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n")
	if _, err := right.Unseal(heavy, 10); !errors.Is(err, ErrAge) || !strings.Contains(err.Error(), "work factor") {
		t.Errorf("a work factor of 2^30: %v", err)
	}
}

// How long a passphrase takes to open a sealed model or key file.
func BenchmarkUnseal(b *testing.B) {
	p := phrase(b, "a passphrase")
	sealed, err := p.Seal([]byte("a model"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := p.Unseal(sealed, 100); err != nil {
			b.Fatal(err)
		}
	}
}
