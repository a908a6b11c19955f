package main

import (
	"encoding/json"
	"testing"
)

// TestPlainJSON checks that escaped JSON has the same value and graphic characters only.
func TestPlainJSON(t *testing.T) {
	for text, want := range map[string]string{
		"Größe 9.41\u202fAM.png": "Größe 9.41\u202fAM.png",
		"red\x1b[31m":            `red\u001b[31m`,
		"\u009b31m\x7f":          `\u009b31m\u007f`,
		"right\u202eto left":     `right\u202eto left`,
		"a tag \U000e0041":       `a tag \udb40\udc41`,
	} {
		line, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		got := plainJSON(string(line))
		if got != `"`+want+`"` {
			t.Errorf("%q becomes %s, want %s", text, got, want)
		}
		var back string
		if err := json.Unmarshal([]byte(got), &back); err != nil || back != text {
			t.Errorf("%q is read as %q, %v", text, back, err)
		}
	}
}

// TestVisible checks that characters that are not graphic and invalid UTF-8 are escaped, and nothing else.
func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"photo.jpg":               "photo.jpg",
		"Größe 9.41\u202fAM.png":  "Größe 9.41\u202fAM.png", // as macOS names pictures
		"red\x1b[31m":             `red\x1b[31m`,
		"line\nencipher: forged":  `line\nencipher: forged`,
		"right\u202eto left":      `right\u202eto left`,
		"not UTF-8: \xff\xfe":     `not UTF-8: \xff\xfe`,
		"\u009b31m in eight bits": `\u009b31m in eight bits`,
		"the sign \ufffd itself":  "the sign \ufffd itself",
		"":                        "",
	} {
		if got := visible(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
