package onnx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"enciphergan/internal/kernel"

	"google.golang.org/protobuf/encoding/protowire"
	"gorgonia.org/tensor"
)

// hostileModels returns models that must be refused, each with part of the error.
func hostileModels() map[string]struct {
	model *Model
	want  string
} {
	type hostile = struct {
		model *Model
		want  string
	}
	x := []ValueInfo{float("x", 1, 1, 4, 4)}
	y := []ValueInfo{float("y", 1, 1, 4, 4)}
	kernel := NewFloat32("w", []int64{1, 1, 3, 3}, make([]float32, 9))
	conv := func(a ...Attribute) *Model { return model(x, y, []Tensor{kernel}, node("Conv", "x w", "y", a...)) }
	transposed := func(a ...Attribute) *Model {
		return model(x, y, []Tensor{kernel}, node("ConvTranspose", "x w", "y", a...))
	}
	with := func(n Node, constants ...Tensor) *Model { return model(x, y, constants, n) }
	ints := func(name string, v ...int64) Tensor { return NewInt64(name, []int64{int64(len(v))}, v) }
	opset := func(v int64) *Model {
		m := with(node("Abs", "x", "y"))
		m.Opset = v
		return m
	}
	deep := model([]ValueInfo{float("x", 1, 1<<10)}, []ValueInfo{float("y", 1)}, nil)
	for i := range 40 { // every step doubles
		from, to := "x", string(rune('A'+i))
		if i > 0 {
			from = string(rune('A' + i - 1))
		}
		deep.Graph.Nodes = append(deep.Graph.Nodes, node("Concat", from+" "+from, to, IntOf("axis", 1)))
	}
	deep.Graph.Outputs[0].Name = string(rune('A' + 39))
	many := make([]string, 1000)
	for i := range many {
		many[i] = fmt.Sprint("y", i)
	}
	moves := []Node{node("Transpose", "x", "v0")}
	for i := range 1000 {
		moves = append(moves, node("Transpose", fmt.Sprint("v", i), fmt.Sprint("v", i+1)))
	}
	moves = append(moves, node("Abs", "v1000", "y"))
	square := model([]ValueInfo{float("x", 1<<14, 1<<14)}, []ValueInfo{float("y", 1)}, nil, node("MatMul", "x x", "a"), node("MatMul", "a a", "y"))
	return map[string]hostile{
		"huge input":          {model([]ValueInfo{float("x", 1<<20, 1<<20)}, y, nil, node("Abs", "x", "y")), "elements allowed"},
		"overflowing input":   {model([]ValueInfo{float("x", 1<<32, 1<<32)}, y, nil, node("Abs", "x", "y")), "elements allowed"},
		"negative input":      {model([]ValueInfo{float("x", -4, -4)}, y, nil, node("Abs", "x", "y")), "not positive"},
		"empty input":         {model([]ValueInfo{float("x", 0)}, y, nil, node("Abs", "x", "y")), "not positive"},
		"many dimensions":     {model([]ValueInfo{float("x", make([]int64, 100)...)}, y, nil, node("Abs", "x", "y")), "dimensions allowed"},
		"double input":        {model([]ValueInfo{{"x", 11, Sizes(2)}}, y, nil, node("Abs", "x", "y")), "data type 11"},
		"half input":          {model([]ValueInfo{{"x", Float16, Sizes(2)}}, y, nil, node("Abs", "x", "y")), "float16"},
		"self loop":           {with(node("Add", "x y", "y")), "which no earlier node computes"},
		"cycle":               {model(x, y, nil, node("Add", "x b", "a"), node("Abs", "a", "b"), node("Abs", "b", "y")), "which no earlier node computes"},
		"missing input":       {with(node("Add", "x z", "y")), "which no earlier node computes"},
		"missing output":      {model(x, []ValueInfo{float("z", 1)}, nil, node("Abs", "x", "y")), "no node computes the output"},
		"output twice":        {model(x, append(y, y...), nil, node("Abs", "x", "y")), "listed twice"},
		"value made twice":    {model(x, y, nil, node("Abs", "x", "y"), node("Neg", "x", "y")), "already defined"},
		"input made":          {model(x, x, nil, node("Abs", "x", "x")), "already defined"},
		"constant twice":      {with(node("Abs", "x", "y"), ints("c", 1), ints("c", 1)), "already defined"},
		"no nodes":            {model(x, x, nil), "no nodes"},
		"no outputs":          {model(x, nil, nil, node("Abs", "x", "y")), "no nodes or no outputs"},
		"no inputs":           {with(node("Abs", "", "y")), "has no inputs"},
		"absent needed input": {with(node("Add", "x -", "y")), "missing"},
		"too many inputs":     {with(node("Abs", "x x", "y")), "2 inputs"},
		"too many outputs":    {with(node("Abs", "x", "y z")), "2 outputs"},
		"zero in a name":      {with(node("Abs", "x", "\x00y")), "contains a zero"},
		"old opset":           {opset(5), "operator set 5"},
		"new opset":           {opset(18), "operator set 18"},
		"negative opset":      {opset(-1), "operator set -1"},
		"attribute twice":     {with(node("LeakyRelu", "x", "y", FloatOf("alpha", 1), FloatOf("alpha", 1))), "two attributes"},
		"unknown attribute":   {with(node("Abs", "x", "y", IntOf("to", 1))), `"to" is not supported`},
		"attribute type":      {with(node("LeakyRelu", "x", "y", IntOf("alpha", 1))), "alpha"},
		"tensor attribute":    {with(node("LeakyRelu", "x", "y", TensorOf("alpha", NewFloat16("", nil, []uint16{0})))), "alpha"},
		"slope":               {with(node("LeakyRelu", "x", "y", FloatOf("alpha", float32(math.NaN())))), "slope"},

		"huge pads":             {conv(IntsOf("pads", 1<<40, 0, 0, 0)), "pads"},
		"large pads":            {conv(IntsOf("pads", 1<<20, 1<<20, 1<<20, 1<<20)), "exceed the budget"},
		"negative pads":         {conv(IntsOf("pads", -1, 0, 0, 0)), "pads"},
		"three pads":            {conv(IntsOf("pads", 1, 1, 1)), "pads"},
		"padded border only":    {conv(IntsOf("pads", 1<<20, 1<<20, 1<<20, 1<<20), IntsOf("strides", 1<<20, 1<<20)), "exceed the budget"},
		"zero stride":           {conv(IntsOf("strides", 0, 1)), "strides"},
		"negative stride":       {conv(IntsOf("strides", -1, -1)), "strides"},
		"overflowing dilation":  {conv(IntsOf("dilations", math.MaxInt64, math.MaxInt64)), "dilations"},
		"large dilation":        {conv(IntsOf("dilations", 1<<20, 1<<20)), "kernel is larger"},
		"groups":                {conv(IntOf("group", 2)), "group"},
		"kernel shape":          {conv(IntsOf("kernel_shape", 5, 5)), "kernel_shape"},
		"padding mode":          {conv(StringOf("auto_pad", "ELSEWHERE")), "auto_pad"},
		"transposed pads":       {transposed(IntsOf("pads", 1<<20, 0, 1<<20, 0)), "leaves no output"},
		"transposed stride":     {transposed(IntsOf("strides", 1<<20, 1<<20)), "out of range"},
		"output shape":          {transposed(IntsOf("output_shape", 1<<20, 1<<20)), "out of range"},
		"output padding":        {transposed(IntsOf("output_padding", 1<<19, 1)), "out of range"},
		"weights of three":      {with(node("Conv", "x v", "y"), NewFloat32("v", []int64{1, 1, 3}, make([]float32, 3))), "two-dimensional"},
		"weights of a channel":  {with(node("Conv", "x v", "y"), NewFloat32("v", []int64{1, 2, 1, 1}, make([]float32, 2))), "channels"},
		"integer weights":       {with(node("Conv", "x v", "y"), NewInt32("v", []int64{1, 1, 1, 1}, make([]int32, 1))), "want float32"},
		"huge Pad":              {with(node("Pad", "x p", "y"), ints("p", 0, 0, math.MaxInt64, 0, 0, 0, 0, 0)), "pads"},
		"large Pad":             {with(node("Pad", "x p", "y"), ints("p", 0, 0, 1<<20, 1<<20, 0, 0, 1<<20, 1<<20)), "elements allowed"},
		"long reflection":       {with(node("Pad", "x p", "y", StringOf("mode", "reflect")), ints("p", 0, 0, 4, 0, 0, 0, 0, 0)), "reflection"},
		"huge block":            {with(node("DepthToSpace", "x", "y", IntOf("blocksize", 1<<40))), "blocksize"},
		"zero block":            {with(node("SpaceToDepth", "x", "y", IntOf("blocksize", 0))), "blocksize"},
		"no block":              {with(node("SpaceToDepth", "x", "y")), "blocksize"},
		"odd block":             {with(node("SpaceToDepth", "x", "y", IntOf("blocksize", 3))), "multiples"},
		"negative shape":        {with(node("Reshape", "x s", "y"), ints("s", -2, -8)), "cannot reshape"},
		"two open sizes":        {with(node("Reshape", "x s", "y"), ints("s", -1, -1)), "cannot reshape"},
		"huge shape":            {with(node("Reshape", "x s", "y"), ints("s", 1<<62, 4, 4)), "cannot reshape"},
		"float shape":           {with(node("Reshape", "x s", "y"), NewFloat32("s", []int64{1}, []float32{16})), "int64"},
		"zero step":             {with(node("Slice", "x a b c d", "y"), ints("a", 0), ints("b", 4), ints("c", 0), ints("d", 0)), "step"},
		"endless step":          {with(node("Slice", "x a b c d", "y"), ints("a", 3), ints("b", math.MinInt64), ints("c", 9), ints("d", math.MinInt64)), "axis"},
		"nothing left":          {with(node("Slice", "x a b", "y"), ints("a", 4), ints("b", 4)), "the result is empty"},
		"axis twice":            {with(node("Slice", "x a b c", "y"), ints("a", 0, 0), ints("b", 1, 1), ints("c", 0, -4)), "twice"},
		"uneven split":          {model(x, y, nil, node("Split", "x", "y z u", IntOf("axis", 2))), "equal parts"},
		"overflowing split":     {model(x, y, []Tensor{ints("s", math.MaxInt64, math.MaxInt64)}, node("Split", "x s", "y z", IntOf("axis", 2))), "parts"},
		"order":                 {with(node("Transpose", "x", "y", IntsOf("perm", 0, 0, 1, 2))), "permutation"},
		"order out of range":    {with(node("Transpose", "x", "y", IntsOf("perm", 0, 1, 2, 1<<40))), "perm"},
		"axis out of range":     {with(node("Gather", "x i", "y", IntOf("axis", -5)), ints("i", 0)), "axis"},
		"constant index":        {model(x, y, []Tensor{ints("i", 5), ints("v", 1, 2)}, node("Gather", "v i", "y")), "outside"},
		"float index":           {with(node("Gather", "x f", "y"), NewFloat32("f", []int64{1}, []float32{0})), "index"},
		"index shape":           {with(node("GatherElements", "x i", "y"), ints("i", 0)), "do not fit"},
		"broadcast":             {with(node("Add", "x c", "y"), NewFloat32("c", []int64{3}, make([]float32, 3))), "do not broadcast"},
		"types":                 {with(node("Add", "x c", "y"), ints("c", 1)), "operands of"},
		"integer division by 0": {model(x, y, []Tensor{ints("a", 1), ints("b", 0)}, node("Div", "a b", "y")), "divide"},
		"cast":                  {with(node("Cast", "x", "y", IntOf("to", 16))), "data type 16"},
		"norm parameters":       {with(node("InstanceNormalization", "x s s", "y"), NewFloat32("s", []int64{2}, []float32{1, 2})), "do not fit"},
		"training":              {with(node("BatchNormalization", "x s s s s", "y", IntOf("training_mode", 1)), NewFloat32("s", []int64{1}, []float32{1})), "training"},
		"Constant of inputs":    {with(node("Constant", "x", "y", IntOf("value_int", 1))), "1 inputs"},
		"Constant of text":      {with(node("Constant", "", "y", StringOf("value_string", "no"))), "value_string"},

		"long shape": {with(node("Reshape", "x s", "y"), ints("s", slices.Repeat([]int64{1}, 65)...)), "65 values"},
		"edges":      {with(Node{Op: "Concat", Inputs: slices.Repeat([]string{"x"}, 1000), Outputs: many}), "1000 outputs"},
		"moves":      {model([]ValueInfo{float("x", 1<<14, 1<<14)}, y, nil, moves...), "multiply-adds allowed"},

		"doubling":      {deep, "elements allowed"},
		"matrix powers": {square, "multiply-adds allowed"},
		"memory": {model([]ValueInfo{float("x", 1<<14, 1<<14)}, []ValueInfo{float("a", 1), float("b", 1), float("c", 1), float("d", 1)}, nil,
			node("Abs", "x", "a"), node("Neg", "x", "b"), node("Exp", "x", "c"), node("Floor", "x", "d")), "MB of memory at a time"},
	}
}

