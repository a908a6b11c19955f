package attack

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"enciphergan/internal/kernel"
	"enciphergan/internal/metric"
	"enciphergan/internal/op"
	"enciphergan/internal/training/optimiser"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// pairs are known pictures with their cipher images, (side, side, 3) interleaved.
type pairs struct {
	plain, cipher [][]byte
	side          int
}

// divide returns a fifth of the pairs for validation, none of fewer than ten.
func (p pairs) divide() (fit, validation pairs) {
	n := len(p.plain)
	if n < 10 {
		return p, pairs{side: p.side}
	}
	at := n - n/5
	return pairs{p.plain[:at], p.cipher[:at], p.side}, pairs{p.plain[at:], p.cipher[at:], p.side}
}

// decoder is the surrogate that an attacker trains to invert a cipher. It adds three
// parts to the mean of the known pictures, each for another kind of weak cipher:
//
//	bits   every bit of every sample with a factor of its own: fixed pads
//	local  SpaceToDepth(4), 3x3 convolution to Hidden channels, two more with
//	       residual connections, 3x3 convolution back: networks without a key
//	whole  all samples to Rank values and those to all samples: fixed permutations
//
// All parts start at 0, so training begins at the mean picture.
type decoder struct {
	budget     Budget
	names      []string
	parameters map[string]*tensor.Dense
	mean       []float32 // (3, S, S) in [-1, 1]
}

const (
	bitPlanes = 24
	block     = 4
	// bitSize scales the inputs of the bits, so that their factors are learned faster.
	bitSize = 4
)

func newDecoder(b Budget, r *rand.Rand) (*decoder, error) {
	d := &decoder{budget: b, parameters: map[string]*tensor.Dense{}}
	samples := 3 * b.Side * b.Side
	add := func(name string, gain float64, shape ...int) []float32 {
		data := make([]float32, tensor.Shape(shape).TotalSize())
		if gain > 0 {
			inputs := 1
			for _, s := range shape[1:] {
				inputs *= s
			}
			for i := range data {
				data[i] = float32(r.NormFloat64() * gain / math.Sqrt(float64(inputs)))
			}
		}
		d.names = append(d.names, name)
		d.parameters[name] = tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))
		return data
	}
	add("bits.scale", 0, bitPlanes*b.Side*b.Side)
	value := add("bits.weight", 0, 3, bitPlanes, 1, 1)
	for c := range 3 {
		for bit := range 8 {
			value[c*bitPlanes+c*8+bit] = float32(int(1)<<bit) / 255
		}
	}
	const he = 1.4
	channels := 3 * block * block
	for _, l := range []struct {
		name    string
		gain    float64
		in, out int
	}{{"local0", he, channels, b.Hidden}, {"local1", he / 2, b.Hidden, b.Hidden}, {"local2", he / 2, b.Hidden, b.Hidden}, {"local3", 0, b.Hidden, channels}} {
		add(l.name+".weight", l.gain, l.out, l.in, 3, 3)
		add(l.name+".bias", 0, l.out)
	}
	add("whole0.weight", he, b.Rank, samples, 1, 1)
	add("whole0.bias", 0, b.Rank)
	add("whole1.weight", 0, samples, b.Rank, 1, 1)
	add("whole1.bias", 0, samples)
	return d, nil
}

// size returns the number of parameters.
func (d *decoder) size() int {
	n := 0
	for _, t := range d.parameters {
		n += t.Shape().TotalSize()
	}
	return n
}

// graph computes the decoder for one batch.
type graph struct {
	bits, levels, whole, target []float32 // inputs; target is minus the mean
	loss                        []float32
	output                      []float32 // (N, 3, S, S), minus the mean
	parameters                  []optimiser.Parameter
	machine                     gorgonia.VM
}

