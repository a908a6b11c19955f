package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"enciphergan/internal/training/journal"
)

// clock returns a time that advances by one second a call.
func clock() func() time.Time {
	at := time.Unix(0, 0)
	return func() time.Time {
		at = at.Add(time.Second)
		return at
	}
}

func testProgress(out io.Writer, done, steps int) *trainProgress {
	now := clock()
	return &trainProgress{out: out, steps: steps, first: done, now: now, began: now()}
}

func TestTrainProgressPlain(t *testing.T) {
	var out bytes.Buffer
	p := testProgress(&out, 0, 100)
	for step := 1; step <= 9; step++ {
		p.Step(step, map[string]float64{"total": 1})
	}
	if out.Len() > 0 {
		t.Fatalf("steps wrote %q to a file", out.String())
	}
	p.Validated(journal.Entry{Step: 10, Losses: map[string]float64{"total": -5.25, "adversarial": .5},
		Validation: &journal.Validation{PSNR: 58.125, MinimumPSNR: 48.5, SSIM: .9991, Entropy: 7.9972, Correlation: .0031}})
	p.Close()
	want := "encipher:  10/100  0:00:09 left  adversarial 0.5  total -5.25  PSNR 58.12 dB (min 48.50)  SSIM 0.99910  entropy 7.9972  correlation 0.0031\n"
	if got := out.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestTrainProgressQuiet checks that a quiet run prints notes only.
func TestTrainProgressQuiet(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		var out bytes.Buffer
		p := testProgress(&out, 0, 100)
		if terminal {
			p.bar = testBar(&out, p.now, 80)
		}
		p.quiet = true
		p.Step(9, map[string]float64{"total": 1})
		p.Validated(journal.Entry{Step: 10})
		p.Message("wrote model")
		p.Note("skipped a.jpg")
		p.Close()
		if got := out.String(); got != "encipher: note: skipped a.jpg\n" {
			t.Errorf("terminal %t: %q", terminal, got)
		}
	}
}

func TestTrainProgressTerminal(t *testing.T) {
	var out bytes.Buffer
	p := testProgress(&out, 40, 80)
	const columns = 60
	p.bar = testBar(&out, p.now, columns)
	// last returns the line on the terminal. It checks that every line that was
	// overwritten is shorter than the terminal.
	last := func() string {
		t.Helper()
		lines := strings.Split(out.String(), "\r")
		for _, line := range lines {
			if utf8.RuneCountInString(line) >= columns {
				t.Errorf("%q does not fit the terminal", line)
			}
		}
		out.Reset()
		return lines[len(lines)-1]
	}
	p.Step(60, map[string]float64{"total": 1})
	if line := last(); !strings.HasPrefix(line, "  75% |") || !strings.Contains(line, "  60/80  0:00:0") || strings.Contains(line, "\n") {
		t.Errorf("line %q", line)
	}
	p.Step(61, map[string]float64{"total": 1})
	if line := last(); !strings.HasPrefix(line, "  76% |") || !strings.Contains(line, "  61/80  0:00:0") {
		t.Errorf("line %q", line)
	}
	p.Message("sample written")
	if got := out.String(); strings.TrimLeft(got, " \r") != "encipher: sample written\n" || !strings.HasPrefix(got, "\r"+strings.Repeat(" ", 50)) {
		t.Errorf("message %q", got)
	}
	out.Reset()
	p.Step(80, nil)
	if line := last(); !strings.HasPrefix(line, " 100% |") || !strings.Contains(line, "  80/80") {
		t.Errorf("line %q", line)
	}
	p.Close()
	p.Close()
	if got := out.String(); got != "\n" {
		t.Errorf("end %q", got)
	}
}