// hostileFiles returns the encoded hostile models and malformed files.
func hostileFiles(t testing.TB) map[string]struct {
	file []byte
	want string
} {
	files := map[string]struct {
		file []byte
		want string
	}{}
	type hostile = struct {
		file []byte
		want string
	}
	for name, h := range hostileModels() {
		b, err := encode(h.model)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		files[name] = hostile{b, h.want}
	}
	good := encoded(t, everything())
	part := func(field protowire.Number, payload []byte) []byte { return appendBytes(nil, field, payload) }
	graphOf := func(parts ...[]byte) []byte {
		opset := part(modelOpset, appendInt(nil, opsetVersion, 13))
		return append(opset, part(modelGraph, bytes.Join(parts, nil))...)
	}
	initializer := func(fields ...[]byte) []byte { return graphOf(part(graphInitializer, bytes.Join(fields, nil))) }
	dims := func(v ...int64) []byte {
		var b []byte
		for _, d := range v {
			b = appendInt(b, tensorDims, d)
		}
		return b
	}
	float32s := appendInt(nil, tensorType, int64(Float32))
	group := protowire.AppendTag(nil, 5, protowire.StartGroupType)
	nested := bytes.Repeat(group, 100000)
	for name, h := range map[string]hostile{
		"empty":                   {nil, "default operator set"},
		"text":                    {[]byte("this is not a model"), ""},
		"groups":                  {group, "group"},
		"deep groups":             {nested, "group"},
		"deep graph":              {graphOf(nested), "group"},
		"no graph":                {part(modelOpset, appendInt(nil, opsetVersion, 13)), "no graph"},
		"the file has two graphs": {append(bytes.Clone(good), part(modelGraph, nil)...), "the file has two graphs"},
		"two opsets":              {append(bytes.Clone(good), part(modelOpset, appendInt(nil, opsetVersion, 13))...), "two versions"},
		"functions":               {append(bytes.Clone(good), part(modelFunctions, nil)...), "functions"},
		"long length":             {protowire.AppendVarint(protowire.AppendTag(nil, modelGraph, protowire.BytesType), 1<<62), "unexpected EOF"},
		"graph as a number":       {appendInt(nil, modelGraph, 1), "wire type"},
		"two metadata":            {append(bytes.Clone(good), part(modelMetadata, appendString(nil, entryKey, "stride"))...), "two entries"},
		"raw too short":           {initializer(dims(2, 2), float32s, part(tensorRaw, make([]byte, 15))), "15 bytes"},
		"raw too long":            {initializer(dims(2), float32s, part(tensorRaw, make([]byte, 12))), "12 bytes"},
		"negative dims":           {initializer(dims(-1, -4), float32s, part(tensorRaw, make([]byte, 16))), "not positive"},
		"huge dims":               {initializer(dims(1<<62, 1<<62), float32s, part(tensorRaw, make([]byte, 16))), "elements allowed"},
		"zero dims":               {initializer(dims(0), float32s, part(tensorRaw, nil)), "not positive"},
		"no data":                 {initializer(dims(2), float32s), "no data"},
		"other data":              {initializer(dims(2), float32s, part(tensorInt64s, []byte{1, 2})), "no data"},
		"external data":           {initializer(dims(2), float32s, part(tensorExternal, nil)), "another file"},
		"data location":           {initializer(dims(2), float32s, appendInt(nil, tensorDataLocation, 1)), "another file"},
		"segment":                 {initializer(dims(2), float32s, part(tensorSegment, nil)), "segment"},
		"sparse":                  {graphOf(part(graphSparse, nil)), "sparse"},
		"subgraph": {graphOf(part(graphNode, append(appendString(nil, nodeOp, "Abs"), part(nodeAttribute,
			append(appendInt(nil, attributeType, 5), part(6, part(graphNode, nil))...))...))), "type 5"},
		"reference": {graphOf(part(graphNode, part(nodeAttribute, appendString(nil, attributeReference, "r")))), "references"},
		"domain":    {graphOf(part(graphNode, append(appendString(nil, nodeOp, "Abs"), appendString(nil, nodeDomain, "com.example")...))), "domain"},
		"no shape":  {graphOf(part(graphInput, encodeValueInfo(ValueInfo{Name: "x"}))), "no shape"},
		"not UTF-8": {graphOf(part(graphNode, part(nodeOp, []byte{0xff, 0xfe}))), "UTF-8"},
	} {
		files[name] = h
	}
	for _, n := range []int{1, len(good) / 4, len(good) / 2, len(good) - 1} {
		files[fmt.Sprintf("truncated after %d", n)] = hostile{good[:n], ""}
	}
	return files
}

