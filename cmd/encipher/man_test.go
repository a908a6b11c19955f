package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v3"
)

// TestManual checks that the manual page has every command in order, with usage, description and flags.
func TestManual(t *testing.T) {
	out, err := program(t, os.Stderr, "man").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(out), ".TH ENCIPHER 1\n.SH NAME\nencipher \\- encrypt pictures") {
		t.Errorf("the page begins with %.40q", out)
	}
	for line := range strings.Lines(string(out)) {
		request, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if line[0] == '.' && !slices.Contains([]string{".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".nf", ".fi"}, request) || line[0] == '\'' || strings.IndexFunc(line, func(r rune) bool { return r > 126 }) >= 0 {
			t.Errorf("not roff: %q", line)
		}
	}
	// plain removes the markup of roff.
	plain := func(s string) string {
		return strings.Join(strings.Fields(strings.NewReplacer(`\&`, "", `\e`, `\`, `\-`, "-", "\n.PP", "", "…", "...").Replace(s)), " ")
	}
	rest := string(out)
	commands, flags := 0, 0
	var look func(c *cli.Command, path string)
	look = func(c *cli.Command, path string) {
		commands++
		_, after, found := strings.Cut(rest, "\n.SS "+path+" "+c.Name+"\n")
		if !found {
			t.Errorf("%s is not in the page, or not in its place", c.Name)
			return
		}
		rest = "\n" + after
		section, _, _ := strings.Cut(after, "\n.S")
		section = plain(section)
		for _, text := range []string{c.Usage, c.Description} {
			if !strings.Contains(section, plain(text)) {
				t.Errorf("%s lacks %q; it has %q", c.Name, plain(text), section)
			}
		}
		for line := range strings.Lines(c.UsageText) {
			if !strings.Contains(section, plain(line)) {
				t.Errorf("%s lacks %q", c.Name, line)
			}
		}
		for _, f := range c.Flags {
			flags++
			flag, text, _ := strings.Cut(f.String(), "\t")
			if !strings.Contains(section, ".TP .B "+plain(flag)+" "+plain(text)) {
				t.Errorf("%s lacks %s with the text of its help", c.Name, flag)
			}
		}
		if strings.Contains(section, "-help") && !strings.Contains(c.UsageText+c.Description, "-help") {
			t.Errorf("%s repeats -help", c.Name)
		}
		for _, sub := range c.Commands {
			look(sub, path+" "+c.Name)
		}
	}
	for _, c := range root().Commands {
		look(c, "encipher")
	}
	if commands < 15 || flags < 80 {
		t.Errorf("%d commands with %d flags were looked at", commands, flags)
	}
}
