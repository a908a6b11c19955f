package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v3"

	"enciphergan"
	"enciphergan/models"
)

func infoCommand() *cli.Command {
	return &cli.Command{
		Name:      "info",
		Usage:     "say what a cipher image is and what opens it",
		ArgsUsage: "FILE",
		UsageText: "encipher info FILE",
		Description: `Needs no key. What it says stands in the clear in the file, and is proven to be as
it was written only when the picture is decrypted.`,
		Action: info,
	}
}

func info(_ context.Context, c *cli.Command) error {
	if c.Args().Len() != 1 {
		return usage("usage: encipher info FILE", "info takes exactly one file, and %d are given", c.Args().Len())
	}
	path := c.Args().First()
	file, err := readInput(path)
	if err != nil {
		return err
	}
	i, err := encipher.Inspect(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	model := "none of this program's, give its directory after -model"
	for _, name := range models.Names() {
		m, err := openModel(name)
		if err != nil {
			return err
		}
		if m.Fingerprint() == i.Model {
			model = name
		}
	}
	fmt.Printf("cipher image of format version 1, %d x %d pixels, %.1f MB\n", i.PaddedWidth, i.PaddedHeight, float64(len(file))/1e6)
	if !i.Sealed {
		fmt.Printf("NOT SEALED: a bare neural cipher, for measurements; anybody can have made or changed it\n")
	}
	fmt.Printf("picture: %d x %d pixels\n", i.Width, i.Height)
	fmt.Printf("model: %s\n", model)
	fmt.Printf("model fingerprint: %s\n", i.Model)
	what, _ := needs(i.Slot)
	fmt.Printf("opened by: %s\n", what)
	return nil
}
