package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"enciphergan/internal/kernel"
	"enciphergan/internal/keyschedule"
	"enciphergan/internal/network"
	"enciphergan/internal/onnx/peer"
	"enciphergan/models"

	"gorgonia.org/tensor"
)

// Tolerances of outputs. Encryption rounds carried statistics to half precision,
// which may differ by one step of a value below 4. Other outputs differ by the order
// of float32 sums alone.
const (
	halfStep   = 4.0 / 1024
	sumsDiffer = 1e-3
)

// folder is for files built for measurements.
var folder = filepath.Join("build", "bench")

// job is the work of both sides of a row: a generator on tiles, or training steps.
type job struct {
	training   bool
	file       []byte            // a generator in ONNX, or a trainingStart
	arithmetic kernel.Arithmetic // of our side
	feeds      [][]byte          // inputs of each tile, or of the first step, as encoded by peer.Encode
	units      int               // divisor of times: 1, or the crops of a run
	warmUp     int               // turns that are not measured; 0 if a run warms up itself
	tolerance  float64           // of outputs, absolute
}

type jobs struct {
	encrypt, decrypt job // default network, one tile
	tiles            job // default network, a picture of 16 tiles
	paper            job
	training         job
}

const (
	tileSide  = 256
	warmTurns = 4 // until both sides' buffers and threads have settled
)

func makeJobs(ctx context.Context) (j jobs, err error) {
	files, err := models.Files(models.Default)
	if err != nil {
		return j, err
	}
	if j.encrypt, j.decrypt, err = modelJobs(ctx, files, 1); err != nil {
		return j, fmt.Errorf("default network: %w", err)
	}
	if j.tiles, _, err = modelJobs(ctx, files, 16); err != nil {
		return j, fmt.Errorf("default network: %w", err)
	}
	if files, err = paperFiles(); err != nil {
		return j, fmt.Errorf("paper network: %w", err)
	}
	if j.paper, _, err = modelJobs(ctx, files, 1); err != nil {
		return j, fmt.Errorf("paper network: %w", err)
	}
	j.paper.tolerance = sumsDiffer
	j.paper.arithmetic = kernel.Fused
	if j.training, err = trainingJob(ctx); err != nil {
		return j, fmt.Errorf("training: %w", err)
	}
	return j, nil
}

// paperFiles exports the paper's network with random weights. It also writes it to
// the build folder, for `encipher bench -model`.
func paperFiles() (network.Files, error) {
	d, r := network.Paper(), rand.New(rand.NewPCG(1, 2))
	layers, _ := d.Decryption()
	encryption, err := network.NewWeights(d.Encryption(), r)
	if err != nil {
		return network.Files{}, err
	}
	decryption, err := network.NewWeights(layers, r)
	if err != nil {
		return network.Files{}, err
	}
	files, err := network.NewFiles(d, network.Card{Name: "paper, random weights"}, encryption, decryption)
	if err != nil {
		return files, err
	}
	dir := filepath.Join(folder, "paper")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return files, err
	}
	for _, f := range files.List() {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o644); err != nil {
			return files, err
		}
	}
	return files, nil
}

// modelJobs returns jobs for a number of tiles, each with a seed of its own. The
// inputs of decryption are the outputs of our encryption.
func modelJobs(ctx context.Context, files network.Files, tiles int) (encrypt, decrypt job, err error) {
	m, err := network.Load(files)
	if err != nil {
		return encrypt, decrypt, err
	}
	encrypt, decrypt = job{file: files.Encryption, units: 1, warmUp: warmTurns, tolerance: halfStep}, job{file: files.Decryption, units: 1, warmUp: warmTurns, tolerance: sumsDiffer}
	s := m.NewSession(kernel.Canonical)
	add := func(to *job, in map[string]*tensor.Dense, err error) error {
		if err != nil {
			return err
		}
		feed, err := peer.Encode(in)
		to.feeds = append(to.feeds, feed)
		return err
	}
	for tile := range tiles {
		seed, rgb := keyschedule.Seed{byte(tile)}, scene(uint64(tile))
		in, err := s.EncryptionInputs(rgb, tileSide, tileSide, seed)
		if err := add(&encrypt, in, err); err != nil {
			return encrypt, decrypt, err
		}
		c, err := s.Encrypt(ctx, rgb, tileSide, tileSide, seed)
		if err != nil {
			return encrypt, decrypt, err
		}
		in, err = s.DecryptionInputs(c, seed)
		if err := add(&decrypt, in, err); err != nil {
			return encrypt, decrypt, err
		}
	}
	return encrypt, decrypt, nil
}

// scene returns a tile of waves with some noise, 8-bit interleaved RGB.
func scene(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 3))
	rgb := make([]byte, 0, 3*tileSide*tileSide)
	for y := range tileSide {
		for x := range tileSide {
			for c := range 3 {
				wave := math.Sin(float64(x*(c+1)+y)/29 + float64(seed))
				rgb = append(rgb, byte(128+90*wave+8*r.NormFloat64()))
			}
		}
	}
	return rgb
}
