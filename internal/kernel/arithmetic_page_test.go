//go:build !js

package kernel

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// documented returns the numbers of docs/arithmetic.md by function: in their order, and by name.
func documented(t *testing.T) (list map[string][]float32, named map[string]map[string]float32) {
	t.Helper()
	text, err := os.ReadFile("../../docs/arithmetic.md")
	if err != nil {
		t.Fatal(err)
	}
	list, named = map[string][]float32{}, map[string]map[string]float32{}
	var table string
	for _, row := range regexp.MustCompile("(?m)^\\| (?:(exp|tanh|erf) \\| bits |`([a-z0-9]+)` \\| `([0-9a-f]{8})` )").FindAllStringSubmatch(string(text), -1) {
		if row[1] != "" {
			table = row[1]
			named[table] = map[string]float32{}
			continue
		}
		bits, err := strconv.ParseUint(row[3], 16, 32)
		if err != nil || table == "" {
			t.Fatalf("row %q", row[0])
		}
		v := math.Float32frombits(uint32(bits))
		list[table] = append(list[table], v)
		named[table][row[2]] = v
	}
	return list, named
}

// TestDocumentedConstants checks that the numbers of docs/arithmetic.md are those in the code, bit for bit.
func TestDocumentedConstants(t *testing.T) {
	list, named := documented(t)
	file, err := parser.ParseFile(token.NewFileSet(), "activation.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || list[f.Name.Name] == nil {
			continue
		}
		want := list[f.Name.Name]
		delete(list, f.Name.Name)
		// Integers cannot be told from other literals; TestDocumentedFunctions checks them.
		want = slices.DeleteFunc(want, func(v float32) bool { return v == named[f.Name.Name]["shift"] || v == 4 })
		var got []float32
		negative := map[ast.Expr]bool{}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.UnaryExpr:
				negative[n.X] = n.Op == token.SUB
			case *ast.BasicLit:
				if n.Kind == token.FLOAT {
					v, err := strconv.ParseFloat(n.Value, 32)
					if err != nil {
						t.Fatal(err)
					}
					if negative[n] {
						v = -v
					}
					got = append(got, float32(v))
				}
			}
			return true
		})
		if !slices.Equal(got, want) {
			t.Errorf("%s has the numbers %v, docs/arithmetic.md %v", f.Name.Name, got, want)
		}
	}
	if len(named) != 3 || len(list) != 0 {
		t.Errorf("docs/arithmetic.md has tables of %v, of which %v are no functions", named, list)
	}
}

// TestDocumentedFunctions checks that the formulas and numbers of docs/arithmetic.md compute the bits of the code.
func TestDocumentedFunctions(t *testing.T) {
	_, named := documented(t)
	ratio := func(c map[string]float32, denominators int) func(x float32) float32 {
		return func(x float32) float32 {
			if x > c["limit"] {
				x = c["limit"]
			}
			if x < -c["limit"] {
				x = -c["limit"]
			}
			s := float32(x * x)
			p, q := float32(s*c["p0"])+c["p1"], float32(s*c["q0"])+c["q1"]
			for i := 2; i < 7; i++ {
				p = float32(p*s) + c["p"+strconv.Itoa(i)]
			}
			for i := 2; i < denominators; i++ {
				q = float32(q*s) + c["q"+strconv.Itoa(i)]
			}
			return float32(p*x) / q
		}
	}
	e := named["exp"]
	functions := map[string]struct {
		ours     func(dst, src []float32)
		document func(x float32) float32
		reach    float32
	}{
		"exp": {Exp, func(x float32) float32 {
			switch {
			case x != x:
				return x
			case x > e["max"]:
				return float32(math.Inf(1))
			case x < e["min"]:
				return 0
			}
			n := float32(float32(x*e["log2e"])+e["shift"]) - e["shift"]
			r := float32(x-float32(n*e["ln2a"])) - float32(n*e["ln2b"])
			p := float32(e["e0"]*r) + e["e1"]
			for i := 2; i < 6; i++ {
				p = float32(p*r) + e["e"+strconv.Itoa(i)]
			}
			p = float32(float32(p*r)*r) + r
			p++
			h := math.Floor(float64(n) / 2)
			return float32(p*float32(math.Exp2(h))) * float32(math.Exp2(float64(n)-h))
		}, 90},
		"tanh": {Tanh, ratio(named["tanh"], 4), 9},
		"erf":  {Erf, ratio(named["erf"], 5), 5},
	}
	withEach(t, func(t *testing.T) {
		r := seeded(t)
		for name, f := range functions {
			x := append(edges(), random(r, 20000)...)
			for i := len(edges()); i < len(x); i++ {
				x[i] *= f.reach
			}
			y, want := make([]float32, len(x)), make([]float32, len(x))
			f.ours(y, x)
			for i, v := range x {
				want[i] = f.document(v)
			}
			equalNumbers(t, name, x, y, want)
		}
	})
}
