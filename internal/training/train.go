package training

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"enciphergan/internal/kernel"
	"enciphergan/internal/keyschedule"
	"enciphergan/internal/metric"
	"enciphergan/internal/network"
)

// Losses weighs the terms of the generators' loss; a term of weight 0 is left out.
type Losses struct {
	PSNR        float64 `json:"psnr"`        // -PSNR/10 of recovered against plain
	SSIM        float64 `json:"ssim"`        // 1 - SSIM of recovered against plain
	Adversarial float64 `json:"adversarial"` // softplus(-D(cipher))
	Target      float64 `json:"target"`      // 1 - SSIM of cipher against a target cipher image
}

// Config is everything that a run's outcome depends on, beside the photos.
type Config struct {
	Definition network.Definition `json:"definition"`
	Seed       uint64             `json:"seed"`
	Steps      int                `json:"steps"`     // joint steps
	FineTune   int                `json:"fine_tune"` // steps of the decryption generator alone, after the joint ones
	Batch      int                `json:"batch"`
	Crop       int                `json:"crop"` // side of the square crops in pixels
	Rate       float64            `json:"rate"` // peak learning rate of the joint steps
	FineRate   float64            `json:"fine_rate"`
	Warmup     int                `json:"warmup"`
	Clip       float64            `json:"clip"` // bound of the gradients' norm
	Losses     Losses             `json:"losses"`
	// The discriminator takes a step after every DiscriminatorEvery-th joint step.
	DiscriminatorEvery int     `json:"discriminator_every"`
	DiscriminatorRate  float64 `json:"discriminator_rate"`
	// Pool is how many cipher crops of earlier steps the discriminator is shown, see pool; 0: none.
	Pool int `json:"pool,omitempty"`
	// Init says how generators start: InitAnalytic, where the profile has such a start, or InitRandom.
	Init string `json:"init,omitempty"`
	// Patience is how many validations in a row may bring no better PSNR before the run ends early; 0: any number.
	Patience      int    `json:"patience,omitempty"`
	ValidateEvery int    `json:"validate_every"`
	Target        string `json:"target"` // "uniform" or the folder of target cipher images
	// Backend is the arithmetic that the run was begun with; another continues it, but not bit for bit.
	Backend string `json:"backend"`
	// Data identifies the photos and their split, TargetData the target cipher
	// images; that is empty for uniform.
	Data       string `json:"data"`
	TargetData string `json:"target_data,omitempty"`
}

// The starts of generators; the zero value of Config.Init is the analytic one.
const (
	InitAnalytic = "analytic"
	InitRandom   = "random"
)

// start names the run's start.
func (c Config) start() string {
	if c.Init == "" {
		return InitAnalytic
	}
	return c.Init
}

// maxPool bounds the crops in the discriminator's pool.
const maxPool = 1000

// Defaults are the measured settings of a profile.
func Defaults(profile string) (Config, error) {
	c := Config{Seed: 1, Batch: 4, Crop: 128, Warmup: 50, Clip: 1, DiscriminatorEvery: 2, DiscriminatorRate: 2e-4, ValidateEvery: 500, Target: "uniform", Init: InitAnalytic}
	switch profile {
	case "reversible":
		c.Definition = network.Reversible()
		c.Steps, c.FineTune, c.Rate, c.FineRate = 8000, 1000, 8e-4, 2e-5
		c.Losses = Losses{PSNR: 1, SSIM: 1, Adversarial: 0.02}
	case "paper+stats":
		// The analytic start is nearly as good as it gets; more than this undoes it.
		c.Definition = network.PaperStats()
		c.Steps, c.Batch, c.Rate, c.ValidateEvery = 600, 2, 1e-6, 100
		c.Losses = Losses{PSNR: 1, SSIM: 4}
	case "paper":
		c.Definition = network.Paper()
		c.Steps, c.Crop, c.Rate = 4000, 64, 5e-4
		c.Losses = Losses{PSNR: 1, SSIM: 1, Adversarial: 0.02}
	default:
		return c, fmt.Errorf("unknown profile %q; there are paper, paper+stats and reversible", profile)
	}
	return c, nil
}