// graph builds the decoder for n pictures, for training with loss and gradients.
func (d *decoder) graph(n int, train bool) (*graph, error) {
	g, side := gorgonia.NewGraph(), d.budget.Side
	b := &builder{graph: g, decoder: d, train: train, leaves: map[string]*gorgonia.Node{}}
	s := &graph{loss: make([]float32, 1), output: make([]float32, n*3*side*side)}

	bits, bitsData := b.input("bits", n, bitPlanes*side*side, 1, 1)
	levels, levelsData := b.input("levels", n, 3, side, side)
	whole, wholeData := b.input("whole", n, 3*side*side, 1, 1)
	zero, _ := b.input("zero", bitPlanes*side*side)
	s.bits, s.levels, s.whole = bitsData, levelsData, wholeData

	x := b.node(op.ChannelAffine(bits, b.parameter("bits.scale"), zero))
	x = b.call(func() (*gorgonia.Node, error) { return op.DepthToSpace(x, side, false) })
	y := b.call(func() (*gorgonia.Node, error) {
		return op.Conv2D(x, b.parameter("bits.weight"), nil, op.Square(1, 0))
	})

	x = b.call(func() (*gorgonia.Node, error) { return op.SpaceToDepth(levels, block) })
	x = b.leaky(b.conv(x, "local0", 1))
	for _, name := range []string{"local1", "local2"} {
		x = b.add(x, b.leaky(b.conv(x, name, 1)))
	}
	x = b.conv(x, "local3", 1)
	y = b.add(y, b.call(func() (*gorgonia.Node, error) { return op.DepthToSpace(x, block, false) }))

	x = b.conv(b.leaky(b.conv(whole, "whole0", 0)), "whole1", 0)
	y = b.add(y, b.call(func() (*gorgonia.Node, error) { return op.DepthToSpace(x, side, false) }))
	if b.err != nil {
		return nil, b.err
	}

	into, nodes := [][]float32{s.output}, gorgonia.Nodes{y}
	if train {
		target, data := b.input("target", n, 3, side, side)
		s.target = data
		loss := b.node(op.NegativePSNR(y, target))
		if b.err != nil {
			return nil, b.err
		}
		var leaves gorgonia.Nodes
		for _, name := range d.names {
			value := d.parameters[name].Data().([]float32)
			s.parameters = append(s.parameters, optimiser.Parameter{Name: name, Value: value, Gradient: make([]float32, len(value))})
			leaves = append(leaves, b.leaves[name])
		}
		gradients, err := op.Gradients(loss, leaves...)
		if err != nil {
			return nil, fmt.Errorf("building the surrogate's gradients: %w", err)
		}
		into, nodes = append(into, s.loss), append(nodes, loss)
		for i, gradient := range gradients {
			into, nodes = append(into, s.parameters[i].Gradient), append(nodes, gradient)
		}
	}
	if _, err := op.Collect(into, nodes...); err != nil {
		return nil, err
	}
	s.machine = gorgonia.NewTapeMachine(g)
	return s, nil
}

// fill writes a cipher image to position i of the batch.
func (s *graph) fill(i, side int, cipher []byte) {
	positions := side * side
	bits := s.bits[i*bitPlanes*positions:]
	levels, whole := s.levels[i*3*positions:], s.whole[i*3*positions:]
	for p := range positions {
		for c := range 3 {
			level := cipher[3*p+c]
			for bit := range 8 {
				bits[bitPlanes*p+8*c+bit] = bitSize * (2*float32(level>>bit&1) - 1)
			}
			v := kernel.UniformValue(level)
			levels[c*positions+p], whole[3*p+c] = v, v
		}
	}
}

func (s *graph) run() error {
	defer s.machine.Reset()
	return s.machine.RunAll()
}

// train fits the decoder. With validation pairs it restores the weights that are
// best on those, which may be the initial ones.
func (d *decoder) train(ctx context.Context, all pairs, r *rand.Rand, done func(step int)) error {
	p, validation := all.divide()
	side, samples := d.budget.Side, 3*d.budget.Side*d.budget.Side
	d.mean = make([]float32, samples)
	target := make([]float32, samples)
	for _, plain := range p.plain {
		planes(target, plain)
		for i, v := range target {
			d.mean[i] += v / float32(len(p.plain))
		}
	}
	g, err := d.graph(min(d.budget.Batch, len(p.plain)), true)
	if err != nil {
		return err
	}
	defer g.machine.Close()
	adam, err := optimiser.NewAdam(optimiser.AdamOptions{Beta1: 0.9, Beta2: 0.99, Epsilon: 1e-8}, g.parameters)
	if err != nil {
		return err
	}
	best, bestWeights := math.Inf(-1), map[string][]float32{}
	validate := func() error {
		if len(validation.plain) == 0 {
			return nil
		}
		decoded, err := d.decode(validation.cipher)
		if err != nil {
			return err
		}
		score := 0.
		for i, q := range decoded {
			score += metric.BoundedPSNR(validation.plain[i], q)
		}
		if score > best {
			best = score
			for name, t := range d.parameters {
				bestWeights[name] = append(bestWeights[name][:0], t.Data().([]float32)...)
			}
		}
		return nil
	}
	schedule := optimiser.Schedule{Peak: surrogateRate, Warmup: min(20, d.budget.Steps/5), Steps: d.budget.Steps, Floor: 0.02}
	const validations = 8
	var order []int
	for step := range d.budget.Steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if step%max(1, d.budget.Steps/validations) == 0 {
			if err := validate(); err != nil {
				return err
			}
		}
		for i := range len(g.target) / samples {
			if len(order) == 0 {
				order = r.Perm(len(p.plain))
			}
			g.fill(i, side, p.cipher[order[0]])
			planes(target, p.plain[order[0]])
			for j, v := range target {
				g.target[i*samples+j] = v - d.mean[j]
			}
			order = order[1:]
		}
		if err := g.run(); err != nil {
			return err
		}
		if loss := float64(g.loss[0]); math.IsNaN(loss) || math.IsInf(loss, 0) {
			return fmt.Errorf("the surrogate diverged in step %d", step)
		}
		optimiser.ClipNorm(g.parameters, 1)
		if err := adam.Update(g.parameters, schedule.Rate(step)); err != nil {
			return err
		}
		done(step + 1)
	}
	if err := validate(); err != nil {
		return err
	}
	for name, data := range bestWeights {
		copy(d.parameters[name].Data().([]float32), data)
	}
	return nil
}

