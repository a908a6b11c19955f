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
		"no pass":         slotOf(0, 8, 1),
		"many passes":     slotOf(maxPasses+1, 8, 1),
		"4 TiB":           slotOf(1, 1<<32-1, 1),
		"too much memory": slotOf(1, maxMemory+1, 1),
		"too little":      slotOf(1, 31, 4),
		"no lane":         slotOf(1, 8, 0),
		"many lanes":      slotOf(1, 1<<16, maxLanes+1),
		"short":           {Passphrase, slotOf(1, 8, 1).Data[:24]},
		"long":            {Passphrase, slotOf(1, 8, 1).Data + "x"},
		"key file, more":  {KeyFile, "x"},
		"no age":          {Recipients, "x"},
		"long age":        {Recipients, "age-encryption.org/v1\n" + strings.Repeat("x", MaxBytes)},
		"unknown":         {3, ""},
	} {
		if err := s.Check(); !errors.Is(err, ErrSlot) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.Argon2id(); !errors.Is(err, ErrSlot) && !(s.Kind != Passphrase && errors.Is(err, ErrOther)) {
			t.Errorf("%s: parameters: %v", name, err)
		}
	}
	if err := (Slot{}).Check(); err != nil {
		t.Error(err)
	}
}
