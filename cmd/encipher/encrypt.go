package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"enciphergan"
	"enciphergan/internal/picture"
)

func encryptCommand() *cli.Command {
	return &cli.Command{
		Name:      "encrypt",
		Usage:     "turn a picture into a cipher image",
		ArgsUsage: "-key FILE|-r RECIPIENT|-passphrase -o OUT.png|FOLDER [flags] IN...",
		UsageText: "encipher encrypt -key FILE|-r RECIPIENT|-passphrase -o OUT.png [flags] IN\nencipher encrypt -key FILE|-r RECIPIENT|-passphrase -o FOLDER [flags] IN...",
		Description: `IN is a PNG, JPEG, GIF, BMP, TIFF or WebP picture. OUT.png is a picture of noise
that only the key opens, and only as long as no program recompresses it: send it
as a file, not as a picture.

What opens it is a key file, a passphrase, or the secret key of an age recipient, to
whom it can be sent without a secret that both know.

With -exact on, every sample comes back as it was, with transparency, 16 bits, EXIF
data, colour profile, density and texts; what that takes is sealed beside the neural
cipher. What a PNG has no place for, such as further pages or a film behind the photo, is
named. With -exact off, the picture comes back approximately, with 8 bits and without the rest.
With -exact file, the file itself is sealed too, with its name: see decrypt -original.

-mode paper is for measurements alone: it writes the bare neural cipher, without authenticated
encryption. That protects nothing, as docs/security.md says.
The EXIF orientation is applied in either case.`,
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "key", Usage: "`FILE` with the key"},
		}, sealFlags(), pictureFlags(), batchFlags(), []cli.Flag{
			&cli.StringFlag{Name: "exact", Usage: "`MODE`: on; off for an approximate picture; file to keep the file itself, too", Value: "on"},
			modeFlag(),
			&cli.BoolFlag{Name: "drop-metadata", Usage: "leave out EXIF data and texts, such as place and camera, and the colour profile: all but the samples"},
		}),
		Action: encrypt,
	}
}

// spareMemory collects garbage early: pictures and graphs are a few large blocks, so that it
// costs little time and saves a third of the memory.
func spareMemory() { debug.SetGCPercent(20) }

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
	if err := needPictures(c); err != nil {
		return err
	}
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
	if err := checkLock(c); err != nil {
		return err
	}
	b, err := newBatch(c, folders{wanted: isPicture, other: "its name is none of a picture", rename: func(name string) string { return name + cipherSuffix }}, []string{".png"})
	if err != nil {
		return err
	}
	b.unlike = bare || exact == encipher.ExactOff
	if b.resume && b.unlike {
		return usage("leave out -resume, or -mode paper and -exact off", "-resume compares pictures, and these come back approximately")
	}
	b.derives = derives(c)
	e := encryption{batch: b, exact: exact, bare: bare}
	if err := e.ready(); err != nil {
		return err
	}
	if e.lock, e.opens, err = readLock(ctx, c); err != nil {
		return err
	}
	if e.model, err = openModel(ctx, c, c.String("model")); err != nil {
		return err
	}
	if c.Bool("drop-metadata") {
		e.options = append(e.options, encipher.WithoutMetadata())
	}
	if bare {
		e.options = append(e.options, encipher.WithBareCipher())
	}
	spareMemory()
	e.announce()
	return b.run(ctx, e.model, e.one)
}

// cipherSuffix is what a picture's name gets in a folder: photo.jpg and photo.png beside
// it stay apart.
const cipherSuffix = ".cipher.png"

// isCipher says by its name whether a file of a folder is to be decrypted.
func isCipher(name string) bool {
	return len(name) > len(cipherSuffix) && strings.EqualFold(name[len(name)-len(cipherSuffix):], cipherSuffix)
}

// isPicture says by its name whether a file of a folder is to be encrypted.
func isPicture(name string) bool { return !isCipher(name) && picture.HasExtension(name) }

// encryption is one call of encrypt.
type encryption struct {
	*batch
	model   *encipher.Model
	exact   encipher.Exact
	bare    bool
	lock    locking
	opens   encipher.Secret // nil where only others can open what is encrypted
	options []encipher.Option
}

