package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/urfave/cli/v3"

	"enciphergan"
	"enciphergan/internal/atomicfile"
	"enciphergan/internal/evaluation"
	"enciphergan/internal/network"
)

func modelCommand() *cli.Command {
	return &cli.Command{
		Name:  "model",
		Usage: "seal, open and halve models",
		Action: func(context.Context, *cli.Command) error {
			return usage("the commands are seal, open and half; run encipher model -help", "model needs a command")
		},
		Commands: []*cli.Command{{
			Name:      "seal",
			Usage:     "seal a model in one file with a passphrase or for age recipients",
			ArgsUsage: "-o FILE.age -r RECIPIENT|-passphrase NAME|DIR",
			UsageText: "encipher model seal -o FILE.age -r RECIPIENT|-passphrase NAME|DIR",
			Description: `FILE.age is an age file, which age opens, too. It contains a ZIP of the model directory.
scrypt derives its key from a passphrase, with 32 MiB of memory.`,
			Flags: slices.Concat([]cli.Flag{
				&cli.StringFlag{Name: "o", Usage: "`FILE` to write, - for standard output"},
				&cli.BoolFlag{Name: "f", Usage: "overwrite the output"},
			}, sealFlags()),
			Action: sealModel,
		}, {
			Name:      "open",
			Usage:     "write a sealed model as a model directory",
			ArgsUsage: "-o DIR -i FILE|-passphrase FILE.age",
			UsageText: "encipher model open -o DIR -i FILE|-passphrase FILE.age",
			Flags: slices.Concat([]cli.Flag{
				&cli.StringFlag{Name: "o", Usage: "`DIR` to write, which must not exist"},
				&cli.StringSliceFlag{Name: "i", Usage: "`FILE` with age identities; repeat the flag to try several"},
			}, passphraseFlags()),
			DisableSliceFlagSeparator: true, // a comma is part of a file's name
			Action:                    openSealedModel,
		}, {
			Name:      "half",
			Usage:     "halve the size of a model: weights in half precision",
			ArgsUsage: "-o DIR [-name NAME] [-photos FOLDER] NAME|DIR",
			UsageText: "encipher model half -o DIR [-name NAME] [-photos FOLDER] NAME|DIR",
			Description: `The result is another model with its own fingerprint: it does not decrypt files that the first one
encrypted. encipher evaluate -model DIR -model NAME PICTURES measures the effect of the rounding.`,
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "o", Usage: "`DIR` to write, which must not exist"},
				&cli.StringFlag{Name: "name", Usage: "`NAME` on the model card; default: that of the model"},
				&cli.StringFlag{Name: "photos", Usage: "`FOLDER` of the photos that it was trained on, to measure the test split for the model card"},
				&cli.IntFlag{Name: "crop", Value: 128, Usage: "with -photos: side in `PIXELS` of the crops that it was trained on; smaller photos are not part of the split"},
			},
			Action: halveModel,
		}},
	}
}

func halveModel(ctx context.Context, c *cli.Command) error {
	out := c.String("o")
	if c.Args().Len() != 1 || out == "" {
		return usage("usage: encipher model half -o DIR NAME|DIR", "model half takes -o DIR and exactly one model")
	}
	if _, err := os.Stat(out); err == nil {
		return &failure{exitFailure, "choose another name after -o", fmt.Errorf("%s: exists", out)}
	}
	name := c.Args().First()
	files, err := modelFiles(ctx, c, name)
	if err != nil {
		return err
	}
	halved, err := network.Halved(files, c.String("name"))
	if err != nil {
		return badInput("", fmt.Errorf("%s: %w", name, err))
	}
	m, err := encipher.OpenModel(halved)
	if err != nil {
		return err
	}
	if folder := c.String("photos"); folder != "" {
		if halved, err = measured(ctx, halved, folder, c.Int("crop")); err != nil {
			return err
		}
	}
	if err := writeModel(out, halved, 0o666); err != nil {
		return &failure{exitFailure, "check the folder after -o and its permissions", err}
	}
	size := func(f network.Files) float64 { return float64(len(f.Encryption)+len(f.Decryption)) / 1e6 }
	say(os.Stderr, "wrote %s: the model %q, fingerprint %.16s, %.1f MB instead of %.1f MB", out, m.Name(), m.Fingerprint(), size(halved), size(files))
	return nil
}

