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

// manual makes the page, and changes the texts of the commands for that.
func manual(root *cli.Command) (string, error) {
	describe(root)
	root.UsageText = "encipher COMMAND [FLAGS] [ARGUMENTS]"
	for _, c := range root.Commands {
		describe(c)
		c.Usage += paragraphs(c.Description)
		for _, sub := range c.Commands {
			describe(sub)
			sub.Usage += paragraphs(sub.Description)
		}
	}
	page, err := docs.ToManWithSection(root, 1)
	// Flags that take a value say its name in their text, and switches are off.
	return strings.NewReplacer(`\fP=""`, `\fP`, " (default: false)", "").Replace(page), err
}

// describe leaves out the flag that every command has.
func describe(c *cli.Command) {
	c.Flags = slices.DeleteFunc(c.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), "help") })
}

// paragraphs is a description as Markdown, which the library makes the page of.
func paragraphs(description string) string {
	if description == "" {
		return ""
	}
	return "\n\n" + strings.NewReplacer("*", `\*`, "_", `\_`, "<", `\<`).Replace(description)
}
