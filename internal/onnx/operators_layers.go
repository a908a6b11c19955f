package onnx

import (
	"fmt"
	"slices"

	"enciphergan/internal/op"

	"gorgonia.org/gorgonia"
)

// layer checks the operands and attributes common to convolutions, and returns the shapes of
// x (N, C, H, W) and w (four dimensions).
func layer(c *call) (x, w []int, err error) {
	for i, o := range c.in {
		if o == nil {
			continue
		}
		if err := floats(o); err != nil {
			return nil, nil, err
		}
		if rank := len(o.shape()); i < 2 && rank != 4 {
			return nil, nil, fmt.Errorf("operand %d has %d dimensions; only two-dimensional convolutions (rank 4) are supported", i, rank)
		}
	}
	if group := c.integer("group", 1, 1); group != 1 {
		return nil, nil, fmt.Errorf("group %d is not supported, only 1", group)
	}
	x, w = c.in[0].shape(), c.in[1].shape()
	if size := c.integers("kernel_shape", 2, 1); size != nil && !slices.Equal(size, w[2:]) {
		return nil, nil, fmt.Errorf("kernel_shape is %v, but the weights have shape %v", size, w)
	}
	return x, w, nil
}

// window reads strides, dilations and pads, with defaults of 1, 1 and 0.
func window(c *call) (op.Window, error) {
	a := op.Window{Stride: c.pair("strides", 1, 1), Dilation: c.pair("dilations", 1, 1), Arithmetic: c.arithmetic}
	if pads := c.integers("pads", 4, 0); pads != nil {
		a.Pad = [4]int(pads)
	}
	return a, c.wrong
}

// pads splits the padding of one dimension. An odd element goes to the end in mode "SAME_UPPER", else to the beginning.
func (c *call) pads(total int, mode string) (begin, end int) {
	total = max(0, total)
	if mode == "SAME_UPPER" {
		return total / 2, total - total/2
	}
	return total - total/2, total / 2
}

// convolve applies f to the input, weights and bias of c; bias is nil if it is absent.
func (c *call) convolve(f func(x, w, bias *gorgonia.Node) (*gorgonia.Node, error)) (*operand, error) {
	in := c.in
	if len(in) > 2 && in[2] == nil {
		in = in[:2]
	}
	return c.apply(Float32, func(n []*gorgonia.Node) (*gorgonia.Node, error) {
		if len(n) == 2 {
			return f(n[0], n[1], nil)
		}
		return f(n[0], n[1], n[2])
	}, in...)
}

func conv(c *call) (*operand, error) {
	x, w, err := layer(c)
	if err != nil {
		return nil, err
	}
	a, err := window(c)
	if err != nil {
		return nil, err
	}
	mode := attribute(c, "auto_pad", "NOTSET")
	for i := range 2 {
		reach := a.Dilation[i]*(w[2+i]-1) + 1
		switch mode {
		case "NOTSET":
		case "VALID":
			a.Pad[i], a.Pad[2+i] = 0, 0
		case "SAME_UPPER", "SAME_LOWER":
			steps := (x[2+i] - 1) / a.Stride[i]
			a.Pad[i], a.Pad[2+i] = c.pads(steps*a.Stride[i]+reach-x[2+i], mode)
		default:
			return nil, fmt.Errorf("unknown auto_pad %q", mode)
		}
	}
	c.heavy = true
	return c.convolve(func(x, w, bias *gorgonia.Node) (*gorgonia.Node, error) { return op.Conv2D(x, w, bias, a) })
}

func convTranspose(c *call) (*operand, error) {
	x, w, err := layer(c)
	if err != nil {
		return nil, err
	}
	a, err := window(c)
	if err != nil {
		return nil, err
	}
	extra := c.pair("output_padding", 0, 0)
	size := c.integers("output_shape", 2, 1)
	mode := attribute(c, "auto_pad", "NOTSET")
	for i := range 2 {
		full := a.Stride[i]*(x[2+i]-1) + a.Dilation[i]*(w[2+i]-1) + 1 // without pads
		want := 0
		switch {
		case size != nil:
			want = size[i]
		case mode == "SAME_UPPER" || mode == "SAME_LOWER":
			want = x[2+i] * a.Stride[i]
		case mode == "VALID":
			a.Pad[i], a.Pad[2+i] = 0, 0
			continue
		case mode == "NOTSET":
			continue
		default:
			return nil, fmt.Errorf("unknown auto_pad %q", mode)
		}
		// A larger output is cut to the wanted size, a smaller one is padded.
		if full+extra[i] < want {
			extra[i] = want - full
		}
		a.Pad[i], a.Pad[2+i] = c.pads(full+extra[i]-want, mode)
	}
	c.heavy = true
	return c.convolve(func(x, w, bias *gorgonia.Node) (*gorgonia.Node, error) {
		return op.ConvTranspose2D(x, w, bias, a, extra)
	})
}

// instanceNorm omits scale and shift if they are constants 1 and 0.
func instanceNorm(c *call) (*operand, error) {
	if err := floats(c.in...); err != nil {
		return nil, err
	}
	if len(c.in[0].shape()) < 3 {
		return nil, fmt.Errorf("the input has shape %v, want (N, C, positions)", c.in[0].shape())
	}
	eps := attribute(c, "epsilon", float32(1e-5))
	in := c.in
	if all(in[1], 1) && all(in[2], 0) {
		in = in[:1]
	}
	return c.apply(Float32, func(n []*gorgonia.Node) (*gorgonia.Node, error) {
		y, err := op.InstanceNorm(n[0], eps)
		if err == nil && len(n) == 3 {
			y, err = op.ChannelAffine(y, n[1], n[2])
		}
		return y, err
	}, in...)
}

// all reports whether an operand is a constant whose elements all equal v.
func all(o *operand, v float32) bool {
	return o.constant != nil && !slices.ContainsFunc(o.constant.Data().([]float32), func(x float32) bool { return x != v })
}

func batchNorm(c *call) (*operand, error) {
	if err := floats(c.in...); err != nil {
		return nil, err
	}
	if c.flag("training_mode", false) || c.opset < 7 && !c.flag("is_test", false) {
		return nil, fmt.Errorf("training mode is not supported; export the model for inference")
	}
	if attribute(c, "spatial", int64(1)) != 1 {
		return nil, fmt.Errorf("statistics per position are not supported")
	}
	attribute(c, "momentum", float32(0)) // used only in training
	eps := attribute(c, "epsilon", float32(1e-5))
	return c.apply(Float32, func(n []*gorgonia.Node) (*gorgonia.Node, error) {
		return op.BatchNormInference(n[0], n[1], n[2], n[3], n[4], eps)
	}, c.in...)
}

func spaceToDepth(c *call) (*operand, error) {
	block := c.integer("blocksize", 0, 1)
	if err := floats(c.in[0]); err != nil {
		return nil, err
	}
	return c.apply(Float32, func(n []*gorgonia.Node) (*gorgonia.Node, error) { return op.SpaceToDepth(n[0], block) }, c.in[0])
}

func depthToSpace(c *call) (*operand, error) {
	block := c.integer("blocksize", 0, 1)
	mode := attribute(c, "mode", "DCR")
	if err := floats(c.in[0]); err != nil {
		return nil, err
	}
	if mode != "DCR" && mode != "CRD" {
		return nil, fmt.Errorf("unknown mode %q", mode)
	}
	return c.apply(Float32, func(n []*gorgonia.Node) (*gorgonia.Node, error) {
		return op.DepthToSpace(n[0], block, mode == "CRD")
	}, c.in[0])
}