// TestHostileFiles checks that each file causes an error with a reason, without a panic and
// without allocating the sizes that the file claims.
func TestHostileFiles(t *testing.T) {
	for name, h := range hostileFiles(t) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m, err := Load(t.Context(), h.file, nil, DefaultLimits(), kernel.Canonical)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: loaded, with %d bytes of memory", name, m.Memory)
			continue
		}
		if !strings.Contains(err.Error(), h.want) {
			t.Errorf("%s: error %q, want one about %q", name, err, h.want)
		}
		if strings.Contains(err.Error(), "runtime error") && name != "integer division by 0" || strings.Contains(err.Error(), "cannot be used") {
			t.Errorf("%s: a panic was needed to stop it: %v", name, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
			t.Errorf("%s: %d bytes were allocated", name, used)
		}
	}
}

// TestCounts checks that a model loads at its exact limits and not if one of them is lower by 1.
func TestCounts(t *testing.T) {
	m := model([]ValueInfo{float("x", 2, 2)}, []ValueInfo{float("y", 2, 2)}, []Tensor{NewFloat32("c", []int64{2}, []float32{1, 2})},
		node("Add", "x c", "a"), node("Abs", "a", "y"))
	m.Metadata = map[string]string{"key": "value"}
	b := encoded(t, m)
	whole, err := Load(t.Context(), b, nil, DefaultLimits(), kernel.Canonical)
	if err != nil {
		t.Fatal(err)
	}
	exact := Limits{FileBytes: len(b), Nodes: 2, Values: 8, NameBytes: 5, Rank: 2, Elements: 4, Memory: whole.Memory, Work: whole.Work}
	if _, err := Load(t.Context(), b, nil, exact, kernel.Canonical); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Limits){
		"file": func(l *Limits) { l.FileBytes-- }, "nodes": func(l *Limits) { l.Nodes-- }, "values": func(l *Limits) { l.Values-- },
		"name": func(l *Limits) { l.NameBytes-- }, "rank": func(l *Limits) { l.Rank-- }, "elements": func(l *Limits) { l.Elements-- },
		"memory": func(l *Limits) { l.Memory-- }, "work": func(l *Limits) { l.Work-- },
	} {
		lim := exact
		change(&lim)
		if _, err := Load(t.Context(), b, nil, lim, kernel.Canonical); err == nil || !strings.Contains(err.Error(), "allowed") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// fuzzLimits are small enough for many runs a second.
var fuzzLimits = Limits{FileBytes: 1 << 16, Nodes: 64, Values: 1 << 9, NameBytes: 256, Rank: 6, Elements: 1 << 14, Memory: 1 << 20, Work: 1 << 22}

func addSeeds(f *testing.F) {
	for _, h := range hostileFiles(f) {
		f.Add(h.file)
	}
	f.Add(encoded(f, everything()))
	f.Add(encoded(f, permutation(2, []int64{1, 2, -1}, 1, 2, 6)))
	for _, file := range caseFiles(f) {
		f.Add(file)
	}
}

// FuzzScan checks that a model that Scan accepts can be encoded and scanned again, with equal bytes.
func FuzzScan(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := scan(b, fuzzLimits)
		if err != nil {
			return
		}
		once := encoded(t, m)
		again, err := scan(once, DefaultLimits())
		if err != nil {
			t.Fatalf("what was taken is refused when written again: %v", err)
		}
		if !bytes.Equal(encoded(t, again), once) {
			t.Fatal("writing twice gives different bytes")
		}
	})
}

