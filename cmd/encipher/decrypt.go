package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"enciphergan"
	"enciphergan/internal/picture"
)

func decryptCommand() *cli.Command {
	return &cli.Command{
		Name:      "decrypt",
		Usage:     "turn a cipher image back into the picture",
		ArgsUsage: "-key FILE...|-i FILE|-passphrase -o OUT.png|OUT.jpg|FOLDER [flags] IN.png...",
		UsageText: "encipher decrypt -key FILE...|-i FILE|-passphrase -o OUT.png|OUT.jpg [flags] IN.png\nencipher decrypt -key FILE...|-i FILE|-passphrase -o FOLDER [flags] IN...",
		Description: `OUT is a PNG, or a JPEG, which is lossy, if its name ends in .jpg.

IN is a cipher image, or a copy, of any kind of file, of one that encrypt -for made.
Every sample is restored, unless the cipher image was made with -exact off or -for.
A bare cipher image, which encrypt -mode paper writes, is read only with -mode paper.

If a picture that should be restored exactly is not, nothing is written. With -approximate it
is written nevertheless, and the exit code is 7. The same applies if the original file does
not belong to the picture; then that file is never written.

Several cipher images, and folders with their sub-folders, are written to the folder after -o:
a/b.jpg.cipher.png becomes a/b.jpg.png, or a/b.jpg with -original; b.png.cipher.png becomes
b.png. Of a folder, files called NAME.cipher.png or NAME.cipher.jpg are decrypted, and all
pictures that are copies of what encrypt -for made, whatever a messenger called them: c.jpg
becomes c.jpg.png. Others are left alone.
IN.png and OUT.png may be -, for standard input and output. A failure does not stop the other
pictures. -jobs, -memory, -resume and -shard work as for encrypt; -resume skips a picture
whose digest is that in the cipher image.`,
		Flags: slices.Concat([]cli.Flag{
			&cli.StringSliceFlag{Name: "key", Usage: "`FILE` with the key; repeat the flag to try several"},
			&cli.StringSliceFlag{Name: "i", Usage: "`FILE` with age identities; repeat the flag to try several"},
		}, passphraseFlags(), pictureFlags(), batchFlags(), []cli.Flag{
			modeFlag(),
			&cli.BoolFlag{Name: "original", Usage: "write the original file instead of a PNG, if the cipher image was made with -exact file"},
			&cli.BoolFlag{Name: "approximate", Usage: "write a picture even if it should be restored exactly and is not"},
		}),
		DisableSliceFlagSeparator: true, // a comma is part of a file's name
		Action:                    decrypt,
	}
}

func decrypt(ctx context.Context, c *cli.Command) error {
	if err := needPictures(c); err != nil {
		return err
	}
	if err := checkSecrets(c); err != nil {
		return err
	}
	bare, err := isBare(c)
	if err != nil {
		return err
	}
	d := decryption{original: c.Bool("original"), approximate: c.Bool("approximate")}
	kinds := []string{".png", ".jpg", ".jpeg"}
	if d.original {
		kinds = nil
	}
	spare := ".png"
	if d.original { // an original file is written under its own name
		spare = ""
	}
	if d.batch, err = newBatch(c, folders{wanted: isCipher, maybe: picture.HasExtension, other: otherName, rename: d.rename, spare: spare}, kinds); err != nil {
		return err
	}
	d.derives, d.secret = derives(c), true
	if err := d.ready(); err != nil {
		return err
	}
	if d.identities, err = readIdentitiesOfPictures(ctx, c); err != nil {
		return err
	}
	if d.model, err = openModel(ctx, c, c.String("model")); err != nil {
		return err
	}
	if bare {
		d.options = append(d.options, encipher.AcceptBareCipher())
	}
	if d.approximate || d.original { // the kept file needs no generator
		d.options = append(d.options, encipher.AcceptApproximate())
	}
	spareMemory()
	return d.run(ctx, d.model.Estimate, d.one)
}

// decryption is one call of decrypt.
type decryption struct {
	*batch
	model                 *encipher.Model
	original, approximate bool
	identities            []encipher.Identity
	options               []encipher.DecryptOption
}

// rename returns photo.jpg.png for photo.jpg.cipher.png, or photo.jpg with -original, and
// photo.png for photo.png.cipher.png.
func (d *decryption) rename(name string) string {
	stem := stemOf(name)
	switch ext := filepath.Ext(name); {
	case stem != "":
		name = stem
	case d.original && picture.HasExtension(name): // it may be a copy, next to the original
		return strings.TrimSuffix(name, ext) + ".original" + ext
	case picture.HasExtension(name):
		return name + ".png"
	}
	if d.original || strings.EqualFold(filepath.Ext(name), ".png") {
		return name
	}
	return name + ".png"
}

