package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v3"
	"golang.org/x/term"

	"enciphergan"
	"enciphergan/internal/atomicfile"
	"enciphergan/models"
)

// This file reads keys, models and inputs, and writes outputs.
func pictureFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "o", Usage: "`FILE` to write, FOLDER for several pictures, - for standard output"},
		&cli.StringFlag{Name: "model", Usage: "`NAME` of a shipped model, directory of another, or sealed one", Value: models.Default},
		&cli.BoolFlag{Name: "f", Usage: "overwrite outputs"},
		&cli.IntFlag{Name: "workers", Usage: "process `N` tiles of a picture at the same time; 0: as many as processors, shared by the jobs"},
	}
}

var errInterrupted = errors.New("interrupted, nothing was written")

// fileError adds the name of the file to an error of the library. A cancelled context becomes
// errInterrupted.
func fileError(path string, err error) error {
	if encipher.CodeOf(err) == encipher.Canceled {
		return &failure{exitInterrupted, "", errInterrupted}
	}
	return fmt.Errorf("%s: %w", named(path), err)
}

// named returns the name of an input for messages.
func named(path string) string {
	if path == standard {
		return "standard input"
	}
	return path
}

// keyFile is the content of a key file.
type keyFile struct {
	encipher.Key
	created time.Time // zero if not recorded
	text    string    // the whole file, unsealed
}

// readKey reads a key file, and opens it if it is sealed.
func readKey(ctx context.Context, c *cli.Command, path string) (k keyFile, err error) {
	file, err := readSmall(ctx, path)
	if err != nil {
		return k, badInput("check its name, or make a key: encipher key new -o FILE", fmt.Errorf("%s: cannot read the key: %w", path, cause(err)))
	}
	k.text = file.text
	sealed, _ := encipher.IsSealed([]byte(file.text))
	if sealed {
		ids, err := readIdentities(ctx, c)
		if err == nil {
			k.text, err = openSealed(ctx, c, path, openKeyCommand, []byte(file.text), ids, encipher.UnsealKeyFile)
		}
		if err != nil {
			return k, err
		}
	}
	if k.Key, k.created, err = encipher.ParseKeyFile(k.text); err != nil {
		return k, badInput("compare it with the original, or copy the whole line again", fmt.Errorf("%s: %w", path, err))
	}
	if !sealed {
		file.warn(path)
	}
	return k, nil
}

// readInput reads a picture or cipher image from a file or standard input. It returns an
// error if the input exceeds encipher.MaxFileBytes. An interrupt ends it even while it waits for a pipe.
func readInput(ctx context.Context, path string) ([]byte, error) {
	return interruptible(ctx, func() ([]byte, error) { return readWhole(path) })
}