// FuzzLoad checks that a model that loads also runs, or returns an error.
func FuzzLoad(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Load(t.Context(), b, map[string]int{"H": 4, "W": 4, "N": 1}, fuzzLimits, kernel.Canonical)
		if err != nil {
			return
		}
		inputs := map[string]*tensor.Dense{}
		for name, o := range m.inputs {
			inputs[name] = tensor.New(tensor.Of(o.of), tensor.WithShape(o.shape...))
		}
		out, err := m.Run(t.Context(), inputs)
		if err == nil && len(out) != len(m.outputs) {
			t.Fatalf("%d outputs, want %d", len(out), len(m.outputs))
		}
	})
}

// ending is a context that ends after Err was called left times.
type ending struct {
	context.Context
	left, looks int
}

func (e *ending) Err() error {
	if e.looks++; e.looks > e.left {
		return context.Canceled
	}
	return nil
}

// TestLoadEnds checks that Load checks its context at least once a step, also while it folds constants.
func TestLoadEnds(t *testing.T) {
	const steps = 50
	m := model([]ValueInfo{float("x", 2)}, []ValueInfo{float("y", 2)}, []Tensor{NewFloat32("c0", []int64{2}, []float32{1, 2})})
	for i := range steps {
		m.Graph.Nodes = append(m.Graph.Nodes, node("Tanh", fmt.Sprint("c", i), fmt.Sprint("c", i+1)))
	}
	m.Graph.Nodes = append(m.Graph.Nodes, node("Add", fmt.Sprint("x c", steps), "y"))
	file := encoded(t, m)
	whole := &ending{Context: t.Context(), left: math.MaxInt}
	if _, err := Load(whole, file, nil, DefaultLimits(), kernel.Canonical); err != nil {
		t.Fatal(err)
	}
	if whole.looks < 2*steps {
		t.Errorf("looked %d times at the context in %d steps, each of which is folded", whole.looks, steps)
	}
	for left := range whole.looks {
		ctx := &ending{Context: t.Context(), left: left}
		if _, err := Load(ctx, file, nil, DefaultLimits(), kernel.Canonical); !errors.Is(err, context.Canceled) || ctx.looks != left+1 {
			t.Fatalf("ended at look %d: %v after %d looks", left, err, ctx.looks)
		}
	}
}
