package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	docs "github.com/urfave/cli-docs/v3"
	"github.com/urfave/cli/v3"
)

func manCommand() *cli.Command {
	return &cli.Command{
		Name:        "man",
		Usage:       "print the manual page",
		UsageText:   "encipher man > encipher.1",
		Description: "It has the help of every command. To read it at once: encipher man | man -l -",
		Action:      printManual,
	}
}

func printManual(_ context.Context, c *cli.Command) error {
	if c.Args().Present() {
		return usage("usage: encipher man", "man takes no argument")
	}
	page, err := manual(c.Root())
	if err != nil {
		return fmt.Errorf("cannot make the manual page: %w", err)
	}
	fmt.Fprint(stdout, page)
	return nil
}

// manualTemplate is the library's template without the parts that a program with commands only does not need.
const manualTemplate = `% {{ .Command.Name }} {{ .SectionNum }}

# NAME

{{ .Command.Name }} - {{ .Command.Usage }}

# SYNOPSIS

{{ .Command.Name }} COMMAND [FLAGS] [ARGUMENTS]

# DESCRIPTION

{{ .Command.Description }}

# COMMANDS
{{ range $v := .Commands }}
{{ $v }}{{ end }}`

// manual returns the manual page. It changes the texts of the commands.
func manual(root *cli.Command) (string, error) {
	docs.MarkdownDocTemplate = manualTemplate
	for _, c := range root.Commands {
		describe(c)
		for _, sub := range c.Commands {
			describe(sub)
		}
	}
	page, err := docs.ToManWithSection(root, 1)
	// Flags that take a value name it in their usage text.
	return strings.ReplaceAll(page, `\fP=""`, `\fP`), err
}

// describe adds the description to the usage text, which the library prints. It removes the help flag,
// which every command has, and the defaults that -help does not show.
func describe(c *cli.Command) {
	c.Usage += paragraphs(c.Description)
	c.Flags = slices.DeleteFunc(c.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), "help") })
	for i, f := range c.Flags {
		c.Flags[i] = described{f.(documented)}
	}
}

type documented interface {
	cli.Flag
	cli.DocGenerationFlag
	cli.VisibleFlag
}

// described is a flag that returns its default only if -help shows it.
type described struct{ documented }

func (f described) GetValue() string {
	if !f.IsDefaultVisible() {
		return ""
	}
	return strings.ReplaceAll(f.documented.GetValue(), `"`, "")
}

func (f described) GetDefaultText() string {
	if !f.IsDefaultVisible() {
		return ""
	}
	return f.documented.GetDefaultText()
}

// paragraphs returns a description as Markdown, from which the library makes the page.
func paragraphs(description string) string {
	if description == "" {
		return ""
	}
	return "\n\n" + strings.NewReplacer("*", `\*`, "_", `\_`, "<", `\<`).Replace(description)
}
