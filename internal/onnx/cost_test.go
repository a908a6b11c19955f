package onnx

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"

	"enciphergan/internal/kernel"
	"enciphergan/internal/op"

	"gorgonia.org/tensor"
)

func inUse() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestMemoryIsWhatIsTaken checks that Machine.Memory is within a quarter of what a machine has
// allocated after its first run, including inputs, for graphs that need much memory in addition
// to their values.
func TestMemoryIsWhatIsTaken(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // so that only one task uses scratch memory at a time
	floats := func(name string, dims ...int64) Tensor {
		n := int64(1)
		for _, d := range dims {
			n *= d
		}
		return NewFloat32(name, dims, make([]float32, n))
	}
	x := func(dims ...int64) []ValueInfo { return []ValueInfo{float("x", dims...)} }
	y := []ValueInfo{float("y", 1)}
	live := model(x(1, 4, 256, 256), y, nil)
	for i := range 10 {
		live.Graph.Nodes = append(live.Graph.Nodes, node("LeakyRelu", "x", fmt.Sprint("v", i), FloatOf("alpha", float32(i)/16)))
	}
	last := "v0"
	for i := 9; i > 0; i-- {
		live.Graph.Nodes = append(live.Graph.Nodes, node("InstanceNormalization", last+" s b", fmt.Sprint("n", i)), node("Add", fmt.Sprint("n", i, " v", i), fmt.Sprint("w", i)))
		last = fmt.Sprint("w", i)
	}
	live.Graph.Initializers = []Tensor{NewFloat32("s", []int64{4}, []float32{1, 2, 3, 4}), floats("b", 4)}
	live.Graph.Nodes = append(live.Graph.Nodes, node("Abs", last, "y"))
	wide := node("Concat", "", "y", IntOf("axis", 1))
	wide.Inputs = slices.Repeat([]string{"x"}, 100)
	weights := []Tensor{floats("w", 64, 64, 3, 3)}
	for name, m := range map[string]*Model{
		"live values":          live,
		"concat":               model(x(1, 3, 128, 128), y, nil, wide),
		"weights":              model(x(1, 64, 16, 16), y, weights, node("Conv", "x w", "y", IntsOf("pads", 1, 1, 1, 1))),
		"weights read twice":   model(x(1, 64, 16, 16), y, weights, node("Conv", "x w", "a", IntsOf("pads", 1, 1, 1, 1)), node("Conv", "a w", "y", IntsOf("pads", 1, 1, 1, 1))),
		"weights of one row":   model(x(1, 1<<16, 1, 4), y, []Tensor{floats("w", 1, 1<<16, 1, 3)}, node("Conv", "x w", "y")),
		"weights that change":  model(x(256, 256, 3, 3), y, []Tensor{floats("p", 1, 256, 8, 8)}, node("Conv", "p x", "y")),
		"strided":              model(x(1, 32, 128, 128), y, []Tensor{floats("w", 8, 32, 5, 5)}, node("Conv", "x w", "y", IntsOf("strides", 2, 2))),
		"transposed":           model(x(4, 32, 64, 64), y, []Tensor{floats("w", 32, 4, 4, 4)}, node("ConvTranspose", "x w", "y", IntsOf("strides", 2, 2))),
		"transposed, mirrored": model(x(1, 32, 64, 64), y, []Tensor{floats("w", 32, 32, 3, 3)}, node("ConvTranspose", "x w", "y")),
		"wide transposed":      model(x(1, 16, 16, 16), y, []Tensor{floats("w", 16, 1, 3, 3)}, node("ConvTranspose", "x w", "y", IntsOf("strides", 2, 2), IntsOf("dilations", 101, 101), IntsOf("pads", 50, 50, 50, 50))),
		"products":             model(x(1<<14, 4, 4), y, nil, node("MatMul", "x x", "y")),
		"a product":            model(x(300, 5000), y, []Tensor{floats("w", 5000, 20)}, node("MatMul", "x w", "y")),
		"pad":                  model(x(1<<18), y, []Tensor{NewInt64("p", []int64{2}, []int64{1 << 18, 1 << 18})}, node("Abs", "x", "a"), node("Pad", "a p", "y")),
	} {
		file := encoded(t, m)
		debug.SetGCPercent(-1)
		for range 3 {
			runtime.GC() // empties the pools that other machines used
		}
		before := inUse()
		machine, err := Load(t.Context(), file, nil, DefaultLimits(), kernel.Canonical)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		inputs := map[string]*tensor.Dense{}
		for name, o := range machine.inputs {
			inputs[name] = tensor.New(tensor.Of(o.of), tensor.WithShape(o.shape...))
		}
		runtime.GC()
		// The first operation packs weights and leaves garbage, which is collected after it. Later nothing is freed.
		packed := false
		machine.Observe(func(op.Event) {
			if !packed {
				packed = true
				runtime.GC()
			}
		})
		if _, err := machine.Run(t.Context(), inputs); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		taken := inUse() - before
		debug.SetGCPercent(100)
		ratio := float64(taken) / float64(machine.Memory)
		t.Logf("%s: %.2f MB taken, %.2f MB stated", name, float64(taken)/1e6, float64(machine.Memory)/1e6)
		if ratio > 1.25 || ratio < 0.75 {
			t.Errorf("%s: %d bytes taken, %d stated: %.2f", name, taken, machine.Memory, ratio)
		}
		runtime.KeepAlive(machine)
		runtime.KeepAlive(inputs)
	}
}

