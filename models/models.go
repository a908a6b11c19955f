// Package models provides the models that ship with Encipher, a folder each with
// card.json, encryption.onnx and decryption.onnx. They contain no secrets; a picture is
// protected by its key.
//
// Programs embed the models that the page and the command line use by default. The model of
// the paper is 11 MB and is read from a folder models next to the program or in the working
// directory.
//
// Files(Default) returns the files of the default model, for network.Load.
package models

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"enciphergan/internal/network"
)

//go:embed default default-kappa1
var embedded embed.FS

// Default names the model that is used when no other is chosen.
const Default = "default"

// external holds the names of the shipped models that are not embedded, with the digests of
// their files: a folder of the same name with other files is not the shipped model.
var external = map[string]string{
	"paper-stats": "7943ee3806fbdb161ed56a268c3a821f5e76ec798516bed937038dadbb4da2b8",
}

// ErrMissing is returned by Files for a shipped model whose files are not installed. Its
// text says where to put them.
var ErrMissing = errors.New("its files are not installed: copy the folder models of the distribution, or of the sources, next to the program")

// Names returns the names of the shipped models, in alphabetical order. Files returns
// ErrMissing for those that are not installed.
func Names() []string {
	names := []string{Default, Default + "-kappa1"}
	for name := range external {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Installed returns the names of the shipped models whose files are embedded or installed,
// in alphabetical order.
func Installed() []string {
	return slices.DeleteFunc(Names(), func(name string) bool {
		return external[name] != "" && find(name) == nil
	})
}

// Files returns the files of a shipped model.
func Files(name string) (network.Files, error) {
	if !slices.Contains(Names(), name) {
		return network.Files{}, fmt.Errorf("there is no shipped model %q; the shipped models are %s", name, strings.Join(Names(), ", "))
	}
	want, isExternal := external[name]
	if !isExternal {
		dir, err := fs.Sub(embedded, name)
		if err != nil {
			return network.Files{}, fmt.Errorf("model %q: %w", name, err)
		}
		return network.ReadFiles(dir)
	}
	dir := find(name)
	if dir == nil {
		return network.Files{}, fmt.Errorf("model %q: %w", name, ErrMissing)
	}
	files, err := network.ReadFiles(dir)
	if err != nil {
		return network.Files{}, fmt.Errorf("model %q: %w", name, err)
	}
	if got := digest(files); got != want {
		return network.Files{}, fmt.Errorf("model %q: the files in %s are not of this version: copy them from its distribution", name, dir)
	}
	return files, nil
}

// find returns the folder of an external model, or nil.
func find(name string) fs.FS {
	parents := []string{"models"}
	if program, err := os.Executable(); err == nil {
		parents = append([]string{filepath.Join(filepath.Dir(program), "models")}, parents...)
	}
	for _, parent := range parents {
		dir := os.DirFS(filepath.Join(parent, name))
		if _, err := fs.Stat(dir, "card.json"); err == nil {
			return dir
		}
	}
	return nil
}

// digest returns the SHA-256 of a model's files, each preceded by its name and length.
func digest(files network.Files) string {
	sum := sha256.New()
	for _, f := range files.List() {
		fmt.Fprintf(sum, "%s %d\n", f.Name, len(f.Data))
		sum.Write(f.Data)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
