package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/urfave/cli/v3"

	"enciphergan/internal/attack"
	"enciphergan/internal/training/dataset"
	"enciphergan/models"
)

func attackCommand() *cli.Command {
	return &cli.Command{
		Name:      "attack",
		Usage:     "attack models and controls, and report what breaks",
		ArgsUsage: "DIR",
		Description: `Encrypts crops of the pictures in DIR and attacks them as an adversary would:
chosen pictures, fits and a trained decoder on known pairs, measurements of
leakage, wrong keys, noise on weights, damage. It attacks every mode of use of each
model: the file; the bare cipher image with a nonce for each picture; and with one
fixed seed, which is misuse. If no model without a key is given, it adds the
paper's network with random weights. The same code attacks ciphers of known
quality: it must break a fixed pad, and must not break XChaCha20-Poly1305.

The results hold for these attacks, sizes and budgets. An attack that finds nothing
proves nothing.`,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "model", Usage: "`NAME` of a shipped model, directory of another, or sealed one; repeat the flag for more", DefaultText: models.Default},
			&cli.Uint64Flag{Name: "seed", Usage: "`SEED` of keys, nonces, crops and training: equal seeds give equal figures", Value: 1},
			&cli.BoolFlag{Name: "quick", Usage: "a small budget, for some minutes; the full budget takes more than ten times as long"},
			&cli.IntSliceFlag{Name: "pairs", Usage: "`NUMBERS` of known pairs, ascending, separated by commas", DefaultText: "1,10,100,1000; with -quick 1,10,100"},
			&cli.IntFlag{Name: "steps", Usage: "`STEPS` of the surrogate decoder's training", DefaultText: "1500; with -quick 300"},
			&cli.IntFlag{Name: "side", Usage: "side in `PIXELS` of known pairs, a multiple of 16", DefaultText: "32"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON instead of tables"},
			quietFlag(),
		},
		Action: attackModels,
	}
}

func attackModels(ctx context.Context, c *cli.Command) error {
	if c.Args().Len() != 1 {
		return usage("usage: encipher attack [flags] DIR", "attack takes exactly one directory, not %d", c.Args().Len())
	}
	budget, seed := attack.Full(), c.Uint64("seed")
	if c.Bool("quick") {
		budget = attack.Quick()
	}
	if c.IsSet("pairs") {
		budget.Pairs = c.IntSlice("pairs")
	}
	if c.IsSet("steps") {
		budget.Steps = c.Int("steps")
	}
	if c.IsSet("side") {
		budget.Side = c.Int("side")
	}
	if err := budget.Validate(); err != nil {
		return usage("run encipher attack -help for the values of -pairs, -steps and -side", "%w", err)
	}
	names := c.StringSlice("model")
	if len(names) == 0 {
		names = []string{models.Default}
	}
	victims, systems, err := attackedModels(ctx, c, names, seed)
	if err != nil {
		return err
	}
	pictures, err := attackPictures(ctx, c.Args().First(), budget, seed)
	if err != nil {
		return err
	}
	progress, end := showProgress(c.Bool("q"))
	report, err := attack.Run(ctx, pictures, systems, victims, budget, seed, attack.Progress(progress))
	end()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printReport(report)
	}
	writeAttacks(tables{}, report)
	return nil
}

// attackedModels opens models. It returns them with the systems to attack: controls,
// the models' modes of use, and a network without a key.
func attackedModels(ctx context.Context, c *cli.Command, names []string, seed uint64) ([]*attack.Victim, []attack.System, error) {
	var victims []*attack.Victim
	systems, keyless := attack.Controls(seed), false
	for _, name := range names {
		files, err := modelFiles(ctx, c, name)
		if err != nil {
			return nil, nil, err
		}
		v, err := attack.NewVictim(lastName(name), files, seed)
		if err != nil {
			return nil, nil, badInput("fetch the model again", fmt.Errorf("%s: %w", name, err))
		}
		victims, systems, keyless = append(victims, v), append(systems, v.Systems()...), keyless || !v.Keyed()
	}
	if keyless {
		return victims, systems, nil
	}
	s, err := attack.Untrained(seed)
	return victims, append(systems, s), err
}

// attackPictures reads photos at a size at which small crops have content.
func attackPictures(ctx context.Context, folder string, b attack.Budget, seed uint64) (*attack.Pictures, error) {
	photos, report, err := dataset.Read(ctx, folder, dataset.ReadOptions{LongestSide: max(4*b.Side, 2*b.ProbeSide), ShortestSide: max(b.Side, b.ProbeSide)})
	for _, s := range report.Skipped {
		say(os.Stderr, "note: skipped %s: %s", s.Name, s.Reason)
	}
	const hint = "give a directory with PNG, JPEG, GIF, BMP, TIFF or WebP pictures"
	var listing *fs.PathError
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &listing):
		return nil, unlisted(folder, "check the name of the folder", err)
	case err != nil:
		return nil, badInput(hint, err)
	}
	pictures, err := attack.NewPictures(photos, seed)
	if err != nil {
		return nil, badInput(hint, fmt.Errorf("%s: %w", folder, err))
	}
	return pictures, nil
}

