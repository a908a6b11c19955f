package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/urfave/cli/v3"

	"enciphergan"
	"enciphergan/internal/evaluation"
	"enciphergan/internal/key"
	"enciphergan/internal/network"
	"enciphergan/models"
)

func evaluateCommand() *cli.Command {
	return &cli.Command{
		Name:      "evaluate",
		Usage:     "measure a model on a folder of pictures",
		ArgsUsage: "[flags] DIR",
		UsageText: `encipher evaluate [-model NAME|DIR]... [-key FILE | -seed SEED] [-crop PIXELS | -whole] [-json] [-q] DIR
encipher evaluate -full [-html FILE [-f]] [-journal FILE]... [the flags above] DIR
encipher evaluate -for messenger|messenger-strong[=SIDE] [-json] DIR`,
		Description: `Prints for every picture below DIR: PSNR and SSIM of what the decryption generator
recovers; entropy and mean absolute correlation of neighbouring samples, of the
bare cipher image and of the pixels of the file; and entropy and coded size of the
residual, in percent of the raw samples. If DIR has several sub-folders, it prints
the mean of each as well. The figures describe a model; they do not prove that
anything is secure.

Without -model, it measures every shipped variant of the default model. With -seed,
it computes key and nonces from the seed and the names of the pictures, so that the
figures can be repeated. Such keys are for measurements only.

With -full, it measures everything that the literature does: also histograms with
chi-square, NPCR and UACI with critical values for the size of each picture, key
space and key sensitivity, for the bare cipher image, the file, and three ciphers
of known quality (none, a fixed pad, XChaCha20-Poly1305), with the published
comparison. It measures whole pictures and their centre squares unless -crop or
-whole selects one. docs/evaluation.md explains every column.

With -for, it encrypts every picture for a messenger, recompresses it by Go's encoder and by
those of cjpeg, ImageMagick and cwebp that are installed, and prints how many copies open, and
what comes back. It needs no model.`,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "model", Usage: "`NAME` of a shipped model, directory of another, or sealed one; repeat the flag to compare", DefaultText: "the default model's variants"},
			&cli.StringFlag{Name: "key", Usage: "`FILE` with the key; default: a new key"},
			&cli.Uint64Flag{Name: "seed", HideDefault: true, Usage: "`SEED` of key and nonces; default: random"},
			&cli.IntFlag{Name: "crop", Usage: "side in `PIXELS` of the centre square to measure", Value: 256},
			&cli.BoolFlag{Name: "whole", Usage: "measure whole pictures"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON instead of the table"},
			quietFlag(),
			&cli.BoolFlag{Name: "full", Usage: "the full measurement, with controls"},
			&cli.StringFlag{Name: "html", Usage: "write the full measurement, with plots and pictures, to an HTML `FILE`"},
			&cli.BoolFlag{Name: "f", Usage: "overwrite the HTML file"},
			forFlag(),
			&cli.StringSliceFlag{Name: "journal", Usage: "`FILE` journal.jsonl of a training run, to plot its curves; repeat the flag for more"},
		},
		Action: evaluate,
	}
}

func evaluate(ctx context.Context, c *cli.Command) error {
	if c.Args().Len() != 1 {
		return usage("usage: encipher evaluate [flags] DIR", "evaluate takes exactly one directory, not %d", c.Args().Len())
	}
	if c.IsSet("for") {
		return evaluateMessenger(ctx, c)
	}
	if c.Int("crop") < 1 {
		return usage("give a number of pixels, for instance -crop 256", "-crop %d is not a size", c.Int("crop"))
	}
	if c.String("key") != "" && c.IsSet("seed") {
		return usage("leave out one of the two", "-seed and -key both determine the key")
	}
	names := c.StringSlice("model")
	if len(names) == 0 {
		if names = defaultModels(models.Names()); len(names) == 0 {
			return badInput(shippedModels(models.Names()), errors.New("there is no default model to measure"))
		}
	}
	var list []candidate
	for _, name := range names {
		candidate, err := openCandidate(ctx, c, name)
		if err != nil {
			return err
		}
		list = append(list, candidate)
	}
	if c.Bool("full") || c.IsSet("html") || c.IsSet("journal") {
		return evaluateFull(ctx, c, list)
	}
	return evaluateBasic(ctx, c, list)
}

