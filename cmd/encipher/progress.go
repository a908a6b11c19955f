package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"enciphergan"
)

// progressBar is a line on a terminal that shows the progress of an operation. It is overwritten at most ten times
// a second. A nil progressBar draws nothing.
type progressBar struct {
	out     io.Writer
	columns func() int // of the terminal
	now     func() time.Time
	began   time.Time
	drawn   time.Time
	width   int // columns of the line that the terminal shows; 0: none
}

const barWidth = 20

// newProgressBar returns a bar on standard error, or nil if that is not a terminal.
func newProgressBar() *progressBar {
	descriptor := int(os.Stderr.Fd())
	if !term.IsTerminal(descriptor) {
		return nil
	}
	return &progressBar{out: os.Stderr, now: time.Now, began: time.Now(), columns: func() int {
		if columns, _, err := term.GetSize(descriptor); err == nil && columns > 0 {
			return columns
		}
		return 80
	}}
}

// draw shows that done of total steps are done, and a text, as far as the line has room.
func (b *progressBar) draw(done, total int64, text string) {
	if b == nil || b.now().Sub(b.drawn) < 100*time.Millisecond && done < total {
		return
	}
	b.drawn = b.now()
	share := float64(min(max(done, 0), total)) / float64(max(total, 1))
	full := int(share * barWidth)
	line := []rune(fmt.Sprintf("%4.0f%% |%s%s|  %s", 100*share, strings.Repeat("█", full), strings.Repeat(" ", barWidth-full), visible(text)))
	line = line[:min(len(line), max(0, b.columns()-1))] // a longer line could not be overwritten
	fmt.Fprintf(b.out, "\r%s%s", string(line), strings.Repeat(" ", max(0, b.width-len(line))))
	b.width = len(line)
}

// clear removes the line from the terminal.
func (b *progressBar) clear() {
	if b != nil && b.width > 0 {
		fmt.Fprintf(b.out, "\r%s\r", strings.Repeat(" ", b.width))
		b.width, b.drawn = 0, time.Time{}
	}
}

// timeLeft returns an estimate of the time that the rest of total steps takes, or an empty string if it is unknown.
func timeLeft(elapsed time.Duration, done, total int64) string {
	if done <= 0 || done > total {
		return ""
	}
	left := time.Duration(float64(elapsed) / float64(done) * float64(total-done)).Round(time.Second)
	return fmt.Sprintf("%d:%02d:%02d left", int(left.Hours()), int(left.Minutes())%60, int(left.Seconds())%60)
}

// showProgress draws a bar for each stage on a terminal, and otherwise prints lines.
// end removes the bar.
func showProgress(quiet bool) (progress encipher.Progress, end func()) {
	bar := newProgressBar()
	switch {
	case quiet:
		return func(string, int, int) {}, func() {}
	case bar == nil:
		return progressLines(os.Stderr, time.Now), func() {}
	}
	current, last := "", 0
	return func(stage string, done, total int) {
		if stage != current || done < last { // a new stage, or the same stage of another picture
			bar.clear()
			bar.began, current = bar.now(), stage
		}
		last = done
		bar.draw(int64(done), int64(total), stage+"  "+timeLeft(bar.now().Sub(bar.began), int64(done), int64(total)))
	}, bar.clear
}

// progressPace is the interval of progress lines. A shorter operation prints none.
const progressPace = 10 * time.Second

// progressLines returns a Progress that prints at most one line every progressPace.
func progressLines(out io.Writer, now func() time.Time) encipher.Progress {
	last := now()
	return func(stage string, done, total int) {
		if now().Sub(last) >= progressPace {
			last = now()
			say(out, "%s: %d of %d", stage, done, total)
		}
	}
}
