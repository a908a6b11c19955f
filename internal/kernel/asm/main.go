// Command asm writes the assembly of package kernel for amd64, with AVX-512 and
// with AVX2, and its Go declarations. `go generate ./internal/kernel` runs it in
// the directory of that package. A test of this command fails if the two files
// differ from its output.
//
// Main path: write makes both files. It emits wide, narrow and pack (matrix product
// and convolution), maps, pairs, sums, squares and gather (element by element),
// deinterleave, interleave, inputTransform and outputTransform (Winograd), dot and
// leakyGrad (training). wide and narrow exist in two forms: fused, and with
// multiplication and addition as two instructions, which has the bits of plain Go.
package main

import (
	"fmt"
	"os"
)

// The files that the command writes.
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
