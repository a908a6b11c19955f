// Package checkpoint writes and reads the state of a training run.
//
// A checkpoint file is, in this order:
//
//	8 bytes   magic
//	4 bytes   version, little endian
//	4 bytes   length of the header, little endian
//	header    JSON: config, step, and name and shape of each tensor
//	data      the tensors' float32 values, little endian, in the header's order
//	32 bytes  SHA-256 of everything before
//
// The only version is 1. A change of meaning needs a new version.
package checkpoint

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"enciphergan/internal/atomicfile"
)

const (
	magic   = "ENCTRAIN"
	version = 1

	maxBytes       = 1 << 30
	maxHeaderBytes = 16 << 20
	maxTensors     = 100_000
	maxRank        = 8
)

// ErrInvalid is returned for a file from which no run can resume.
var ErrInvalid = errors.New("not a usable checkpoint")

// Hint tells the user how to go on after ErrInvalid.
const Hint = "put a copy of it back to use -resume, or begin a new run in another folder"

// Tensor is one tensor of a checkpoint. The product of Shape is len(Data).
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// Checkpoint is the state of a run between two steps.
type Checkpoint struct {
	Config  json.RawMessage // settings of the run
	Step    int             // completed steps
	Tensors []Tensor        // names are unique
}

type header struct {
	Config  json.RawMessage `json:"config"`
	Step    int             `json:"step"`
	Tensors []tensorHeader  `json:"tensors"`
}

type tensorHeader struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"`
}

// Values returns the values of the named tensor, which must have the given length.
func (c Checkpoint) Values(name string, length int) ([]float32, error) {
	for _, t := range c.Tensors {
		if t.Name == name {
			if len(t.Data) != length {
				return nil, fmt.Errorf("%w: %s has %d values, this model has %d; %s", ErrInvalid, name, len(t.Data), length, Hint)
			}
			return t.Data, nil
		}
	}
	return nil, fmt.Errorf("%w: it has no tensor %s; %s", ErrInvalid, name, Hint)
}

// Save replaces the file at path by the checkpoint in one step.
func Save(path string, c Checkpoint) error {
	encoded, err := c.encode()
	if err != nil {
		return fmt.Errorf("saving %s: %w", path, err)
	}
	if err := atomicfile.Write(path, encoded, 0o666); err != nil {
		return fmt.Errorf("saving the checkpoint: %w", err)
	}
	return nil
}

// Load reads and verifies a checkpoint. Errors in its content wrap ErrInvalid.
func Load(path string) (Checkpoint, error) {
	file, err := os.Open(path)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("loading the checkpoint: %w", err)
	}
	defer file.Close()
	encoded, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("loading the checkpoint: %w", err)
	}
	c, err := decode(encoded)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%s: %w; %s", path, err, Hint)
	}
	return c, nil
}

func (c Checkpoint) encode() ([]byte, error) {
	h := header{Config: c.Config, Step: c.Step, Tensors: make([]tensorHeader, len(c.Tensors))}
	if len(h.Config) == 0 {
		h.Config = json.RawMessage("null")
	}
	length := 0
	for i, t := range c.Tensors {
		h.Tensors[i] = tensorHeader{t.Name, t.Shape}
		length += 4 * len(t.Data)
	}
	counts, err := h.counts()
	if err != nil {
		return nil, err
	}
	for i, t := range c.Tensors {
		if counts[i] != len(t.Data) {
			return nil, fmt.Errorf("tensor %s of shape %v has %d values", t.Name, t.Shape, len(t.Data))
		}
	}
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if len(text) > maxHeaderBytes || length > maxBytes-maxHeaderBytes-1024 {
		return nil, fmt.Errorf("%d bytes of header and %d of tensors are too many", len(text), length)
	}
	out := make([]byte, 0, len(magic)+8+len(text)+length+sha256.Size)
	out = append(out, magic...)
	out = binary.LittleEndian.AppendUint32(out, version)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(text)))
	out = append(out, text...)
	for _, t := range c.Tensors {
		for _, v := range t.Data {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
		}
	}
	sum := sha256.Sum256(out)
	return append(out, sum[:]...), nil
}

func decode(encoded []byte) (Checkpoint, error) {
	const fixed = len(magic) + 8
	bad := func(format string, arguments ...any) (Checkpoint, error) {
		return Checkpoint{}, fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, arguments...)...)
	}
	switch {
	case len(encoded) > maxBytes:
		return bad("larger than %d MiB", maxBytes>>20)
	case len(encoded) < len(magic) || string(encoded[:len(magic)]) != magic:
		return bad("it does not begin with %q", magic)
	case len(encoded) < fixed+sha256.Size:
		return bad("cut off")
	}
	if v := binary.LittleEndian.Uint32(encoded[len(magic):]); v != version {
		return bad("version %d, this program reads version %d", v, version)
	}
	body, sum := encoded[:len(encoded)-sha256.Size], encoded[len(encoded)-sha256.Size:]
	if computed := sha256.Sum256(body); subtle.ConstantTimeCompare(computed[:], sum) != 1 {
		return bad("cut off or changed, its checksum differs")
	}
	length := binary.LittleEndian.Uint32(body[len(magic)+4:])
	if length > maxHeaderBytes || int(length) > len(body)-fixed {
		return bad("its header claims %d bytes", length)
	}
	var h header
	if err := json.Unmarshal(body[fixed:fixed+int(length)], &h); err != nil {
		return bad("header: %v", err)
	}
	counts, err := h.counts()
	if err != nil {
		return bad("%v", err)
	}
	data := body[fixed+int(length):]
	total := 0
	for _, n := range counts {
		if total += n; total > len(data)/4 {
			break
		}
	}
	if 4*total != len(data) {
		return bad("its tensors do not fill its %d bytes of data", len(data))
	}
	c := Checkpoint{Config: h.Config, Step: h.Step, Tensors: make([]Tensor, len(counts))}
	for i, n := range counts {
		values := make([]float32, n)
		for j := range values {
			values[j] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*j:]))
		}
		data = data[4*n:]
		c.Tensors[i] = Tensor{h.Tensors[i].Name, h.Tensors[i].Shape, values}
	}
	return c, nil
}

// counts checks the header and returns the number of values of each tensor.
func (h header) counts() ([]int, error) {
	if h.Step < 0 {
		return nil, fmt.Errorf("step %d is negative", h.Step)
	}
	if len(h.Tensors) > maxTensors {
		return nil, fmt.Errorf("%d tensors are too many", len(h.Tensors))
	}
	counts := make([]int, len(h.Tensors))
	names := map[string]bool{}
	for i, t := range h.Tensors {
		if t.Name == "" || names[t.Name] {
			return nil, fmt.Errorf("tensor name %q is empty or not unique", t.Name)
		}
		names[t.Name] = true
		if len(t.Shape) > maxRank {
			return nil, fmt.Errorf("tensor %s has rank %d", t.Name, len(t.Shape))
		}
		counts[i] = 1
		for _, side := range t.Shape {
			if side < 1 || side > maxBytes/4/counts[i] {
				return nil, fmt.Errorf("tensor %s has the impossible shape %v", t.Name, t.Shape)
			}
			counts[i] *= side
		}
	}
	return counts, nil
}
