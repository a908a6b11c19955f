package network

import (
	"fmt"
	"strings"
)

// Table describes a definition in Markdown: the layers of the generators and of
// the discriminator with their parameters and multiply-adds for a picture of
// 256 x 256. docs/networks.md is made of it.
func Table(d Definition) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### Encryption generator\n\n")
	writeTable(&b, d.Encryption())
	if _, backwards := d.Decryption(); backwards {
		b.WriteString("\nThe decryption generator runs the inverse of each layer, last to first, with its own weights.\n")
	} else if len(d.Carried()) > 0 {
		b.WriteString("\nThe decryption generator has the same layers and its own weights, but in the place of each carried norm the inverse of the\n" +
			"one in the mirrored layer of encryption: times its deviations plus its means.\n")
	} else {
		b.WriteString("\nThe decryption generator has the same layers and its own weights.\n")
	}
	fmt.Fprintf(&b, "\n### Discriminator\n\n")
	writeTable(&b, Discriminator(d))
	return b.String()
}

func writeTable(b *strings.Builder, layers []Layer) {
	b.WriteString("| layer | what it does | parameters | multiply-adds, millions |\n|---|---|---:|---:|\n")
	s := shape{3, 256, 256}
	var parameters, work int
	for _, l := range layers {
		p, w, text := describe(l, &s)
		parameters += p
		work += w
		fmt.Fprintf(b, "| %s | %s | %d | %.2f |\n", l.Kind, text, p, float64(w)/1e6)
	}
	fmt.Fprintf(b, "| all | | %d | %.2f |\n", parameters, float64(work)/1e6)
}

// Work counts the multiply-adds of the encryption generator for a picture of 256 x 256;
// decryption takes as many.
func (d Definition) Work() (work int) {
	s := shape{3, 256, 256}
	for _, l := range d.Encryption() {
		_, w, _ := describe(l, &s)
		work += w
	}
	return work
}

// shape is (C, H, W) on the way through the layers.
type shape struct{ c, h, w int }

// describe says what a layer does to a shape, which it updates, with the
// layer's parameters and multiply-adds.
func describe(l Layer, s *shape) (parameters, work int, text string) {
	for _, p := range l.parameters() {
		n := 1
		for _, d := range p.Shape {
			n *= d
		}
		parameters += n
	}
	positions := s.h * s.w
	switch l.Kind {
	case ReflectPad:
		s.h, s.w = s.h+2*l.Pad, s.w+2*l.Pad
		text = fmt.Sprintf("%d mirrored samples on each side", l.Pad)
	case Conv2D:
		s.h, s.w = (s.h+2*l.Pad-l.Kernel)/l.Stride+1, (s.w+2*l.Pad-l.Kernel)/l.Stride+1
		s.c = l.Out
		work = s.h * s.w * l.In * l.Out * l.Kernel * l.Kernel
		text = fmt.Sprintf("%d to %d channels, %dx%d, stride %d, zero padding %d, %s", l.In, l.Out, l.Kernel, l.Kernel, l.Stride, l.Pad, bias(l.Bias))
	case ConvTranspose2D:
		work = positions * l.In * l.Out * l.Kernel * l.Kernel
		s.c, s.h, s.w = l.Out, s.h*l.Stride, s.w*l.Stride
		text = fmt.Sprintf("%d to %d channels, %dx%d, stride %d, padding %d, output padding %d, no bias", l.In, l.Out, l.Kernel, l.Kernel, l.Stride, l.Pad, l.Stride-1)
	case InstanceNorm:
		text = fmt.Sprintf("each channel to mean 0, deviation 1; eps %g", l.Eps)
	case BatchNorm:
		text = fmt.Sprintf("affine, running statistics; eps %g", l.Eps)
	case LeakyReLU:
		text = fmt.Sprintf("slope %g", l.Slope)
	case Scaled:
		text = fmt.Sprintf("times %g", l.Factor)
	case Residual, Coupling:
		var steps []string
		inner := *s
		if l.Kind == Coupling {
			inner.c = l.Out / 2
		}
		for _, b := range l.Branch {
			_, w, t := describe(b, &inner)
			work += w
			steps = append(steps, strings.TrimSpace(string(b.Kind)+" "+t))
		}
		text = "plus its input: "
		if l.Kind == Coupling {
			text = "additive coupling, second half + t; t of the first half: "
			if l.Clamp > 0 {
				text = fmt.Sprintf("affine coupling, second half * exp(%g tanh(s/%g)) + t; (s, t) of the first half: ", l.Clamp, l.Clamp)
			}
		}
		text += strings.Join(steps, "; ")
	case ChannelScale:
		text = "one factor, the linear layer of the paper; its sigmoid belongs to the loss"
	case ChannelAffine:
		text = "scale and shift a channel"
	case SpaceToDepth:
		s.c, s.h, s.w = s.c*l.Block*l.Block, s.h/l.Block, s.w/l.Block
		text = fmt.Sprintf("blocks of %dx%d become channels, order (row, column, colour)", l.Block, l.Block)
	case DepthToSpace:
		s.c, s.h, s.w = s.c/(l.Block*l.Block), s.h*l.Block, s.w*l.Block
		text = fmt.Sprintf("back to blocks of %dx%d", l.Block, l.Block)
	case Whitening:
		work = positions * l.Out * l.Out
		text = "1x1 convolution with bias, starts as damped principal components of blocks"
	case Rotation:
		work = positions * l.Out * l.Out
		text = "fixed random orthogonal matrix"
	case CarriedNorm:
		text = fmt.Sprintf("each channel of a tile to mean 0, deviation 1 by statistics rounded to half precision, which are carried (encrypted) to decryption; eps %g", l.Eps)
	case Restored:
		text = fmt.Sprintf("each channel times deviation plus mean of the encryption generator's carried norm %d", l.Index)
	case KeyedPermutation:
		text = "each channel's positions permuted, from the key"
	case KeyedMix:
		work = positions * l.Out * l.Out
		text = "orthogonal matrix over channels, from the key"
	case Uniform:
		text = fmt.Sprintf("erf(x / (kappa sqrt 2)), kappa %g in training; decryption looks the 256 levels up in a calibrated table", l.Kappa)
	}
	return parameters, work, text
}

func bias(b bool) string {
	if b {
		return "bias"
	}
	return "no bias"
}
