package network

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"enciphergan/internal/kernel"
	"enciphergan/internal/keyschedule"
	"enciphergan/internal/onnx"

	"gorgonia.org/tensor"
)

// Session runs a model's generators. It caches their graphs by tile shape.
// It is not safe for concurrent use.
type Session struct {
	model      *Model
	arithmetic kernel.Arithmetic
	// graphs is ordered by use, the most recent last.
	graphs []cachedGraph
	keyed  keyedLayers
}

// keyedLayers holds the material of the last tile. Its memory is reused for each tile,
// and decrypting a tile directly after its encryption does not derive it again.
type keyedLayers struct {
	seed       keyschedule.Seed
	positions  int                   // 0 before the first tile
	encryption *keyschedule.Material // derived from seed
	decryption *keyschedule.Material // the inverse of encryption, valid only after a call for decryption
}

type cachedGraph struct {
	generator     string
	height, width int
	graph         *onnx.Machine
}

// cachedPixels limits the total pixels of the tiles of all cached graphs: enough for
// both generators at a full tile. A graph takes about 400 bytes a pixel, and callers
// process a picture one tile shape at a time.
const cachedPixels = 2 * 256 * 256

// NewSession returns a session whose convolutions run in the given arithmetic.
// The results of a session in Fused are not reproducible bit for bit.
func (m *Model) NewSession(a kernel.Arithmetic) *Session { return &Session{model: m, arithmetic: a} }

// Cipher is the output of the encryption generator for one tile, quantised to 8 bits.
type Cipher struct {
	Height, Width int
	Levels        []byte // (H, W, 3) interleaved
	Statistics    []byte // carried statistics, Model.StatisticsBytes long
}

// check returns an error unless the sides of a tile are multiples of the stride and at least
// the minimum, its pixels are within the model's limit and it has 3 samples a pixel.
func (s *Session) check(height, width, samples int) error {
	t := s.model.Tiling()
	if height < t.MinSide || width < t.MinSide || height%t.Stride != 0 || width%t.Stride != 0 {
		return fmt.Errorf("a tile of %d x %d pixels does not fit the model: sides must be multiples of %d and at least %d", width, height, t.Stride, t.MinSide)
	}
	maxPixels := t.MaxPixels
	if t.Side > 0 {
		maxPixels = 4 * t.Side * t.Side // the last tile of a row or column may include a remainder that is too small for a tile
	}
	if height > maxPixels/width {
		return fmt.Errorf("a tile of %d x %d pixels exceeds the model's maximum of %d pixels", width, height, maxPixels)
	}
	if samples != 3*height*width {
		return fmt.Errorf("a tile of %d x %d pixels has %d samples instead of %d", width, height, samples, 3*height*width)
	}
	return nil
}

func (s *Session) graph(ctx context.Context, generator string, height, width int) (*onnx.Machine, error) {
	for i, g := range s.graphs {
		if g.generator == generator && g.height == height && g.width == width {
			s.graphs = append(append(s.graphs[:i:i], s.graphs[i+1:]...), g)
			return g.graph, nil
		}
	}
	pixels := height * width
	for _, g := range s.graphs {
		pixels += g.height * g.width
	}
	for len(s.graphs) > 1 && pixels > cachedPixels { // retain one, for the other generator
		pixels -= s.graphs[0].height * s.graphs[0].width
		s.graphs = slices.Delete(s.graphs, 0, 1)
	}
	g, err := s.load(ctx, generator, height, width)
	if err != nil {
		return nil, err
	}
	s.graphs = append(s.graphs, cachedGraph{generator, height, width, g})
	return g, nil
}

// load makes the graph of a generator for one tile shape.
func (s *Session) load(ctx context.Context, generator string, height, width int) (*onnx.Machine, error) {
	data := s.model.files.Encryption
	if generator == decryptionFile {
		data = s.model.files.Decryption
	}
	g, err := onnx.Load(ctx, data, s.model.Dims(height, width), s.model.limits(height, width), s.arithmetic)
	if err != nil {
		return nil, fmt.Errorf("%s for tiles of %d x %d: %w", generator, width, height, err)
	}
	return g, nil
}

