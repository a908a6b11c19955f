package peer

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"enciphergan/internal/kernel"

	"gorgonia.org/tensor"
)

// array is a tensor in the JSON of bench/peers/tensors.mjs.
type array struct {
	Type string `json:"type"`
	Dims []int  `json:"dims"`
	Data string `json:"data"` // base64 of little-endian elements
}

// Encode returns named tensors of float32, int32 or int64 as JSON for a peer.
func Encode(tensors map[string]*tensor.Dense) ([]byte, error) {
	arrays := map[string]array{}
	for name, d := range tensors {
		kind := map[tensor.Dtype]string{tensor.Float32: "float32", tensor.Int32: "int32", tensor.Int64: "int64"}[d.Dtype()]
		raw, err := binary.Append(nil, binary.LittleEndian, d.Data())
		if err != nil || kind == "" {
			return nil, fmt.Errorf("tensor %q of %v: %w", name, d.Dtype(), err)
		}
		arrays[name] = array{kind, d.Shape(), base64.StdEncoding.EncodeToString(raw)}
	}
	return json.Marshal(arrays)
}

// Decode parses a peer's named tensors. It returns float16 as float32.
func Decode(text []byte) (map[string]*tensor.Dense, error) {
	var arrays map[string]array
	if err := json.Unmarshal(text, &arrays); err != nil {
		return nil, err
	}
	tensors := map[string]*tensor.Dense{}
	for name, a := range arrays {
		d, err := a.dense()
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		tensors[name] = d
	}
	return tensors, nil
}

func (a array) dense() (*tensor.Dense, error) {
	raw, err := base64.StdEncoding.DecodeString(a.Data)
	if err != nil {
		return nil, err
	}
	n := tensor.Shape(a.Dims).TotalSize()
	var backing any
	switch a.Type {
	case "float32":
		backing = make([]float32, n)
	case "int32":
		backing = make([]int32, n)
	case "int64":
		backing = make([]int64, n)
	case "float16":
		backing = make([]uint16, n)
	default:
		return nil, fmt.Errorf("elements of %s", a.Type)
	}
	if read, err := binary.Decode(raw, binary.LittleEndian, backing); err != nil || read != len(raw) {
		return nil, fmt.Errorf("%d bytes for shape %v of %s: %v", len(raw), a.Dims, a.Type, err)
	}
	if bits, half := backing.([]uint16); half {
		values := make([]float32, n)
		for i, b := range bits {
			values[i] = kernel.HalfValue(b)
		}
		backing = values
	}
	return tensor.New(tensor.WithShape(a.Dims...), tensor.WithBacking(backing)), nil
}