// Validate reports settings that cannot be trained with.
func (c Config) Validate() error {
	if err := c.Definition.Validate(); err != nil {
		return err
	}
	stride := c.Definition.Tiling().Stride
	switch {
	case c.Steps < 1 || c.Steps > 1<<30 || c.FineTune < 0 || c.FineTune > 1<<30:
		return fmt.Errorf("%d joint and %d fine-tuning steps: want at least 1 and 0", c.Steps, c.FineTune)
	case c.FineTune > 0 && !c.Definition.Keyed():
		return fmt.Errorf("%d fine-tuning steps: the generators of the paper's profiles have weights of their own each and need none", c.FineTune)
	case c.Batch < 1 || c.Batch > 1024:
		return fmt.Errorf("batch %d: want 1 to 1024", c.Batch)
	case c.Crop < 32 || c.Crop > 1024 || c.Crop%stride != 0:
		return fmt.Errorf("crop %d: want 32 to 1024, a multiple of %d", c.Crop, stride)
	case c.ValidateEvery < 1:
		return fmt.Errorf("validation every %d steps: want at least 1", c.ValidateEvery)
	case c.Init != "" && c.Init != InitAnalytic && c.Init != InitRandom:
		return fmt.Errorf("start %q: want %s or %s", c.Init, InitAnalytic, InitRandom)
	case c.Pool < 0 || c.Pool > maxPool:
		return fmt.Errorf("a pool of %d crops: want 0 to %d", c.Pool, maxPool)
	case c.Patience < 0:
		return fmt.Errorf("patience for %d validations: want 0, for any number, or more", c.Patience)
	case c.DiscriminatorEvery < 1:
		return fmt.Errorf("a discriminator step every %d steps: want at least 1", c.DiscriminatorEvery)
	case !(c.Rate > 0 && c.Rate < 1) || c.FineTune > 0 && !(c.FineRate > 0 && c.FineRate < 1) || !(c.DiscriminatorRate > 0 && c.DiscriminatorRate < 1):
		return fmt.Errorf("learning rates %g, %g, %g: want more than 0 and less than 1", c.Rate, c.FineRate, c.DiscriminatorRate)
	case !(c.Clip > 0 && c.Clip <= 1e9):
		return fmt.Errorf("gradient bound %g: want more than 0, at most 1e9", c.Clip)
	case c.Losses.PSNR == 0 && c.Losses.SSIM == 0:
		return errors.New("without a reconstruction term (psnr or ssim) nothing can be decrypted")
	}
	for _, weight := range []float64{c.Losses.PSNR, c.Losses.SSIM, c.Losses.Adversarial, c.Losses.Target} {
		if !(weight >= 0 && weight <= 1e6) {
			return fmt.Errorf("weight %g of a loss: want 0 to 1e6", weight)
		}
	}
	return nil
}

// ErrDiverged is the error of a run whose losses are no longer numbers, or whose
// generators have come to destroy what they are to recover.
var ErrDiverged = errors.New("the training diverged")

// ErrInterrupted is the error of a run that was cancelled; its checkpoint is written.
var ErrInterrupted = errors.New("interrupted")

// weights are the networks of a run. Until fine-tuning, a profile whose
// generators mirror each other has one set for both.
type weights struct {
	encryption, decryption, discriminator *network.Weights
}

// Run is a training run in a folder.
type Run struct {
	Config     Config
	folder     string
	data       Dataset
	target     Target
	weights    weights
	generator  *Adam
	fine       *Adam
	adversary  *Adam
	pool       pool
	step       int
	seconds    float64
	best       best
	progress   *Progress
	validation []Tile
	afterStep  func(step int) // for tests: called when a step is done
}

const (
	checkpointName = "checkpoint.encipher"
	bestName       = "best.encipher" // the checkpoint of the best validation
)

// best is the validation with the highest PSNR so far.
type best struct {
	psnr float64
	step int
}

