package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/urfave/cli/v3"

	"enciphergan"
	analysis "enciphergan/internal/evaluation"
	"enciphergan/internal/key"
	"enciphergan/internal/metric"
	"enciphergan/internal/network"
	"enciphergan/internal/picture"
	"enciphergan/models"
)

func evaluateCommand() *cli.Command {
	return &cli.Command{
		Name:      "evaluate",
		Usage:     "measure a model on a folder of pictures",
		ArgsUsage: "[flags] DIR",
		UsageText: `encipher evaluate [-model NAME|DIR]... [-key FILE | -seed SEED] [-crop PIXELS | -whole] [-json] [-q] DIR
encipher evaluate -full [-html FILE [-f]] [-journal FILE]... [the flags above] DIR`,
		Description: `For every picture below DIR: PSNR and SSIM of what the decryption generator alone
recovers; entropy and mean absolute correlation of neighbouring samples, of the
bare 8-bit output of the generator and of the pixels of the finished file; and the
residual that makes the recovered picture exact, its entropy and its size in the
file, in percent of the raw samples. Where DIR has several directories, each has its
own mean beside that of all. The figures describe; they do not prove that anything
is secure.

Without -model, every shipped variant of the default model is measured. With -seed
the figures can be repeated: key and nonces are computed from the seed and the
names of the pictures, which is fit for measuring and for nothing else.

With -full, all that the literature measures: histograms with chi-square, NPCR and
UACI with critical values for each picture's own size, key space and sensitivity
beside the above, for bare output and finished file, with three ciphers of known
worth from the same code (none, a fixed pad, XChaCha20-Poly1305), and the published
comparison. Whole pictures and their centre squares are measured, unless -crop or
-whole names one. docs/evaluation.md explains every column.`,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "model", Usage: "`NAME` of a shipped model, directory of another, or sealed one; repeat the flag to compare", DefaultText: "the default model's variants"},
			&cli.StringFlag{Name: "key", Usage: "`FILE` with the key; without it, a new key for each picture"},
			&cli.Uint64Flag{Name: "seed", HideDefault: true, Usage: "`SEED` of key and nonces, in place of random ones"},
			&cli.IntFlag{Name: "crop", Usage: "side in `PIXELS` of the centre square that is measured", Value: 256},
			&cli.BoolFlag{Name: "whole", Usage: "measure whole pictures"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON in place of the table"},
			quietFlag(),
			&cli.BoolFlag{Name: "full", Usage: "the full analysis, with controls"},
			&cli.StringFlag{Name: "html", Usage: "write the full analysis, with plots and pictures, as one HTML `FILE`"},
			&cli.BoolFlag{Name: "f", Usage: "overwrite the HTML file"},
			&cli.StringSliceFlag{Name: "journal", Usage: "`FILE` journal.jsonl of a training, for the curves of a full analysis; repeat the flag for more"},
		},
		Action: evaluate,
	}
}

func evaluate(ctx context.Context, c *cli.Command) error {
	if c.Args().Len() != 1 {
		return usage("usage: encipher evaluate [flags] DIR", "evaluate takes exactly one directory, and %d are given", c.Args().Len())
	}
	if c.Int("crop") < 1 {
		return usage("give a number of pixels, for instance -crop 256", "-crop %d is no size", c.Int("crop"))
	}
	e := newEvaluation(c.Int("crop"), os.Stderr)
	if c.Bool("whole") {
		e.crop = 0
	}
	all := evaluations{Crop: e.crop}
	if !c.Bool("json") {
		e.table = tables{}
	}
	file := c.String("key")
	switch {
	case file != "" && c.IsSet("seed"):
		return usage("leave out one of the two", "-seed computes a key, and -key gives one")
	case file != "":
		given, err := readKey(ctx, c, file)
		if err != nil {
			return err
		}
		e.material = func(string) (encipher.Key, []encipher.Option, error) { return given.Key, nil, nil }
	case c.IsSet("seed"):
		seed := c.Uint64("seed")
		all.Seed = &seed
		e.material = seededKeys(seed)
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
		return e.analyse(ctx, c, list)
	}
	// The table's own rows say how far it has come, where somebody may see them.
	e.progress, e.pause = showProgress(c.Bool("q") || e.table != nil && !aside())
	for i, candidate := range list {
		if i > 0 && e.table != nil {
			fmt.Fprintln(e.table)
		}
		e.heading(candidate, all.Seed)
		e.cipher = candidate.model
		e.stage = candidate.model.Name()
		m, err := e.run(ctx, c.Args().First())
		e.pause()
		if err != nil {
			return err
		}
		m.Model, m.Kappa, m.Fingerprint = candidate.model.Name(), candidate.kappa, candidate.model.Fingerprint()
		all.Models = append(all.Models, m)
	}
	if !c.Bool("json") {
		return e.damaged.failed()
	}
	if err := printReport(all); err != nil {
		return err
	}
	return e.damaged.failed()
}

