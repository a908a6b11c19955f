package training

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Progress shows how a run goes: on a terminal one line that is written over,
// ten times a second at most, elsewhere plain lines at the reports only.
//
// The time left is our own estimate: that of the bar would count the steps of a
// resumed run as done in the time since it was resumed, and forget validations.
type Progress struct {
	out     io.Writer
	prefix  string                   // of every line that stays
	bar     *progressbar.ProgressBar // nil where there is no terminal
	width   func() int               // columns of the terminal
	steps   int
	begun   time.Time
	first   int // step at which this process began
	shown   time.Time
	latest  *Validation
	now     func() time.Time
	quiet   bool
	unended bool // a line stands on the terminal without its end
}

const (
	barWidth = 20
	// The bar's own part of a line: the description, which stands between, gets
	// the rest, as a line that is longer than the terminal cannot be written over.
	barColumns = len(" 100% |") + barWidth + len("|  ") + len(" ")
)

// NewProgress shows a run of steps steps, of which done are already behind it.
// Every line that stays on the screen begins with prefix.
func NewProgress(out *os.File, prefix string, done, steps int) *Progress {
	p := newProgress(out, done, steps, time.Now)
	p.prefix = prefix
	if descriptor := int(out.Fd()); term.IsTerminal(descriptor) {
		p.onTerminal(func() int {
			if columns, _, err := term.GetSize(descriptor); err == nil && columns > 0 {
				return columns
			}
			return 80
		})
	}
	return p
}

func newProgress(out io.Writer, done, steps int, now func() time.Time) *Progress {
	return &Progress{out: out, steps: steps, first: done, now: now, begun: now()}
}

// onTerminal lets the steps be shown, in lines of width columns.
func (p *Progress) onTerminal(width func() int) {
	p.width = width
	p.bar = progressbar.NewOptions(p.steps, progressbar.OptionSetWriter(p.out), progressbar.OptionSetWidth(barWidth),
		progressbar.OptionSetPredictTime(false), progressbar.OptionShowDescriptionAtLineEnd(), progressbar.OptionUseANSICodes(true))
}

// Step shows that step steps are done, with their latest losses. It writes
// nothing where there is no terminal.
func (p *Progress) Step(step int, losses map[string]float64) {
	if p.quiet || p.bar == nil || p.now().Sub(p.shown) < 100*time.Millisecond {
		return
	}
	p.shown = p.now()
	text := []rune(p.figures(step, losses, p.latest))
	p.bar.Describe(string(text[:min(len(text), max(0, p.width()-1-barColumns))]))
	p.bar.Set(step)
	p.unended = true
}

// Report shows a line of the journal. It stays on the screen.
func (p *Progress) Report(entry Entry) {
	if entry.Validation != nil {
		p.latest = entry.Validation
	}
	p.Message(p.figures(entry.Step, entry.Losses, entry.Validation))
}

// Message prints a line of its own, above the one that is written over.
func (p *Progress) Message(text string) {
	if !p.quiet {
		p.print(text)
	}
}

// Note prints what the user should know even where nothing else is said.
func (p *Progress) Note(text string) { p.print("note: " + text) }

// Quiet lets only notes be said from now on.
func (p *Progress) Quiet() { p.quiet = true }

func (p *Progress) print(text string) {
	if p.unended {
		p.bar.Clear()
		p.unended = false
	}
	fmt.Fprintln(p.out, p.prefix+text)
}

// Close ends the line that was written over.
func (p *Progress) Close() {
	if p.unended {
		fmt.Fprintln(p.out)
		p.unended = false
	}
}

// figures writes, in this order: steps, time left, losses by name, validation.
func (p *Progress) figures(step int, losses map[string]float64, validation *Validation) string {
	parts := []string{fmt.Sprintf("%*d/%d", len(fmt.Sprint(p.steps)), step, p.steps)}
	if left, ok := p.left(step); ok {
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

// left estimates the remaining time from the speed of this process.
func (p *Progress) left(step int) (string, bool) {
	if step <= p.first || step > p.steps {
		return "", false
	}
	each := p.now().Sub(p.begun) / time.Duration(step-p.first)
	left := (each * time.Duration(p.steps-step)).Round(time.Second)
	return fmt.Sprintf("%d:%02d:%02d", int(left.Hours()), int(left.Minutes())%60, int(left.Seconds())%60), true
}
