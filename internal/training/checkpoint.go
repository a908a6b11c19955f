package training

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

// A checkpoint file is, in this order:
//
//	8 bytes   magic
//	4 bytes   version, little endian
//	4 bytes   length of the header, little endian
//	header    JSON: config, step, and name and shape of each tensor
//	data      the tensors' float32 values, little endian, in the header's order
//	32 bytes  SHA-256 of everything before
//
// Version 1 is the only one so far; a change of meaning needs a new one.
const (
	checkpointMagic   = "ENCTRAIN"
	checkpointVersion = 1

	maxCheckpointBytes = 1 << 30
	maxHeaderBytes     = 16 << 20
	maxTensors         = 100_000
	maxRank            = 8
)

// ErrCheckpoint is the error of a file that cannot be resumed from.
var ErrCheckpoint = errors.New("not a usable checkpoint")

const newCheckpoint = "put a copy of it back to use -resume, or begin a new run in another folder"

// NamedTensor is one tensor of a checkpoint. The product of Shape is len(Data).
type NamedTensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// Checkpoint is the state of a run between two steps.
type Checkpoint struct {
	Config  json.RawMessage // how the run was begun; the run's own affair
	Step    int             // steps done
	Tensors []NamedTensor   // names are unique
}

type checkpointHeader struct {
	Config  json.RawMessage `json:"config"`
	Step    int             `json:"step"`
	Tensors []tensorHeader  `json:"tensors"`
}

type tensorHeader struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"`
}

// Tensor returns the values of the tensor with a name, which must be of the
// given length.
func (c Checkpoint) Tensor(name string, length int) ([]float32, error) {
	for _, t := range c.Tensors {
		if t.Name == name {
			if len(t.Data) != length {
				return nil, fmt.Errorf("%w: %s has %d values, this model needs %d; %s", ErrCheckpoint, name, len(t.Data), length, newCheckpoint)
			}
			return t.Data, nil
		}
	}
	return nil, fmt.Errorf("%w: it holds no %s; %s", ErrCheckpoint, name, newCheckpoint)
}

// Save writes a checkpoint. The file at path is the old one or the new one,
// whole, at any moment.
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

// Load reads a checkpoint and verifies it before any of it is used. Errors of
// its content wrap ErrCheckpoint.
func Load(path string) (Checkpoint, error) {
	file, err := os.Open(path)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("loading the checkpoint: %w", err)
	}
	defer file.Close()
	encoded, err := io.ReadAll(io.LimitReader(file, maxCheckpointBytes+1))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("loading the checkpoint: %w", err)
	}
	c, err := decodeCheckpoint(encoded)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%s: %w; %s", path, err, newCheckpoint)
	}
	return c, nil
}

func (c Checkpoint) encode() ([]byte, error) {
	header := checkpointHeader{Config: c.Config, Step: c.Step, Tensors: make([]tensorHeader, len(c.Tensors))}
	if len(header.Config) == 0 {
		header.Config = json.RawMessage("null")
	}
	length := 0
	for i, t := range c.Tensors {
		header.Tensors[i] = tensorHeader{t.Name, t.Shape}
		length += 4 * len(t.Data)
	}
	counts, err := header.counts()
	if err != nil {
		return nil, err
	}
	for i, t := range c.Tensors {
		if counts[i] != len(t.Data) {
			return nil, fmt.Errorf("tensor %s of shape %v has %d values", t.Name, t.Shape, len(t.Data))
		}
	}
	text, err := json.Marshal(header)
	if err != nil {
		return nil, err
	}
	if len(text) > maxHeaderBytes || length > maxCheckpointBytes-maxHeaderBytes-1024 {
		return nil, fmt.Errorf("%d bytes of header and %d of tensors are too many", len(text), length)
	}
	out := make([]byte, 0, len(checkpointMagic)+8+len(text)+length+sha256.Size)
	out = append(out, checkpointMagic...)
	out = binary.LittleEndian.AppendUint32(out, checkpointVersion)
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

func decodeCheckpoint(encoded []byte) (Checkpoint, error) {
	const fixed = len(checkpointMagic) + 8
	bad := func(format string, arguments ...any) (Checkpoint, error) {
		return Checkpoint{}, fmt.Errorf("%w: "+format, append([]any{ErrCheckpoint}, arguments...)...)
	}
	switch {
	case len(encoded) > maxCheckpointBytes:
		return bad("larger than %d MiB", maxCheckpointBytes>>20)
	case len(encoded) < len(checkpointMagic) || string(encoded[:len(checkpointMagic)]) != checkpointMagic:
		return bad("it does not begin with %q", checkpointMagic)
	case len(encoded) < fixed+sha256.Size:
		return bad("cut off")
	}
	if version := binary.LittleEndian.Uint32(encoded[len(checkpointMagic):]); version != checkpointVersion {
		return bad("version %d, this program reads version %d", version, checkpointVersion)
	}
	body, sum := encoded[:len(encoded)-sha256.Size], encoded[len(encoded)-sha256.Size:]
	if computed := sha256.Sum256(body); subtle.ConstantTimeCompare(computed[:], sum) != 1 {
		return bad("cut off or changed, its checksum differs")
	}
	length := binary.LittleEndian.Uint32(body[len(checkpointMagic)+4:])
	if length > maxHeaderBytes || int(length) > len(body)-fixed {
		return bad("its header claims %d bytes", length)
	}
	var header checkpointHeader
	if err := json.Unmarshal(body[fixed:fixed+int(length)], &header); err != nil {
		return bad("header: %v", err)
	}
	counts, err := header.counts()
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
	c := Checkpoint{Config: header.Config, Step: header.Step, Tensors: make([]NamedTensor, len(counts))}
	for i, n := range counts {
		values := make([]float32, n)
		for j := range values {
			values[j] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*j:]))
		}
		data = data[4*n:]
		c.Tensors[i] = NamedTensor{header.Tensors[i].Name, header.Tensors[i].Shape, values}
	}
	return c, nil
}

// counts checks a header and returns the number of values of each tensor.
func (h checkpointHeader) counts() ([]int, error) {
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
			return nil, fmt.Errorf("tensor name %q is empty or stands twice", t.Name)
		}
		names[t.Name] = true
		if len(t.Shape) > maxRank {
			return nil, fmt.Errorf("tensor %s has rank %d", t.Name, len(t.Shape))
		}
		counts[i] = 1
		for _, side := range t.Shape {
			if side < 1 || side > maxCheckpointBytes/4/counts[i] {
				return nil, fmt.Errorf("tensor %s has the impossible shape %v", t.Name, t.Shape)
			}
			counts[i] *= side
		}
	}
	return counts, nil
}
