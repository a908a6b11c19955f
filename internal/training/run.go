// Package training trains the generators of a model on photos.
//
// Main path: Begin or Resume opens a Run in a folder, Run.Train takes its steps,
// Run.Finish measures the generators and writes the model directory. An Observer
// receives the progress; this package draws nothing.
//
// Every batch, tile seed and learning rate follows from the run's seed and the
// number of the step, so a checkpoint holds weights, moments and a number, and a
// resumed run has the same bits as an uninterrupted one.
package training

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"enciphergan/internal/evaluation"
	"enciphergan/internal/kernel"
	"enciphergan/internal/keyschedule"
	"enciphergan/internal/network"
	"enciphergan/internal/training/checkpoint"
	"enciphergan/internal/training/dataset"
	"enciphergan/internal/training/journal"
	"enciphergan/internal/training/optimiser"
)

var (
	// ErrDiverged is returned when a loss is not a number, or the generators no
	// longer recover pictures.
	ErrDiverged = errors.New("the training diverged")
	// ErrInterrupted is returned by a run that was cancelled, after its checkpoint is written.
	ErrInterrupted = errors.New("interrupted")
	// ErrRunExists is returned by Begin for a folder that already contains a run.
	ErrRunExists = errors.New("it already contains a run")
	// ErrOtherData is returned by Resume for pictures that the run did not begin with.
	ErrOtherData = errors.New("not those that the run began with")
)

// Observer receives the progress of a run.
type Observer interface {
	// Step is called after each step.
	Step(step int, losses map[string]float64)
	// Validated is called after a line is added to the journal.
	Validated(entry journal.Entry)
	// Message reports an event of the run.
	Message(text string)
	// Note reports what may surprise the user.
	Note(text string)
}

// Silent is an Observer that discards everything.
type Silent struct{}

func (Silent) Step(int, map[string]float64) {}
func (Silent) Validated(journal.Entry)      {}
func (Silent) Message(string)               {}
func (Silent) Note(string)                  {}

// weights holds the networks of a run. Until fine-tuning, a profile whose
// generators mirror each other has one set for both.
type weights struct {
	encryption, decryption, discriminator *network.Weights
}

// Run is a training run in a folder.
type Run struct {
	Config     Config
	folder     string
	data       dataset.Split
	target     dataset.Target
	observer   Observer
	weights    weights
	optimisers []namedOptimiser
	pool       cropPool
	step       int
	seconds    float64
	best       best
	validation []dataset.Tile
}

// namedOptimiser is an optimiser with the prefix of its tensors in a checkpoint.
type namedOptimiser struct {
	prefix string
	adam   *optimiser.Adam
}

// best is the validation with the highest PSNR so far.
type best struct {
	psnr float64
	step int
}

const (
	checkpointName = "checkpoint.encipher"
	bestName       = "best.encipher" // the checkpoint of the best validation
)

// Exists reports whether the folder contains a run that Resume may continue.
func Exists(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, checkpointName))
	return err == nil
}

// Begin prepares a new run. It creates the folder, which must not contain a checkpoint.
func Begin(folder string, c Config, data dataset.Split, target dataset.Target, o Observer) (*Run, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if Exists(folder) {
		return nil, fmt.Errorf("%s: %w: continue it with -resume, or choose another folder", folder, ErrRunExists)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("creating the run's folder: %w", err)
	}
	c.Backend = Backend()
	r, err := newRun(folder, c, data, target, o)
	if err != nil {
		return nil, err
	}
	return r, r.setStart()
}

// setStart sets the weights to the run's start, which follows from the settings
// and the photos for training.
func (r *Run) setStart() error {
	c := r.Config
	if c.Init == InitRandom {
		randomStart(c.Definition, r.weights.encryption, dataset.Stream(c.Seed, 0, "random"))
		return nil
	}
	crops, err := firstBatch(context.Background(), r.data.Training, dataset.BatchOptions{Seed: c.Seed ^ 0xa5a5, Size: 64, Crop: c.Crop, Scale: true})
	if err != nil {
		return err
	}
	if err := analyticStart(c.Definition, r.weights.encryption, r.weights.decryption, crops.Plain, c.Crop, dataset.Stream(c.Seed, 0, "analysis")); err != nil {
		return fmt.Errorf("computing the analytic start: %w", err)
	}
	return nil
}

// firstBatch returns the batch of step 0.
func firstBatch(ctx context.Context, photos []dataset.Photo, o dataset.BatchOptions) (dataset.Batch, error) {
	batches, err := dataset.NewBatches(photos, 0, o)
	if err != nil {
		return dataset.Batch{}, err
	}
	defer batches.Close()
	return batches.Next(ctx)
}

