package main

import (
	"context"
	"os"

	"github.com/urfave/cli/v3"

	"enciphergan"
)

func encryptCommand() *cli.Command {
	return &cli.Command{
		Name:      "encrypt",
		Usage:     "turn a picture into a cipher image",
		ArgsUsage: "-key FILE -o OUT.png [-exact on|off] [-model NAME|DIR] [-f] IN",
		UsageText: "encipher encrypt -key FILE -o OUT.png [-exact on|off] [-model NAME|DIR] [-f] IN",
		Description: `IN is a PNG, JPEG, GIF, BMP, TIFF or WebP picture. OUT.png is a picture of noise
that only the key opens, and only as long as no program recompresses it: send it
as a file, not as a picture.

With -exact on, every sample comes back as it was; what that takes is sealed beside
the neural cipher. With -exact off, the picture comes back approximately.`,
		Flags:  append(pictureFlags(), &cli.StringFlag{Name: "exact", Usage: "`MODE`: on, or off for an approximate picture", Value: "on"}),
		Action: encrypt,
	}
}

// exactModes are what may be given after -exact.
var exactModes = map[string]encipher.Exact{"on": encipher.ExactPicture, "off": encipher.ExactOff}

func encrypt(ctx context.Context, c *cli.Command) error {
	exact, ok := exactModes[c.String("exact")]
	if !ok {
		return usage("give on or off", "there is no mode -exact %s", c.String("exact"))
	}
	t, err := prepare(c)
	if err != nil {
		return err
	}
	defer t.end()
	sealed, err := t.model.Encrypt(ctx, t.input, t.key, append(t.options, encipher.WithExact(exact))...)
	if err != nil {
		return t.failed(err)
	}
	t.end()
	for _, note := range sealed.Plain.Notes {
		say(os.Stderr, "note: %s: %s", t.in, note)
	}
	return t.finish(ctx, sealed.PNG, sealed.Bare.Width, sealed.Bare.Height)
}
