package training

import (
	"fmt"

	"enciphergan/internal/kernel"
	"enciphergan/internal/keyschedule"
	"enciphergan/internal/network"
	"enciphergan/internal/op"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// keyedInputs holds the graph inputs of the keyed layers: permutations (1, C, P)
// of int32 and mixes (C, C) of float32.
type keyedInputs struct {
	Permutations, Mixes gorgonia.Nodes
}

// addKeyedInputs adds the inputs for square tiles and returns the material whose
// memory they read, nil for a network without keyed layers.
func addKeyedInputs(d network.Definition, g *gorgonia.ExprGraph, side int) (k keyedInputs, m *keyschedule.Material, err error) {
	if !d.Keyed() {
		return k, nil, nil
	}
	c, positions := d.Channels(), side/d.Unshuffle*(side/d.Unshuffle)
	if m, err = keyschedule.New(c, positions, network.KeyedLayers, network.KeyedLayers); err != nil {
		return k, nil, err
	}
	for i := range network.KeyedLayers {
		p := op.Data(g, fmt.Sprintf("permutation%d", i), tensor.Int32, 1, c, positions)
		if err := gorgonia.Let(p, tensor.New(tensor.WithShape(1, c, positions), tensor.WithBacking(m.Permutations[i]))); err != nil {
			return k, nil, err
		}
		x := op.Data(g, fmt.Sprintf("mix%d", i), tensor.Float32, c, c)
		if err := gorgonia.Let(x, tensor.New(tensor.WithShape(c, c), tensor.WithBacking(m.Mixes[i]))); err != nil {
			return k, nil, err
		}
		k.Permutations, k.Mixes = append(k.Permutations, p), append(k.Mixes, x)
	}
	return k, m, nil
}

// addInput adds a float32 leaf without gradient and returns its buffer.
func addInput(g *gorgonia.ExprGraph, name string, shape ...int) (*gorgonia.Node, []float32, error) {
	n := op.Data(g, name, tensor.Float32, shape...)
	t := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(shape...))
	return n, t.Data().([]float32), gorgonia.Let(n, t)
}

// graphBuilder builds a network as a Gorgonia graph for training. Its parameters
// are leaves bound to the tensors of weights, so that every graph sees an
// optimiser's update in place.
type graphBuilder struct {
	graph      *gorgonia.ExprGraph
	prefix     string
	weights    *network.Weights
	frozen     bool
	group      int
	keyed      keyedInputs
	arithmetic kernel.Arithmetic // of convolutions
	leaves     map[string]*gorgonia.Node
	err        error
}

var _ network.Builder[*gorgonia.Node] = (*graphBuilder)(nil)

// newGraphBuilder returns a builder. The prefix distinguishes the leaves of several
// networks in one graph, frozen leaves get no gradient, and each group of samples
// shares its carried statistics.
func newGraphBuilder(g *gorgonia.ExprGraph, prefix string, w *network.Weights, frozen bool, group int, k keyedInputs, a kernel.Arithmetic) *graphBuilder {
	return &graphBuilder{g, prefix, w, frozen, group, k, a, map[string]*gorgonia.Node{}, nil}
}

// Err returns the first error.
func (b *graphBuilder) Err() error { return b.err }

// Trainable returns the leaves that need a gradient and the names of their parameters, in order.
func (b *graphBuilder) Trainable() (names []string, leaves gorgonia.Nodes) {
	for _, p := range b.weights.Parameters {
		if n := b.leaves[p.Name]; n != nil && p.Trainable && !b.frozen {
			names, leaves = append(names, p.Name), append(leaves, n)
		}
	}
	return names, leaves
}

func (b *graphBuilder) parameter(name string) *gorgonia.Node {
	if n := b.leaves[name]; n != nil {
		return n
	}
	t := b.weights.Get(name)
	if t == nil {
		b.fail(fmt.Errorf("the network has no parameter %q", name))
		return nil
	}
	trainable := false
	for _, p := range b.weights.Parameters {
		if p.Name == name {
			trainable = p.Trainable && !b.frozen
		}
	}
	var n *gorgonia.Node
	if trainable {
		n = gorgonia.NewTensor(b.graph, tensor.Float32, t.Dims(), gorgonia.WithShape(t.Shape()...), gorgonia.WithName(b.prefix+name))
	} else {
		n = op.Data(b.graph, b.prefix+name, tensor.Float32, t.Shape()...)
	}
	if err := gorgonia.Let(n, t); err != nil {
		b.fail(err)
		return nil
	}
	b.leaves[name] = n
	return n
}

func (b *graphBuilder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// do calls a constructor unless an earlier one failed.
func (b *graphBuilder) do(f func() (*gorgonia.Node, error)) *gorgonia.Node {
	if b.err != nil {
		return nil
	}
	n, err := f()
	if err != nil {
		b.fail(err)
		return nil
	}
	return n
}

func (b *graphBuilder) ReflectPad(x *gorgonia.Node, pad int) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) { return op.ReflectPad(x, pad) })
}

func (b *graphBuilder) Conv2D(x *gorgonia.Node, weight, bias string, w op.Window) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) {
		var c *gorgonia.Node
		if bias != "" {
			c = b.parameter(bias)
		}
		w.Arithmetic = b.arithmetic
		return op.Conv2D(x, b.parameter(weight), c, w)
	})
}

