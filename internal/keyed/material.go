package keyed

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"golang.org/x/crypto/chacha20"
)

// Material is the content of the keyed layers of one tile.
type Material struct {
	Channels int
	// Permutations holds, for each keyed permutation, a permutation of the
	// positions for every channel: (C, P), row after row.
	Permutations [][]int32
	// Mixes holds, for each keyed mix, an orthogonal matrix (C, C), row-major.
	Mixes [][]float32
}

// maxSize bounds channels times positions: a tile of 4096 x 4096 samples.
const maxSize = 1 << 26

// Derive expands the seed of a tile into the material of a network with the
// given number of channels, positions, permutations and mixes. Each part has a
// keystream of its own (ChaCha20, RFC 8439, the seed as key, the part as nonce).
func Derive(seed Seed, channels, positions, permutations, mixes int) (Material, error) {
	if channels < 1 || positions < 1 || channels > 1<<12 || positions > maxSize/channels {
		return Material{}, fmt.Errorf("keyed layers of %d channels and %d positions are out of range", channels, positions)
	}
	m := Material{Channels: channels}
	for i := range permutations {
		s := newStream(seed, "perm", i)
		p := make([]int32, channels*positions)
		for c := range channels {
			s.permutation(p[c*positions : (c+1)*positions])
		}
		m.Permutations = append(m.Permutations, p)
	}
	for i := range mixes {
		m.Mixes = append(m.Mixes, newStream(seed, "mix ", i).orthogonal(channels))
	}
	return m, nil
}

// Inverse is the material of the decryption generator: inverse permutations and transposed mixes.
func (m Material) Inverse() Material {
	inv := Material{Channels: m.Channels}
	n := m.Channels
	for _, p := range m.Permutations {
		q := make([]int32, len(p))
		positions := len(p) / n
		for at := 0; at < len(p); at += positions {
			row, out := p[at:at+positions], q[at:at+positions]
			for j, v := range row {
				out[v] = int32(j)
			}
		}
		inv.Permutations = append(inv.Permutations, q)
	}
	for _, x := range m.Mixes {
		t := make([]float32, len(x))
		for i := range n {
			for j := range n {
				t[j*n+i] = x[i*n+j]
			}
		}
		inv.Mixes = append(inv.Mixes, t)
	}
	return inv
}

// stream draws words from a ChaCha20 keystream.
type stream struct {
	cipher *chacha20.Cipher
	buffer [4096]byte
	used   int
}

// newStream starts the keystream whose 12-byte nonce is label and index; the labels have 4 bytes.
func newStream(seed Seed, label string, index int) *stream {
	var nonce [chacha20.NonceSize]byte
	copy(nonce[:], label)
	binary.LittleEndian.PutUint64(nonce[4:], uint64(index))
	c, err := chacha20.NewUnauthenticatedCipher(seed[:], nonce[:])
	if err != nil {
		panic(err) // only lengths can be wrong, and they are fixed above
	}
	s := &stream{cipher: c}
	s.used = len(s.buffer)
	return s
}

func (s *stream) uint32() uint32 {
	if s.used == len(s.buffer) {
		clear(s.buffer[:])
		s.cipher.XORKeyStream(s.buffer[:], s.buffer[:])
		s.used = 0
	}
	v := binary.LittleEndian.Uint32(s.buffer[s.used:])
	s.used += 4
	return v
}

// below draws a number uniform in [0, n) without modulo bias (D. Lemire, "Fast
// random integer generation in an interval", 2019).
func (s *stream) below(n uint32) uint32 {
	m := uint64(s.uint32()) * uint64(n)
	if low := uint32(m); low < n {
		for least := -n % n; low < least; low = uint32(m) {
			m = uint64(s.uint32()) * uint64(n)
		}
	}
	return uint32(m >> 32)
}

// permutation fills p with a uniform permutation (Fisher-Yates).
func (s *stream) permutation(p []int32) {
	for i := range p {
		p[i] = int32(i)
	}
	for i := len(p) - 1; i > 0; i-- {
		j := s.below(uint32(i + 1))
		p[i], p[j] = p[j], p[i]
	}
}

// orthogonal draws an orthogonal n x n matrix: the product of Householder
// reflections of shrinking dimension with random signs, which is uniform for
// normal vectors (G. W. Stewart 1980). The vectors are made of integers, a
// binomial of 64 fair bits less 32 standing for the normal; then come only
// + - * / and sqrt in float64, each product rounded by its conversion before it
// is added, so that no platform fuses.
func (s *stream) orthogonal(n int) []float32 {
	m := make([]float64, n*n)
	for i := range n {
		m[i*n+i] = 1
	}
	v := make([]float64, n)
	w := make([]float64, n)
	for k := range n - 1 {
		x := v[:n-k]
		var square float64
		for square == 0 {
			for i := range x {
				b := uint64(s.uint32())<<32 | uint64(s.uint32())
				x[i] = float64(bits.OnesCount64(b) - 32)
				square += float64(x[i] * x[i])
			}
		}
		length := math.Sqrt(square)
		sign := 1.0
		if x[0] < 0 {
			sign = -1
		}
		// |x + sign*|x|*e|^2 = 2*(|x|^2 + |x|*|x0|), so the reflection is I - vv'/half with half = |x|^2 + |x|*|x0|.
		half := square + float64(length*math.Abs(x[0]))
		x[0] += float64(sign * length)
		clear(w)
		for i, a := range x {
			row := m[(k+i)*n : (k+i+1)*n]
			for j, b := range row {
				w[j] += float64(a * b)
			}
		}
		for i, a := range x {
			f := a / half
			row := m[(k+i)*n : (k+i+1)*n]
			for j := range row {
				row[j] -= float64(f * w[j])
			}
		}
		if sign > 0 {
			row := m[k*n : (k+1)*n]
			for j := range row {
				row[j] = -row[j]
			}
		}
	}
	if s.uint32()&1 == 1 {
		row := m[(n-1)*n:]
		for j := range row {
			row[j] = -row[j]
		}
	}
	out := make([]float32, n*n)
	for i, x := range m {
		out[i] = float32(x)
	}
	return out
}
