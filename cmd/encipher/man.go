package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"
)

func manCommand() *cli.Command {
	return &cli.Command{
		Name:        "man",
		Usage:       "print the manual page",
		UsageText:   "encipher man > encipher.1",
		Description: "The page contains the help of every command. To read it directly: encipher man | man -l -",
		Action:      printManual,
	}
}

func printManual(_ context.Context, c *cli.Command) error {
	if c.Args().Present() {
		return usage("usage: encipher man", "man takes no argument")
	}
	root := c.Root()
	fmt.Fprintf(stdout, ".TH ENCIPHER 1\n.SH NAME\n%s \\- %s.SH SYNOPSIS\n.B %[1]s\nCOMMAND [FLAGS] [ARGUMENTS]\n.SH DESCRIPTION\n%[3]s.SH COMMANDS\n",
		root.Name, roff(root.Usage), roff(root.Description))
	printCommands(root.Name, root)
	return nil
}

// printCommands prints the commands of c, each with the texts of its help, as roff.
func printCommands(path string, c *cli.Command) {
	for _, c := range c.Commands {
		if c.Hidden {
			continue
		}
		name := path + " " + c.Name
		fmt.Fprintf(stdout, ".SS %s\n%s", name, roff(c.Usage))
		if c.UsageText != "" {
			fmt.Fprintf(stdout, ".PP\n.nf\n%s.fi\n", roff(c.UsageText))
		}
		if c.Description != "" {
			fmt.Fprintf(stdout, ".PP\n%s", roff(c.Description))
		}
		for _, f := range c.VisibleFlags() {
			if slices.Contains(f.Names(), "help") { // every command has it
				continue
			}
			flag, text, _ := strings.Cut(f.String(), "\t") // as the help prints it
			fmt.Fprintf(stdout, ".TP\n.B %s%s", roff(flag), roff(text))
		}
		printCommands(name, c)
	}
}

// roff returns a text as lines of roff. The characters that roff interprets are escaped, and paragraphs are marked.
func roff(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "":
			line = ".PP"
		case line[0] == '.' || line[0] == '\'':
			b.WriteString(`\&`)
			fallthrough
		default:
			line = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...").Replace(line)
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}
