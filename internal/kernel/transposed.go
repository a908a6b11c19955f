package kernel

import "slices"

// phase is the part of a convolution's input whose bordered rows and columns leave the same
// remainder modulo the strides. The same taps read all its elements.
type phase struct {
	row, column   int   // the remainders
	top, left     int   // first bordered row and column of the phase, divided by the strides
	height, width int   // rows and columns of the phase
	taps          []int // kernel row * KW + kernel column
}

// phases lists the phases that have elements and are read by a tap, and reports whether taps read all phases.
func (c Conv) phases() (list []phase, all bool) {
	of := map[[2]int]int{}
	for tap := range c.KH * c.KW {
		row, column := tap/c.KW*c.DH%c.SH, tap%c.KW*c.DW%c.SW
		i, known := of[[2]int{row, column}]
		if !known {
			f := phase{row: row, column: column, top: max(0, c.PT-row+c.SH-1) / c.SH, left: max(0, c.PL-column+c.SW-1) / c.SW}
			f.height, f.width = last(c.PT+c.H, row, c.SH)-f.top+1, last(c.PL+c.W, column, c.SW)-f.left+1
			i = len(list)
			of[[2]int{row, column}] = i
			list = append(list, f)
		}
		list[i].taps = append(list[i].taps, tap)
	}
	all = len(list) == c.SH*c.SW
	return slices.DeleteFunc(list, func(f phase) bool { return f.height < 1 || f.width < 1 }), all
}

// last returns i/stride for the last i < n with i%stride == remainder, or -1 if there is none.
func last(n, remainder, stride int) int {
	if n <= remainder {
		return -1
	}
	return (n - 1 - remainder) / stride
}

// phasesPlan is the plan of the input gradient of a convolution, or of a transposed convolution, for
// any stride. Each phase is a convolution of dy, copied with a border of zeros, by the taps that read
// the phase. The order is one sum from 0 over (kernel row, kernel column, output channel).
type phasesPlan struct {
	Conv
	tile
	multiply blockKernel
	border   Conv // of dy
	padded   padded
	packed   []float32
	zeros    []float32
	phases   []phaseOf
	whole    bool // every element of dx is in a phase
	tasks    []phaseTask
	compute  func(task int)
	fill     func(n int)

	// Of the current run.
	dy, dx  []float32
	borders *[]float32
}

// phaseOf is a phase with the place of its packed weights and the offsets at which its taps read dy.
type phaseOf struct {
	phase
	packed  int
	offsets []int
}

type phaseTask struct {
	n, h0, h1 int // sample; rows [h0, h1) of the phase
	phase     int
}

// gradientBorder describes dy as an input whose pads are the border that dy is copied with: as far
// as the taps reach before it, and as far as dx extends beyond it.
func (c Conv) gradientBorder() Conv {
	oh, ow := c.OutH(), c.OutW()
	return Conv{N: c.N, C: c.M, H: oh, W: ow, M: c.C, KH: 1, KW: 1, SH: 1, SW: 1, DH: 1, DW: 1, Arithmetic: c.Arithmetic,
		PT: c.DH * (c.KH - 1) / c.SH, PB: max(0, (c.PT+c.H-1)/c.SH-oh+1),
		PL: c.DW * (c.KW - 1) / c.SW, PR: max(0, (c.PL+c.W-1)/c.SW-ow+1)}
}

func newPhasesPlan(c Conv) *phasesPlan {
	oh, ow, b := c.OutH(), c.OutW(), c.gradientBorder()
	ph, _ := b.bordered()
	p := &phasesPlan{Conv: c, tile: b.tile(), border: b, padded: b.padded(ph)}
	p.multiply = p.tile.of(c.Arithmetic)
	all := roundUp(c.C, p.rows)
	p.zeros = make([]float32, all)
	list, whole := c.phases()
	p.whole = whole
	size := 0
	for _, f := range list {
		o := phaseOf{phase: f, packed: size}
		for _, tap := range f.taps {
			kh, kw := tap/c.KW, tap%c.KW
			for m := range c.M {
				o.offsets = append(o.offsets, (m*p.padded.ph-kh*c.DH/c.SH+b.PT)*p.padded.pw-kw*c.DW/c.SW+b.PL)
			}
		}
		size += all * len(o.offsets)
		p.phases = append(p.phases, o)
	}
	p.packed = make([]float32, size)
	band := max(1, bandColumns/p.padded.pw)
	for n := range c.N {
		for i, f := range p.phases {
			for h := 0; h < f.height; h += band {
				p.tasks = append(p.tasks, phaseTask{n, h, min(f.height, h+band), i})
			}
		}
	}
	p.compute = p.computePhase
	p.fill = func(n int) {
		size := p.padded.size(c.M)
		p.border.fill(p.padded, (*p.borders)[n*size:(n+1)*size], p.dy[n*c.M*oh*ow:(n+1)*c.M*oh*ow], 0)
	}
	return p
}

// pack packs weights w (M, C, KH, KW) into panels whose rows are the channels C.
func (p *phasesPlan) pack(w []float32) {
	for _, f := range p.phases {
		k := len(f.offsets)
		panels := p.packed[f.packed:]
		for ch := range roundUp(p.C, p.rows) {
			panel := panels[ch/p.rows*p.rows*k+ch%p.rows:]
			for i, tap := range f.taps {
				for m := range p.M {
					v := float32(0)
					if ch < p.C {
						v = w[(m*p.C+ch)*p.KH*p.KW+tap]
					}
					panel[(i*p.M+m)*p.rows] = v
				}
			}
		}
	}
}

func (p *phasesPlan) run(dy, dx []float32) {
	p.dy, p.dx = dy, dx
	p.borders = getScratch(p.N * p.padded.size(p.M))
	parallel(p.N, p.fill)
	if !p.whole {
		clear(dx)
	}
	parallel(len(p.tasks), p.compute)
	putScratch(p.borders)
	p.dy, p.dx, p.borders = nil, nil, nil
}

// computePhase computes a band of rows of one phase.
func (p *phasesPlan) computePhase(task int) {
	t := p.tasks[task]
	f := &p.phases[t.phase]
	pw, all, k := p.padded.pw, roundUp(p.C, p.rows), len(f.offsets)
	ld := roundUp((t.h1-t.h0-1)*pw+f.width, p.cols)
	sum := getScratch(all * ld)
	size := p.padded.size(p.M)
	src := (*p.borders)[t.n*size : (t.n+1)*size]
	at := (f.top+t.h0)*pw + f.left
	_ = src[at+f.offsets[p.M-1]+ld-1] // the first tap reads furthest, but not beyond the slack
	p.multiply(all/p.rows, ld/p.cols, k, &p.packed[f.packed], p.rows*k, &src[at], p.cols, &f.offsets[0], &p.zeros[0], &(*sum)[0], ld)
	for ch := range p.C {
		for h := t.h0; h < t.h1; h++ {
			row := (f.top+h)*p.SH + f.row - p.PT
			column := f.left*p.SW + f.column - p.PL
			out := p.dx[((t.n*p.C+ch)*p.H+row)*p.W+column:][:(f.width-1)*p.SW+1]
			for j, v := range (*sum)[ch*ld+(h-t.h0)*pw:][:f.width] {
				out[j*p.SW] = v
			}
		}
	}
	putScratch(sum)
}
