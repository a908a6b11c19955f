package op

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// ConvTranspose2D returns the transposed convolution of x (N, M, H, W) with w (M, C, KH, KW),
// which is ONNX's ConvTranspose with group 1. It is the input gradient of a Conv2D with
// window a and input (N, C, outH, outW), where
// out = stride*(in-1) + outputPadding + dilation*(kernel-1) + 1 - pads.
// bias (C) may be nil.
func ConvTranspose2D(x, w, bias *gorgonia.Node, a Window, outputPadding [2]int) (*gorgonia.Node, error) {
	xs, ws := x.Shape(), w.Shape()
	if xs.Dims() != 4 || ws.Dims() != 4 || xs[1] != ws[0] {
		return nil, fmt.Errorf("ConvTranspose2D: want input (N, M, H, W) and weights (M, C, KH, KW), not %v and %v", xs, ws)
	}
	out := tensor.Shape{xs[0], ws[1], 0, 0}
	for i := range 2 {
		for _, v := range []int{xs[2+i], a.Stride[i], a.Dilation[i], ws[2+i], outputPadding[i] + 1} {
			if v < 1 || v > 1<<15 {
				return nil, fmt.Errorf("ConvTranspose2D: a size, stride, dilation or padding of %d is out of range", v)
			}
		}
		out[2+i] = a.Stride[i]*(xs[2+i]-1) + outputPadding[i] + a.Dilation[i]*(ws[2+i]-1) + 1 - a.Pad[i] - a.Pad[2+i]
		if outputPadding[i] >= max(a.Stride[i], a.Dilation[i]) {
			return nil, fmt.Errorf("ConvTranspose2D: output padding %v must be smaller than stride %v or dilation %v", outputPadding, a.Stride, a.Dilation)
		}
		if out[2+i] < 1 {
			return nil, fmt.Errorf("ConvTranspose2D: %v with weights %v and %+v leaves no output", xs, ws, a)
		}
	}
	c, err := a.conv(out, ws)
	if err != nil {
		return nil, fmt.Errorf("ConvTranspose2D: %w", err)
	}
	if c.OutH() != xs[2] || c.OutW() != xs[3] {
		// Output padding of a stride or more, which the dilation permits: the convolution of the output
		// would take more steps than x has positions.
		return nil, fmt.Errorf("ConvTranspose2D: output padding %v must be smaller than stride %v", outputPadding, a.Stride)
	}
	y, err := convGradInput(x, w, out, a)
	if err != nil || bias == nil {
		return y, err
	}
	return ChannelBias(y, bias)
}
