package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/urfave/cli/v3"

	"enciphergan"
	"enciphergan/internal/atomicfile"
	"enciphergan/internal/key"
)

func keyCommand() *cli.Command {
	return &cli.Command{
		Name:  "key",
		Usage: "make and show keys",
		Action: func(_ context.Context, c *cli.Command) error {
			return usage("make a key with: encipher key new -o FILE", "key needs to be told what to do")
		},
		Commands: []*cli.Command{{
			Name:        "new",
			Usage:       "make a key and write it to a new file that only you can read",
			UsageText:   "encipher key new -o FILE",
			Description: "The key opens every picture that it sealed. Keep a copy in a safe place: a lost\nkey cannot be replaced. An existing file is never overwritten.",
			Flags:       []cli.Flag{&cli.StringFlag{Name: "o", Usage: "`FILE` to write"}},
			Action:      newKey,
		}, {
			Name:        "show",
			Usage:       "print fingerprint and creation of a key",
			ArgsUsage:   "FILE",
			UsageText:   "encipher key show FILE",
			Description: "The secret is not printed. Equal fingerprints mean equal keys.",
			Action:      showKey,
		}},
	}
}

func newKey(_ context.Context, c *cli.Command) error {
	out := c.String("o")
	if out == "" || c.Args().Present() {
		return usage("usage: encipher key new -o FILE", "key new takes -o FILE and nothing else")
	}
	k, err := encipher.NewKey()
	if err != nil {
		return err
	}
	switch err := key.Create(out, k, time.Now()); {
	case errors.Is(err, fs.ErrExist):
		return &failure{exitFailure, "choose another name after -o; delete the file yourself if no picture needs it", fmt.Errorf("%s: exists, and a key is never overwritten", out)}
	case atomicfile.Full(err):
		return &failure{exitFailure, "free some space there, or choose another place after -o", fmt.Errorf("%s: the disk is full, nothing was written", out)}
	case err != nil:
		return &failure{exitFailure, "check the directory and its permissions, or choose another place after -o", fmt.Errorf("%s: cannot write the key: %w", out, cause(err))}
	}
	say(os.Stderr, "wrote %s: a key with the fingerprint %s", out, k.Fingerprint())
	return nil
}

func showKey(_ context.Context, c *cli.Command) error {
	if c.Args().Len() != 1 {
		return usage("usage: encipher key show FILE", "key show takes exactly one key file, and %d are given", c.Args().Len())
	}
	path := c.Args().First()
	k, at, err := readKey(path)
	if err != nil {
		return err
	}
	created := "not recorded"
	if !at.IsZero() {
		created = at.UTC().Format(time.RFC3339)
	}
	fmt.Printf("fingerprint: %s\ncreated: %s\n", k.Fingerprint(), created)
	return nil
}
