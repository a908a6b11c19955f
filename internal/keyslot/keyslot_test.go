package keyslot

import (
	"errors"
	"strings"
	"testing"
)

func slotOf(passes, memory uint32, lanes byte) Slot {
	return Argon2id{Passes: passes, Memory: memory, Lanes: lanes}.Slot()
}

// TestSlotsAreBounded asks for more than a header may.
func TestSlotsAreBounded(t *testing.T) {
	for name, s := range map[string]Slot{
		"no pass":            slotOf(0, 8, 1),
		"many passes":        slotOf(9, 8, 1),
		"4 TiB":              slotOf(1, 1<<32-1, 1),
		"too much memory":    slotOf(1, 128<<10+1, 1),
		"too much work":      slotOf(8, 64<<10+1, 1),
		"256 MiB, 16 passes": slotOf(16, 256<<10, 4),
		"too little":         slotOf(1, 31, 4),
		"no lane":            slotOf(1, 8, 0),
		"many lanes":         slotOf(1, 1<<16, 9),
		"short":              {Passphrase, slotOf(1, 8, 1).Data[:24]},
		"long":               {Passphrase, slotOf(1, 8, 1).Data + "x"},
		"key file, more":     {KeyFile, "x"},
		"no age":             {Recipients, "x"},
		"long age":           {Recipients, "age-encryption.org/v1\n" + strings.Repeat("x", MaxBytes)},
		"unknown":            {3, ""},
	} {
		if err := s.Check(); !errors.Is(err, ErrSlot) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.Argon2id(); !errors.Is(err, ErrSlot) && !(s.Kind != Passphrase && errors.Is(err, ErrIncorrectIdentity)) {
			t.Errorf("%s: parameters: %v", name, err)
		}
	}
	for name, s := range map[string]Slot{"key file": {}, "of a writer": slotOf(3, 64<<10, 4), "most passes": slotOf(8, 64<<10, 8), "most memory": slotOf(4, 128<<10, 1), "least": slotOf(1, 8, 1)} {
		if err := s.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
