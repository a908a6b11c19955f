package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"enciphergan/internal/keyschedule"
	"enciphergan/internal/network"
	"enciphergan/internal/onnx/peer"
	"enciphergan/internal/training"
	"enciphergan/internal/training/dataset"
	"enciphergan/internal/training/journal"

	"gorgonia.org/tensor"
)

// trainingStart is the file of the training job: a run of the default network from its
// start. Weights, first batch and tile seed are the job's feed.
type trainingStart struct {
	Config        training.Config
	Generators    []network.Layer // of encryption; decryption runs them backwards
	Discriminator []network.Layer
	Trainable     []string // names of the generators' trained weights
}

const (
	trainingSteps = 16 // of one run
	// The losses of a first step may differ because a level is rounded in the other direction.
	lossesDiffer = 0.02
)

func trainingJob(ctx context.Context) (job, error) {
	c, err := training.Defaults("reversible")
	if err != nil {
		return job{}, err
	}
	c.Steps, c.FineTune, c.ValidateEvery = trainingSteps, 0, trainingSteps
	dir, err := os.MkdirTemp("", "encipher-bench-")
	if err != nil {
		return job{}, err
	}
	defer os.RemoveAll(dir)
	r, err := begin(dir, c)
	if err != nil {
		return job{}, err
	}
	s, err := r.FirstStep(ctx)
	if err != nil {
		return job{}, err
	}
	d := c.Definition
	file := trainingStart{Config: c, Generators: d.Encryption(), Discriminator: network.Discriminator(d)}
	shape := tensor.WithShape(c.Batch, 3, c.Crop, c.Crop)
	feed := map[string]*tensor.Dense{
		"plain":  tensor.New(shape, tensor.WithBacking(s.Batch.Plain)),
		"target": tensor.New(shape, tensor.WithBacking(s.Batch.Target)),
	}
	for prefix, w := range map[string]*network.Weights{"generators/": s.Encryption, "discriminator/": s.Discriminator} {
		for _, p := range w.Parameters {
			feed[prefix+p.Name] = w.Get(p.Name)
			if p.Trainable && w == s.Encryption {
				file.Trainable = append(file.Trainable, p.Name)
			}
		}
	}
	channels, positions := d.Channels(), c.Crop/d.Unshuffle*(c.Crop/d.Unshuffle)
	m, err := keyschedule.New(channels, positions, network.KeyedLayers, network.KeyedLayers)
	if err != nil {
		return job{}, err
	}
	m.Derive(s.Seed)
	for i := range network.KeyedLayers {
		feed[fmt.Sprintf("permutation%d", i)] = tensor.New(tensor.WithShape(channels, positions), tensor.WithBacking(m.Permutations[i]))
		feed[fmt.Sprintf("mix%d", i)] = tensor.New(tensor.WithShape(channels, channels), tensor.WithBacking(m.Mixes[i]))
	}
	j := job{units: trainingSteps * c.Batch, tolerance: lossesDiffer, training: true, feeds: make([][]byte, 1)}
	if j.file, err = json.Marshal(file); err != nil {
		return job{}, err
	}
	j.feeds[0], err = peer.Encode(feed)
	return j, err
}

// begin prepares a run on synthetic pictures.
func begin(dir string, c training.Config) (*training.Run, error) {
	photo := func(i uint64) []dataset.Photo {
		return []dataset.Photo{{Name: fmt.Sprint(i), Width: tileSide, Height: tileSide, RGB: scene(i)}}
	}
	split := dataset.Split{Training: append(photo(0), photo(1)...), Validation: photo(2), Test: photo(3)}
	return training.Begin(dir, c, split, dataset.Target{}, training.Silent{})
}

// trainer is our side of the training row.
type trainer struct{ config training.Config }

// newTrainer reads a trainingStart, takes one step and returns its losses, encoded by peer.Encode.
func newTrainer(file []byte) (*trainer, [][]byte, error) {
	var s trainingStart
	if err := json.Unmarshal(file, &s); err != nil {
		return nil, nil, err
	}
	one := s.Config
	one.Steps, one.ValidateEvery = 1, 1
	entry, err := train(one)
	if err != nil {
		return nil, nil, err
	}
	losses := map[string]*tensor.Dense{}
	for name, v := range entry.Losses {
		losses[name] = tensor.New(tensor.WithShape(1), tensor.WithBacking([]float32{float32(v)}))
	}
	text, err := peer.Encode(losses)
	return &trainer{s.Config}, [][]byte{text}, err
}

// Run takes all steps from the start and returns their time in the journal.
func (t *trainer) Run() (time.Duration, error) {
	entry, err := train(t.config)
	return time.Duration(entry.Seconds * float64(time.Second)), err
}

// train runs a training in a temporary folder and returns the last line of its journal.
func train(c training.Config) (journal.Entry, error) {
	var last journal.Entry
	dir, err := os.MkdirTemp("", "encipher-bench-")
	if err != nil {
		return last, err
	}
	defer os.RemoveAll(dir)
	r, err := begin(dir, c)
	if err != nil {
		return last, err
	}
	if err := r.Train(context.Background()); err != nil {
		return last, err
	}
	f, err := os.Open(filepath.Join(dir, "journal.jsonl"))
	if err != nil {
		return last, err
	}
	defer f.Close()
	entries, err := journal.Read(f)
	if err != nil {
		return last, err
	}
	return entries[len(entries)-1], nil
}

func startPyTorch(ctx context.Context, threads int) (side, error) {
	python := ""
	// Another Python on the path may not find the modules of Debian's packages.
	for _, candidate := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(ctx, candidate, "-c", "import torch").Run() == nil {
			python = candidate
			break
		}
	}
	if python == "" {
		return nil, &missingPeer{"PyTorch is not installed (Debian: python3-torch)"}
	}
	c := exec.CommandContext(ctx, python, "train.py", fmt.Sprint(threads))
	c.Dir = peersFolder
	return startProcess(c)
}
