package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/urfave/cli/v3"

	"enciphergan"
	analysis "enciphergan/internal/evaluation"
	"enciphergan/internal/picture"
)

// shownPictures is how many the HTML report shows.
const shownPictures = 4

// analyse is evaluate -full: cheap checks, then the measuring, then the outputs.
func (e evaluation) analyse(ctx context.Context, c *cli.Command, models []candidate) error {
	report := c.String("html")
	to := output{path: report, flag: "-html", force: c.Bool("f")}
	if c.IsSet("html") {
		if err := checkReport(report); err != nil {
			return err
		}
		if err := to.check(); err != nil {
			return err
		}
	}
	var curves []analysis.Curves
	for _, path := range c.StringSlice("journal") {
		read, err := readCurves(path)
		if err != nil {
			return err
		}
		curves = append(curves, read)
	}
	folder := c.Args().First()
	names, err := pictureNames(folder)
	if err != nil {
		return err
	}
	var subjects []analysis.Subject
	labels := map[string]bool{}
	for _, m := range models {
		label := m.model.Name()
		if labels[label] {
			label += " " + m.model.Fingerprint()[:8]
		}
		labels[label] = true
		s, err := analysis.NewNeural(label, m.files)
		if err != nil {
			return fmt.Errorf("%s: %w", label, err)
		}
		subjects = append(subjects, s)
	}
	subjects = append(subjects, analysis.Controls()...)

	o := analysis.Options{Names: names, Skippable: unmeasurable, Crops: []int{c.Int("crop"), 0}}
	switch {
	case c.Bool("whole"):
		o.Crops = []int{0}
	case c.IsSet("crop"):
		o.Crops = o.Crops[:1]
	}
	if report != "" {
		o.Samples = shownPictures
	}
	if o.Secret, o.Draw, err = keyMaterial(ctx, c); err != nil {
		return err
	}
	o.Load = func(name string, crop int) (*picture.Picture, error) {
		file, err := picture.ReadFile(filepath.Join(folder, filepath.FromSlash(name)), limits)
		var p *picture.Picture
		if err == nil {
			p, err = decode(file, crop)
		}
		e.damaged.add(name, err)
		if picture.NoPicture(name, err) {
			return nil, nil
		}
		return p, err
	}
	progress, end := showProgress(c.Bool("q"))
	o.Progress = progress
	r, err := analysis.Run(ctx, subjects, o)
	end()
	if r != nil {
		for _, s := range r.Sets {
			for _, skipped := range s.Skipped {
				e.note(skipped.Name, skipped.Reason)
			}
		}
	}
	switch {
	case ctx.Err() != nil:
		return &failure{exitInterrupted, "", errInterrupted}
	case errors.Is(err, analysis.ErrNone):
		return badInput(hintPictures+"; -crop and -whole say what is measured of them", fmt.Errorf("%s: %w", folder, err))
	case err != nil:
		return err
	}
	r.Curves = curves
	if c.IsSet("seed") {
		seed := c.Uint64("seed")
		r.Seed = &seed
	}
	if report != "" {
		page, err := r.HTML()
		if err != nil {
			return err
		}
		if err := to.write(page); err != nil {
			return err
		}
		if !c.Bool("q") {
			say(os.Stderr, "wrote %s: %.1f MB", report, float64(len(page))/1e6)
		}
	}
	if c.Bool("json") {
		err = printReport(r)
	} else {
		err = r.Text(tables{})
	}
	if err != nil {
		return err
	}
	return e.damaged.failed()
}

// keyMaterial is the one key of a full analysis and where its nonces come from.
func keyMaterial(ctx context.Context, c *cli.Command) (secret [32]byte, draw analysis.Draw, err error) {
	if c.IsSet("seed") {
		seed := c.Uint64("seed")
		return seededKey(seed).Secret(), seededDraw(seed), nil
	}
	k, err := encipher.NewKey()
	if err == nil && c.String("key") != "" {
		var file keyFile
		file, err = readKey(ctx, c, c.String("key"))
		k = file.Key
	}
	// The same name and purpose must give the same bytes within one run.
	var mu sync.Mutex
	drawn := map[[2]string][32]byte{}
	return k.Secret(), func(name, purpose string) [32]byte {
		mu.Lock()
		defer mu.Unlock()
		b, known := drawn[[2]string{name, purpose}]
		if !known {
			rand.Read(b[:])
			drawn[[2]string{name, purpose}] = b
		}
		return b
	}, err
}

func readCurves(path string) (analysis.Curves, error) {
	const hint = "give the journal.jsonl of a run of encipher train"
	f, err := os.Open(path)
	if err != nil {
		return analysis.Curves{}, badInput(hint, fmt.Errorf("%s: cannot read the journal: %w", path, cause(err)))
	}
	defer f.Close()
	curves, err := analysis.ReadCurves(path, f)
	if err != nil {
		return curves, badInput(hint, err)
	}
	return curves, nil
}

// checkReport refuses a report that is not called one.
func checkReport(path string) error {
	if ext := strings.ToLower(filepath.Ext(path)); ext != ".html" && ext != ".htm" {
		return usage("give it a name that ends in .html", "%s: the report is an HTML file", path)
	}
	return nil
}
