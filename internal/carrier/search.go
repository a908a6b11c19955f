package carrier

import (
	"context"
	"image"
	"math"
	"math/cmplx"
)

// lattice is where the mark lies in a picture: block (i, j) of the mark pattern, counted from the block at the anchor, has its centre at
// (x + i*pitchX, y + j*pitchY), and its sign is that at (column + i, row + j) of the mark after turning.
type lattice struct {
	x, y, pitchX, pitchY float64
	column, row          int
	turn                 turn
}

// turn is one of the eight ways to turn and mirror a picture: exchange rows and columns first, then mirror each.
type turn struct {
	transpose, mirrorX, mirrorY bool
}

// turns are all, the one that changes nothing first.
var turns = func() (all []turn) {
	for i := range 8 {
		all = append(all, turn{i&4 != 0, i&1 != 0, i&2 != 0})
	}
	return all
}()

// source returns the position of the mark that comes to lie at (column, row) of a turned mark.
func (t turn) source(column, row int) int {
	if t.mirrorX {
		column = markSide - 1 - column
	}
	if t.mirrorY {
		row = markSide - 1 - row
	}
	if t.transpose {
		column, row = row, column
	}
	return row*markSide + column
}

// undo returns the picture of which p is the turned one.
func (t turn) undo(p *image.Gray) *image.Gray {
	w, h := p.Rect.Dx(), p.Rect.Dy()
	if t.transpose {
		w, h = h, w
	}
	q := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			u, v := x, y
			if t.transpose {
				u, v = y, x
			}
			if t.mirrorX {
				u = p.Rect.Dx() - 1 - u
			}
			if t.mirrorY {
				v = p.Rect.Dy() - 1 - v
			}
			q.Pix[y*q.Stride+x] = p.Pix[v*p.Stride+u]
		}
	}
	return q
}

// Bounds of the search: the part of a picture that is searched, in pixels a side; the part of it that the first step looks at, in blocks a side;
// blocks of 1.5 to 20 pixels, a carrier at a fifth to two and a half times its size; and the step between two sizes.
const (
	searchSide   = 2048
	searchWindow = 48
	searchMin    = 1.5
	searchMax    = 20
	searchStep   = 1.02
	// searchBlocks is the smallest number of blocks that is looked at: fewer do not hold the information of a header.
	searchBlocks = 22 * headerLifting
	// searchScore is the deviation from chance, in standard deviations, from where on a header is tried: of 2 million places that are tried, noise
	// reaches it once in 10,000 pictures.
	searchScore = 6.5
)

// sums is a table of the sums of all samples above and to the left.
type sums struct {
	width, height int
	table         []uint32
}

func newSums(p *image.Gray) *sums {
	width, height := min(searchSide, p.Rect.Dx()), min(searchSide, p.Rect.Dy())
	left, top := (p.Rect.Dx()-width)/2, (p.Rect.Dy()-height)/2
	s := &sums{width, height, make([]uint32, (width+1)*(height+1))}
	for y := range height {
		above, line := s.table[y*(width+1):], s.table[(y+1)*(width+1):]
		pix := p.Pix[(top+y)*p.Stride+left:]
		sum := uint32(0)
		for x := range width {
			sum += uint32(pix[x])
			line[x+1] = above[x+1] + sum
		}
	}
	return s
}

// at returns the sum to the left of and above a point within the picture, between pixels by interpolation.
func (s *sums) at(x, y float64) float64 {
	i, j := min(int(x), s.width-1), min(int(y), s.height-1)
	fx, fy := x-float64(i), y-float64(j)
	p := j*(s.width+1) + i
	a, b := float64(s.table[p]), float64(s.table[p+1])
	c, d := float64(s.table[p+s.width+1]), float64(s.table[p+s.width+2])
	return (a*(1-fx)+b*fx)*(1-fy) + (c*(1-fx)+d*fx)*fy
}

// means are the means of blocks, by rows.
type means struct {
	across, down int
	values       []float64
}

// fold is the sums of the block means of a part of a picture by their position in a turned mark, and what is known of them all.
type fold struct {
	sums, counts [markBlocks]float64
	variance     float64 // of one block mean
}

const (
	localSide  = 4  // blocks to each side of one that are its surroundings, in its row or its column
	outlierDev = 20 // levels from its surroundings from where on a block is not one of a carrier
)

