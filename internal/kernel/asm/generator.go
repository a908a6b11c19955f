package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
	"github.com/mmcloughlin/avo/reg"
)

// generator emits the functions of one instruction set.
type generator struct {
	*build.Context
	set     string // the suffix of names
	lanes   int    // floats in a vector
	rows    []int  // of the tiles of C that stay in registers; the tiles are two vectors wide
	masks   bool   // comparisons write mask registers, not vectors
	numbers *constants
	labels  int // used so far in this function
}

// write returns the assembly and the declarations, the same bytes every time.
func write() (assembly, declarations []byte, err error) {
	ctx := build.NewContext()
	ctx.ConstraintExpr("amd64")
	numbers := &constants{of: map[uint32]operand.Mem{}}
	numbers.emit(ctx)
	for _, g := range []*generator{
		{Context: ctx, set: "AVX512", lanes: 16, rows: []int{8, 4}, masks: true, numbers: numbers},
		{Context: ctx, set: "AVX2", lanes: 8, rows: []int{4}, numbers: numbers},
	} {
		for i, rows := range g.rows {
			name := [2]string{"wide", "narrow"}[i]
			g.tiles(name, rows, false)
			g.tiles(name+"Fused", rows, true)
		}
		g.pack()
		g.maps()
		g.pairs()
		g.sums()
		g.squares()
		g.deinterleave()
		g.interleave()
		g.inputTransform()
		g.outputTransform()
		g.dot()
		g.leakyGrad()
	}
	(&generator{Context: ctx}).gather()
	file, err := ctx.Result()
	if err != nil {
		return nil, nil, err
	}
	if numbers.missing != nil {
		return nil, nil, numbers.missing
	}
	if err := pass.Compile.Execute(file); err != nil {
		return nil, nil, err
	}
	cfg := printer.Config{Name: "internal/kernel/asm", Pkg: "kernel"}
	if assembly, err = printer.NewGoAsm(cfg).Print(file); err != nil {
		return nil, nil, err
	}
	declarations, err = printer.NewStubs(cfg).Print(file)
	return assembly, declarations, err
}

// function begins a function whose pointers do not escape.
func (g *generator) function(name, signature, doc string) {
	g.Function(name + g.set)
	g.Attributes(attr.NOSPLIT)
	g.SignatureExpr("func" + signature)
	g.Doc(strings.Split(name+g.set+" "+doc, "\n")...)
	g.Pragma("noescape")
	g.labels = 0
}

func (g *generator) label(name string) string {
	g.labels++
	return fmt.Sprintf("%s%d", name, g.labels)
}

// argument loads an integer or a pointer.
func (g *generator) argument(name string) reg.GPVirtual {
	r := g.GP64()
	g.Load(g.Param(name), r)
	return r
}

// place returns the address of an argument.
func (g *generator) place(name string) operand.Mem {
	b, err := g.Param(name).Resolve()
	if err != nil {
		panic(fmt.Sprintf("%s has no such parameter: %v", name, err)) // a mistake in this program
	}
	return b.Addr
}

// everywhere returns a vector with a float32 argument in every lane.
func (g *generator) everywhere(name string) reg.VecVirtual {
	v := g.vector()
	g.VBROADCASTSS(g.place(name), v)
	return v
}

func (g *generator) vector() reg.VecVirtual {
	if g.lanes == 16 {
		return g.ZMM()
	}
	return g.YMM()
}

func (g *generator) zero(v reg.VecVirtual) {
	if g.masks {
		g.VPXORD(v, v, v) // VXORPS of this width needs AVX512DQ
	} else {
		g.VXORPS(v, v, v)
	}
}

func (g *generator) end() {
	g.VZEROUPPER()
	g.RET()
}

// memory returns the address base + displacement, in bytes.
func memory(base reg.Register, displacement int) operand.Mem {
	return operand.Mem{Base: base, Disp: displacement}
}
