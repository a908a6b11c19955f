package onnx

import (
	"maps"
	"math"
	"slices"

	"gorgonia.org/tensor"

	"enciphergan/internal/kernel"
)

// fusedGather is the operator, not one of ONNX, that rewrite puts in the place
// of a permutation within rows; its inputs are the tensor, the shape of the rows and the index.
const fusedGather = "GatherRows"

// fusedConv is a convolution and what follows it: its inputs are those of Conv, the
// bias possibly absent, and then a tensor that is added; fusedSlope is the slope of a LeakyRelu at the end.
const (
	fusedConv  = "ConvThen"
	fusedSlope = "then.alpha"
)

// rewrite simplifies a program. The result computes the same bits:
//   - Reshape(x, rows), GatherElements along the last axis, Reshape(Shape(x)),
//     which is how a keyed permutation of positions is written in ONNX,
//     becomes one gathering within rows;
//   - constants in half precision that are cast to float32 become constants of that;
//   - a convolution, the addition of a tensor of its outputs' shape and a Relu or
//     LeakyRelu become one step, where nothing else reads what is between;
//   - steps that no output needs go.
//
// In fused arithmetic a batch norm behind a convolution goes into its weights too,
// within rounding.
func rewrite(p *program, a kernel.Arithmetic) {
	foldCasts(p)
	maker, readers := map[*value]*step{}, map[*value]int{}
	for _, s := range p.steps {
		for _, v := range s.out {
			maker[v] = s
		}
		for _, v := range s.in {
			readers[v]++
		}
	}
	for _, v := range p.outputs {
		readers[v]++
	}
	for _, s := range p.steps {
		fuseGather(s, maker)
		if a == kernel.Fused && p.opset >= 7 { // it may be for training before
			foldBatchNorm(s, maker, readers)
		}
		if p.opset >= 7 { // the shapes that it adds are no others before
			fuseAdd(s, maker, readers)
		}
		fuseLeaky(s, maker, readers)
	}

	needed := map[*value]bool{}
	for _, v := range p.outputs {
		needed[v] = true
	}
	var kept []*step
	for i := len(p.steps) - 1; i >= 0; i-- {
		s := p.steps[i]
		live := false
		for _, v := range s.out {
			live = live || needed[v]
		}
		if !live {
			continue
		}
		for _, v := range s.in {
			needed[v] = true
		}
		kept = append(kept, s)
	}
	slices.Reverse(kept)
	p.steps = kept
}

// convolution is the step that makes v if it is a convolution, of one of the given kinds, that nothing else reads.
func convolution(v *value, maker map[*value]*step, readers map[*value]int, kinds ...string) *step {
	s := maker[v]
	if s == nil || !slices.Contains(kinds, s.op) || len(s.out) != 1 || len(s.in) < 2 || readers[v] != 1 {
		return nil
	}
	return s
}

// foldBatchNorm turns s, a batch norm of a convolution whose parameters are all
// constant, into a convolution: the weights of output m times
// scale/sqrt(variance+eps), bias likewise, both computed in float64.
func foldBatchNorm(s *step, maker map[*value]*step, readers map[*value]int) {
	if s.op != "BatchNormalization" || len(s.in) != 5 || len(s.out) != 1 {
		return
	}
	eps := float32(1e-5)
	for name, v := range s.attributes {
		number, ok := v.(float32)
		if name == "epsilon" {
			eps = number
		} else if name != "momentum" {
			ok = false
		}
		if !ok {
			return // what the operator says to that
		}
	}
	c := convolution(s.in[0], maker, readers, "Conv")
	if c == nil {
		return
	}
	constants := func(v *value, dims int) []float32 {
		if v == nil || v.constant == nil || v.kind.half || v.constant.Dims() != dims {
			return nil
		}
		data, _ := v.constant.Data().([]float32)
		return data
	}
	w := constants(c.in[1], 4)
	if w == nil {
		return
	}
	filters := c.in[1].constant.Shape()[0]
	var parameters [4][]float32
	for i := range parameters {
		if parameters[i] = constants(s.in[1+i], 1); len(parameters[i]) != filters {
			return
		}
	}
	before := make([]float32, filters)
	if len(c.in) > 2 && c.in[2] != nil {
		if before = constants(c.in[2], 1); len(before) != filters {
			return
		}
	}
	if readers[c.in[1]] != 1 { // each copy would take as much as the file
		return
	}
	scaled, bias := make([]float32, len(w)), make([]float32, filters)
	for m := range filters {
		factor := float64(parameters[0][m]) / math.Sqrt(float64(parameters[3][m])+float64(eps))
		bias[m] = float32((float64(before[m])-float64(parameters[2][m]))*factor + float64(parameters[1][m]))
		size := len(w) / filters
		for i, v := range w[m*size : (m+1)*size] {
			scaled[m*size+i] = float32(float64(v) * factor)
		}
	}
	s.op, s.attributes = c.op, c.attributes
	s.in = []*value{c.in[0],
		{name: c.in[1].name + " by " + s.out[0].name, constant: tensor.New(tensor.WithShape(c.in[1].constant.Shape()...), tensor.WithBacking(scaled))},
		{name: s.out[0].name + " bias", constant: tensor.New(tensor.WithShape(filters), tensor.WithBacking(bias))}}
}

