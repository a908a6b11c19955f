package kernel

import "runtime"

// Cost is the cost of an operation, computed from shapes before anything is allocated.
type Cost struct {
	Work    int64    // of a run, in units explained at PerElement
	Packed  int64    // bytes retained from the first run on: packed weights and plans
	Buffers []Buffer // scratch memory of a run
}

// Buffer is scratch memory: Count slices of Floats elements at a time.
type Buffer struct{ Floats, Count int }

// The unit of Work is a multiply-add of a convolution, some 10 ps on one core with vectors.
// Other work costs the time it takes in that unit, or up to four times less on some machines.
// Costs are equal on every machine, so that a model is too expensive everywhere or nowhere.
const (
	PerElement  = 8   // an element read or written next to the previous one
	PerFunction = 64  // an element passed to a function that has no vector kernel, or many steps
	PerRun      = 256 // a run of elements at an arbitrary address, however short
)

// Work is counted in tiles of costRows x costColumns; sizes are rounded up to them.
const (
	costRows    = 8
	costColumns = 32
)

// costM returns the rows that m outputs cost.
func costM(m int) int64 {
	if m <= costRows/2 {
		return costRows / 2
	}
	return int64(roundUp(m, costRows))
}

// productInts multiplies in int64, up to maxWork. The sizes of a valid shape and the elements of a
// tensor are at most 2^28, but work is not.
func productInts(factors ...int) int64 {
	n := int64(1)
	for _, f := range factors {
		if f != 0 && n > maxWork/int64(f) {
			return maxWork
		}
		n *= int64(f)
	}
	return n
}

// maxWork is above any limit, and sums of several do not overflow.
const maxWork = 1 << 56

// perTask returns the buffers of tasks that each need one. At most one task per core runs at a time.
func perTask(tasks, floats int) Buffer {
	return Buffer{floats, min(tasks, runtime.GOMAXPROCS(0))}
}

// blockBuffer is the scratch memory that block kernels of some machines take for each task.
const blockBuffer = 1 << 14

// Cost returns the cost of Filter.Conv2D, with constant weights or not. c must be valid.
func (c Conv) Cost(constant bool) Cost {
	weights := c.M * c.taps()
	t := c.tile()
	k := Cost{Work: productInts(weights, 4*PerElement)} // to pack them
	if !constant {
		k.Packed = 4 * int64(weights)
	}
	k.Packed += 4 * int64(c.packedSize())
	rows := costM(c.M)
	switch {
	case c.winograd():
		w := c.tiles(costRows, costColumns)
		parts := productInts(c.N, w.bands, winogradParts, w.ld)
		k.Work += sum(product(parts, rows, int64(c.C)), product(parts, int64(c.C+c.M), PerElement))
		w = c.tiles(t.rows, t.cols)
		tasks, lines := c.N*w.bands, winogradOutput*roundUp(winogradOutput*w.band+2, winogradOutput)*(w.across+1)
		for _, floats := range []int{lines, lines, winogradParts * 16, winogradParts * w.part, winogradParts * w.filters * w.ld} {
			k.Buffers = append(k.Buffers, perTask(tasks, floats))
		}
		k.Packed += 8 * int64(c.C)
	case c.pointwise():
		k.Work += c.rowsWork()
		k.Packed += 8 * int64(c.C)
		k.Buffers = append(k.Buffers, perTask(c.N*((c.H*c.W+bandColumns-1)/bandColumns), blockBuffer))
	default:
		k.Work += c.rowsWork()
		k.Packed += 8 * int64(c.taps())
		band, bands := c.rowBands(t.rows)
		p := c.planes((band-1)*c.SH + c.reach())
		ld := roundUp((band-1)*p.pw+c.OutW(), t.cols)
		for _, floats := range []int{p.size(c.C), roundUp(c.M, t.rows) * ld, blockBuffer} {
			k.Buffers = append(k.Buffers, perTask(c.N*bands, floats))
		}
	}
	return k
}

