package network

import (
	"fmt"
	"slices"

	"enciphergan/internal/kernel"
)

// Definition describes a pair of generators and their discriminator.
type Definition struct {
	Profile string `json:"profile"` // "paper", "paper+stats" or "reversible"

	// Sizes of the reversible profile; zero in the others.
	Unshuffle int     `json:"unshuffle,omitempty"` // block of SpaceToDepth
	Couplings int     `json:"couplings,omitempty"` // affine couplings before the scrambler
	Hidden    int     `json:"hidden,omitempty"`    // channels inside a coupling's branch
	Kappa     float32 `json:"kappa,omitempty"`     // deviation of the normal distribution that erf maps to uniform levels
}

// Paper returns the published network: K. Panwar et al., "Encipher GAN", Systems
// 2023, 11(1):36. What the paper leaves open is fixed in docs/networks.md.
func Paper() Definition { return Definition{Profile: "paper"} }

// PaperStats returns the paper's network with two changes. The mean and deviation of each
// channel, which the instance norms of encryption remove, are carried (encrypted) to
// decryption; it restores them in the mirrored layer, where the paper has another instance norm.
// The decryption output is scaled by sixteen, so that pictures lie in the most linear part of
// tanh. Convolutions and their counts are the paper's.
func PaperStats() Definition { return Definition{Profile: "paper+stats"} }

// Reversible returns the default profile: normalised features, keyed permutation and
// mix, erf. Its decryption generator is the inverse of the encryption generator.
func Reversible() Definition {
	return Definition{Profile: "reversible", Unshuffle: 4, Couplings: 4, Hidden: 64, Kappa: 1}
}

// profile holds the properties that all networks of one profile share.
type profile struct {
	validate      func(d Definition) error
	tiling        func(d Definition) Tiling
	keyed         bool // key material enters the generators
	arithmetic    kernel.Arithmetic
	encryption    func(d Definition) []Layer
	decryption    func(d Definition) []Layer // nil: the encryption generator backwards
	discriminator []Layer
}

// profiles holds every profile by its name.
var profiles = map[string]profile{
	// The default: equal bits everywhere.
	"reversible": {
		validate:   Definition.validateSizes,
		tiling:     func(d Definition) Tiling { return Tiling{Stride: d.Unshuffle, Side: 256, MinSide: 16} },
		keyed:      true,
		arithmetic: kernel.Canonical,
		encryption: Definition.reversible,
		// Smaller than the paper's, since it is seldom better than chance.
		discriminator: patches([]int{3, 32, 64, 128, 256, 1}, []int{2, 2, 2, 1, 1}),
	},
	// Fused arithmetic, since products take most of the time. A picture is one tile, since
	// instance norms of single tiles would show as a mosaic.
	"paper": {
		validate:      Definition.validateNoSizes,
		tiling:        func(Definition) Tiling { return Tiling{Stride: 4, MinSide: 16, MaxPixels: 640 * 640} },
		arithmetic:    kernel.Fused,
		encryption:    func(Definition) []Layer { return paper() },
		decryption:    func(Definition) []Layer { return paper() },
		discriminator: paperDiscriminator(),
	},
	"paper+stats": {
		validate:   Definition.validateNoSizes,
		tiling:     func(Definition) Tiling { return Tiling{Stride: 4, Side: 256, MinSide: 16} },
		arithmetic: kernel.Fused,
		encryption: func(Definition) []Layer { return carrying(paper()) },
		decryption: func(Definition) []Layer {
			return append(restoring(paper()), Layer{Kind: Scaled, Factor: 16})
		},
		discriminator: paperDiscriminator(),
	},
}

// profile returns the profile of d, and for an unknown name the paper's. Validate reports an unknown name.
func (d Definition) profile() profile {
	if p, ok := profiles[d.Profile]; ok {
		return p
	}
	return profiles["paper"]
}

// Validate checks a definition from a file and bounds its sizes.
func (d Definition) Validate() error {
	p, ok := profiles[d.Profile]
	if !ok {
		return fmt.Errorf("unknown profile %q; the profiles are paper, paper+stats and reversible", d.Profile)
	}
	return p.validate(d)
}

func (d Definition) validateNoSizes() error {
	if d != (Definition{Profile: d.Profile}) {
		return fmt.Errorf("the profile %s has fixed sizes", d.Profile)
	}
	return nil
}

