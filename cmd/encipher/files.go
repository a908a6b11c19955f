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
		&cli.StringFlag{Name: "model", Usage: "`NAME` of a shipped model or directory of another", Value: models.Default},
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
