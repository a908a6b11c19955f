package kernel

// MeanRows writes the mean of every row of x (len(dst) rows of n) to dst: Sum
// in canonical order, divided by n.
func MeanRows(dst, x []float32, n int) {
	parallel(len(dst), func(row int) {
		dst[row] = float32(Sum(x[row*n:(row+1)*n]) / float32(n))
	})
}