// ErrHoldsRun is the error of beginning a run where there is one already.
var ErrHoldsRun = errors.New("it already holds a run")

// Holds tells whether a folder holds a run that Resume may continue.
func Holds(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, checkpointName))
	return err == nil
}

// Begin prepares a new run. The folder is made; it must not hold a checkpoint.
func Begin(folder string, c Config, data Dataset, target Target, progress *Progress) (*Run, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if Holds(folder) {
		return nil, fmt.Errorf("%s: %w: continue it with -resume, or choose another folder", folder, ErrHoldsRun)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("making the run's folder: %w", err)
	}
	c.Backend = Backend()
	r, err := newRun(folder, c, data, target, progress)
	if err != nil {
		return nil, err
	}
	return r, r.analyse()
}

// analyse gives fresh weights their analytic start. It depends on nothing but
// the settings and the photos for training.
func (r *Run) analyse() error {
	c := r.Config
	if c.Init == InitRandom {
		randomise(c.Definition, r.weights.encryption, Stream(c.Seed, 0, "random"))
		return nil
	}
	sample, err := NewBatches(r.data.Training, 0, BatchOptions{Seed: c.Seed ^ 0xa5a5, Size: 64, Crop: c.Crop, Scale: true})
	if err != nil {
		return err
	}
	defer sample.Close()
	b, err := sample.Next(context.Background())
	if err != nil {
		return err
	}
	if err := analyse(c.Definition, r.weights.encryption, r.weights.decryption, b.Plain, c.Crop, Stream(c.Seed, 0, "analysis")); err != nil {
		return fmt.Errorf("computing the analytic start: %w", err)
	}
	return nil
}

func newRun(folder string, c Config, data Dataset, target Target, progress *Progress) (*Run, error) {
	r := &Run{Config: c, folder: folder, data: data, target: target, progress: progress, validation: Tiles(data.Validation, tileSide, 16),
		pool: pool{most: c.Pool, size: 3 * c.Crop * c.Crop}}
	d := c.Definition
	var err error
	if r.weights.encryption, err = network.NewWeights(d.Encryption(), Stream(c.Seed, 0, "encryption")); err != nil {
		return nil, err
	}
	layers, backwards := d.Decryption()
	r.weights.decryption = r.weights.encryption
	if !backwards {
		if r.weights.decryption, err = network.NewWeights(layers, Stream(c.Seed, 0, "decryption")); err != nil {
			return nil, err
		}
	}
	r.weights.discriminator, err = network.NewWeights(network.Discriminator(d), Stream(c.Seed, 0, "discriminator"))
	return r, err
}

// tileSide is the side of the held-out tiles in pixels.
const tileSide = 256

// ErrOtherData is the error of resuming a run with other pictures.
var ErrOtherData = errors.New("not those that the run was begun with")

// Resume continues the run in a folder. The photos and the target cipher images
// must be those it was begun with.
func Resume(folder string, data Dataset, target Target, progress *Progress) (*Run, error) {
	checkpoint, c, err := load(folder)
	if err != nil {
		return nil, err
	}
	if DataFingerprint(data) != c.Data {
		return nil, fmt.Errorf("%s: the photos are %w: give the same folder, unchanged, or begin a new run in another folder", folder, ErrOtherData)
	}
	if target.Fingerprint() != c.TargetData {
		return nil, fmt.Errorf("%s: the target cipher images are %w: give the same -target, unchanged, or begin a new run in another folder", folder, ErrOtherData)
	}
	if now := Backend(); c.Backend != "" && c.Backend != now {
		progress.Note(fmt.Sprintf("the run was begun with the arithmetic %s and goes on with %s: the result will be as good, but not bit for bit that of an uninterrupted run", c.Backend, now))
	}
	r, err := newRun(folder, c, data, target, progress)
	if err != nil {
		return nil, err
	}
	return r, r.restore(checkpoint)
}

// ReadConfig tells the settings of the run in a folder.
func ReadConfig(folder string) (Config, int, error) {
	checkpoint, c, err := load(folder)
	return c, checkpoint.Step, err
}

