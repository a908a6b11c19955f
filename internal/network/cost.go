package network

// Work returns the multiply-adds of the encryption generator for a picture of 256 x 256;
// the decryption generator takes the same number.
func (d Definition) Work() (work int) {
	s := shape{3, 256, 256}
	for _, l := range d.Encryption() {
		_, w := l.cost(&s)
		work += w
	}
	return work
}

// shape is the shape (C, H, W) of a tensor between layers.
type shape struct{ c, h, w int }

// cost returns the parameters and multiply-adds of a layer for an input of shape s, and sets
// s to the shape of the output.
func (l Layer) cost(s *shape) (parameters, work int) {
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
	case Conv2D:
		*s = shape{l.Out, (s.h+2*l.Pad-l.Kernel)/l.Stride + 1, (s.w+2*l.Pad-l.Kernel)/l.Stride + 1}
		work = s.h * s.w * l.In * l.Out * l.Kernel * l.Kernel
	case ConvTranspose2D:
		work = positions * l.In * l.Out * l.Kernel * l.Kernel
		*s = shape{l.Out, s.h * l.Stride, s.w * l.Stride}
	case Residual, Coupling:
		inner := *s
		if l.Kind == Coupling {
			inner.c = l.Out / 2
		}
		for _, b := range l.Branch {
			_, w := b.cost(&inner)
			work += w
		}
	case SpaceToDepth:
		*s = shape{s.c * l.Block * l.Block, s.h / l.Block, s.w / l.Block}
	case DepthToSpace:
		*s = shape{s.c / (l.Block * l.Block), s.h * l.Block, s.w * l.Block}
	case Whitening, Rotation, KeyedMix:
		work = positions * l.Out * l.Out
	}
	return parameters, work
}
