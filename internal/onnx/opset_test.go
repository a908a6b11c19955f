package onnx

import (
	"math"
	"slices"
	"strings"
	"testing"

	"enciphergan/internal/kernel"

	"gorgonia.org/tensor"
)

// TestOldSignatures checks operands that are attributes in older operator sets, as PyTorch exports them.
func TestOldSignatures(t *testing.T) {
	inf := float32(math.Inf(1))
	channel := func(name string, v ...float32) Tensor { return NewFloat32(name, []int64{int64(len(v))}, v) }
	norm := []Tensor{channel("scale", 2, 3), channel("bias", 1, -1), channel("mean", 1, 2), channel("variance", 3, 8)}
	test := node("BatchNormalization", "x scale bias mean variance", "y", FloatOf("epsilon", 1), FloatOf("momentum", 0.9), IntOf("is_test", 1))
	training := node("BatchNormalization", "x scale bias mean variance", "y", FloatOf("epsilon", 1), FloatOf("momentum", 0.9))
	column := []int64{2, 2, 1, 1} // x is 0 to 3 in this shape
	for name, c := range map[string]struct {
		opset     int64
		node      Node
		constants []Tensor
		want      []float32 // nil: refused with the error
		shape     []int
		error     string
	}{
		"BatchNormalization 6":  {6, test, norm, []float32{0, -2, 2, 0}, []int{2, 2, 1, 1}, ""},
		"of 6 for training":     {6, training, norm, nil, nil, "training mode"},
		"BatchNormalization 7":  {7, training, norm, []float32{0, -2, 2, 0}, []int{2, 2, 1, 1}, ""},
		"is_test of 7":          {7, test, norm, nil, nil, `"is_test"`},
		"training_mode":         {14, node("BatchNormalization", "x scale bias mean variance", "y", IntOf("training_mode", 1)), norm, nil, nil, "training mode"},
		"Clip 6":                {6, node("Clip", "x", "y", FloatOf("min", 0.5), FloatOf("max", 2)), nil, []float32{0.5, 1, 2, 2}, []int{2, 2, 1, 1}, ""},
		"Clip 6 without bounds": {6, node("Clip", "x", "y"), nil, []float32{0, 1, 2, 3}, []int{2, 2, 1, 1}, ""},
		"Clip 10 with an input": {10, node("Clip", "x half", "y"), []Tensor{NewFloat32("half", nil, []float32{0.5})}, nil, nil, "1 in operator set 10"},
		"min of 11":             {11, node("Clip", "x", "y", FloatOf("min", 0.5)), nil, nil, nil, `"min"`},
		"Pad 6, reflecting 1":   {6, node("Pad", "x", "y", IntsOf("pads", 1, 0, 0, 0, 0, 0, 0, 1), StringOf("mode", "reflect")), nil, nil, nil, "reflection"},
		"Pad 6 by reflection":   {6, node("Pad", "x", "y", IntsOf("pads", 1, 0, 0, 0, 0, 0, 0, 0), StringOf("mode", "reflect")), nil, []float32{2, 3, 0, 1, 2, 3}, []int{3, 2, 1, 1}, ""},
		"Pad 10 with a value":   {10, node("Pad", "x", "y", IntsOf("pads", 0, 0, 0, 0, 0, 0, 0, 1), FloatOf("value", -1)), nil, []float32{0, -1, 1, -1, 2, -1, 3, -1}, []int{2, 2, 1, 2}, ""},
		"Pad 10 without pads":   {10, node("Pad", "x", "y"), nil, nil, nil, "0 pads"},
		"Pad 11 without pads":   {11, node("Pad", "x", "y"), nil, nil, nil, "0 pads"},
		"pads of 11":            {11, node("Pad", "x p", "y", FloatOf("value", 1)), []Tensor{NewInt64("p", []int64{8}, make([]int64, 8))}, nil, nil, `"value"`},
		"Slice 9":               {9, node("Slice", "x", "y", IntsOf("starts", -1), IntsOf("ends", 1<<40)), nil, []float32{2, 3}, []int{1, 2, 1, 1}, ""},
		"Slice 9 with axes":     {9, node("Slice", "x", "y", IntsOf("axes", 1), IntsOf("starts", 0), IntsOf("ends", 1)), nil, []float32{0, 2}, []int{2, 1, 1, 1}, ""},
		"Slice 9 without ends":  {9, node("Slice", "x", "y", IntsOf("starts", 0)), nil, nil, nil, "missing"},
		"Slice 10 as of 9":      {10, node("Slice", "x", "y", IntsOf("starts", 0), IntsOf("ends", 1)), nil, nil, nil, "missing"},
		"Add 6, equal":          {6, node("Add", "x x", "y"), nil, []float32{0, 2, 4, 6}, []int{2, 2, 1, 1}, ""},
		"Add 6, unequal":        {6, node("Add", "x v", "y"), []Tensor{channel("v", 10)}, nil, nil, `"broadcast"`},
		"Add 6, the last":       {6, node("Add", "x v", "y", IntOf("broadcast", 1)), []Tensor{channel("v", 10)}, []float32{10, 11, 12, 13}, []int{2, 2, 1, 1}, ""},
		"Sub 6 along channels":  {6, node("Sub", "x v", "y", IntOf("broadcast", 1), IntOf("axis", 1)), []Tensor{channel("v", 10, 20)}, []float32{-10, -19, -8, -17}, []int{2, 2, 1, 1}, ""},
		"Mul 6 along samples":   {6, node("Mul", "x v", "y", IntOf("broadcast", 1), IntOf("axis", 0)), []Tensor{channel("v", 10, 20)}, []float32{0, 10, 40, 60}, []int{2, 2, 1, 1}, ""},
		"Div 6 by a number":     {6, node("Div", "x v", "y", IntOf("broadcast", 1)), []Tensor{NewFloat32("v", nil, []float32{2})}, []float32{0, 0.5, 1, 1.5}, []int{2, 2, 1, 1}, ""},
		"Div 6 beyond the end":  {6, node("Div", "x v", "y", IntOf("broadcast", 1), IntOf("axis", 3)), []Tensor{NewFloat32("v", column, []float32{1, 1, 1, 1})}, nil, nil, "does not match"},
		"broadcast of 7":        {7, node("Add", "x x", "y", IntOf("broadcast", 1)), nil, nil, nil, `"broadcast"`},
		"Concat without axis":   {13, node("Concat", "x x", "y"), nil, nil, nil, `"axis"`},
	} {
		m := model([]ValueInfo{float("x", 2, 2, 1, 1)}, []ValueInfo{{Name: "y", Type: Float32}}, c.constants, c.node)
		m.Opset = c.opset
		for _, a := range []kernel.Arithmetic{kernel.Canonical, kernel.Fused} {
			machine, err := Load(t.Context(), encoded(t, m), nil, DefaultLimits(), a)
			if c.want == nil {
				if err == nil || !strings.Contains(err.Error(), c.error) {
					t.Errorf("%s: the error is %v, want one with %q", name, err, c.error)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			y := run(t, machine, map[string]*tensor.Dense{"x": filled([]float32{0, 1, 2, 3}, 2, 2, 1, 1)})["y"]
			if !slices.Equal(y.Shape(), c.shape) {
				t.Errorf("%s: shape %v, want %v", name, y.Shape(), c.shape)
			}
			wantFloats(t, name, y, c.want...)
		}
	}

	// An absent bound is the largest number, not infinity.
	for _, opset := range []int64{6, 13} {
		m := model([]ValueInfo{float("x", 2)}, []ValueInfo{float("y", 2)}, nil, node("Clip", "x", "y"))
		m.Opset = opset
		y := run(t, load(t, m, nil), map[string]*tensor.Dense{"x": filled([]float32{-inf, inf}, 2)})["y"]
		wantFloats(t, "Clip of infinities", y, -math.MaxFloat32, math.MaxFloat32)
	}
}

// TestBatchNormIsNotFoldedUnread checks that the attributes of a batch norm are checked even if it is folded into a convolution.
func TestBatchNormIsNotFoldedUnread(t *testing.T) {
	v := func(name string) Tensor { return NewFloat32(name, []int64{1}, []float32{2}) }
	for name, c := range map[string]struct {
		opset      int64
		attributes []Attribute
		error      string
	}{
		"training of 6":       {6, nil, "training mode"},
		"training":            {14, []Attribute{IntOf("training_mode", 1)}, "training mode"},
		"an unknown":          {13, []Attribute{IntOf("colour", 1)}, `"colour"`},
		"epsilon of integers": {13, []Attribute{IntOf("epsilon", 1)}, `"epsilon"`},
		"per position":        {8, []Attribute{IntOf("spatial", 0)}, "per position"},
	} {
		m := model([]ValueInfo{float("x", 1, 1, 2, 2)}, []ValueInfo{float("y", 1, 1, 2, 2)},
			[]Tensor{NewFloat32("w", []int64{1, 1, 1, 1}, []float32{1}), v("scale"), v("bias"), v("mean"), v("variance")},
			node("Conv", "x w", "c"), node("BatchNormalization", "c scale bias mean variance", "y", c.attributes...))
		m.Opset = c.opset
		for _, a := range []kernel.Arithmetic{kernel.Canonical, kernel.Fused} {
			if _, err := Load(t.Context(), encoded(t, m), nil, DefaultLimits(), a); err == nil || !strings.Contains(err.Error(), c.error) {
				t.Errorf("%s, %v: the error is %v, want one with %q", name, a, err, c.error)
			}
		}
	}
}

// TestFusedStepsAreReadWhole checks that the attributes of fused steps are checked.
func TestFusedStepsAreReadWhole(t *testing.T) {
	image := func(name string) ValueInfo { return float(name, 1, 1, 2, 2) }
	colour := IntOf("colour", 1)
	constants := []Tensor{NewFloat32("w", []int64{1, 1, 1, 1}, []float32{1}), NewInt64("rows", []int64{2}, []int64{2, 2})}
	for name, nodes := range map[string][]Node{
		"Relu":           {node("Conv", "x w", "c"), node("Relu", "c", "y", colour)},
		"LeakyRelu":      {node("Conv", "x w", "c"), node("LeakyRelu", "c", "y", colour)},
		"with alpha":     {node("Conv", "x w", "c"), node("LeakyRelu", "c", "y", FloatOf("alpha", 0.5), colour)},
		"Add":            {node("Conv", "x w", "c"), node("Add", "c x", "y", colour)},
		"Conv":           {node("Conv", "x w", "c", colour), node("Relu", "c", "y")},
		"GatherElements": {node("Reshape", "x rows", "r"), node("GatherElements", "r index", "g", IntOf("axis", 1), colour), node("Shape", "x", "s"), node("Reshape", "g s", "y")},
		"an axis":        {node("Reshape", "x rows", "r"), node("GatherElements", "r index", "g", FloatOf("axis", 1)), node("Shape", "x", "s"), node("Reshape", "g s", "y")},
	} {
		m := model([]ValueInfo{image("x"), {"index", Int64, Sizes(2, 2)}}, []ValueInfo{image("y")}, constants, nodes...)
		if _, err := Load(t.Context(), encoded(t, m), nil, DefaultLimits(), kernel.Canonical); err == nil || !strings.Contains(err.Error(), "attribute") {
			t.Errorf("%s: the error is %v, want one about the attribute", name, err)
		}
	}
}
