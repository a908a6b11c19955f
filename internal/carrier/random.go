package carrier

import "math/bits"

// generator is SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014). Its seeds are public: it whitens and
// spreads, and hides nothing.
type generator uint64

// The seeds of the streams, one for each use.
const (
	seedWhitening generator = 1 + iota
	seedBlocks
	seedCodeBits
	seedMark
	seedMarkSigns
	seedFill
)

func (g *generator) next() uint64 {
	*g += 0x9e3779b97f4a7c15
	z := uint64(*g)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number from 0 to n-1.
func (g *generator) below(n int) int {
	hi, _ := bits.Mul64(g.next(), uint64(n))
	return int(hi)
}

// permutation returns the numbers from 0 to n-1 in the order of seed.
func permutation(seed generator, n int) []int32 {
	p := make([]int32, n)
	for i := range p {
		p[i] = int32(i)
	}
	for i := n - 1; i > 0; i-- {
		j := seed.below(i + 1)
		p[i], p[j] = p[j], p[i]
	}
	return p
}

// bitSource returns single bits of a generator, the lowest of each number first.
type bitSource struct {
	g    generator
	word uint64
	left int
}

func (s *bitSource) next() byte {
	if s.left == 0 {
		s.word, s.left = s.g.next(), 64
	}
	b := byte(s.word & 1)
	s.word >>= 1
	s.left--
	return b
}
