package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/urfave/cli/v3"

	"enciphergan"
	"enciphergan/internal/atomicfile"
)

func keyCommand() *cli.Command {
	return &cli.Command{
		Name:  "key",
		Usage: "make, show, seal and open key files",
		Action: func(_ context.Context, c *cli.Command) error {
			return usage("to make a key: encipher key new -o FILE", "key needs a command")
		},
		Commands: []*cli.Command{{
			Name:        "new",
			Usage:       "write a new key to a file that only you can read",
			UsageText:   "encipher key new -o FILE",
			Description: "The key opens every picture that it sealed. Store a copy in a safe place: a lost\nkey cannot be replaced. An existing file is never overwritten.",
			Flags:       []cli.Flag{&cli.StringFlag{Name: "o", Usage: "`FILE` to write, - for standard output"}},
			Action:      newKey,
		}, {
			Name:        "show",
			Usage:       "print fingerprint and creation time of a key",
			ArgsUsage:   "FILE",
			UsageText:   "encipher key show FILE",
			Description: "The secret is not printed. Equal fingerprints mean equal keys.",
			Action:      showKey,
		}, {
			Name:      "seal",
			Usage:     "seal a copy of a key file with a passphrase or for age recipients",
			ArgsUsage: "-o FILE.age -r RECIPIENT|-passphrase FILE",
			UsageText: "encipher key seal -o FILE.age -r RECIPIENT|-passphrase FILE",
			Description: `FILE.age is an age file, which age and the page open, too. If it is given as -key, encipher asks for
its passphrase on the terminal, or opens it with the identities after -i. scrypt derives its key from
a passphrase, with 32 MiB of memory. FILE itself is not deleted. FILE may be sealed, too: that is how
to change a passphrase.`,
			Flags:  slices.Concat([]cli.Flag{&cli.StringFlag{Name: "o", Usage: "`FILE` to write, which must not exist, - for standard output"}}, sealFlags()),
			Action: sealKey,
		}, {
			Name:        "open",
			Usage:       "write the key or the age identities of a sealed file",
			ArgsUsage:   "-o FILE -i FILE|-passphrase FILE.age",
			UsageText:   "encipher key open -o FILE -i FILE|-passphrase FILE.age",
			Description: "For programs, which cannot type a passphrase, and to encrypt with a key that is sealed for an\nage recipient.",
			Flags: slices.Concat([]cli.Flag{
				&cli.StringFlag{Name: "o", Usage: "`FILE` to write, which must not exist, - for standard output"},
				&cli.StringSliceFlag{Name: "i", Usage: "`FILE` with age identities; repeat the flag to try several"},
			}, passphraseFlags()),
			DisableSliceFlagSeparator: true, // a comma is part of a file's name
			Action:                    openSealedKey,
		}},
	}
}

func newKey(_ context.Context, c *cli.Command) error {
	out := c.String("o")
	if out == "" || c.Args().Present() {
		return usage("usage: encipher key new -o FILE", "key new takes only -o FILE")
	}
	k, err := encipher.NewKey()
	if err != nil {
		return err
	}
	return createKey(out, k.File(time.Now()), keyWords(k))
}

func keyExists(out string) error {
	return &failure{exitFailure, "choose another name after -o, or delete the file if no picture needs it", fmt.Errorf("%s: exists, and a key is never overwritten", out)}
}

// checkNew returns an error, before a passphrase is asked for, if the output exists.
func checkNew(out string) error {
	if out == standard {
		return nil
	}
	if _, err := os.Lstat(out); err == nil {
		return keyExists(out)
	}
	return nil
}

// createKey writes a new key file, sealed or not, and prints a message with what, its content.
func createKey(out string, content []byte, what string) error {
	if out == standard {
		return writeStandard(content)
	}
	switch err := atomicfile.WriteNew(out, content, 0o600); {
	case errors.Is(err, fs.ErrExist):
		return keyExists(out)
	case atomicfile.Full(err):
		return &failure{exitFailure, "free some space there, or choose another place after -o", fmt.Errorf("%s: the disk is full; nothing was written", out)}
	case err != nil:
		return &failure{exitFailure, "check the directory and its permissions, or choose another place after -o", fmt.Errorf("%s: cannot write the key: %w", out, cause(err))}
	}
	say(os.Stderr, "wrote %s: %s", out, what)
	return nil
}

func keyWords(k encipher.Key) string { return "a key with the fingerprint " + k.Fingerprint() }

func showKey(ctx context.Context, c *cli.Command) error {
	if c.Args().Len() != 1 {
		return usage("usage: encipher key show FILE", "key show takes exactly one key file, not %d", c.Args().Len())
	}
	path := c.Args().First()
	k, err := readKey(ctx, c, path)
	if err != nil {
		return err
	}
	created := "not recorded"
	if !k.created.IsZero() {
		created = k.created.UTC().Format(time.RFC3339)
	}
	fmt.Fprintf(stdout, "fingerprint: %s\ncreated: %s\n", k.Fingerprint(), created)
	return nil
}

func sealKey(ctx context.Context, c *cli.Command) error {
	out := c.String("o")
	if c.Args().Len() != 1 || out == "" {
		return usage("usage: encipher key seal "+c.ArgsUsage, "key seal takes -o FILE and exactly one key file")
	}
	if err := checkSeal(c, "key"); err != nil {
		return err
	}
	if err := checkNew(out); err != nil {
		return err
	}
	path := c.Args().First()
	k, err := readKey(ctx, c, path)
	if err != nil {
		return err
	}
	s, err := readSealer(ctx, c)
	if err != nil {
		return err
	}
	sealed, err := encipher.SealKeyFile(k.text, s)
	if encipher.CodeOf(err) == encipher.BadKey {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err != nil {
		return badInput("seal it for recipients of one kind", err)
	}
	return createKey(out, sealed, keyWords(k.Key))
}

func openSealedKey(ctx context.Context, c *cli.Command) error {
	out := c.String("o")
	if c.Args().Len() != 1 || out == "" {
		return usage("usage: encipher key open "+c.ArgsUsage, "key open takes -o FILE and exactly one sealed key file")
	}
	if err := checkUnseal(c, "key"); err != nil {
		return err
	}
	if err := checkNew(out); err != nil {
		return err
	}
	path := c.Args().First()
	sealed, err := readSmall(ctx, path)
	if err != nil {
		return badInput("check the name of the sealed key", fmt.Errorf("%s: cannot read the sealed key: %w", path, cause(err)))
	}
	with, err := readUnsealers(ctx, c)
	if err != nil {
		return err
	}
	text, err := encipher.UnsealKeyFile([]byte(sealed.text), with...)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	k, err := encipher.ParseKey(text)
	if ids, none := encipher.ParseIdentities(text); err != nil && none == nil {
		return createKey(out, []byte(text), fmt.Sprint(ids))
	}
	if err != nil {
		return badInput("give a key file that encipher key seal wrote", fmt.Errorf("%s: %w", path, err))
	}
	return createKey(out, []byte(text), keyWords(k))
}
