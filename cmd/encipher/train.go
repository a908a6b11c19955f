package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v3"

	"enciphergan/internal/network"
	"enciphergan/internal/training"
)

func trainCommand() *cli.Command {
	return &cli.Command{
		Name:      "train",
		Usage:     "train a pair of generators on a folder of photos",
		ArgsUsage: "FOLDER",
		Description: `Splits the photos into training, validation and test, trains both generators as
a GAN and writes checkpoint, journal, sample grids and, at the end, a model
directory (-o RUN/model) for encrypt -model. Interrupted runs go on with
-resume, bit for bit as if they had not been interrupted, on the same kind of machine.

Example:
   encipher train -o run photos
   encipher encrypt -model run/model -key my.key -o cipher.png photo.jpg`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "o", Usage: "run `FOLDER` to write"},
			&cli.BoolFlag{Name: "resume", Usage: "continue the run in the folder; the other settings are the run's"},
			&cli.StringFlag{Name: "profile", Value: "reversible", Usage: "`NAME` of the profile: reversible or paper"},
			&cli.StringFlag{Name: "name", Value: "own", Usage: "`NAME` on the model's card"},
			&cli.StringFlag{Name: "data", Usage: "`TEXT` on the card about the photos; default: the folder's name"},
			&cli.StringFlag{Name: "target", Value: "uniform", Usage: "target cipher domain: uniform, or a `FOLDER` of target cipher images"},
			&cli.Uint64Flag{Name: "seed", Usage: "`SEED` of weights, split, crops and keys", Value: 1},
			&cli.IntFlag{Name: "steps", Usage: "joint steps `N`; default by profile"},
			&cli.IntFlag{Name: "fine-tune", Value: -1, Usage: "steps `N` of the decryption generator alone, after the joint ones; default by profile"},
			&cli.IntFlag{Name: "batch", Usage: "crops `N` in a step; default by profile"},
			&cli.IntFlag{Name: "crop", Usage: "side of the crops in `PIXELS`; default by profile"},
			&cli.FloatFlag{Name: "rate", Usage: "peak learning `RATE` of the joint steps; default by profile"},
			&cli.FloatFlag{Name: "fine-rate", Usage: "peak learning `RATE` of fine-tuning; default by profile"},
			&cli.FloatFlag{Name: "clip", Value: 1, Usage: "bound of the gradients' `NORM`"},
			&cli.FloatFlag{Name: "psnr", Value: 1, Usage: "`WEIGHT` of -PSNR/10 of recovered against plain"},
			&cli.FloatFlag{Name: "ssim", Value: 1, Usage: "`WEIGHT` of 1 - SSIM of recovered against plain"},
			&cli.FloatFlag{Name: "adversarial", Value: 0.02, Usage: "`WEIGHT` of the adversarial term; 0 trains no discriminator"},
			&cli.FloatFlag{Name: "target-ssim", Value: 0.1, Usage: "`WEIGHT` of 1 - SSIM of cipher against a target cipher image, where -target is a folder"},
			&cli.IntFlag{Name: "unshuffle", Value: 4, Usage: "reversible profile: `SIDE` of the blocks that become channels: 2, 4 or 8"},
			&cli.IntFlag{Name: "couplings", Value: 4, Usage: "reversible profile: `N` affine couplings"},
			&cli.IntFlag{Name: "hidden", Value: 64, Usage: "reversible profile: channels `N` inside a coupling"},
			&cli.IntFlag{Name: "validate-every", Value: 500, Usage: "steps `N` between validations and checkpoints"},
			&cli.StringSliceFlag{Name: "kappa", Usage: "widths `K` among which the model's is chosen by file size; repeat the flag", Value: []string{"1", "1.3", "1.5", "1.73", "2"}},
		},
		Action: train,
	}
}

