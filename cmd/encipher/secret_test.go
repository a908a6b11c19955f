package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"

	"enciphergan"
)

func TestWeakPassphrases(t *testing.T) {
	for phrase, weak := range map[string]bool{"password": true, "jenny-1984": true, "sunflower meadow": false, strings.Repeat("a", encipher.MaxPassphraseBytes): true} {
		if isWeak(phrase) != weak {
			t.Errorf("%.40q: weak is %v", phrase, !weak)
		}
	}
}

// identity KIND FILE [PASSPHRASE] writes an age identity, x25519 or hybrid, sealed
// with the passphrase if there is one, and sets RECIPIENT to its recipient.
func identity(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 && len(args) != 3 {
		ts.Fatalf("usage: identity KIND FILE [PASSPHRASE]")
	}
	var secret, recipient fmt.Stringer
	switch args[0] {
	case "x25519":
		i, err := age.GenerateX25519Identity()
		ts.Check(err)
		secret, recipient = i, i.Recipient()
	case "hybrid":
		i, err := age.GenerateHybridIdentity()
		ts.Check(err)
		secret, recipient = i, i.Recipient()
	default:
		ts.Fatalf("no such kind: %s", args[0])
	}
	var file bytes.Buffer
	var w io.WriteCloser = nopCloser{&file}
	if len(args) == 3 {
		to, err := age.NewScryptRecipient(args[2])
		ts.Check(err)
		to.SetWorkFactor(10)
		w, err = age.Encrypt(&file, to)
		ts.Check(err)
	}
	fmt.Fprintf(w, "# made by a test\n%s\n", secret)
	ts.Check(w.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), file.Bytes(), 0o600))
	ts.Setenv("RECIPIENT", recipient.String())
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// words N FILE checks that a file is one line of N words.
func words(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: words N FILE")
	}
	text := ts.ReadFile(args[1])
	if n := fmt.Sprint(len(strings.Fields(text))); n != args[0] || strings.Count(text, "\n") != 1 {
		ts.Fatalf("%s words: %q", n, text)
	}
}
