package codec

import (
	"context"
	"math"
)

// boundary holds, for each side n, round(4096 k cos((2y+1) u pi/(2n))) at [u*n+y], where k is 1 for u = 0 and sqrt 2 otherwise.
var boundary = func() (tables [sizes][]int64) {
	for s := range tables {
		n := minSide << s
		for u := range n {
			k := 4096 * math.Sqrt2
			if u == 0 {
				k = 4096
			}
			for y := range n {
				tables[s] = append(tables[s], int64(math.Round(k*cosine((2*y+1)*u*32/n))))
			}
		}
	}
	return tables
}()

const (
	stride     = maxSide + 4 // row length of the arrays of one block, which have a margin of 1 before and 3 after it
	unary      = 14          // magnitudes below this are coded in unary
	maxLevel   = 1 << 18     // largest magnitude of a level, which is a coefficient in units of the step
	rootTwo    = 1448        // sqrt 2 in 1/1024
	regression = 4095        // levels are clipped to this in the regression of one colour on another
	reach      = 8           // classes of how far the levels of a block reach
	reachLimit = .8          // a block reaches to the last coefficient above this part of the step
)

// fine, coarse and rough map a magnitude to a class. Thresholds grow as a geometric series.
var fine, coarse, rough = classes(5, 1, 47), classes(2, 2, 11), classes(1, 8, 11)

func classes(divisor, smallest, last int) (table [2048]uint8) {
	class, next := 0, 1
	for i := range table {
		if i >= next {
			class++
			next += max(smallest, next/divisor)
		}
		table[i] = uint8(min(class, last))
	}
	return table
}

func classOf(table *[2048]uint8, v int) int { return int(table[min(v, 2047)]) }

// signedClass maps a value in 1/1024 of the step to -11 to 11.
func signedClass(v int64) int {
	if v < 0 {
		return -int(coarse[min(-v>>7, 2047)])
	}
	return int(coarse[min(v>>7, 2047)])
}

// sign3 returns 0, 1 or 2 for a negative value, zero or a positive value.
func sign3(v int32) int {
	switch {
	case v < 0:
		return 0
	case v > 0:
		return 2
	}
	return 1
}

// expectation weighs what is known about a level into its expected magnitude, in 1/1024. The weights were fitted to photos by least squares.
type expectation struct {
	next, diagonal, second, knight    int // levels of the block at higher frequencies: distance (0,1); (1,1); (0,2); (1,2)
	same, lower, higher, corner       int // the blocks on the left and above, in quarters: at the same frequency and around it
	first, before, aroundBefore, base int // the same frequency of the first colour and of the colour before; the four around the latter; frequency itself
}

var expectations = [colours]expectation{
	{181, 125, 136, 73, 12, 6, 2, 3, 0, 0, 0, 563},
	{228, 145, 192, 54, 18, 6, 3, 3, 9, 0, 0, 158},
	{144, 86, 126, 29, 10, 4, 1, 2, 5, 147, 21, 86},
}

// ablation switches parts off, so that a test can measure what each adds.
type ablation struct {
	mixing, adjustment, edges, colour, neighbours, quantisation bool
	side                                                        int  // of all blocks, unless 0
	rgb, steady                                                 bool // no colour transform; constant lambda
}

// blockCoder codes the blocks of a picture in order, in either direction.
type blockCoder struct {
	rangeCoder
	c *Coefficients // the encoder reads Values, the decoder writes Values and Layout
	// decoded takes the Values that the decoder writes, in the encoder; may be nil.
	decoded *Coefficients
	step    float32
	// lambda is the squared error, in squared steps, that a bit is worth.
	lambda float32
	off    ablation

	magnitudes          [colours][]uint8 // of what was coded, in place
	leftSize, aboveSize []uint8          // sizes of the blocks coded last, for each 4 rows and columns
	leftReach           [colours][]uint8
	aboveReach          [colours][]uint8
	leftEdge, aboveEdge [colours][]int64    // the picture at the boundary of the blocks coded last, in 1/1024 of the step
	leftFit, aboveFit   [colours][][2]int64 // sums of products and squares, for the regression on the first colour

	magnitude, sign *mixer
	splits          [sizes][3]counter
	reaches         [colours][sizes][2*reach + 1][reach]counter
	lengths         [colours][4][20]counter
	mantissas       [20][4]counter

	// of the block being coded, in rows of stride
	levels              [colours][stride * stride]int32
	near                [colours][stride * stride]uint8 // their magnitudes, up to 255
	left, above, around [stride * stride]uint16         // magnitudes of the neighbours, in quarters, and their sum
	row, column         [maxSide]int64                  // what the neighbours' edges predict
}

