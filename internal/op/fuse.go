package op

import (
	"math"
	"slices"
	"strings"

	"enciphergan/internal/kernel"

	"gorgonia.org/tensor"
)

// fusedStep is one step of a fused elementwise operation.
type fusedStep struct {
	kernel.Step
	name    string
	operand int // index of the second operand among the inputs of the operation; 0 for none, since input 0 is the first operand
}

// maxSteps bounds the steps of a fused operation, since each operation that joins it copies them.
const maxSteps = 64

// fuse merges into v the operation that makes one of its inputs, where nothing else reads
// that input: v as part of a convolution, or both as one pass over the elements.
func (v *value) fuse() {
	if !v.fuseConvolution() {
		v.fuseElementwise()
	}
}

// merge replaces the operation of v by one with the given inputs, which computes input i too.
func (v *value) merge(i int, s Spec, inputs []*value) {
	v.in[i].readers = 0
	o := &operation{spec: s, shape: v.o.shape, label: v.o.label}
	for _, in := range inputs {
		o.reads = append(o.reads, in.shape())
	}
	v.o, v.in = o, inputs
}

// fuseConvolution merges v, an addition, a LeakyReLU or in fused arithmetic a batch norm,
// into the convolution before it.
func (v *value) fuseConvolution() bool {
	for i, in := range v.in {
		if in.o == nil || in.o.spec.convolution == nil || in.readers != 1 {
			continue
		}
		c, inputs := *in.o.spec.convolution, slices.Clone(in.in)
		if v.o.spec.norm != nil && i == 0 {
			if !c.foldNorm(v, inputs) {
				continue
			}
			for _, unread := range slices.Concat(inputs[2:], v.in[1:]) {
				unread.readers--
			}
			inputs = inputs[:2]
		} else if s := v.o.spec.Step; s == nil || c.leaky {
			continue
		} else if slope, ok := s.LeakyReLU(); ok {
			c.leaky, c.slope = true, slope
		} else if s.Addition() && c.add == 0 {
			c.add = len(inputs)
			inputs = append(inputs, v.in[1-i])
		} else {
			continue
		}
		v.merge(i, c.spec(in.o.spec.Name+", "+v.o.spec.Name, len(inputs)), inputs)
		return true
	}
	return false
}

// foldNorm folds the batch norm of v into the weights and bias of c, whose inputs are given:
// the weights of output m are multiplied by scale/sqrt(variance+eps), in float64. All
// parameters must be constants.
func (c *convolution) foldNorm(v *value, inputs []*value) bool {
	if c.conv.Arithmetic != kernel.Fused || c.leaky || c.add > 0 || c.factors != nil || inputs[1].constant() == nil {
		return false
	}
	var parameters [4][]float32 // scale, bias, mean, variance
	for i := range parameters {
		if parameters[i] = v.in[1+i].constant(); parameters[i] == nil {
			return false
		}
	}
	bias := make([]float32, c.conv.M)
	if c.bias > 0 {
		if bias = slices.Clone(inputs[c.bias].constant()); bias == nil {
			return false
		}
	}
	factors := make([]float64, c.conv.M)
	for m := range factors {
		factors[m] = float64(parameters[0][m]) / math.Sqrt(float64(parameters[3][m])+float64(*v.o.spec.norm))
		bias[m] = float32((float64(bias[m])-float64(parameters[2][m]))*factors[m] + float64(parameters[1][m]))
	}
	c.factors, c.folded, c.bias = factors, bias, 0
	return true
}

// fuseElementwise merges v, if it is elementwise, with the elementwise operation before it.
func (v *value) fuseElementwise() {
	s := v.o.spec.Step
	if s == nil {
		return
	}
	operands := []int{v.o.spec.StepInput}
	if s.Binary() {
		operands = []int{0, 1}
	}
	for _, i := range operands {
		in := v.in[i]
		if len(in.steps) > 0 && len(in.steps) < maxSteps && in.readers == 1 && slices.Equal(in.shape(), v.shape()) {
			v.addStep(i, in.stepInputs, in.steps)
			v.merge(i, v.stepsSpec(), v.stepInputs)
			return
		}
	}
	v.addStep(operands[0], v.in[operands[0]:operands[0]+1], nil)
}

// addStep sets the steps of v to the given ones, which compute input i of v, and its own.
func (v *value) addStep(i int, inputs []*value, steps []fusedStep) {
	own := fusedStep{Step: *v.o.spec.Step, name: v.o.spec.Name}
	v.stepInputs = slices.Clone(inputs)
	if own.Binary() {
		if i == 1 {
			own.Step = own.Swapped()
		}
		own.operand = len(v.stepInputs)
		v.stepInputs = append(v.stepInputs, v.in[1-i])
	}
	v.steps = append(slices.Clone(steps), own)
}

// stepsSpec returns the operation that applies the steps of v.
func (v *value) stepsSpec() Spec {
	steps, kernels := slices.Clone(v.steps), make([]kernel.Step, len(v.steps))
	var names []string
	for i, s := range steps {
		kernels[i] = s.Step
		names = append(names, s.name)
	}
	return Spec{
		Name: strings.Join(names, ", "), Arity: len(v.stepInputs), Type: tensor.Float32, InPlace: true,
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			for i, s := range steps {
				if s.operand > 0 {
					kernels[i] = s.WithOperand(floats(in[s.operand]))
				}
			}
			kernel.FusedElementwise(floats(out), floats(in[0]), kernels)
			return nil
		},
	}
}
