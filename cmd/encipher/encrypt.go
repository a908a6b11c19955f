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
		UsageText: "encipher encrypt -key FILE|-r RECIPIENT|-passphrase -o OUT.png [flags] IN\nencipher encrypt -for messenger -key FILE|-r RECIPIENT|-passphrase -o OUT.jpg [flags] IN\nencipher encrypt -key FILE|-r RECIPIENT|-passphrase -o FOLDER [flags] IN...",
		Description: `IN is a PNG, JPEG, GIF, BMP, TIFF or WebP picture. OUT.png is a cipher image: a picture of
noise that only the key opens, as long as no program recompresses it. Send it as a file, not
as a picture.

A cipher image is opened by a key file, by a passphrase, or by the identity of an age
recipient, with whom you need no common secret.

With -exact on, every sample is restored, with transparency, 16 bits, EXIF data, colour
profile, density and texts. Parts of a file that a PNG cannot hold, such as further pages or a
film after the photo, are named in a note. With -exact off, the picture is restored
approximately, with 8 bits and without this data. With -exact file, the original file and its
name are sealed, too: see decrypt -original.

With -for messenger, OUT.jpg is a gray picture of noise that a messenger may recompress. Send
it as a picture. The picture is reduced to a longest side of 1600 pixels, or of SIDE with
-for messenger=SIDE, and restored with a loss that is named. An original file that is small
enough travels as it is. -for messenger-strong is for services that compress hard, and holds two
thirds of the content. A service that makes pictures smaller than SIDE destroys the cipher
image. No model is needed.

-mode paper is for measurements only: it writes a bare cipher image, without authenticated
encryption, which protects nothing (docs/security.md).
The EXIF orientation is applied in every mode.`,
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "key", Usage: "`FILE` with the key"},
		}, sealFlags(), pictureFlags(), batchFlags(), []cli.Flag{
			&cli.StringFlag{Name: "exact", Usage: "`MODE`: on; off for an approximate picture; file to seal the original file, too", Value: "on"},
			modeFlag(),
			forFlag(),
			&cli.BoolFlag{Name: "drop-metadata", Usage: "leave out everything but the samples: EXIF data and texts, such as place and camera, and the colour profile"},
		}),
		Action: encrypt,
	}
}

// spareMemory makes the garbage collector run early. Pictures and graphs are a few large blocks, so
// this costs little time and saves a third of the memory.
func spareMemory() { debug.SetGCPercent(20) }

func modeFlag() cli.Flag {
	return &cli.StringFlag{Name: "mode", Usage: "`MODE`: sealed; paper for a bare cipher image, which is for measurements and protects nothing", Value: modeSealed}
}

const (
	modeSealed = "sealed"
	modePaper  = "paper"
)

// isBare reports whether -mode asks for a bare cipher image.
func isBare(c *cli.Command) (bool, error) {
	switch mode := c.String("mode"); mode {
	case modeSealed:
		return false, nil
	case modePaper:
		return true, nil
	default:
		return false, usage("the modes are sealed and paper", "unknown -mode %s", mode)
	}
}

// warnBare prints that a bare cipher image is not protected.
func warnBare(path string) {
	say(os.Stderr, "WARNING: %s: a bare cipher image, for measurements: it is neither secret nor authenticated", path)
}

func encrypt(ctx context.Context, c *cli.Command) error {
	if err := needPictures(c); err != nil {
		return err
	}
	if c.IsSet("for") {
		return encryptForMessenger(ctx, c)
	}
	content, err := contentOf(c)
	if err != nil {
		return err
	}
	if err := checkLock(c); err != nil {
		return err
	}
	b, err := newBatch(c, folders{wanted: isPicture, other: "its name does not have the extension of a picture", rename: func(name string) string { return name + cipherSuffix }}, []string{".png"})
	if err != nil {
		return err
	}
	b.unlike = content == encipher.ContentBareCipher || content == encipher.ContentApproximate
	if b.resume && b.unlike {
		return usage("leave out -resume, or -mode paper and -exact off", "-resume compares pictures, and these are only restored approximately")
	}
	b.derives = derives(c)
	e := encryption{batch: b, content: content, keepFile: c.String("exact") == "file"}
	if err := e.ready(); err != nil {
		return err
	}
	if e.to, e.identity, err = readRecipient(ctx, c); err != nil {
		return err
	}
	if e.model, err = openModel(ctx, c, c.String("model")); err != nil {
		return err
	}
	spareMemory()
	e.announce()
	return b.run(ctx, e.model.Estimate, e.one)
}

// contentOf returns the content that -exact, -drop-metadata and -mode ask for.
func contentOf(c *cli.Command) (encipher.Content, error) {
	none := encipher.Content{}
	exact, drop := c.String("exact"), c.Bool("drop-metadata")
	bare, err := isBare(c)
	switch {
	case err != nil:
		return none, err
	case bare && (c.IsSet("exact") || drop):
		return none, usage("leave out -exact and -drop-metadata", "-mode paper writes only the neural cipher")
	case bare:
		return encipher.ContentBareCipher, nil
	case exact == "file" && drop:
		return none, usage("leave out one of the two", "-exact file keeps the whole file, and -drop-metadata does not")
	case exact == "file":
		return encipher.ContentFile(""), nil
	case exact == "off":
		return encipher.ContentApproximate, nil
	case exact != "on":
		return none, usage("the values are on, off and file", "unknown -exact %s", exact)
	case drop:
		return encipher.ContentSamples, nil
	}
	return encipher.ContentPicture, nil
}

