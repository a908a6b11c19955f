package op

import (
	"fmt"
	"slices"
	"strings"

	"enciphergan/internal/kernel"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Window holds the attributes of a convolution: strides, pads and dilations, height before width.
type Window struct {
	Stride   [2]int
	Pad      [4]int // top, left, bottom, right, as in ONNX
	Dilation [2]int
	// Arithmetic of the forward pass. Gradients always use fused arithmetic, since only training
	// computes them.
	Arithmetic kernel.Arithmetic
}

// Square returns the window with the same stride and padding on all sides and no dilation.
func Square(stride, pad int) Window {
	return Window{Stride: [2]int{stride, stride}, Pad: [4]int{pad, pad, pad, pad}, Dilation: [2]int{1, 1}}
}

func (a Window) conv(x, w tensor.Shape) (kernel.Conv, error) {
	if x.Dims() != 4 || w.Dims() != 4 {
		return kernel.Conv{}, fmt.Errorf("want input (N, C, H, W) and weights (M, C, KH, KW), not %v and %v", x, w)
	}
	if x[1] != w[1] {
		return kernel.Conv{}, fmt.Errorf("the input has %d channels, the weights are for %d", x[1], w[1])
	}
	c := kernel.Conv{N: x[0], C: x[1], H: x[2], W: x[3], M: w[0], KH: w[2], KW: w[3],
		SH: a.Stride[0], SW: a.Stride[1], PT: a.Pad[0], PL: a.Pad[1], PB: a.Pad[2], PR: a.Pad[3], DH: a.Dilation[0], DW: a.Dilation[1], Arithmetic: a.Arithmetic}
	return c, c.Validate()
}

// Conv2D convolves x (N, C, H, W) with w (M, C, KH, KW) and adds bias (M), which may be nil.
func Conv2D(x, w, bias *gorgonia.Node, a Window) (*gorgonia.Node, error) {
	name := fmt.Sprintf("Conv2D%+v", a)
	if x == nil || w == nil {
		return nil, fmt.Errorf("%s: an input is missing", name)
	}
	conv, err := a.conv(x.Shape(), w.Shape())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c := convolution{conv: conv, constant: constant(w)}
	in := gorgonia.Nodes{x, w}
	if bias != nil {
		c.bias = len(in)
		in = append(in, bias)
	}
	s := c.spec(name, len(in))
	s.Gradient = conv2DGradient(a)
	return Apply(s, in...)
}

// convolution is the forward pass of Conv2D and of the operations that a Program fuses with
// it. Its inputs are the inputs of Conv2D and, last, the tensor that the epilogue adds.
type convolution struct {
	conv     kernel.Conv
	constant bool // the weights are a Constant
	bias     int  // index of the bias among the inputs, 0 for none
	// The epilogue.
	add   int // index of the tensor added, 0 for none
	leaky bool
	slope float32
	// A batch norm folded into constant weights: Pack multiplies the weights of output channel
	// i by factors[i]. nil for none.
	factors []float64
	folded  []float32 // the bias with the batch norm folded in
}

// spec returns an operation that computes c. It serves one node and one run at a time, since
// it holds the packed weights.
func (c convolution) spec(name string, arity int) Spec {
	filter, out := kernel.Filter{Constant: c.constant}, tensor.Shape{c.conv.N, c.conv.M, c.conv.OutH(), c.conv.OutW()}
	cost := c.conv.Cost(c.constant)
	if c.factors != nil {
		cost.Buffers = append(cost.Buffers, kernel.Buffer{Floats: c.conv.M * c.conv.C * c.conv.KH * c.conv.KW, Count: 1})
	}
	return Spec{
		Name:        name,
		Arity:       arity,
		Type:        tensor.Float32,
		Cost:        cost,
		convolution: &c,
		Pack: func(w *tensor.Dense) error {
			filter.PackConv2D(c.conv, c.scaled(floats(w)))
			return nil
		},
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			if c.bias > 0 && !slices.Equal(in[c.bias], tensor.Shape{c.conv.M}) {
				return nil, fmt.Errorf("bias %v for %d output channels", in[c.bias], c.conv.M)
			}
			return out, nil
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			var w []float32
			if in[1] != nil {
				w = floats(in[1])
			}
			bias, epilogue := c.folded, kernel.Epilogue{Leaky: c.leaky, Slope: c.slope}
			if c.bias > 0 {
				bias = floats(in[c.bias])
			}
			if c.add > 0 {
				epilogue.Add = floats(in[c.add])
			}
			filter.Conv2D(c.conv, floats(in[0]), w, bias, floats(out), epilogue)
			return nil
		},
	}
}

