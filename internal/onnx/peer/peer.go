// Package peer runs models in another implementation, for tests: onnxruntime,
// which npm installs under bench/peers.
//
// Main path: Find, Run, then MaxDifference against our own outputs.
package peer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

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

// Run computes a model's outputs. Inputs are float32, int32 or int64; outputs
// of float16 come as float32.
func (o *Onnxruntime) Run(model []byte, inputs map[string]*tensor.Dense) (map[string]*tensor.Dense, error) {
	dir, err := os.MkdirTemp("", "encipher-peer")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	text, err := Encode(inputs)
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
	return Decode(text)
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
		if !ok || !slices.Equal(x.Shape(), y.Shape()) || x.Dtype() != y.Dtype() {
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
