package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/urfave/cli/v3"

	"enciphergan"
	"enciphergan/internal/picture"
	"enciphergan/models"
)

const infoUsage = "[-json] FILE|FOLDER..."

func infoCommand() *cli.Command {
	return &cli.Command{
		Name:      "info",
		Usage:     "print what a cipher image is and what opens it",
		ArgsUsage: infoUsage,
		UsageText: "encipher info " + infoUsage,
		Description: `Needs no key: it prints fields of the file that are not encrypted. They are authenticated only
when the picture is decrypted.

Of a folder, it reads the files called NAME.cipher.png or NAME.cipher.jpg; - is standard input.
A file that cannot be read does not stop the others.`,
		Flags:  []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print a JSON object for each file on standard output"}},
		Action: info,
	}
}

// facts is the object that info -json prints for a file; docs/batch.md describes it.
type facts struct {
	Input        string `json:"input"`
	InputBytes   []byte `json:"input_bytes,omitempty"` // if Input is not UTF-8, which JSON cannot represent
	Left         string `json:"left,omitempty"`        // why it is left alone; then the other fields are empty
	Width        int    `json:"width,omitempty"`       // of the picture
	Height       int    `json:"height,omitempty"`
	PaddedWidth  int    `json:"padded_width,omitempty"` // of the cipher image
	PaddedHeight int    `json:"padded_height,omitempty"`
	Bytes        int    `json:"bytes,omitempty"`
	Model        string `json:"model,omitempty"` // name of a shipped model, otherwise empty
	Fingerprint  string `json:"fingerprint,omitempty"`
	Messenger    bool   `json:"messenger,omitempty"` // of encrypt -for; nothing is known of the picture without a key
	Sealed       *bool  `json:"sealed,omitempty"`    // false for a bare cipher image, which is not protected
	OpenedBy     string `json:"opened_by,omitempty"` // key, passphrase or identity
	Exit         int    `json:"exit"`
	Error        string `json:"error,omitempty"`
	Hint         string `json:"hint,omitempty"`

	needs string
}

func info(ctx context.Context, c *cli.Command) error {
	if !c.Args().Present() {
		return usage("usage: encipher info "+infoUsage, "info takes at least one file")
	}
	var files []item
	for _, arg := range c.Args().Slice() {
		found, others := cipherImages(arg)
		files = append(files, found...)
		if !c.Bool("json") {
			continue
		}
		for _, l := range others {
			printJSON(facts{Input: l.in, InputBytes: notText(l.in), Left: l.why})
		}
	}
	names := sync.OnceValues(func() (map[string]string, error) { return shippedFingerprints(ctx, c) })
	failed := 0
	for n, p := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, err := inspect(ctx, p, names)
		if err != nil {
			f.Exit, f.Error, f.Hint = exitCode(err), err.Error(), hintOf(err)
			failed++
		}
		switch {
		case c.Bool("json"):
			printJSON(f)
		case err == nil:
			if len(files) > 1 {
				if n > 0 {
					fmt.Fprintln(tables{})
				}
				fmt.Fprintln(tables{}, "file:", visible(f.Input))
			}
			f.print()
		}
		if err != nil && len(files) == 1 {
			return err
		}
		report(os.Stderr, err)
	}
	if failed > 0 {
		return &failure{exitPartial, "", fmt.Errorf("%d of %d files failed", failed, len(files))}
	}
	return nil
}

// otherName is the reason to leave a file of a folder alone that is not named as a cipher image.
const otherName = "its name does not end in " + cipherSuffix

// cipherImages returns the file that an argument names, or the cipher images of a folder and the other files in it.
func cipherImages(arg string) (files []item, others []left) {
	if !isFolder(arg) {
		return []item{{in: arg}}, nil
	}
	under := func(name string) string { return filepath.Join(arg, filepath.FromSlash(name)) }
	l, err := picture.List(arg, whyHidden)
	if err != nil {
		return []item{{in: arg, err: unlisted(arg, "check its permissions", err)}}, nil
	}
	for _, n := range l.Left {
		others = append(others, left{under(n.Name), n.Name, n.Why})
	}
	for _, name := range l.Names {
		if isCipher(name) {
			files = append(files, item{in: under(name)})
		} else {
			others = append(others, left{under(name), name, otherName})
		}
	}
	for _, c := range l.Closed {
		files = append(files, item{in: under(c.Name), err: unlisted(under(c.Name), "check its permissions", c.Err)})
	}
	if files == nil {
		files = []item{{in: arg, err: badInput("name the files themselves", fmt.Errorf("%s: the folder contains no file called NAME%s", arg, cipherSuffix))}}
	}
	return files, others
}

func inspect(ctx context.Context, i item, names func() (map[string]string, error)) (facts, error) {
	f := facts{Input: i.in, InputBytes: notText(i.in)}
	if i.err != nil {
		return f, i.err
	}
	file, err := i.read(ctx)
	if err != nil {
		return f, err
	}
	h, err := encipher.Inspect(file)
	if encipher.CodeOf(err) == encipher.NotCipher {
		return f.ofCopy(ctx, file)
	}
	if err != nil {
		return f, fileError(i.in, err)
	}
	known, err := names()
	if err != nil {
		return f, err
	}
	f.Width, f.Height, f.PaddedWidth, f.PaddedHeight, f.Bytes = h.Width, h.Height, h.PaddedWidth, h.PaddedHeight, len(file)
	f.Model, f.Fingerprint, f.Sealed = known[h.Model], h.Model, &h.Sealed
	f.OpenedBy, f.needs = openedBy[h.Slot.Kind], h.Slot.String()
	return f, nil
}

// openedBy names, for programs, the kind of identity that opens a cipher image.
var openedBy = map[encipher.SlotKind]string{encipher.SlotKeyFile: "key", encipher.SlotPassphrase: "passphrase", encipher.SlotRecipients: "identity"}

// shippedFingerprints returns the names of the shipped models by fingerprint.
func shippedFingerprints(ctx context.Context, c *cli.Command) (map[string]string, error) {
	byFingerprint := map[string]string{}
	for _, name := range models.Installed() {
		m, err := openModel(ctx, c, name)
		if err != nil {
			return nil, err
		}
		byFingerprint[m.Fingerprint()] = name
	}
	return byFingerprint, nil
}

func (f facts) print() {
	if f.Messenger {
		fmt.Fprintf(tables{}, "cipher image for messengers of format version 1, or a copy of it, %d x %d pixels, %.1f MB\n", f.PaddedWidth, f.PaddedHeight, float64(f.Bytes)/1e6)
		fmt.Fprintf(tables{}, "opened by: %s\n", f.needs)
		return
	}
	model := f.Model
	if model == "" {
		model = "not shipped with this program; give its directory after -model"
	}
	fmt.Fprintf(tables{}, "cipher image of format version 1, %d x %d pixels, %.1f MB\n", f.PaddedWidth, f.PaddedHeight, float64(f.Bytes)/1e6)
	if !*f.Sealed {
		fmt.Fprintf(tables{}, "NOT SEALED: a bare cipher image, for measurements; anybody can have written or changed it\n")
	}
	fmt.Fprintf(tables{}, "picture: %d x %d pixels\n", f.Width, f.Height)
	fmt.Fprintf(tables{}, "model: %s\n", model)
	fmt.Fprintf(tables{}, "model fingerprint: %s\n", f.Fingerprint)
	fmt.Fprintf(tables{}, "opened by: %s\n", f.needs)
}
