package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"enciphergan/internal/training"
	"enciphergan/internal/training/journal"
)

// trainProgress shows a training run: on a terminal, a line that is overwritten at
// most ten times a second; otherwise a line for each validation.
//
// It estimates the remaining time itself: the bar would count the steps before a
// resumption as done in this process, and ignore validations.
type trainProgress struct {
	out     io.Writer
	bar     *progressbar.ProgressBar // nil if out is not a terminal
	width   func() int               // columns of the terminal
	steps   int
	began   time.Time
	first   int // step at which this process began
	shown   time.Time
	latest  *journal.Validation
	now     func() time.Time
	quiet   bool // print notes only
	partial bool // the terminal shows a line without its end
}

var _ training.Observer = (*trainProgress)(nil)

const (
	barWidth = 20
	// Columns of the bar itself. The description gets the rest: a line longer than
	// the terminal cannot be overwritten.
	barColumns = len(" 100% |") + barWidth + len("|  ") + len(" ")
)

// newTrainProgress shows a run of the given steps, of which done are completed.
func newTrainProgress(done, steps int, quiet bool) *trainProgress {
	p := &trainProgress{out: os.Stderr, steps: steps, first: done, now: time.Now, began: time.Now(), quiet: quiet}
	if descriptor := int(os.Stderr.Fd()); term.IsTerminal(descriptor) {
		p.drawOn(func() int {
			if columns, _, err := term.GetSize(descriptor); err == nil && columns > 0 {
				return columns
			}
			return 80
		})
	}
	return p
}

// drawOn enables the bar on a terminal of width columns.
func (p *trainProgress) drawOn(width func() int) {
	p.width = width
	p.bar = progressbar.NewOptions(p.steps, progressbar.OptionSetWriter(p.out), progressbar.OptionSetWidth(barWidth),
		progressbar.OptionSetPredictTime(false), progressbar.OptionShowDescriptionAtLineEnd(), progressbar.OptionUseANSICodes(true))
}

// Step updates the bar on a terminal.
func (p *trainProgress) Step(step int, losses map[string]float64) {
	if p.quiet || p.bar == nil || p.now().Sub(p.shown) < 100*time.Millisecond {
		return
	}
	p.shown = p.now()
	text := []rune(p.format(step, losses, p.latest))
	p.bar.Describe(string(text[:min(len(text), max(0, p.width()-1-barColumns))]))
	p.bar.Set(step)
	p.partial = true
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
	if p.partial {
		p.bar.Clear()
		p.partial = false
	}
	fmt.Fprintln(p.out, "encipher: "+text)
}

// Close ends the line of the bar.
func (p *trainProgress) Close() {
	if p.partial {
		fmt.Fprintln(p.out)
		p.partial = false
	}
}

// format lists steps, remaining time, losses by name and the validation.
func (p *trainProgress) format(step int, losses map[string]float64, validation *journal.Validation) string {
	parts := []string{fmt.Sprintf("%*d/%d", len(fmt.Sprint(p.steps)), step, p.steps)}
	if left, ok := p.remaining(step); ok {
		parts = append(parts, left+" left")
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

// remaining estimates the remaining time from the speed of this process.
func (p *trainProgress) remaining(step int) (string, bool) {
	if step <= p.first || step > p.steps {
		return "", false
	}
	each := p.now().Sub(p.began) / time.Duration(step-p.first)
	left := (each * time.Duration(p.steps-step)).Round(time.Second)
	return fmt.Sprintf("%d:%02d:%02d", int(left.Hours()), int(left.Minutes())%60, int(left.Seconds())%60), true
}