// rowsWork returns the work of a convolution in bands of rows. A pointwise one takes no more.
func (c Conv) rowsWork() int64 {
	band, bands := c.rowBands(costRows)
	p := c.planes((band-1)*c.SH + c.reach())
	rows, ld := costM(c.M), roundUp((band-1)*p.pw+c.OutW(), costColumns)
	return product(productInts(c.N, bands), sum(product(rows, productInts(c.taps(), ld)), product(PerElement, int64(p.size(c.C)-p.slack)), product(PerElement, rows, int64(ld))))
}

// GradInputCost returns the cost of Filter.GradInput, with constant weights or not. c must be valid.
func (c Conv) GradInputCost(constant bool) Cost {
	weights := c.M * c.taps()
	if r, mirrored := c.mirrored(); mirrored {
		k := r.Cost(constant)
		k.Buffers = append(k.Buffers, Buffer{weights, 1})
		return k
	}
	b := c.gradientBorder()
	ph, _ := b.bordered()
	t, p := b.tile(), b.planes(ph)
	height := (c.H + c.SH - 1) / c.SH // of a phase, at most
	width := (c.W + c.SW - 1) / c.SW
	phases := min(c.SH, c.KH) * min(c.SW, c.KW)
	band := max(1, bandColumns/p.pw)
	columns := roundUp(min(band, height)*p.pw, costColumns)
	bands := (height + band - 1) / band
	k := Cost{
		Work: sum(productInts(weights, 4*PerElement),
			product(productInts(c.N, bands, columns), costM(c.C), productInts(c.M, c.KH, c.KW)),
			product(PerElement, productInts(c.N, p.size(c.M)-p.slack)),
			productInts(PerFunction, c.N, c.C, c.H, c.W),
			productInts(PerRun, c.N, phases, c.C, height)),
		Packed: sum(4*productInts(roundUp(c.C, t.rows), c.M, c.KH*c.KW), 8*productInts(c.M, c.KH*c.KW), 128*int64(phases), 32*productInts(c.N, phases, bands)),
		Buffers: []Buffer{{int(productInts(c.N, p.size(c.M))), 1}, perTask(c.N*phases*bands, roundUp(c.C, t.rows)*roundUp((min(band, height)-1)*p.pw+width, t.cols)),
			perTask(c.N*phases*bands, blockBuffer)},
	}
	if !constant {
		k.Packed += 4 * int64(weights)
	}
	return k
}

// MatMulCost returns the cost of MatMul.
func MatMulCost(batches, m, n, k int) Cost {
	one := sum(product(costM(m), productInts(k, roundUp(n, costColumns))), product(2*PerElement, sum(productInts(m, k), productInts(k, n), productInts(m, n))), PerRun)
	rows, cols := active.wide.rows, active.wide.cols
	panels := min((n+cols-1)/cols, 32)
	return Cost{
		Work: product(int64(batches), one),
		// The last buffer counts aOffsets and bOffsets, two words per batch.
		Buffers: []Buffer{{roundUp(m, rows) * k, 1}, perTask((n+cols-1)/cols, panels*cols*min(k, depth)), perTask((n+cols-1)/cols, rows*cols), {4 * batches, 1}},
	}
}

func product(factors ...int64) int64 {
	n := int64(1)
	for _, f := range factors {
		if f != 0 && n > maxWork/f {
			return maxWork
		}
		n *= f
	}
	return n
}

func sum(terms ...int64) int64 {
	var n int64
	for _, t := range terms {
		n = min(maxWork, n+t)
	}
	return n
}

// Scratch adds up the scratch memory of operations that run one after another: for each size class,
// the most that one of them needs. A buffer is reused only within its size class, until garbage is
// collected.
type Scratch struct{ max [8 * 64]int64 }

// Add adds an operation.
func (s *Scratch) Add(buffers []Buffer) {
	var own [8 * 64]int64
	for _, b := range buffers {
		if b.Floats > 0 {
			class, size := sizeClass(b.Floats)
			own[class] += 4 * productInts(size, b.Count)
		}
	}
	for class, n := range own {
		s.max[class] = max(s.max[class], n)
	}
}

// Bytes returns the sum over all size classes.
func (s *Scratch) Bytes() int64 { return sum(s.max[:]...) }