// surrogateRate is Adam's largest learning rate.
const surrogateRate = 3e-3

// decode recovers pictures with the current weights.
func (d *decoder) decode(ciphers [][]byte) ([][]byte, error) {
	n := min(d.budget.Batch, len(ciphers))
	g, err := d.graph(n, false)
	if err != nil {
		return nil, err
	}
	defer g.machine.Close()
	samples := 3 * d.budget.Side * d.budget.Side
	var list [][]byte
	for at := 0; at < len(ciphers); at += n {
		batch := ciphers[at:min(at+n, len(ciphers))]
		for i, c := range batch {
			g.fill(i, d.budget.Side, c)
		}
		if err := g.run(); err != nil {
			return nil, err
		}
		for i := range batch {
			out := g.output[i*samples : (i+1)*samples]
			rgb := make([]byte, samples)
			positions := samples / 3
			for c := range 3 {
				for p := range positions {
					v := float64(out[c*positions+p] + d.mean[c*positions+p])
					rgb[3*p+c] = byte(math.Round(min(255, max(0, (v+1)*127.5))))
				}
			}
			list = append(list, rgb)
		}
	}
	return list, nil
}

// planes converts interleaved 8-bit samples to (3, P) in [-1, 1].
func planes(into []float32, rgb []byte) {
	positions := len(rgb) / 3
	for p := range positions {
		for c := range 3 {
			into[c*positions+p] = kernel.SymmetricValue(rgb[3*p+c])
		}
	}
}

// builder adds nodes to a graph and records the first error.
type builder struct {
	graph   *gorgonia.ExprGraph
	decoder *decoder
	train   bool
	leaves  map[string]*gorgonia.Node
	err     error
}

func (b *builder) node(n *gorgonia.Node, err error) *gorgonia.Node {
	if b.err == nil {
		b.err = err
	}
	return n
}

func (b *builder) call(f func() (*gorgonia.Node, error)) *gorgonia.Node {
	if b.err != nil {
		return nil
	}
	return b.node(f())
}

func (b *builder) input(name string, shape ...int) (*gorgonia.Node, []float32) {
	n := op.Data(b.graph, name, tensor.Float32, shape...)
	t := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(shape...))
	return b.node(n, gorgonia.Let(n, t)), t.Data().([]float32)
}

func (b *builder) parameter(name string) *gorgonia.Node {
	t := b.decoder.parameters[name]
	var n *gorgonia.Node
	if b.train {
		n = gorgonia.NewTensor(b.graph, tensor.Float32, t.Dims(), gorgonia.WithShape(t.Shape()...), gorgonia.WithName(name))
	} else {
		n = op.Data(b.graph, name, tensor.Float32, t.Shape()...)
	}
	b.leaves[name] = n
	return b.node(n, gorgonia.Let(n, t))
}

func (b *builder) conv(x *gorgonia.Node, name string, pad int) *gorgonia.Node {
	return b.call(func() (*gorgonia.Node, error) {
		return op.Conv2D(x, b.parameter(name+".weight"), b.parameter(name+".bias"), op.Square(1, pad))
	})
}

func (b *builder) leaky(x *gorgonia.Node) *gorgonia.Node {
	return b.call(func() (*gorgonia.Node, error) { return op.LeakyReLU(x, 0.2) })
}

func (b *builder) add(x, y *gorgonia.Node) *gorgonia.Node {
	return b.call(func() (*gorgonia.Node, error) { return op.Add(x, y) })
}
