//go:build !js

package kernel

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayFuse lists the functions in which a compiler may fuse multiplication and
// addition, since only training uses their results: gradients, the statistics
// that batch norm collects, and the SSIM loss. All others are canonical.
var mayFuse = []string{
	"BatchNorm", "BatchNormGrad", "StatisticsGrad", "TanhGrad", "SigmoidGrad", "ErfGrad", "InverseErfGrad", "normGrad", "dotGo",
	"SSIM.Mean", "SSIM.Grad", "SSIM.measure",
}

// TestNoFusedArithmetic compiles the package for machines whose compiler fuses,
// and looks up the source of each fused instruction. An explicit float32(x*y) in
// the expression forbids them.
func TestNoFusedArithmetic(t *testing.T) {
	fused := regexp.MustCompile(`\(([^()]+\.go):(\d+)\)\s+(FN?M(?:ADD|SUB)[SD]|VFML[AS]|VFN?M(?:ADD|SUB)\w*)\b`)
	functions := functionsOf(t)
	for _, machine := range [][]string{{"GOARCH=arm64"}, {"GOARCH=amd64", "GOAMD64=v3"}} {
		t.Run(strings.Join(machine, " "), func(t *testing.T) {
			build := exec.Command("go", "build", "-gcflags=-S", ".")
			build.Env = append(os.Environ(), append(machine, "GOOS=linux", "CGO_ENABLED=0")...)
			listing, err := build.CombinedOutput()
			if err != nil {
				t.Fatalf("building: %v\n%s", err, listing[:min(len(listing), 2000)])
			}
			found := map[string]int{}
			for _, m := range fused.FindAllSubmatch(listing, -1) {
				line, err := strconv.Atoi(string(m[2]))
				if err != nil {
					t.Fatal(err)
				}
				name := functions(filepath.Base(string(m[1])), line)
				found[name]++
				if !slices.Contains(mayFuse, name) {
					t.Errorf("%s:%s (%s): the compiler fuses (%s); write float32(x*y)", filepath.Base(string(m[1])), m[2], name, m[3])
				}
			}
			t.Logf("fused instructions in %v", slices.Sorted(maps.Keys(found)))
			if found["normGrad"]+found["BatchNorm"] == 0 {
				t.Error("no fused instruction where some are expected: the search finds nothing")
			}
		})
	}
}

// functionsOf returns a function that returns the name of the function around a line of a source file.
func functionsOf(t *testing.T) func(file string, line int) string {
	type span struct {
		from, to int
		name     string
	}
	spans := map[string][]span{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	positions := token.NewFileSet()
	for _, path := range files {
		f, err := parser.ParseFile(positions, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			name := fn.Name.Name
			if fn.Recv != nil {
				of := fn.Recv.List[0].Type
				if star, ok := of.(*ast.StarExpr); ok {
					of = star.X
				}
				if id, ok := of.(*ast.Ident); ok {
					name = id.Name + "." + name
				}
			}
			spans[path] = append(spans[path], span{positions.Position(fn.Pos()).Line, positions.Position(fn.End()).Line, name})
		}
	}
	for _, name := range mayFuse {
		if !slices.ContainsFunc(slices.Collect(maps.Values(spans)), func(s []span) bool {
			return slices.ContainsFunc(s, func(s span) bool { return s.name == name })
		}) {
			t.Errorf("mayFuse lists %s, which does not exist", name)
		}
	}
	return func(file string, line int) string {
		for _, s := range spans[file] {
			if line >= s.from && line <= s.to {
				return s.name
			}
		}
		return "no function"
	}
}