// defaultModels are the names of the default model and of its variants.
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
	model *encipher.Model
	kappa float32 // of its definition; 0 where the profile has none
	files network.Files
}

func openCandidate(ctx context.Context, c *cli.Command, name string) (candidate, error) {
	files, err := modelFiles(ctx, c, name)
	if err != nil {
		return candidate{}, err
	}
	m, err := encipher.OpenModel(files)
	if err != nil {
		return candidate{}, fmt.Errorf("%s: %w", name, err)
	}
	var card network.Card
	if err := json.Unmarshal(files.Card, &card); err != nil {
		return candidate{}, badInput("fetch the model again", fmt.Errorf("%s: card.json: %w", name, err))
	}
	return candidate{m, card.Definition.Kappa, files}, nil
}

func randomKeys(string) (encipher.Key, []encipher.Option, error) {
	k, err := encipher.NewKey()
	return k, nil, err
}

// seededKeys computes one key from a seed, and a nonce from the seed and the
// picture's name, so that figures can be repeated.
func seededKeys(seed uint64) func(string) (encipher.Key, []encipher.Option, error) {
	k, draw := seededKey(seed), seededDraw(seed)
	return func(name string) (encipher.Key, []encipher.Option, error) {
		sum := draw(name, "nonce")
		return k, []encipher.Option{encipher.WithFixedNonce([key.NonceSize]byte(sum[:key.NonceSize]))}, nil
	}
}

func seededKey(seed uint64) encipher.Key {
	return key.FromSecret(sha256.Sum256(fmt.Appendf(nil, "encipher evaluate key %d", seed)))
}

func seededDraw(seed uint64) analysis.Draw {
	return func(name, purpose string) [32]byte {
		return sha256.Sum256(fmt.Appendf(nil, "encipher evaluate %s %d %s", purpose, seed, name))
	}
}

// heading names the model above its table.
func (e evaluation) heading(c candidate, seed *uint64) {
	if e.table == nil {
		return
	}
	parts := []string{"model " + c.model.Name()}
	if c.kappa != 0 {
		parts = append(parts, fmt.Sprintf("kappa %g", c.kappa))
	}
	parts = append(parts, fmt.Sprintf("fingerprint %.16s", c.model.Fingerprint()))
	if e.crop > 0 {
		parts = append(parts, fmt.Sprintf("centre squares of %d x %[1]d pixels", e.crop))
	} else {
		parts = append(parts, "whole pictures")
	}
	if seed != nil {
		parts = append(parts, fmt.Sprintf("key and nonces of seed %d", *seed))
	}
	fmt.Fprintln(e.table, strings.Join(parts, ", "))
}

// evaluation measures pictures one after the other.
type evaluation struct {
	cipher interface {
		Encrypt(context.Context, []byte, encipher.Key, ...encipher.Option) (*encipher.Sealed, error)
		Decrypt(context.Context, []byte, encipher.Key, ...encipher.Option) (*encipher.Opened, error)
	}
	material func(picture string) (encipher.Key, []encipher.Option, error)
	crop     int             // side of the centre square in pixels; 0: whole pictures
	table    io.Writer       // rows as they come; nil: none
	notes    io.Writer       // pictures that are skipped
	noted    map[string]bool // notes that were made for an earlier model
	damaged  *damaged
	stage    string            // what the progress is called
	progress encipher.Progress // told of every file that is dealt with
	pause    func()            // takes away what it has drawn
}

