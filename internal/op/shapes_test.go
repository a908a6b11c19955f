package op

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"hash/fnv"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// equalCalls returns the positions of uses of a method Eq in a file. tensor.Shape.Eq treats (n),
// (n, 1) and (1, n) as equal; nothing else that this module uses has a method of that name.
func equalCalls(file *ast.File) (at []token.Pos) {
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Eq" {
			at = append(at, s.Sel.Pos())
		}
		return true
	})
	return at
}

// TestShapesAreComparedExactly checks that no Go file of the module uses Eq.
func TestShapesAreComparedExactly(t *testing.T) {
	files := token.NewFileSet()
	sample, err := parser.ParseFile(files, "sample.go", "package p; var a = x.Shape().Eq(y); var f = in[0].Eq", 0)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(equalCalls(sample)); n != 2 {
		t.Fatalf("%d calls found in the sample, want 2", n)
	}
	const top = "../.."
	looked := 0
	err = filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && slices.Contains([]string{".git", "build", "node_modules", "third_party"}, entry.Name()) {
			return fs.SkipDir
		}
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		looked++
		for _, at := range equalCalls(file) {
			t.Errorf("%v: Eq, which takes (n, 1) for (n); compare shapes by slices.Equal", files.Position(at))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if looked < 100 {
		t.Errorf("looked through %d files of the module only", looked)
	}
}

// TestBroadcastOfVectors checks that a column, a row and a vector of equal length have different shapes.
func TestBroadcastOfVectors(t *testing.T) {
	column, row, vector := []int{3, 1}, []int{1, 3}, []int{3}
	for _, c := range []struct{ a, b, want []int }{
		{column, vector, []int{3, 3}}, {vector, column, []int{3, 3}}, {column, row, []int{3, 3}}, {row, column, []int{3, 3}},
		{row, vector, []int{1, 3}}, {vector, row, []int{1, 3}}, {column, column, []int{3, 1}}, {vector, vector, []int{3}},
	} {
		for _, kind := range []kernel.BinaryOp{kernel.Plus, kernel.Minus, kernel.Times, kernel.Over} {
			g := gorgonia.NewGraph()
			a, b := Data(g, "a", tensor.Float32, c.a...), Data(g, "b", tensor.Float32, c.b...)
			y, err := Broadcast(kind, a, b)
			if err == nil {
				y, err = ReLU(y)
			}
			if err != nil {
				t.Fatal(err)
			}
			p, err := NewProgram(g, y)
			if err != nil {
				t.Fatal(err)
			}
			x := []float32{5, 7, 11}
			p.Set("a", tensor.New(tensor.WithShape(c.a...), tensor.WithBacking(slices.Clone(x))))
			p.Set("b", tensor.New(tensor.WithShape(c.b...), tensor.WithBacking(slices.Clone(x))))
			if err := p.Run(t.Context()); err != nil {
				t.Errorf("operation %d on %v and %v: %v", kind, c.a, c.b, err)
				continue
			}
			got := p.Result(0)
			if !slices.Equal(got.Shape(), c.want) {
				t.Errorf("operation %d on %v and %v has shape %v, want %v", kind, c.a, c.b, got.Shape(), c.want)
				continue
			}
			want := make([]float32, volume(c.want))
			kernel.BroadcastNaive(kind, want, c.want, x, broadcastStrides(c.a, c.want), x, broadcastStrides(c.b, c.want))
			for i, v := range want {
				want[i] = max(v, 0)
			}
			if !slices.Equal(floats(got), want) {
				t.Errorf("operation %d on %v and %v is %v, want %v", kind, c.a, c.b, floats(got), want)
			}
		}
	}
}

// TestParametersHaveTheirShape checks that parameters per channel must be vectors, not columns or rows.
func TestParametersHaveTheirShape(t *testing.T) {
	g := gorgonia.NewGraph()
	x, vector := Data(g, "x", tensor.Float32, 1, 3, 4, 4), Data(g, "vector", tensor.Float32, 3)
	w := Data(g, "w", tensor.Float32, 3, 3, 1, 1)
	for _, shape := range [][]int{{3, 1}, {1, 3}} {
		p := Data(g, "p"+strconv.Itoa(shape[0]), tensor.Float32, shape...)
		for name, build := range map[string]func() (*gorgonia.Node, error){
			"bias of Conv2D":          func() (*gorgonia.Node, error) { return Conv2D(x, w, p, Square(1, 0)) },
			"bias of ConvTranspose2D": func() (*gorgonia.Node, error) { return ConvTranspose2D(x, w, p, Square(1, 0), [2]int{}) },
			"scale of ChannelAffine":  func() (*gorgonia.Node, error) { return ChannelAffine(x, p, vector) },
			"shift of ChannelAffine":  func() (*gorgonia.Node, error) { return ChannelAffine(x, vector, p) },
			"mean of BatchNorm":       func() (*gorgonia.Node, error) { return BatchNormInference(x, vector, vector, p, vector, 1e-5) },
		} {
			if _, err := build(); err == nil {
				t.Errorf("%s of shape %v is taken", name, shape)
			}
		}
	}
}

// TestNodesOfEqualHash checks that operations on different leaves with equal hashes are not
// merged. Gorgonia merges nodes whose 32-bit hashes are equal, without comparing their inputs.
// The test searches for two names of leaves with one hash.
func TestNodesOfEqualHash(t *testing.T) {
	g := gorgonia.NewGraph()
	seen := map[uint32]string{}
	var names []string
	for i := 0; names == nil; i++ {
		if i == 1<<20 {
			t.Fatal("no two names with one hash")
		}
		name := strconv.FormatUint(uint64(i)*0x9E3779B97F4A7C15, 36)
		h := fnv.New32a()
		fmt.Fprintf(h, "Vector float32(2)%s%s\x00", dataPrefix, name)
		if other, ok := seen[h.Sum32()]; ok {
			names = []string{other, name}
		}
		seen[h.Sum32()] = name
	}
	t.Logf("names %v", names)
	a, b := Data(g, names[0], tensor.Float32, 2), Data(g, names[1], tensor.Float32, 2)
	if a.Hashcode() != b.Hashcode() {
		t.Fatalf("the hashes of %v and %v differ", a.Name(), b.Name())
	}
	x, err := Neg(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := Neg(b)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Neg(a); err != nil || again != x {
		t.Errorf("the same operation on the same node is another node (%v)", err)
	}
	p, err := NewProgram(g, x, y)
	if err != nil {
		t.Fatal(err)
	}
	p.Set(names[0], tensor.New(tensor.WithShape(2), tensor.WithBacking([]float32{1, 2})))
	p.Set(names[1], tensor.New(tensor.WithShape(2), tensor.WithBacking([]float32{3, 4})))
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := floats(p.Result(1)); !slices.Equal(got, []float32{-3, -4}) {
		t.Errorf("the second node's result is %v, want [-3 -4]", got)
	}
}
