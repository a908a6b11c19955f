//go:build js && wasm && vectors

package main

import "os"

// exit ends the program as a fault of its runtime would, for tests of what
// becomes of the calls of a worker that dies.
func exit(argument) (map[string]any, error) {
	os.Exit(2)
	return nil, nil
}
