package training

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// clock moves one second a look.
func clock() func() time.Time {
	at := time.Unix(0, 0)
	return func() time.Time {
		at = at.Add(time.Second)
		return at
	}
}

func TestProgressPlain(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, 0, 100, clock())
	for step := 1; step <= 9; step++ {
		p.Step(step, map[string]float64{"total": 1})
	}
	if out.Len() > 0 {
		t.Fatalf("steps wrote %q to a file", out.String())
	}
	p.Report(Entry{Step: 10, Losses: map[string]float64{"total": -5.25, "adversarial": .5},
		Validation: &Validation{PSNR: 58.125, MinimumPSNR: 48.5, SSIM: .9991, Entropy: 7.9972, Correlation: .0031}})
	p.Close()
	want := " 10/100  0:00:09 left  adversarial 0.5  total -5.25  PSNR 58.12 dB (min 48.50)  SSIM 0.99910  entropy 7.9972  correlation 0.0031\n"
	if got := out.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// A quiet run says notes alone.
func TestProgressQuiet(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		var out bytes.Buffer
		p := newProgress(&out, 0, 100, clock())
		p.prefix = "encipher: "
		if terminal {
			p.onTerminal(func() int { return 80 })
		}
		p.Quiet()
		p.Step(9, map[string]float64{"total": 1})
		p.Report(Entry{Step: 10})
		p.Message("wrote model")
		p.Note("skipped a.jpg")
		p.Close()
		if got := out.String(); got != "encipher: note: skipped a.jpg\n" {
			t.Errorf("terminal %t: %q", terminal, got)
		}
	}
}

func TestProgressTerminal(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, 40, 80, clock())
	const columns = 60
	p.onTerminal(func() int { return columns })
	// last shows the line that stands on the terminal, and checks that no line
	// that was written over is as long as the terminal is wide.
	last := func() string {
		t.Helper()
		lines := strings.Split(strings.NewReplacer("\x1b[0K", "", "\x1b[2K", "").Replace(out.String()), "\r")
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
	if got := out.String(); got != "\x1b[2K\rsample written\n" {
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
