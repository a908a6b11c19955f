package network

import (
	"os"
	"runtime"
	"runtime/debug"
	"testing"

	"enciphergan/internal/keyschedule"
)

// TestTileMemory compares TileMemory with the memory that a session has allocated after it encrypted
// and decrypted a tile. They must agree within a quarter.
func TestTileMemory(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // one task at a time borrows scratch memory
	inUse := func() int64 {
		for range 3 {
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	const side = 256
	for _, name := range []string{"default", "paper-stats"} {
		f, err := ReadFiles(os.DirFS("../../models/" + name))
		if err != nil {
			t.Fatal(err)
		}
		m, err := Load(f)
		if err != nil {
			t.Fatal(err)
		}
		stated, err := m.TileMemory(side, side)
		if err != nil {
			t.Fatal(err)
		}
		before := inUse()
		s, rgb := m.NewSession(m.Arithmetic()), make([]byte, 3*side*side)
		run := func() {
			c, err := s.Encrypt(t.Context(), rgb, side, side, keyschedule.Seed{})
			if err == nil {
				_, err = s.Decrypt(t.Context(), c, keyschedule.Seed{})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		run()
		held := inUse() - before // without scratch memory
		debug.SetGCPercent(-1)
		after := inUse()
		run() // which makes it again, and garbage of some pictures
		var with runtime.MemStats
		runtime.ReadMemStats(&with)
		debug.SetGCPercent(100)
		taken := held + int64(with.HeapAlloc) - after
		t.Logf("%s: %.1f MB stated, %.1f MB taken, %.1f of it after the run", name, float64(stated)/1e6, float64(taken)/1e6, float64(held)/1e6)
		if ratio := float64(taken) / float64(stated); ratio < 0.75 || ratio > 1.25 {
			t.Errorf("%s: %d bytes stated, %d taken", name, stated, taken)
		}
		runtime.KeepAlive(s)
	}
}
