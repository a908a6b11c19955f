package keyed

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
func digest(t *testing.T, m Material) string {
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
		m, err := Derive(seed, v.Channels, v.Positions, v.Permutations, v.Mixes)
		if err != nil {
			t.Fatal(err)
		}
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
	m, err := Derive(Seed{1, 2, 3}, 48, 77, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	inv := m.Inverse()
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

// TestPermutationsAreUniform counts all 24 permutations of 4 positions; the
// chi-square of 23 degrees of freedom exceeds 49.7 with probability 0.001.
func TestPermutationsAreUniform(t *testing.T) {
	const draws = 24000
	counts := map[[4]int32]int{}
	for i := range draws / 1000 {
		m, err := Derive(Seed{byte(i), 7}, 1000, 4, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < 4000; at += 4 {
			counts[[4]int32(m.Permutations[0][at:at+4])]++
		}
	}
	if len(counts) != 24 {
		t.Fatalf("%d of 24 permutations occur", len(counts))
	}
	var chi float64
	for _, n := range counts {
		d := float64(n) - draws/24
		chi += d * d / (draws / 24)
	}
	t.Logf("chi-square %.1f with 23 degrees of freedom", chi)
	if chi > 49.7 {
		t.Errorf("chi-square %.1f: the permutations are not uniform", chi)
	}
}

func TestDeriveBounds(t *testing.T) {
	for _, s := range [][2]int{{0, 1}, {1, 0}, {-1, 5}, {48, 1 << 40}, {1 << 20, 1}} {
		if _, err := Derive(Seed{}, s[0], s[1], 1, 1); err == nil {
			t.Errorf("%d channels, %d positions: no error", s[0], s[1])
		}
	}
}
