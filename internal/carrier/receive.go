package carrier

import (
	"context"
	"image"
	"math"
	"slices"
	"sync"
)

// receiver holds what is known of a copy whose header was read.
type receiver struct {
	layout *layout
	// coefficients are planes by coefficient, in the order of the layout: coefficient k of block order[n] is at k*blocks + n. In levels; the offset
	// of the whole picture and the signs of the mark are not taken out yet.
	coefficients []float32
	class        []uint8 // of each block, in the same order
	contrast     float64
	gain         [64]float64 // of each coefficient, the contrast included
	offset       float64     // of the mean of a block
	models       [64][classes]model
}

// classes are kinds of blocks by how many of their samples lie at the ends of the range: none, one or two, more. Blocks that are not of a carrier, as
// they are too smooth or too rough for one, have the class foreign and count for nothing.
const (
	classes = 3
	foreign = classes
)

// newReceiver reads the blocks of a copy and estimates what happened to them; not ok where they have no content, or the context is cancelled.
func newReceiver(ctx context.Context, picture *image.Gray, l *layout, signs [markBlocks]int8) (r *receiver, ok bool) {
	r = &receiver{layout: l, coefficients: make([]float32, 64*l.blocks), class: make([]uint8, l.blocks)}
	var block [64]float32
	var used []int
	for k, n := range l.scheme.bits {
		if n > 0 {
			used = append(used, k)
		}
	}
	order := l.order()
	for n, at := range order {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return nil, false
		}
		bx, by := int(at)%l.across, int(at)/l.across
		transform(&block, picture.Pix[8*by*picture.Stride+8*bx:], picture.Stride)
		for _, k := range used {
			r.coefficients[k*l.blocks+n] = block[k]
		}
	}
	r.findForeign()
	if !r.estimateGain(used, order, signs) {
		return nil, false
	}
	r.classify(picture, order)
	r.estimateNoise(used)
	return r, true
}

// plane returns the values of coefficient k.
func (r *receiver) plane(k int) []float32 {
	return r.coefficients[k*r.layout.blocks : (k+1)*r.layout.blocks]
}

// findForeign gives blocks whose power is far from that of most the class foreign. Coefficients count by their part of what was sent, the mean does not.
func (r *receiver) findForeign() {
	s := r.layout.scheme
	power := make([]float32, r.layout.blocks)
	for k, bits := range s.bits {
		if k == 0 || bits == 0 {
			continue
		}
		levels, spacing := float64(int(1)<<bits), float64(s.spacing[k])/16
		unit := float32(1 / ((levels*levels - 1) / 12 * spacing * spacing))
		for i, y := range r.plane(k) {
			power[i] += unit * y * y
		}
	}
	sorted := slices.Clone(power)
	slices.Sort(sorted)
	median := sorted[len(sorted)/2]
	for i, p := range power {
		if p < .35*median || p > 3*median {
			r.class[i] = foreign
		}
	}
}

// estimateGain finds the contrast of the copy by its power, and that of each coefficient by its decided symbols; it takes the signs of the mark out. It
// reports whether there is any.
func (r *receiver) estimateGain(used []int, order []int32, signs [markBlocks]int8) bool {
	s := r.layout.scheme
	// The coefficients of many levels have a power that noise adds little to.
	native := 0.
	for _, c := range r.class {
		if c != foreign {
			native++
		}
	}
	var power, sent float64
	for _, k := range used {
		if k == 0 || s.bits[k] < 3 {
			continue
		}
		m := float64(int(1)<<s.bits[k]) * float64(s.spacing[k]) / 16
		for i, y := range r.plane(k) {
			if r.class[i] != foreign {
				power += float64(y) * float64(y)
			}
		}
		sent += m * m / 12 * native
	}
	if power <= 0 || native == 0 {
		return false
	}
	global := math.Sqrt(power / sent)
	r.contrast = global
	dc := r.plane(0)
	sign := global * float64(s.sign) / 16
	for n, at := range order {
		bx, by := int(at)%r.layout.across, int(at)/r.layout.across
		dc[n] -= float32(sign * float64(signs[by%markSide*markSide+bx%markSide]))
		if r.class[n] != foreign {
			r.offset += float64(dc[n])
		}
	}
	r.offset /= native
	for n := range dc {
		dc[n] -= float32(r.offset)
	}
	for _, k := range used {
		r.gain[k] = global
		for range 2 {
			if k == 0 {
				r.centre()
			}
			step := r.gain[k] * float64(s.spacing[k]) / 16
			levels := float64(int(1) << s.bits[k])
			var xy, xx float64
			for i, y := range r.plane(k) {
				if r.class[i] == foreign || math.Abs(float64(y)) > step*(levels/2+.5) {
					continue
				}
				x := decide(float64(y)/step, levels)
				xy += x * float64(y)
				xx += x * x
			}
			if xx == 0 {
				break
			}
			g := xy / xx * 16 / float64(s.spacing[k])
			// The quantiser moves two levels apart or together without harm; of more levels a large change is an error.
			low, high := .9*global, 1.1*global
			if levels == 2 {
				low, high = .6*global, 1.8*global
			}
			r.gain[k] = max(low, min(high, g))
		}
	}
	return true
}

