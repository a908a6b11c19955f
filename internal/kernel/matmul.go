package kernel

// MatMul computes one product per batch: dst (batches, m, n), where product i is
// the m x k matrix of a at aOffsets[i] times the k x n matrix of b at bOffsets[i].
// The sums start at 0 and have the order of Gemm.
func MatMul(dst, a, b []float32, m, n, k int, aOffsets, bOffsets []int) {
	clear(dst)
	for i, oa := range aOffsets {
		ob := bOffsets[i]
		Gemm(m, n, k, RowMajor(a[oa:oa+m*k], k), RowMajor(b[ob:ob+k*n], n), dst[i*m*n:(i+1)*m*n], n)
	}
}
