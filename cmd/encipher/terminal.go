package main

// Rules for what this program prints:
//
//   - Messages go to standard error, data to standard output.
//   - Every line begins with "encipher: ", then "error: ", "hint: ", "note: ",
//     "failed: " (the list of failures after many pictures) or nothing. It is in
//     lower case, without a full stop.
//   - An error is one line that says what is wrong, with the name of the file.
//     A hint may follow and says what to do next.
//   - A message never contains a secret. It names a file as the user wrote it, with
//     control characters escaped, as a terminal would obey them.
//   - Output that cannot be written is an error.
//   - The progress bar appears only if standard error is a terminal, and is removed
//     when the command ends. Otherwise a long operation prints a line of progress from
//     time to time. Every command with progress has -q.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/urfave/cli/v3"

	"enciphergan"
	"enciphergan/internal/atomicfile"
)

// Exit codes. Scripts depend on them.
const (
	exitFailure     = 1
	exitUsage       = 2
	exitInput       = 3
	exitWrongKey    = 4
	exitChanged     = 5
	exitOtherModel  = 6
	exitApproximate = 7
	exitPartial     = 8
	exitInterrupted = 130
)

const exitCodes = `0 success, 1 the output cannot be written, a training
run diverged, or a fault of the program, 2 wrong usage, 3 an input (picture, cipher
image, key, model or checkpoint) cannot be used, 4 wrong key, 5 the cipher image
was changed, 6 the cipher image belongs to another model,
7 the picture is restored approximately and should be restored exactly, 8 some
of several pictures failed, 130 interrupted.`

// failure is an error with an exit code and a hint.
type failure struct {
	exit int
	hint string
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// usage returns the error of a wrong command line.
func usage(hint, format string, args ...any) error {
	return &failure{exitUsage, hint, fmt.Errorf(format, args...)}
}

// badInput returns the error of an input file that cannot be read or used. If err is an
// interrupt, it returns that.
func badInput(hint string, err error) error {
	if f := new(failure); errors.As(err, &f) && f.exit == exitInterrupted {
		return f
	}
	return &failure{exitInput, hint, err}
}

func exitCode(err error) int {
	var f *failure
	var e *encipher.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &f):
		return f.exit
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case !errors.As(err, &e):
		return exitFailure
	}
	switch e.Code {
	case encipher.WrongKey:
		return exitWrongKey
	case encipher.Changed, encipher.AlteredCopy, encipher.DamagedCopy:
		return exitChanged
	case encipher.OtherModel:
		return exitOtherModel
	case encipher.NotExact:
		return exitApproximate
	case encipher.Internal:
		return exitFailure
	}
	return exitInput
}

// report prints an error and its hint.
func report(w io.Writer, err error) {
	if err == nil {
		return
	}
	if exitCode(err) == exitInterrupted {
		what, _, _ := strings.Cut(err.Error(), "\n")
		if strings.HasSuffix(what, context.Canceled.Error()) { // no caller has added a text
			what = "interrupted"
		}
		say(w, "%s", what)
		return
	}
	say(w, "error: %v", err)
	if hint := hintOf(err); hint != "" {
		say(w, "hint: %s", hint)
	}
}

// hintOf returns the hint of an error, or an empty string.
func hintOf(err error) string {
	var f *failure
	var e *encipher.Error
	switch {
	case errors.As(err, &f) && f.hint != "":
		return f.hint
	case errors.As(err, &e):
		return phrase(e.Hint)
	}
	return ""
}

func say(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "encipher: %s\n", visible(fmt.Sprintf(format, args...)))
}

// visible escapes characters that are not graphic, such as control characters, and invalid UTF-8. Names of
// files may contain them.
func visible(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) || r == utf8.RuneError }) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case unicode.IsGraphic(r):
			b.WriteString(s[:n])
		default:
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
		s = s[n:]
	}
	return b.String()
}

// plainJSON escapes the characters that are not graphic in a line of JSON. They occur in strings only, so
// programs read the same values, and a terminal has nothing to obey.
func plainJSON(line string) string {
	if !strings.ContainsFunc(line, hidden) {
		return line
	}
	var b strings.Builder
	for _, r := range line {
		if !hidden(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// hidden reports whether a rune is not graphic.
func hidden(r rune) bool { return !unicode.IsGraphic(r) }

// tables writes text to standard output line by line, escaped by visible.
type tables struct{}

func (tables) Write(b []byte) (int, error) {
	for line := range strings.SplitAfterSeq(string(b), "\n") {
		text, end := strings.CutSuffix(line, "\n")
		if text = visible(text); end {
			text += "\n"
		}
		if _, err := io.WriteString(stdout, text); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// printReport prints a measurement as indented JSON.
func printReport(v any) error {
	encoder := json.NewEncoder(stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// stdout is standard output. It records the first error of a write, which run reports.
var stdout = &standardOutput{}

type standardOutput struct{ err error }

func (o *standardOutput) Write(b []byte) (int, error) {
	n, err := os.Stdout.Write(b)
	if err != nil && o.err == nil {
		o.err = err
	}
	return n, err
}

// failed returns the first error of the writes so far, with a hint.
func (o *standardOutput) failed() error {
	if o.err == nil {
		return nil
	}
	hint := "check that the program that reads it still runs"
	if atomicfile.Full(o.err) {
		hint = "free some space there"
	}
	return &failure{exitFailure, hint, fmt.Errorf("standard output: %w", cause(o.err))}
}

// aside reports whether standard output is a file other than standard error, so that
// messages do not mix with the output.
func aside() bool {
	out, err := os.Stdout.Stat()
	if err != nil || !out.Mode().IsRegular() {
		return false
	}
	other, err := os.Stderr.Stat()
	return err != nil || !os.SameFile(out, other)
}

// phrase converts a sentence to the form of a message: first letter in lower case, no full stop.
func phrase(sentence string) string {
	r, n := utf8.DecodeRuneInString(sentence)
	return strings.TrimSuffix(string(unicode.ToLower(r))+sentence[n:], ".")
}

// cause removes the operation and path that package os puts before an error, for messages that
// name the file already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// quietFlag returns the flag -q of commands with progress.
func quietFlag() cli.Flag {
	return &cli.BoolFlag{Name: "q", Usage: "print only warnings and errors on standard error"}
}
