package onnx

import "slices"

// fusedGather is the operator, not one of ONNX, that rewrite puts in the place
// of a permutation within rows; its inputs are the tensor, the shape of the rows and the index.
const fusedGather = "GatherRows"

// rewrite simplifies a program. The result computes the same bits:
//   - Reshape(x, rows), GatherElements along the last axis, Reshape(Shape(x)),
//     which is how a keyed permutation of positions is written in ONNX,
//     becomes one gathering within rows;
//   - steps that no output needs go.
func rewrite(p *program) {
	maker := map[*value]*step{}
	for _, s := range p.steps {
		for _, v := range s.out {
			maker[v] = s
		}
	}
	for _, s := range p.steps {
		fuseGather(s, maker)
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
	if axis, _ := gather.attributes["axis"].(int64); axis != -1 && axis != int64(target.constant.Shape()[0]-1) {
		return
	}
	back.op = fusedGather
	back.in = []*value{rows.in[0], target, gather.in[1]}
	back.attributes = nil
}
