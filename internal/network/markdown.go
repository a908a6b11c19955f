package network

import (
	"fmt"
	"slices"
	"strings"
)

// Markdown returns the text of docs/networks.md for a definition: the layers of the generators and
// the discriminator, with parameters and multiply-adds for a picture of 256 x 256.
func Markdown(d Definition) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### Encryption generator\n\n")
	writeTable(&b, d.Encryption())
	if _, backwards := d.Decryption(); backwards {
		b.WriteString("\nThe decryption generator runs the inverse of each layer, last to first, with its own weights.\n")
	} else if len(d.Carried()) > 0 {
		b.WriteString("\nThe decryption generator has the same layers and its own weights. Each carried norm is replaced by the inverse of the one in the\n" +
			"mirrored layer of the encryption generator: each channel is multiplied by its deviation, and its mean is added.\n")
	} else {
		b.WriteString("\nThe decryption generator has the same layers and its own weights.\n")
	}
	fmt.Fprintf(&b, "\n### Discriminator\n\n")
	writeTable(&b, Discriminator(d))
	return b.String()
}

// writeTable writes a row for each layer. A sequence of layers that repeats is written once, with its count.
func writeTable(b *strings.Builder, layers []Layer) {
	b.WriteString("| layer | what it does | parameters | multiply-adds, millions |\n|---|---|---:|---:|\n")
	s := shape{3, 256, 256}
	var rows []string // each after the kind of its layer
	var parameters, work int
	for _, l := range layers {
		p, w := l.cost(&s)
		parameters += p
		work += w
		rows = append(rows, fmt.Sprintf("| %s | %d | %.2f |\n", l.describe(), p, float64(w)/1e6))
	}
	for i := 0; i < len(rows); {
		period, count := repetition(layers[i:], rows[i:])
		for j := range period {
			times := ""
			if count > 1 {
				times = fmt.Sprintf(" x%d", count)
			}
			fmt.Fprintf(b, "| %s%s %s", layers[i+j].Kind, times, rows[i+j])
		}
		i += period * count
	}
	fmt.Fprintf(b, "| all | | %d | %.2f |\n", parameters, float64(work)/1e6)
}

// repetition returns how many rows at the start repeat, and how often: 1 row once, if none do.
func repetition(layers []Layer, rows []string) (period, count int) {
	for period = 1; period <= len(rows)/2; period++ {
		same := func(i int) bool {
			return i+period <= len(rows) && slices.Equal(rows[i:i+period], rows[:period]) &&
				slices.EqualFunc(layers[i:i+period], layers[:period], func(a, b Layer) bool { return a.Kind == b.Kind })
		}
		for count = 1; same(period * count); {
			count++
		}
		if count > 1 {
			return period, count
		}
	}
	return 1, 1
}

// describe returns what a layer does, in Markdown.
func (l Layer) describe() string {
	switch l.Kind {
	case ReflectPad:
		return fmt.Sprintf("adds %d mirrored samples on each side", l.Pad)
	case Conv2D:
		return fmt.Sprintf("%d to %d channels, %dx%d, stride %d, zero padding %d, %s", l.In, l.Out, l.Kernel, l.Kernel, l.Stride, l.Pad, bias(l.Bias))
	case ConvTranspose2D:
		return fmt.Sprintf("%d to %d channels, %dx%d, stride %d, padding %d, output padding %d, no bias", l.In, l.Out, l.Kernel, l.Kernel, l.Stride, l.Pad, l.Stride-1)
	case InstanceNorm:
		return fmt.Sprintf("normalises each channel to mean 0 and deviation 1; eps %g", l.Eps)
	case BatchNorm:
		return fmt.Sprintf("affine, with running statistics; eps %g", l.Eps)
	case LeakyReLU:
		return fmt.Sprintf("slope %g", l.Slope)
	case Scaled:
		return fmt.Sprintf("multiplies by %g", l.Factor)
	case Residual, Coupling:
		var steps []string
		for _, b := range l.Branch {
			steps = append(steps, strings.TrimSpace(string(b.Kind)+" "+b.describe()))
		}
		text := "adds its input to the output of: "
		if l.Kind == Coupling {
			text = "additive: second half + t, where t is computed from the first half by: "
			if l.Clamp > 0 {
				text = fmt.Sprintf("affine: second half * exp(%g tanh(s/%g)) + t, where (s, t) is computed from the first half by: ", l.Clamp, l.Clamp)
			}
		}
		return text + strings.Join(steps, "; ")
	case ChannelScale:
		return "multiplies by one factor: the paper's linear layer; its sigmoid is part of the loss"
	case ChannelAffine:
		return "scales and shifts each channel"
	case SpaceToDepth:
		return fmt.Sprintf("moves blocks of %dx%d to channels, in the order (row, column, colour)", l.Block, l.Block)
	case DepthToSpace:
		return fmt.Sprintf("moves channels back to blocks of %dx%d", l.Block, l.Block)
	case Whitening:
		return "1x1 convolution with bias, initialised to the damped principal components of blocks"
	case Rotation:
		return "multiplies the channels by a fixed random orthogonal matrix"
	case CarriedNorm:
		return fmt.Sprintf("normalises each channel of a tile to mean 0 and deviation 1, by statistics that are rounded to half precision and carried to decryption; eps %g", l.Eps)
	case Restored:
		return fmt.Sprintf("multiplies each channel by the deviation, and adds the mean, of the encryption generator's carried norm %d", l.Index)
	case KeyedPermutation:
		return "permutes the positions of each channel, by the key"
	case KeyedMix:
		return "multiplies the channels by an orthogonal matrix from the key"
	case Uniform:
		return fmt.Sprintf("erf(x / (kappa sqrt 2)), kappa %g in training; decryption looks up the 256 levels in a calibrated table", l.Kappa)
	}
	return ""
}

func bias(b bool) string {
	if b {
		return "bias"
	}
	return "no bias"
}
