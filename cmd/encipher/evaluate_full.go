package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v3"

	"enciphergan/internal/evaluation"
)

// evaluateFull checks the outputs, measures, then writes the report and prints the tables.
func evaluateFull(ctx context.Context, c *cli.Command, list []candidate) error {
	const shownPictures = 4 // in the HTML report
	report := c.String("html")
	to := output{path: report, flag: "-html", force: c.Bool("f")}
	if c.IsSet("html") {
		if ext := strings.ToLower(filepath.Ext(report)); ext != ".html" && ext != ".htm" {
			return usage("choose a name that ends in .html", "%s: the report is an HTML file", report)
		}
		if err := to.check(); err != nil {
			return err
		}
	}
	var curves []evaluation.Curves
	for _, path := range c.StringSlice("journal") {
		read, err := readCurves(path)
		if err != nil {
			return err
		}
		curves = append(curves, read)
	}
	folder := c.Args().First()
	o, err := evaluationOptions(ctx, c, folder)
	if err != nil {
		return err
	}
	var subjects []evaluation.Subject
	labels := map[string]bool{}
	for _, m := range list {
		label := m.name
		if labels[label] {
			label += " " + m.fingerprint[:8]
		}
		labels[label] = true
		s, err := evaluation.NewModel(label, m.files)
		if err != nil {
			return fmt.Errorf("%s: %w", label, err)
		}
		subjects = append(subjects, s)
	}
	subjects = append(subjects, evaluation.Controls()...)

	o.Crops = []int{c.Int("crop"), 0}
	switch {
	case c.Bool("whole"):
		o.Crops = []int{0}
	case c.IsSet("crop"):
		o.Crops = o.Crops[:1]
	}
	if report != "" {
		o.Samples = shownPictures
	}
	progress, end := showProgress(c.Bool("q"))
	o.Progress = progress
	r, err := evaluation.Full(ctx, subjects, o)
	end()
	notes := skipNotes{}
	if r != nil {
		for _, set := range r.Sets {
			for _, s := range set.Skipped {
				notes.print(s, end)
			}
		}
	}
	switch {
	case ctx.Err() != nil:
		return &failure{exitInterrupted, "", errInterrupted}
	case errors.Is(err, evaluation.ErrNone):
		return badInput(hintPictures+"; -crop and -whole select what is measured of them", fmt.Errorf("%s: %w", folder, err))
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
	return notes.failed()
}

func readCurves(path string) (evaluation.Curves, error) {
	const hint = "give the journal.jsonl of a run of encipher train"
	f, err := os.Open(path)
	if err != nil {
		return evaluation.Curves{}, badInput(hint, fmt.Errorf("%s: cannot read the journal: %w", path, cause(err)))
	}
	defer f.Close()
	curves, err := evaluation.ReadCurves(path, f)
	if err != nil {
		return curves, badInput(hint, err)
	}
	return curves, nil
}
