package kernel

import (
	"bytes"
	"unsafe"
)

// Filter is the plan of a convolution or of its input gradient, with its weights packed. It is
// made again only when the weights, the shape or the backend change. The zero value is ready
// to use. It serves one goroutine at a time, and either convolutions or gradients.
type Filter struct {
	Constant bool // the weights never change, so that only the packed ones are retained

	conv    Conv
	backend string
	forward *plan
	phases  *phasesPlan
	w       []float32 // the weights that were packed, unless Constant
}

// Conv2D computes Conv2D followed by the epilogue. w is nil after PackConv2D with the same c.
func (f *Filter) Conv2D(c Conv, x, w, bias, y []float32, epilogue Epilogue) {
	if w != nil {
		f.PackConv2D(c, w)
	}
	f.check(c)
	c.checkOperands(x, y)
	f.forward.run(x, bias, y, epilogue)
}

// PackConv2D packs w for Conv2D.
func (f *Filter) PackConv2D(c Conv, w []float32) {
	c.checkWeights(w)
	shape, weights := f.changed(c, w)
	if shape {
		f.forward = newPlan(c)
	}
	if weights {
		f.forward.pack(w)
	}
}

// GradInput computes Conv2DGradInput. w is nil after PackGradInput with the same c.
func (f *Filter) GradInput(c Conv, dy, w, dx []float32) {
	if w != nil {
		f.PackGradInput(c, w)
	}
	f.check(c)
	c.checkOperands(dx, dy)
	if f.forward != nil {
		f.forward.run(dy, nil, dx, Epilogue{})
	} else {
		f.phases.run(dy, dx)
	}
}

// PackGradInput packs w for GradInput.
func (f *Filter) PackGradInput(c Conv, w []float32) {
	c.checkWeights(w)
	shape, weights := f.changed(c, w)
	r, mirrored := c.mirrored()
	if shape {
		f.forward, f.phases = nil, nil
		if mirrored {
			f.forward = newPlan(r)
		} else {
			f.phases = newPhasesPlan(c)
		}
	}
	switch {
	case !weights:
	case mirrored:
		mirror := getScratch(len(w))
		c.mirrorWeights(*mirror, w)
		f.forward.pack(*mirror)
		putScratch(mirror)
	default:
		f.phases.pack(w)
	}
}

// changed reports whether the plan must be made and whether the weights must be packed, and records
// c and w.
func (f *Filter) changed(c Conv, w []float32) (shape, weights bool) {
	shape = f.forward == nil && f.phases == nil || f.conv != c || f.backend != active.name
	weights = shape || !f.Constant && !bytes.Equal(raw(f.w), raw(w))
	f.conv, f.backend = c, active.name
	if weights && !f.Constant {
		f.w = append(f.w[:0], w...)
	}
	return shape, weights
}

// check panics unless the plan is for c.
func (f *Filter) check(c Conv) {
	if f.conv != c || f.backend != active.name {
		panic("kernel: the filter has no weights packed for this shape or backend")
	}
}

func raw(s []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), 4*len(s))
}