// Dims returns the symbolic dimensions of the generators for a tile.
func (m *Model) Dims(height, width int) map[string]int {
	dims := map[string]int{"H": height, "W": width}
	if d := m.card.Definition; d.Keyed() {
		dims["P"] = height / d.Unshuffle * (width / d.Unshuffle)
	}
	return dims
}

// keyedInputs adds the key material of a tile to in, or its inverse if back is set. The material
// is valid until the next tile.
func (s *Session) keyedInputs(in map[string]*tensor.Dense, seed keyschedule.Seed, height, width int, back bool) error {
	d := s.model.card.Definition
	if !d.Keyed() {
		return nil
	}
	c, p, k := d.Channels(), height/d.Unshuffle*(width/d.Unshuffle), &s.keyed
	if k.positions != p {
		forward, err := keyschedule.New(c, p, KeyedLayers, KeyedLayers)
		if err != nil {
			return err
		}
		inverse, err := keyschedule.New(c, p, KeyedLayers, KeyedLayers)
		if err != nil {
			return err
		}
		forward.Derive(seed)
		*k = keyedLayers{seed, p, forward, inverse}
	} else if k.seed != seed {
		k.encryption.Derive(seed)
		k.seed = seed
	}
	m := k.encryption
	if back {
		m = k.decryption
		m.Invert(k.encryption)
	}
	for i := range KeyedLayers {
		in[valuePermutation(i)] = tensor.New(tensor.WithShape(1, c, p), tensor.WithBacking(m.Permutations[i]))
		in[valueMix(i)] = tensor.New(tensor.WithShape(c, c, 1, 1), tensor.WithBacking(m.Mixes[i]))
	}
	return nil
}

// EncryptionInputs returns the inputs of the encryption generator for one tile,
// with the key material, which is valid until the session's next tile. rgb is as for Encrypt.
func (s *Session) EncryptionInputs(rgb []byte, height, width int, seed keyschedule.Seed) (map[string]*tensor.Dense, error) {
	if err := s.check(height, width, len(rgb)); err != nil {
		return nil, err
	}
	x := make([]float32, len(rgb))
	planes(rgb, height*width, func(plane, interleaved int) { x[plane] = kernel.SymmetricValue(rgb[interleaved]) })
	in := map[string]*tensor.Dense{valuePicture: tensor.New(tensor.WithShape(1, 3, height, width), tensor.WithBacking(x))}
	return in, s.keyedInputs(in, seed, height, width, false)
}

// Encrypt runs the encryption generator on one tile. rgb is (H, W, 3)
// interleaved, 8 bits a sample. The profiles paper and paper+stats do not use the seed.
func (s *Session) Encrypt(ctx context.Context, rgb []byte, height, width int, seed keyschedule.Seed) (Cipher, error) {
	in, err := s.EncryptionInputs(rgb, height, width, seed)
	if err != nil {
		return Cipher{}, err
	}
	out, err := s.run(ctx, encryptionFile, in, height, width)
	if err != nil {
		return Cipher{}, err
	}
	levels := make([]byte, len(rgb))
	s.quantizer()(levels, out[valueCipher].Data().([]float32))
	c := Cipher{Height: height, Width: width, Levels: make([]byte, len(rgb))}
	planes(rgb, height*width, func(plane, interleaved int) { c.Levels[interleaved] = levels[plane] })
	for _, name := range carriedValues(s.model.card.Definition) {
		for _, v := range out[name].Data().([]float32) {
			c.Statistics = binary.LittleEndian.AppendUint16(c.Statistics, kernel.HalfBits(v))
		}
	}
	return c, nil
}

