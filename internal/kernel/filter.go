package kernel

import (
	"bytes"
	"unsafe"
)

// Filter keeps the plan of a convolution or of its input gradient, weights packed,
// from one call to the next: it is made anew only when they, the shape or the
// machine's backend changed. The zero value is ready. It serves one goroutine at a
// time, and one of its two methods.
type Filter struct {
	Constant bool // the weights never change, so that only the packed ones need be kept

	conv    Conv
	backend string
	forward *plan
	phases  *phasesPlan
	w       []float32 // what was packed
	mirror  []float32 // w for the input gradient by a convolution
}

// changed tells whether there is no plan for the shape, and whether the weights must be packed.
func (f *Filter) changed(c Conv, w []float32) (shape, weights bool) {
	shape = f.forward == nil && f.phases == nil || f.conv != c || f.backend != active.name
	weights = shape || !f.Constant && !bytes.Equal(raw(f.w), raw(w))
	f.conv, f.backend = c, active.name
	if weights && !f.Constant {
		f.w = append(f.w[:0], w...)
	}
	return shape, weights
}

// Conv2D is the function Conv2D, followed by after.
func (f *Filter) Conv2D(c Conv, x, w, bias, y []float32, after After) {
	c.checkLengths(x, w, y)
	shape, weights := f.changed(c, w)
	if shape {
		f.forward = newPlan(c)
	}
	if weights {
		f.forward.pack(w)
	}
	f.forward.run(x, bias, y, after)
}

// GradInput is Conv2DGradInput.
func (f *Filter) GradInput(c Conv, dy, w, dx []float32) {
	c.checkLengths(dx, w, dy)
	shape, weights := f.changed(c, w)
	if shape {
		f.forward, f.phases = nil, nil
		if r, ok := c.mirrored(); ok {
			f.forward, f.mirror = newPlan(r), make([]float32, len(w))
		} else {
			f.phases = newPhasesPlan(c)
		}
	}
	switch {
	case weights && f.forward != nil:
		c.mirrorWeights(f.mirror, w)
		f.forward.pack(f.mirror)
	case weights:
		f.phases.pack(w)
	}
	if f.forward != nil {
		f.forward.run(dy, nil, dx, After{})
	} else {
		f.phases.run(dy, dx)
	}
}

func raw(s []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), 4*len(s))
}
