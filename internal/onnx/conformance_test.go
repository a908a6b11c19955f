package onnx

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"enciphergan/internal/kernel"

	"google.golang.org/protobuf/encoding/protowire"
	"gorgonia.org/tensor"
)

// defaultCases is the folder of the ONNX project's node test cases for our operators.
const defaultCases = "testdata/onnx-node"

// TestConformance runs the cases in defaultCases, or in the folder named by ENCIPHER_CONFORMANCE.
// It counts cases with undeclared operators and fails for any other difference.
func TestConformance(t *testing.T) {
	dir := defaultCases
	if other := os.Getenv("ENCIPHER_CONFORMANCE"); other != "" {
		dir = other
	}
	models, err := filepath.Glob(filepath.Join(dir, "*", "model.onnx"))
	if err != nil || len(models) == 0 {
		t.Fatalf("no cases in %s (%v)", dir, err)
	}
	var passed, undeclared, failed []string
	for _, model := range models {
		name := filepath.Base(filepath.Dir(model))
		err := runCase(t.Context(), filepath.Dir(model))
		var missing *UndeclaredError
		switch {
		case err == nil:
			passed = append(passed, name)
		case errors.As(err, &missing):
			undeclared = append(undeclared, fmt.Sprintf("%s (%s)", name, strings.Join(missing.Operators, ", ")))
		default:
			failed = append(failed, name)
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Logf("%d passed, %d undeclared, %d failed of %s", len(passed), len(undeclared), len(failed), dir)
	for _, u := range undeclared {
		t.Logf("undeclared: %s", u)
	}
	if dir == defaultCases && len(undeclared) > 0 {
		t.Errorf("the committed cases have undeclared operators: %v", undeclared)
	}
}

func runCase(ctx context.Context, dir string) error {
	file, err := os.ReadFile(filepath.Join(dir, "model.onnx"))
	if err != nil {
		return err
	}
	m, err := scan(file, DefaultLimits())
	if err != nil {
		return err
	}
	inputs, err := readTensors(dir, "input", m.Graph.Inputs)
	if err != nil {
		return err
	}
	want, err := readTensors(dir, "output", m.Graph.Outputs)
	if err != nil {
		return err
	}
	if len(want) == 0 {
		return errors.New("the case has no outputs")
	}
	// The cases have shapes as inputs of a run. Here they become constants of the model.
	given := map[string]*tensor.Dense{}
	var left []ValueInfo
	for _, v := range m.Graph.Inputs {
		if fixed(m, v.Name) {
			m.Graph.Initializers = append(m.Graph.Initializers, inputs[v.Name])
			continue
		}
		left = append(left, v)
		given[v.Name] = dense(inputs[v.Name])
	}
	m.Graph.Inputs = left
	if file, err = Encode(m); err != nil {
		return err
	}
	machine, err := Load(ctx, file, nil, DefaultLimits(), kernel.Canonical)
	if err != nil {
		return err
	}
	for range 2 { // the second run must not depend on the first
		got, err := machine.Run(ctx, given)
		if err != nil {
			return err
		}
		if len(got) != len(want) {
			return fmt.Errorf("%d outputs, want %d", len(got), len(want))
		}
		for name, w := range want {
			if err := equalTo(got[name], w); err != nil {
				return fmt.Errorf("output %q: %w", name, err)
			}
		}
	}
	return nil
}

// fixed reports whether a node requires the value to be a constant.
func fixed(m *Model, name string) bool {
	for _, n := range m.Graph.Nodes {
		for i, in := range n.Inputs {
			if in == name && slices.Contains(operators[n.Op].constants, i) {
				return true
			}
		}
	}
	return false
}

// readTensors reads the serialised tensors kind_0.pb, kind_1.pb, ... of a case.
func readTensors(dir, kind string, names []ValueInfo) (map[string]Tensor, error) {
	out := map[string]Tensor{}
	for i, v := range names {
		b, err := os.ReadFile(filepath.Join(dir, "test_data_set_0", fmt.Sprintf("%s_%d.pb", kind, i)))
		if err != nil {
			return nil, err
		}
		var t Tensor
		p := &parser{lim: DefaultLimits()}
		if err := p.tensor(field{kind: protowire.BytesType, bytes: b}, &t); err != nil {
			return nil, err
		}
		t.Name = v.Name
		out[v.Name] = t
	}
	return out, nil
}

// dense converts a tensor to an input of Run.
func dense(t Tensor) *tensor.Dense {
	shape := make([]int, len(t.Dims))
	for i, d := range t.Dims {
		shape[i] = int(d)
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(numbers(t)))
}

// numbers returns the elements of a tensor as a slice of their type.
func numbers(t Tensor) any {
	switch t.Type {
	case Int32:
		var out []int32
		for b := t.Raw; len(b) > 0; b = b[4:] {
			v, _ := protowire.ConsumeFixed32(b)
			out = append(out, int32(v))
		}
		return out
	case Int64:
		var out []int64
		for b := t.Raw; len(b) > 0; b = b[8:] {
			v, _ := protowire.ConsumeFixed64(b)
			out = append(out, int64(v))
		}
		return out
	}
	var out []float32
	for b := t.Raw; len(b) > 0; b = b[4:] {
		v, _ := protowire.ConsumeFixed32(b)
		out = append(out, math.Float32frombits(v))
	}
	return out
}

// equalTo compares with a tolerance of 1e-6 plus 1e-5 of the value. The expected values were
// computed by numpy, some in float64, and include sums of up to 60 products near 1.
func equalTo(got *tensor.Dense, want Tensor) error {
	if got == nil {
		return errors.New("missing")
	}
	shape := make([]int64, 0, len(want.Dims))
	for _, n := range got.Shape() {
		shape = append(shape, int64(n))
	}
	if !slices.Equal(shape, want.Dims) {
		return fmt.Errorf("shape %v, want %v", shape, want.Dims)
	}
	switch w := numbers(want).(type) {
	case []int32:
		if g, ok := got.Data().([]int32); !ok || !slices.Equal(g, w) {
			return fmt.Errorf("%v, want %v", got.Data(), w)
		}
	case []int64:
		if g, ok := got.Data().([]int64); !ok || !slices.Equal(g, w) {
			return fmt.Errorf("%v, want %v", got.Data(), w)
		}
	case []float32:
		g, ok := got.Data().([]float32)
		if scalar, isScalar := got.Data().(float32); isScalar {
			g, ok = []float32{scalar}, true
		}
		if !ok || len(g) != len(w) {
			return fmt.Errorf("elements of %T, want []float32", got.Data())
		}
		for i := range w {
			if d := math.Abs(float64(g[i]) - float64(w[i])); !(d <= 1e-6+1e-5*math.Abs(float64(w[i]))) {
				return fmt.Errorf("element %d is %g, want %g", i, g[i], w[i])
			}
		}
	}
	return nil
}

// oracles maps each declared operator without a committed case of the ONNX project to the test
// that checks it.
var oracles = map[string]string{
	"Cast":  "TestCast",
	"Shape": "TestShapeArithmetic",
}

// caseFiles returns the models of the committed cases.
func caseFiles(t testing.TB) [][]byte {
	t.Helper()
	models, err := filepath.Glob(filepath.Join(defaultCases, "*", "model.onnx"))
	if err != nil || len(models) == 0 {
		t.Fatalf("no cases (%v)", err)
	}
	files := make([][]byte, len(models))
	for i, model := range models {
		if files[i], err = os.ReadFile(model); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestEveryOperatorIsChecked checks that every declared operator has a committed case or an oracle.
func TestEveryOperatorIsChecked(t *testing.T) {
	covered := map[string]bool{}
	for _, file := range caseFiles(t) {
		h, err := Scan(file, DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range h.Operators {
			covered[o] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(operators)) {
		if !covered[name] && oracles[name] == "" {
			t.Errorf("the operator %s has neither a case nor an oracle", name)
		}
	}
	sources, _ := filepath.Glob("*_test.go")
	var text strings.Builder
	for _, s := range sources {
		b, err := os.ReadFile(s)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(b)
	}
	for name, test := range oracles {
		if _, declared := operators[name]; !declared {
			t.Errorf("an oracle for the undeclared operator %s", name)
		}
		if !strings.Contains(text.String(), "func "+test+"(") {
			t.Errorf("the oracle %s of %s does not exist", test, name)
		}
	}
}
