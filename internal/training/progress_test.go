package training

import (
	"bytes"
	"strings"
	"testing"
	"time"
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

func TestProgressTerminal(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, 40, 80, clock())
	p.width = func() int { return 60 }
	p.Step(60, map[string]float64{"total": 1})
	p.Step(61, map[string]float64{"total": 1})
	line := out.String()
	if !strings.HasPrefix(line, "\r[===============     ] 60/80") || !strings.Contains(line, "0:00:0") || strings.Contains(line, "\n") {
		t.Errorf("line %q", line)
	}
	for _, part := range strings.Split(line, "\r") {
		if len(part) >= 60 {
			t.Errorf("%q does not fit the terminal", part)
		}
	}
	out.Reset()
	p.Message("sample written")
	if got := out.String(); !strings.HasSuffix(got, "\rsample written\n") {
		t.Errorf("message %q", got)
	}
	p.Step(80, nil)
	out.Reset()
	p.Close()
	p.Close()
	if got := out.String(); got != "\n" {
		t.Errorf("end %q", got)
	}
}
