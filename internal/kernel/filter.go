package kernel

import (
	"bytes"
	"unsafe"
)

// Filter keeps the weights of a convolution in the form that the kernel reads,
// from one call to the next: it packs them again only when they or the
// machine's backend changed. The zero value is ready. It serves one goroutine at a time.
type Filter struct {
	Constant bool // the weights never change, so that only the packed ones need be kept

	conv    Conv
	backend string
	w       []float32 // what packed was made of
	packed  []float32
}

// Conv2D is the function Conv2D, with weights packed before where they still are the same.
func (f *Filter) Conv2D(c Conv, x, w, bias, y []float32) {
	c.checkLengths(x, w, y)
	if f.packed == nil || f.conv != c || f.backend != active.name || !f.Constant && !bytes.Equal(raw(f.w), raw(w)) {
		f.conv, f.backend = c, active.name
		if !f.Constant {
			f.w = append(f.w[:0], w...)
		}
		if n := c.packedSize(); cap(f.packed) < n {
			f.packed = make([]float32, n)
		} else {
			f.packed = f.packed[:n]
		}
		c.pack(f.packed, w)
	}
	c.convolve(x, f.packed, bias, y)
}

func raw(s []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), 4*len(s))
}
