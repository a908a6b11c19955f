package network

import (
	"errors"
	"runtime"

	"enciphergan/internal/kernel"
	"enciphergan/internal/onnx"
)

// TooCostly reports whether an error says that a model exceeds its limits of work or memory.
func TooCostly(err error) bool {
	var cost *onnx.CostError
	return errors.As(err, &cost)
}

// limits bounds a graph by about twice the cost of a generator of the profile, so that a
// hostile model can exhaust neither memory nor processor time: its cost is known before
// anything is computed.
func (m *Model) limits(height, width int) onnx.Limits {
	lim := onnx.DefaultLimits()
	d := m.card.Definition
	work, memory := need(d.Encryption(), height, width)
	if layers, backwards := d.Decryption(); !backwards {
		w, b := need(layers, height, width)
		work, memory = max(work, w), max(memory, b)
	}
	const (
		fixed   = 8 << 20 // bytes
		perCore = 4 << 20 // of scratch
	)
	lim.Work = min(lim.Work, 2*work)
	lim.Memory = min(lim.Memory, 2*memory+fixed+perCore*int64(runtime.GOMAXPROCS(0)))
	return lim
}

// need returns an upper estimate of the cost of a generator.
func need(layers []Layer, height, width int) (work, memory int64) {
	const (
		passes    = 128 // of work for each element of a result, except convolutions
		scattered = 512 // where elements are rearranged, or there are many passes
		results   = 8   // as large as the largest, at a time
	)
	at, largest := shape{3, height, width}, int64(0)
	var each func(layers []Layer, s *shape)
	each = func(layers []Layer, s *shape) {
		for _, l := range layers {
			before := *s
			c := kernel.Conv{N: 1, C: before.c, H: before.h, W: before.w, M: l.Out, KH: l.Kernel, KW: l.Kernel, SH: l.Stride, SW: l.Stride, PT: l.Pad, PL: l.Pad, PB: l.Pad, PR: l.Pad, DH: 1, DW: 1}
			l.cost(s)
			elements := int64(s.c) * int64(s.h) * int64(s.w)
			largest = max(largest, elements)
			var k kernel.Cost
			perElement := int64(passes)
			switch l.Kind {
			case SpaceToDepth, DepthToSpace, KeyedPermutation, Coupling, Uniform:
				perElement = scattered
			case Conv2D:
				perElement = 0
				k = c.Cost(true)
			case Whitening, Rotation, KeyedMix:
				perElement = 0
				c.KH, c.KW, c.SH, c.SW = 1, 1, 1, 1
				k = c.Cost(l.Kind != KeyedMix)
			case ConvTranspose2D: // the gradient of a convolution of its result
				perElement = 0
				c.C, c.H, c.W, c.M = l.Out, s.h, s.w, l.In
				k = c.GradInputCost(true)
			}
			work += k.Work + perElement*elements
			memory += k.Packed
			for _, p := range l.parameters() {
				n := int64(4)
				for _, d := range p.Shape {
					n *= int64(d)
				}
				memory += n
			}
			switch l.Kind {
			case Residual:
				inner := before
				each(l.Branch, &inner)
			case Coupling:
				inner := shape{before.c / 2, before.h, before.w}
				each(l.Branch, &inner)
			}
		}
	}
	each(layers, &at)
	return work, memory + results*4*largest
}
