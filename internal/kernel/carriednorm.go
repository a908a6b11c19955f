package kernel

// Statistics computes the mean and the deviation sqrt(variance + eps) of each channel of
// x (N, C, P), both rounded to half precision, as a cipher image carries them. stats is (N, 2C),
// means first. With group > 1, each group of consecutive samples shares its statistics as if it
// were one tile, for training on crops.
func Statistics(n, c, p, group int, x, stats []float32, eps float32) {
	parallel(n/group*c, func(t int) {
		g, ch := t/c, t%c
		var mean, variance float32
		if group == 1 {
			s := x[t*p : (t+1)*p]
			mean = Sum(s) / float32(p)
			variance = sumSquares(s, mean) / float32(p)
		} else {
			for i := range group {
				mean += Sum(x[((g*group+i)*c+ch)*p:][:p])
			}
			mean /= float32(group * p)
			for i := range group {
				variance += sumSquares(x[((g*group+i)*c+ch)*p:][:p], mean)
			}
			variance /= float32(group * p)
		}
		m, d := HalfValue(HalfBits(mean)), HalfValue(HalfBits(sqrt(variance+eps)))
		for i := range group {
			stats[(g*group+i)*2*c+ch] = m
			stats[(g*group+i)*2*c+c+ch] = d
		}
	})
}

// StatisticsGrad computes dx from the gradient of the statistics, with the rounding taken as the
// identity: dx = dmean/P + ddeviation*(x-mean)/(P*deviation), where P counts the positions of a group.
func StatisticsGrad(n, c, p, group int, x, stats, dstats, dx []float32) {
	parallel(n/group*c, func(t int) {
		g, ch := t/c, t%c
		var dm, dd float32
		for i := range group {
			row := dstats[(g*group+i)*2*c:]
			dm += row[ch]
			dd += row[c+ch]
		}
		row := stats[g*group*2*c:]
		m, d := row[ch], row[c+ch]
		total := float32(group * p)
		dm /= total
		dd /= total * d
		for i := range group {
			at := ((g*group+i)*c + ch) * p
			for q, v := range x[at : at+p] {
				dx[at+q] = dm + dd*(v-m)
			}
		}
	})
}

// Standardize computes y = (x - mean)/deviation for x (N, C, P) with stats (N, 2C).
func Standardize(n, c, p int, x, stats, y []float32) {
	parallel(n*c, func(t int) {
		row := stats[t/c*2*c:]
		Normalize(x[t*p:(t+1)*p], y[t*p:(t+1)*p], row[t%c], row[c+t%c])
	})
}

// Restore computes x = y*deviation + mean, the inverse of Standardize.
func Restore(n, c, p int, y, stats, x []float32) {
	parallel(n*c, func(t int) {
		row := stats[t/c*2*c:]
		affine(y[t*p:(t+1)*p], x[t*p:(t+1)*p], row[c+t%c], row[t%c])
	})
}

// StandardizeGrad computes dx = dy/deviation and, for the statistics, dmean = -sum(dy)/deviation and
// ddeviation = -sum(dy*y)/deviation, where y is the output. dx or dstats may be nil.
func StandardizeGrad(n, c, p int, y, stats, dy, dx, dstats []float32) {
	parallel(n*c, func(t int) {
		row := t / c * 2 * c
		d := stats[row+c+t%c]
		g := dy[t*p : (t+1)*p]
		if dx != nil {
			out := dx[t*p : (t+1)*p]
			for q, v := range g {
				out[q] = v / d
			}
		}
		if dstats != nil {
			dstats[row+t%c] = -Sum(g) / d
			dstats[row+c+t%c] = -sumProducts(g, y[t*p:(t+1)*p]) / d
		}
	})
}

// RestoreGrad computes dy = dx*deviation and, for the statistics, dmean = sum(dx) and
// ddeviation = sum(dx*y). dy or dstats may be nil.
func RestoreGrad(n, c, p int, y, stats, dx, dy, dstats []float32) {
	parallel(n*c, func(t int) {
		row := t / c * 2 * c
		d := stats[row+c+t%c]
		g := dx[t*p : (t+1)*p]
		if dy != nil {
			out := dy[t*p : (t+1)*p]
			for q, v := range g {
				out[q] = v * d
			}
		}
		if dstats != nil {
			dstats[row+t%c] = Sum(g)
			dstats[row+c+t%c] = sumProducts(g, y[t*p:(t+1)*p])
		}
	})
}
