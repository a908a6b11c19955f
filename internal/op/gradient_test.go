package op

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

func seeded(t testing.TB) source {
	const seed = 20230111
	t.Logf("seed %d", seed)
	return source{rand.New(rand.NewPCG(seed, 1))}
}

// plant makes the leaves of a row in a new graph. Leaves for which trainable returns false are Data.
func (r row) plant(t testing.TB, trainable func(i int) bool) (*gorgonia.ExprGraph, gorgonia.Nodes) {
	t.Helper()
	g := gorgonia.NewGraph()
	var in gorgonia.Nodes
	for i, l := range r.in {
		name := fmt.Sprintf("input %d", i)
		of, backing := tensor.Float32, any(l.v)
		if l.ints != nil {
			of, backing = tensor.Int32, l.ints
		}
		var n *gorgonia.Node
		if trainable(i) {
			n = gorgonia.NewTensor(g, of, l.shape.Dims(), gorgonia.WithShape(l.shape...), gorgonia.WithName(name))
		} else {
			n = Data(g, name, of, l.shape...)
		}
		if err := gorgonia.Let(n, tensor.New(tensor.WithShape(l.shape...), tensor.WithBacking(backing))); err != nil {
			t.Fatal(err)
		}
		in = append(in, n)
	}
	return g, in
}

func (r row) values() [][]float64 {
	var in [][]float64
	for _, l := range r.in {
		var v []float64
		for _, x := range l.v {
			v = append(v, float64(x))
		}
		for _, x := range l.ints {
			v = append(v, float64(x))
		}
		in = append(in, v)
	}
	return in
}

func run(t testing.TB, g *gorgonia.ExprGraph) {
	t.Helper()
	m := gorgonia.NewTapeMachine(g)
	defer m.Close()
	if err := m.RunAll(); err != nil {
		t.Fatal(err)
	}
}

// elements returns the float32 elements of a tensor or a scalar.
func elements(t testing.TB, v gorgonia.Value) []float32 {
	t.Helper()
	switch d := v.Data().(type) {
	case []float32:
		return d
	case float32:
		return []float32{d}
	}
	t.Fatalf("a value of type %T, want float32", v.Data())
	return nil
}

// weigh returns the scalar sum of weights[i]*x[i].
func weigh(x *gorgonia.Node, weights []float32) (*gorgonia.Node, error) {
	shape := x.Shape().Clone()
	return Apply(Spec{
		Name: "weigh", Arity: 1, Shape: scalar,
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			var sum float64
			for i, v := range floats(in[0]) {
				sum += float64(v) * float64(weights[i])
			}
			floats(out)[0] = float32(sum)
			return nil
		},
		Gradient: gradientFunc(func(in gorgonia.Nodes, out, grad *gorgonia.Node, want []bool) (gorgonia.Nodes, error) {
			g, err := Apply(Spec{
				Name: "weighGrad", Arity: 1,
				Shape: func([]tensor.Shape) (tensor.Shape, error) { return shape, nil },
				Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
					for i, w := range weights {
						floats(out)[i] = w * floats(in[0])[0]
					}
					return nil
				},
			}, grad)
			return gorgonia.Nodes{g}, err
		}),
	}, x)
}

// TestForward compares every operation with its definition in float64.
func TestForward(t *testing.T) {
	for _, r := range rows(seeded(t)) {
		t.Run(r.op+"/"+r.name, func(t *testing.T) {
			g, in := r.plant(t, func(i int) bool { return !r.in[i].data })
			y, err := r.build(in)
			if err != nil {
				t.Fatal(err)
			}
			run(t, g)
			got, want := elements(t, y.Value()), r.want(r.values())
			if len(got) != len(want) || volume(y.Shape()) != len(want) {
				t.Fatalf("%d elements of shape %v, want %d", len(got), y.Shape(), len(want))
			}
			var worst float64
			for i, w := range want {
				e := math.Abs(float64(got[i])-w) / max(1, math.Abs(w))
				worst = max(worst, e)
				if !(e <= r.tol) {
					t.Fatalf("element %d is %.9g, want %.9g (tolerance %.3g)", i, got[i], w, r.tol)
				}
			}
			t.Logf("worst %.3g of %.3g", worst, r.tol)
		})
	}
}

