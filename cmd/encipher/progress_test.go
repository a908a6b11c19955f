package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"
)

func testBar(out io.Writer, now func() time.Time, columns int) *progressBar {
	return &progressBar{out: out, now: now, began: now(), columns: func() int { return columns }}
}

func TestProgressBar(t *testing.T) {
	var out bytes.Buffer
	at := time.Unix(0, 0)
	b := testBar(&out, func() time.Time { return at }, 50)
	for _, c := range []struct {
		pause       time.Duration
		done, total int64
		text, want  string
	}{
		{0, 0, 8, "a stage", "\r   0% |                    |  a stage"},
		{99 * time.Millisecond, 1, 8, "a stage", ""}, // too early
		{time.Millisecond, 2, 8, "short", "\r  25% |█████               |  short  "},
		{0, 8, 8, "red\x1b[31m", "\r 100% |████████████████████|  red\\x1b[31m"}, // the last one is drawn at any time
		{time.Second, 9, 8, strings.Repeat("long ", 9), "\r 100% |████████████████████|  long long long long"},
		{time.Second, 0, 0, "", "\r   0% |                    |  " + strings.Repeat(" ", 19)},
	} {
		at = at.Add(c.pause)
		out.Reset()
		b.draw(c.done, c.total, c.text)
		if out.String() != c.want {
			t.Errorf("%d of %d, %q:\n%q, want\n%q", c.done, c.total, c.text, out.String(), c.want)
		}
	}
	out.Reset()
	b.clear()
	b.clear()
	if want := "\r" + strings.Repeat(" ", 30) + "\r"; out.String() != want {
		t.Errorf("cleared by %q, want %q", out.String(), want)
	}
}

func TestTimeLeft(t *testing.T) {
	for _, c := range []struct {
		elapsed     time.Duration
		done, total int64
		want        string
	}{
		{time.Second, 0, 10, ""}, {time.Second, 11, 10, ""}, {9 * time.Second, 9, 10, "0:00:01 left"}, {time.Minute, 1, 120, "1:59:00 left"}, {time.Hour, 10, 10, "0:00:00 left"},
	} {
		if got := timeLeft(c.elapsed, c.done, c.total); got != c.want {
			t.Errorf("%v for %d of %d: %q, want %q", c.elapsed, c.done, c.total, got, c.want)
		}
	}
}

// TestProgressLines checks that progress is printed every ten seconds, and not before.
func TestProgressLines(t *testing.T) {
	var out bytes.Buffer
	at := time.Unix(0, 0)
	progress := progressLines(&out, func() time.Time { return at })
	for step := range 5 {
		progress("measuring", step, 30)
		at = at.Add(time.Second)
	}
	if out.Len() > 0 {
		t.Fatalf("five seconds said %q", out.String())
	}
	for step := range 25 {
		at = at.Add(time.Second)
		progress("red\x1b[31m", 5+step, 30)
	}
	if want := "encipher: red\\x1b[31m: 9 of 30\nencipher: red\\x1b[31m: 19 of 30\nencipher: red\\x1b[31m: 29 of 30\n"; out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
}
