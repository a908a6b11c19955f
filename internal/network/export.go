package network

import (
	"encoding/json"
	"fmt"
	"strconv"

	"enciphergan/internal/onnx"
	"enciphergan/internal/op"

	"gorgonia.org/tensor"
)

// The values of the generators' graphs by name. Height and width are symbolic,
// "H" and "W" of the picture; the keyed layers have "P" positions.
const (
	valuePicture = "picture" // float32 (1, 3, H, W), 8-bit samples as u/127.5 - 1
	valueCipher  = "cipher"  // float32 (1, 3, H, W) in [-1, 1]
	valueLevels  = "levels"  // int32 (1, 3, H, W), the 8-bit levels of the cipher
)

func valuePermutation(i int) string { return fmt.Sprintf("permutation%d", i) } // int32 (1, C, P)
func valueMix(i int) string         { return fmt.Sprintf("mix%d", i) }         // float32 (C, C, 1, 1)
func valueMeans(i int) string       { return fmt.Sprintf("means%d", i) }       // float32 (1, C, 1, 1), half-precision values
func valueDeviations(i int) string  { return fmt.Sprintf("deviations%d", i) }  // likewise

// definitionKey is the metadata entry that holds the Definition as JSON.
const definitionKey = "encipher.definition"

// Export returns both generators as ONNX files. The decryption generator takes the
// inverses of the key material as inputs. All of export is functions, not methods:
// the linker retains the methods of types it reaches, and the wasm needs none of this.
func Export(d Definition, encryption, decryption *Weights) (enc, dec []byte, err error) {
	if err := d.Validate(); err != nil {
		return nil, nil, err
	}
	layers := d.Encryption()
	e := newNames(d, encryption)
	e.input(valuePicture, onnx.Float32, picture)
	var carried []name
	y := Walk[name](e, layers, valuePicture, &carried)
	e.output(y, valueCipher, picture)
	dims := func(i int) []onnx.Dim { return onnx.Sizes(1, int64(d.Carried()[i]), 1, 1) }
	for i, means := range carried {
		e.output(means, valueMeans(i), dims(i))
		e.output(e.deviations[means], valueDeviations(i), dims(i))
	}
	if enc, err = e.encode("encryption"); err != nil {
		return nil, nil, err
	}

	b := newNames(d, decryption)
	layers, backwards := d.Decryption()
	for i := range carried {
		b.input(valueMeans(i), onnx.Float32, dims(i))
		b.input(valueDeviations(i), onnx.Float32, dims(i))
		carried[i] = name(valueMeans(i))
		b.deviations[carried[i]] = name(valueDeviations(i))
	}
	if backwards {
		b.input(valueLevels, onnx.Int32, picture)
		y = WalkBack[name](b, layers, valueLevels, carried)
	} else {
		b.input(valueCipher, onnx.Float32, picture)
		y = Walk[name](b, layers, valueCipher, &carried)
	}
	b.output(y, valuePicture, picture)
	dec, err = b.encode("decryption")
	return enc, dec, err
}

var picture = []onnx.Dim{{Size: 1}, {Size: 3}, {Parameter: "H"}, {Parameter: "W"}}

// name is a value of an ONNX graph.
type name string

// names builds a network as an ONNX graph. Statistics are two values, means and
// deviations, and go by the name of the means.
type names struct {
	definition Definition
	weights    *Weights
	model      onnx.Model
	have       map[string]bool // inputs and initialisers
	count      int
	deviations map[name]name
	err        error
}

var _ Builder[name] = (*names)(nil)

func newNames(d Definition, w *Weights) *names {
	return &names{definition: d, weights: w, have: map[string]bool{}, deviations: map[name]name{}}
}

func (b *names) encode(graph string) ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	definition, err := json.Marshal(b.definition)
	if err != nil {
		return nil, err
	}
	b.model.Producer = "encipher"
	b.model.Opset = onnx.Opset
	b.model.Graph.Name = graph
	b.model.Metadata = map[string]string{definitionKey: string(definition)}
	return onnx.Encode(&b.model)
}