// gradients returns the gradients of the scalar sum of weights*y for the trainable inputs, and nil for the others.
func (r row) gradients(t *testing.T, weights []float32, trainable func(i int) bool) [][]float32 {
	t.Helper()
	g, in := r.plant(t, trainable)
	y, err := r.build(in)
	if err != nil {
		t.Fatal(err)
	}
	loss, err := weigh(y, weights)
	if err != nil {
		t.Fatal(err)
	}
	var by gorgonia.Nodes
	for i, n := range in {
		if trainable(i) {
			by = append(by, n)
		}
	}
	grads, err := Gradients(loss, by...)
	if err != nil {
		t.Fatal(err)
	}
	read := make([]gorgonia.Value, len(grads))
	for i, n := range grads {
		if !slices.Equal(n.Shape(), by[i].Shape()) {
			t.Fatalf("a gradient of shape %v for an input of %v", n.Shape(), by[i].Shape())
		}
		gorgonia.Read(n, &read[i])
	}
	run(t, g)
	out := make([][]float32, len(in))
	for i, n := range in {
		if trainable(i) {
			out[i] = append([]float32{}, elements(t, read[0])...)
			read = read[1:]
		} else if n.Deriv() != nil {
			t.Errorf("input %d is frozen and has gradient node %v", i, n.Deriv())
		}
	}
	return out
}

// TestGradients compares the gradient of a random weighted sum of every operation's output with
// central differences of its definition in float64. With a step h = 2^-17 the differences have
// errors of h*h/6 times the third derivative and 2^-53/h times the sum, both about 1e-11 and
// far below the tolerances, which are for float32 arithmetic. TestForward compares the
// definition with the operation.
func TestGradients(t *testing.T) {
	const h = 1.0 / (1 << 17)
	s := seeded(t)
	for _, r := range rows(s) {
		trainable := func(i int) bool { return !r.in[i].data }
		if r.in[0].data {
			continue
		}
		t.Run(r.op+"/"+r.name, func(t *testing.T) {
			smooth := r.smooth
			if smooth == nil {
				smooth = r.want
			}
			in := r.values()
			weights := s.uniform(-1, 1, len(smooth(in))).v
			sum := func() (total float64) {
				for i, v := range smooth(in) {
					total += v * float64(weights[i])
				}
				return total
			}
			all := r.gradients(t, weights, trainable)
			for i, got := range all {
				if got == nil {
					continue
				}
				want := make([]float64, len(got))
				size := r.size
				for j := range want {
					x := in[i][j]
					in[i][j] = x + h
					above := sum()
					in[i][j] = x - h
					want[j] = (above - sum()) / (2 * h)
					in[i][j] = x
					size = max(size, math.Abs(want[j]))
				}
				const differences = 1e-9
				tol := r.gradTol*size + differences
				var worst float64
				for j, w := range want {
					e := math.Abs(float64(got[j]) - w)
					worst = max(worst, e)
					if !(e <= tol) {
						t.Fatalf("gradient of element %d of input %d is %.9g, want %.9g (tolerance %.3g)", j, i, got[j], w, tol)
					}
				}
				t.Logf("input %d: worst %.3g of %.3g", i, worst, tol)
			}
			// With all other inputs frozen, the gradient of an input is the same, and the others have none.
			for i := range in {
				if !trainable(i) || len(in) == 1 {
					continue
				}
				alone := r.gradients(t, weights, func(j int) bool { return j == i })
				if !slices.Equal(alone[i], all[i]) {
					t.Errorf("the gradient of input %d changes when the others are frozen", i)
				}
			}
		})
	}
}

// TestOutputsAreWrittenWhole runs every operation and its gradients twice, the second time over
// buffers full of NaN: results must not depend on the previous content of a buffer.
func TestOutputsAreWrittenWhole(t *testing.T) {
	s := seeded(t)
	for _, r := range rows(s) {
		t.Run(r.op+"/"+r.name, func(t *testing.T) {
			g, in := r.plant(t, func(i int) bool { return !r.in[i].data })
			y, err := r.build(in)
			if err != nil {
				t.Fatal(err)
			}
			if active(y) {
				loss, err := weigh(y, s.uniform(-1, 1, volume(y.Shape())).v)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := Gradients(loss, slices.DeleteFunc(slices.Clone(in), func(n *gorgonia.Node) bool { return !active(n) })...); err != nil {
					t.Fatal(err)
				}
			}
			m := gorgonia.NewTapeMachine(g)
			defer m.Close()
			var results [2][][]float32
			var owned [2][]*tensor.Dense
			for round := range results {
				if err := m.RunAll(); err != nil {
					t.Fatal(err)
				}
				m.Reset()
				for _, n := range g.AllNodes() {
					if o, ok := n.Op().(*operation); ok {
						buffer := floats(o.out)
						owned[round] = append(owned[round], o.out)
						results[round] = append(results[round], slices.Clone(buffer))
						for i := range buffer {
							buffer[i] = float32(math.NaN())
						}
					}
				}
			}
			if !slices.Equal(owned[0], owned[1]) {
				t.Error("the second run allocates its outputs anew")
			}
			for i, first := range results[0] {
				if !slices.Equal(first, results[1][i]) {
					t.Errorf("operation %d gives %v at first and %v over a buffer that was used", i, first, results[1][i])
				}
			}
		})
	}
}

