//go:build js && wasm && vectors

package main

import "os"

// exit ends the program like a fatal error of the runtime, for tests of workers
// that die.
func exit(argument) (map[string]any, error) {
	os.Exit(2)
	return nil, nil
}