func newBlockCoder(c *Coefficients, step float32) *blockCoder {
	b := &blockCoder{c: c, step: step}
	rows, columns := (c.Height+maxSide)/4, (c.Width+maxSide)/4
	b.leftSize, b.aboveSize = make([]uint8, rows), make([]uint8, columns)
	for i := range colours {
		b.magnitudes[i] = make([]uint8, c.Width*c.Height)
		b.leftReach[i], b.aboveReach[i] = make([]uint8, rows), make([]uint8, columns)
		b.leftEdge[i], b.aboveEdge[i] = make([]int64, 4*rows), make([]int64, 4*columns)
		b.leftFit[i], b.aboveFit[i] = make([][2]int64, rows), make([][2]int64, columns)
	}
	b.magnitude = newMixer(magnitudeTables[:], [2]int{colours * sizes * 3 * unary, 24 * unary}, [2]int{48 * unary, 64 * unary})
	b.sign = newMixer(signTables[:], [2]int{colours * 3 * sizes, 3}, [2]int{23, 3})
	fill(b.splits[:])
	for i := range colours {
		for j := range sizes {
			fill(b.reaches[i][j][:])
		}
		fill(b.lengths[i][:])
	}
	fill(b.mantissas[:])
	return b
}

func fill[T interface {
	[3]counter | [4]counter | [reach]counter | [20]counter
}](tables []T) {
	for i := range tables {
		for j := range len(tables[i]) {
			tables[i][j] = fresh
		}
	}
}

// single codes a bit with one counter.
func (b *blockCoder) single(c *counter, bit int) int {
	bit = b.bit(bit, c.probability())
	c.update(bit, 60)
	return bit
}

// picture codes all blocks. Before each row of them it calls row with its index, which may stop it.
func (b *blockCoder) picture(ctx context.Context, row func(i int)) error {
	for y := 0; y < b.c.Height; y += maxSide {
		if err := ctx.Err(); err != nil {
			return err
		}
		row(y / maxSide)
		for x := 0; x < b.c.Width; x += maxSide {
			b.node(x, y, sizes-1)
		}
	}
	return nil
}

func (b *blockCoder) rowsOfBlocks() int { return (b.c.Height + maxSide - 1) / maxSide }

// node codes one square: as a block, or as four squares of half its side.
func (b *blockCoder) node(x, y, size int) {
	if x >= b.c.Width || y >= b.c.Height {
		return
	}
	side := minSide << size
	cell, cells := y/4*(b.c.Width/4)+x/4, b.c.Width/4
	split := 1
	if x+side <= b.c.Width && y+side <= b.c.Height {
		split = 0
		if size > 0 {
			context := 0
			if x > 0 && int(b.leftSize[y/4]) < size {
				context++
			}
			if y > 0 && int(b.aboveSize[x/4]) < size {
				context++
			}
			if !b.decoding && int(b.c.Layout[cell]) < size {
				split = 1
			}
			split = b.single(&b.splits[size][context], split)
		}
	}
	if split == 1 {
		h := side / 2
		b.node(x, y, size-1)
		b.node(x+h, y, size-1)
		b.node(x, y+h, size-1)
		b.node(x+h, y+h, size-1)
		return
	}
	if b.decoding {
		for j := range side / 4 {
			for i := range side / 4 {
				b.c.Layout[cell+j*cells+i] = uint8(size)
			}
		}
	}
	for c := range colours {
		b.block(c, x, y, size)
	}
	for i := range side / 4 {
		b.leftSize[y/4+i], b.aboveSize[x/4+i] = uint8(size), uint8(size)
	}
}

