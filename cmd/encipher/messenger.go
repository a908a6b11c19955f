package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"

	"enciphergan"
	"enciphergan/internal/picture"
)

// This file has what encrypt -for, decrypt and info do with cipher images for messengers.

// messengerSuffix is cipherSuffix for cipher images for messengers.
const messengerSuffix = ".cipher.jpg"

func forFlag() cli.Flag {
	return &cli.StringFlag{Name: "for", Usage: "`WHAT`: messenger, messenger=SIDE, messenger-strong or messenger-strong=SIDE, for a picture that a messenger may recompress"}
}

// messengerOf returns what -for asks for.
func messengerOf(c *cli.Command) (m encipher.Messenger, err error) {
	what, side, sized := strings.Cut(c.String("for"), "=")
	switch what {
	case "messenger":
	case "messenger-strong":
		m.Strong = true
	default:
		return m, usage("give messenger or messenger-strong", "there is no -for %s", c.String("for"))
	}
	if sized {
		if m.Side, err = strconv.Atoi(side); err != nil || m.Side < encipher.MinMessengerSide || m.Side > encipher.MaxMessengerSide {
			return m, usage(fmt.Sprintf("give a side from %d to %d pixels, as in -for messenger=1280", encipher.MinMessengerSide, encipher.MaxMessengerSide), "-for %s: there is no such side", c.String("for"))
		}
	}
	for _, flag := range []string{"exact", "mode", "model", "resume", "full", "html", "journal", "whole", "crop", "seed"} {
		if c.IsSet(flag) {
			return m, usage("leave out one of the two", "-%s does not go with -for", flag)
		}
	}
	m.DropMetadata = c.Bool("drop-metadata")
	return m, nil
}

// encryptForMessenger is encrypt with -for.
func encryptForMessenger(ctx context.Context, c *cli.Command) error {
	m, err := messengerOf(c)
	if err != nil {
		return err
	}
	if err := checkLock(c); err != nil {
		return err
	}
	b, err := newBatch(c, folders{wanted: isPicture, other: "its name is none of a picture", rename: func(name string) string { return name + messengerSuffix }}, []string{".jpg", ".jpeg", ".png"})
	if err != nil {
		return err
	}
	b.unlike, b.derives = true, derives(c)
	e := messengerEncryption{batch: b, messenger: m}
	if err := e.ready(); err != nil {
		return err
	}
	if e.to, _, err = readRecipient(ctx, c); err != nil {
		return err
	}
	spareMemory()
	return b.run(ctx, func(head []byte, _ int) (encipher.Cost, error) { return m.Estimate(head) }, e.one)
}

// messengerEncryption is one call of encrypt with -for.
type messengerEncryption struct {
	*batch
	messenger encipher.Messenger
	to        encipher.Recipient
}

// one encrypts a picture.
func (e *messengerEncryption) one(ctx context.Context, i item, progress encipher.Progress, _ int) (*result, error) {
	if _, err := e.begin(i); err != nil {
		return nil, err
	}
	input, err := i.read(ctx)
	if err != nil {
		return nil, err
	}
	m := e.messenger
	m.PNG = strings.EqualFold(filepath.Ext(i.out), ".png")
	if i.in != standard {
		m.Name = filepath.Base(i.in)
	}
	s, err := encipher.EncryptForMessenger(ctx, input, e.to, m, encipher.WithProgress(progress))
	if err != nil {
		return nil, fileError(i.in, err)
	}
	if err := e.write(ctx, i, s.File); err != nil {
		return nil, err
	}
	r := &result{Output: i.out, Width: s.Width, Height: s.Height, Bytes: len(s.File), Notes: s.Picture.Notes, WholeFile: s.WholeFile}
	switch {
	case s.WholeFile:
	case math.IsInf(s.PSNR, 1):
		r.Notes = append(r.Notes, "the picture of that size comes back exactly")
	default:
		r.PSNR = s.PSNR
		r.Notes = append(r.Notes, fmt.Sprintf("the picture comes back with a PSNR of %.1f dB", s.PSNR))
	}
	return r, nil
}