// scaled returns the weights w with the batch norm folded in.
func (c *convolution) scaled(w []float32) []float32 {
	if c.factors == nil {
		return w
	}
	out, size := make([]float32, len(w)), len(w)/len(c.factors)
	for i, v := range w {
		out[i] = float32(float64(v) * c.factors[i/size])
	}
	return out
}

// constant reports whether n is a Constant.
func constant(n *gorgonia.Node) bool { return n != nil && strings.HasPrefix(n.Name(), constantPrefix) }

// convGradInput computes the gradient of the input of a convolution, of shape x, from dy.
func convGradInput(dy, w *gorgonia.Node, x tensor.Shape, a Window) (*gorgonia.Node, error) {
	x = x.Clone()
	filter, name := kernel.Filter{Constant: constant(w)}, fmt.Sprintf("Conv2DGradInput%+v%v", a, x)
	c, err := a.conv(x, w.Shape())
	if err == nil {
		err = c.ValidateGradInput()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return Apply(Spec{
		Name:  name,
		Arity: 2,
		Cost:  c.GradInputCost(constant(w)),
		Pack: func(w *tensor.Dense) error {
			filter.PackGradInput(c, floats(w))
			return nil
		},
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			if want := (tensor.Shape{c.N, c.M, c.OutH(), c.OutW()}); !slices.Equal(in[0], want) {
				return nil, fmt.Errorf("gradient %v does not fit output %v", in[0], want)
			}
			return x, nil
		},
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			var w []float32
			if in[1] != nil {
				w = floats(in[1])
			}
			filter.GradInput(c, floats(in[0]), w, floats(out))
			return nil
		},
		Gradient: convGradInputGradient(a),
	}, dy, w)
}

func convGradWeight(x, dy *gorgonia.Node, w tensor.Shape, a Window) (*gorgonia.Node, error) {
	w = w.Clone()
	name := fmt.Sprintf("Conv2DGradWeight%+v%v", a, w)
	c, err := a.conv(x.Shape(), w)
	if err == nil {
		err = c.ValidateGradWeight()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return Apply(Spec{
		Name:  name,
		Arity: 2,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) { return w, nil },
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			kernel.Conv2DGradWeight(c, floats(in[0]), floats(in[1]), floats(out))
			return nil
		},
	}, x, dy)
}

// channelSums sums x (N, C, H, W) over samples and positions to (C).
func channelSums(x *gorgonia.Node) (*gorgonia.Node, error) {
	return Apply(Spec{
		Name:  "ChannelSums",
		Arity: 1,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) { return tensor.Shape{in[0][1]}, nil },
		Forward: func(in []*tensor.Dense, out *tensor.Dense) error {
			n, c, p := planes(in[0].Shape())
			kernel.ChannelSums(n, c, p, floats(in[0]), floats(out))
			return nil
		},
	}, x)
}

// floats returns the data of a float32 tensor. It panics for another type; Do recovers.
func floats(d *tensor.Dense) []float32 {
	if d.Dtype() != tensor.Float32 {
		return d.Data().([]float32) // panics with a message that names the type
	}
	return d.Float32s() // Data would allocate
}

// planes returns N, C and the number of positions of the shape (N, C, H, W) or (N, C, P).
func planes(s tensor.Shape) (n, c, p int) {
	p = 1
	for _, d := range s[2:] {
		p *= d
	}
	return s[0], s[1], p
}

// same is the shape rule of operations whose result has the shape of input 0.
func same(in []tensor.Shape) (tensor.Shape, error) { return in[0], nil }

// images is like same and requires the shape (N, C, positions...).
func images(in []tensor.Shape) (tensor.Shape, error) {
	if in[0].Dims() < 3 {
		return nil, fmt.Errorf("want (N, C, positions), not %v", in[0])
	}
	return in[0], nil
}