// gather sets to to the magnitudes of the neighbour on the left or above at the frequencies of this block, in quarters.
// A neighbour of another side is read at the nearest frequencies; several are averaged.
func (b *blockCoder) gather(to *[stride * stride]uint16, c, x, y, n int, left bool) {
	for u := range n {
		clear(to[(u+1)*stride+1 : (u+1)*stride+1+n])
	}
	if left && x == 0 || !left && y == 0 || b.off.neighbours {
		return
	}
	w := b.c.Width
	for i := 0; i < n; {
		var m, from int
		if left {
			m = minSide << b.leftSize[(y+i)/4]
			from = ((y+i)&^(m-1))*w + x - m
		} else {
			m = minSide << b.aboveSize[(x+i)/4]
			from = (y-m)*w + (x+i)&^(m-1)
		}
		i += m
		magnitudes := b.magnitudes[c][from:]
		for u := range n {
			out := to[(u+1)*stride+1 : (u+1)*stride+1+n]
			switch {
			case m == n:
				for v, k := range magnitudes[u*w : u*w+n] {
					out[v] = 4 * uint16(k)
				}
			case m > n:
				r := m / n
				for v := range out {
					sum := 0
					for j := range r {
						for _, k := range magnitudes[(u*r+j)*w+v*r : (u*r+j)*w+v*r+r] {
							sum += int(k)
						}
					}
					out[v] = uint16(4 * sum / (r * r))
				}
			default:
				r := n / m
				for v := range out {
					out[v] += uint16(4 * int(magnitudes[u/r*w+v/r]) / r)
				}
			}
		}
	}
}

// The tables of the mixers: their numbers of contexts.
var (
	magnitudeTables = [...]int{
		colours * 48 * unary,
		colours * sizes * 64 * 12 * unary,
		colours * 12 * 12 * unary,
		colours * 4 * 4 * 3 * 4 * 8 * unary,
		colours * 12 * 12 * 12 * unary,
		colours * 12 * 12 * unary,
		colours * 12 * 12 * 8 * unary,
		colours * 12 * 64 * unary,
	}
	signTables = [...]int{
		colours * 3 * 23,
		colours * 3 * 23,
		colours * 9 * 3,
		colours * 243,
		colours * 64 * 9,
	}
)

