// Package peer runs models in another implementation, for tests: onnxruntime,
// which npm installs under bench/peers.
//
// Main path: Find, Run, then MaxDifference against our own outputs.
package peer

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"enciphergan/internal/kernel"

	"gorgonia.org/tensor"
)

// ErrMissing says that onnxruntime is not installed, and how to install it.
var ErrMissing = errors.New("onnxruntime is not installed; run npm ci in bench/peers (needs Node.js 20 or later)")

// Onnxruntime is an installed onnxruntime-node.
type Onnxruntime struct{ node, dir string }

// Find looks for Node.js and for onnxruntime under bench/peers of the
// repository that the working directory is in. It returns ErrMissing when one is not there.
func Find() (*Onnxruntime, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, ErrMissing
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for {
		peers := filepath.Join(dir, "bench", "peers")
		if _, err := os.Stat(filepath.Join(peers, "node_modules", "onnxruntime-node")); err == nil {
			return &Onnxruntime{node, peers}, nil
		}
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil || dir == filepath.Dir(dir) {
			return nil, ErrMissing
		}
		dir = filepath.Dir(dir)
	}
}

// array is a tensor as bench/peers/run.mjs reads and writes it.
type array struct {
	Type string `json:"type"`
	Dims []int  `json:"dims"`
	Data string `json:"data"` // base64 of little-endian elements
}

// Run computes a model's outputs. Inputs are float32, int32 or int64; outputs
// of float16 come as float32.
func (o *Onnxruntime) Run(model []byte, inputs map[string]*tensor.Dense) (map[string]*tensor.Dense, error) {
	dir, err := os.MkdirTemp("", "encipher-peer")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	feeds := map[string]array{}
	for name, d := range inputs {
		kind := map[tensor.Dtype]string{tensor.Float32: "float32", tensor.Int32: "int32", tensor.Int64: "int64"}[d.Dtype()]
		raw, err := binary.Append(nil, binary.LittleEndian, d.Data())
		if err != nil || kind == "" {
			return nil, fmt.Errorf("input %q of %v: %w", name, d.Dtype(), err)
		}
		feeds[name] = array{kind, d.Shape(), base64.StdEncoding.EncodeToString(raw)}
	}
	text, err := json.Marshal(feeds)
	if err != nil {
		return nil, err
	}
	file, in, out := filepath.Join(dir, "model.onnx"), filepath.Join(dir, "in.json"), filepath.Join(dir, "out.json")
	if err := errors.Join(os.WriteFile(file, model, 0o600), os.WriteFile(in, text, 0o600)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, o.node, "run.mjs", file, in, out)
	run.Dir = o.dir
	if message, err := run.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("onnxruntime: %w: %s", err, strings.TrimSpace(string(message)))
	}
	if text, err = os.ReadFile(out); err != nil {
		return nil, err
	}
	var results map[string]array
	if err := json.Unmarshal(text, &results); err != nil {
		return nil, err
	}
	outputs := map[string]*tensor.Dense{}
	for name, a := range results {
		d, err := a.dense()
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", name, err)
		}
		outputs[name] = d
	}
	return outputs, nil
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

// MaxDifference is the largest absolute difference between two results, over
// all outputs, and the output where it is. Differences in names, shapes or
// types are errors, and so is a NaN on one side only.
func MaxDifference(a, b map[string]*tensor.Dense) (difference float64, output string, err error) {
	if len(a) != len(b) {
		return 0, "", fmt.Errorf("%d and %d outputs", len(a), len(b))
	}
	for name, x := range a {
		y, ok := b[name]
		if !ok || !x.Shape().Eq(y.Shape()) || x.Dtype() != y.Dtype() {
			return 0, name, fmt.Errorf("output %q differs in shape or type, or is missing", name)
		}
		p, q := float64s(x), float64s(y)
		for i := range p {
			d := math.Abs(p[i] - q[i])
			if p[i] == q[i] || math.IsNaN(p[i]) && math.IsNaN(q[i]) {
				d = 0
			}
			if math.IsNaN(d) {
				return 0, name, fmt.Errorf("output %q: element %d is %g and %g", name, i, p[i], q[i])
			}
			if d >= difference {
				difference, output = d, name
			}
		}
	}
	return difference, output, nil
}

func float64s(d *tensor.Dense) []float64 {
	out := make([]float64, 0, d.Shape().TotalSize())
	switch v := d.Data().(type) {
	case []float32:
		for _, x := range v {
			out = append(out, float64(x))
		}
	case []int32:
		for _, x := range v {
			out = append(out, float64(x))
		}
	case []int64:
		for _, x := range v {
			out = append(out, float64(x))
		}
	}
	return out
}