// newRun returns a run with random weights.
func newRun(folder string, c Config, data dataset.Split, target dataset.Target, o Observer) (*Run, error) {
	const maxValidationTiles = 16
	r := &Run{Config: c, folder: folder, data: data, target: target, observer: o,
		validation: dataset.Tiles(data.Validation, evaluation.TileSide, maxValidationTiles),
		pool:       cropPool{max: c.Pool, size: 3 * c.Crop * c.Crop}}
	d := c.Definition
	var err error
	if r.weights.encryption, err = network.NewWeights(d.Encryption(), dataset.Stream(c.Seed, 0, "encryption")); err != nil {
		return nil, err
	}
	layers, backwards := d.Decryption()
	r.weights.decryption = r.weights.encryption
	if !backwards {
		if r.weights.decryption, err = network.NewWeights(layers, dataset.Stream(c.Seed, 0, "decryption")); err != nil {
			return nil, err
		}
	}
	r.weights.discriminator, err = network.NewWeights(network.Discriminator(d), dataset.Stream(c.Seed, 0, "discriminator"))
	return r, err
}

// Resume continues the run in a folder. The photos and the target cipher images
// must be those that it began with.
func Resume(folder string, data dataset.Split, target dataset.Target, o Observer) (*Run, error) {
	state, c, err := load(folder)
	if err != nil {
		return nil, err
	}
	if data.Fingerprint() != c.Data {
		return nil, fmt.Errorf("%s: the photos are %w: give the same folder, unchanged, or begin a new run in another folder", folder, ErrOtherData)
	}
	if target.Fingerprint() != c.TargetData {
		return nil, fmt.Errorf("%s: the target cipher images are %w: give the same -target, unchanged, or begin a new run in another folder", folder, ErrOtherData)
	}
	if now := Backend(); c.Backend != "" && c.Backend != now {
		o.Note(fmt.Sprintf("the run began with the arithmetic %s and continues with %s: its result will be of the same quality, but its bits will differ from those of an uninterrupted run", c.Backend, now))
	}
	r, err := newRun(folder, c, data, target, o)
	if err != nil {
		return nil, err
	}
	return r, r.restore(state)
}

// ReadConfig returns the settings of the run in a folder and its completed steps.
func ReadConfig(folder string) (c Config, step int, err error) {
	state, c, err := load(folder)
	return c, state.Step, err
}

// load reads the checkpoint of a run and checks its settings.
func load(folder string) (checkpoint.Checkpoint, Config, error) {
	path := filepath.Join(folder, checkpointName)
	state, err := checkpoint.Load(path)
	if err != nil {
		return state, Config{}, err
	}
	var c Config
	if err = json.Unmarshal(state.Config, &c); err == nil {
		err = c.Validate()
	}
	if err != nil {
		return state, c, fmt.Errorf("%s: %w: its settings: %v; %s", path, checkpoint.ErrInvalid, err, checkpoint.Hint)
	}
	return state, c, nil
}

// state returns the run as a checkpoint.
func (r *Run) state() (checkpoint.Checkpoint, error) {
	config, err := json.Marshal(r.Config)
	if err != nil {
		return checkpoint.Checkpoint{}, err
	}
	c := checkpoint.Checkpoint{Config: config, Step: r.step}
	for _, n := range r.networks() {
		for _, p := range n.weights.Parameters {
			c.Tensors = append(c.Tensors, checkpoint.Tensor{Name: n.prefix + p.Name, Shape: p.Shape, Data: n.weights.Data(p.Name)})
		}
	}
	for _, o := range r.optimisers {
		c.Tensors = append(c.Tensors, o.adam.State(o.prefix)...)
	}
	c.Tensors = append(c.Tensors, checkpoint.Tensor{Name: "seconds", Shape: []int{1}, Data: []float32{float32(r.seconds)}},
		checkpoint.Tensor{Name: "best", Shape: []int{2}, Data: []float32{float32(r.best.psnr), float32(r.best.step)}})
	if len(r.pool.crops) > 0 {
		c.Tensors = append(c.Tensors, r.pool.state(r.Config.Crop))
	}
	return c, nil
}

type namedWeights struct {
	prefix  string
	weights *network.Weights
}

// networks lists the networks of the run with the prefixes of their tensors.
func (r *Run) networks() []namedWeights {
	list := []namedWeights{{"encryption/", r.weights.encryption}}
	if r.weights.decryption != r.weights.encryption {
		list = append(list, namedWeights{"decryption/", r.weights.decryption})
	}
	return append(list, namedWeights{"discriminator/", r.weights.discriminator})
}

// restore reads everything but the optimisers, which a trainer restores when it
// knows their parameters.
func (r *Run) restore(c checkpoint.Checkpoint) error {
	r.step = c.Step
	if r.step > r.Config.Steps {
		r.separate()
	}
	for _, n := range r.networks() {
		for _, p := range n.weights.Parameters {
			to := n.weights.Data(p.Name)
			data, err := c.Values(n.prefix+p.Name, len(to))
			if err != nil {
				return err
			}
			copy(to, data)
		}
	}
	if s, err := c.Values("seconds", 1); err == nil {
		r.seconds = float64(s[0])
	}
	if b, err := c.Values("best", 2); err == nil {
		r.best = best{float64(b[0]), int(b[1])}
	}
	return r.pool.restore(c)
}