func (s *Session) quantizer() func([]byte, []float32) {
	if s.model.card.Definition.Keyed() {
		return kernel.QuantizeUniform
	}
	return kernel.QuantizeSymmetric
}

// Decrypt runs the decryption generator; the result is (H, W, 3) interleaved, 8 bits a sample.
func (s *Session) Decrypt(ctx context.Context, c Cipher, seed keyschedule.Seed) ([]byte, error) {
	in, err := s.DecryptionInputs(c, seed)
	if err != nil {
		return nil, err
	}
	out, err := s.run(ctx, decryptionFile, in, c.Height, c.Width)
	if err != nil {
		return nil, err
	}
	samples := make([]byte, len(c.Levels))
	kernel.QuantizeSymmetric(samples, out[valuePicture].Data().([]float32))
	rgb := make([]byte, len(samples))
	planes(rgb, c.Height*c.Width, func(plane, interleaved int) { rgb[interleaved] = samples[plane] })
	return rgb, nil
}

// DecryptionInputs returns the inputs of the decryption generator for one tile, with the key material, which is
// valid until the session's next tile.
func (s *Session) DecryptionInputs(c Cipher, seed keyschedule.Seed) (map[string]*tensor.Dense, error) {
	if err := s.check(c.Height, c.Width, len(c.Levels)); err != nil {
		return nil, err
	}
	if len(c.Statistics) != s.model.StatisticsBytes() {
		return nil, fmt.Errorf("a tile has %d bytes of statistics, this model needs %d", len(c.Statistics), s.model.StatisticsBytes())
	}
	shape := tensor.WithShape(1, 3, c.Height, c.Width)
	in := map[string]*tensor.Dense{}
	if d := s.model.card.Definition; d.Keyed() {
		levels := make([]int32, len(c.Levels))
		planes(c.Levels, c.Height*c.Width, func(plane, interleaved int) { levels[plane] = int32(c.Levels[interleaved]) })
		in[valueLevels] = tensor.New(shape, tensor.WithBacking(levels))
	} else {
		x := make([]float32, len(c.Levels))
		planes(c.Levels, c.Height*c.Width, func(plane, interleaved int) { x[plane] = kernel.SymmetricValue(c.Levels[interleaved]) })
		in[valueCipher] = tensor.New(shape, tensor.WithBacking(x))
	}
	rest := c.Statistics
	for i, name := range carriedValues(s.model.card.Definition) {
		v := make([]float32, s.model.carried[i/2]) // means, then deviations of each norm
		for j := range v {
			v[j] = kernel.HalfValue(binary.LittleEndian.Uint16(rest[2*j:]))
		}
		rest = rest[2*len(v):]
		in[name] = tensor.New(tensor.WithShape(1, len(v), 1, 1), tensor.WithBacking(v))
	}
	return in, s.keyedInputs(in, seed, c.Height, c.Width, true)
}

func (s *Session) run(ctx context.Context, generator string, in map[string]*tensor.Dense, height, width int) (map[string]*tensor.Dense, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	g, err := s.graph(ctx, generator, height, width)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out, err := g.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	// The scan of the file checked only the names; outputs of a hostile model may have any shape and type.
	wants := map[string]int{valueCipher: 3 * height * width, valuePicture: 3 * height * width}
	for i, name := range carriedValues(s.model.card.Definition) {
		wants[name] = s.model.carried[i/2]
	}
	for name, t := range out {
		want := wants[name]
		if data, ok := t.Data().([]float32); !ok || len(data) != want {
			return nil, fmt.Errorf("%s returns %q of shape %v and type %v, want %d values of float32", generator, name, t.Shape(), t.Dtype(), want)
		}
	}
	return out, nil
}

// planes calls f with the index of every sample in (3, P) and in (P, 3).
func planes(rgb []byte, positions int, f func(plane, interleaved int)) {
	for c := range 3 {
		for i := range positions {
			f(c*positions+i, 3*i+c)
		}
	}
}
