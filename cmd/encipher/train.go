package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"

	"enciphergan/internal/atomicfile"
	"enciphergan/internal/network"
	"enciphergan/internal/training"
	"enciphergan/internal/training/checkpoint"
	"enciphergan/internal/training/dataset"
)

func trainCommand() *cli.Command {
	return &cli.Command{
		Name:      "train",
		Usage:     "train a pair of generators on a folder of photos",
		ArgsUsage: "FOLDER",
		UsageText: "encipher train -o RUN [flags] FOLDER\nencipher train -o RUN -resume FOLDER",
		Description: `Splits the photos into training, validation and test, trains both generators as
a GAN, and writes a checkpoint, a journal, sample grids and, at the end, a model
directory (RUN/model) for encrypt -model. The model is that of the best validation.
-resume continues an interrupted run; on the same kind of machine the result has
the same bits as without the interruption. docs/training.md has the details.

Example:
   encipher train -o run photos
   encipher encrypt -model run/model -key my.key -o cipher.png photo.jpg`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "o", Usage: "`FOLDER` of the run"},
			&cli.BoolFlag{Name: "resume", Usage: "continue the run in the folder with its settings"},
			&cli.StringFlag{Name: "profile", Value: "reversible", Usage: "`NAME` of the profile: reversible, paper or paper+stats"},
			&cli.StringFlag{Name: "name", Value: "own", Usage: "`NAME` on the model card"},
			&cli.StringFlag{Name: "data", Usage: "`TEXT` about the photos on the model card; default: the folder's name"},
			&cli.StringFlag{Name: "target", Value: "uniform", Usage: "domain of neural ciphers: uniform, or a `FOLDER` of target cipher images"},
			&cli.Uint64Flag{Name: "seed", Usage: "`SEED` of weights, split, crops and keys", Value: 1},
			&cli.IntFlag{Name: "steps", HideDefault: true, Usage: "joint steps `N`; default by profile"},
			&cli.IntFlag{Name: "fine-tune", HideDefault: true, Value: -1, Usage: "steps `N` of the decryption generator only, after the joint steps; default by profile"},
			&cli.IntFlag{Name: "batch", HideDefault: true, Usage: "crops `N` in a step; default by profile"},
			&cli.IntFlag{Name: "crop", HideDefault: true, Usage: "side of the crops in `PIXELS`; default by profile"},
			&cli.FloatFlag{Name: "rate", HideDefault: true, Usage: "peak learning `RATE` of the joint steps; default by profile"},
			&cli.FloatFlag{Name: "fine-rate", HideDefault: true, Usage: "peak learning `RATE` of fine-tuning; default by profile"},
			&cli.FloatFlag{Name: "clip", Value: 1, Usage: "maximum `NORM` of the gradients"},
			&cli.FloatFlag{Name: "psnr", Value: 1, Usage: "`WEIGHT` of -PSNR/10 of recovered against plain"},
			&cli.FloatFlag{Name: "ssim", Value: 1, Usage: "`WEIGHT` of 1 - SSIM of recovered against plain"},
			&cli.FloatFlag{Name: "adversarial", Value: 0.02, Usage: "`WEIGHT` of the adversarial term; 0 trains no discriminator"},
			&cli.FloatFlag{Name: "target-ssim", Value: targetSSIM, Usage: "`WEIGHT` of 1 - SSIM of neural cipher against a target cipher image; needs -target FOLDER"},
			&cli.IntFlag{Name: "unshuffle", Value: 4, Usage: "reversible profile: `SIDE` of the blocks that become channels: 2, 4 or 8"},
			&cli.IntFlag{Name: "couplings", Value: 4, Usage: "reversible profile: `N` affine couplings"},
			&cli.IntFlag{Name: "hidden", Value: 64, Usage: "reversible profile: channels `N` inside a coupling"},
			&cli.StringFlag{Name: "init", Value: training.InitAnalytic, Usage: "`START` of the generators: analytic, from statistics of the photos, or random"},
			&cli.IntFlag{Name: "pool", Usage: "also train the discriminator on `N` neural ciphers of earlier steps; 0 for none"},
			&cli.IntFlag{Name: "patience", Usage: "end after `N` validations without improvement; 0 for all steps"},
			&cli.FloatFlag{Name: "minutes", Usage: "choose the number of steps that takes about `N` minutes on this machine, instead of -steps and -fine-tune"},
			quietFlag(),
			&cli.IntFlag{Name: "validate-every", Value: 500, Usage: "steps `N` between validations and checkpoints"},
			&cli.StringSliceFlag{Name: "kappa", Usage: "candidate `K` for the model's kappa, which is chosen by file size; repeat the flag", Value: []string{"1", "1.3", "1.5", "1.73", "2"}},
		},
		Action: train,
	}
}

