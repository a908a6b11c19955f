// Command asm writes the assembly of package kernel for amd64, with AVX-512 and
// with AVX2, and the Go declarations that go with it. `go generate
// ./internal/kernel` runs it in the directory of that package; a test of this one
// tells when the two files there are not what it writes.
//
// Main path: write makes both files. It emits wide, narrow and pack (matrix product
// and convolution, fused ones beside those with the bits of plain Go, in which a
// multiplication and an addition are two instructions), maps, pairs, sums, squares
// and gather (element by element), deinterleave, interleave, inputTransform and outputTransform (Winograd),
// dot and leakyGrad (training).
package main

import (
	"fmt"
	"os"
)

// The files that are written.
const (
	assemblyFile     = "kernels_amd64.s"
	declarationsFile = "kernels_amd64.go"
)

func main() {
	assembly, declarations, err := write()
	if err == nil {
		err = os.WriteFile(assemblyFile, assembly, 0o644)
	}
	if err == nil {
		err = os.WriteFile(declarationsFile, declarations, 0o644)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "asm: %v\n", err)
		os.Exit(1)
	}
}
