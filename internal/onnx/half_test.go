package onnx

import (
	"math"
	"testing"

	"enciphergan/internal/kernel"

	"gorgonia.org/tensor"
)

// TestHalve checks that a halved file computes with the rounded weights, in either arithmetic,
// and that constants which are not selected or do not fit half precision are unchanged.
func TestHalve(t *testing.T) {
	r := seeded(t)
	w, bias := random(r, 4, 3, 3, 3), random(r, 4)
	wd, bd := w.Data().([]float32), bias.Data().([]float32)
	file := encoded(t, model([]ValueInfo{float("x", 1, 3, 9, 9)}, []ValueInfo{float("y", 1, 4, 7, 7)},
		[]Tensor{NewFloat32("w", []int64{4, 3, 3, 3}, wd), NewFloat32("b", []int64{4}, bd)},
		node("Conv", "x w b", "c"), node("Relu", "c", "y")))
	halved, err := Halve(file, DefaultLimits(), func(name string, n int) bool { return name == "w" && n == len(wd) })
	if err != nil {
		t.Fatal(err)
	}
	if less := len(file) - len(halved); less < len(wd) {
		t.Errorf("%d bytes less for %d weights", less, len(wd))
	}
	for i, v := range wd {
		wd[i] = kernel.HalfValue(kernel.HalfBits(v))
	}
	rounded := encoded(t, model([]ValueInfo{float("x", 1, 3, 9, 9)}, []ValueInfo{float("y", 1, 4, 7, 7)},
		[]Tensor{NewFloat32("w", []int64{4, 3, 3, 3}, wd), NewFloat32("b", []int64{4}, bd)},
		node("Conv", "x w b", "c"), node("Relu", "c", "y")))
	x := random(r, 1, 3, 9, 9)
	for _, a := range []kernel.Arithmetic{kernel.Canonical, kernel.Fused} {
		var results [2][]float32
		for i, f := range [][]byte{halved, rounded} {
			m, err := Load(t.Context(), f, nil, DefaultLimits(), a)
			if err != nil {
				t.Fatal(err)
			}
			results[i] = run(t, m, map[string]*tensor.Dense{"x": x})["y"].Data().([]float32)
		}
		for i, v := range results[0] {
			if math.Float32bits(v) != math.Float32bits(results[1][i]) {
				t.Fatalf("%v: output %d is %g, with rounded weights %g", a, i, v, results[1][i])
			}
		}
	}
	large := encoded(t, model([]ValueInfo{float("x", 2)}, []ValueInfo{float("y", 2)}, []Tensor{NewFloat32("w", []int64{2}, []float32{1, 1e6})}, node("Mul", "x w", "y")))
	if same, err := Halve(large, DefaultLimits(), func(string, int) bool { return true }); err != nil || len(same) != len(large) {
		t.Errorf("a constant that half precision does not hold: %d bytes of %d, %v", len(same), len(large), err)
	}
}