func train(ctx context.Context, c *cli.Command) error {
	if c.Args().Len() != 1 {
		return usage("usage: encipher train -o RUN FOLDER", "train takes exactly one folder of photos, and %d are given", c.Args().Len())
	}
	out, folder := c.String("o"), c.Args().First()
	if out == "" {
		return usage("add -o RUN, the folder for checkpoint, samples and model", "-o FOLDER is missing")
	}
	kappas, err := parseKappas(c.StringSlice("kappa"))
	if err != nil {
		return usage("for instance -kappa 1 -kappa 1.73", "%w", err)
	}
	config, err := trainConfig(c)
	if err != nil {
		return usage("run encipher train -help for the settings", "%w", err)
	}
	done := 0
	if c.Bool("resume") {
		if config, done, err = training.ReadConfig(out); err != nil {
			return badInput("begin a new run without -resume", err)
		}
	}

	progress := training.NewProgress(os.Stderr, done, config.Steps+config.FineTune)
	defer progress.Close()
	photos, err := readPhotos(ctx, folder, config.Crop, progress)
	if err != nil {
		return err
	}
	data, err := training.Split(photos, config.Seed)
	if err != nil {
		return badInput("add photos to "+folder, err)
	}
	config.Data = training.DataFingerprint(data)
	var target training.Target
	if config.Target != "uniform" {
		if target.Images, err = readPhotos(ctx, config.Target, config.Crop, progress); err != nil {
			return err
		}
	}
	progress.Message(fmt.Sprintf("seed %d; %d photos for training, %d for validation, %d for test; %s; arithmetic: %s",
		config.Seed, len(data.Training), len(data.Validation), len(data.Test), config.Definition.Profile, training.Backend()))

	var run *training.Run
	if c.Bool("resume") {
		run, err = training.Resume(out, data, target, progress)
	} else {
		run, err = training.Begin(out, config, data, target, progress)
	}
	if err != nil {
		return badInput("", err)
	}
	if err := run.Train(ctx); err != nil {
		if errors.Is(err, training.ErrInterrupted) {
			return &failure{exitInterrupted, "", err}
		}
		return err
	}
	about := c.String("data")
	if about == "" {
		about = filepath.Base(filepath.Clean(folder))
	}
	card := network.Card{Name: c.String("name"), Training: &network.Training{
		Data: about, Photos: len(photos), Seed: run.Config.Seed, Steps: run.Config.Steps + run.Config.FineTune,
		Command: commandLine(c), Backend: training.Backend(),
	}}
	return run.Finish(ctx, filepath.Join(out, "model"), card, kappas)
}

func trainConfig(c *cli.Command) (training.Config, error) {
	config, err := training.Defaults(c.String("profile"))
	if err != nil {
		return config, err
	}
	set := func(name string, into *int) {
		if c.IsSet(name) {
			*into = c.Int(name)
		}
	}
	rate := func(name string, into *float64) {
		if c.IsSet(name) {
			*into = c.Float(name)
		}
	}
	set("steps", &config.Steps)
	set("fine-tune", &config.FineTune)
	set("batch", &config.Batch)
	set("crop", &config.Crop)
	set("validate-every", &config.ValidateEvery)
	rate("rate", &config.Rate)
	rate("fine-rate", &config.FineRate)
	rate("clip", &config.Clip)
	rate("psnr", &config.Losses.PSNR)
	rate("ssim", &config.Losses.SSIM)
	rate("adversarial", &config.Losses.Adversarial)
	config.Seed = c.Uint64("seed")
	if config.Target = c.String("target"); config.Target != "uniform" {
		config.Losses.Target = c.Float("target-ssim")
	}
	if config.Definition.Keyed() {
		set("unshuffle", &config.Definition.Unshuffle)
		set("couplings", &config.Definition.Couplings)
		set("hidden", &config.Definition.Hidden)
	}
	return config, config.Validate()
}

func parseKappas(list []string) ([]float32, error) {
	var out []float32
	for _, s := range list {
		var k float32
		if _, err := fmt.Sscanf(s, "%g", &k); err != nil || !(k >= 0.5 && k <= 4) {
			return nil, fmt.Errorf("kappa %q is not a number between 0.5 and 4", s)
		}
		out = append(out, k)
	}
	return out, nil
}

// readPhotos reads a folder and says what was left out.
func readPhotos(ctx context.Context, folder string, crop int, progress *training.Progress) ([]training.Photo, error) {
	photos, report, err := training.ReadPhotos(ctx, folder, training.ReadOptions{ShortestSide: crop})
	if err != nil {
		return nil, badInput("", err)
	}
	for _, s := range report.Skipped {
		progress.Message(fmt.Sprintf("skipped %s: %s", s.Name, s.Reason))
	}
	progress.Message(fmt.Sprintf("%s: %d photos (%d scaled down), %d skipped, %d duplicates, %d other files",
		folder, report.Used, report.Scaled, len(report.Skipped), report.Duplicates, report.Others))
	return photos, nil
}

// commandLine is the command as it can be repeated, folders by their last name only.
func commandLine(c *cli.Command) string {
	words := []string{"encipher", "train"}
	for _, f := range c.FlagNames() {
		if f == "o" || f == "data" || f == "resume" || !c.IsSet(f) {
			continue
		}
		switch v := c.Value(f).(type) {
		case []string:
			for _, s := range v {
				words = append(words, "-"+f, s)
			}
		default:
			words = append(words, "-"+f, fmt.Sprint(v))
		}
	}
	return strings.Join(append(words, "-o RUN", filepath.Base(filepath.Clean(c.Args().First()))), " ")
}