// newEvaluation measures under new keys, prints no table and shows no progress.
func newEvaluation(crop int, notes io.Writer) evaluation {
	e := evaluation{material: randomKeys, crop: crop, notes: notes, noted: map[string]bool{}, damaged: &damaged{}}
	e.progress, e.pause = showProgress(true)
	return e
}

// damaged are the pictures that cannot be read, as against those that are too small to be
// measured.
type damaged struct {
	mu    sync.Mutex
	names map[string]bool
}

// add takes the error of reading a picture.
func (d *damaged) add(name string, err error) {
	if !unmeasurable(err) || errors.Is(err, errTooSmall) || picture.NoPicture(name, err) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.names == nil {
		d.names = map[string]bool{}
	}
	d.names[name] = true
}

// failed is the error of an evaluation that lacks pictures.
func (d *damaged) failed() error {
	if len(d.names) == 0 {
		return nil
	}
	return &failure{exitPartial, "see the notes above; the figures are those of the other pictures", fmt.Errorf("%s cannot be read", count(len(d.names), "picture"))}
}

// evaluations is what evaluate prints with -json.
type evaluations struct {
	Crop   int            `json:"crop"`           // side in pixels, 0 for whole pictures
	Seed   *uint64        `json:"seed,omitempty"` // of key and nonces; missing where they were not computed
	Models []measurements `json:"models"`
}

// measurements are those of one model.
type measurements struct {
	Model       string          `json:"model"`
	Kappa       float32         `json:"kappa,omitempty"`
	Fingerprint string          `json:"fingerprint"`
	Pictures    []measurement   `json:"pictures"`
	Mean        figures         `json:"mean"`
	Minimum     figures         `json:"minimum"`
	Maximum     figures         `json:"maximum"`
	Subfolders  []subfolder     `json:"subfolders,omitempty"` // where there are two or more
	Skipped     []skippedReason `json:"skipped"`
}

// subfolder is a direct one of the measured directory, with all below it. Kinds
// of pictures differ in how well they are recovered, and the mean of all hides it.
type subfolder struct {
	Name     string  `json:"name"`
	Pictures int     `json:"pictures"`
	Mean     figures `json:"mean"`
}