func evaluateBasic(ctx context.Context, c *cli.Command, list []candidate) error {
	folder := c.Args().First()
	o, err := evaluationOptions(ctx, c, folder)
	if err != nil {
		return err
	}
	all := evaluation.BasicReport{Crop: c.Int("crop")}
	if c.Bool("whole") {
		all.Crop = 0
	}
	o.Crops = []int{all.Crop}
	if c.IsSet("seed") {
		seed := c.Uint64("seed")
		all.Seed = &seed
	}
	table := io.Discard
	if !c.Bool("json") {
		table = tables{}
	}
	// The rows show the progress, unless standard output is a file.
	progress, pause := showProgress(c.Bool("q") || !c.Bool("json") && !aside())
	o.Progress = progress
	notes := skipNotes{}
	for i, candidate := range list {
		if i > 0 {
			fmt.Fprintln(table)
		}
		fmt.Fprintln(table, candidate.describe(all))
		printRow(table, "picture", "PSNR dB", "SSIM", "entropy", "correlation", "entropy", "correlation", "residual %", "coded %")
		m, err := evaluation.NewModel(candidate.name, candidate.files)
		if err != nil {
			return err
		}
		r, err := evaluation.Basic(ctx, m, o, func(p *evaluation.BasicPicture, s *evaluation.Skipped) {
			if s != nil {
				notes.print(*s, pause)
			} else {
				printFigures(table, p.Name, p.BasicFigures)
			}
		})
		pause()
		if errors.Is(err, evaluation.ErrNone) {
			return badInput(hintPictures, fmt.Errorf("%s: %w", folder, err))
		}
		if err != nil {
			return err
		}
		printFigures(table, "mean", r.Mean)
		printFigures(table, "minimum", r.Minimum)
		printFigures(table, "maximum", r.Maximum)
		for _, s := range r.Subfolders {
			printFigures(table, "mean of "+s.Name, s.Mean)
		}
		fmt.Fprintf(table, "%d measured, %d skipped; first entropy and correlation: bare cipher image, second: file; every picture was restored exactly\n", len(r.Pictures), len(r.Skipped))
		all.Models = append(all.Models, r)
	}
	if c.Bool("json") {
		if err := printReport(all); err != nil {
			return err
		}
	}
	return notes.failed()
}

const hintPictures = "give a directory with PNG, JPEG, GIF, BMP, TIFF or WebP pictures"

// evaluationOptions returns the pictures of a folder and the key of a measurement.
func evaluationOptions(ctx context.Context, c *cli.Command, folder string) (o evaluation.Options, err error) {
	source, err := evaluation.OpenSource(folder)
	if err != nil {
		return o, unlisted(folder, "check the name of the folder", err)
	}
	o.Names, o.Load = source.Names, source.Load
	if c.IsSet("seed") {
		seed := c.Uint64("seed")
		o.Secret, o.Random = seededKey(seed).Secret(), seededBytes(seed)
		return o, nil
	}
	k, err := encipher.NewKey()
	if err == nil && c.String("key") != "" {
		var file keyFile
		file, err = readKey(ctx, c, c.String("key"))
		k = file.Key
	}
	o.Secret, o.Random = k.Secret(), randomBytes()
	return o, err
}

func seededKey(seed uint64) encipher.Key {
	return key.FromSecret(sha256.Sum256(fmt.Appendf(nil, "encipher evaluate key %d", seed)))
}

func seededBytes(seed uint64) evaluation.Random {
	return func(name, purpose string) [32]byte {
		return sha256.Sum256(fmt.Appendf(nil, "encipher evaluate %s %d %s", purpose, seed, name))
	}
}

