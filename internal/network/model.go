package network

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"enciphergan/internal/digest"
	"enciphergan/internal/kernel"
	"enciphergan/internal/onnx"
)

// Tiling describes how a picture is cut for a model.
type Tiling struct {
	Stride    int // height and width of a tile are multiples of it
	Side      int // side of a full tile, about 256; 0: the picture is one tile
	MinSide   int // smallest height and width of a tile; smaller pictures are padded up to it
	MaxPixels int // largest picture in pixels (after padding) that the model accepts; 0: no limit of its own
}

// Model is a pair of trained generators. It is safe for concurrent use.
type Model struct {
	files       Files
	card        Card
	fingerprint [32]byte
	carried     []int // channels of each carried norm
	statistics  int   // bytes

	mu     sync.Mutex
	memory map[[2]int]int64 // results of TileMemory, by height and width
}

// Load decodes a model. Hostile files cause an error, never a panic: both
// generators must pass the bounded scan and have the inputs and outputs of their
// definition.
func Load(f Files) (*Model, error) {
	card, err := parseCard(f.Card)
	if err != nil {
		return nil, err
	}
	for _, part := range []struct {
		name, want string
		data       []byte
		signature  func(Definition) (inputs, outputs []string)
	}{{encryptionFile, card.Encryption, f.Encryption, encryptionSignature}, {decryptionFile, card.Decryption, f.Decryption, decryptionSignature}} {
		if got := checksum(part.data); got != part.want {
			return nil, fmt.Errorf("%s has SHA-256 %.16s..., its card declares %.16s...: the file is damaged or belongs to another model; fetch the model again", part.name, got, part.want)
		}
		h, err := onnx.Scan(part.data, onnx.DefaultLimits())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		var d Definition
		if err := json.Unmarshal([]byte(h.Metadata[definitionKey]), &d); err != nil || d != card.Definition {
			return nil, fmt.Errorf("%s is not a generator of the card's profile, %s", part.name, card.Definition.Profile)
		}
		inputs, outputs := part.signature(d)
		if !sameNames(h.Inputs, inputs) || !sameNames(h.Outputs, outputs) {
			return nil, fmt.Errorf("%s does not have the inputs %v and outputs %v of its profile", part.name, inputs, outputs)
		}
	}
	m := &Model{files: f, card: card, carried: card.Definition.Carried()}
	for _, c := range m.carried {
		m.statistics += 2 * 2 * c
	}
	parts := [][]byte{[]byte("encipher model 1")}
	for _, data := range [][]byte{f.Encryption, f.Decryption} {
		parts = append(parts, binary.LittleEndian.AppendUint64(nil, uint64(len(data))), data)
	}
	m.fingerprint = digest.SHA256(parts...)
	return m, nil
}

func keyedInputs(d Definition) []string {
	var list []string
	if !d.Keyed() {
		return nil
	}
	for i := range KeyedLayers {
		list = append(list, valuePermutation(i), valueMix(i))
	}
	return list
}

func carriedValues(d Definition) []string {
	var list []string
	for i := range d.Carried() {
		list = append(list, valueMeans(i), valueDeviations(i))
	}
	return list
}

func encryptionSignature(d Definition) (inputs, outputs []string) {
	return append(keyedInputs(d), valuePicture), append(carriedValues(d), valueCipher)
}

func decryptionSignature(d Definition) (inputs, outputs []string) {
	cipher := valueCipher
	if d.Keyed() {
		cipher = valueLevels
	}
	return append(append(keyedInputs(d), carriedValues(d)...), cipher), []string{valuePicture}
}

func sameNames(have []onnx.ValueInfo, want []string) bool {
	var list []string
	for _, v := range have {
		list = append(list, v.Name)
	}
	want = slices.Clone(want)
	slices.Sort(list)
	slices.Sort(want)
	return slices.Equal(list, want)
}

// Name returns the name on the model card.
func (m *Model) Name() string { return m.card.Name }

// Card returns the model card.
func (m *Model) Card() Card { return m.card }

// Fingerprint returns the SHA-256 of the bytes of both generators, each preceded by its length.
func (m *Model) Fingerprint() [32]byte { return m.fingerprint }

// Arithmetic returns the arithmetic for work whose results need not be reproducible bit for bit.
func (m *Model) Arithmetic() kernel.Arithmetic { return m.card.Definition.Arithmetic() }

// Tiling returns how to cut pictures for this model.
func (m *Model) Tiling() Tiling { return m.card.Definition.Tiling() }

// TileMemory returns the bytes of a session that has encrypted and decrypted a tile in
// canonical arithmetic. For a model beyond its limits it returns the error that a session returns.
func (m *Model) TileMemory(height, width int) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	shape := [2]int{height, width}
	if bytes, known := m.memory[shape]; known {
		return bytes, nil
	}
	s := m.NewSession(kernel.Canonical)
	if err := s.check(height, width, 3*height*width); err != nil {
		return 0, err
	}
	var bytes int64
	for _, generator := range []string{encryptionFile, decryptionFile} {
		g, err := s.load(context.Background(), generator, height, width)
		if err != nil {
			return 0, err
		}
		bytes += g.Memory
	}
	if m.memory == nil || len(m.memory) >= 1<<10 {
		m.memory = map[[2]int]int64{}
	}
	m.memory[shape] = bytes
	return bytes, nil
}

// StatisticsBytes returns the number of bytes of carried statistics of one tile (0
// for the profile paper): for each carried norm the means, then the deviations, in
// half precision, little-endian.
func (m *Model) StatisticsBytes() int {
	return m.statistics
}