// fold adds up the means by what they differ from their surroundings, so that a picture that is brighter on one side, or painted over in part, is
// read like others. Of the surroundings in the row and in the column, those count that are closer. The first block is at (column, row) of the mark.
func (m means) fold(column, row int) *fold {
	f := new(fold)
	if m.across <= 0 || m.down <= 0 {
		return f
	}
	local := make([]float64, 0, len(m.values)) // the means of the surroundings in the column
	sums := make([]float64, m.across)
	for j := range m.down + localSide {
		for i := range sums {
			if j < m.down {
				sums[i] += m.values[j*m.across+i]
			}
			if gone := j - 2*localSide - 1; gone >= 0 {
				sums[i] -= m.values[gone*m.across+i]
			}
		}
		if centre := j - localSide; centre >= 0 {
			n := float64(min(m.down, j+1) - max(0, centre-localSide))
			for _, sum := range sums {
				local = append(local, sum/n)
			}
		}
	}
	var squares float64
	for j := range m.down {
		line := m.values[j*m.across : (j+1)*m.across]
		at := mod(row+j) * markSide
		sum := 0.
		for _, v := range line[:min(localSide, m.across)] {
			sum += v
		}
		for i, v := range line {
			if k := i + localSide; k < m.across {
				sum += line[k]
			}
			if k := i - localSide - 1; k >= 0 {
				sum -= line[k]
			}
			d := v - sum/float64(min(m.across, i+localSide+1)-max(0, i-localSide))
			if e := v - local[j*m.across+i]; math.Abs(e) < math.Abs(d) {
				d = e
			}
			if math.Abs(d) > outlierDev {
				d = 0
			}
			p := at + mod(column+i)
			f.sums[p] += d
			f.counts[p]++
			squares += d * d
		}
	}
	f.variance = squares / float64(m.across*m.down)
	return f
}

// fold adds up the block means within window blocks around the anchor of l.
func (s *sums) fold(l lattice, window int) *fold {
	half := window / 2
	first := func(at, pitch float64) int { return max(-half, int(math.Ceil((pitch/2-at)/pitch))) }
	last := func(at, pitch float64, side int) int {
		return min(half, int(math.Floor((float64(side)-pitch/2-at)/pitch)))
	}
	i0, i1 := first(l.x, l.pitchX), last(l.x, l.pitchX, s.width)
	j0, j1 := first(l.y, l.pitchY), last(l.y, l.pitchY, s.height)
	m := means{across: i1 - i0 + 1, down: j1 - j0 + 1}
	if m.across <= 0 || m.down <= 0 || m.across*m.down < searchBlocks {
		return new(fold)
	}
	above, line := make([]float64, m.across+1), make([]float64, m.across+1)
	edges := func(dst []float64, y float64) {
		for i := range dst {
			dst[i] = s.at(max(0, min(float64(s.width), l.x+(float64(i+i0)-.5)*l.pitchX)), max(0, min(float64(s.height), y)))
		}
	}
	m.values = make([]float64, 0, m.across*m.down)
	edges(above, l.y+(float64(j0)-.5)*l.pitchY)
	area := l.pitchX * l.pitchY
	for j := j0; j <= j1; j++ {
		edges(line, l.y+(float64(j)+.5)*l.pitchY)
		for i := range m.across {
			m.values = append(m.values, (line[i+1]-line[i]-above[i+1]+above[i])/area)
		}
		above, line = line, above
	}
	return m.fold(l.column+i0, l.row+j0)
}

// mod returns i modulo the side of the mark.
func mod(i int) int {
	i %= markSide
	if i < 0 {
		i += markSide
	}
	return i
}

// score returns how far the sync of a mark that was turned is from chance, in standard deviations. known is the sync as syncOf returns it.
func (f *fold) score(known *[markBlocks]int8) float64 {
	var sum float64
	for p, s := range known {
		sum += float64(s) * f.sums[p]
	}
	return sum * f.scoreUnit()
}

// scoreUnit returns the inverse of the standard deviation of the sum over the sync positions, where the mark covers the picture evenly.
func (f *fold) scoreUnit() float64 {
	var n float64
	for _, c := range f.counts {
		n += c
	}
	if n == 0 || f.variance <= 0 {
		return 0
	}
	return 1 / math.Sqrt(n*f.variance*(markBlocks-headerBits)/markBlocks)
}

// syncOf returns the signs of the sync of a turned mark, zero elsewhere.
func syncOf(t turn) *[markBlocks]int8 {
	var known [markBlocks]int8
	for _, p := range theMark.order[headerBits:] {
		known[p] = theMark.mask[p]
	}
	s := new([markBlocks]int8)
	for p := range s {
		s[p] = known[t.source(p%markSide, p/markSide)]
	}
	return s
}

// spectrum is the two-dimensional discrete Fourier transform of a mark.
type spectrum [markBlocks]complex128

var roots = func() (r [markSide]complex128) {
	for i := range r {
		r[i] = cmplx.Rect(1, -2*math.Pi*float64(i)/markSide)
	}
	return r
}()

