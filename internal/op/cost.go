package op

import (
	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Work returns the work of one run of the operation that computes n, in the unit of kernel.Cost.
// It is 0 for a leaf.
func Work(n *gorgonia.Node) int64 {
	o, ok := n.Op().(*operation)
	if !ok {
		return 0
	}
	work := o.spec.Work
	if work == nil {
		work = passWork
	}
	return o.spec.Cost.Work + work(o.reads, o.shape)
}

// Label sets the text with which errors name the operation that computes n.
func Label(n *gorgonia.Node, text string) {
	if o, ok := n.Op().(*operation); ok {
		o.label = text
	}
}

// describe returns the name of the operation for errors.
func (o *operation) describe() string {
	if o.label == "" {
		return o.spec.Name
	}
	return o.label + ": " + o.spec.Name
}

// passWork returns the work of reading all inputs and writing the result in order.
func passWork(in []tensor.Shape, out tensor.Shape) int64 {
	n := int64(volume(out))
	for _, s := range in {
		n += int64(volume(s))
	}
	return kernel.PerElement * n
}

// functionWork returns the work of applying a function to each element.
func functionWork(in []tensor.Shape, out tensor.Shape) int64 {
	return passWork(in, out) + kernel.PerFunction*int64(volume(out))
}

// scatterWork returns the work of reading each element of the result from an arbitrary position.
func scatterWork(_ []tensor.Shape, out tensor.Shape) int64 {
	return kernel.PerRun * int64(volume(out))
}

// runsWork returns the work of copying out in runs of run elements.
func runsWork(out tensor.Shape, run int) int64 {
	n := int64(volume(out))
	return 2*kernel.PerElement*n + kernel.PerRun*(n/int64(max(1, run)))
}

// planesWork returns the work of passes over all planes of inputs (N, C, ...).
func planesWork(passes int64) func(in []tensor.Shape, out tensor.Shape) int64 {
	return func(in []tensor.Shape, out tensor.Shape) int64 {
		return passes * (passWork(in, out) + kernel.PerRun*int64(in[0][0])*int64(in[0][1]))
	}
}

// broadcastWork returns the work of arithmetic on shapes that broadcast. Along a run, each
// operand either advances or repeats.
func broadcastWork(of tensor.Dtype) func(in []tensor.Shape, out tensor.Shape) int64 {
	return func(in []tensor.Shape, out tensor.Shape) int64 {
		run, goes := 1, [2]int{-1, -1}
		for d := len(out) - 1; d >= 0; d-- {
			if out[d] == 1 {
				continue
			}
			now := goes
			for i, s := range in {
				now[i] = 0
				if at := d - len(out) + len(s); at >= 0 && s[at] != 1 {
					now[i] = 1
				}
			}
			if goes[0] >= 0 && now != goes {
				break
			}
			goes = now
			run *= out[d]
		}
		work := passWork(in, out) + kernel.PerRun*int64(volume(out)/run)
		if of != tensor.Float32 {
			work += kernel.PerRun * int64(volume(out)) // division of integers
		}
		return work
	}
}
