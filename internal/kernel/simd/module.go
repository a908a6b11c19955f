package simd

import "math"

// valueType is a WebAssembly value type in its binary form.
type valueType byte

const (
	i32  valueType = 0x7f
	f32  valueType = 0x7d
	v128 valueType = 0x7b
)

// module collects the functions of a WebAssembly module that imports its only
// memory as go.mem. It has no data, no globals and no stack of its own.
type module struct{ functions []*function }

// function is a function of a module, which exports it unless its name is empty.
type function struct {
	name    string
	params  []valueType
	locals  []valueType
	code    []byte
	results []valueType
}

func (m *module) function(name string, params ...valueType) *function {
	f := &function{name: name, params: params}
	m.functions = append(m.functions, f)
	return f
}

// unsigned appends v as LEB128.
func unsigned(b []byte, v int) []byte {
	for ; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}

// signed appends v as signed LEB128.
func signed(b []byte, v int32) []byte {
	for ; v < -0x40 || v >= 0x40; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v)&0x7f)
}

func text(b []byte, s string) []byte { return append(unsigned(b, len(s)), s...) }

func section(b []byte, id byte, content []byte) []byte {
	return append(unsigned(append(b, id), len(content)), content...)
}

func types(b []byte, list []valueType) []byte {
	b = unsigned(b, len(list))
	for _, t := range list {
		b = append(b, byte(t))
	}
	return b
}

// encode returns the binary form of the module. Equal modules have equal bytes.
func (m *module) encode() []byte {
	n := len(m.functions)
	signatures, indices, bodies := unsigned(nil, n), unsigned(nil, n), unsigned(nil, n)
	var exports []byte
	exported := 0
	for i, f := range m.functions {
		signatures = types(types(append(signatures, 0x60), f.params), f.results)
		indices = unsigned(indices, i)
		body := unsigned(nil, len(f.locals))
		for _, t := range f.locals {
			body = append(body, 1, byte(t))
		}
		body = append(append(body, f.code...), end)
		bodies = append(unsigned(bodies, len(body)), body...)
		if f.name != "" {
			exported++
			exports = unsigned(append(text(exports, f.name), 0), i)
		}
	}
	b := []byte{0, 'a', 's', 'm', 1, 0, 0, 0}
	b = section(b, 1, signatures)
	b = section(b, 2, append(text(text([]byte{1}, "go"), "mem"), 2, 0, 0)) // one memory of 0 pages or more
	b = section(b, 3, indices)
	b = section(b, 7, append(unsigned(nil, exported), exports...))
	return section(b, 10, bodies)
}

// Operation codes. Those from simdBase on are written with the prefix of vector instructions.
const (
	block       = 0x02
	loop        = 0x03
	conditional = 0x04
	elseCase    = 0x05
	end         = 0x0b
	branch      = 0x0c
	branchI     = 0x0d
	table       = 0x0e

	leave    = 0x0f
	selectOp = 0x1b
	i32Load  = 0x28
	f32Load  = 0x2a
	f32Store = 0x38
	i32Add   = 0x6a
	i32Sub   = 0x6b
	i32Mul   = 0x6c
	i32Shl   = 0x74
	i32LtS   = 0x48
	i32GeS   = 0x4e

	simdBase     = 0x100
	vLoad        = simdBase + 0
	vLoad32Splat = simdBase + 9
	vStore       = simdBase + 11
	vConst       = simdBase + 12
	i32x4Splat   = simdBase + 17
	i32x4Extract = simdBase + 0x1b
	i32x4GeU     = simdBase + 0x40
	anyTrue      = simdBase + 0x53
	f32Splat     = simdBase + 19
	f32Gt        = simdBase + 0x44
	f32Lt        = simdBase + 0x43
	f32Ne        = simdBase + 0x42
	bitselect    = simdBase + 0x52
	i32x4Shl     = simdBase + 0xab
	i32x4ShrS    = simdBase + 0xac
	i32x4Add     = simdBase + 0xae
	i32x4Sub     = simdBase + 0xb1
	f32Neg       = simdBase + 0xe1
	f32Add       = simdBase + 0xe4
	f32Sub       = simdBase + 0xe5
	f32Mul       = simdBase + 0xe6
	f32Div       = simdBase + 0xe7
	f32Pmin      = simdBase + 0xea
	f32Pmax      = simdBase + 0xeb
	truncSat     = simdBase + 0xf8
	byteShuffle  = simdBase + 13
	relaxedMadd  = simdBase + 0x105
)