// centre refines the offset by the decided symbols.
func (r *receiver) centre() {
	step := r.gain[0] * float64(r.layout.scheme.spacing[0]) / 16
	levels := float64(int(1) << r.layout.scheme.bits[0])
	dc := r.plane(0)
	var sum, n float64
	for i, y := range dc {
		if r.class[i] != foreign && math.Abs(float64(y)) < step*(levels/2+.5) {
			sum += float64(y) - step*decide(float64(y)/step, levels)
			n++
		}
	}
	shift := sum / max(1, n)
	r.offset += shift
	for i := range dc {
		dc[i] -= float32(shift)
	}
}

// decide returns the symbol next to y, in spacings: an odd multiple of a half.
func decide(y, levels float64) float64 {
	return max(.5-levels/2, min(levels/2-.5, math.Floor(y+levels/2)+.5-levels/2))
}

// classify counts the clipped samples of each block.
func (r *receiver) classify(picture *image.Gray, order []int32) {
	l := r.layout
	low := max(1, min(100, 128+r.offset/8-128*r.contrast+2))
	high := min(254, max(156, 128+r.offset/8+127*r.contrast-2))
	for n, at := range order {
		if r.class[n] == foreign {
			continue
		}
		bx, by := int(at)%l.across, int(at)/l.across
		count := 0
		for y := range 8 {
			p := (8*by+y)*picture.Stride + 8*bx
			for _, v := range picture.Pix[p : p+8] {
				if v <= uint8(low) || v >= uint8(high) {
					count++
				}
			}
		}
		r.class[n] = uint8(min(classes-1, (count+1)/2))
	}
}

// model is the shape of the noise of a coefficient, in spacings: uniform of width, as a quantiser's, and normal of deviation, added.
type model struct {
	width, deviation float64
}

const noiseBins = 32

// estimateNoise chooses the likeliest model of each coefficient and class by how far values lie from the next symbol.
func (r *receiver) estimateNoise(used []int) {
	s, logs := r.layout.scheme, foldedLog()
	for _, k := range used {
		var counts [classes][noiseBins]float64
		step := float32(1 / (r.gain[k] * float64(s.spacing[k]) / 16))
		half := float32(int(1)<<s.bits[k]) / 2
		for n, y := range r.plane(k) {
			if r.class[n] == foreign {
				continue
			}
			p := y*step + half // the centre of level i is at i + 1/2
			i := float32(int(max(0, min(2*half-1, p))))
			d := p - i - .5
			if d < 0 {
				d = -d
			}
			counts[r.class[n]][min(noiseBins-1, int(d*2*noiseBins))]++
		}
		for c := range counts {
			if c > 0 { // few blocks: lean on the class before
				for b := range counts[c] {
					counts[c][b] += counts[c-1][b] * .01
				}
			}
			best := math.Inf(-1)
			for i := range models {
				sum := 0.
				for b, n := range counts[c] {
					sum += n * logs[i][b]
				}
				if sum > best {
					best, r.models[k][c] = sum, models[i]
				}
			}
		}
	}
}

// models are those that estimateNoise chooses from.
var models = func() (m []model) {
	for w := range 13 {
		for d := .02; d < .7; d *= 1.3 {
			m = append(m, model{float64(w) / 10, d})
		}
	}
	return m
}()