const (
	uniform    = "uniform" // the target domain without a folder
	targetSSIM = 0.1
)

// settings lists the flags that are settings of a run. A resumed run cannot change
// them, and the model card records those that differ from the profile's defaults.
var settings = []struct {
	flag string
	get  func(*training.Config) any // returns a pointer into the configuration
}{
	{"profile", func(c *training.Config) any { return &c.Definition.Profile }},
	{"seed", func(c *training.Config) any { return &c.Seed }},
	{"steps", func(c *training.Config) any { return &c.Steps }},
	{"fine-tune", func(c *training.Config) any { return &c.FineTune }},
	{"batch", func(c *training.Config) any { return &c.Batch }},
	{"crop", func(c *training.Config) any { return &c.Crop }},
	{"rate", func(c *training.Config) any { return &c.Rate }},
	{"fine-rate", func(c *training.Config) any { return &c.FineRate }},
	{"clip", func(c *training.Config) any { return &c.Clip }},
	{"psnr", func(c *training.Config) any { return &c.Losses.PSNR }},
	{"ssim", func(c *training.Config) any { return &c.Losses.SSIM }},
	{"adversarial", func(c *training.Config) any { return &c.Losses.Adversarial }},
	{"target-ssim", func(c *training.Config) any { return &c.Losses.Target }},
	{"unshuffle", func(c *training.Config) any { return &c.Definition.Unshuffle }},
	{"couplings", func(c *training.Config) any { return &c.Definition.Couplings }},
	{"hidden", func(c *training.Config) any { return &c.Definition.Hidden }},
	{"init", func(c *training.Config) any { return &c.Init }},
	{"pool", func(c *training.Config) any { return &c.Pool }},
	{"patience", func(c *training.Config) any { return &c.Patience }},
	{"validate-every", func(c *training.Config) any { return &c.ValidateEvery }},
}