// interruptible returns what read returns, or the error of an interrupt if that comes first:
// reading a pipe or a terminal may never end.
func interruptible[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := read()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, &failure{exitInterrupted, "", errInterrupted}
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

// modelFiles reads a shipped model by name, a model directory or a sealed model.
func modelFiles(ctx context.Context, c *cli.Command, name string) (files encipher.ModelFiles, err error) {
	info, statErr := os.Stat(name)
	switch {
	case slices.Contains(models.Names(), name):
		if files, err = models.Files(name); errors.Is(err, models.ErrMissing) {
			return files, badInput("or give the model's directory with -model", err)
		}
	case statErr != nil:
		return files, badInput(shippedModels(models.Names()), fmt.Errorf("there is no shipped model, directory or file %q", name))
	case !info.IsDir():
		return sealedModelFiles(ctx, c, name)
	default:
		files, err = interruptible(ctx, func() (encipher.ModelFiles, error) { return encipher.ReadModel(os.DirFS(name)) })
		if ctx.Err() != nil {
			return files, err
		}
	}
	if err != nil {
		return files, badInput("a model is a directory with card.json, encryption.onnx and decryption.onnx", fmt.Errorf("%s: %w", name, err))
	}
	return files, nil
}

// sealedModelFiles reads and opens a sealed model.
func sealedModelFiles(ctx context.Context, c *cli.Command, path string) (encipher.ModelFiles, error) {
	sealed, err := readModelFile(ctx, path)
	if err != nil {
		return encipher.ModelFiles{}, badInput("check the name of the model", fmt.Errorf("%s: cannot read the model: %w", path, cause(err)))
	}
	if is, _ := encipher.IsSealed(sealed); !is {
		return encipher.ModelFiles{}, badInput(shippedModels(models.Names()), fmt.Errorf("%s: neither a directory nor a sealed model", path))
	}
	ids, err := readIdentities(ctx, c)
	if err != nil {
		return encipher.ModelFiles{}, err
	}
	return openSealed(ctx, c, path, openModelCommand, sealed, ids, encipher.UnsealModel)
}

// shippedModels returns a hint that lists the values of -model.
func shippedModels(names []string) string {
	if len(names) == 0 {
		return "this program was built without a model; train one with encipher train -o RUN FOLDER, then give -model RUN/model"
	}
	return "shipped models: " + strings.Join(names, ", ") + "; or give a model directory, such as RUN/model of encipher train, or a sealed model"
}

func openModel(ctx context.Context, c *cli.Command, name string) (*encipher.Model, error) {
	files, err := modelFiles(ctx, c, name)
	if err != nil {
		return nil, err
	}
	m, err := encipher.OpenModel(files)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

// checkStandard returns an error if standard output is a terminal. what names the binary output.
func checkStandard(what string) error {
	if term.IsTerminal(int(os.Stdout.Fd())) {
		return usage("give -o FILE, or redirect standard output", "the output is a %s, which cannot be written to a terminal", what)
	}
	return nil
}

// writeStandard writes to standard output.
func writeStandard(file []byte) error {
	stdout.Write(file)
	return stdout.failed()
}

// isFolderName reports whether a path ends with a path separator, and so must be a folder.
func isFolderName(path string) bool { return path != "" && os.IsPathSeparator(path[len(path)-1]) }

// unlisted returns the error of a folder that cannot be read: path, or the folder below it that err names.
func unlisted(path, hint string, err error) error {
	var listing *fs.PathError
	if errors.As(err, &listing) {
		path = listing.Path
	}
	return badInput(hint, fmt.Errorf("%s: cannot read the folder: %w", path, cause(err)))
}

// output is a file to write, and the flag that names it.
type output struct {
	path, flag string
	force      bool // replace an existing file
	secret     bool // make a new file readable by its owner only
}

// check returns an error if the output exists and force is not set, or if it is
// not a plain file: renaming would replace a device.
func (o output) check() error {
	info, err := os.Lstat(o.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, syscall.ENAMETOOLONG):
		return o.tooLong()
	case err != nil:
		return &failure{exitFailure, "check the name after " + o.flag, fmt.Errorf("%s: cannot write there: %w", o.path, cause(err))}
	case !info.Mode().IsRegular():
		return &failure{exitFailure, "choose another name after " + o.flag, fmt.Errorf("%s: exists and is not a plain file", o.path)}
	case !o.force:
		return o.exists()
	}
	return nil
}

// tooLong returns the error of a name that is too long for the file system.
func (o output) tooLong() error {
	return &failure{exitFailure, "rename the input, or process it by itself with a shorter name after " + o.flag,
		fmt.Errorf("%s: cannot write there: the name has %d bytes, more than the file system allows", o.path, len(filepath.Base(o.path)))}
}

func (o output) exists() error {
	return &failure{exitFailure, "choose another name after " + o.flag + ", or overwrite it with -f", fmt.Errorf("%s: exists", o.path)}
}

// write writes the output whole or not at all. It preserves the permissions of a file
// that it replaces, so that a private file stays private.
func (o output) write(file []byte) error {
	err := o.check()
	if err != nil {
		return err
	}
	var mode fs.FileMode = 0o666
	if o.secret {
		mode = 0o600
	}
	_, statErr := os.Lstat(o.path)
	switch {
	case !o.force:
		err = atomicfile.WriteNew(o.path, file, mode)
	case statErr == nil:
		err = atomicfile.Replace(o.path, file)
	default:
		err = atomicfile.Write(o.path, file, mode)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist): // created since the check
		return o.exists()
	case atomicfile.Full(err):
		return &failure{exitFailure, fmt.Sprintf("free %.1f MB there, or choose another place after %s", float64(len(file))/1e6, o.flag),
			fmt.Errorf("%s: %w", o.path, cause(err))}
	}
	return &failure{exitFailure, "check the directory and its permissions, or choose another place after " + o.flag,
		fmt.Errorf("%s: cannot write: %w", o.path, cause(err))}
}
