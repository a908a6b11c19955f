package keyschedule

import "testing"

// BenchmarkDerive derives the material of a tile of 256 x 256 pixels of the default network.
func BenchmarkDerive(b *testing.B) {
	m, err := New(48, 4096, 2, 2)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		m.Derive(Seed{1})
	}
}
func BenchmarkMix(b *testing.B) {
	m, err := New(48, 4096, 0, 2)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		m.Derive(Seed{1})
	}
}

// BenchmarkInvert inverts the material of such a tile.
func BenchmarkInvert(b *testing.B) {
	m, err := New(48, 4096, 2, 2)
	if err != nil {
		b.Fatal(err)
	}
	m.Derive(Seed{1})
	inverse, _ := New(48, 4096, 2, 2)
	for b.Loop() {
		inverse.Invert(m)
	}
}
