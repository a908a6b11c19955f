package op_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestInferenceLinksNoGradients reads the symbols of an executable that imports the networks and
// only runs inference. GradInput may occur, as the forward pass of a transposed convolution.
func TestInferenceLinksNoGradients(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	if out, err := exec.Command("go", "build", "-o", program, "enciphergan/cmd/encipher-server").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	symbols, err := exec.Command("go", "tool", "nm", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(symbols), "enciphergan/internal/op.Conv2D") {
		t.Fatal("the program has no convolutions")
	}
	gradient := regexp.MustCompile(`internal/op\.\S*\.(differentiate|backward)\b|internal/kernel\.(Conv2DGradWeight|\w+Grad)(\.|\s|$)`)
	for line := range strings.Lines(string(symbols)) {
		if gradient.MatchString(line) && !strings.Contains(line, "go:itab") {
			t.Errorf("linked: %s", strings.TrimSpace(line))
		}
	}
}
