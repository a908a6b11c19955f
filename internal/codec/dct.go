package codec

import "math"

// The sides of blocks are powers of two from minSide to maxSide.
const (
	minSide = 4
	maxSide = 32
	sizes   = 4 // how many sides there are
)

// cosines are cos(k pi/64) for k from 0 to 32.
var cosines = [33]float64{
	1.0, 0.9987954562051724, 0.9951847266721969, 0.989176509964781,
	0.9807852804032304, 0.970031253194544, 0.9569403357322088, 0.9415440651830208,
	0.9238795325112867, 0.9039892931234433, 0.881921264348355, 0.8577286100002721,
	0.8314696123025452, 0.8032075314806449, 0.773010453362737, 0.7409511253549591,
	0.7071067811865476, 0.6715589548470183, 0.6343932841636455, 0.5956993044924335,
	0.5555702330196023, 0.5141027441932217, 0.4713967368259978, 0.4275550934302822,
	0.38268343236508984, 0.33688985339222005, 0.29028467725446233, 0.24298017990326398,
	0.19509032201612833, 0.14673047445536175, 0.09801714032956077, 0.049067674327418126,
	0,
}

// cosine returns cos(k pi/64).
func cosine(k int) float64 {
	k &= 127
	if k > 64 {
		k = 128 - k
	}
	if k > 32 {
		return -cosines[64-k]
	}
	return cosines[k]
}

// odd[s] holds the rows of odd frequency of the orthonormal DCT of side 2<<s, of their
// left half: coefficient (k, i) is sqrt(2/n) cos((2i+1)(2k+1) pi/(2n)).
var odd = func() (tables [5][]float32) {
	for s := range tables {
		n := 2 << s
		scale := math.Sqrt(2 / float64(n))
		for k := range n / 2 {
			for i := range n / 2 {
				tables[s] = append(tables[s], float32(scale*cosine((2*i+1)*(2*k+1)*32/n)))
			}
		}
	}
	return tables
}()

const halfRoot = float32(0.70710678118654752)

// dct replaces the first n values of x by their orthonormal DCT-II.
// Every product is rounded to float32 before it is added, so that no compiler fuses the two.
func dct(x *[maxSide]float32, n int) {
	if n == 1 {
		return
	}
	h := n / 2
	var sum, difference [maxSide]float32
	for i := range h {
		a, b := x[i], x[n-1-i]
		sum[i], difference[i] = float32(float32(a+b)*halfRoot), a-b
	}
	dct(&sum, h)
	table := odd[log2(h)]
	d := difference[:h]
	for k := range h {
		var t float32
		for i, w := range table[k*h : k*h+h] {
			t += float32(w * d[i])
		}
		x[2*k], x[2*k+1] = sum[k], t
	}
}

// inverseDCT is the inverse of dct.
func inverseDCT(x *[maxSide]float32, n int) {
	if n == 1 {
		return
	}
	h := n / 2
	var sum, difference [maxSide]float32
	d := difference[:h]
	table := odd[log2(h)]
	for k := range h {
		sum[k] = x[2*k]
		if c := x[2*k+1]; c != 0 {
			for i, w := range table[k*h : k*h+h] {
				d[i] += float32(w * c)
			}
		}
	}
	inverseDCT(&sum, h)
	for i := range h {
		s := float32(sum[i] * halfRoot)
		x[i], x[n-1-i] = s+d[i], s-d[i]
	}
}

func log2(n int) int {
	s := 0
	for n > 1 {
		n >>= 1
		s++
	}
	return s
}

// transform applies f to the rows and then to the columns of a block of side n.
func transform(p []float32, stride, n int, f func(*[maxSide]float32, int)) {
	var x [maxSide]float32
	for y := range n {
		row := p[y*stride : y*stride+n]
		copy(x[:], row)
		f(&x, n)
		copy(row, x[:n])
	}
	for c := range n {
		for y := range n {
			x[y] = p[y*stride+c]
		}
		f(&x, n)
		for y := range n {
			p[y*stride+c] = x[y]
		}
	}
}
