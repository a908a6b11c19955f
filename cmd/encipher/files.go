package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"enciphergan"
	"enciphergan/internal/atomicfile"
	"enciphergan/internal/key"
	"enciphergan/internal/network"
	"enciphergan/models"
)

// What encrypt and decrypt share: their flags, and how keys, models, inputs and
// outputs are read and written.

func pictureFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "o", Usage: "`FILE` to write"},
		&cli.StringFlag{Name: "model", Usage: "`NAME` of a shipped model or directory of another", Value: models.Default},
		&cli.BoolFlag{Name: "f", Usage: "overwrite the output"},
		&cli.IntFlag{Name: "workers", Usage: "tiles computed at the same time; 0: as many as processors"},
	}
}

// task is one call of encrypt or decrypt, checked and loaded.
type task struct {
	model   *encipher.Model
	input   []byte
	in, out string
	force   bool
	options []encipher.Option
	end     func() // ends the progress bar
}

// outputKinds are the endings that the name of an output may have; nil: any.
func outputKinds(c *cli.Command) []string {
	switch {
	case c.Bool("original"):
		return nil
	case c.Name == "decrypt":
		return []string{".png", ".jpg", ".jpeg"}
	}
	return []string{".png"}
}

// prepare checks the command line, then reads secrets, input and model. Cheap
// checks come first, so that a slip costs no time.
func prepare(c *cli.Command, check, secrets func() error) (*task, error) {
	if c.Args().Len() != 1 {
		return nil, usage(fmt.Sprintf("usage: encipher %s %s", c.Name, c.ArgsUsage), "%s takes exactly one picture, and %d are given", c.Name, c.Args().Len())
	}
	t := &task{in: c.Args().First(), out: c.String("o"), force: c.Bool("f")}
	if err := check(); err != nil {
		return nil, err
	}
	if t.out == "" {
		return nil, usage("add -o OUT.png", "-o FILE is missing")
	}
	if kinds := outputKinds(c); kinds != nil && !slices.Contains(kinds, strings.ToLower(filepath.Ext(t.out))) {
		return nil, usage("give it a name that ends in "+strings.Join(kinds, " or "), "%s: the output is none of that kind", t.out)
	}
	if err := checkOutput(t.out, t.force); err != nil {
		return nil, err
	}
	if err := secrets(); err != nil {
		return nil, err
	}
	var err error
	if t.input, err = readInput(t.in); err != nil {
		return nil, err
	}
	if t.model, err = openModel(c.String("model")); err != nil {
		return nil, err
	}
	// Pictures and graphs are a few large blocks: collecting garbage early costs
	// little time and saves a third of the memory.
	debug.SetGCPercent(20)
	progress, end := showProgress()
	t.end = end
	t.options = []encipher.Option{encipher.WithProgress(progress), encipher.WithWorkers(c.Int("workers"))}
	return t, nil
}

// failed adds to an error of the library what only the command knows.
func (t *task) failed(err error) error {
	if encipher.CodeOf(err) == encipher.Canceled {
		return &failure{exitInterrupted, "", errInterrupted}
	}
	return fmt.Errorf("%s: %w", t.in, err)
}

var errInterrupted = errors.New("interrupted, nothing was written")

// finishFile writes the original file.
func (t *task) finishFile(ctx context.Context, file []byte, name string) error {
	if err := t.write(ctx, file); err != nil {
		return err
	}
	say(os.Stderr, "wrote %s: the original file, %q, %.1f MB", t.out, name, float64(len(file))/1e6)
	return nil
}

// write writes the output. An interrupt that came late still counts.
func (t *task) write(ctx context.Context, file []byte) error {
	t.end()
	if ctx.Err() != nil {
		return &failure{exitInterrupted, "", errInterrupted}
	}
	return writeOutput(t.out, file, t.force)
}

