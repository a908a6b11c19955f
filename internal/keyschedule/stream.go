package keyschedule

import "math/rand/v2"

// stream draws words from the generator that https://c2sp.org/chacha8rand
// specifies: ChaCha with 8 rounds, seeded with 32 bytes. The standard library
// computes it with vector instructions where the machine has them.
type stream struct {
	source *rand.ChaCha8
	words  [512]uint32
	used   int
}

func newStream(seed Seed) *stream {
	s := &stream{source: rand.NewChaCha8(seed)}
	s.used = len(s.words)
	return s
}

// word returns the next four bytes of the output, little-endian.
func (s *stream) word() uint32 {
	v := s.rest()[0]
	s.used++
	return v
}

// rest returns the words that follow, at least one. The caller adds the number that it takes to s.used.
func (s *stream) rest() []uint32 {
	if s.used == len(s.words) {
		for i := 0; i < len(s.words); i += 2 {
			v := s.source.Uint64()
			s.words[i], s.words[i+1] = uint32(v), uint32(v>>32)
		}
		s.used = 0
	}
	return s.words[s.used:]
}

// below returns a uniform number in [0, n) without modulo bias (D. Lemire, "Fast
// random integer generation in an interval", 2019).
func (s *stream) below(n uint32) uint32 {
	for {
		x := uint64(s.word()) * uint64(n)
		if low := uint32(x); low >= n || low >= -n%n {
			return uint32(x >> 32)
		}
	}
}
