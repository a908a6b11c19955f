package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"enciphergan/internal/evaluation"
)

// parses PICTURES SKIPPED NAME... checks the last output of evaluate -json: the
// names of the models, and for each the number of pictures and of skipped pictures.
func parses(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: parses PICTURES SKIPPED NAME...")
	}
	var all evaluation.BasicReport
	d := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	d.DisallowUnknownFields()
	ts.Check(d.Decode(&all))
	if len(all.Models) != len(args)-2 {
		ts.Fatalf("%d models", len(all.Models))
	}
	for i, m := range all.Models {
		if m.Model != args[2+i] || len(m.Fingerprint) != 64 || m.Kappa == 0 {
			ts.Fatalf("model %q, kappa %g, fingerprint %q", m.Model, m.Kappa, m.Fingerprint)
		}
		if got := fmt.Sprintf("%d %d", len(m.Pictures), len(m.Skipped)); got != args[0]+" "+args[1] {
			ts.Fatalf("%s: measured and skipped %s", m.Model, got)
		}
		const rounding = 1e-6
		if !(m.Minimum.PSNR <= m.Mean.PSNR+rounding && m.Mean.PSNR <= m.Maximum.PSNR+rounding && m.Minimum.PSNR > 20 && m.Mean.BareEntropy > 7) {
			ts.Fatalf("%s: %+v", m.Model, m)
		}
	}
}

func TestDefaultModels(t *testing.T) {
	got := defaultModels([]string{"default", "default-kappa1", "defaulted", "other"})
	if !slices.Equal(got, []string{"default", "default-kappa1"}) {
		t.Errorf("variants %v", got)
	}
	if got := defaultModels(nil); got != nil {
		t.Errorf("variants of nothing: %v", got)
	}
	if hint := shippedModels(nil); !strings.Contains(hint, "encipher train -o RUN FOLDER") {
		t.Errorf("without shipped models: %q", hint)
	}
}

// TestEvaluateInterrupted checks that an interrupt has its exit code and leaves no report.
func TestEvaluateInterrupted(t *testing.T) {
	dir := t.TempDir()
	writeModels(t, dir)
	report := filepath.Join(dir, "report.html")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := root().Run(ctx, []string{"encipher", "evaluate", "-html", report, "-whole", "-model", filepath.Join(dir, "model"), dir})
	if exitCode(err) != exitInterrupted {
		t.Errorf("exit code %d: %v", exitCode(err), err)
	}
	if _, err := os.Stat(report); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a report was written: %v", err)
	}
}

// means NAME... checks that the last output of evaluate -json has, for each model, the means of
// exactly these direct sub-folders, as computed from its pictures.
func means(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: means NAME...")
	}
	var all evaluation.BasicReport
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &all))
	for _, m := range all.Models {
		if len(m.Subfolders) != len(args) {
			ts.Fatalf("%s: sub-folders %+v", m.Model, m.Subfolders)
		}
		for i, s := range m.Subfolders {
			sum, n := 0., 0
			for _, p := range m.Pictures {
				if strings.HasPrefix(p.Name, args[i]+"/") {
					sum, n = sum+p.PSNR, n+1
				}
			}
			if s.Name != args[i] || s.Pictures != n || n == 0 || math.Abs(s.Mean.PSNR-sum/float64(n)) > 1e-9 {
				ts.Fatalf("%s: %+v, want %s with a PSNR of %g over %d", m.Model, s, args[i], sum/float64(n), n)
			}
		}
	}
}