// announce says what many pictures will take.
func (e *encryption) announce() {
	if e.single || len(e.items) == 0 {
		return
	}
	var bytes, most int64
	for n := range e.items {
		c := costOf(e.model, e.items[n].in, e.workers, e.derives)
		e.items[n].cost = &c
		bytes, most = bytes+c.FileBytes, max(most, c.MemoryBytes)
	}
	e.say("%s; the cipher images take about %.0f MB, making the largest about %.0f MB of memory", count(len(e.items), "picture"), float64(bytes)/1e6, float64(most)/1e6)
}

// one encrypts a picture.
func (e *encryption) one(ctx context.Context, i item, options []encipher.Option) (*result, error) {
	there, err := e.begin(i)
	if err != nil {
		return nil, err
	}
	input, err := i.read(ctx)
	if err != nil {
		return nil, err
	}
	if there {
		if err := e.compare(ctx, i, input); err != nil {
			return nil, err
		}
		how := "done before"
		if e.opens == nil {
			how = "there is one of its size and of this model, and only the recipients can tell more"
		}
		return &result{Output: i.out, Status: skipped, Notes: []string{how}}, nil
	}
	cost, err := e.model.Estimate(input, e.workers)
	if err != nil {
		return nil, fileError(i.in, err)
	}
	if e.single {
		e.say("%s: %d x %d pixels; the cipher image takes %.1f MB, making it about %.0f MB of memory",
			named(i.in), cost.Width, cost.Height, float64(cost.FileBytes)/1e6, float64(cost.MemoryBytes)/1e6)
	}
	k, slot, err := e.lock(ctx)
	if ctx.Err() != nil {
		return nil, &failure{exitInterrupted, "", errInterrupted}
	}
	if err != nil {
		return nil, badInput("encrypt for fewer recipients, or for some of one kind", err)
	}
	options = append(options, encipher.WithSlot(slot), encipher.WithExact(e.exact))
	if i.in != standard {
		options = append(options, encipher.WithName(filepath.Base(i.in)))
	}
	sealed, err := e.model.Encrypt(ctx, input, k, append(options, e.options...)...)
	if err != nil {
		return nil, fileError(i.in, err)
	}
	if e.bare {
		warnBare(i.out)
	}
	if err := e.write(ctx, i, sealed.PNG); err != nil {
		return nil, err
	}
	return &result{Output: i.out, Width: sealed.Bare.Width, Height: sealed.Bare.Height, Bytes: len(sealed.PNG), Notes: sealed.Plain.Notes}, nil
}

// compare says whether the output that is there is the input's cipher image: sealed with the
// same secret, and of a picture with the same digest. For recipients the seal cannot be
// opened here, and only model and size are compared.
func (e *encryption) compare(ctx context.Context, i item, input []byte) error {
	existing, err := readInput(ctx, i.out)
	if err != nil {
		return err
	}
	info, err := encipher.Inspect(existing)
	if err != nil {
		return notTheSame(i, err.Error())
	}
	if e.opens == nil {
		cost, err := e.model.Estimate(input, 1)
		if err != nil {
			return fileError(i.in, err)
		}
		if info.Model != e.model.Fingerprint() || info.Width != cost.Width || info.Height != cost.Height || !info.Sealed {
			return notTheSame(i, "it is of another picture, model or mode")
		}
		return nil
	}
	k, err := info.Unlock(ctx, e.opens)
	if encipher.CodeOf(err) == encipher.Canceled {
		return fileError(i.out, err)
	}
	if err != nil {
		return notTheSame(i, err.Error())
	}
	v, err := e.model.Verify(existing, k)
	if err != nil {
		return notTheSame(i, err.Error())
	}
	same, err := v.Matches(input, e.options...)
	if err != nil {
		return fileError(i.in, err)
	}
	// What holds more than is asked for, such as the place in EXIF data, is not the same.
	if !same || (v.File != nil) != (e.exact == encipher.ExactFile) || v.File != nil && !bytes.Equal(v.File, input) {
		return notTheSame(i, "it is of another picture, or was made with another -exact or -drop-metadata")
	}
	return nil
}