// load reads a run's checkpoint and checks its settings.
func load(folder string) (Checkpoint, Config, error) {
	path := filepath.Join(folder, checkpointName)
	checkpoint, err := Load(path)
	if err != nil {
		return Checkpoint{}, Config{}, err
	}
	var c Config
	if err := json.Unmarshal(checkpoint.Config, &c); err != nil {
		return Checkpoint{}, Config{}, fmt.Errorf("%s: %w: its settings: %v; %s", path, ErrCheckpoint, err, newCheckpoint)
	}
	if err := c.Validate(); err != nil {
		return Checkpoint{}, Config{}, fmt.Errorf("%s: %w: its settings: %v; %s", path, ErrCheckpoint, err, newCheckpoint)
	}
	return checkpoint, c, nil
}

// DataFingerprint identifies photos and their split, in hexadecimal.
func DataFingerprint(d Dataset) string {
	sum := d.Fingerprint()
	return hex.EncodeToString(sum[:])
}

func (r *Run) checkpoint() (Checkpoint, error) {
	config, err := json.Marshal(r.Config)
	if err != nil {
		return Checkpoint{}, err
	}
	c := Checkpoint{Config: config, Step: r.step}
	put := func(prefix string, w *network.Weights) {
		for _, p := range w.Parameters {
			c.Tensors = append(c.Tensors, NamedTensor{prefix + p.Name, p.Shape, w.Data(p.Name)})
		}
	}
	put("encryption/", r.weights.encryption)
	if r.weights.decryption != r.weights.encryption {
		put("decryption/", r.weights.decryption)
	}
	put("discriminator/", r.weights.discriminator)
	for _, o := range []struct {
		prefix string
		adam   *Adam
	}{{"adam/generator/", r.generator}, {"adam/fine/", r.fine}, {"adam/discriminator/", r.adversary}} {
		if o.adam != nil {
			c.Tensors = append(c.Tensors, o.adam.State(o.prefix)...)
		}
	}
	c.Tensors = append(c.Tensors, NamedTensor{"seconds", []int{1}, []float32{float32(r.seconds)}},
		NamedTensor{"best", []int{2}, []float32{float32(r.best.psnr), float32(r.best.step)}})
	if len(r.pool.crops) > 0 {
		c.Tensors = append(c.Tensors, r.pool.state(r.Config.Crop))
	}
	return c, nil
}

// restore fills weights; the optimisers follow when their machines are built.
func (r *Run) restore(c Checkpoint) error {
	r.step = c.Step
	if r.step > r.Config.Steps && r.weights.decryption == r.weights.encryption {
		r.weights.decryption = r.weights.encryption.Clone()
	}
	get := func(prefix string, w *network.Weights) error {
		for _, p := range w.Parameters {
			data, err := c.Tensor(prefix+p.Name, len(w.Data(p.Name)))
			if err != nil {
				return err
			}
			copy(w.Data(p.Name), data)
		}
		return nil
	}
	if err := get("encryption/", r.weights.encryption); err != nil {
		return err
	}
	if r.weights.decryption != r.weights.encryption {
		if err := get("decryption/", r.weights.decryption); err != nil {
			return err
		}
	}
	if err := get("discriminator/", r.weights.discriminator); err != nil {
		return err
	}
	if s, err := c.Tensor("seconds", 1); err == nil {
		r.seconds = float64(s[0])
	}
	if b, err := c.Tensor("best", 2); err == nil {
		r.best = best{float64(b[0]), int(b[1])}
	}
	return r.pool.restore(c)
}

func (r *Run) save() error { return r.saveAs(checkpointName) }

func (r *Run) saveAs(name string) error {
	c, err := r.checkpoint()
	if err != nil {
		return err
	}
	return Save(filepath.Join(r.folder, name), c)
}