// density returns the probability density of noise e.
func (m model) density(e float64) float64 {
	const outliers = 1e-4
	if m.width == 0 {
		e /= m.deviation
		return outliers + math.Exp(-e*e/2)/(m.deviation*math.Sqrt(2*math.Pi))
	}
	q := func(x float64) float64 { return math.Erfc(x/(m.deviation*math.Sqrt2)) / 2 }
	e = math.Abs(e)
	return outliers + (q(e-m.width/2)-q(e+m.width/2))/m.width
}

// foldedLog is the logarithm of the density of each model at the distance to the next of many symbols.
var foldedLog = sync.OnceValue(func() [][noiseBins]float64 {
	l := make([][noiseBins]float64, len(models))
	for i, m := range models {
		for b := range l[i] {
			d := (float64(b) + .5) / (2 * noiseBins)
			sum := 0.
			for n := -2.; n <= 2; n++ {
				sum += m.density(d + n)
			}
			l[i][b] = math.Log(sum)
		}
	}
	return l
})

const (
	tableSteps = 32 // of a table of channel values, by spacing
	llrScale   = 6  // channel values a nat
	// llrMax bounds a channel value, well below what a check may tell a bit: a bit of one check alone could not be corrected otherwise.
	llrMax = 48
)

// table returns the channel values of the bits of a symbol of n bits, by position: entry p*n + shift is for the value p/tableSteps - 1 spacings
// above the centre of level 0.
func (m model) table(n int) []int8 {
	levels := 1 << n
	density := make([]float64, (2*levels+4)*tableSteps)
	for i := range density {
		density[i] = m.density(float64(i)/tableSteps - float64(levels) - 2)
	}
	t := make([]int8, ((levels+1)*tableSteps+1)*n)
	for p := 0; p < len(t); p += n {
		var zero, one [8]float64
		for symbol := range levels {
			// position p/n/tableSteps - 1, level at level(symbol)
			d := density[p/n-tableSteps-int(level(int32(symbol)))*tableSteps+(levels+2)*tableSteps]
			for b := range n {
				if symbol>>b&1 == 1 {
					one[b] += d
				} else {
					zero[b] += d
				}
			}
		}
		for b := range n {
			t[p+b] = int8(max(-llrMax, min(llrMax, math.Round(llrScale*math.Log(zero[b]/one[b])))))
		}
	}
	return t
}

// values returns the channel values of the stream.
func (r *receiver) values() []int8 {
	l := r.layout
	llr := make([]int8, l.stream())
	first := 0 // of the bits of a coefficient
	type shape struct {
		model
		bits int
	}
	cache := map[shape][]int8{}
	for k, nbits := range l.scheme.bits {
		if nbits == 0 {
			continue
		}
		n := int(nbits)
		var tables [classes][]int8
		for c, m := range r.models[k] {
			key := shape{m, n}
			if cache[key] == nil {
				cache[key] = m.table(n)
			}
			tables[c] = cache[key]
		}
		scale := float32(tableSteps / (r.gain[k] * float64(l.scheme.spacing[k]) / 16))
		levels := 1 << n
		zero := float32(tableSteps) * float32(levels+1) / 2
		last := (levels + 1) * tableSteps
		for i, y := range r.plane(k) {
			if r.class[i] == foreign {
				continue
			}
			p := max(0, min(last, int(y*scale+zero+.5)))
			entry := tables[r.class[i]][p*n : p*n+n]
			for b := range entry {
				llr[l.position(first+n-1-b, i)] = entry[b]
			}
		}
		first += n
	}
	return llr
}

// filtered reports whether fine detail is weaker than coarse detail by more than recompression makes it.
func (r *receiver) filtered() bool {
	power := func(from, to int) float64 {
		var got, sent float64
		for k, n := range r.layout.scheme.bits {
			if f := k/8 + k%8; n < 2 || f < from || f > to {
				continue
			}
			levels, spacing := float64(int(1)<<n), float64(r.layout.scheme.spacing[k])/16
			sent += (levels*levels - 1) / 12 * spacing * spacing
			for _, y := range r.plane(k) {
				got += float64(y) * float64(y) / float64(r.layout.blocks)
			}
		}
		return got / sent
	}
	return power(5, 14) < .7*power(1, 3)
}