type measurement struct {
	Name   string `json:"name"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	figures
}

type skippedReason struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// figures are those of one picture, or of a column of them.
type figures struct {
	PSNR            float64 `json:"psnr"` // dB; an exact recovery counts as one sample one level off
	SSIM            float64 `json:"ssim"`
	BareEntropy     float64 `json:"bare_entropy"` // bits a sample
	BareCorrelation float64 `json:"bare_correlation"`
	FileEntropy     float64 `json:"file_entropy"`
	FileCorrelation float64 `json:"file_correlation"`
	ResidualEntropy float64 `json:"residual_entropy"` // of original minus recovered, sample by sample; percent of the raw samples
	ResidualCoded   float64 `json:"residual_coded"`   // the same as the file holds it
}

// each combines two sets of figures column by column.
func (f figures) each(g figures, combine func(a, b float64) float64) figures {
	return figures{
		combine(f.PSNR, g.PSNR), combine(f.SSIM, g.SSIM),
		combine(f.BareEntropy, g.BareEntropy), combine(f.BareCorrelation, g.BareCorrelation),
		combine(f.FileEntropy, g.FileEntropy), combine(f.FileCorrelation, g.FileCorrelation),
		combine(f.ResidualEntropy, g.ResidualEntropy), combine(f.ResidualCoded, g.ResidualCoded),
	}
}

// run measures every picture below a folder. Files that are not pictures are
// passed over; pictures that cannot be measured are named and skipped. It is an
// error if none is left.
func (e evaluation) run(ctx context.Context, folder string) (measurements, error) {
	r := measurements{Pictures: []measurement{}, Skipped: []skippedReason{}}
	names, err := pictureNames(folder)
	if err != nil {
		return r, err
	}
	e.row("picture", "PSNR dB", "SSIM", "entropy", "correlation", "entropy", "correlation", "residual %", "coded %")
	for i, name := range names {
		m, err := e.measure(ctx, folder, name)
		e.progress(e.stage, i+1, len(names))
		e.damaged.add(name, err)
		switch {
		case picture.NoPicture(name, err):
			continue
		case unmeasurable(err):
			e.note(name, err.Error())
			r.Skipped = append(r.Skipped, skippedReason{name, err.Error()})
			continue
		case err != nil:
			return r, fmt.Errorf("%s: %w", name, err)
		}
		r.Pictures = append(r.Pictures, m)
		e.figuresRow(name, m.figures)
	}
	if len(r.Pictures) == 0 {
		return r, badInput(hintPictures,
			fmt.Errorf("%s: none of its pictures can be measured, %d skipped", folder, len(r.Skipped)))
	}
	r.summarise()
	e.figuresRow("mean", r.Mean)
	e.figuresRow("minimum", r.Minimum)
	e.figuresRow("maximum", r.Maximum)
	for _, s := range r.Subfolders {
		e.figuresRow("mean of "+s.Name, s.Mean)
	}
	if e.table != nil {
		fmt.Fprintf(e.table, "%d measured, %d skipped; first entropy and correlation: bare generator output, second: finished file; every picture came back exactly\n", len(r.Pictures), len(r.Skipped))
	}
	return r, nil
}

const hintPictures = "give a directory with PNG, JPEG, GIF, BMP, TIFF or WebP pictures"

// pictureNames lists all files below a folder.
func pictureNames(folder string) ([]string, error) {
	names, err := picture.Files(folder)
	if err == nil {
		return names, nil
	}
	return nil, unlisted(folder, "check the name of the folder", err)
}

// unmeasurable tells errors that concern one picture from those that end the run.
func unmeasurable(err error) bool {
	for _, e := range []error{picture.ErrFormat, picture.ErrUnsupported, picture.ErrCorrupt, picture.ErrTooLarge, picture.ErrUnreadable, errTooSmall} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// note says once that a picture is skipped.
func (e evaluation) note(name, reason string) {
	if note := fmt.Sprintf("note: skipped %s: %s", name, reason); !e.noted[note] {
		e.noted[note] = true
		e.pause()
		say(e.notes, "%s", note)
	}
}

// summarise computes what follows from the measured pictures, of which there is
// at least one.
func (r *measurements) summarise() {
	r.Mean = mean(r.Pictures)
	r.Minimum, r.Maximum = r.Pictures[0].figures, r.Pictures[0].figures
	subfolders := map[string][]measurement{}
	for _, m := range r.Pictures {
		if name, _, below := strings.Cut(m.Name, "/"); below {
			subfolders[name] = append(subfolders[name], m)
		}
		r.Minimum = r.Minimum.each(m.figures, func(a, b float64) float64 { return min(a, b) })
		r.Maximum = r.Maximum.each(m.figures, func(a, b float64) float64 { return max(a, b) })
	}
	if len(subfolders) < 2 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(subfolders)) {
		r.Subfolders = append(r.Subfolders, subfolder{name, len(subfolders[name]), mean(subfolders[name])})
	}
}

// mean is that of each figure over one or more pictures.
func mean(pictures []measurement) figures {
	var sum figures
	for _, m := range pictures {
		sum = sum.each(m.figures, func(a, b float64) float64 { return a + b })
	}
	n := float64(len(pictures))
	return sum.each(sum, func(a, _ float64) float64 { return a / n })
}

var errTooSmall = errors.New("smaller than the square to measure (see -crop and -whole)")

// measure encrypts and decrypts one picture.
func (e evaluation) measure(ctx context.Context, folder, name string) (measurement, error) {
	file, err := picture.ReadFile(filepath.Join(folder, filepath.FromSlash(name)), limits)
	if err != nil {
		return measurement{}, err
	}
	if e.crop > 0 {
		square, err := decode(file, e.crop)
		if err != nil {
			return measurement{}, err
		}
		if file, err = square.PNG(); err != nil {
			return measurement{}, err
		}
	}
	k, options, err := e.material(name)
	if err != nil {
		return measurement{}, err
	}
	sealed, err := e.cipher.Encrypt(ctx, file, k, options...)
	if err != nil {
		return measurement{}, err
	}
	opened, err := e.cipher.Decrypt(ctx, sealed.PNG, k)
	if err != nil {
		return measurement{}, err
	}
	final, err := picture.Decode(sealed.PNG, limits)
	if err != nil {
		return measurement{}, fmt.Errorf("the cipher image cannot be read back: %v", err)
	}
	plain, bare := sealed.Plain, sealed.Bare
	if !opened.Exact || opened.Picture.Digest() != plain.Digest() {
		return measurement{}, errors.New("the picture did not come back exactly")
	}
	generated := opened.Generated.Crop(plain.Height, plain.Width)
	lost := slices.Clone(plain.RGB)
	for i, v := range generated.RGB {
		lost[i] -= v
	}
	return measurement{name, plain.Width, plain.Height, figures{
		PSNR:            metric.BoundedPSNR(plain.RGB, generated.RGB),
		SSIM:            metric.SSIM(plain.RGB, generated.RGB, plain.Height, plain.Width),
		BareEntropy:     metric.MeanEntropy(bare.RGB),
		BareCorrelation: metric.AdjacentCorrelation(bare.RGB, bare.Height, bare.Width).MeanAbsolute(),
		FileEntropy:     metric.MeanEntropy(final.RGB),
		FileCorrelation: metric.AdjacentCorrelation(final.RGB, final.Height, final.Width).MeanAbsolute(),
		ResidualEntropy: 100 * entropyTogether(lost) / 8,
		ResidualCoded:   100 * float64(sealed.Residual) / float64(len(lost)),
	}}, nil
}

// entropyTogether is the entropy in bits a sample of samples of all channels
// together, which is how a residual is coded.
func entropyTogether(samples []byte) float64 {
	var counts [256]float64
	for _, v := range samples {
		counts[v]++
	}
	bits := 0.
	for _, n := range counts {
		if n > 0 {
			bits -= n / float64(len(samples)) * math.Log2(n/float64(len(samples)))
		}
	}
	return bits
}

var limits = picture.Limits{Bytes: encipher.MaxFileBytes, Pixels: encipher.MaxPixels}

// decode gives a picture without what generators do not see, or the square of
// the given side in its middle; a side of 0 stands for the whole.
func decode(file []byte, side int) (*picture.Picture, error) {
	whole, err := picture.Decode(file, limits)
	if err != nil {
		return nil, err
	}
	whole = whole.OnWhite()
	if side == 0 {
		return whole.Crop(whole.Height, whole.Width), nil
	}
	if min(whole.Width, whole.Height) < side {
		return nil, fmt.Errorf("%w: it has %d x %d pixels", errTooSmall, whole.Width, whole.Height)
	}
	return analysis.Centre(whole, side, side), nil
}

func (e evaluation) figuresRow(name string, f figures) {
	e.row(name, fmt.Sprintf("%.2f", f.PSNR), fmt.Sprintf("%.5f", f.SSIM), fmt.Sprintf("%.4f", f.BareEntropy),
		fmt.Sprintf("%.4f", f.BareCorrelation), fmt.Sprintf("%.4f", f.FileEntropy), fmt.Sprintf("%.4f", f.FileCorrelation),
		fmt.Sprintf("%.4f", f.ResidualEntropy), fmt.Sprintf("%.4f", f.ResidualCoded))
}

// row prints one line of the table: names to the left, shortened at their
// beginning where they are long, figures to the right.
func (e evaluation) row(name string, columns ...string) {
	if e.table == nil {
		return
	}
	const width = 32
	name = visible(name)
	if runes := []rune(name); len(runes) > width {
		name = "…" + string(runes[len(runes)-width+1:])
	}
	fmt.Fprintf(e.table, "%-*s", width, name)
	for _, column := range columns {
		fmt.Fprintf(e.table, " %11s", column)
	}
	fmt.Fprintln(e.table)
}