// Train runs the remaining steps. On cancel, and at every validation, it writes a checkpoint.
func (r *Run) Train(ctx context.Context) error {
	kept := r.step
	if r.step == 0 {
		kept = -1 // the line of step 0 is written again
	}
	journal, err := OpenJournal(filepath.Join(r.folder, "journal.jsonl"), kept)
	if err != nil {
		return err
	}
	defer journal.Close()
	if r.step == 0 {
		v, err := r.validate()
		if err != nil {
			return err
		}
		entry := Entry{Losses: map[string]float64{}, Validation: &v}
		if err := journal.Write(entry); err != nil {
			return err
		}
		r.progress.Report(entry)
	}
	if r.step < r.Config.Steps {
		if err := r.phase(ctx, joint, journal); err != nil {
			return err
		}
	}
	if r.Config.FineTune > 0 && !r.exhausted() {
		if r.weights.decryption == r.weights.encryption {
			r.weights.decryption = r.weights.encryption.Clone()
		}
		if err := r.phase(ctx, decryptionOnly, journal); err != nil {
			return err
		}
	}
	return r.takeBest()
}

// exhausted says whether so many validations brought nothing better that the run ends.
func (r *Run) exhausted() bool {
	c := r.Config
	return c.Patience > 0 && r.step >= r.best.step+c.Patience*c.ValidateEvery
}