// TestLoadIsLinear checks that Load takes about four times as many steps for four times as many
// nodes. Allocations measure the steps, and their bytes measure what is copied.
func TestLoadIsLinear(t *testing.T) {
	x, y := func() []ValueInfo { return []ValueInfo{float("v0", 4, 4)} }, func(n int) []ValueInfo { return []ValueInfo{float(fmt.Sprint("v", n), 4, 4)} }
	chain := func(op string) func(n int) *Model {
		return func(n int) *Model {
			m := model(x(), y(n), nil)
			for i := range n {
				m.Graph.Nodes = append(m.Graph.Nodes, node(op, fmt.Sprint("v", i), fmt.Sprint("v", i+1)))
			}
			return m
		}
	}
	for name, make := range map[string]func(n int) *Model{
		"chain of functions": chain("Tanh"),
		"chain of moves":     chain("Transpose"),
		"folded": func(n int) *Model {
			m := chain("Exp")(n)
			m.Graph.Inputs = []ValueInfo{float("x", 4, 4)}
			m.Graph.Initializers = []Tensor{NewFloat32("v0", []int64{1}, []float32{0})}
			m.Graph.Nodes = append(m.Graph.Nodes, node("Add", fmt.Sprint("x v", n), "y"))
			m.Graph.Outputs[0].Name = "y"
			return m
		},
		"constants": func(n int) *Model {
			m := model(x(), y(n), nil)
			for i := range n {
				m.Graph.Initializers = append(m.Graph.Initializers, NewFloat32(fmt.Sprint("c", i), []int64{4, 1}, []float32{1, 2, 3, float32(i)}))
				m.Graph.Nodes = append(m.Graph.Nodes, node("Add", fmt.Sprint("v", i, " c", i), fmt.Sprint("v", i+1)))
			}
			return m
		},
		"convolutions": func(n int) *Model {
			m := model([]ValueInfo{float("v0", 1, 1, 4, 4)}, y(n), nil)
			for i := range n {
				m.Graph.Initializers = append(m.Graph.Initializers, NewFloat32(fmt.Sprint("c", i), []int64{1, 1, 1, 1}, []float32{1}))
				m.Graph.Nodes = append(m.Graph.Nodes, node("Conv", fmt.Sprint("v", i, " c", i), fmt.Sprint("v", i+1)))
			}
			return m
		},
		"parts": func(n int) *Model {
			split := Node{Op: "Split", Inputs: []string{"x"}, Attributes: []Attribute{IntOf("axis", 0)}}
			for i := range n {
				split.Outputs = append(split.Outputs, fmt.Sprint("v", i))
			}
			return model([]ValueInfo{float("x", int64(n))}, y(0), nil, split)
		},
		"outputs": func(n int) *Model {
			m := model(x(), nil, nil)
			for i := range n {
				m.Graph.Nodes = append(m.Graph.Nodes, node("LeakyRelu", "v0", fmt.Sprint("y", i), FloatOf("alpha", float32(i)/4096)))
				m.Graph.Outputs = append(m.Graph.Outputs, float(fmt.Sprint("y", i), 4, 4))
			}
			return m
		},
	} {
		steps := func(n int) (allocations, bytes float64) {
			file := encoded(t, make(n))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := Load(t.Context(), file, nil, DefaultLimits(), kernel.Canonical); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			runtime.ReadMemStats(&after)
			return float64(after.Mallocs - before.Mallocs), float64(after.TotalAlloc - before.TotalAlloc)
		}
		a, b := steps(250)
		c, d := steps(1000)
		t.Logf("%s: %.1f times the allocations, %.1f times the bytes", name, c/a, d/b)
		if c > 6*a || d > 6*b {
			t.Errorf("%s: four times the nodes take %.1f times the allocations and %.1f times the bytes", name, c/a, d/b)
		}
	}
}

