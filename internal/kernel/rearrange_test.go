package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestSpaceToDepth(t *testing.T) {
	// One sample, two channels, blocks of 2. The elements of a row count up.
	x := []float32{
		0, 1, 2, 3,
		4, 5, 6, 7,

		10, 11, 12, 13,
		14, 15, 16, 17,
	}
	want := []float32{0, 2, 10, 12, 1, 3, 11, 13, 4, 6, 14, 16, 5, 7, 15, 17}
	got := make([]float32, len(x))
	SpaceToDepth(1, 2, 2, 4, 2, got, x)
	equalBits(t, "SpaceToDepth", got, want)
	DepthToSpace(1, 2, 2, 4, 2, false, got, want)
	equalBits(t, "DepthToSpace", got, x)
	// In order CRD the four positions of a block of one channel are adjacent channels.
	DepthToSpace(1, 2, 2, 4, 2, true, got, []float32{0, 2, 1, 3, 4, 6, 5, 7, 10, 12, 11, 13, 14, 16, 15, 17})
	equalBits(t, "DepthToSpace CRD", got, x)
}

func TestRearrangementsUndoEachOther(t *testing.T) {
	r := seeded(t)
	for _, s := range []struct{ n, c, h, w, b int }{{1, 1, 1, 1, 1}, {2, 3, 6, 9, 3}, {3, 24, 32, 16, 2}} {
		p := s.h * s.w
		x := random(r, s.n*s.c*p)
		middle, back := make([]float32, len(x)), make([]float32, len(x))
		SpaceToDepth(s.n, s.c, s.h, s.w, s.b, middle, x)
		DepthToSpace(s.n, s.c, s.h, s.w, s.b, false, back, middle)
		equalBits(t, fmt.Sprintf("space to depth and back %+v", s), back, x)

		index := permutations(r, s.c, p)
		Permute(s.n, s.c, p, index, middle, x)
		for i, v := range middle {
			if want := x[i/p*p+int(index[i/p%s.c*p+i%p])]; v != want {
				t.Fatalf("Permute %+v: element %d is %g, want %g", s, i, v, want)
			}
		}
		PermuteGrad(s.n, s.c, p, index, back, middle)
		equalBits(t, fmt.Sprintf("permutation and back %+v", s), back, x)

		for from := range s.c {
			part := make([]float32, s.n*p)
			Channels(s.n, s.c, p, from, from+1, part, x)
			SetChannels(s.n, s.c, p, from, from+1, back, part)
			for n := range s.n {
				equalBits(t, "Channels", part[n*p:(n+1)*p], x[(n*s.c+from)*p:(n*s.c+from+1)*p])
			}
		}
		equalBits(t, fmt.Sprintf("channels and back %+v", s), back, x)
	}
}

func permutations(r *rand.Rand, c, p int) []int32 {
	var index []int32
	for range c {
		for _, i := range r.Perm(p) {
			index = append(index, int32(i))
		}
	}
	return index
}

// TestPermutePanicsOutside checks that an index outside the plane reads nothing, and
// that its panic reaches the caller from the workers.
func TestPermutePanicsOutside(t *testing.T) {
	for _, bad := range []int32{-1, 4, 1 << 30} {
		index := []int32{0, 1, 2, 3, 0, 1, bad, 3, 3, 2, 1, 0}
		for name, f := range map[string]func(n, c, p int, index []int32, dst, src []float32){"Permute": Permute, "PermuteGrad": PermuteGrad} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s with index %d of 4 does not panic", name, bad)
					}
				}()
				f(2, 3, 4, index, make([]float32, 24), make([]float32, 24))
			}()
		}
	}
}