func train(ctx context.Context, c *cli.Command) error {
	if c.Args().Len() != 1 {
		return usage("usage: encipher train -o RUN FOLDER", "train takes exactly one folder of photos, not %d", c.Args().Len())
	}
	out, folder := c.String("o"), c.Args().First()
	if out == "" {
		return usage("add -o RUN, the folder for checkpoint, samples and model", "-o FOLDER is missing")
	}
	kappas, err := parseKappas(c.StringSlice("kappa"))
	if err != nil {
		return usage("for instance -kappa 1 -kappa 1.73", "%w", err)
	}
	config, done, err := trainConfig(c, out)
	if err != nil {
		return err
	}
	if c.IsSet("minutes") {
		if c.Bool("resume") || c.IsSet("steps") || c.IsSet("fine-tune") || c.IsSet("validate-every") {
			return usage("leave out -minutes or the other flags", "-minutes sets steps and validations of a new run: it excludes -resume, -steps, -fine-tune and -validate-every")
		}
		if config, err = config.ForMinutes(ctx, c.Float("minutes")); ctx.Err() != nil {
			return &failure{exitInterrupted, "", errors.New("interrupted, nothing was changed")}
		} else if err != nil {
			return usage("for instance -minutes 15", "%w", err)
		}
	}

	progress := newTrainProgress(done, config.Steps+config.FineTune, c.Bool("q"))
	defer progress.Close()
	photos, err := readPhotos(ctx, folder, config.Crop, progress)
	if err != nil {
		return err
	}
	data, err := dataset.NewSplit(photos, config.Seed)
	if err != nil {
		return badInput("", fmt.Errorf("%s: %w", folder, err))
	}
	var target dataset.Target
	if config.Target != uniform {
		if target.Images, err = readPhotos(ctx, config.Target, config.Crop, progress); err != nil {
			return err
		}
	}
	progress.Message(fmt.Sprintf("seed %d; %d photos for training, %d for validation, %d for test; %s, %.2f G multiply-adds for 256 x 256; arithmetic: %s",
		config.Seed, len(data.Training), len(data.Validation), len(data.Test), config.Definition.Profile, float64(config.Definition.Work())/1e9, training.Backend()))

	var run *training.Run
	if c.Bool("resume") {
		run, err = training.Resume(out, data, target, progress)
	} else {
		config.Data, config.TargetData = data.Fingerprint(), target.Fingerprint()
		run, err = training.Begin(out, config, data, target, progress)
	}
	if err != nil {
		return trainFailed(out, err)
	}
	if err := run.Train(ctx); err != nil {
		return trainFailed(out, err)
	}
	about := c.String("data")
	if about == "" {
		about = lastName(folder)
	}
	card := network.Card{Name: c.String("name"), Training: &network.Training{
		Data: about, Photos: len(photos), Seed: run.Config.Seed, Steps: run.Config.Steps + run.Config.FineTune,
		Command: commandLine(c, run.Config), Backend: training.Backend(),
	}}
	return trainFailed(out, run.Finish(ctx, filepath.Join(out, "model"), card, kappas))
}

// trainConfig returns the settings of a new run, or of the one in the folder, and the
// number of completed steps.
func trainConfig(c *cli.Command, out string) (config training.Config, done int, err error) {
	const hint = "run encipher train -help for the settings"
	resume := c.Bool("resume")
	switch {
	case resume && !training.Exists(out):
		return config, 0, badInput("check the name after -o, or begin a new run without -resume", fmt.Errorf("%s: there is no run in this folder", out))
	case resume:
		if config, done, err = training.ReadConfig(out); err != nil {
			return config, 0, badInput("", err)
		}
	case training.Exists(out):
		return config, 0, &failure{exitFailure, "continue it with -resume, or choose another folder after -o", fmt.Errorf("%s: %w", out, training.ErrRunExists)}
	default:
		if config, err = training.Defaults(c.String("profile")); err != nil {
			return config, 0, usage(hint, "%w", err)
		}
	}
	if c.IsSet("target") || !resume {
		config.Target = c.String("target")
	}
	if !resume && config.Target != uniform {
		config.Losses.Target = targetSSIM
	}
	for _, s := range settings {
		if !c.IsSet(s.flag) {
			continue
		}
		field := s.get(&config)
		before := text(field)
		set(field, c.Value(s.flag))
		switch {
		case resume && before != text(field):
			return config, 0, usage(fmt.Sprintf("leave out -%s, or begin a new run in another folder", s.flag), "-%s %s: the run in %s has %s", s.flag, text(field), out, before)
		case s.flag == "target-ssim" && config.Target == uniform:
			return config, 0, usage("add -target FOLDER, or leave it out", "-target-ssim is for a folder of target cipher images")
		}
	}
	if err := config.Validate(); err != nil {
		return config, 0, usage(hint, "%w", err)
	}
	return config, done, nil
}

// set stores the value of a flag in a setting of the same type.
func set(setting, value any) { reflect.ValueOf(setting).Elem().Set(reflect.ValueOf(value)) }

// text formats a setting as the value of its flag.
func text(setting any) string { return fmt.Sprint(reflect.ValueOf(setting).Elem()) }