// transform replaces s by its Fourier transform, which is its own inverse but for the scale and the order of the frequencies.
func (s *spectrum) transform() {
	for range 2 { // along rows, and exchange rows and columns
		var t spectrum
		for y := range markSide {
			row := s[y*markSide : (y+1)*markSide]
			for u := range markSide {
				var sum complex128
				i := 0
				for _, v := range row {
					sum += v * roots[i]
					if i += u; i >= markSide {
						i -= markSide
					}
				}
				t[u*markSide+y] = sum
			}
		}
		*s = t
	}
}

// matcher correlates a fold with the sync of all turns, two of them in the real and imaginary parts of one spectrum.
type matcher [4]spectrum

func newMatcher() *matcher {
	m := new(matcher)
	for i := range m {
		a, b := syncOf(turns[2*i]), syncOf(turns[2*i+1])
		for p := range m[i] {
			m[i][p] = complex(float64(a[p]), float64(b[p]))
		}
		m[i].transform()
	}
	return m
}

// best returns the highest score of all turns and places of the mark.
func (m *matcher) best(f *fold) (score float64, t turn, column, row int) {
	var s spectrum
	for p, v := range f.sums {
		s[p] = complex(v, 0)
	}
	s.transform()
	unit := f.scoreUnit() / markBlocks
	for i := range m {
		var c spectrum
		for p := range c {
			c[p] = m[i][p] * cmplx.Conj(s[p])
		}
		// The transform in place of its inverse leaves the sum of sync(q - p) f(q) at p.
		c.transform()
		for p, v := range c {
			for k, value := range []float64{real(v), imag(v)} {
				if value*unit > score {
					score, t, column, row = value*unit, turns[2*i+k], p%markSide, p/markSide
				}
			}
		}
	}
	return score, t, mod(-column), mod(-row)
}

// search finds the mark in a picture that may have been scaled, cropped, turned and mirrored, and reads its header. It finds nothing once the context is cancelled.
func search(ctx context.Context, p *image.Gray) (header, lattice, bool) {
	m := newMatcher()
	s := newSums(p)
	var best lattice
	top := searchScore
	for pitch := searchMin; pitch <= searchMax && ctx.Err() == nil; pitch *= searchStep {
		for phase := range 4 {
			l := lattice{x: float64(s.width)/2 + pitch/2*float64(phase&1), y: float64(s.height)/2 + pitch/2*float64(phase>>1), pitchX: pitch, pitchY: pitch}
			f := s.fold(l, searchWindow)
			if f.variance == 0 {
				continue
			}
			if score, t, column, row := m.best(f); score > top {
				top, best = score, l
				best.turn, best.column, best.row = t, column, row
			}
		}
	}
	if top == searchScore {
		return header{}, lattice{}, false
	}
	best = s.refine(best, syncOf(best.turn))
	f := s.fold(best, 2*searchSide)
	h, ok := f.header(best.turn)
	return h, best, ok
}

// refine moves and stretches a lattice to the highest score, over larger and larger parts of the picture.
func (s *sums) refine(l lattice, known *[markBlocks]int8) lattice {
	for window := searchWindow; ; window *= 2 {
		score := func(l lattice) float64 { return s.fold(l, window).score(known) }
		top := score(l)
		for step := .5; step > .03; step /= 2 {
			for range 4 {
				from := top
				for _, move := range []lattice{{x: step}, {y: step}, {pitchX: step / float64(window)}, {pitchY: step / float64(window)}} {
					for _, sign := range []float64{1, -1} {
						m := l
						m.x += sign * move.x * l.pitchX
						m.y += sign * move.y * l.pitchY
						m.pitchX += sign * move.pitchX * l.pitchX
						m.pitchY += sign * move.pitchY * l.pitchY
						if v := score(m); v > top {
							top, l = v, m
						}
					}
				}
				if top == from {
					break
				}
			}
		}
		if float64(window)*min(l.pitchX, l.pitchY) > float64(max(s.width, s.height)) {
			return l
		}
	}
}

// header reads the header of a mark that was turned by t.
func (f *fold) header(t turn) (header, bool) {
	var plain fold
	for y := range markSide {
		for x := range markSide {
			p := t.source(x, y)
			plain.sums[p], plain.counts[p] = f.sums[y*markSide+x], f.counts[y*markSide+x]
		}
	}
	var amplitude, n float64
	for _, p := range theMark.order[headerBits:] {
		amplitude += plain.sums[p] * float64(theMark.mask[p])
		n += plain.counts[p]
	}
	if n == 0 {
		return header{}, false
	}
	amplitude /= n
	noise := f.variance - amplitude*amplitude
	if amplitude <= 0 || noise <= 0 {
		return header{}, false
	}
	for p := range plain.sums {
		plain.sums[p] *= 2 * amplitude / noise
	}
	return readHeader(&plain.sums)
}
