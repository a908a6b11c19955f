package kernel

import "testing"

// A chain has the bits of its links one after the other, also where its result
// takes the place of what it reads.
func TestChainEqualsSteps(t *testing.T) {
	functions := []struct {
		link Link
		step func(dst, src []float32)
	}{
		{LinkExp, Exp}, {LinkTanh, Tanh}, {LinkSigmoid, Sigmoid}, {LinkErf, Erf},
		{LinkLeakyReLU(0.2), func(dst, src []float32) { LeakyReLU(dst, src, 0.2) }},
	}
	withEach(t, func(t *testing.T) {
		r := seeded(t)
		for _, n := range []int{1, 3, 4, 63, chainPart, 2*chainPart + 5, 70_001} {
			x := random(r, n)
			for _, length := range []int{1, 2, 5} {
				want, got := append([]float32{}, x...), append([]float32{}, x...)
				var links []Link
				var tensors [][]float32
				for range length {
					op, first := BinaryOp(r.IntN(4)), r.IntN(2) == 0
					number, next := []float32{r.Float32() + 0.5}, make([]float32, n)
					a, b := want, number
					sa, sb := 1, 0
					switch r.IntN(3) {
					case 0:
						f := functions[r.IntN(len(functions))]
						links = append(links, f.link)
						f.step(next, want)
						want = next
						continue
					case 1:
						links = append(links, LinkNumber(op, number[0], first))
					case 2:
						b, sb = offset(r, n, 3), 1
						tensors = append(tensors, b)
						links = append(links, LinkTensor(op, first).With(b))
					}
					if first {
						a, b, sa, sb = b, a, sb, sa
					}
					BroadcastNaive(op, next, []int{n}, a, []int{sa}, b, []int{sb})
					want = next
				}
				Chain(got, got, links)
				equalNumbers(t, "chain in place", x, got, want)
				if len(tensors) > 0 {
					last := tensors[len(tensors)-1]
					Chain(last, x, links)
					equalNumbers(t, "chain in the place of a tensor", x, last, want)
				}
			}
		}
	})
}
