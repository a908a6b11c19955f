package onnx

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"enciphergan/internal/kernel"
	"enciphergan/internal/op"

	"gorgonia.org/tensor"
)

// float returns an input or output of float32.
func float(name string, dims ...int64) ValueInfo { return ValueInfo{name, Float32, Sizes(dims...)} }

// model returns a model of operator set Opset.
func model(inputs, outputs []ValueInfo, constants []Tensor, nodes ...Node) *Model {
	return &Model{Producer: "test", Opset: Opset, Graph: Graph{Name: "test", Nodes: nodes, Initializers: constants, Inputs: inputs, Outputs: outputs}}
}

// node returns a node. Names are separated by spaces; "-" is an absent input.
func node(op, inputs, outputs string, attributes ...Attribute) Node {
	var names []string
	if inputs != "" {
		names = strings.Fields(inputs)
	}
	for i, n := range names {
		if n == "-" {
			names[i] = ""
		}
	}
	return Node{Op: op, Name: op + " " + outputs, Inputs: names, Outputs: strings.Fields(outputs), Attributes: attributes}
}

func encoded(t testing.TB, m *Model) []byte {
	t.Helper()
	b, err := Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func load(t testing.TB, m *Model, dims map[string]int) *Machine {
	t.Helper()
	machine, err := Load(t.Context(), encoded(t, m), dims, DefaultLimits(), kernel.Canonical)
	if err != nil {
		t.Fatal(err)
	}
	return machine
}

func run(t testing.TB, m *Machine, inputs map[string]*tensor.Dense) map[string]*tensor.Dense {
	t.Helper()
	out, err := m.Run(t.Context(), inputs)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func filled[T any](data []T, shape ...int) *tensor.Dense {
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))
}

