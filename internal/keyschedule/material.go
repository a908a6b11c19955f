package keyschedule

import (
	"fmt"
	"math"
	"math/bits"
)

// Material is the content of the keyed layers of one tile.
type Material struct {
	// Permutations holds, for each keyed permutation, a permutation of the
	// positions for every channel: (C, P), row after row.
	Permutations [][]int32
	// Mixes holds, for each keyed mix, an orthogonal matrix (C, C), row-major.
	Mixes [][]float32

	channels, positions int
	// Scratch memory of orthogonal: a row-major (C, C) matrix and two vectors of length C.
	product, reflection, projection []float64
}

// maxSize bounds channels times positions: a tile of 4096 x 4096 samples.
const maxSize = 1 << 26

// New allocates material for the given number of channels, positions,
// permutations and mixes. Derive or Invert fills it.
func New(channels, positions, permutations, mixes int) (*Material, error) {
	if channels < 1 || positions < 1 || channels > 1<<12 || positions > maxSize/channels {
		return nil, fmt.Errorf("keyed layers of %d channels and %d positions are out of range", channels, positions)
	}
	m := &Material{channels: channels, positions: positions, reflection: make([]float64, channels),
		projection: make([]float64, channels), product: make([]float64, channels*channels)}
	for range permutations {
		m.Permutations = append(m.Permutations, make([]int32, channels*positions))
	}
	for range mixes {
		m.Mixes = append(m.Mixes, make([]float32, channels*channels))
	}
	return m, nil
}

// Derive expands the seed of a tile into m: first every permutation, channel by
// channel, then every mix, all from one stream of words.
func (m *Material) Derive(seed Seed) {
	s := newStream(seed)
	for _, p := range m.Permutations {
		for row := range rows(p, m.positions) {
			s.permutation(row)
		}
	}
	for _, x := range m.Mixes {
		m.orthogonal(s, x)
	}
}

// Invert fills m with the material of the decryption generator: the inverse
// permutations and the transposed mixes of x. Both must come from New with the
// same arguments.
func (m *Material) Invert(x *Material) {
	for i, p := range x.Permutations {
		at := 0
		for row := range rows(p, x.positions) {
			inverse := m.Permutations[i][at : at+len(row)]
			for j, v := range row {
				inverse[v] = int32(j)
			}
			at += len(row)
		}
	}
	n := x.channels
	for k, mix := range x.Mixes {
		for i := range n {
			for j := range n {
				m.Mixes[k][j*n+i] = mix[i*n+j]
			}
		}
	}
}

// rows yields the rows of a matrix of the given width.
func rows(matrix []int32, width int) func(yield func([]int32) bool) {
	return func(yield func([]int32) bool) {
		for ; len(matrix) > 0 && yield(matrix[:width]); matrix = matrix[width:] {
		}
	}
}

// maxPair is the largest bound at which one word decides two draws. Up to it,
// a word is rejected with a probability below 1/16.
const maxPair = 1 << 14

// permutation fills p with a uniform permutation: the Fisher-Yates shuffle in the
// form that builds the result as it goes (Knuth, The Art of Computer Programming,
// volume 2, 3.4.2, algorithm P, "inside out"). A word decides the next two places
// as long as both bounds are at most maxPair (N. Brackett-Rozinsky, D. Lemire,
// "Batched ranged random integer generation", 2024).
func (s *stream) permutation(p []int32) {
	i := len(p) % 2
	if i == 1 {
		p[0] = 0
	}
	for end := min(len(p), maxPair); i < end; {
		words := s.rest()
		used := 0
		for ; used < len(words) && i < end; used++ {
			n := uint32(i + 1)
			x := uint64(words[used]) * uint64(n)
			y := uint64(uint32(x)) * uint64(n+1)
			if low, both := uint32(y), n*(n+1); low < both && low < -both%both {
				continue
			}
			q := p[:i+2]
			a, b := x>>32, y>>32
			q[i] = q[a]
			q[a] = int32(i)
			q[i+1] = q[b]
			q[b] = int32(i + 1)
			i += 2
		}
		s.used += used
	}
	for ; i < len(p); i++ {
		j := s.below(uint32(i + 1))
		p[i] = p[j]
		p[j] = int32(i)
	}
}

// orthogonal fills q with an orthogonal n x n matrix: the product of Householder
// reflections of growing dimension with random signs, which is uniform for normal
// vectors (G. W. Stewart, "The efficient generation of random orthogonal matrices
// with an application to condition estimators", 1980). The entries of the vectors
// are integers, the count of one bits in 64 random bits minus 32, which approximates
// a normal. The rest is + - * / and sqrt in float64. A conversion rounds each product
// before it is added, so that no platform fuses the two.
func (m *Material) orthogonal(s *stream, q []float32) {
	n := m.channels
	a := m.product
	clear(a)
	for i := range n {
		a[i*n+i] = 1
	}
	if s.word()&1 == 1 {
		a[n*n-1] = -1
	}
	// Rows and columns before k are still the identity's.
	for k := n - 2; k >= 0; k-- {
		v := m.reflection[k:n]
		var square float64
		for square == 0 {
			square = 0
			for i := range v {
				low := s.word()
				b := uint64(s.word())<<32 | uint64(low)
				v[i] = float64(bits.OnesCount64(b) - 32)
				square += float64(v[i] * v[i])
			}
		}
		length := math.Sqrt(square)
		sign := 1.0
		if v[0] < 0 {
			sign = -1
		}
		// |v + sign*|v|*e|^2 = 2*(|v|^2 + |v|*|v0|), so the reflection is I - vv'/half with half = |v|^2 + |v|*|v0|.
		half := square + float64(length*math.Abs(v[0]))
		v[0] += float64(sign * length)
		w := m.projection[k:n]
		clear(w)
		for i, x := range v {
			row := a[(k+i)*n+k:][:len(w)]
			for j, y := range row {
				w[j] += float64(x * y)
			}
		}
		for i, x := range v {
			f := x / half
			row := a[(k+i)*n+k:][:len(w)]
			for j := range row {
				row[j] -= float64(f * w[j])
			}
		}
		if sign > 0 { // the reflection maps v to -|v|e
			row := a[k*n+k:][:len(w)]
			for j := range row {
				row[j] = -row[j]
			}
		}
	}
	for i, x := range a {
		q[i] = float32(x)
	}
}