// separate gives the decryption generator weights of its own.
func (r *Run) separate() {
	if r.weights.decryption == r.weights.encryption {
		r.weights.decryption = r.weights.encryption.Clone()
	}
}

func (r *Run) save(name string) error {
	c, err := r.state()
	if err != nil {
		return err
	}
	return checkpoint.Save(filepath.Join(r.folder, name), c)
}

// Train takes the remaining steps. It writes a checkpoint at every validation and
// when ctx is cancelled.
func (r *Run) Train(ctx context.Context) error {
	after := r.step
	if r.step == 0 {
		after = -1 // the line of step 0 is written again
	}
	j, err := journal.Open(filepath.Join(r.folder, "journal.jsonl"), after)
	if err != nil {
		return err
	}
	defer j.Close()
	if r.step == 0 {
		v, err := r.measureValidation()
		if err != nil {
			return err
		}
		entry := journal.Entry{Losses: map[string]float64{}, Validation: &v}
		if err := j.Write(entry); err != nil {
			return err
		}
		r.observer.Validated(entry)
	}
	if r.step < r.Config.Steps {
		if err := r.trainPhase(ctx, joint, j); err != nil {
			return err
		}
	}
	if r.step < r.Config.Steps+r.Config.FineTune && !r.outOfPatience() {
		r.separate()
		if err := r.trainPhase(ctx, fineTuning, j); err != nil {
			return err
		}
	}
	return r.restoreBest()
}

func (r *Run) trainPhase(ctx context.Context, p phase, j *journal.Journal) error {
	t, err := r.newTrainer(p, j)
	if err != nil {
		return err
	}
	defer t.close()
	return t.train(ctx)
}

// outOfPatience reports whether Config.Patience validations brought no better PSNR.
func (r *Run) outOfPatience() bool {
	c := r.Config
	return c.Patience > 0 && r.step >= r.best.step+c.Patience*c.ValidateEvery
}

// restoreBest restores the weights of the best validation.
func (r *Run) restoreBest() error {
	if r.best.step == r.step || r.best.step == 0 {
		return nil
	}
	c, err := checkpoint.Load(filepath.Join(r.folder, bestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // no validation improved on step 0 since the run began
	}
	if err != nil {
		return err
	}
	r.observer.Message(fmt.Sprintf("the model is that of step %d, the best validation: PSNR %.2f dB", c.Step, r.best.psnr))
	last := r.step
	if _, backwards := r.Config.Definition.Decryption(); backwards && c.Step <= r.Config.Steps {
		r.weights.decryption = r.weights.encryption // as before fine-tuning
	}
	r.pool.crops = nil
	if err := r.restore(c); err != nil {
		return err
	}
	r.step = last
	return nil
}

// stepSeed returns the tile seed of a training step: each step has another one,
// so that the networks do not adapt to any.
func stepSeed(seed uint64, step int) keyschedule.Seed {
	var s keyschedule.Seed
	stream := dataset.Stream(seed, step, "key")
	for i := range s {
		s[i] = byte(stream.Uint32())
	}
	return s
}

// Files exports the generators with their current weights.
func (r *Run) Files(card network.Card) (network.Files, error) {
	return network.NewFiles(r.Config.Definition, card, r.weights.encryption, r.weights.decryption)
}

// measureValidation measures the exported generators on the validation tiles and writes the sample grid.
func (r *Run) measureValidation() (journal.Validation, error) {
	f, err := r.Files(network.Card{Name: "checkpoint"})
	if err != nil {
		return journal.Validation{}, fmt.Errorf("exporting for validation: %w", err)
	}
	m, err := network.Load(f)
	if err != nil {
		return journal.Validation{}, fmt.Errorf("validating: %w", err)
	}
	figures, trips, err := evaluation.MeasureTiles(context.Background(), m, r.validation, r.Config.Seed)
	if err != nil {
		return journal.Validation{}, fmt.Errorf("validating: %w", err)
	}
	const rows = 4
	path := filepath.Join(r.folder, "samples", fmt.Sprintf("%07d.png", r.step))
	if err := writeSampleGrid(path, r.validation[:min(rows, len(trips))], trips); err != nil {
		return journal.Validation{}, err
	}
	return journal.Validation{PSNR: figures.PSNRMean, MinimumPSNR: figures.PSNRMin, SSIM: figures.SSIM, Entropy: figures.Entropy, Correlation: figures.Correlation}, nil
}

// Backend names the arithmetic that the bits of a run depend on: system, processor
// and kernels.
func Backend() string {
	return fmt.Sprintf("%s/%s, %s", runtime.GOOS, runtime.GOARCH, kernel.Name())
}
