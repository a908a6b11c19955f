package op

import (
	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Work is what a run of the operation that makes n takes, in the unit of kernel.Cost; 0 of a leaf.
func Work(n *gorgonia.Node) int64 {
	o, ok := n.Op().(*operation)
	if !ok {
		return 0
	}
	work := o.spec.Work
	if work == nil {
		work = moved
	}
	return o.spec.Cost.Work + work(o.reads, o.shape)
}

// Label gives the operation that makes n a text by which errors name it.
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

// moved is the work of reading all inputs and writing the result, element after element.
func moved(in []tensor.Shape, out tensor.Shape) int64 {
	n := int64(volume(out))
	for _, s := range in {
		n += int64(volume(s))
	}
	return kernel.PerElement * n
}

// function is that of a function of each element.
func function(in []tensor.Shape, out tensor.Shape) int64 {
	return moved(in, out) + kernel.PerFunction*int64(volume(out))
}

// scattered is that of picking each element of the result from somewhere.
func scattered(_ []tensor.Shape, out tensor.Shape) int64 {
	return kernel.PerRun * int64(volume(out))
}

// inRuns is that of copying to out runs of so many elements.
func inRuns(out tensor.Shape, run int) int64 {
	n := int64(volume(out))
	return 2*kernel.PerElement*n + kernel.PerRun*(n/int64(max(1, run)))
}

// planewise is that of an operation on the planes of (N, C, ...), passes times.
func planewise(passes int64) func(in []tensor.Shape, out tensor.Shape) int64 {
	return func(in []tensor.Shape, out tensor.Shape) int64 {
		return passes * (moved(in, out) + kernel.PerRun*int64(in[0][0])*int64(in[0][1]))
	}
}

// broadcasting is the work of arithmetic on shapes that broadcast, in runs along which each
// operand goes on or stays.
func broadcasting(of tensor.Dtype) func(in []tensor.Shape, out tensor.Shape) int64 {
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
		work := moved(in, out) + kernel.PerRun*int64(volume(out)/run)
		if of != tensor.Float32 {
			work += kernel.PerRun * int64(volume(out)) // division of integers
		}
		return work
	}
}