func (d Definition) validateSizes() error {
	if (d.Unshuffle != 2 && d.Unshuffle != 4 && d.Unshuffle != 8) || d.Couplings < 0 || d.Couplings > 32 || d.Hidden < 1 || d.Hidden > 512 {
		return fmt.Errorf("reversible profile with unshuffle %d (want 2, 4 or 8), %d couplings (0 to 32), %d hidden channels (1 to 512)", d.Unshuffle, d.Couplings, d.Hidden)
	}
	if !(d.Kappa >= 0.5 && d.Kappa <= 4) {
		return fmt.Errorf("kappa %g must be between 0.5 and 4", d.Kappa)
	}
	return nil
}

// Keyed reports whether key material enters the generators.
func (d Definition) Keyed() bool { return d.profile().keyed }

// Arithmetic returns the arithmetic that trains the generators, and that runs them where
// results need not be reproducible bit for bit.
func (d Definition) Arithmetic() kernel.Arithmetic { return d.profile().arithmetic }

// Channels returns the number of channels of the keyed layers.
func (d Definition) Channels() int { return 3 * d.Unshuffle * d.Unshuffle }

// KeyedLayers is the number of keyed permutations and of keyed mixes.
const KeyedLayers = 2

// Carried returns the number of channels of each carried norm, by its Index.
func (d Definition) Carried() []int {
	var list []int
	for _, l := range d.Encryption() {
		if l.Kind == CarriedNorm {
			list = append(list, l.Out)
		}
	}
	return list
}

// Tiling returns how pictures are cut for the profile.
func (d Definition) Tiling() Tiling { return d.profile().tiling(d) }

// CarriedEps is the eps of carried norms.
const CarriedEps = 1e-4

const (
	normEps    = 1e-5 // PyTorch's default, which descriptions of such networks usually assume
	carriedEps = CarriedEps
	leak       = 0.2
	clamp      = 1.5
)

func conv(name string, in, out, kernel, stride, pad int, bias bool) Layer {
	return Layer{Kind: Conv2D, Name: name, In: in, Out: out, Kernel: kernel, Stride: stride, Pad: pad, Bias: bias}
}

func norm() Layer  { return Layer{Kind: InstanceNorm, Eps: normEps} }
func relu() Layer  { return Layer{Kind: ReLU} }
func leaky() Layer { return Layer{Kind: LeakyReLU, Slope: leak} }

// Encryption returns the layers of the encryption generator, from pictures in
// [-1, 1] to cipher images in [-1, 1], both (N, 3, H, W).
func (d Definition) Encryption() []Layer { return d.profile().encryption(d) }

// Decryption returns the layers of the decryption generator and reports whether they run
// backwards (WalkBack, with the encryption's layers) or forwards.
func (d Definition) Decryption() (layers []Layer, backwards bool) {
	p := d.profile()
	if p.decryption == nil {
		return p.encryption(d), true
	}
	return p.decryption(d), false
}

// norms returns the positions of the instance norms in layers, and the number of channels of each.
func norms(layers []Layer) (at, channels []int) {
	c := 0
	for i, l := range layers {
		switch l.Kind {
		case Conv2D, ConvTranspose2D:
			c = l.Out
		case InstanceNorm:
			at, channels = append(at, i), append(channels, c)
		}
	}
	return at, channels
}

// carrying replaces the instance norms of layers by carried norms.
func carrying(layers []Layer) []Layer {
	at, channels := norms(layers)
	for i, position := range at {
		layers[position] = Layer{Kind: CarriedNorm, Name: fmt.Sprintf("carried%d", i), Index: i, Out: channels[i], Eps: carriedEps}
	}
	return layers
}

// restoring replaces each instance norm by the inverse of the carried norm in the
// mirrored layer of encryption.
func restoring(layers []Layer) []Layer {
	at, channels := norms(layers)
	for i, position := range at {
		layers[position] = Layer{Kind: Restored, Index: len(at) - 1 - i, Out: channels[i]}
	}
	return layers
}

// ResidualBlocks is the number of residual blocks of the paper's generators, ResidualName the prefix of the parameters of one.
const ResidualBlocks = 9

func ResidualName(i int) string { return fmt.Sprintf("residual%d", i) }