func parseKappas(list []string) ([]float32, error) {
	var out []float32
	for _, s := range list {
		k, err := strconv.ParseFloat(s, 32)
		if err != nil || !(k >= 0.5 && k <= 4) {
			return nil, fmt.Errorf("kappa %q is not a number between 0.5 and 4", s)
		}
		out = append(out, float32(k))
	}
	return out, nil
}

// readPhotos reads a folder and reports the files that it skips.
func readPhotos(ctx context.Context, folder string, crop int, o training.Observer) ([]dataset.Photo, error) {
	photos, report, err := dataset.Read(ctx, folder, dataset.ReadOptions{ShortestSide: crop})
	for _, s := range report.Skipped {
		o.Note(visible(fmt.Sprintf("skipped %s: %s", s.Name, s.Reason)))
	}
	var listing *fs.PathError
	switch {
	case ctx.Err() != nil:
		return nil, &failure{exitInterrupted, "", errors.New("interrupted, nothing was changed")}
	case errors.As(err, &listing):
		return nil, badInput("check the name of the folder", fmt.Errorf("%s: cannot read the folder: %w", listing.Path, listing.Err))
	case errors.Is(err, dataset.ErrNoPhotos) && len(report.Skipped) > 0:
		return nil, badInput("-crop sets the smallest side", err)
	case err != nil:
		return nil, badInput("", err)
	}
	o.Message(fmt.Sprintf("%s: %d photos (%d scaled down), %d skipped, %d duplicates, %d other files",
		folder, report.Used, report.Scaled, len(report.Skipped), report.Duplicates, report.Others))
	return photos, nil
}

// trainFailed returns the error of a run with an exit code, and with a hint unless its text
// contains one.
func trainFailed(out string, err error) error {
	state, next := "no checkpoint was written yet", "run the same command again"
	if training.Exists(out) {
		state, next = "the last checkpoint is intact", "continue with -resume"
	}
	var path *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, training.ErrInterrupted):
		return &failure{exitInterrupted, "", err}
	case errors.Is(err, training.ErrNoSpace):
		return &failure{exitFailure, "", err}
	case errors.Is(err, checkpoint.ErrInvalid), errors.Is(err, training.ErrOtherData):
		return badInput("", err)
	case atomicfile.Full(err):
		return &failure{exitFailure, "free some space there, then " + next, fmt.Errorf("%s: the disk is full; %s", out, state)}
	case errors.As(err, &path):
		return &failure{exitFailure, "check the folder after -o and its permissions, then " + next, fmt.Errorf("%s: cannot write there; %s: %w", out, state, cause(err))}
	}
	return &failure{exitFailure, "", err}
}

// commandLine returns a command that repeats the run with its settings. It contains only
// the last element of folder paths.
func commandLine(c *cli.Command, config training.Config) string {
	words := []string{"encipher", "train"}
	plain, err := training.Defaults(config.Definition.Profile)
	if err != nil {
		return ""
	}
	plain.Definition.Profile = "reversible" // the flag's default
	if config.Target != uniform {
		plain.Losses.Target = targetSSIM
		words = append(words, "-target", quote(lastName(config.Target)))
	}
	for _, s := range settings {
		value := text(s.get(&config))
		if value != text(s.get(&plain)) {
			words = append(words, "-"+s.flag, value)
		}
	}
	if c.IsSet("name") {
		words = append(words, "-name", quote(c.String("name")))
	}
	if c.IsSet("kappa") {
		for _, k := range c.StringSlice("kappa") {
			words = append(words, "-kappa", k)
		}
	}
	return strings.Join(append(words, "-o RUN", quote(lastName(c.Args().First()))), " ")
}

func lastName(folder string) string {
	if whole, err := filepath.Abs(folder); err == nil {
		folder = whole
	}
	return filepath.Base(folder)
}

// quote quotes a word for a shell if necessary.
func quote(word string) string {
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./+:,", r)
	}) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
