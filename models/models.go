// Package models embeds the networks that ship with Encipher: one directory a
// model with card.json, encryption.onnx and decryption.onnx. There are no
// secrets here; what protects a picture is its key.
//
// Main path: Files(Default) gives what network.Load wants.
package models

import (
	"embed"
	"fmt"
	"io/fs"
	"sort"
	"strings"

	"enciphergan/internal/network"
)

//go:embed */card.json */encryption.onnx */decryption.onnx
var files embed.FS

// Default names the model that is used when none is asked for.
const Default = "default"

// Names lists the shipped models in alphabetical order.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	return names
}

// Files returns a shipped model.
func Files(name string) (network.Files, error) {
	dir, err := fs.Sub(files, name)
	if err != nil {
		return network.Files{}, fmt.Errorf("model %q: %w", name, err)
	}
	if _, err := fs.Stat(dir, "card.json"); err != nil {
		return network.Files{}, fmt.Errorf("there is no shipped model %q; there are: %s", name, strings.Join(Names(), ", "))
	}
	return network.ReadFiles(dir)
}
