package op

import (
	"fmt"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// MatMul multiplies matrices in the last two dimensions, (..., M, K) by (..., K, N). The
// leading dimensions broadcast as in numpy. MatMul has no gradient.
func MatMul(a, b *gorgonia.Node) (*gorgonia.Node, error) {
	if a.Dtype() != tensor.Float32 || b.Dtype() != tensor.Float32 {
		return nil, fmt.Errorf("matmul: operands of type %v and %v, want float32", a.Dtype(), b.Dtype())
	}
	var cost kernel.Cost
	if a, b := a.Shape(), b.Shape(); len(a) >= 2 && len(b) >= 2 {
		if batch, err := broadcastShape(a[:len(a)-2], b[:len(b)-2]); err == nil {
			cost = kernel.MatMulCost(volume(batch), a[len(a)-2], b[len(b)-1], a[len(a)-1])
		}
	}
	return Apply(Spec{
		Cost:  cost,
		Name:  "matmul",
		Arity: 2,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			a, b := in[0], in[1]
			if len(a) < 2 || len(b) < 2 || a[len(a)-1] != b[len(b)-2] {
				return nil, fmt.Errorf("shapes %v and %v do not multiply", a, b)
			}
			out, err := broadcastShape(a[:len(a)-2], b[:len(b)-2])
			if err != nil {
				return nil, err
			}
			return append(out, a[len(a)-2], b[len(b)-1]), nil
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			sa, sb, so := in[0].Shape(), in[1].Shape(), out.Shape()
			m, k, n := sa[len(sa)-2], sa[len(sa)-1], sb[len(sb)-1]
			batch := so[:len(so)-2]
			kernel.MatMul(out.Data().([]float32), in[0].Data().([]float32), in[1].Data().([]float32), m, n, k,
				batchOffsets(sa[:len(sa)-2], batch, m*k), batchOffsets(sb[:len(sb)-2], batch, k*n))
			return nil
		},
	}, a, b)
}

// batchOffsets returns, for each element of the shape batch in row-major order, the offset of
// its matrix of size elements in a tensor with leading dimensions own.
func batchOffsets(own, batch []int, size int) []int {
	strides := broadcastStrides(own, batch)
	offsets := make([]int, volume(batch))
	for i := range offsets {
		rest := i
		for d := len(batch) - 1; d >= 0; d-- {
			offsets[i] += rest % batch[d] * strides[d] * size
			rest /= batch[d]
		}
	}
	return offsets
}
