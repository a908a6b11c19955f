package carrier

// cosines[u][x] is 2^13 times the orthonormal DCT-II of 8 points: c(u) cos((2x+1) u pi/16), c(0) = sqrt(1/8), else 1/2, rounded.
var cosines = [8][8]int32{
	{2896, 2896, 2896, 2896, 2896, 2896, 2896, 2896},
	{4017, 3406, 2276, 799, -799, -2276, -3406, -4017},
	{3784, 1567, -1567, -3784, -3784, -1567, 1567, 3784},
	{3406, -799, -4017, -2276, 2276, 4017, 799, -3406},
	{2896, -2896, -2896, 2896, 2896, -2896, -2896, 2896},
	{2276, -4017, 799, 3406, -3406, -799, 4017, -2276},
	{1567, -3784, 3784, -1567, -1567, 3784, -3784, 1567},
	{799, -2276, 3406, -4017, 4017, -3406, 2276, -799},
}

// samples writes the 8-bit samples of a block of coefficients, which are in sixteenths of a level, by rows of horizontal frequencies. Integers
// only, so that every machine writes the same picture.
func samples(dst *[64]uint8, coefficients *[64]int32) {
	var rows [64]int64
	for v := 0; v < 64; v += 8 {
		c := (*[8]int32)(coefficients[v:])
		for x := range 8 {
			var sum int64
			for u, a := range c {
				sum += int64(a) * int64(cosines[u][x])
			}
			rows[v+x] = (sum + 1<<8) >> 9
		}
	}
	for y := range 8 {
		for x := range 8 {
			var sum int64
			for v := range 8 {
				sum += rows[v*8+x] * int64(cosines[v][y])
			}
			dst[y*8+x] = uint8(max(0, min(255, (sum+1<<20)>>21+128)))
		}
	}
}

var cosines32 = func() (c [8][8]float32) {
	for u := range c {
		for x := range c[u] {
			c[u][x] = float32(cosines[u][x]) / (1 << 13)
		}
	}
	return c
}()

// transform writes the coefficients, in levels, of the block of 8 x 8 samples that starts at pix[0], less 128.
func transform(dst *[64]float32, pix []uint8, stride int) {
	var rows [64]float32
	for y := range 8 {
		line := (*[8]uint8)(pix[y*stride:])
		// The even and the odd halves of the transform.
		var s, d [4]float32
		for x := range 4 {
			a, b := float32(line[x])-128, float32(line[7-x])-128
			s[x], d[x] = a+b, a-b
		}
		for u := 0; u < 8; u += 2 {
			c, e := &cosines32[u], &cosines32[u+1]
			rows[y*8+u] = c[0]*s[0] + c[1]*s[1] + c[2]*s[2] + c[3]*s[3]
			rows[y*8+u+1] = e[0]*d[0] + e[1]*d[1] + e[2]*d[2] + e[3]*d[3]
		}
	}
	for u := range 8 {
		var s, d [4]float32
		for y := range 4 {
			a, b := rows[y*8+u], rows[(7-y)*8+u]
			s[y], d[y] = a+b, a-b
		}
		for v := 0; v < 8; v += 2 {
			c, e := &cosines32[v], &cosines32[v+1]
			dst[v*8+u] = c[0]*s[0] + c[1]*s[1] + c[2]*s[2] + c[3]*s[3]
			dst[v*8+8+u] = e[0]*d[0] + e[1]*d[1] + e[2]*d[2] + e[3]*d[3]
		}
	}
}