// cipherSuffix is appended to a picture's name in a folder, extension included, so that the cipher images of
// photo.jpg and photo.png have different names.
const cipherSuffix = ".cipher.png"

// isCipher reports whether the name of a file in a folder is that of a cipher image.
func isCipher(name string) bool { return stemOf(name) != "" }

// stemOf returns the name of a cipher image without its suffix, or an empty string for other names.
func stemOf(name string) string {
	for _, suffix := range []string{cipherSuffix, messengerSuffix} {
		if n := len(name) - len(suffix); n > 0 && strings.EqualFold(name[n:], suffix) {
			return name[:n]
		}
	}
	return ""
}

// isPicture reports whether the name of a file in a folder is that of a picture to encrypt.
func isPicture(name string) bool { return !isCipher(name) && picture.HasExtension(name) }

// encryption is one call of encrypt.
type encryption struct {
	*batch
	model    *encipher.Model
	content  encipher.Content
	keepFile bool // content is ContentFile with the name of the input
	to       encipher.Recipient
	identity encipher.Identity // opens what to seals; nil for age recipients
}

// announce estimates the cost of each of several pictures, and prints the size and memory.
func (e *encryption) announce() {
	if e.single || len(e.items) == 0 {
		return
	}
	var bytes, peak int64
	for n := range e.items {
		c := costOf(e.model.Estimate, e.items[n].in, e.workers, e.derives)
		e.items[n].cost = &c
		bytes, peak = bytes+c.FileBytes, max(peak, c.MemoryBytes)
	}
	e.say("%s; the cipher images will take about %.0f MB, and encryption needs about %.0f MB of memory for the largest", count(len(e.items), "picture"), float64(bytes)/1e6, float64(peak)/1e6)
}

// one encrypts a picture.
func (e *encryption) one(ctx context.Context, i item, progress encipher.Progress, workers int) (*result, error) {
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
		how := "already done"
		if e.identity == nil {
			how = "the output exists, for a picture of this size and this model; only the recipients can check more"
		}
		return &result{Output: i.out, Status: skipped, Notes: []string{how}}, nil
	}
	cost, err := e.model.Estimate(input, e.workers)
	if err != nil {
		return nil, fileError(i.in, err)
	}
	if e.single {
		e.say("%s: %d x %d pixels; the cipher image will take %.1f MB, and encryption needs about %.0f MB of memory",
			named(i.in), cost.Width, cost.Height, float64(cost.FileBytes)/1e6, float64(cost.MemoryBytes)/1e6)
	}
	content := e.content
	if e.keepFile && i.in != standard {
		content = encipher.ContentFile(filepath.Base(i.in))
	}
	sealed, err := e.model.Encrypt(ctx, input, e.to, encipher.WithContent(content), encipher.WithProgress(progress), encipher.WithWorkers(workers))
	if err != nil {
		return nil, fileError(i.in, err)
	}
	if content == encipher.ContentBareCipher {
		warnBare(i.out)
	}
	if err := e.write(ctx, i, sealed.PNG); err != nil {
		return nil, err
	}
	return &result{Output: i.out, Width: sealed.NeuralCipher.Width, Height: sealed.NeuralCipher.Height, Bytes: len(sealed.PNG), Notes: sealed.Picture.Notes}, nil
}

// compare returns an error unless the existing output is the cipher image of the input: of the same
// model, sealed with the same secret, and with the same content. Without an identity, as for age recipients,
// it compares only the model and the size, and whether it is sealed.
func (e *encryption) compare(ctx context.Context, i item, input []byte) error {
	existing, err := readInput(ctx, i.out)
	if err != nil {
		return err
	}
	info, err := encipher.Inspect(existing)
	if err != nil {
		return notTheSame(i, err.Error())
	}
	if e.identity == nil {
		cost, err := e.model.Estimate(input, 1)
		if err != nil {
			return fileError(i.in, err)
		}
		if info.Model != e.model.Fingerprint() || info.Width != cost.Width || info.Height != cost.Height || !info.Sealed {
			return notTheSame(i, "it was made from another picture, with another model or in another mode")
		}
		return nil
	}
	v, err := e.model.Verify(ctx, existing, e.identity)
	if encipher.CodeOf(err) == encipher.Canceled {
		return fileError(i.out, err)
	}
	if err != nil {
		return notTheSame(i, err.Error())
	}
	same, err := v.Matches(input, e.content)
	if err != nil {
		return fileError(i.in, err)
	}
	// A cipher image with more than the flags ask for, such as the place in EXIF data, is different.
	if !same || (v.File != nil) != e.keepFile || v.File != nil && !bytes.Equal(v.File, input) {
		return notTheSame(i, "it was made from another picture, or with another -exact or -drop-metadata")
	}
	return nil
}