func (b *graphBuilder) ConvTranspose2D(x *gorgonia.Node, weight, bias string, w op.Window, outputPadding int) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) {
		var c *gorgonia.Node
		if bias != "" {
			c = b.parameter(bias)
		}
		w.Arithmetic = b.arithmetic
		return op.ConvTranspose2D(x, b.parameter(weight), c, w, [2]int{outputPadding, outputPadding})
	})
}

func (b *graphBuilder) InstanceNorm(x *gorgonia.Node, eps float32) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) { return op.InstanceNorm(x, eps) })
}

// batchMomentum is the weight of a batch in the running statistics of batch norm.
const batchMomentum = 0.1

func (b *graphBuilder) BatchNorm(x *gorgonia.Node, name string, eps float32) *gorgonia.Node {
	return b.ChannelAffine(b.do(func() (*gorgonia.Node, error) {
		return op.BatchNorm(x, b.weights.Data(name+".mean"), b.weights.Data(name+".variance"), batchMomentum, eps)
	}), name+".scale", name+".shift")
}

func (b *graphBuilder) LeakyReLU(x *gorgonia.Node, slope float32) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) { return op.LeakyReLU(x, slope) })
}

func (b *graphBuilder) Tanh(x *gorgonia.Node) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) { return op.Tanh(x) })
}

func (b *graphBuilder) Exp(x *gorgonia.Node) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) { return op.Exp(x) })
}

func (b *graphBuilder) Erf(x *gorgonia.Node) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) { return op.Erf(x) })
}

func (b *graphBuilder) Scale(x *gorgonia.Node, factor float32) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) { return op.Scale(x, factor) })
}

func (b *graphBuilder) Divide(x *gorgonia.Node, divisor float32) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) { return op.Divide(x, divisor) })
}

func (b *graphBuilder) Add(x, y *gorgonia.Node) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) { return op.Add(x, y) })
}

func (b *graphBuilder) Sub(x, y *gorgonia.Node) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) { return op.Sub(x, y) })
}

func (b *graphBuilder) Mul(x, y *gorgonia.Node) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) { return op.Mul(x, y) })
}

func (b *graphBuilder) Div(x, y *gorgonia.Node) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) { return op.Div(x, y) })
}

func (b *graphBuilder) Channels(x *gorgonia.Node, from, to int) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) { return op.Channels(x, from, to) })
}

func (b *graphBuilder) Join(x, y *gorgonia.Node) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) { return op.Join(x, y) })
}

func (b *graphBuilder) SpaceToDepth(x *gorgonia.Node, block int) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) { return op.SpaceToDepth(x, block) })
}

func (b *graphBuilder) DepthToSpace(x *gorgonia.Node, block int) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) { return op.DepthToSpace(x, block, false) })
}

func (b *graphBuilder) ChannelScale(x *gorgonia.Node, scale string) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) {
		zero := op.Data(b.graph, b.prefix+scale+".zero", tensor.Float32, x.Shape()[1])
		if err := gorgonia.Let(zero, tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(x.Shape()[1]))); err != nil {
			return nil, err
		}
		return op.ChannelAffine(x, b.parameter(scale), zero)
	})
}

func (b *graphBuilder) ChannelAffine(x *gorgonia.Node, scale, shift string) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) {
		return op.ChannelAffine(x, b.parameter(scale), b.parameter(shift))
	})
}

func (b *graphBuilder) Whiten(x *gorgonia.Node, matrix, bias string) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) {
		y, err := op.Mix(b.parameter(matrix), x, false)
		if err != nil {
			return nil, err
		}
		return op.ChannelBias(y, b.parameter(bias))
	})
}

func (b *graphBuilder) Unwhiten(x *gorgonia.Node, matrix, bias string) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) {
		negative, err := op.Scale(b.parameter(bias), -1)
		if err != nil {
			return nil, err
		}
		y, err := op.ChannelBias(x, negative)
		if err != nil {
			return nil, err
		}
		inverse, err := op.Inverse(b.parameter(matrix))
		if err != nil {
			return nil, err
		}
		return op.Mix(inverse, y, false)
	})
}

func (b *graphBuilder) Rotate(x *gorgonia.Node, matrix string, back bool) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) { return op.Mix(b.parameter(matrix), x, back) })
}

func (b *graphBuilder) Permute(x *gorgonia.Node, index int, back bool) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) {
		if back {
			return op.PermuteInverse(x, b.keyed.Permutations[index])
		}
		return op.Permute(x, b.keyed.Permutations[index])
	})
}

func (b *graphBuilder) Mix(x *gorgonia.Node, index int, back bool) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) { return op.Mix(b.keyed.Mixes[index], x, back) })
}

func (b *graphBuilder) Statistics(x *gorgonia.Node, eps float32) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) { return op.Statistics(x, b.group, eps) })
}

func (b *graphBuilder) Standardize(x, statistics *gorgonia.Node) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) { return op.Standardize(x, statistics) })
}

func (b *graphBuilder) Restore(x, statistics *gorgonia.Node) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) { return op.Restore(x, statistics) })
}

// InverseErf takes the middles of the levels of the quantised neural cipher.
func (b *graphBuilder) InverseErf(x *gorgonia.Node, table string) *gorgonia.Node {
	return b.do(func() (*gorgonia.Node, error) { return op.InverseErf(x, b.parameter(table)) })
}
