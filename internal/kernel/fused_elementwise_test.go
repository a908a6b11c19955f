package kernel

import "testing"

// TestFusedElementwiseEqualsSteps checks that FusedElementwise has the bits of its steps one after the
// other, also where its result overwrites an operand.
func TestFusedElementwiseEqualsSteps(t *testing.T) {
	functions := []struct {
		step  Step
		apply func(dst, src []float32)
	}{
		{StepExp, Exp}, {StepTanh, Tanh}, {StepSigmoid, Sigmoid}, {StepErf, Erf},
		{StepLeakyReLU(0.2), func(dst, src []float32) { LeakyReLU(dst, src, 0.2) }},
	}
	withEach(t, func(t *testing.T) {
		r := seeded(t)
		for _, n := range []int{1, 3, 4, 63, fusedChunk, 2*fusedChunk + 5, 70_001} {
			x := random(r, n)
			for _, length := range []int{1, 2, 5} {
				want, got := append([]float32{}, x...), append([]float32{}, x...)
				var steps []Step
				var tensors [][]float32
				for range length {
					op, first := BinaryOp(r.IntN(4)), r.IntN(2) == 0
					number, next := []float32{r.Float32() + 0.5}, make([]float32, n)
					a, b := want, number
					sa, sb := 1, 0
					switch r.IntN(3) {
					case 0:
						f := functions[r.IntN(len(functions))]
						steps = append(steps, f.step)
						f.apply(next, want)
						want = next
						continue
					case 1:
						steps = append(steps, StepScalar(op, number[0], first))
					case 2:
						b, sb = offset(r, n, 3), 1
						tensors = append(tensors, b)
						steps = append(steps, StepTensor(op, first).WithOperand(b))
					}
					if first {
						a, b, sa, sb = b, a, sb, sa
					}
					BroadcastNaive(op, next, []int{n}, a, []int{sa}, b, []int{sb})
					want = next
				}
				FusedElementwise(got, got, steps)
				equalNumbers(t, "in place", x, got, want)
				if len(tensors) > 0 {
					last := tensors[len(tensors)-1]
					FusedElementwise(last, x, steps)
					equalNumbers(t, "in place of an operand", x, last, want)
				}
			}
		}
	})
}