func (b *names) input(n string, t onnx.DataType, dims []onnx.Dim) {
	if !b.have[n] {
		b.have[n] = true
		b.model.Graph.Inputs = append(b.model.Graph.Inputs, onnx.ValueInfo{Name: n, Type: t, Dims: dims})
	}
}

func (b *names) output(x name, n string, dims []onnx.Dim) {
	b.model.Graph.Nodes = append(b.model.Graph.Nodes, onnx.Node{Op: "Identity", Name: n, Inputs: []string{string(x)}, Outputs: []string{n}})
	b.model.Graph.Outputs = append(b.model.Graph.Outputs, onnx.ValueInfo{Name: n, Type: onnx.Float32, Dims: dims})
}

// node adds an operation with one output.
func (b *names) node(op string, inputs []name, attributes ...onnx.Attribute) name {
	return b.nodes(op, 1, inputs, attributes...)[0]
}

func (b *names) nodes(op string, outputs int, inputs []name, attributes ...onnx.Attribute) []name {
	n := onnx.Node{Op: op, Name: op + strconv.Itoa(b.count), Attributes: attributes}
	for _, i := range inputs {
		n.Inputs = append(n.Inputs, string(i))
	}
	var out []name
	for range outputs {
		v := "v" + strconv.Itoa(b.count)
		b.count++
		n.Outputs = append(n.Outputs, v)
		out = append(out, name(v))
	}
	b.model.Graph.Nodes = append(b.model.Graph.Nodes, n)
	return out
}

// initializer adds a float32 constant unless it exists.
func (b *names) initializer(n string, data []float32, shape ...int) name {
	if !b.have[n] {
		b.have[n] = true
		b.model.Graph.Initializers = append(b.model.Graph.Initializers, onnx.NewFloat32(n, int64s(shape), append([]float32{}, data...)))
	}
	return name(n)
}

func (b *names) integers(n string, data ...int64) name {
	if !b.have[n] {
		b.have[n] = true
		b.model.Graph.Initializers = append(b.model.Graph.Initializers, onnx.NewInt64(n, []int64{int64(len(data))}, data))
	}
	return name(n)
}

func (b *names) scalar(v float32) name {
	return b.initializer("scalar_"+strconv.FormatFloat(float64(v), 'g', -1, 32), []float32{v})
}

func int64s(shape []int) []int64 {
	s := make([]int64, len(shape))
	for i, v := range shape {
		s[i] = int64(v)
	}
	return s
}

// parameter adds a parameter of the network in its own shape.
func (b *names) parameter(n string) name {
	t := b.weights.Get(n)
	if t == nil {
		b.fail(fmt.Errorf("the network has no parameter %q", n))
		return ""
	}
	return b.initializer(n, t.Data().([]float32), t.Shape()...)
}

// channel adds a parameter of C elements as (1, C, 1, 1), to broadcast over positions.
func (b *names) channel(n string) name {
	return b.initializer(n, b.weights.Data(n), 1, len(b.weights.Data(n)), 1, 1)
}

func (b *names) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

func window(w op.Window, weight tensor.Shape) []onnx.Attribute {
	i := func(v []int) []int64 { return int64s(v) }
	return []onnx.Attribute{
		onnx.IntsOf("dilations", i(w.Dilation[:])...), onnx.IntsOf("kernel_shape", i(weight[2:])...),
		onnx.IntsOf("pads", i(w.Pad[:])...), onnx.IntsOf("strides", i(w.Stride[:])...),
	}
}

func (b *names) ReflectPad(x name, pad int) name {
	p := int64(pad)
	return b.node("Pad", []name{x, b.integers("pad_"+strconv.Itoa(pad), 0, 0, p, p, 0, 0, p, p)}, onnx.StringOf("mode", "reflect"))
}