// expression emits code that leaves one value on the stack.
type expression func(f *function)

// local is a parameter or a variable of a function.
type local int

// get emits the value of l.
func (l local) get(f *function) { f.code = unsigned(append(f.code, 0x20), int(l)) }

// variable declares a local.
func (f *function) variable(t valueType) local {
	f.locals = append(f.locals, t)
	return local(len(f.params) + len(f.locals) - 1)
}

// set assigns e to l.
func (f *function) set(l local, e expression) {
	e(f)
	f.code = unsigned(append(f.code, 0x21), int(l))
}

// let declares a local with a value.
func (f *function) let(t valueType, e expression) local {
	l := f.variable(t)
	f.set(l, e)
	return l
}

func (f *function) op(code int) {
	if code >= simdBase {
		f.code = unsigned(append(f.code, 0xfd), code-simdBase)
		return
	}
	f.code = append(f.code, byte(code))
}

// apply returns an operation on the values of its operands.
func apply(code int, operands ...expression) expression {
	return func(f *function) {
		for _, o := range operands {
			o(f)
		}
		f.op(code)
	}
}

func integer(v int) expression {
	return func(f *function) { f.code = signed(append(f.code, 0x41), int32(v)) }
}

// lanes returns a vector with the same 32 bits in all four lanes.
func lanes(v uint32) expression {
	return func(f *function) {
		f.op(vConst)
		for range 4 {
			f.code = append(f.code, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
		}
	}
}

// extract returns one lane of a vector of integers.
func extract(v expression, lane int) expression {
	return func(f *function) {
		v(f)
		f.op(i32x4Extract)
		f.code = append(f.code, byte(lane))
	}
}

// shuffle returns a vector of four of the eight elements of two vectors.
func shuffle(a, b expression, elements ...int) expression {
	return func(f *function) {
		apply(byteShuffle, a, b)(f)
		for _, e := range elements {
			for i := range 4 {
				f.code = append(f.code, byte(4*e+i))
			}
		}
	}
}

// number returns a vector with v in all four lanes.
func number(v float32) expression { return lanes(math.Float32bits(v)) }

// access returns a load, or with two operands a store, at the address in the first operand plus offset.
func access(code, offset int, operands ...expression) expression {
	return func(f *function) {
		apply(code, operands...)(f)
		// The alignment is 2^2 bytes: addresses are only known to be those of float32.
		f.code = unsigned(append(f.code, 2), offset)
	}
}

// run emits a statement.
func (f *function) run(e expression) { e(f) }

// while repeats body as long as the condition, an i32, is not 0.
func (f *function) while(condition expression, body func()) {
	f.code = append(f.code, block, 0x40, loop, 0x40)
	condition(f)
	f.code = append(f.code, 0x45, branchI, 1) // leave if it is 0
	body()
	f.code = append(f.code, branch, 0, end, end)
}

// when runs then if the condition is not 0.
func (f *function) when(condition expression, then func()) {
	condition(f)
	f.code = append(f.code, conditional, 0x40)
	then()
	f.code = append(f.code, end)
}

// either runs one of two statements.
func (f *function) either(condition expression, then, otherwise func()) {
	condition(f)
	f.code = append(f.code, conditional, 0x40)
	then()
	f.code = append(f.code, elseCase)
	otherwise()
	f.code = append(f.code, end)
}

// choose runs the case whose index is in selector, or the last one if selector is greater.
func (f *function) choose(selector expression, cases ...func()) {
	f.code = append(f.code, block, 0x40) // the exit
	for range cases {
		f.code = append(f.code, block, 0x40)
	}
	selector(f)
	f.code = unsigned(append(f.code, table), len(cases)-1)
	for i := range cases {
		f.code = unsigned(f.code, i)
	}
	for i, run := range cases {
		f.code = append(f.code, end)
		run()
		f.code = unsigned(append(f.code, branch), len(cases)-1-i)
	}
	f.code = append(f.code, end)
}
