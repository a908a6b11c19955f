// Command emit writes the two builds of the vector kernels that package kernel
// embeds for WebAssembly. `go generate ./internal/kernel` runs it in the directory
// of that package, where a test fails if the files are not its output.
package main

import (
	"fmt"
	"os"

	"enciphergan/internal/kernel/simd"
)

func main() {
	for name, relaxed := range map[string]bool{"relaxed.wasm": true, "simd128.wasm": false} {
		if err := os.WriteFile(name, simd.Module(relaxed), 0o666); err != nil {
			fmt.Fprintf(os.Stderr, "emit: %v\n", err)
			os.Exit(1)
		}
	}
}
