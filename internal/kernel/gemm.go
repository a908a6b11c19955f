package kernel

// depth is the number of k steps whose panels of B are packed at a time.
// Splitting k does not change the order of additions: the sums continue in C.
const depth = 384

// Matrix is a strided view: element (i, j) is Data[i*Row + j*Col].
type Matrix struct {
	Data     []float32
	Row, Col int
}

// RowMajor returns data as a row-major matrix with cols columns.
func RowMajor(data []float32, cols int) Matrix { return Matrix{data, cols, 1} }

// Transposed returns m with rows and columns exchanged.
func (m Matrix) Transposed() Matrix { return Matrix{m.Data, m.Col, m.Row} }

// Gemm adds A (m x k) times B (k x n) to C (m x n, row-major, row stride ldc).
// It panics when a matrix is too small for its dimensions.
func Gemm(m, n, k int, a, b Matrix, c []float32, ldc int) {
	if m == 0 || n == 0 {
		return
	}
	if n > ldc || len(c) < (m-1)*ldc+n {
		panic("kernel: Gemm: C is too small")
	}
	if k == 0 {
		return
	}
	pa := getScratch(roundUp(m, active.wide.rows) * k)
	packA(*pa, m, k, a, active.wide.rows)
	const floats = 1 << 16 // a packed block of B stays within the second-level cache
	block := max(active.wide.cols, min(floats/min(k, depth)/active.wide.cols, 32)*active.wide.cols)
	parallel((n+block-1)/block, func(t int) {
		j0 := t * block
		gemmColumns(m, k, *pa, b, j0, min(n, j0+block), c, ldc)
	})
	putScratch(pa)
}

// GemmNaive is the reference for Gemm: the same order, one element at a time.
func GemmNaive(m, n, k int, a, b Matrix, c []float32, ldc int) {
	for i := range m {
		for j := range n {
			acc := c[i*ldc+j]
			for l := range k {
				acc += float32(a.Data[i*a.Row+l*a.Col] * b.Data[l*b.Row+j*b.Col])
			}
			c[i*ldc+j] = acc
		}
	}
}

// packA copies A into panels of r rows, k-major, with zeros for missing rows.
func packA(dst []float32, m, k int, a Matrix, r int) {
	for i0 := 0; i0 < m; i0 += r {
		panel := dst[i0*k : (i0+r)*k]
		for i := range r {
			if i0+i >= m {
				for l := range k {
					panel[l*r+i] = 0
				}
				continue
			}
			src := a.Data[(i0+i)*a.Row:]
			if a.Col == 1 {
				for l, v := range src[:k] {
					panel[l*r+i] = v
				}
			} else {
				for l := range k {
					panel[l*r+i] = src[l*a.Col]
				}
			}
		}
	}
}

// packB copies rows [k0, k1) and columns [j0, j1) of B into panels as wide as the tile, with zeros for missing
// columns.
func packB(dst []float32, b Matrix, k0, k1, j0, j1 int) {
	c := active.wide.cols
	kk := k1 - k0
	for j := j0; j < j1; j += c {
		panel := dst[(j-j0)*kk : (j-j0+c)*kk]
		w := min(c, j1-j)
		if b.Col == 1 {
			for l := range kk {
				row := panel[l*c : (l+1)*c]
				clear(row[copy(row[:w], b.Data[(k0+l)*b.Row+j:]):])
			}
			continue
		}
		if w < c {
			clear(panel)
		}
		for jj := range w {
			src := b.Data[(j+jj)*b.Col+k0*b.Row:]
			if b.Row == 1 {
				for l, v := range src[:kk] {
					panel[l*c+jj] = v
				}
			} else {
				for l := range kk {
					panel[l*c+jj] = src[l*b.Row]
				}
			}
		}
	}
}

// gemmColumns adds A, packed by packA, times columns [j0, j1) of B to the same columns of C.
func gemmColumns(m, k int, pa []float32, b Matrix, j0, j1 int, c []float32, ldc int) {
	rows, cols := active.wide.rows, active.wide.cols
	panels := (j1 - j0 + cols - 1) / cols
	pb := getScratch(panels * cols * min(k, depth))
	edge := getScratch(rows * cols)
	var steps [depth]int
	for l := range steps {
		steps[l] = l * cols
	}
	for k0 := 0; k0 < k; k0 += depth {
		k1 := min(k, k0+depth)
		kk := k1 - k0
		packB((*pb)[:panels*cols*kk], b, k0, k1, j0, j1)
		inRows, inCols := m/rows, (j1-j0)/cols
		if inRows > 0 && inCols > 0 {
			_, _ = c[(inRows*rows-1)*ldc+j0+inCols*cols-1], pa[inRows*rows*k-1]
			active.wide.block(inRows, inCols, kk, &pa[k0*rows], k*rows, &(*pb)[0], cols*kk, &steps[0], nil, &c[j0], ldc)
		}
		for p := range panels {
			j := j0 + p*cols
			w := min(cols, j1-j)
			panel := &(*pb)[p*cols*kk]
			i := 0
			if w == cols {
				i = inRows * rows
			}
			for ; i < m; i += rows {
				h := min(rows, m-i)
				tile := *edge
				for r := range h {
					copy(tile[r*cols:r*cols+w], c[(i+r)*ldc+j:])
				}
				active.wide.block(1, 1, kk, &pa[i*k+k0*rows], 0, panel, 0, &steps[0], nil, &tile[0], cols)
				for r := range h {
					copy(c[(i+r)*ldc+j:(i+r)*ldc+j+w], tile[r*cols:])
				}
			}
		}
	}
	putScratch(edge)
	putScratch(pb)
}
