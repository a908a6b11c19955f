package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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

// How keys, models, inputs and outputs are read and written.

func pictureFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "o", Usage: "`FILE` to write, FOLDER for several pictures, - for standard output"},
		&cli.StringFlag{Name: "model", Usage: "`NAME` of a shipped model, directory of another, or sealed one", Value: models.Default},
		&cli.BoolFlag{Name: "f", Usage: "overwrite outputs"},
		&cli.IntFlag{Name: "workers", Usage: "tiles of a picture computed at the same time; 0: as many as processors, shared by the jobs"},
	}
}

var errInterrupted = errors.New("interrupted, nothing was written")

// fileError adds to an error of the library the name of the file.
func fileError(path string, err error) error {
	if encipher.CodeOf(err) == encipher.Canceled {
		return &failure{exitInterrupted, "", errInterrupted}
	}
	if path == standard {
		path = "standard input"
	}
	return fmt.Errorf("%s: %w", path, err)
}

// keyFile is what a key file says.
type keyFile struct {
	encipher.Key
	created time.Time // zero where it is not recorded
	text    string    // the whole file, not sealed
}

// readKey reads a key file. One that is sealed it opens with a passphrase, for which
// it asks on the terminal.
func readKey(c *cli.Command, path string) (k keyFile, err error) {
	file, err := readSmall(path)
	if err != nil {
		return k, badInput("check its name, or make a key with: encipher key new -o FILE", fmt.Errorf("%s: cannot read the key: %w", path, cause(err)))
	}
	if k.text, err = unsealed(c, path, file); err != nil {
		return k, err
	}
	if k.Key, k.created, err = key.ParseFile([]byte(k.text)); err != nil {
		return k, badInput("compare it with the original, or copy the whole line again", fmt.Errorf("%s: %w", path, err))
	}
	if encipher.IsSealed([]byte(file)) {
		return k, nil
	}
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		say(os.Stderr, "note: others can read %s; take that away with: chmod 600 %[1]s", path)
	}
	return k, nil
}

// readInput reads a picture or cipher image, or standard input, and stops at the
// library's limit. An interrupt ends it also where it waits for a pipe.
func readInput(ctx context.Context, path string) ([]byte, error) {
	type read struct {
		file []byte
		err  error
	}
	done := make(chan read, 1)
	go func() {
		file, err := readWhole(path)
		done <- read{file, err}
	}()
	select {
	case r := <-done:
		return r.file, r.err
	case <-ctx.Done():
		return nil, &failure{exitInterrupted, "", errInterrupted}
	}
}

func readWhole(path string) ([]byte, error) {
	if path == standard {
		return readAll(os.Stdin, "standard input")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, badInput("check the name of the picture", fmt.Errorf("%s: cannot read the picture: %w", path, cause(err)))
	}
	defer f.Close()
	return readAll(f, path)
}

func readAll(f io.Reader, path string) ([]byte, error) {
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
func modelFiles(c *cli.Command, name string) (files network.Files, err error) {
	info, statErr := os.Stat(name)
	switch {
	case slices.Contains(models.Names(), name):
		files, err = models.Files(name)
	case statErr != nil:
		return files, badInput(shippedModels(models.Names()), fmt.Errorf("there is no shipped model and no directory %q", name))
	case !info.IsDir():
		return sealedModelFiles(c, name)
	default:
		files, err = network.ReadFiles(os.DirFS(name))
	}
	if err != nil {
		return files, badInput("a model is a directory with card.json, encryption.onnx and decryption.onnx", fmt.Errorf("%s: %w", name, err))
	}
	return files, nil
}

// sealedModelFiles opens a sealed model with a passphrase of the terminal.
func sealedModelFiles(c *cli.Command, path string) (network.Files, error) {
	sealed, err := readModelFile(path)
	if err != nil {
		return network.Files{}, badInput("check the name of the model", fmt.Errorf("%s: cannot read the model: %w", path, cause(err)))
	}
	if !encipher.IsSealed(sealed) {
		return network.Files{}, badInput(shippedModels(models.Names()), fmt.Errorf("%s: it is neither a directory nor a sealed model", path))
	}
	p, err := phraseOf(c, path, "encipher model open")
	if err != nil {
		return network.Files{}, err
	}
	files, err := encipher.UnsealModel(sealed, p)
	return files, sealedError(path, "encipher model open", err)
}

// shippedModels says what may be given after -model.
func shippedModels(names []string) string {
	if len(names) == 0 {
		return "this program was built without a model; train one with encipher train -o RUN FOLDER and give -model RUN/model"
	}
	return "shipped models: " + strings.Join(names, ", ") + "; or give a model directory, such as RUN/model of encipher train, or a sealed model"
}

func openModel(c *cli.Command, name string) (*encipher.Model, error) {
	files, err := modelFiles(c, name)
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