// randomBytes returns a source that draws the bytes for a name and a purpose at the first call with them, and
// returns the same bytes later.
func randomBytes() evaluation.Random {
	var mu sync.Mutex
	drawn := map[[2]string][32]byte{}
	return func(name, purpose string) [32]byte {
		mu.Lock()
		defer mu.Unlock()
		b, known := drawn[[2]string{name, purpose}]
		if !known {
			rand.Read(b[:])
			drawn[[2]string{name, purpose}] = b
		}
		return b
	}
}

// defaultModels returns the names of the default model and its variants.
func defaultModels(names []string) []string {
	var list []string
	for _, name := range names {
		if name == models.Default || strings.HasPrefix(name, models.Default+"-") {
			list = append(list, name)
		}
	}
	return list
}

// candidate is a model to measure.
type candidate struct {
	name, fingerprint string
	kappa             float32 // 0 if the profile has none
	files             network.Files
}

func openCandidate(ctx context.Context, c *cli.Command, name string) (candidate, error) {
	files, err := modelFiles(ctx, c, name)
	if err != nil {
		return candidate{}, err
	}
	m, err := network.Load(files)
	if err != nil {
		return candidate{}, badInput("fetch the model again", fmt.Errorf("%s: %w", name, err))
	}
	return candidate{m.Name(), fmt.Sprintf("%x", m.Fingerprint()), m.Card().Definition.Kappa, files}, nil
}

// describe returns the heading of a model's table.
func (c candidate) describe(r evaluation.BasicReport) string {
	parts := []string{"model " + c.name}
	if c.kappa != 0 {
		parts = append(parts, fmt.Sprintf("kappa %g", c.kappa))
	}
	parts = append(parts, fmt.Sprintf("fingerprint %.16s", c.fingerprint))
	if r.Crop > 0 {
		parts = append(parts, fmt.Sprintf("centre squares of %d x %[1]d pixels", r.Crop))
	} else {
		parts = append(parts, "whole pictures")
	}
	if r.Seed != nil {
		parts = append(parts, fmt.Sprintf("key and nonces of seed %d", *r.Seed))
	}
	return strings.Join(parts, ", ")
}

// skipNotes holds the pictures that were skipped, to name each once for all models.
type skipNotes map[evaluation.Skipped]bool

// print prints a note after pause has removed the progress bar.
func (n skipNotes) print(s evaluation.Skipped, pause func()) {
	if !n[s] {
		n[s] = true
		pause()
		say(os.Stderr, "note: skipped %s: %s", s.Name, s.Reason)
	}
}

// failed returns an error if some pictures cannot be read.
func (n skipNotes) failed() error {
	damaged := map[string]bool{}
	for s := range n {
		if s.Damaged {
			damaged[s.Name] = true
		}
	}
	if len(damaged) == 0 {
		return nil
	}
	return &failure{exitPartial, "see the notes above; the figures are those of the other pictures", fmt.Errorf("%s cannot be read", count(len(damaged), "picture"))}
}

func printFigures(w io.Writer, name string, f evaluation.BasicFigures) {
	printRow(w, name, fmt.Sprintf("%.2f", f.PSNR), fmt.Sprintf("%.5f", f.SSIM), fmt.Sprintf("%.4f", f.BareEntropy),
		fmt.Sprintf("%.4f", f.BareCorrelation), fmt.Sprintf("%.4f", f.FileEntropy), fmt.Sprintf("%.4f", f.FileCorrelation),
		fmt.Sprintf("%.4f", f.ResidualEntropy), fmt.Sprintf("%.4f", f.ResidualCoded))
}

// printRow prints a line of the table: the name aligned to the left, without its beginning
// if it is long, and the columns aligned to the right.
func printRow(w io.Writer, name string, columns ...string) {
	const width = 32
	name = visible(name)
	if runes := []rune(name); len(runes) > width {
		name = "…" + string(runes[len(runes)-width+1:])
	}
	fmt.Fprintf(w, "%-*s", width, name)
	for _, column := range columns {
		fmt.Fprintf(w, " %11s", column)
	}
	fmt.Fprintln(w)
}
