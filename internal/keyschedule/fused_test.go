//go:build !js

package keyschedule

import (
	"os"
	"os/exec"
	"regexp"
	"testing"
)

// TestNoFusedArithmetic compiles the package for machines whose compiler fuses
// multiplication and addition: one fused operation would change the bits of a mix.
func TestNoFusedArithmetic(t *testing.T) {
	fused := regexp.MustCompile(`\t(FN?M(?:ADD|SUB)[SD]|VFN?M(?:ADD|SUB)\w*)\t`)
	for _, machine := range [][]string{{"GOARCH=arm64"}, {"GOARCH=amd64", "GOAMD64=v3"}} {
		build := exec.Command("go", "build", "-gcflags=-S", ".")
		build.Env = append(os.Environ(), append(machine, "GOOS=linux", "CGO_ENABLED=0")...)
		listing, err := build.CombinedOutput()
		if err != nil {
			t.Fatalf("building for %v: %v\n%s", machine, err, listing[:min(len(listing), 2000)])
		}
		if !regexp.MustCompile(`keyschedule\.\(\*Material\)\.orthogonal STEXT`).Match(listing) {
			t.Fatalf("%v: the listing does not hold the code of orthogonal", machine)
		}
		if m := fused.FindAllSubmatch(listing, -1); m != nil {
			t.Errorf("%v: the compiler fuses (%s, %d times); write float64(x*y)", machine, m[0][1], len(m))
		}
	}
}