// block codes one colour of one block.
func (b *blockCoder) block(c, x, y, size int) {
	n, w := minSide<<size, b.c.Width
	near, levels := &b.near[c], &b.levels[c]
	for u := range n + 4 {
		clear(near[u*stride : u*stride+n+4])
		clear(levels[u*stride : u*stride+n+4])
	}
	b.predictEdges(c, x, y, size)
	b.gather(&b.left, c, x, y, n, true)
	b.gather(&b.above, c, x, y, n, false)
	for u := range n + 2 {
		clear(b.around[u*stride : u*stride+n+2])
	}
	for u := 1; u <= n; u++ {
		for i := u*stride + 1; i <= u*stride+n; i++ {
			b.around[i] = b.left[i] + b.above[i]
		}
	}

	at := y*w + x
	last := b.reach(c, x, y, size)
	weights := &expectations[c]
	first, before := &b.near[0], &b.near[max(c-1, 0)]
	firstLevels := &b.levels[0]

	var oldProducts, oldSquares, products, squares int64
	if c > 0 {
		l, a := b.leftFit[c][y/4], b.aboveFit[c][x/4]
		oldProducts, oldSquares = (l[0]+a[0])/2, (l[1]+a[1])/2
	}
	total, coded := 0, 0
	var f features
	f.colour, f.size = c, size
	for d := last; d >= 0; d-- {
		base := weights.base*n/(n+8*d) - 10
		for u := max(0, d-n+1); u <= min(d, n-1); u++ {
			v := d - u
			i := (u+1)*stride + v + 1
			f.at = i
			next1, next2 := int(near[i+1]), int(near[i+stride])
			diagonal := int(near[i+stride+1])
			second := int(near[i+2]) + int(near[i+2*stride])
			knight := int(near[i+stride+2]) + int(near[i+2*stride+1])
			inside := weights.next*(next1+next2) + weights.diagonal*diagonal + weights.second*second + weights.knight*knight
			outside := weights.same*int(b.around[i]) +
				weights.lower*(int(b.around[i-1])+int(b.around[i-stride])) +
				weights.higher*(int(b.around[i+1])+int(b.around[i+stride])) +
				weights.corner*(int(b.around[i-stride-1])+int(b.around[i-stride+1])+int(b.around[i+stride-1])+int(b.around[i+stride+1]))
			var here, beside int
			colour := 0
			var byColour int64
			if c > 0 && !b.off.colour {
				here = int(before[i])
				beside = int(before[i+1]) + int(before[i-1]) + int(before[i+stride]) + int(before[i-stride])
				colour = weights.first*int(first[i]) + weights.before*here + weights.aroundBefore*beside
				if d > 0 && firstLevels[i] != 0 {
					byColour = int64(clip(firstLevels[i])) * ((oldProducts + products) << 10) / (oldSquares + squares + 4)
				}
			}

			// The value that the edges or the first colour predict, in 1/1024.
			var predicted int64
			prediction := int32(0) // subtracted from the level
			f.where = 0
			switch {
			case d == 0:
				f.where = 2
				switch {
				case x > 0 && y > 0:
					predicted = (b.row[0] + b.column[0]) / 2
				case x > 0:
					predicted = b.row[0]
				default:
					predicted = b.column[0]
				}
				prediction = int32(min(max((predicted+512)>>10, -maxLevel), maxLevel))
				predicted = 0
			case v == 0:
				f.where = 1
				predicted = b.row[u]
			case u == 0:
				f.where = 1
				predicted = b.column[v]
			case c > 0:
				predicted = byColour
			}
			if b.off.edges && f.where == 1 {
				predicted = 0
			}

			mean := max(inside+outside+colour+base, 0) >> 6 // in 1/16
			if d == 0 {
				mean = 2 * int(b.around[i])
			}
			fineMean, coarseMean := classOf(&fine, mean), classOf(&coarse, mean/2)
			frequency := 63
			if d > 0 && n >= 8 {
				frequency = u*8/n*8 + v*8/n
			} else if d > 0 {
				frequency = u*8 + v
			}
			f.predicted, f.byColour = signedClass(predicted), signedClass(byColour)
			density := 0
			if coded > 0 {
				density = classOf(&rough, total*16/coded)
			}
			outsideClass := classOf(&coarse, outside>>4)
			f.contexts = [...]int{
				c*48 + fineMean,
				((c*sizes+size)*64+frequency)*12 + coarseMean,
				(c*12+classOf(&coarse, inside>>6))*12 + outsideClass,
				((((c*4+min(next1, 3))*4+min(next2, 3))*3+min(diagonal, 2))*4+min(second, 3))*8 + min(outsideClass*2/3, 7),
				((c*12+classOf(&coarse, 8*here))*12+classOf(&coarse, 4*beside))*12 + coarseMean,
				(c*12+max(f.predicted, -f.predicted))*12 + coarseMean,
				((c*12+classOf(&coarse, 2*int(b.left[i])))*12+classOf(&coarse, 2*int(b.above[i])))*8 + min(classOf(&coarse, inside>>6)*2/3, 7),
				(c*12+density)*64 + min(d*16/n, 63),
			}
			if c == 0 {
				f.contexts[4] = (classOf(&coarse, 4*next1)*12+classOf(&coarse, 4*next2))*12 + coarseMean
			}
			f.mean, f.frequency = fineMean, frequency
			j := at + u*w + v
			value := b.level(&f, j, prediction)
			switch {
			case b.decoding:
				b.c.Values[c][j] = float32(float32(value) * b.step)
			case b.decoded != nil:
				b.decoded.Values[c][j] = float32(float32(value) * b.step)
			}
			levels[i] = value
			coded++
			if d == 0 {
				value -= prediction
			}
			k := int(min(max(value, -value), 255))
			near[i] = uint8(k)
			b.magnitudes[c][j] = uint8(k)
			if d == 0 {
				continue
			}
			total += k
			if value != 0 {
				if v > 0 {
					b.row[u] -= int64(value) * rootTwo
				}
				if u > 0 {
					b.column[v] -= int64(value) * rootTwo
				}
			}
			if c > 0 {
				t := int64(clip(firstLevels[i]))
				products += t * int64(clip(value))
				squares += t * t
			}
		}
	}
	// What lies beyond the reach is zero.
	for u := range n {
		if from := max(last-u+1, 0); from < n {
			clear(b.magnitudes[c][at+u*w+from : at+u*w+n])
		}
	}
	for i := range n / 4 {
		b.leftFit[c][y/4+i], b.aboveFit[c][x/4+i] = [2]int64{products, squares}, [2]int64{products, squares}
	}
	b.storeEdges(c, x, y, size)
}