// takeBest goes back to the weights of the best validation.
func (r *Run) takeBest() error {
	if r.best.step == r.step || r.best.step == 0 {
		return nil
	}
	c, err := Load(filepath.Join(r.folder, bestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a run of before there were such files
	}
	if err != nil {
		return err
	}
	r.progress.Message(fmt.Sprintf("the model is that of step %d, whose validation was the best: PSNR %.2f dB", c.Step, r.best.psnr))
	last := r.step
	if _, backwards := r.Config.Definition.Decryption(); backwards && c.Step <= r.Config.Steps {
		r.weights.decryption = r.weights.encryption // as it was before fine-tuning
	}
	r.pool.crops = nil
	if err := r.restore(c); err != nil {
		return err
	}
	r.step = last
	return nil
}

// ruined is a PSNR in dB that the reversible profile does not come back from. Its
// analytic start is at about 50; steps that are too large have been seen to lose
// 15 of them and to win those back.
const ruined = 20

// phase runs the steps of one kind, from the step that the run has reached.
func (r *Run) phase(ctx context.Context, kind stepKind, journal *Journal) error {
	c := r.Config
	end, prefix, optimizer := c.Steps, "adam/generator/", &r.generator
	schedule := Schedule{Peak: c.Rate, Warmup: c.Warmup, Steps: c.Steps, Floor: 0.02}
	if kind == decryptionOnly {
		end, prefix, optimizer = c.Steps+c.FineTune, "adam/fine/", &r.fine
		schedule = Schedule{Peak: c.FineRate, Warmup: c.Warmup, Steps: c.FineTune, Floor: 0.02}
	}
	if r.step >= end {
		return nil
	}
	generator, err := newGeneratorStep(c, &r.weights, kind)
	if err != nil {
		return fmt.Errorf("building the generators' step: %w", err)
	}
	defer generator.vm.Close()
	begun := c.Steps
	if kind == joint {
		begun = 0
	}
	if *optimizer, err = r.optimizer(prefix, AdamOptions{Beta1: 0.9, Beta2: 0.99, Epsilon: 1e-8}, generator.parameters, r.step > begun); err != nil {
		return err
	}
	var adversary *discriminatorStep
	if kind == joint && c.Losses.Adversarial != 0 {
		if adversary, err = newDiscriminatorStep(c, &r.weights); err != nil {
			return fmt.Errorf("building the discriminator's step: %w", err)
		}
		defer adversary.vm.Close()
		if r.adversary, err = r.optimizer("adam/discriminator/", AdamOptions{Beta1: 0.5, Beta2: 0.99, Epsilon: 1e-8}, adversary.parameters, r.step > begun); err != nil {
			return err
		}
	}
	if r.step == begun {
		memory := graphBytes(generator.graph)
		if adversary != nil {
			memory += graphBytes(adversary.graph)
		}
		if err := r.checkRoom(memory); err != nil {
			return err
		}
	}
	batches, err := NewBatches(r.data.Training, r.step, BatchOptions{Seed: c.Seed, Size: c.Batch, Crop: c.Crop, Scale: true, Target: r.target, Workers: runtime.GOMAXPROCS(0)})
	if err != nil {
		return err
	}
	defer batches.Close()

	sums, counts, count, began := map[string]float64{}, map[string]int{}, 0, time.Now()
	for r.step < end && !r.exhausted() {
		b, err := batches.Next(ctx)
		if ctx.Err() != nil {
			r.seconds += time.Since(began).Seconds()
			if err := r.save(); err != nil {
				return err
			}
			return fmt.Errorf("%w after step %d; the checkpoint is written, continue with -resume", ErrInterrupted, r.step)
		}
		if err != nil {
			return err
		}
		losses, err := generator.run(c, b, stepSeed(c.Seed, r.step))
		if err != nil {
			return r.diverged(err)
		}
		if losses["psnr"] > 0 {
			return r.diverged(fmt.Errorf("%w: recovered crops are further from the originals than black is from white", ErrDiverged))
		}
		norm := ClipNorm(generator.parameters, c.Clip)
		if math.IsNaN(norm) || math.IsInf(norm, 0) {
			return r.diverged(fmt.Errorf("%w: the gradient's norm is %g", ErrDiverged, norm))
		}
		rate := schedule.Rate(r.step - begun)
		if err := (*optimizer).Update(generator.parameters, rate); err != nil {
			return err
		}
		if adversary != nil && r.step%c.DiscriminatorEvery == 0 {
			copy(adversary.real, targets(c, b))
			r.pool.exchange(generator.cipher, c.Seed, r.step)
			copy(adversary.fake, generator.cipher)
			d, err := adversary.run()
			if err != nil {
				return r.diverged(err)
			}
			if err := r.adversary.Update(adversary.parameters, c.DiscriminatorRate); err != nil {
				return err
			}
			losses["discriminator"] = d["total"]
		}
		r.step++
		count++
		for name, v := range losses {
			sums[name] += v
			counts[name]++
		}
		r.progress.Step(r.step, losses)
		if r.afterStep != nil {
			r.afterStep(r.step)
		}
		if r.step%c.ValidateEvery != 0 && r.step != end {
			continue
		}
		elapsed := time.Since(began).Seconds()
		r.seconds += elapsed
		v, err := r.validate()
		if err != nil {
			return errors.Join(err, r.save())
		}
		if c.Definition.Keyed() && v.PSNR < ruined {
			return r.diverged(fmt.Errorf("%w: PSNR of the validation tiles fell to %.2f dB", ErrDiverged, v.PSNR))
		}
		for name, n := range counts {
			sums[name] /= float64(n)
		}
		entry := Entry{Step: r.step, Losses: sums, LearningRate: rate, Validation: &v, Seconds: r.seconds, SamplesPerSecond: float64(count*c.Batch) / elapsed}
		if v.PSNR > r.best.psnr {
			r.best = best{v.PSNR, r.step}
			if err := r.saveAs(bestName); err != nil {
				return err
			}
		}
		// The checkpoint first: a journal that cannot be written must not cost the steps.
		if err := r.save(); err != nil {
			return err
		}
		if err := journal.Write(entry); err != nil {
			return err
		}
		r.progress.Report(entry)
		sums, counts, count, began = map[string]float64{}, map[string]int{}, 0, time.Now()
	}
	return nil
}

func (r *Run) optimizer(prefix string, o AdamOptions, p []Parameter, resumed bool) (*Adam, error) {
	a, err := NewAdam(o, p)
	if err != nil || !resumed {
		return a, err
	}
	c, err := Load(filepath.Join(r.folder, checkpointName))
	if err != nil {
		return nil, err
	}
	return a, a.Restore(prefix, c)
}

func (r *Run) diverged(err error) error {
	if !errors.Is(err, ErrDiverged) {
		return err
	}
	kept := "no checkpoint was written yet: begin again"
	if Holds(r.folder) {
		kept = "the last checkpoint is intact, and would lead here again: begin a new run in another folder"
	}
	return fmt.Errorf("%w at step %d; %s with a smaller -rate or -clip", err, r.step, kept)
}

// stepSeed is the key of a training step: random layers, a fresh one each step.
func stepSeed(seed uint64, step int) keyschedule.Seed {
	var s keyschedule.Seed
	stream := Stream(seed, step, "key")
	for i := range s {
		s[i] = byte(stream.Uint32())
	}
	return s
}

// Files exports the generators as they are now.
func (r *Run) Files(card network.Card) (network.Files, error) {
	return network.NewFiles(r.Config.Definition, card, r.weights.encryption, r.weights.decryption)
}

// validate measures the exported generators on the validation tiles and writes the sample grid.
func (r *Run) validate() (Validation, error) {
	f, err := r.Files(network.Card{Name: "checkpoint"})
	if err != nil {
		return Validation{}, fmt.Errorf("exporting for validation: %w", err)
	}
	m, err := network.Load(f)
	if err != nil {
		return Validation{}, fmt.Errorf("validating: %w", err)
	}
	figures, samples, err := Measure(context.Background(), m, r.validation, r.Config.Seed)
	if err != nil {
		return Validation{}, fmt.Errorf("validating: %w", err)
	}
	path := filepath.Join(r.folder, "samples", fmt.Sprintf("%07d.png", r.step))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return Validation{}, err
	}
	if err := WriteSamples(path, samples[:min(4, len(samples))]); err != nil {
		return Validation{}, err
	}
	return Validation{figures.PSNRMean, figures.PSNRMin, figures.SSIM, figures.Entropy, figures.Correlation}, nil
}