func paper() []Layer {
	layers := []Layer{
		{Kind: ReflectPad, Pad: 3}, conv("down0", 3, 32, 7, 1, 0, false), norm(), relu(),
		conv("down1", 32, 64, 3, 2, 1, false), norm(), relu(),
		conv("down2", 64, 128, 3, 2, 1, false), norm(), relu(),
	}
	for i := range ResidualBlocks {
		name := ResidualName(i)
		layers = append(layers, Layer{Kind: Residual, Name: name, Branch: []Layer{
			conv(name+".conv0", 128, 128, 3, 1, 1, false), {Kind: BatchNorm, Name: name + ".norm0", Out: 128, Eps: normEps}, relu(),
			conv(name+".conv1", 128, 128, 3, 1, 1, false), {Kind: BatchNorm, Name: name + ".norm1", Out: 128, Eps: normEps},
		}}, leaky())
	}
	up := func(name string, in, out int) []Layer {
		return []Layer{{Kind: ConvTranspose2D, Name: name, In: in, Out: out, Kernel: 3, Stride: 2, Pad: 1}, norm(), relu()}
	}
	layers = append(layers, up("up0", 128, 64)...)
	layers = append(layers, up("up1", 64, 32)...)
	return append(layers, Layer{Kind: ReflectPad, Pad: 3}, conv("out", 32, 3, 7, 1, 0, false), Layer{Kind: Tanh})
}

func (d Definition) reversible() []Layer {
	c := d.Channels()
	he := 1.4 // sqrt(2/(1+leak^2))
	branch := func(name string, out int, last float64) []Layer {
		layers := []Layer{conv(name+".conv0", c/2, d.Hidden, 3, 1, 1, true), leaky(), conv(name+".conv1", d.Hidden, d.Hidden, 1, 1, 0, true), leaky(), conv(name+".conv2", d.Hidden, out, 3, 1, 1, true)}
		layers[0].Gain, layers[2].Gain, layers[4].Gain = he, he, last
		return layers
	}
	layers := []Layer{{Kind: SpaceToDepth, Block: d.Unshuffle}, {Kind: Whitening, Name: "whitening", Out: c}}
	for i := range d.Couplings {
		name := fmt.Sprintf("coupling%d", i)
		layers = append(layers,
			Layer{Kind: Coupling, Name: name, Out: c, Clamp: clamp, Branch: branch(name, c, -1)},
			Layer{Kind: Rotation, Name: fmt.Sprintf("rotation%d", i), Out: c})
	}
	return append(layers,
		Layer{Kind: CarriedNorm, Name: "carried0", Out: c, Eps: carriedEps},
		Layer{Kind: KeyedPermutation, Index: 0, Out: c}, Layer{Kind: KeyedMix, Index: 0, Out: c},
		Layer{Kind: Coupling, Name: "scrambler", Out: c, Branch: branch("scrambler", c/2, 0.2)},
		Layer{Kind: KeyedPermutation, Index: 1, Out: c}, Layer{Kind: KeyedMix, Index: 1, Out: c},
		Layer{Kind: CarriedNorm, Name: "carried1", Index: 1, Out: c, Eps: carriedEps},
		// DepthToSpace comes before Uniform, so that decryption begins with the table of levels and only floats are rearranged.
		Layer{Kind: DepthToSpace, Block: d.Unshuffle},
		Layer{Kind: Uniform, Name: "uniform", Kappa: d.Kappa})
}

// Discriminator returns the layers that score a cipher image (N, 3, H, W) against
// the target cipher domain, one logit a patch. The sigmoid belongs to the loss.
func Discriminator(d Definition) []Layer { return slices.Clone(d.profile().discriminator) }

func paperDiscriminator() []Layer {
	return append(patches([]int{3, 64, 128, 256, 512, 1}, []int{2, 2, 2, 1, 1}), Layer{Kind: ChannelScale, Name: "linear", Out: 1})
}

func patches(channels, strides []int) []Layer {
	var layers []Layer
	for i, s := range strides {
		name := fmt.Sprintf("conv%d", i)
		layers = append(layers, conv(name, channels[i], channels[i+1], 4, s, 1, true))
		last := i == len(strides)-1
		if i > 0 && !last {
			layers = append(layers, norm(), Layer{Kind: ChannelAffine, Name: fmt.Sprintf("norm%d", i), Out: channels[i+1]})
		}
		if !last {
			layers = append(layers, leaky())
		}
	}
	return layers
}

// Parameters returns the parameters of layers in order.
func Parameters(layers []Layer) []Parameter {
	var list []Parameter
	for _, l := range layers {
		list = append(list, l.parameters()...)
	}
	return list
}
