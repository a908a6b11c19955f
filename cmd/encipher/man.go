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

// manualTemplate is the library's without what a program with commands only does not need.
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

// manual makes the page, and changes the texts of the commands for that.
func manual(root *cli.Command) (string, error) {
	docs.MarkdownDocTemplate = manualTemplate
	for _, c := range root.Commands {
		describe(c)
		for _, sub := range c.Commands {
			describe(sub)
		}
	}
	page, err := docs.ToManWithSection(root, 1)
	// Flags that take a value say its name in their text.
	return strings.ReplaceAll(page, `\fP=""`, `\fP`), err
}

// describe puts the description where the library looks for a text, and takes away the flag
// that every command has, and defaults that -help does not show either.
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

// described is a flag whose default is shown only where it says something.
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

// paragraphs is a description as Markdown, which the library makes the page of.
func paragraphs(description string) string {
	if description == "" {
		return ""
	}
	return "\n\n" + strings.NewReplacer("*", `\*`, "_", `\_`, "<", `\<`).Replace(description)
}
