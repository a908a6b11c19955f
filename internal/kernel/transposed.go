package kernel

import (
	"slices"

	"enciphergan/internal/kernel/simd"
)

// phase is the part of the elements of a convolution's input whose bordered row
// and column leave the same remainder by the strides: the same taps read them.
type phase struct {
	row, column   int   // the remainders
	top, left     int   // the steps of output, before the reach of a tap is taken off, of its first row and column
	height, width int   // its rows and columns
	taps          []int // kernel row * KW + kernel column
}

// phases lists those that a tap reads, and tells whether they are all.
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

// last is the step of the last of n elements that leaves the remainder, -1 where there is none.
func last(n, remainder, stride int) int {
	if n <= remainder {
		return -1
	}
	return (n - 1 - remainder) / stride
}

// byPhases is Conv2DGradInput for any stride. Each tap of a phase is a product of
// its weights and a shifted dy, written out with a border of zeros. Order: for
// each tap the sum over output channels, from 0; then these over the taps, by
// kernel row and column.
func (c Conv) byPhases(dy, w, dx []float32) {
	oh, ow := c.OutH(), c.OutW()
	reach := [2]int{c.DH * (c.KH - 1) / c.SH, c.DW * (c.KW - 1) / c.SW}
	bordered := Conv{N: c.N, C: c.M, H: oh, W: ow, M: c.C, KH: 1, KW: 1, SH: 1, SW: 1, DH: 1, DW: 1,
		PT: reach[0], PB: max(0, (c.PT+c.H-1)/c.SH-oh+1), PL: reach[1], PR: max(0, (c.PL+c.W-1)/c.SW-ow+1)}
	p := bordered.padded()
	size := p.size(c.M)
	xs := borrow(c.N * size)
	parallel(c.N, func(n int) { bordered.fill(p, (*xs)[n*size:(n+1)*size], dy[n*c.M*oh*ow:]) })

	rows, cols, all := active.rows, active.cols, packedRows(c.C)
	taps := c.KH * c.KW
	packed := borrow(taps * all * c.M)
	parallel(taps, func(t int) {
		packA((*packed)[t*all*c.M:(t+1)*all*c.M], c.C, c.M, Matrix{w[t:], taps, c.taps()})
	})
	offsets := make([]int, c.M)
	for m := range offsets {
		offsets[m] = m * p.ph * p.pw
	}
	zeros := borrow(all)
	clear(*zeros)
	type task struct {
		n, h0, h1 int // rows of the phase
		phase
	}
	var tasks []task
	band := max(1, bandColumns/p.pw)
	phases, whole := c.phases()
	if !whole {
		clear(dx)
	}
	for n := range c.N {
		for _, f := range phases {
			for h := 0; h < f.height; h += band {
				tasks = append(tasks, task{n, h, min(f.height, h+band), f})
			}
		}
	}
	parallel(len(tasks), func(i int) {
		t := tasks[i]
		ld := roundUp((t.h1-t.h0-1)*p.pw+t.width, cols)
		sum, product := borrow(all*ld), borrow(all*ld)
		src := (*xs)[t.n*size : (t.n+1)*size]
		for i, tap := range t.taps {
			y := *product
			if i == 0 {
				y = *sum
			}
			kh, kw := tap/c.KW, tap%c.KW
			at := (t.top+t.h0-kh*c.DH/c.SH+reach[0])*p.pw + t.left - kw*c.DW/c.SW + reach[1]
			_ = src[at+offsets[c.M-1]+ld-1] // inside the slack
			active.block(all/rows, ld/cols, c.M, &(*packed)[tap*all*c.M], rows*c.M, &src[at], cols, &offsets[0], &(*zeros)[0], &y[0], ld)
			if i > 0 {
				for i := paired(simd.Plus, *sum, y, *sum); i < len(y); i++ {
					(*sum)[i] += y[i]
				}
			}
		}
		for ch := range c.C {
			for h := t.h0; h < t.h1; h++ {
				row := (t.top+h)*c.SH + t.row - c.PT
				column := t.left*c.SW + t.column - c.PL
				out := dx[((t.n*c.C+ch)*c.H+row)*c.W+column:][:(t.width-1)*c.SW+1]
				for j, v := range (*sum)[ch*ld+(h-t.h0)*p.pw:][:t.width] {
					out[j*c.SW] = v
				}
			}
		}
		release(product)
		release(sum)
	})
	release(zeros)
	release(packed)
	release(xs)
}
