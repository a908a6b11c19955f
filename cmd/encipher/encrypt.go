package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v3"

	"enciphergan"
)

func encryptCommand() *cli.Command {
	return &cli.Command{
		Name:      "encrypt",
		Usage:     "turn a picture into a cipher image",
		ArgsUsage: "-key FILE|-r RECIPIENT|-passphrase -o OUT.png [-exact on|off|file] [-drop-metadata] [-model NAME|DIR] [-f] IN",
		UsageText: "encipher encrypt -key FILE|-r RECIPIENT|-passphrase -o OUT.png [-exact on|off|file] [-drop-metadata] [-model NAME|DIR] [-f] IN",
		Description: `IN is a PNG, JPEG, GIF, BMP, TIFF or WebP picture. OUT.png is a picture of noise
that only the key opens, and only as long as no program recompresses it: send it
as a file, not as a picture.

What opens it is a key file, a passphrase, or the secret key of an age recipient, to
whom it can be sent without a secret that both know.

With -exact on, every sample comes back as it was, with transparency, 16 bits, EXIF
data and colour profile; what that takes is sealed beside the neural cipher. With
-exact off, the picture comes back approximately, with 8 bits and without the rest.
With -exact file, the file itself is sealed too, with its name: see decrypt -original.

-mode paper is for measurements alone: it writes the bare neural cipher, without authenticated
encryption. That protects nothing, as docs/security.md says.
The EXIF orientation is applied in either case.`,
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "key", Usage: "`FILE` with the key"},
		}, sealFlags(), pictureFlags(), []cli.Flag{
			&cli.StringFlag{Name: "exact", Usage: "`MODE`: on; off for an approximate picture; file to keep the file itself, too", Value: "on"},
			modeFlag(),
			&cli.BoolFlag{Name: "drop-metadata", Usage: "leave out EXIF data, such as place and camera, and the colour profile"},
		}),
		Action: encrypt,
	}
}

// exactModes are what may be given after -exact.
var exactModes = map[string]encipher.Exact{"on": encipher.ExactPicture, "off": encipher.ExactOff, "file": encipher.ExactFile}

func modeFlag() cli.Flag {
	return &cli.StringFlag{Name: "mode", Usage: "`MODE`: sealed; paper for the bare neural cipher, which is for measurements and protects nothing", Value: modeSealed}
}

const (
	modeSealed = "sealed"
	modePaper  = "paper"
)

// isBare says whether the mode asks for the bare neural cipher.
func isBare(c *cli.Command) (bool, error) {
	switch mode := c.String("mode"); mode {
	case modeSealed:
		return false, nil
	case modePaper:
		return true, nil
	default:
		return false, usage("give sealed or paper", "there is no mode -mode %s", mode)
	}
}

// warnBare says what a bare cipher is not.
func warnBare(path string) {
	say(os.Stderr, "WARNING: %s: a bare neural cipher, for measurements: nothing keeps it secret, nothing tells whether it was changed or who made it", path)
}

func encrypt(ctx context.Context, c *cli.Command) error {
	exact, ok := exactModes[c.String("exact")]
	if !ok {
		return usage("give on, off or file", "there is no mode -exact %s", c.String("exact"))
	}
	bare, err := isBare(c)
	if err != nil {
		return err
	}
	if bare && (c.IsSet("exact") || c.Bool("drop-metadata")) {
		return usage("leave out -exact and -drop-metadata", "-mode paper keeps nothing beside the neural cipher")
	}
	if exact == encipher.ExactFile && c.Bool("drop-metadata") {
		return usage("leave out one of the two", "-exact file keeps the file with all that is in it, and -drop-metadata does not")
	}
	var locked locking
	t, err := prepare(c, func() error { return checkLock(c) }, func() (err error) {
		locked, err = readLock(c)
		return err
	})
	if err != nil {
		return err
	}
	defer t.end()
	t.options = append(t.options, encipher.WithExact(exact), encipher.WithName(filepath.Base(t.in)))
	if bare {
		t.options = append(t.options, encipher.WithBareCipher())
	}
	if c.Bool("drop-metadata") {
		t.options = append(t.options, encipher.WithoutMetadata())
	}
	cost, err := t.model.Estimate(t.input, c.Int("workers"))
	if err != nil {
		return t.failed(err)
	}
	say(os.Stderr, "%s: %d x %d pixels; the cipher image takes %.1f MB, making it about %.0f MB of memory",
		t.in, cost.Width, cost.Height, float64(cost.FileBytes)/1e6, float64(cost.MemoryBytes)/1e6)
	k, slot, err := locked()
	if err != nil {
		return badInput("encrypt for fewer recipients, or for some of one kind", err)
	}
	sealed, err := t.model.Encrypt(ctx, t.input, k, append(t.options, encipher.WithSlot(slot))...)
	if err != nil {
		return t.failed(err)
	}
	t.end()
	for _, note := range sealed.Plain.Notes {
		say(os.Stderr, "note: %s: %s", t.in, note)
	}
	if bare {
		warnBare(t.out)
	}
	return t.finish(ctx, sealed.PNG, sealed.Bare.Width, sealed.Bare.Height)
}