func clip(v int32) int32 { return min(max(v, -regression), regression) }

// reach codes how far the levels of a block reach: the sum of the two frequencies of the last diagonal that is coded.
func (b *blockCoder) reach(c, x, y, size int) int {
	n, w := minSide<<size, b.c.Width
	class := 0
	if !b.decoding {
		last, limit := 0, reachLimit*b.step
		for u := range n {
			for v, e := range b.c.Values[c][(y+u)*w+x : (y+u)*w+x+n] {
				if (e > limit || e < -limit) && u+v > last {
					last = u + v
				}
			}
		}
		class = last * 4 / n
	}
	counters := &b.reaches[c][size][b.leftReach[c][y/4]+b.aboveReach[c][x/4]]
	node := 1
	for i := 2; i >= 0; i-- {
		node = node<<1 | b.single(&counters[node], class>>i&1)
	}
	class = node - reach
	for i := range n / 4 {
		b.leftReach[c][y/4+i], b.aboveReach[c][x/4+i] = uint8(class+1), uint8(class+1)
	}
	return min((class+1)*n/4-1, 2*n-2)
}

// predictEdges sets row and column: what the first level of each row (column) of the block would be, were all others of
// the row (column) zero, for the picture to continue over the block's left (upper) boundary.
func (b *blockCoder) predictEdges(c, x, y, size int) {
	n := minSide << size
	left, above := b.leftEdge[c][y:y+n], b.aboveEdge[c][x:x+n]
	for u := range n {
		var r, t int64
		for i, k := range boundary[size][u*n : u*n+n] {
			r += k * left[i]
			t += k * above[i]
		}
		b.row[u], b.column[u] = r>>12, t>>12
	}
}

// storeEdges stores the picture at the right and lower boundary of a block for its neighbours.
func (b *blockCoder) storeEdges(c, x, y, size int) {
	n := minSide << size
	var right, bottom [maxSide]int64
	for u := range n {
		for v, k := range b.levels[c][(u+1)*stride+1 : (u+1)*stride+1+n] {
			if k == 0 {
				continue
			}
			right[u] += int64(k) * alternating[min(v, 2-v&1)]
			bottom[v] += int64(k) * alternating[min(u, 2-u&1)]
		}
	}
	left, above := b.leftEdge[c][y:y+n], b.aboveEdge[c][x:x+n]
	clear(left)
	clear(above)
	for u := range n {
		r, t := right[u], bottom[u]
		if r == 0 && t == 0 {
			continue
		}
		for i, k := range boundary[size][u*n : u*n+n] {
			left[i] += k * r
			above[i] += k * t
		}
	}
	for i := range n {
		left[i] >>= 14 + size
		above[i] >>= 14 + size
	}
}

// alternating is the value of the basis functions at the far boundary, for frequency 0, odd and even ones, in 1/1024.
var alternating = [3]int64{1024, -rootTwo, rootTwo}
