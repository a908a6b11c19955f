package main

import (
	"context"
	"os"

	"github.com/urfave/cli/v3"
)

func encryptCommand() *cli.Command {
	return &cli.Command{
		Name:      "encrypt",
		Usage:     "turn a picture into a cipher image",
		ArgsUsage: "-key FILE -o OUT.png [-model NAME|DIR] [-f] IN",
		UsageText: "encipher encrypt -key FILE -o OUT.png [-model NAME|DIR] [-f] IN",
		Description: `IN is a PNG, JPEG, GIF, BMP, TIFF or WebP picture. OUT.png is a picture of noise
that only the key opens, and only as long as no program recompresses it: send it
as a file, not as a picture.`,
		Flags:  pictureFlags(),
		Action: encrypt,
	}
}

func encrypt(ctx context.Context, c *cli.Command) error {
	t, err := prepare(c)
	if err != nil {
		return err
	}
	defer t.end()
	sealed, err := t.model.Encrypt(ctx, t.input, t.key, t.options...)
	if err != nil {
		return t.failed(err)
	}
	t.end()
	for _, note := range sealed.Plain.Notes {
		say(os.Stderr, "note: %s: %s", t.in, note)
	}
	return t.finish(ctx, sealed.PNG, sealed.Bare.Width, sealed.Bare.Height)
}