func (b *names) Conv2D(x name, weight, bias string, w op.Window) name {
	in := []name{x, b.parameter(weight)}
	if bias != "" {
		in = append(in, b.parameter(bias))
	}
	return b.node("Conv", in, window(w, b.weights.Get(weight).Shape())...)
}

func (b *names) ConvTranspose2D(x name, weight, bias string, w op.Window, outputPadding int) name {
	in := []name{x, b.parameter(weight)}
	if bias != "" {
		in = append(in, b.parameter(bias))
	}
	o := int64(outputPadding)
	return b.node("ConvTranspose", in, append(window(w, b.weights.Get(weight).Shape()), onnx.IntsOf("output_padding", o, o))...)
}

// InstanceNorm needs the number of channels of x for its constant scale and bias. Every
// instance norm here follows a convolution, so the number comes from its weights.
func (b *names) InstanceNorm(x name, eps float32) name {
	c := b.channelsOf(x)
	one := make([]float32, c)
	for i := range one {
		one[i] = 1
	}
	n := strconv.Itoa(c)
	return b.node("InstanceNormalization", []name{x, b.initializer("ones_"+n, one, c), b.initializer("zeros_"+n, make([]float32, c), c)}, onnx.FloatOf("epsilon", eps))
}

func (b *names) channelsOf(x name) int {
	for _, n := range b.model.Graph.Nodes {
		if n.Outputs[0] != string(x) {
			continue
		}
		shape := b.weights.Get(n.Inputs[1]).Shape()
		if n.Op == "ConvTranspose" {
			return shape[1]
		}
		return shape[0]
	}
	b.fail(fmt.Errorf("instance norm of %q, which is not the output of a convolution", x))
	return 1
}

func (b *names) BatchNorm(x name, n string, eps float32) name {
	return b.node("BatchNormalization", []name{x, b.parameter(n + ".scale"), b.parameter(n + ".shift"), b.parameter(n + ".mean"), b.parameter(n + ".variance")}, onnx.FloatOf("epsilon", eps))
}

func (b *names) LeakyReLU(x name, slope float32) name {
	if slope == 0 {
		return b.node("Relu", []name{x})
	}
	return b.node("LeakyRelu", []name{x}, onnx.FloatOf("alpha", slope))
}

func (b *names) Tanh(x name) name { return b.node("Tanh", []name{x}) }
func (b *names) Exp(x name) name  { return b.node("Exp", []name{x}) }
func (b *names) Erf(x name) name  { return b.node("Erf", []name{x}) }

func (b *names) Scale(x name, factor float32) name { return b.node("Mul", []name{x, b.scalar(factor)}) }
func (b *names) Divide(x name, divisor float32) name {
	return b.node("Div", []name{x, b.scalar(divisor)})
}
func (b *names) Add(x, y name) name { return b.node("Add", []name{x, y}) }
func (b *names) Sub(x, y name) name { return b.node("Sub", []name{x, y}) }
func (b *names) Mul(x, y name) name { return b.node("Mul", []name{x, y}) }
func (b *names) Div(x, y name) name { return b.node("Div", []name{x, y}) }

func (b *names) Channels(x name, from, to int) name {
	at := func(v int) name { return b.integers("int_"+strconv.Itoa(v), int64(v)) }
	return b.node("Slice", []name{x, at(from), at(to), at(1)})
}

func (b *names) Join(x, y name) name { return b.node("Concat", []name{x, y}, onnx.IntOf("axis", 1)) }

func (b *names) SpaceToDepth(x name, block int) name {
	return b.node("SpaceToDepth", []name{x}, onnx.IntOf("blocksize", int64(block)))
}

func (b *names) DepthToSpace(x name, block int) name {
	return b.node("DepthToSpace", []name{x}, onnx.IntOf("blocksize", int64(block)), onnx.StringOf("mode", "DCR"))
}

