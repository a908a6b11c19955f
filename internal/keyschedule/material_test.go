package keyschedule

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"testing"
)

// digest hashes material in little-endian order: permutations, then the bits of the mixes.
func digest(t *testing.T, m *Material) string {
	t.Helper()
	h := sha256.New()
	for _, p := range m.Permutations {
		if err := binary.Write(h, binary.LittleEndian, p); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range m.Mixes {
		for _, v := range x {
			var b [4]byte
			binary.LittleEndian.PutUint32(b[:], math.Float32bits(v))
			h.Write(b[:])
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func derive(t *testing.T, seed Seed, channels, positions, permutations, mixes int) *Material {
	t.Helper()
	m, err := New(channels, positions, permutations, mixes)
	if err != nil {
		t.Fatal(err)
	}
	m.Derive(seed)
	return m
}

// TestStream compares the words with the test vector of the generator's specification.
func TestStream(t *testing.T) {
	s := newStream(Seed([]byte("ABCDEFGHIJKLMNOPQRSTUVWXYZ123456")))
	for i, want := range []uint32{0x3d4616a5, 0xb773b606, 0xa66abc3c, 0x1160af22} {
		if got := s.word(); got != want {
			t.Errorf("word %d is %08x, want %08x", i, got, want)
		}
	}
}

// TestVectors fixes the bits that every platform must derive; the same file is
// read when the tests run under js/wasm.
func TestVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Seed                                     string
		Channels, Positions, Permutations, Mixes int
		FirstPermutation                         []int32
		FirstMix                                 []string
		Digest                                   string
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) == 0 {
		t.Fatal("testdata/vectors.json holds no vectors")
	}
	for _, v := range vectors {
		var seed Seed
		if b, err := hex.DecodeString(v.Seed); err != nil || copy(seed[:], b) != 32 {
			t.Fatalf("seed %q: %v", v.Seed, err)
		}
		m := derive(t, seed, v.Channels, v.Positions, v.Permutations, v.Mixes)
		if d := digest(t, m); d != v.Digest {
			t.Errorf("seed %s, %d channels, %d positions: digest %s, want %s; permutation begins %v, mix begins %08x %08x",
				v.Seed, v.Channels, v.Positions, d, v.Digest, m.Permutations[0][:4], math.Float32bits(m.Mixes[0][0]), math.Float32bits(m.Mixes[0][1]))
		}
		for i, want := range v.FirstPermutation {
			if got := m.Permutations[0][i]; got != want {
				t.Errorf("permutation[%d] = %d, want %d", i, got, want)
			}
		}
		for i, want := range v.FirstMix {
			var b [4]byte
			binary.BigEndian.PutUint32(b[:], math.Float32bits(m.Mixes[0][i]))
			if got := hex.EncodeToString(b[:]); got != want {
				t.Errorf("mix[%d] = %s, want %s", i, got, want)
			}
		}
	}
}

func TestMaterialIsInvertible(t *testing.T) {
	m := derive(t, Seed{1, 2, 3}, 48, 77, 2, 2)
	inv := derive(t, Seed{4}, 48, 77, 2, 2) // already used for another tile
	inv.Invert(m)
	for k, p := range m.Permutations {
		for c := range 48 {
			row, back := p[c*77:(c+1)*77], inv.Permutations[k][c*77:(c+1)*77]
			for j, v := range row {
				if v < 0 || v >= 77 || back[v] != int32(j) {
					t.Fatalf("permutation %d, channel %d is not one, or its inverse is wrong, at %d", k, c, j)
				}
			}
		}
	}
	for k, x := range m.Mixes {
		for i := range 48 {
			for j := range 48 {
				var dot float64
				for l := range 48 {
					dot += float64(x[i*48+l]) * float64(x[j*48+l])
				}
				want := 0.0
				if i == j {
					want = 1
				}
				if math.Abs(dot-want) > 1e-6 {
					t.Fatalf("mix %d: rows %d and %d have product %g, want %g", k, i, j, dot, want)
				}
				if inv.Mixes[k][j*48+i] != x[i*48+j] {
					t.Fatalf("mix %d: the inverse is not the transpose", k)
				}
			}
		}
	}
}

// TestPermutationsAreUniform counts all permutations of 4 and of 5 positions, an even
// and an odd number; the chi-square of 23 degrees of freedom exceeds 49.7 with
// probability .001, that of 119 exceeds 172.
func TestPermutationsAreUniform(t *testing.T) {
	for _, c := range []struct {
		positions, permutations int
		bound                   float64
	}{{4, 24, 49.7}, {5, 120, 172}} {
		const draws = 120000
		counts := map[[5]int32]int{}
		for i := range draws / 1000 {
			m := derive(t, Seed{byte(i), byte(i >> 8), 7}, 1000, c.positions, 1, 0)
			for row := range rows(m.Permutations[0], c.positions) {
				var p [5]int32
				copy(p[:], row)
				counts[p]++
			}
		}
		if len(counts) != c.permutations {
			t.Fatalf("%d of %d permutations occur", len(counts), c.permutations)
		}
		var chi float64
		for _, n := range counts {
			want := float64(draws) / float64(c.permutations)
			d := float64(n) - want
			chi += d * d / want
		}
		t.Logf("%d positions: chi-square %.1f with %d degrees of freedom", c.positions, chi, c.permutations-1)
		if chi > c.bound {
			t.Errorf("%d positions: chi-square %.1f: the permutations are not uniform", c.positions, chi)
		}
	}
}

// TestLargePermutation counts moves between quarters of a permutation that is so long
// that its last bounds take one word each.
func TestLargePermutation(t *testing.T) {
	const positions = 2*maxPair + 1
	m := derive(t, Seed{9}, 4, positions, 1, 0)
	var counts [4][4]float64
	for row := range rows(m.Permutations[0], positions) {
		seen := make([]bool, positions)
		for i, v := range row {
			if seen[v] {
				t.Fatalf("position %d occurs twice", v)
			}
			seen[v] = true
			counts[4*i/positions][4*int(v)/positions]++
		}
	}
	var chi float64
	for _, row := range counts {
		for _, n := range row {
			const want = 4 * positions / 16
			chi += (n - want) * (n - want) / want
		}
	}
	t.Logf("chi-square %.1f with about 9 degrees of freedom", chi)
	if chi > 27.9 { // with probability .001
		t.Errorf("chi-square %.1f: the permutations are not uniform", chi)
	}
}

// TestMixesAreUniform compares moments of the entries of many mixes with those of a
// uniform orthogonal matrix: mean 0, mean square 1/n, mean fourth power 3/(n(n+2)),
// at every place.
func TestMixesAreUniform(t *testing.T) {
	const n, draws = 4, 20000
	m, err := New(n, 1, 0, draws)
	if err != nil {
		t.Fatal(err)
	}
	m.Derive(Seed{5})
	var mean, second, fourth [n * n]float64
	for _, x := range m.Mixes {
		for i, v := range x {
			v := float64(v)
			mean[i] += v / draws
			second[i] += v * v / draws
			fourth[i] += v * v * v * v / draws
		}
	}
	for i := range mean {
		// Five standard deviations of the mean, and of the others, with room for the
		// binomial that approximates the normal.
		if math.Abs(mean[i]) > 5*math.Sqrt(1./n/draws) || math.Abs(second[i]-1./n) > .01 || math.Abs(fourth[i]-3./(n*(n+2))) > .01 {
			t.Errorf("entry (%d, %d): mean %.4f, mean square %.4f, fourth power %.4f; want 0, %.4f, %.4f",
				i/n, i%n, mean[i], second[i], fourth[i], 1./n, 3./(n*(n+2)))
		}
	}
}

func TestBounds(t *testing.T) {
	for _, s := range [][2]int{{0, 1}, {1, 0}, {-1, 5}, {48, 1 << 40}, {1 << 20, 1}} {
		if _, err := New(s[0], s[1], 1, 1); err == nil {
			t.Errorf("%d channels, %d positions: no error", s[0], s[1])
		}
	}
}