// finish writes a picture.
func (t *task) finish(ctx context.Context, file []byte, width, height int) error {
	if err := t.write(ctx, file); err != nil {
		return err
	}
	say(os.Stderr, "wrote %s: %d x %d pixels, %.1f MB", t.out, width, height, float64(len(file))/1e6)
	return nil
}

func readKey(path string) (k encipher.Key, created time.Time, err error) {
	k, created, err = key.Read(path)
	switch {
	case errors.Is(err, key.ErrText):
		return k, created, badInput("compare it with the original, or copy the whole line again", err)
	case err != nil:
		return k, created, badInput("check its name, or make a key with: encipher key new -o FILE", fmt.Errorf("%s: cannot read the key: %w", path, cause(err)))
	}
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		say(os.Stderr, "note: others can read %s; take that away with: chmod 600 %[1]s", path)
	}
	return k, created, nil
}

// readInput reads a picture or cipher image, and stops at the library's limit.
func readInput(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, badInput("check the name of the picture", fmt.Errorf("%s: cannot read the picture: %w", path, cause(err)))
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, encipher.MaxFileBytes+1))
	if err != nil {
		return nil, badInput("check the name of the picture", fmt.Errorf("%s: cannot read the picture: %w", path, cause(err)))
	}
	if len(b) > encipher.MaxFileBytes {
		return nil, badInput("make the picture smaller first", fmt.Errorf("%s: the file is over %d MB", path, encipher.MaxFileBytes/1_000_000))
	}
	return b, nil
}

// modelFiles reads a shipped model by name, or else a model directory.
func modelFiles(name string) (network.Files, error) {
	var files network.Files
	var err error
	if slices.Contains(models.Names(), name) {
		files, err = models.Files(name)
	} else {
		if info, err := os.Stat(name); err != nil || !info.IsDir() {
			return files, badInput(shippedModels(models.Names()), fmt.Errorf("there is no shipped model and no directory %q", name))
		}
		files, err = network.ReadFiles(os.DirFS(name))
	}
	if err != nil {
		return files, badInput("a model is a directory with card.json, encryption.onnx and decryption.onnx", fmt.Errorf("%s: %w", name, err))
	}
	return files, nil
}

// shippedModels says what may be given after -model.
func shippedModels(names []string) string {
	if len(names) == 0 {
		return "this program was built without a model; train one with encipher train -o RUN FOLDER and give -model RUN/model"
	}
	return "shipped models: " + strings.Join(names, ", ") + "; or give a model directory, such as RUN/model of encipher train"
}

func openModel(name string) (*encipher.Model, error) {
	files, err := modelFiles(name)
	if err != nil {
		return nil, err
	}
	m, err := encipher.OpenModel(files)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

// checkOutput refuses an output that exists, unless force is set, and one that
// is not a plain file in any case: renaming would replace a device.
func checkOutput(path string, force bool) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return &failure{exitFailure, "check the name after -o", fmt.Errorf("%s: cannot write there: %w", path, cause(err))}
	case !info.Mode().IsRegular():
		return &failure{exitFailure, "choose another name after -o", fmt.Errorf("%s: exists and is not a plain file", path)}
	case !force:
		return &failure{exitFailure, "choose another name after -o, or overwrite it with -f", fmt.Errorf("%s: exists", path)}
	}
	return nil
}

// writeOutput writes the output whole or not at all.
func writeOutput(path string, file []byte, force bool) error {
	err := atomicfile.WriteIf(path, file, 0o666, func() error { return checkOutput(path, force) }) // it may have appeared meanwhile
	var known *failure
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case atomicfile.Full(err):
		return &failure{exitFailure, fmt.Sprintf("free %.1f MB there, or choose another place after -o", float64(len(file))/1e6),
			fmt.Errorf("%s: %w", path, cause(err))}
	}
	return &failure{exitFailure, "check the directory and its permissions, or choose another place after -o",
		fmt.Errorf("%s: cannot write: %w", path, cause(err))}
}