func (b *names) ChannelScale(x name, scale string) name { return b.Mul(x, b.channel(scale)) }

func (b *names) ChannelAffine(x name, scale, shift string) name {
	return b.Add(b.Mul(x, b.channel(scale)), b.channel(shift))
}

// matrix convolves with a constant matrix (C, C).
func (b *names) matrix(x name, n string, data []float32, c int) name {
	return b.node("Conv", []name{x, b.initializer(n, data, c, c, 1, 1)}, onnx.IntsOf("kernel_shape", 1, 1))
}

func (b *names) Whiten(x name, matrix, bias string) name {
	return b.Add(b.matrix(x, matrix, b.weights.Data(matrix), len(b.weights.Data(bias))), b.channel(bias))
}

func (b *names) Unwhiten(x name, matrix, bias string) name {
	c := len(b.weights.Data(bias))
	inverse := make([]float32, c*c)
	if err := op.InvertMatrix(c, b.weights.Data(matrix), inverse); err != nil {
		b.fail(fmt.Errorf("%s: %w", matrix, err))
	}
	return b.matrix(b.Sub(x, b.channel(bias)), matrix+".inverse", inverse, c)
}

func (b *names) Rotate(x name, matrix string, back bool) name {
	c := b.weights.Get(matrix).Shape()[0]
	data := b.weights.Data(matrix)
	if !back {
		return b.matrix(x, matrix, data, c)
	}
	t := make([]float32, c*c)
	for i := range c {
		for j := range c {
			t[j*c+i] = data[i*c+j]
		}
	}
	return b.matrix(x, matrix+".transposed", t, c)
}

// Permute gathers positions. In decryption the input holds the inverse permutation.
func (b *names) Permute(x name, index int, back bool) name {
	n := valuePermutation(index)
	b.input(n, onnx.Int32, []onnx.Dim{{Size: 1}, {Size: int64(b.definition.Channels())}, {Parameter: "P"}})
	shape := b.node("Shape", []name{x})
	flat := b.node("Reshape", []name{x, b.integers("flat", 0, 0, -1)})
	return b.node("Reshape", []name{b.node("GatherElements", []name{flat, name(n)}, onnx.IntOf("axis", 2)), shape})
}

// Mix multiplies channels by a matrix. In decryption the input holds the transposed matrix.
func (b *names) Mix(x name, index int, back bool) name {
	n := valueMix(index)
	c := int64(b.definition.Channels())
	b.input(n, onnx.Float32, onnx.Sizes(c, c, 1, 1))
	return b.node("Conv", []name{x, name(n)}, onnx.IntsOf("kernel_shape", 1, 1))
}

func (b *names) Statistics(x name, eps float32) name {
	mean := func(v name) name {
		return b.node("ReduceMean", []name{v}, onnx.IntsOf("axes", 2, 3), onnx.IntOf("keepdims", 1))
	}
	half := func(v name) name {
		return b.node("Cast", []name{b.node("Cast", []name{v}, onnx.IntOf("to", int64(onnx.Float16)))}, onnx.IntOf("to", int64(onnx.Float32)))
	}
	m := mean(x)
	d := b.Sub(x, m)
	s := b.node("Sqrt", []name{b.Add(mean(b.Mul(d, d)), b.scalar(eps))})
	m, s = half(m), half(s)
	b.deviations[m] = s
	return m
}

func (b *names) Standardize(x, means name) name {
	return b.Div(b.Sub(x, means), b.deviations[means])
}

func (b *names) Restore(x, means name) name {
	return b.Add(b.Mul(x, b.deviations[means]), means)
}

// InverseErf takes the levels as integers, so that the look-up needs no rounding.
func (b *names) InverseErf(x name, table string) name {
	return b.node("Gather", []name{b.parameter(table), x}, onnx.IntOf("axis", 0))
}
