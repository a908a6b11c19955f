package kernel

import "enciphergan/internal/kernel/simd"

// Epilogue is applied to the outputs of a convolution while they are in the cache:
// y = leaky(y + Add). The zero value does nothing.
type Epilogue struct {
	Add   []float32 // of the shape of y; nil adds nothing
	Leaky bool
	Slope float32 // of the negative side of LeakyReLU, 0 <= Slope < 1
}

// apply applies the epilogue to y, the part of the output that starts at element at.
func (a Epilogue) apply(y []float32, at int) {
	if a.Add != nil {
		add := a.Add[at:][:len(y)]
		for i := pairVectors(simd.Plus, y, add, y); i < len(y); i++ {
			y[i] += add[i]
		}
	}
	if a.Leaky {
		f, p, one := leakyMap(a.Slope)
		for i := mapVectors(f, y, y, p, 0); i < len(y); i++ {
			y[i] = one(y[i], p)
		}
	}
}

// plan is a convolution that is ready to run: weights are packed and all that depends on
// shapes alone is computed, so that a run allocates nothing.
type plan struct {
	Conv
	tile
	multiply blockKernel
	packed   []float32
	offsets  []int // of the taps, or channels, in the input
	tasks    int
	compute  func(task int) // one of the methods below

	padded      padded
	band, bands int // rows of output, or positions, in a task; tasks in a sample
	tiled       tiled

	// Of the current run.
	x, y     []float32
	start    []float32 // bias for every packed row
	epilogue Epilogue
}

// newPlan returns the plan of c, to be packed.
func newPlan(c Conv) *plan {
	p := &plan{Conv: c, tile: c.tile()}
	p.multiply = p.tile.of(c.Arithmetic)
	p.packed = make([]float32, c.packedSize())
	p.start = make([]float32, roundUp(c.M, p.rows))
	switch {
	case c.winograd():
		p.planTiles()
		p.compute = p.computeTiles
	case c.pointwise():
		p.offsets = make([]int, c.C)
		for i := range p.offsets {
			p.offsets[i] = i * c.H * c.W
		}
		p.band = roundUp(bandColumns, p.cols)
		p.bands = (c.H*c.W + p.band - 1) / p.band
		p.tasks = c.N * p.bands
		p.compute = p.computePoints
	default:
		p.planRows()
		p.compute = p.computeRows
	}
	return p
}

// packedSize returns the number of elements that pack writes.
func (c Conv) packedSize() int {
	rows := roundUp(c.M, c.tile().rows)
	if c.winograd() {
		return winogradParts * rows * c.C
	}
	return rows * c.taps()
}

// pack packs the weights for the kernels.
func (p *plan) pack(w []float32) {
	if p.winograd() {
		p.packWinograd(p.packed, w)
	} else {
		packA(p.packed, p.M, p.taps(), RowMajor(w, p.taps()), p.rows)
	}
}

// run computes y = epilogue(w * x + bias). bias has M elements or is nil.
func (p *plan) run(x, bias, y []float32, epilogue Epilogue) {
	p.x, p.y, p.epilogue = x, y, epilogue
	clear(p.start[copy(p.start, bias):])
	parallel(p.tasks, p.compute)
	p.x, p.y, p.epilogue = nil, nil, Epilogue{}
}

// bandColumns is the number of output columns that a task computes: enough to pay for its
// overhead, few enough to stay in the cache.
const bandColumns = 1024

// computePoints computes a band of a pointwise convolution in place.
func (p *plan) computePoints(task int) {
	positions := p.H * p.W
	n, j := task/p.bands, task%p.bands*p.band
	columns := min(p.band, positions-j)
	x, y := p.x[n*p.C*positions:(n+1)*p.C*positions], p.y[n*p.M*positions:(n+1)*p.M*positions]
	p.multiply(p.M/p.rows, columns/p.cols, p.C, &p.packed[0], p.rows*p.C, &x[j], p.cols, &p.offsets[0], &p.start[0], &y[j], positions)
	if p.epilogue.Leaky || p.epilogue.Add != nil {
		for m := range p.M {
			p.epilogue.apply(y[m*positions+j:][:columns], (n*p.M+m)*positions+j)
		}
	}
}

// A band of rows is bounded so that it stays in cache, in floats of the bordered
// input and of the result.
const (
	bandInput  = 300_000
	bandResult = 300_000
)

// planRows plans bands of rows of a convolution that reads its bordered input in place.
func (p *plan) planRows() {
	p.band, p.bands = p.rowBands(p.rows)
	p.padded = p.Conv.padded((p.band-1)*p.SH + p.reach())
	p.offsets = p.Conv.offsets(p.padded)
	p.tasks = p.N * p.bands
}

// rowBands returns the output rows of a task and the tasks of a sample, for tiles of the given rows.
func (c Conv) rowBands(rows int) (band, bands int) {
	oh, width := c.OutH(), c.W+c.PL+c.PR
	band = (bandInput/(c.C*width)-c.reach())/c.SH + 1
	band = min(oh, max(1, min(band, bandResult*c.SW/(roundUp(c.M, rows)*width))))
	bands = (oh + band - 1) / band
	band = (oh + bands - 1) / bands
	return band, (oh + band - 1) / band
}

// reach returns the number of input rows that a row of output reads.
func (c Conv) reach() int { return c.DH*(c.KH-1) + 1 }

// computeRows computes a band of rows.
func (p *plan) computeRows(task int) {
	oh, ow, k, pw := p.OutH(), p.OutW(), p.taps(), p.padded.pw
	n, h0 := task/p.bands, task%p.bands*p.band
	h1 := min(oh, h0+p.band)
	ld := roundUp((h1-h0-1)*pw+ow, p.cols)
	all := roundUp(p.M, p.rows)
	input, result := getScratch(p.padded.size(p.C)), getScratch(all*ld)
	p.Conv.fill(p.padded, *input, p.x[n*p.C*p.H*p.W:(n+1)*p.C*p.H*p.W], h0*p.SH)
	// The last tap of the last panel ends inside the slack.
	_, _ = (*input)[p.padded.last+ld-1], p.packed[all*k-1]
	p.multiply(all/p.rows, ld/p.cols, k, &p.packed[0], p.rows*k, &(*input)[0], p.cols, &p.offsets[0], &p.start[0], &(*result)[0], ld)
	for m := range p.M {
		at := ((n*p.M+m)*oh + h0) * ow
		y := p.y[at:][:(h1-h0)*ow]
		for h := range h1 - h0 {
			copy(y[h*ow:(h+1)*ow], (*result)[m*ld+h*pw:])
		}
		p.epilogue.apply(y, at)
	}
	putScratch(result)
	putScratch(input)
}
