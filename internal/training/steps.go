package training

import (
	"fmt"
	"math"

	"enciphergan/internal/kernel"
	"enciphergan/internal/keyschedule"
	"enciphergan/internal/network"
	"enciphergan/internal/op"
	"enciphergan/internal/training/dataset"
	"enciphergan/internal/training/optimiser"

	"gorgonia.org/gorgonia"
)

// machine runs the graph of a step, with its losses and gradients.
type machine struct {
	graph      *gorgonia.ExprGraph
	vm         gorgonia.VM
	losses     []string
	values     [][]float32 // one element each, in the order of losses
	parameters []optimiser.Parameter
}

// compile adds the gradients of total with respect to the parameters of the trained
// networks. Every run copies the values of the nodes in extra to the slices in into.
func compile(g *gorgonia.ExprGraph, total *gorgonia.Node, names []string, terms gorgonia.Nodes, networks []trained, extra gorgonia.Nodes, into [][]float32) (*machine, error) {
	m := &machine{losses: append([]string{"total"}, names...)}
	var leaves gorgonia.Nodes
	for _, b := range networks {
		names, nodes := b.builder.Trainable()
		for i, n := range nodes {
			value := b.weights.Data(names[i])
			m.parameters = append(m.parameters, optimiser.Parameter{Name: b.prefix + names[i], Value: value, Gradient: make([]float32, len(value))})
			leaves = append(leaves, n)
		}
	}
	gradients, err := op.Gradients(total, leaves...)
	if err != nil {
		return nil, fmt.Errorf("building the gradients: %w", err)
	}
	var nodes gorgonia.Nodes
	var slices [][]float32
	for _, n := range append(gorgonia.Nodes{total}, terms...) {
		v := make([]float32, 1)
		m.values = append(m.values, v)
		nodes, slices = append(nodes, n), append(slices, v)
	}
	for i, n := range gradients {
		nodes, slices = append(nodes, n), append(slices, m.parameters[i].Gradient)
	}
	nodes, slices = append(nodes, extra...), append(slices, into...)
	if _, err := op.Collect(slices, nodes...); err != nil {
		return nil, err
	}
	m.graph, m.vm = g, gorgonia.NewTapeMachine(g)
	return m, nil
}

// trained is a network whose parameters get gradients.
type trained struct {
	prefix  string
	builder *graphBuilder
	weights *network.Weights
}

// run computes the losses by name and the gradients.
func (m *machine) run() (map[string]float64, error) {
	defer m.vm.Reset()
	if err := m.vm.RunAll(); err != nil {
		return nil, err
	}
	losses := map[string]float64{}
	for i, name := range m.losses {
		losses[name] = float64(m.values[i][0])
		if math.IsNaN(losses[name]) || math.IsInf(losses[name], 0) {
			return nil, fmt.Errorf("%w: loss %q is %g", ErrDiverged, name, losses[name])
		}
	}
	return losses, nil
}

// generatorStep runs both generators: plain -> neural cipher -> quantised -> recovered.
type generatorStep struct {
	*machine
	plain, target []float32
	material      *keyschedule.Material // nil without keyed layers
	cipher        []float32             // quantised, (N, 3, S, S), for the discriminator
}