// fuseLeaky turns s, a Relu or LeakyRelu, into a fused convolution when it ends one.
func fuseLeaky(s *step, maker map[*value]*step, readers map[*value]int) {
	if len(s.in) != 1 || len(s.out) != 1 {
		return
	}
	var slope float32
	attributes := len(s.attributes)
	switch s.op {
	case "Relu":
	case "LeakyRelu":
		slope = 0.01
		if v, given := s.attributes["alpha"]; given {
			alpha, ok := v.(float32)
			if !ok || !(alpha >= 0 && alpha < 1) {
				return // what the operator says to that
			}
			slope = alpha
			attributes--
		}
	default:
		return
	}
	if attributes > 0 {
		return // likewise
	}
	c := convolution(s.in[0], maker, readers, "Conv", fusedConv)
	if c == nil || c.attributes[fusedSlope] != nil {
		return
	}
	fused := maps.Clone(c.attributes)
	if fused == nil {
		fused = map[string]any{}
	}
	fused[fusedSlope] = slope
	s.op, s.in, s.attributes = fusedConv, c.in, fused
}

// fuseAdd turns s, an addition, into a fused convolution when one of its operands
// comes from a convolution. That the shapes are equal is seen when the step is built.
func fuseAdd(s *step, maker map[*value]*step, readers map[*value]int) {
	if s.op != "Add" || len(s.in) != 2 || len(s.out) != 1 || len(s.attributes) > 0 {
		return
	}
	for i := range 2 {
		c, other := convolution(s.in[i], maker, readers, "Conv"), s.in[1-i]
		if c == nil || other == nil || other.constant != nil || c.attributes[fusedSlope] != nil {
			continue
		}
		in := append(slices.Clone(c.in), nil)[:3]
		s.op, s.in, s.attributes = fusedConv, append(in, other), c.attributes
		return
	}
}

// fuseGather turns back, a Reshape, into a fused gathering when it ends one.
func fuseGather(back *step, maker map[*value]*step) {
	is := func(s *step, op string, inputs int) bool {
		return s != nil && s.op == op && len(s.in) == inputs && len(s.out) == 1
	}
	plain := func(s *step) bool { return is(s, "Reshape", 2) && len(s.attributes) == 0 }
	if !plain(back) {
		return
	}
	gather, shape := maker[back.in[0]], maker[back.in[1]]
	if !is(gather, "GatherElements", 2) || !is(shape, "Shape", 1) || len(shape.attributes) > 0 {
		return
	}
	rows := maker[gather.in[0]]
	if !plain(rows) || rows.in[0] != shape.in[0] {
		return
	}
	// The axis must be the last one, which is known only by the number of rows' dimensions.
	target := rows.in[1]
	if target.constant == nil || target.constant.Dims() != 1 {
		return
	}
	axis, ok := gather.attributes["axis"].(int64)
	if !ok || len(gather.attributes) > 1 || axis != -1 && axis != int64(target.constant.Shape()[0]-1) {
		return
	}
	back.op = fusedGather
	back.in = []*value{rows.in[0], target, gather.in[1]}
	back.attributes = nil
}
