package kernel

import "enciphergan/internal/kernel/simd"

// Step is one step of FusedElementwise: a function of one operand, or an arithmetic
// operation on two. Its first operand is the result of the previous step.
type Step struct {
	binary   bool
	function simd.Map // of a unary step
	p        float32
	op       BinaryOp // of a binary step
	swapped  bool
	second   []float32
}

// Steps that apply the function of the same name.
var (
	StepExp     = Step{function: simd.Exp}
	StepTanh    = Step{function: simd.Tanh}
	StepSigmoid = Step{function: simd.Sigmoid}
	StepErf     = Step{function: simd.Erf}
)

// StepLeakyReLU returns a step that applies LeakyReLU.
func StepLeakyReLU(slope float32) Step {
	f, p, _ := leakyMap(slope)
	return Step{function: f, p: p}
}

// Binary reports whether the step has a second operand.
func (s Step) Binary() bool { return s.binary }

// Addition reports whether the step adds a tensor.
func (s Step) Addition() bool { return s.binary && s.op == Plus }

// LeakyReLU returns the slope of a step made by StepLeakyReLU; ok is false for others.
func (s Step) LeakyReLU() (slope float32, ok bool) {
	switch {
	case s.binary:
	case s.function == simd.Leaky:
		return s.p, true
	case s.function == simd.Larger:
		return 0, true
	}
	return 0, false
}

// StepScalar returns the step x op v, or v op x if swapped.
func StepScalar(op BinaryOp, v float32, swapped bool) Step {
	if swapped {
		return Step{function: swappedScalarMap[op], p: v}
	}
	return Step{function: scalarMap[op], p: v}
}

// StepTensor returns the binary step x op y, or y op x if swapped. WithOperand sets y.
func StepTensor(op BinaryOp, swapped bool) Step { return Step{binary: true, op: op, swapped: swapped} }

// WithOperand returns the binary step with y as its second operand.
func (s Step) WithOperand(y []float32) Step {
	s.second = y
	return s
}

// Swapped returns the binary step with its operands exchanged.
func (s Step) Swapped() Step {
	s.swapped = !s.swapped
	return s
}

// The vector kernels of each BinaryOp: x op v, v op x and x op y.
var (
	scalarMap        = [...]simd.Map{Plus: simd.Add, Minus: simd.Subtract, Times: simd.Scale, Over: simd.Divide}
	swappedScalarMap = [...]simd.Map{Plus: simd.Add, Minus: simd.From, Times: simd.Scale, Over: simd.Into}
	tensorPair       = [...]simd.Pair{Plus: simd.Plus, Minus: simd.Minus, Times: simd.Times, Over: simd.Over}
)

// fusedChunk is the number of elements that pass all steps at a time. They stay in the first-level cache.
const fusedChunk = 2048

// FusedElementwise applies the steps, each rounded, to every element of src. Intermediate results
// stay in the cache. dst may be src or an operand of a binary step.
func FusedElementwise(dst, src []float32, steps []Step) {
	elementwise(len(dst), func(lo, hi int) {
		part := getScratch(fusedChunk)
		for ; lo < hi; lo += fusedChunk {
			end := min(hi, lo+fusedChunk)
			x := src[lo:end]
			for i, s := range steps {
				y := (*part)[:end-lo]
				if i == len(steps)-1 {
					y = dst[lo:end]
				}
				s.apply(y, x, lo)
				x = y
			}
		}
		putScratch(part)
	})
}

// apply computes y from x, the parts of the tensors that start at element at.
func (s Step) apply(y, x []float32, at int) {
	if !s.binary {
		for i := mapVectors(s.function, x, y, s.p, 0); i < len(x); i++ {
			y[i] = mapOne(s.function, x[i], s.p)
		}
		return
	}
	a, b := x, s.second[at:][:len(x)]
	if s.swapped {
		a, b = b, a
	}
	for i := pairVectors(tensorPair[s.op], a, b, y); i < len(y); i++ {
		switch s.op {
		case Plus:
			y[i] = a[i] + b[i]
		case Minus:
			y[i] = a[i] - b[i]
		case Times:
			y[i] = a[i] * b[i]
		case Over:
			y[i] = a[i] / b[i]
		}
	}
}

// mapOne applies f with the parameter p to one element.
func mapOne(f simd.Map, v, p float32) float32 {
	switch f {
	case simd.Leaky:
		return leaky(v, p)
	case simd.Larger:
		return larger(v, p)
	case simd.Add:
		return v + p
	case simd.Subtract:
		return v - p
	case simd.From:
		return p - v
	case simd.Scale:
		return v * p
	case simd.Divide:
		return v / p
	case simd.Into:
		return p / v
	case simd.Exp:
		return exp(v)
	case simd.Tanh:
		return tanh(v)
	case simd.Sigmoid:
		return 1 / (1 + exp(-v))
	case simd.Erf:
		return erf(v)
	}
	panic("kernel: unknown function in a step")
}