func newGeneratorStep(c Config, w *weights, p phase) (*generatorStep, error) {
	d, n, side := c.Definition, c.Batch, c.Crop
	g := gorgonia.NewGraph()
	s := &generatorStep{cipher: make([]float32, n*3*side*side)}
	x, plain, err := addInput(g, "plain", n, 3, side, side)
	if err != nil {
		return nil, err
	}
	s.plain = plain
	k, material, err := addKeyedInputs(d, g, side)
	if err != nil {
		return nil, err
	}
	s.material = material

	enc := newGraphBuilder(g, "encryption/", w.encryption, p == fineTuning, 1, k, d.Arithmetic())
	dec := enc
	networks := []trained{{"encryption/", enc, w.encryption}}
	if w.decryption != w.encryption {
		dec = newGraphBuilder(g, "decryption/", w.decryption, false, 1, k, d.Arithmetic())
		networks = append(networks, trained{"decryption/", dec, w.decryption})
	}
	var carried []*gorgonia.Node
	cipher := network.Walk[*gorgonia.Node](enc, d.Encryption(), x, &carried)
	if enc.Err() != nil {
		return nil, enc.Err()
	}
	quantised, err := op.StraightThrough(cipher, d.Keyed())
	if err != nil {
		return nil, err
	}
	layers, backwards := d.Decryption()
	var recovered *gorgonia.Node
	if backwards {
		recovered = network.WalkBack[*gorgonia.Node](dec, layers, quantised, carried)
	} else {
		recovered = network.Walk[*gorgonia.Node](dec, layers, quantised, &carried)
	}
	if dec.Err() != nil {
		return nil, dec.Err()
	}

	var names []string
	var terms gorgonia.Nodes
	var factors []float32
	add := func(name string, factor float64, build func() (*gorgonia.Node, error)) error {
		if factor == 0 {
			return nil
		}
		term, err := build()
		if err != nil {
			return err
		}
		names, terms, factors = append(names, name), append(terms, term), append(factors, float32(factor))
		return nil
	}
	if err := add("psnr", c.Losses.PSNR, func() (*gorgonia.Node, error) { return op.NegativePSNR(recovered, x) }); err != nil {
		return nil, err
	}
	if err := add("ssim", c.Losses.SSIM, func() (*gorgonia.Node, error) { return op.SSIMLoss(recovered, x) }); err != nil {
		return nil, err
	}
	if p == joint {
		if err := add("adversarial", c.Losses.Adversarial, func() (*gorgonia.Node, error) {
			disc := newGraphBuilder(g, "discriminator/", w.discriminator, true, 1, keyedInputs{}, kernel.Fused)
			logits := network.Walk[*gorgonia.Node](disc, network.Discriminator(d), quantised, nil)
			if disc.Err() != nil {
				return nil, disc.Err()
			}
			return op.CrossEntropy(logits, true)
		}); err != nil {
			return nil, err
		}
		if err := add("target", c.Losses.Target, func() (*gorgonia.Node, error) {
			y, buffer, err := addInput(g, "target", n, 3, side, side)
			if err != nil {
				return nil, err
			}
			s.target = buffer
			return op.SSIMLoss(quantised, y)
		}); err != nil {
			return nil, err
		}
	}
	total, err := op.WeightedSum(factors, terms...)
	if err != nil {
		return nil, err
	}
	if s.machine, err = compile(g, total, names, terms, networks, gorgonia.Nodes{quantised}, [][]float32{s.cipher}); err != nil {
		return nil, err
	}
	return s, nil
}

// run computes losses and gradients for a batch and a tile seed.
func (s *generatorStep) run(c Config, b dataset.Batch, seed keyschedule.Seed) (map[string]float64, error) {
	copy(s.plain, b.Plain)
	copy(s.target, targets(c, b))
	if s.material != nil {
		s.material.Derive(seed)
	}
	return s.machine.run()
}

// targets returns the target cipher images in the mapping of the profile's quantised neural cipher.
func targets(c Config, b dataset.Batch) []float32 {
	if c.Definition.Keyed() {
		return b.Target
	}
	levels := make([]byte, len(b.Target))
	kernel.QuantizeUniform(levels, b.Target)
	out := make([]float32, len(levels))
	for i, l := range levels {
		out[i] = kernel.SymmetricValue(l)
	}
	return out
}

// discriminatorStep trains the discriminator to tell target cipher images from neural ciphers.
type discriminatorStep struct {
	*machine
	real, fake []float32
}

func newDiscriminatorStep(c Config, w *weights) (*discriminatorStep, error) {
	g := gorgonia.NewGraph()
	s := &discriminatorStep{}
	b := newGraphBuilder(g, "discriminator/", w.discriminator, false, 1, keyedInputs{}, kernel.Fused)
	var terms gorgonia.Nodes
	for i, buffer := range []*[]float32{&s.real, &s.fake} {
		x, data, err := addInput(g, []string{"real", "fake"}[i], c.Batch, 3, c.Crop, c.Crop)
		if err != nil {
			return nil, err
		}
		*buffer = data
		logits := network.Walk[*gorgonia.Node](b, network.Discriminator(c.Definition), x, nil)
		if b.Err() != nil {
			return nil, b.Err()
		}
		term, err := op.CrossEntropy(logits, i == 0)
		if err != nil {
			return nil, err
		}
		terms = append(terms, term)
	}
	total, err := op.WeightedSum([]float32{0.5, 0.5}, terms...)
	if err != nil {
		return nil, err
	}
	s.machine, err = compile(g, total, []string{"real", "fake"}, terms, []trained{{"discriminator/", b, w.discriminator}}, nil, nil)
	return s, err
}