// TestFoldedIsFreed checks that a folded constant is freed after the last step that reads it, and
// that the total of folding is bounded; the operations beyond it are left to the run and counted
// as its work.
func TestFoldedIsFreed(t *testing.T) {
	const steps = 200
	m := model([]ValueInfo{float("x", 1)}, []ValueInfo{float("y", 1)}, []Tensor{NewFloat32("v0", []int64{1 << 16}, make([]float32, 1<<16))})
	for i := range steps {
		m.Graph.Nodes = append(m.Graph.Nodes, node("Tanh", fmt.Sprint("v", i), fmt.Sprint("v", i+1)))
	}
	m.Graph.Nodes = append(m.Graph.Nodes, node("Add", fmt.Sprint("x v", steps), "y"))
	scanned, err := scan(encoded(t, m), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	p, err := read(scanned, nil, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	b := newBuilder(t.Context(), p, DefaultLimits(), kernel.Canonical)
	if err := b.build(p); err != nil {
		t.Fatal(err)
	}
	held := 0
	for _, o := range b.operands {
		if o.constant != nil {
			held++
		}
	}
	if held > 0 {
		t.Errorf("%d constants are held that nothing reads", held)
	}
	if b.folded == 0 || b.folded > foldWork || b.work < b.folded || len(b.counted) == 0 {
		t.Errorf("folded %d of %d, work %d, %d operations left to the run", b.folded, int64(foldWork), b.work, len(b.counted))
	}
	// Folding counts as work.
	lim := DefaultLimits()
	lim.Work = b.folded / 2
	if _, err := Load(t.Context(), encoded(t, m), nil, lim, kernel.Canonical); err == nil {
		t.Error("folding is not counted")
	}
}

// TestWorkIsPriced checks that the work of moving elements depends on their distance in memory.
func TestWorkIsPriced(t *testing.T) {
	const seed = 5
	r := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	const n = 1 << 12          // elements of x
	least := map[string]int64{ // minimum work for each element of x
		"far": kernel.PerRun, "near": 2 * kernel.PerElement,
	}
	ints := func(name string, v ...int64) Tensor { return NewInt64(name, []int64{int64(len(v))}, v) }
	index := make([]int64, n)
	for i := range index {
		index[i] = r.Int64N(64)
	}
	for name, c := range map[string]struct {
		kind      string
		constants []Tensor
		node      Node
	}{
		"Transpose":      {"far", nil, node("Transpose", "x", "y")},
		"Transpose rows": {"near", nil, node("Transpose", "x", "y", IntsOf("perm", 1, 0, 2))},
		"Reshape":        {"near", []Tensor{ints("s", -1)}, node("Reshape", "x s", "y")},
		"Pad":            {"near", []Tensor{ints("p", 1, 1, 1, 1, 1, 1)}, node("Pad", "x p", "y")},
		"Slice back":     {"far", []Tensor{ints("a", -1), ints("b", math.MinInt64), ints("c", 2), ints("d", -1)}, node("Slice", "x a b c d", "y")},
		"Slice":          {"near", []Tensor{ints("a", 0), ints("b", 64), ints("c", 2)}, node("Slice", "x a b c", "y")},
		"Concat":         {"near", nil, node("Concat", "x x", "y", IntOf("axis", 0))},
		"Gather":         {"far", []Tensor{ints("i", index[:64]...)}, node("Gather", "x i", "y", IntOf("axis", 2))},
		"GatherElements": {"far", []Tensor{NewInt64("i", []int64{8, 8, 64}, index)}, node("GatherElements", "x i", "y", IntOf("axis", 2))},
		"Expand":         {"near", []Tensor{NewFloat32("c", []int64{1, 1, 1}, []float32{1})}, node("Mul", "x c", "y")},
		"ReduceMean":     {"near", nil, node("ReduceMean", "x", "y", IntsOf("axes", 2))},
		"Cast":           {"near", nil, node("Cast", "x", "y", IntOf("to", int64(Int32)))},
		"Erf":            {"near", nil, node("Erf", "x", "y")},
	} {
		m, err := Load(t.Context(), encoded(t, model([]ValueInfo{float("x", 8, 8, 64)}, []ValueInfo{float("y", 1)}, c.constants, c.node)), nil, DefaultLimits(), kernel.Canonical)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		price := m.Work / n
		want := least[c.kind]
		if name == "ReduceMean" {
			want = kernel.PerElement
		}
		if price < want || c.kind == "near" && price > 20*kernel.PerElement {
			t.Errorf("%s: %d for each element, want at least %d", name, price, want)
		}
	}
}

// TestFoldedBatchNormTakesNoMemory checks that weights shared by several convolutions are
// multiplied with the batch norm of each when they are packed, so that only the packed copy is
// retained.
func TestFoldedBatchNormTakesNoMemory(t *testing.T) {
	const steps, weights = 64, 64 * 64
	m := model([]ValueInfo{float("v0", 1, 64, 4, 4)}, []ValueInfo{float(fmt.Sprint("v", steps), 1)}, []Tensor{
		NewFloat32("w", []int64{64, 64, 1, 1}, make([]float32, weights)), NewFloat32("s", []int64{64}, slices.Repeat([]float32{1}, 64))})
	for i := range steps {
		m.Graph.Nodes = append(m.Graph.Nodes, node("Conv", fmt.Sprint("v", i, " w"), fmt.Sprint("c", i)), node("BatchNormalization", fmt.Sprint("c", i, " s s s s"), fmt.Sprint("v", i+1)))
	}
	var machines []*Machine
	operations := 0
	for _, a := range []kernel.Arithmetic{kernel.Canonical, kernel.Fused} {
		machine, err := Load(t.Context(), encoded(t, m), nil, DefaultLimits(), a)
		if err != nil {
			t.Fatal(err)
		}
		machines = append(machines, machine)
		if a == kernel.Fused {
			machine.Observe(func(op.Event) { operations++ })
			run(t, machine, map[string]*tensor.Dense{"v0": filled(make([]float32, 64*16), 1, 64, 4, 4)})
		}
	}
	if operations != steps {
		t.Errorf("%d operations, want %d convolutions", operations, steps)
	}
	if more := machines[1].Memory - machines[0].Memory; more > 4*weights+4096 {
		t.Errorf("folding takes %d bytes more than not folding", more)
	}
}