// writeAttacks prints the tables and the conclusions.
func writeAttacks(w io.Writer, r *attack.Report) {
	b := r.Budget
	fmt.Fprintf(w, "seed %d, %s budget; %d photos for known pairs, %d others to be recovered\n", r.Seed, b.Name, r.Photos[0], r.Photos[1])
	fmt.Fprintf(w, "surrogate decoder: %d parameters, %d steps of %d pictures; known pairs and targets of %d x %[4]d pixels, %d targets; other attacks on %d pictures of %d x %[7]d\n\n",
		r.Weights, b.Steps, b.Batch, b.Side, b.Targets, b.Probes, b.ProbeSide)

	fmt.Fprintln(w, "Recovered from known pairs: PSNR in dB, SSIM and structure (correlation beyond the mean picture), by number of pairs")
	columns := func(values ...string) string {
		text := ""
		for _, v := range values {
			text += fmt.Sprintf(" %19s", v)
		}
		return text
	}
	row := func(name, attack string, fits []attack.Fit) {
		var values []string
		for _, f := range fits {
			values = append(values, fmt.Sprintf("%.2f %.3f %5.2f", f.PSNR, f.SSIM, f.Structure))
		}
		fmt.Fprintf(w, "%-50s %-21s%s\n", name, attack, columns(values...))
	}
	var heads []string
	for _, n := range b.Pairs {
		heads = append(heads, fmt.Sprint(n))
	}
	fmt.Fprintf(w, "%-50s %-21s%s\n", "system", "attack", columns(heads...))
	row("none", "mean known picture", r.Mean)
	for _, s := range r.Systems {
		row(s.Name, "one pair as a pad", []attack.Fit{s.Pad})
		row("", "linear, own pixel", s.Linear)
		row("", "ridge, whole picture", s.Ridge)
		row("", "surrogate decoder", s.Surrogate)
	}

	fmt.Fprintln(w, "\nChosen pictures, and correlation of pictures with their cipher images")
	fmt.Fprintf(w, "%-50s%s\n", "system", strings.Join([]string{"  twice", "1 pixel", "flat bit", "photo bit", "2 points", "  leak", "   low", "  high", "energy"}, "  "))
	probes := func(name string, d attack.Determinism, l attack.Locality, f attack.Flat, i attack.Impulse, leak attack.Leakage) {
		fmt.Fprintf(w, "%-50s%6.2f%%  %6.2f%% %9.3f  %9.3f   %6.2f%%  %.4f  %.4f  %.4f  %.4f\n", name, 100*d.Equal, 100*l.Changed, f.Entropy, f.Textured, 100*i.Summed,
			leak.Plain.Mean, leak.Low.Mean, leak.High.Mean, leak.Energy.Mean)
	}
	for _, s := range r.Systems {
		probes(s.Name, s.Determinism, s.Locality, s.Flat, s.Impulse, s.Leakage)
	}
	fmt.Fprintf(w, "%-102s%.4f  %.4f  %.4f  %.4f\n", "by chance", r.Chance.Plain.Mean, r.Chance.Low.Mean, r.Chance.High.Mean, r.Chance.Energy.Mean)
	fmt.Fprintln(w, "twice: equal samples of two encryptions; 1 pixel: samples that change with the middle pixel; 2 points: samples of two white pixels that those of each alone predict;")
	fmt.Fprintln(w, "leak, low, high, energy: mean |correlation|, whole, blurred, minus that blur, and of the positions of texture")

	for _, s := range r.Systems {
		if s.Control {
			continue
		}
		fmt.Fprintf(w, "\n%s: changed samples in %% with the middle pixel inverted, in squares of the picture\n", s.Name)
		for _, line := range s.Locality.Map {
			for _, share := range line {
				fmt.Fprintf(w, " %5.1f", 100*share)
			}
			fmt.Fprintln(w)
		}
	}

	for _, m := range r.Models {
		fmt.Fprintf(w, "\n%s: quality of the decryption generator, without the residual in the file\n", m.Name)
		line := func(name string, q attack.Quality) { fmt.Fprintf(w, "%-40s %8.2f dB  %.3f\n", name, q.PSNR, q.SSIM) }
		line("intact", m.Intact)
		if m.WrongKey != nil {
			line("another key", *m.WrongKey)
		}
		for _, t := range m.Perturbed {
			line(t.Treatment, t.Quality)
		}
		for _, t := range m.Bare {
			line("bare cipher image, "+t.Treatment, t.Quality)
		}
		for _, f := range m.File {
			fmt.Fprintf(w, "%-40s %d of %d rejected\n", "file, "+f.Treatment, f.Rejected, f.Files)
		}
	}

	fmt.Fprintln(w, "\nResults")
	for _, s := range r.Systems {
		writeConclusions(w, s.Name, s.Conclusions)
	}
	for _, m := range r.Models {
		writeConclusions(w, m.Name+": keys, weights, damage", m.Conclusions)
	}
	fmt.Fprintln(w, "\nThe results hold for these attacks at this size and budget. An attack that finds nothing proves nothing about other attacks.")
}

func writeConclusions(w io.Writer, name string, list []attack.Conclusion) {
	fmt.Fprintln(w, name)
	for _, c := range list {
		verdict := "  -     "
		if c.Breaks {
			verdict = "  BREAKS"
		}
		fmt.Fprintf(w, "%s %s: %s\n", verdict, c.Attack, c.Text)
	}
}