// measured returns the model with the figures of its test split on its card.
func measured(ctx context.Context, files network.Files, folder string, crop int) (network.Files, error) {
	m, err := network.Load(files)
	if err != nil {
		return files, err
	}
	card := m.Card()
	if card.Training == nil {
		return files, badInput("leave out -photos", errors.New("the model card does not say how the model was trained, so its test split is unknown"))
	}
	photos, err := readPhotos(ctx, folder, crop, newTrainProgress(0, 0, false))
	if err != nil {
		return files, err
	}
	figures, err := evaluation.MeasureTestSplit(ctx, m, photos, card.Training.Seed)
	if err != nil {
		return files, err
	}
	card.Figures = append([]network.Figures{figures}, card.Figures...)
	return network.WithCard(files, card)
}

func sealModel(ctx context.Context, c *cli.Command) error {
	out := c.String("o")
	if c.Args().Len() != 1 || out == "" {
		return usage("usage: encipher model seal "+c.ArgsUsage, "model seal takes -o FILE and exactly one model")
	}
	if err := checkSeal(c, "model"); err != nil {
		return err
	}
	to := output{path: out, flag: "-o", force: c.Bool("f")}
	if out != standard {
		if err := to.check(); err != nil {
			return err
		}
	}
	name := c.Args().First()
	files, err := modelFiles(ctx, c, name)
	if err != nil {
		return err
	}
	m, err := encipher.OpenModel(files)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	s, err := readSealer(ctx, c)
	if err != nil {
		return err
	}
	sealed, err := encipher.SealModel(files, s)
	if err != nil {
		return badInput("seal it for recipients of one kind", err)
	}
	if out == standard {
		return writeStandard(sealed)
	}
	if err := to.write(sealed); err != nil {
		return err
	}
	say(os.Stderr, "wrote %s: the model %q, fingerprint %.16s, %.1f MB", out, m.Name(), m.Fingerprint(), float64(len(sealed))/1e6)
	return nil
}

func openSealedModel(ctx context.Context, c *cli.Command) error {
	out := c.String("o")
	if c.Args().Len() != 1 || out == "" {
		return usage("usage: encipher model open "+c.ArgsUsage, "model open takes -o DIR and exactly one sealed model")
	}
	if err := checkUnseal(c, "model"); err != nil {
		return err
	}
	switch _, err := os.Lstat(out); {
	case err == nil:
		return &failure{exitFailure, "choose another name after -o", fmt.Errorf("%s: exists", out)}
	case !errors.Is(err, fs.ErrNotExist):
		return &failure{exitFailure, "check the name after -o", fmt.Errorf("%s: cannot write there: %w", out, cause(err))}
	}
	path := c.Args().First()
	sealed, err := readModelFile(ctx, path)
	if err != nil {
		return badInput("check the name of the sealed model", fmt.Errorf("%s: cannot read the sealed model: %w", path, cause(err)))
	}
	with, err := readUnsealers(ctx, c)
	if err != nil {
		return err
	}
	files, err := encipher.UnsealModel(sealed, with...)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	m, err := encipher.OpenModel(files)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := writeModel(out, files, 0o600); err != nil {
		return &failure{exitFailure, "check the directory and its permissions, or choose another place after -o", fmt.Errorf("%s: cannot write: %w", out, cause(err))}
	}
	say(os.Stderr, "wrote %s: the model %q, fingerprint %.16s", out, m.Name(), m.Fingerprint())
	return nil
}

func readModelFile(ctx context.Context, path string) ([]byte, error) {
	return interruptible(ctx, func() ([]byte, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		b, err := io.ReadAll(io.LimitReader(f, encipher.MaxSealedModelBytes+1))
		if err == nil && len(b) > encipher.MaxSealedModelBytes {
			err = fmt.Errorf("the file is over %d MB", encipher.MaxSealedModelBytes/1_000_000)
		}
		return b, err
	})
}

// writeModel creates a model directory in one step. mode is the permissions of its files.
func writeModel(path string, files network.Files, mode fs.FileMode) error {
	var parts []atomicfile.Part
	for _, f := range files.List() {
		parts = append(parts, atomicfile.Part(f))
	}
	return atomicfile.WriteFolder(path, parts, mode)
}
