package kernel

// MeanRows computes dst[i] as the mean of row i of x, which has len(dst) rows of n
// elements: Sum, divided by n.
func MeanRows(dst, x []float32, n int) {
	parallel(len(dst), func(row int) {
		dst[row] = float32(Sum(x[row*n:(row+1)*n]) / float32(n))
	})
}