// Measure runs a model's bare cipher over tiles: encrypt, quantise, decrypt. The
// key of each tile follows from seed.
func Measure(ctx context.Context, m *network.Model, tiles []Tile, seed uint64) (network.Figures, []Sample, error) {
	if len(tiles) == 0 {
		return network.Figures{}, nil, errors.New("there are no tiles to measure")
	}
	f := network.Figures{Tiles: len(tiles), Kappa: m.Card().Definition.Kappa, PSNRMin: math.Inf(1)}
	var samples []Sample
	session := m.NewSession(m.Arithmetic())
	var residuals float64
	for i, t := range tiles {
		key := keyschedule.Seed(sha256.Sum256(fmt.Appendf(nil, "measure %d %d", seed, i)))
		c, err := session.Encrypt(ctx, t.RGB, t.Side, t.Side, key)
		if err != nil {
			return f, nil, err
		}
		back, err := session.Decrypt(ctx, c, key)
		if err != nil {
			return f, nil, err
		}
		psnr := metric.BoundedPSNR(t.RGB, back)
		f.PSNRMean += psnr
		f.PSNRMin = min(f.PSNRMin, psnr)
		f.SSIM += metric.SSIM(t.RGB, back, t.Side, t.Side)
		f.Entropy += metric.MeanEntropy(c.Levels)
		f.Correlation += metric.AdjacentCorrelation(c.Levels, t.Side, t.Side).MeanAbsolute()
		residuals += residualEntropy(t.RGB, back)
		samples = append(samples, Sample{t.Side, t.RGB, c.Levels, back})
	}
	n := float64(len(tiles))
	f.PSNRMean /= n
	f.SSIM /= n
	f.Entropy /= n
	f.Correlation /= n
	f.Residual = 100 * residuals / n / 8
	return f, samples, nil
}

// residualEntropy is the order-0 entropy of plain minus recovered in bits a sample: what exact restore would store.
func residualEntropy(plain, back []byte) float64 {
	var counts [256]float64
	for i, v := range plain {
		counts[v-back[i]]++
	}
	var h float64
	for _, c := range counts {
		if p := c / float64(len(plain)); p > 0 {
			h -= p * math.Log2(p)
		}
	}
	return h
}

// Backend tells the arithmetic that a run's bits depend on.
func Backend() string {
	return fmt.Sprintf("%s/%s, %s", runtime.GOOS, runtime.GOARCH, kernel.Name())
}
