package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"enciphergan"
)

func decryptCommand() *cli.Command {
	return &cli.Command{
		Name:      "decrypt",
		Usage:     "turn a cipher image back into the picture",
		ArgsUsage: "-key FILE...|-i FILE|-passphrase -o OUT.png|OUT.jpg [-original] [-approximate] [-model NAME|DIR] [-f] IN.png",
		UsageText: "encipher decrypt -key FILE...|-i FILE|-passphrase -o OUT.png|OUT.jpg [-original] [-approximate] [-model NAME|DIR] [-f] IN.png",
		Description: `OUT is a PNG, or, where its name ends in .jpg, a JPEG, which is lossy.

Every sample comes back as it was, unless the cipher image was made with -exact off.
A bare neural cipher, as encrypt -mode paper writes it, is read with -mode paper only.

Should a picture that was kept exactly come back otherwise, nothing is written; with
-approximate it is written all the same, and the exit code is 7.`,
		Flags: slices.Concat([]cli.Flag{
			&cli.StringSliceFlag{Name: "key", Usage: "`FILE` with the key; repeat the flag to try several"},
			&cli.StringSliceFlag{Name: "i", Usage: "`FILE` with age identities; repeat the flag to try several"},
		}, passphraseFlags(), pictureFlags(), []cli.Flag{
			modeFlag(),
			&cli.BoolFlag{Name: "original", Usage: "write the original file, where -exact file has kept it, in place of a PNG"},
			&cli.BoolFlag{Name: "approximate", Usage: "write a picture that should have come back exactly and did not"},
		}),
		DisableSliceFlagSeparator: true, // a comma is part of a file's name
		Action:                    decrypt,
	}
}

func decrypt(ctx context.Context, c *cli.Command) error {
	var secrets []secret
	t, err := prepare(c, func() error { return checkSecrets(c) }, func() (err error) {
		secrets, err = readSecrets(c)
		return err
	})
	if err != nil {
		return err
	}
	defer t.end()
	bare, err := isBare(c)
	if err != nil {
		return err
	}
	if bare {
		t.options = append(t.options, encipher.AcceptBareCipher())
	}
	if c.Bool("approximate") || c.Bool("original") { // the file itself needs no generator
		t.options = append(t.options, encipher.AcceptApproximate())
	}
	k, err := find(t.input, secrets)
	if err != nil {
		return t.failed(err)
	}
	opened, err := t.model.Decrypt(ctx, t.input, k, t.options...)
	if encipher.CodeOf(err) == encipher.NotExact {
		return &failure{exitApproximate, "write it all the same with -approximate, and please report this", fmt.Errorf("%s: %w", t.in, err)}
	}
	if err != nil {
		return t.failed(err)
	}
	if c.Bool("original") {
		if opened.File == nil {
			return badInput("leave out -original for the picture as a PNG", fmt.Errorf("%s: it was made without -exact file and does not hold the original file", t.in))
		}
		return t.finishFile(ctx, opened.File, opened.Name)
	}
	if opened.File != nil {
		say(os.Stderr, "note: %s holds the original file, %q; get it with -original", t.in, opened.Name)
	}
	output := opened.PNG
	if !strings.EqualFold(filepath.Ext(t.out), ".png") {
		if output, err = opened.Picture.JPEG(); err != nil {
			return &failure{exitFailure, "write a PNG instead", fmt.Errorf("%s: %w", t.out, err)}
		}
		say(os.Stderr, "note: %s: a JPEG is lossy, without transparency, EXIF data and colour profile; a PNG has all of the picture", t.out)
	}
	if err := t.finish(ctx, output, opened.Picture.Width, opened.Picture.Height); err != nil {
		return err
	}
	switch {
	case !opened.Sealed:
		warnBare(t.in)
	case opened.Promised && !opened.Exact:
		return &failure{exitApproximate, "compare it with the original before you rely on it, and please report this",
			errors.New(t.out + ": the picture is approximate and should have been exact")}
	case !opened.Exact:
		say(os.Stderr, "note: %s: the picture is approximate, as %s was made with -exact off", t.out, t.in)
	}
	return nil
}