// copy decrypts a copy of a cipher image for messengers. A picture of a folder that is none is left alone.
func (d *decryption) copy(ctx context.Context, i item, input []byte, progress encipher.Progress) (*result, error) {
	c, err := encipher.ReadCopy(ctx, input)
	if i.maybe && slices.Contains([]string{encipher.NotCipher, encipher.BadPicture, encipher.UnsupportedPicture}, encipher.CodeOf(err)) {
		return leave(err), nil
	}
	if err != nil {
		return nil, fileError(i.in, err)
	}
	there, err := d.begin(i)
	if err != nil {
		return nil, err
	}
	k, err := unlockSlot(ctx, c, c.Slot, d.identities)
	if err != nil {
		return nil, fileError(i.in, err)
	}
	opened, err := c.Decrypt(ctx, k, encipher.WithProgress(progress))
	if encipher.CodeOf(err) == encipher.NotExact {
		return nil, notExact(i.in, err)
	}
	if err != nil {
		return nil, fileError(i.in, err)
	}
	whole := opened.File != nil
	r := &result{Output: i.out, Width: opened.Picture.Width, Height: opened.Picture.Height, WholeFile: whole, Exact: &opened.Exact, Sealed: &opened.Sealed}
	output, ext := opened.PNG, filepath.Ext(i.out)
	switch {
	case d.original && !whole:
		return nil, badInput("leave out -original for the picture as a PNG", fmt.Errorf("%s: the original file was too large to travel, and only the picture did", i.in))
	case d.original && !d.single && ext != "" && !picture.HasExtension(i.out):
		return nil, badInput("if you want it called that, decrypt it alone, with -o FILE", fmt.Errorf("%s: the name of the cipher image makes its file %s, and %s is no extension of a picture", i.in, i.out, ext))
	case d.original, whole && slices.Contains(picture.Extensions(opened.File), strings.ToLower(ext)):
		output = opened.File
		r.Notes = append(r.Notes, fmt.Sprintf("the original file, %q", opened.Name))
		if kind := picture.Extensions(output); !slices.Contains(kind, strings.ToLower(ext)) {
			r.Notes = append(r.Notes, fmt.Sprintf("the usual extension of its kind is %s", kind[0]))
		}
	case slices.Contains([]string{".jpg", ".jpeg"}, strings.ToLower(ext)):
		if output, err = opened.Picture.JPEG(); err != nil {
			return nil, &failure{exitFailure, "write a PNG instead", fmt.Errorf("%s: %w", i.out, err)}
		}
		r.Notes = append(r.Notes, "a JPEG is lossy, once more; a PNG has all of the picture")
	case whole:
		r.Notes = append(r.Notes, fmt.Sprintf("it holds the original file, %q; get it with -original", opened.Name))
	}
	if !whole {
		r.Notes = append(r.Notes, "the picture is approximate, as it was made for messengers")
	}
	if there {
		if err := sameAs(ctx, i, output); err != nil {
			return nil, err
		}
		return &result{Output: i.out, Status: skipped, Notes: []string{"done before"}}, nil
	}
	r.Bytes = len(output)
	return r, d.write(ctx, i, output)
}

// leave returns the result of a picture of a folder that is no cipher image.
func leave(err error) *result { return &result{Status: leftAlone, Notes: []string{err.Error()}} }

// sameAs returns an error unless the existing output of an item has the given content.
func sameAs(ctx context.Context, i item, output []byte) error {
	existing, err := readInput(ctx, i.out)
	if err != nil {
		return err
	}
	if !bytes.Equal(existing, output) {
		return notTheSame(i, "it is another picture")
	}
	return nil
}

// ofCopy adds what the copy of a cipher image for messengers shows.
func (f facts) ofCopy(ctx context.Context, file []byte) (facts, error) {
	c, err := encipher.ReadCopy(ctx, file)
	if err != nil {
		return f, fileError(f.Input, err)
	}
	sealed := true
	f.PaddedWidth, f.PaddedHeight, f.Bytes, f.Messenger, f.Sealed = c.Width, c.Height, len(file), true, &sealed
	f.OpenedBy, f.needs = openedBy[c.Slot.Kind], c.Slot.String()
	return f, nil
}
