// Package generator is our side of a benchmark: it runs one ONNX file repeatedly on
// fixed inputs. The native program and the wasm both use it.
//
// Main path: Load, which runs every input once, then Run.
package generator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"enciphergan/internal/kernel"
	"enciphergan/internal/onnx"
	"enciphergan/internal/onnx/peer"

	"gorgonia.org/tensor"
)

// Generator is a loaded file with the inputs of one tile or more.
type Generator struct {
	machines []*onnx.Machine // one for each worker
	tiles    []map[string]*tensor.Dense
}

// Load reads a file, to be run in an arithmetic, and the inputs of its tiles, as peer.Encode writes them,
// for a number of workers that share the tiles. It runs each tile once; the
// outputs come as peer.Encode writes them. Symbolic dimensions follow from the
// inputs' shapes, which are the same for all tiles.
func Load(file []byte, a kernel.Arithmetic, feeds [][]byte, workers int) (g *Generator, outputs [][]byte, err error) {
	g = &Generator{}
	for _, feed := range feeds {
		inputs, err := peer.Decode(feed)
		if err != nil {
			return nil, nil, fmt.Errorf("reading the inputs: %w", err)
		}
		g.tiles = append(g.tiles, inputs)
	}
	if len(g.tiles) == 0 {
		return nil, nil, errors.New("there are no inputs")
	}
	dims, err := dimensions(file, g.tiles[0])
	if err != nil {
		return nil, nil, err
	}
	for range min(workers, len(g.tiles)) {
		machine, err := onnx.Load(context.Background(), file, dims, onnx.DefaultLimits(), a)
		if err != nil {
			return nil, nil, err
		}
		g.machines = append(g.machines, machine)
	}
	outputs = make([][]byte, len(g.tiles))
	err = g.each(func(m *onnx.Machine, tile int) error {
		results, err := m.Run(context.Background(), g.tiles[tile])
		if err != nil {
			return err
		}
		outputs[tile], err = peer.Encode(results)
		return err
	})
	return g, outputs, err
}

func dimensions(file []byte, inputs map[string]*tensor.Dense) (map[string]int, error) {
	header, err := onnx.Scan(file, onnx.DefaultLimits())
	if err != nil {
		return nil, err
	}
	dims := map[string]int{}
	for _, v := range header.Inputs {
		d := inputs[v.Name]
		if d == nil || d.Dims() != len(v.Dims) {
			return nil, fmt.Errorf("the input %q is missing or does not have %d dimensions", v.Name, len(v.Dims))
		}
		for i, dim := range v.Dims {
			if dim.Parameter != "" {
				dims[dim.Parameter] = d.Shape()[i]
			}
		}
	}
	return dims, nil
}

// Run runs every tile once and returns the time it took.
func (g *Generator) Run() (time.Duration, error) {
	began := time.Now()
	err := g.each(func(m *onnx.Machine, tile int) error {
		_, err := m.Run(context.Background(), g.tiles[tile])
		return err
	})
	return time.Since(began), err
}

// each calls the function for every tile, distributed over the machines.
func (g *Generator) each(work func(m *onnx.Machine, tile int) error) error {
	queue := make(chan int, len(g.tiles))
	for tile := range g.tiles {
		queue <- tile
	}
	close(queue)
	failures := make([]error, len(g.machines))
	var workers sync.WaitGroup
	for i, m := range g.machines {
		workers.Go(func() {
			for tile := range queue {
				if err := work(m, tile); err != nil {
					failures[i] = fmt.Errorf("tile %d: %w", tile, err)
					return
				}
			}
		})
	}
	workers.Wait()
	return errors.Join(failures...)
}
