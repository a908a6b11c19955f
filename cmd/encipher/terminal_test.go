package main

import "testing"

// What a terminal would obey, or could not show, is escaped, and nothing else.
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