func seeded(t testing.TB) *rand.Rand {
	const seed = 20230112
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func random(r *rand.Rand, shape ...int) *tensor.Dense {
	data := make([]float32, tensor.Shape(shape).TotalSize())
	for i := range data {
		data[i] = 2*r.Float32() - 1
	}
	return filled(data, shape...)
}

func wantFloats(t *testing.T, what string, got *tensor.Dense, want ...float32) {
	t.Helper()
	g, ok := got.Data().([]float32)
	if !ok || len(g) != len(want) {
		t.Fatalf("%s: %v, want %v", what, got.Data(), want)
	}
	for i := range want {
		if math.Float32bits(g[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: %v, want %v", what, g, want)
		}
	}
}

// TestSharedOperands checks cases that onnx-go's Gorgonia backend gets wrong: a node that reads a
// value twice, two nodes that read a value and differ only in an attribute, an absent input.
func TestSharedOperands(t *testing.T) {
	m := load(t, model(
		[]ValueInfo{float("x", 3)}, []ValueInfo{float("double", 3), float("a", 3), float("b", 3), float("capped", 3)},
		[]Tensor{NewFloat32("one", nil, []float32{1})},
		node("Add", "x x", "double"),
		node("LeakyRelu", "x", "a", FloatOf("alpha", 0.5)),
		node("LeakyRelu", "x", "b", FloatOf("alpha", 0.25)),
		node("Clip", "double - one", "capped"),
	), nil)
	for range 2 {
		out := run(t, m, map[string]*tensor.Dense{"x": filled([]float32{-4, 0, 3}, 3)})
		wantFloats(t, "double", out["double"], -8, 0, 6)
		wantFloats(t, "a", out["a"], -2, 0, 3)
		wantFloats(t, "b", out["b"], -1, 0, 3)
		wantFloats(t, "capped", out["capped"], -8, 0, 1)
	}
}

// TestOutputsOfEveryKind checks outputs that no operation computes: an input, a constant.
func TestOutputsOfEveryKind(t *testing.T) {
	m := load(t, model(
		[]ValueInfo{float("x", 2), float("unused", 5)}, []ValueInfo{float("y", 2), float("same", 2), float("k", 2)},
		[]Tensor{NewFloat32("c", []int64{2}, []float32{7, 8})},
		node("Neg", "x", "y"), node("Identity", "x", "same"), node("Identity", "c", "k"),
	), nil)
	x := []float32{1, 2}
	in := map[string]*tensor.Dense{"x": filled(x, 2), "unused": filled(make([]float32, 5), 5)}
	first := run(t, m, in)
	wantFloats(t, "first y", first["y"], -1, -2)
	wantFloats(t, "first same", first["same"], 1, 2)
	wantFloats(t, "first k", first["k"], 7, 8)
	x[0] = 5
	second := run(t, m, in)
	wantFloats(t, "y", second["y"], -5, -2)
	wantFloats(t, "same", second["same"], 5, 2)
	wantFloats(t, "k", second["k"], 7, 8)
}

func TestOnlyConstants(t *testing.T) {
	m := load(t, model(nil, []ValueInfo{float("y")}, nil,
		node("Constant", "", "a", FloatOf("value_float", 2)), node("Constant", "", "b", TensorOf("value", NewFloat16("", nil, []uint16{0x4200}))),
		node("Cast", "b", "c", IntOf("to", int64(Float32))), node("Mul", "a c", "y")), nil)
	y := run(t, m, nil)["y"]
	if y.Dims() != 0 || y.Data().(float32) != 6 {
		t.Errorf("%v of shape %v, want the scalar 6", y.Data(), y.Shape())
	}
}

func TestRunChecksInputs(t *testing.T) {
	m := load(t, model([]ValueInfo{float("x", 2, 3)}, []ValueInfo{float("y", 2, 3)}, nil, node("Abs", "x", "y")), nil)
	good := filled([]float32{1, -2, 3, -4, 5, -6}, 2, 3)
	transposed := filled([]float32{1, 2, 3, 4, 5, 6}, 3, 2)
	if err := transposed.T(); err != nil {
		t.Fatal(err)
	}
	for want, in := range map[string]map[string]*tensor.Dense{
		"missing":     {},
		"no input":    {"x": good, "z": good},
		"shape":       {"x": filled([]float32{1, 2, 3, 4, 5, 6}, 3, 2)},
		"elements of": {"x": filled([]float64{1, 2, 3, 4, 5, 6}, 2, 3)},
		"view":        {"x": transposed},
	} {
		if _, err := m.Run(t.Context(), in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one about %q", err, want)
		}
	}
	wantFloats(t, "after errors", run(t, m, map[string]*tensor.Dense{"x": good})["y"], 1, 2, 3, 4, 5, 6)
}

// TestRunRecovers checks that a machine is usable after an index outside its axis, which is known only at run time.
func TestRunRecovers(t *testing.T) {
	m := load(t, model([]ValueInfo{float("x", 1, 3), {"i", Int32, Sizes(1, 3)}}, []ValueInfo{float("y", 1, 3)}, nil,
		node("GatherElements", "x i", "y", IntOf("axis", 1))), nil)
	x := filled([]float32{1, 2, 3}, 1, 3)
	if _, err := m.Run(t.Context(), map[string]*tensor.Dense{"x": x, "i": filled([]int32{0, 1, 3}, 1, 3)}); err == nil {
		t.Fatal("an index outside the axis was taken")
	}
	wantFloats(t, "y", run(t, m, map[string]*tensor.Dense{"x": x, "i": filled([]int32{2, -2, 0}, 1, 3)})["y"], 3, 2, 1)
}

func TestSymbolicDimensions(t *testing.T) {
	image := []Dim{{Size: 1}, {Size: 1}, {Parameter: "H"}, {Parameter: "W"}}
	b := encoded(t, model([]ValueInfo{{"x", Float32, image}}, []ValueInfo{{"y", Float32, image}}, nil, node("Neg", "x", "y")))
	h, err := Scan(b, DefaultLimits())
	if err != nil || !slices.Equal(h.Inputs[0].Dims, image) || !slices.Equal(h.Outputs[0].Dims, image) {
		t.Fatalf("%+v, %v", h, err)
	}
	m, err := Load(t.Context(), b, map[string]int{"H": 2, "W": 3, "other": -1}, DefaultLimits(), kernel.Canonical)
	if err != nil {
		t.Fatal(err)
	}
	if y := run(t, m, map[string]*tensor.Dense{"x": random(seeded(t), 1, 1, 2, 3)})["y"]; !slices.Equal(y.Shape(), tensor.Shape{1, 1, 2, 3}) {
		t.Errorf("shape %v", y.Shape())
	}
	for _, dims := range []map[string]int{nil, {"H": 2}, {"H": 2, "W": 0}, {"H": 1 << 31, "W": 1 << 31}, {"H": -2, "W": -3}} {
		if _, err := Load(t.Context(), b, dims, DefaultLimits(), kernel.Canonical); err == nil {
			t.Errorf("dims %v were taken", dims)
		}
	}
}

// TestInitializersAmongInputs reads the old format, in which constants are listed as inputs.
func TestInitializersAmongInputs(t *testing.T) {
	b := encoded(t, model([]ValueInfo{float("c", 2), float("x", 2)}, []ValueInfo{float("y", 2)},
		[]Tensor{NewFloat32("c", []int64{2}, []float32{10, 20})}, node("Sub", "c x", "y")))
	h, err := Scan(b, DefaultLimits())
	if err != nil || len(h.Inputs) != 1 || h.Inputs[0].Name != "x" {
		t.Fatalf("%+v, %v", h, err)
	}
	m, err := Load(t.Context(), b, nil, DefaultLimits(), kernel.Canonical)
	if err != nil {
		t.Fatal(err)
	}
	wantFloats(t, "y", run(t, m, map[string]*tensor.Dense{"x": filled([]float32{1, 2}, 2)})["y"], 9, 18)
}

// TestCast is the oracle of Cast. The values were computed by hand: half precision has 11 bits, ties go to even.
func TestCast(t *testing.T) {
	to := func(d DataType) Attribute { return IntOf("to", int64(d)) }
	m := load(t, model(
		[]ValueInfo{float("x", 5)}, []ValueInfo{float("rounded", 5), {"half", Float16, Sizes(5)}, {"i", Int32, Sizes(5)}, {"l", Int64, Sizes(5)}, float("back", 5)}, nil,
		node("Cast", "x", "half", to(Float16)), node("Cast", "half", "rounded", to(Float32)),
		node("Cast", "x", "i", to(Int32)), node("Cast", "half", "l", to(Int64)), node("Cast", "l", "back", to(Float32)),
	), nil)
	out := run(t, m, map[string]*tensor.Dense{"x": filled([]float32{2049, 2051, -1.0009765, 1e-8, 65504}, 5)})
	want := []float32{2048, 2052, -1.0009766, 0, 65504}
	wantFloats(t, "rounded", out["rounded"], want...)
	wantFloats(t, "half", out["half"], want...)
	if got, want := out["i"].Data().([]int32), []int32{2049, 2051, -1, 0, 65504}; !slices.Equal(got, want) {
		t.Errorf("int32: %v, want %v", got, want)
	}
	if got, want := out["l"].Data().([]int64), []int64{2048, 2052, -1, 0, 65504}; !slices.Equal(got, want) {
		t.Errorf("int64: %v, want %v", got, want)
	}
	wantFloats(t, "back", out["back"], 2048, 2052, -1, 0, 65504)
}

// TestHalfNeedsCast checks that arithmetic on half-precision numbers is refused, not computed in float32.
func TestHalfNeedsCast(t *testing.T) {
	half := NewFloat16("h", []int64{2}, []uint16{0x3c00, 0x4000})
	_, err := Load(t.Context(), encoded(t, model([]ValueInfo{float("x", 2)}, []ValueInfo{float("y", 2)}, []Tensor{half}, node("Mul", "x h", "y"))), nil, DefaultLimits(), kernel.Canonical)
	if err == nil || !strings.Contains(err.Error(), "float16") {
		t.Errorf("error %v", err)
	}
	m := load(t, model([]ValueInfo{float("x", 2)}, []ValueInfo{float("y", 2)}, []Tensor{half},
		node("Slice", "h s e - s1", "r"), node("Cast", "r", "w", IntOf("to", 1)), node("Mul", "x w", "y")).
		with(NewInt64("s", []int64{1}, []int64{-1}), NewInt64("e", []int64{1}, []int64{-9}), NewInt64("s1", []int64{1}, []int64{-1})), nil)
	wantFloats(t, "y", run(t, m, map[string]*tensor.Dense{"x": filled([]float32{3, 5}, 2)})["y"], 6, 5)
}

// with adds constants.
func (m *Model) with(constants ...Tensor) *Model {
	m.Graph.Initializers = append(m.Graph.Initializers, constants...)
	return m
}

// TestShapeArithmetic is the oracle of Shape: a shape is split, computed with and joined again,
// as exporters write it.
func TestShapeArithmetic(t *testing.T) {
	x := ValueInfo{"x", Float32, []Dim{{Size: 2}, {Parameter: "H"}, {Parameter: "W"}}}
	m := load(t, model([]ValueInfo{x}, []ValueInfo{{"y", Float32, nil}, {"s", Int64, Sizes(3)}}, []Tensor{
		NewInt64("first", nil, []int64{0}), NewInt64("one", []int64{1}, []int64{1}), NewInt64("end", []int64{1}, []int64{1 << 40}),
		NewInt64("column", []int64{1, 1}, []int64{1}),
	},
		node("Shape", "x", "s"),
		node("Gather", "s first", "n"), node("Reshape", "n one", "n1"),
		node("Slice", "s one end", "hw"), node("Split", "hw", "h w", IntOf("axis", 0)), node("Mul", "h w", "p"), node("Add", "p n1", "p2"), node("Sub", "p2 n1", "p3"),
		node("Concat", "p3 n1", "target", IntOf("axis", 0)),
		node("Reshape", "x target", "y"),
	), map[string]int{"H": 3, "W": 4})
	in := random(seeded(t), 2, 3, 4)
	out := run(t, m, map[string]*tensor.Dense{"x": in})
	if !slices.Equal(out["y"].Shape(), tensor.Shape{12, 2}) {
		t.Errorf("shape %v, want (12, 2)", out["y"].Shape())
	}
	wantFloats(t, "y", out["y"], in.Data().([]float32)...)
	if got := out["s"].Data().([]int64); !slices.Equal(got, []int64{2, 3, 4}) {
		t.Errorf("Shape: %v", got)
	}
}

// TestUndeclared checks that the error names every operator that is not supported, once.
func TestUndeclared(t *testing.T) {
	b := encoded(t, model([]ValueInfo{float("x", 2)}, []ValueInfo{float("y", 2)}, nil,
		node("Zeta", "x", "a"), node("Relu", "a", "b"), node("Alpha", "b", "c"), node("Zeta", "c", "y")))
	_, err := Load(t.Context(), b, nil, DefaultLimits(), kernel.Canonical)
	var undeclared *UndeclaredError
	if !errors.As(err, &undeclared) || !slices.Equal(undeclared.Operators, []string{"Alpha", "Zeta"}) || !strings.Contains(err.Error(), "Alpha, Zeta") {
		t.Errorf("error %v", err)
	}
}

// TestInconstantShape checks that a shape which is an input of the graph is refused.
func TestInconstantShape(t *testing.T) {
	b := encoded(t, model([]ValueInfo{float("x", 4), {"s", Int64, Sizes(2)}}, []ValueInfo{float("y", 2, 2)}, nil, node("Reshape", "x s", "y")))
	if _, err := Load(t.Context(), b, nil, DefaultLimits(), kernel.Canonical); err == nil || !strings.Contains(err.Error(), "must be a constant") {
		t.Errorf("error %v", err)
	}
}

// permutation returns a keyed permutation of positions in ONNX, with an index of the given shape.
func permutation(axis int64, rows []int64, index ...int64) *Model {
	n := int64(len(rows))
	return model([]ValueInfo{float("x", 1, 2, 2, 3), {"i", Int32, Sizes(index...)}}, []ValueInfo{float("y", 1, 2, 2, 3)},
		[]Tensor{NewInt64("rows", []int64{n}, rows)},
		node("Abs", "x", "a"), node("Reshape", "a rows", "flat"), node("GatherElements", "flat i", "picked", IntOf("axis", axis)),
		node("Shape", "a", "shape"), node("Reshape", "picked shape", "y"))
}

// TestPermutation checks that a permutation of positions moves elements once, without copies for
// the two Reshapes, and that other shapes of rows and index conform to ONNX too.
func TestPermutation(t *testing.T) {
	r := seeded(t)
	for name, c := range map[string]struct {
		model *Model
		rows  []int // of x as GatherElements sees it
		axis  int
	}{
		"permutation":       {permutation(2, []int64{1, 2, -1}, 1, 2, 6), []int{1, 2, 6}, 2},
		"kept dimensions":   {permutation(-1, []int64{0, 0, -1}, 1, 2, 6), []int{1, 2, 6}, 2},
		"short rows":        {permutation(1, []int64{4, 3}, 4, 3), []int{4, 3}, 1},
		"longer index":      {permutation(1, []int64{2, 6}, 1, 12), []int{2, 6}, 1}, // only the first row is read
		"another dimension": {permutation(1, []int64{1, 2, 6}, 1, 2, 6), []int{1, 2, 6}, 1},
	} {
		m, err := Load(t.Context(), encoded(t, c.model), nil, DefaultLimits(), kernel.Canonical)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var names []string
		m.Observe(func(e op.Event) { names = append(names, e.Name) })
		x, data := random(r, 1, 2, 2, 3), make([]int32, 12)
		for i := range data {
			data[i] = int32(r.IntN(2))
		}
		shape := m.inputs["i"].shape
		y := run(t, m, map[string]*tensor.Dense{"x": x, "i": filled(data, shape...)})["y"]
		if want := []string{"abs", fmt.Sprint("gather elements ", c.axis)}; !slices.Equal(names, want) {
			t.Errorf("%s: the operations %q, want %q", name, names, want)
		}
		if !slices.Equal(y.Shape(), x.Shape()) {
			t.Fatalf("%s: shape %v", name, y.Shape())
		}
		want := make([]float32, len(data))
		for i := range want {
			// The coordinates of element i of the index, with the coordinate along the axis replaced.
			rest, from, step := i, 0, 1
			for d := len(shape) - 1; d >= 0; d-- {
				at := rest % shape[d]
				if d == c.axis {
					at = int(data[i])
				}
				rest /= shape[d]
				from += at * step
				step *= c.rows[d]
			}
			want[i] = float32(math.Abs(float64(x.Data().([]float32)[from])))
		}
		wantFloats(t, name, y, want...)
	}
}

func TestUnreadStepsAreDropped(t *testing.T) {
	m, err := scan(encoded(t, model([]ValueInfo{float("x", 2)}, []ValueInfo{float("y", 2)}, nil,
		node("Exp", "x", "dead"), node("Sqrt", "dead", "dead2"), node("Abs", "x", "y"))), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	p, err := read(m, nil, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if len(p.steps) != 1 || p.steps[0].op != "Abs" {
		t.Errorf("%d steps are left", len(p.steps))
	}
}

// TestMemoryBudget checks that Load checks peak memory and work against the limits.
func TestMemoryBudget(t *testing.T) {
	b := encoded(t, model([]ValueInfo{float("x", 1000)}, []ValueInfo{float("y", 1000)}, nil, node("Exp", "x", "a"), node("Abs", "a", "y")))
	lim := DefaultLimits()
	lim.Memory = 8000 // two values of 4,000 bytes: Abs runs in place
	m, err := Load(t.Context(), b, nil, lim, kernel.Canonical)
	if err != nil || m.Memory != 8000 {
		t.Fatalf("%v, %v", m, err)
	}
	lim.Memory--
	if _, err := Load(t.Context(), b, nil, lim, kernel.Canonical); err == nil || !strings.Contains(err.Error(), "memory") {
		t.Errorf("error %v", err)
	}
	lim = DefaultLimits()
	lim.Work = 1999
	if _, err := Load(t.Context(), b, nil, lim, kernel.Canonical); err == nil || !strings.Contains(err.Error(), "multiply-adds") {
		t.Errorf("error %v", err)
	}
}
