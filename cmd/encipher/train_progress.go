package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"enciphergan/internal/training"
	"enciphergan/internal/training/journal"
)

// trainProgress shows a training run: on a terminal, a line that is overwritten at
// most ten times a second; otherwise a line for each validation.
type trainProgress struct {
	out    io.Writer
	bar    *progressBar // nil if out is not a terminal
	steps  int
	began  time.Time
	first  int // step at which this process began
	latest *journal.Validation
	now    func() time.Time
	quiet  bool // print notes only
}

var _ training.Observer = (*trainProgress)(nil)

// newTrainProgress shows a run of the given steps, of which done are completed.
func newTrainProgress(done, steps int, quiet bool) *trainProgress {
	return &trainProgress{out: os.Stderr, bar: newProgressBar(), steps: steps, first: done, now: time.Now, began: time.Now(), quiet: quiet}
}

// Step updates the bar on a terminal.
func (p *trainProgress) Step(step int, losses map[string]float64) {
	if !p.quiet && p.bar != nil {
		p.bar.draw(int64(step), int64(p.steps), p.format(step, losses, p.latest))
	}
}

// Validated prints a line of the journal.
func (p *trainProgress) Validated(entry journal.Entry) {
	if entry.Validation != nil {
		p.latest = entry.Validation
	}
	p.Message(p.format(entry.Step, entry.Losses, entry.Validation))
}

// Message prints a line unless the run is quiet.
func (p *trainProgress) Message(text string) {
	if !p.quiet {
		p.print(text)
	}
}

// Note prints a line even if the run is quiet.
func (p *trainProgress) Note(text string) { p.print("note: " + text) }

func (p *trainProgress) print(text string) {
	p.bar.clear()
	fmt.Fprintln(p.out, "encipher: "+text)
}

// Close ends the line of the bar.
func (p *trainProgress) Close() {
	if p.bar != nil && p.bar.width > 0 {
		fmt.Fprintln(p.out)
		p.bar.width = 0
	}
}

// format lists steps, remaining time, losses by name and the validation.
func (p *trainProgress) format(step int, losses map[string]float64, validation *journal.Validation) string {
	parts := []string{fmt.Sprintf("%*d/%d", len(fmt.Sprint(p.steps)), step, p.steps)}
	if left := timeLeft(p.now().Sub(p.began), int64(step-p.first), int64(p.steps-p.first)); left != "" {
		parts = append(parts, left)
	}
	names := make([]string, 0, len(losses))
	for name := range losses {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%s %.4g", name, losses[name]))
	}
	if v := validation; v != nil {
		parts = append(parts, fmt.Sprintf("PSNR %.2f dB (min %.2f)", v.PSNR, v.MinimumPSNR), fmt.Sprintf("SSIM %.5f", v.SSIM),
			fmt.Sprintf("entropy %.4f", v.Entropy), fmt.Sprintf("correlation %.4f", v.Correlation))
	}
	return strings.Join(parts, "  ")
}