// one decrypts a picture.
func (d *decryption) one(ctx context.Context, i item, progress encipher.Progress, workers int) (*result, error) {
	input, err := i.read(ctx)
	if i.maybe && err != nil && exitCode(err) != exitInterrupted {
		return leave(err), nil
	}
	if err != nil {
		return nil, err
	}
	if _, err := encipher.Inspect(input); encipher.CodeOf(err) == encipher.NotCipher {
		return d.copy(ctx, i, input, progress)
	}
	there, err := d.begin(i)
	if err != nil {
		return nil, err
	}
	k, err := unlock(ctx, d.model, input, d.identities)
	if err != nil {
		return nil, fileError(i.in, err)
	}
	if there {
		if err := d.compare(ctx, i, input, k); err != nil {
			return nil, err
		}
		return &result{Output: i.out, Status: skipped, Notes: []string{"already done"}}, nil
	}
	opened, err := d.model.Decrypt(ctx, input, k, append([]encipher.DecryptOption{encipher.WithProgress(progress), encipher.WithWorkers(workers)}, d.options...)...)
	if encipher.CodeOf(err) == encipher.NotExact {
		return nil, notExact(i.in, err)
	}
	if err != nil {
		return nil, fileError(i.in, err)
	}
	r := &result{Output: i.out, Exact: &opened.Exact, Sealed: &opened.Sealed}
	output := opened.PNG
	switch ext := filepath.Ext(i.out); {
	case d.original && opened.File == nil && opened.Fault != nil:
		return nil, notExact(i.in, opened.Fault)
	case d.original && opened.File == nil:
		return nil, badInput("leave out -original for the picture as a PNG", fmt.Errorf("%s: it was made without -exact file and does not contain the original file", i.in))
	case d.original && !d.single && ext != "" && !picture.HasExtension(i.out):
		// The sender chooses the name, and a picture can be a program at the same time.
		return nil, badInput("to write it under this name, decrypt it by itself with -o FILE", fmt.Errorf("%s: the original file would be written to %s, and %s is not the extension of a picture", i.in, i.out, ext))
	case d.original:
		r.Exact, output = nil, opened.File
		r.Notes = append(r.Notes, fmt.Sprintf("the original file, %q", opened.Name))
		if kind := picture.Extensions(output); !slices.Contains(kind, strings.ToLower(ext)) {
			r.Notes = append(r.Notes, fmt.Sprintf("the usual extension of its kind is %s", kind[0]))
		}
	case strings.EqualFold(ext, ".jpg") || strings.EqualFold(ext, ".jpeg"):
		if output, err = opened.Picture.JPEG(); err != nil {
			return nil, &failure{exitFailure, "write a PNG instead", fmt.Errorf("%s: %w", i.out, err)}
		}
		r.Notes = append(r.Notes, "a JPEG is lossy, without transparency, EXIF data and colour profile; a PNG holds all of the picture")
	}
	if !d.original {
		r.Width, r.Height = opened.Picture.Width, opened.Picture.Height
		if opened.File != nil {
			r.Notes = append(r.Notes, fmt.Sprintf("it contains the original file, %q; write it with -original", opened.Name))
		}
	}
	r.Bytes = len(output)
	if err := d.write(ctx, i, output); err != nil {
		return nil, err
	}
	switch {
	case d.original:
	case !opened.Sealed:
		warnBare(i.in)
	case errors.Is(opened.Fault, encipher.ErrOtherFile):
		return r, notExact(i.in, opened.Fault)
	case opened.Promised && !opened.Exact:
		return r, &failure{exitApproximate, "compare it with the original before you rely on it, and please report this",
			fmt.Errorf("%s: the picture is approximate and should be exact", i.out)}
	case !opened.Exact:
		r.Notes = append(r.Notes, "the picture is approximate, as it was made with -exact off")
	}
	return r, nil
}

// notExact returns the error of a cipher image that should restore exactly and does not.
func notExact(path string, err error) error {
	hint := "write it nevertheless with -approximate, and please report this"
	if errors.Is(err, encipher.ErrOtherFile) {
		hint = "ask the person who encrypted it; -approximate without -original writes only the picture"
	}
	return &failure{exitApproximate, hint, fmt.Errorf("%s: %w", path, err)}
}

// compare returns an error unless the existing output is the picture, or with -original the kept file, of the
// cipher image.
func (d *decryption) compare(ctx context.Context, i item, input []byte, k encipher.Key) error {
	v, err := d.model.Verify(ctx, input, k)
	if err != nil {
		return fileError(i.in, err)
	}
	existing, err := readInput(ctx, i.out)
	if err != nil {
		return err
	}
	if d.original {
		if v.File == nil || !bytes.Equal(existing, v.File) {
			return notTheSame(i, "it is another file")
		}
		return nil
	}
	same, err := v.Matches(existing, encipher.ContentPicture)
	switch {
	case err != nil:
		return notTheSame(i, err.Error())
	case !v.Exact:
		return notTheSame(i, "the cipher image was made with -exact off, so it cannot be compared")
	case !same:
		return notTheSame(i, "it is another picture")
	}
	return nil
}
