package main

import (
	"os"
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
	if !strings.HasPrefix(string(out), ".nh\n.TH encipher 1\n") {
		t.Errorf("the page begins with %.40q", out)
	}
	// plain removes the markup of roff.
	plain := func(s string) string {
		return strings.Join(strings.Fields(strings.NewReplacer(`\fB`, "", `\fC`, "", `\fP`, "", `\fR`, "", `\&`, "", `\`, "", "`", "", "\n.PP", "").Replace(s)), " ")
	}
	rest := string(out)
	commands, flags := 0, 0
	var look func(c *cli.Command, title string)
	look = func(c *cli.Command, title string) {
		commands++
		_, after, found := strings.Cut(rest, "\n"+title+" "+c.Name+"\n")
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
			for _, name := range f.Names() {
				if !strings.Contains(section, "-"+name+": ") {
					t.Errorf("%s lacks -%s", c.Name, name)
				}
				_, text, _ := strings.Cut(section, "-"+name+": ")
				text, _, _ = strings.Cut(text, " --")
				d := f.(cli.DocGenerationFlag)
				if said := strings.Contains(text, "(default: "); said != (d.TakesValue() && d.IsDefaultVisible() && (d.GetValue() != "" || d.GetDefaultText() != "")) {
					t.Errorf("%s -%s says its default: %v, in %q", c.Name, name, said, text)
				}
			}
		}
		if strings.Contains(section, "-help") && !strings.Contains(c.UsageText+c.Description, "-help") {
			t.Errorf("%s repeats -help", c.Name)
		}
		for _, sub := range c.Commands {
			look(sub, ".SS")
		}
	}
	for _, c := range root().Commands {
		look(c, ".SH")
	}
	if commands < 15 || flags < 80 {
		t.Errorf("%d commands with %d flags were looked at", commands, flags)
	}
}
