package main

import (
	"context"

	"github.com/urfave/cli/v3"
)

func decryptCommand() *cli.Command {
	return &cli.Command{
		Name:        "decrypt",
		Usage:       "turn a cipher image back into the picture",
		ArgsUsage:   "-key FILE -o OUT.png [-model NAME|DIR] [-f] IN.png",
		UsageText:   "encipher decrypt -key FILE -o OUT.png [-model NAME|DIR] [-f] IN.png",
		Description: "The picture comes back close to the original, but not equal to it sample by\nsample.",
		Flags:       pictureFlags(),
		Action:      decrypt,
	}
}

func decrypt(ctx context.Context, c *cli.Command) error {
	t, err := prepare(c)
	if err != nil {
		return err
	}
	defer t.end()
	opened, err := t.model.Decrypt(ctx, t.input, t.key, t.options...)
	if err != nil {
		return t.failed(err)
	}
	return t.finish(ctx, opened.PNG, opened.Picture.Width, opened.Picture.Height)
}