// TestOnlyWantedGradients requests the gradients of each subset of the inputs of every operation
// and expects no others: no node for a frozen input or an input without gradient.
func TestOnlyWantedGradients(t *testing.T) {
	for _, r := range rows(seeded(t)) {
		for subset := range 1 << len(r.in) {
			trainable := func(i int) bool { return subset>>i&1 == 1 && r.in[i].ints == nil }
			g, in := r.plant(t, trainable)
			y, err := r.build(in)
			if err != nil {
				t.Fatal(err)
			}
			reached := false
			for i := range in {
				reached = reached || trainable(i) && !r.in[i].data
			}
			if active(y) != reached {
				t.Errorf("%s/%s with inputs %b trainable: active is %t, want %t", r.op, r.name, subset, active(y), reached)
			}
			for _, n := range append(gorgonia.Nodes{}, g.AllNodes()...) {
				o, ok := n.Op().(*operation)
				if !ok || !active(n) {
					continue
				}
				grad := gorgonia.NodeFromAny(g, placeholder(n.Shape()), gorgonia.WithName(dataPrefix+"gradient"))
				children := childrenOf(g, n)
				enableGradients()
				grads, err := o.SymDiff(children, n, grad)
				if err != nil {
					t.Fatalf("%s/%s: %v", r.op, r.name, err)
				}
				for i, want := range o.DiffWRT(len(children)) {
					if (grads[i] != nil) != want {
						t.Errorf("%s/%s: %s builds a gradient for input %d: %t, want %t", r.op, r.name, o, i, grads[i] != nil, want)
					}
				}
			}
		}
	}
}

func placeholder(s tensor.Shape) any {
	if s.Dims() == 0 {
		return float32(1)
	}
	return tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(s...))
}

func childrenOf(g *gorgonia.ExprGraph, n *gorgonia.Node) gorgonia.Nodes {
	var in gorgonia.Nodes
	for it := g.From(n.ID()); it.Next(); {
		in = append(in, it.Node().(*gorgonia.Node))
	}
	return in
}

// withoutGradient lists the operations used only in inference, Collect, which only reads, and Constant, a leaf.
var withoutGradient = []string{
	"Abs", "BatchNormInference", "Broadcast", "Cast", "Clip", "Collect", "Concat", "Constant", "Floor", "Gather", "GatherElements", "MatMul", "Neg", "Pad", "ReduceMean", "Reshape", "RoundHalf", "Slice", "Sqrt", "Transpose",
}

// TestEveryOperationHasAGradientTest reads the source of the package: each exported constructor
// must occur in the rows, or be listed in withoutGradient and set no Gradient.
func TestEveryOperationHasAGradientTest(t *testing.T) {
	tested := map[string]bool{}
	for _, r := range rows(seeded(t)) {
		if !r.in[0].data {
			tested[r.op] = true
		}
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !isConstructor(f) {
				continue
			}
			name := f.Name.Name
			found[name] = true
			listed := slices.Contains(withoutGradient, name)
			switch {
			case tested[name] && listed:
				t.Errorf("%s has a row and is listed as an operation without gradient", name)
			case !tested[name] && !listed:
				t.Errorf("%s (%s) has no row in rows: add its definition there, or list it in withoutGradient", name, e.Name())
			case listed && setsGradient(f):
				t.Errorf("%s (%s) is listed as an operation without gradient but sets Gradient", name, e.Name())
			}
		}
	}
	for _, name := range withoutGradient {
		if !found[name] {
			t.Errorf("withoutGradient lists %s, which does not exist", name)
		}
	}
	if len(found) < len(withoutGradient)+10 {
		t.Errorf("only %d constructors found", len(found))
	}
}

// isConstructor reports whether f is an exported function, not a method, that returns (*gorgonia.Node, error).
func isConstructor(f *ast.FuncDecl) bool {
	if !f.Name.IsExported() || f.Recv != nil || f.Name.Name == "Apply" || f.Type.Results == nil || len(f.Type.Results.List) != 2 {
		return false
	}
	star, ok := f.Type.Results.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	node, ok := star.X.(*ast.SelectorExpr)
	return ok && node.Sel.Name == "Node"
}

func setsGradient(f *ast.FuncDecl) bool {
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		if kv, ok := n.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok && id.Name == "Gradient" {
				found = true
			}
		}
		return true
	})
	return found
}
