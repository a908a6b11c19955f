package kernel

import "enciphergan/internal/kernel/simd"

// Link is a step of a Chain: a function of the element that the step before made,
// or an operation on that and on the element of another tensor.
type Link struct {
	pair     bool
	function simd.Map
	p        float32
	op       BinaryOp
	swapped  bool
	second   []float32
}

// The links of functions; see those of the same name.
var (
	LinkExp     = Link{function: simd.Exp}
	LinkTanh    = Link{function: simd.Tanh}
	LinkSigmoid = Link{function: simd.Sigmoid}
	LinkErf     = Link{function: simd.Erf}
)

// LinkLeakyReLU is LeakyReLU.
func LinkLeakyReLU(slope float32) Link {
	f, p, _ := leakyMap(slope)
	return Link{function: f, p: p}
}

// Pair says whether the link is an operation on two tensors.
func (l Link) Pair() bool { return l.pair }

// LinkNumber is x op v, or with first v op x.
func LinkNumber(op BinaryOp, v float32, first bool) Link {
	l := Link{function: numberSecond[op], p: v}
	if first {
		l.function = numberFirst[op]
	}
	return l
}

// LinkTensor is x op y, or with first y op x, for the tensor y that With gives it.
func LinkTensor(op BinaryOp, first bool) Link { return Link{pair: true, op: op, swapped: first} }

// With is the link with its tensor.
func (l Link) With(y []float32) Link {
	l.second = y
	return l
}

// Swapped is a LinkTensor with its operands exchanged.
func (l Link) Swapped() Link {
	l.swapped = !l.swapped
	return l
}

// The maps that do what BinaryOp does with a number.
var (
	numberSecond = [...]simd.Map{Plus: simd.Add, Minus: simd.Subtract, Times: simd.Scale, Over: simd.Divide}
	numberFirst  = [...]simd.Map{Plus: simd.Add, Minus: simd.From, Times: simd.Scale, Over: simd.Into}
	pairsOf      = [...]simd.Pair{Plus: simd.Plus, Minus: simd.Minus, Times: simd.Times, Over: simd.Over}
)

// chainPart is how many elements go through all links at a time: they stay in the first-level cache.
const chainPart = 2048

// Chain sends every element of src through the links, one rounded step each, so
// that only src, the links' tensors and dst pass through memory. dst may be src or a tensor of a link.
func Chain(dst, src []float32, links []Link) {
	elementwise(len(dst), func(lo, hi int) {
		part := borrow(chainPart)
		for ; lo < hi; lo += chainPart {
			end := min(hi, lo+chainPart)
			x := src[lo:end]
			for i, l := range links {
				y := (*part)[:end-lo]
				if i == len(links)-1 {
					y = dst[lo:end]
				}
				l.apply(y, x, lo)
				x = y
			}
		}
		release(part)
	})
}

// apply computes y of x, which begin with element at of the tensors.
func (l Link) apply(y, x []float32, at int) {
	if !l.pair {
		for i := mapped(l.function, x, y, l.p, 0); i < len(x); i++ {
			y[i] = mapOne(l.function, x[i], l.p)
		}
		return
	}
	a, b := x, l.second[at:][:len(x)]
	if l.swapped {
		a, b = b, a
	}
	for i := paired(pairsOf[l.op], a, b, y); i < len(y); i++ {
		switch l.op {
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

// mapOne is a simd.Map of one number for one element.
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
	panic("kernel: a link of an unknown function")
}
