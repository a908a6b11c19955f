//go:build js && wasm && vectors

package main

import (
	"fmt"

	"enciphergan/bench/generator"
	"enciphergan/internal/kernel"
	"enciphergan/internal/network"
)

// maxFeedBytes limits the text of a generator's inputs.
const maxFeedBytes = 256 << 20

// vectorMethods returns methods for benchmarks and tests:
//
//	loadGenerator({generator, feed, arithmetic})   {outputs}   loads an ONNX file and runs it once
//	runGenerator({})                               {seconds}   runs it again
//	exit()                                         ends the program
//
// feed and outputs are tensors in the text format of bench/peers/tensors.mjs, as bytes.
func vectorMethods() map[string]method {
	var loaded *generator.Generator
	return map[string]method{
		"exit": exit,
		"loadGenerator": func(a argument) (map[string]any, error) {
			file, err := a.bytes("generator", network.MaxGeneratorBytes, badArgument)
			if err != nil {
				return nil, err
			}
			feed, err := a.bytes("feed", maxFeedBytes, badArgument)
			if err != nil {
				return nil, err
			}
			name, err := a.text("arithmetic", 16)
			if err != nil {
				return nil, err
			}
			arithmetic, err := kernel.ParseArithmetic(name)
			if err != nil {
				return nil, err
			}
			g, outputs, err := generator.Load(file, arithmetic, [][]byte{feed}, 1)
			if err != nil {
				return nil, err
			}
			loaded = g
			text, err := newUint8Array(outputs[0])
			return map[string]any{"outputs": text}, err
		},
		"runGenerator": func(argument) (map[string]any, error) {
			if loaded == nil {
				return nil, fmt.Errorf("no generator is loaded")
			}
			took, err := loaded.Run()
			return map[string]any{"seconds": took.Seconds()}, err
		},
	}
}
