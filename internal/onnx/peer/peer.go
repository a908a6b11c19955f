// Package peer runs models with onnxruntime, for tests. npm installs it under bench/peers.
//
// Find returns the installed onnxruntime, Run and RunAll run models, and MaxDifference compares
// their outputs with ours.
package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"gorgonia.org/tensor"
)

// ErrMissing is returned when Node.js or onnxruntime is not installed.
var ErrMissing = errors.New("onnxruntime is not installed; run npm ci in bench/peers (needs Node.js 20 or later)")

// Onnxruntime is an installed onnxruntime-node.
type Onnxruntime struct{ node, dir string }

// Find returns the onnxruntime installed under bench/peers of the repository that contains the
// working directory. It returns ErrMissing if Node.js or onnxruntime is not installed.
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

// Case is a model with its inputs, which are float32, int32 or int64.
type Case struct {
	Model  []byte
	Inputs map[string]*tensor.Dense
}

// Result holds the outputs of a case, float16 as float32, or the error of onnxruntime.
type Result struct {
	Outputs map[string]*tensor.Dense
	Err     error
}

// Run computes a model's outputs.
func (o *Onnxruntime) Run(model []byte, inputs map[string]*tensor.Dense) (map[string]*tensor.Dense, error) {
	results, err := o.RunAll([]Case{{model, inputs}})
	if err != nil {
		return nil, err
	}
	return results[0].Outputs, results[0].Err
}

// RunAll computes the outputs of several models, one after another in one process. It returns
// one result for each case, or an error.
func (o *Onnxruntime) RunAll(cases []Case) ([]Result, error) {
	var lines, message bytes.Buffer
	text := json.NewEncoder(&lines)
	for _, c := range cases {
		inputs, err := Encode(c.Inputs)
		if err != nil {
			return nil, err
		}
		if err := text.Encode(map[string]any{"model": c.Model, "inputs": string(inputs)}); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, o.node, "run.mjs")
	run.Dir, run.Stdin, run.Stderr = o.dir, &lines, &message
	answer, err := run.Output()
	if err != nil {
		return nil, fmt.Errorf("onnxruntime: %w: %s", err, bytes.TrimSpace(message.Bytes()))
	}
	var results []Result
	for line := range bytes.Lines(answer) {
		var r struct{ Outputs, Error string }
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, fmt.Errorf("onnxruntime: %w", err)
		}
		if r.Error != "" {
			results = append(results, Result{Err: fmt.Errorf("onnxruntime: %s", r.Error)})
			continue
		}
		outputs, err := Decode([]byte(r.Outputs))
		if err != nil {
			return nil, err
		}
		results = append(results, Result{Outputs: outputs})
	}
	if len(results) != len(cases) {
		return nil, fmt.Errorf("onnxruntime: %d results of %d models", len(results), len(cases))
	}
	return results, nil
}

// MaxDifference returns the largest absolute difference over all outputs of two results, and
// the output where it occurs. It returns an error for different names, shapes or types and for
// a NaN in only one of the results.
func MaxDifference(a, b map[string]*tensor.Dense) (difference float64, output string, err error) {
	if len(a) != len(b) {
		return 0, "", fmt.Errorf("%d and %d outputs", len(a), len(b))
	}
	for name, x := range a {
		y, ok := b[name]
		if !ok || !slices.Equal(x.Shape(), y.Shape()) || x.Dtype() != y.Dtype() {
			return 0, name, fmt.Errorf("output %q differs in shape or type, or is missing", name)
		}
		p, q := Numbers(x), Numbers(y)
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

// Numbers returns the elements of a tensor of float32, int32 or int64, which may have no dimensions.
func Numbers(d *tensor.Dense) []float64 {
	switch v := d.Data().(type) {
	case []float32:
		return numbers(v)
	case []int32:
		return numbers(v)
	case []int64:
		return numbers(v)
	case float32:
		return []float64{float64(v)}
	case int32:
		return []float64{float64(v)}
	case int64:
		return []float64{float64(v)}
	}
	panic(fmt.Sprintf("peer: elements of %v", d.Dtype()))
}

func numbers[T float32 | int32 | int64](list []T) []float64 {
	out := make([]float64, len(list))
	for i, v := range list {
		out[i] = float64(v)
	}
	return out
}
