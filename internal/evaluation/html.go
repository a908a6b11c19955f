package evaluation

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"

	"enciphergan/internal/picture"
)

//go:embed report.html
var page string

// document is the data of the page template.
type document struct {
	General  []table
	Sets     []section
	Samples  []exhibit
	Runs     []run
	Caution  string
	Seed     *uint64
	Required float64
}

type section struct {
	Name, Counts string
	Quality      *chart // nil if all pictures are exact
	Tables       []table
	Pictures     table
	Skipped      []Skipped
}

// exhibit is a sample as pictures and plots.
type exhibit struct {
	Name       string
	Plain      template.URL
	Rows       []gridRow
	Histograms []*chart
	Pairs      []*chart
}

type gridRow struct {
	Name     string
	Cipher   template.URL
	Right    template.URL // recovered; empty if equal to the plain picture
	Wrong    template.URL // decrypted with a wrong key; empty if rejected or equal to the plain picture
	Rejected bool
}

type run struct {
	Table table
	Plots []*chart
}

// HTML returns the report with plots and pictures as one file that loads nothing.
func (r *Report) HTML() ([]byte, error) {
	d := document{General: r.general(), Caution: caution, Seed: r.Seed, Required: 100 * Required}
	for _, s := range r.Sets {
		d.Sets = append(d.Sets, section{s.Name(), s.counts(), r.qualityPlot(s), r.tables(s), r.pictures(s), s.Skipped})
	}
	for _, s := range r.samples {
		e, err := r.exhibit(s)
		if err != nil {
			return nil, fmt.Errorf("showing %s: %w", s.name, err)
		}
		d.Samples = append(d.Samples, e)
	}
	for _, c := range r.Curves {
		d.Runs = append(d.Runs, run{c.table(), c.plots()})
	}
	t, err := template.New("report").Parse(page) // not at the start of every program
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, d)
	return b.Bytes(), err
}

// exhibit returns a sample with the results of the neural systems. The noise of the
// controls all looks alike and is left out.
func (r *Report) exhibit(s sample) (e exhibit, err error) {
	e.Name = s.name
	if e.Plain, err = dataURI(s.plain); err != nil {
		return e, err
	}
	plots := func(title string, h [3][256]int, pairs []byte) {
		e.Histograms = append(e.Histograms, histogramPlot(title, h))
		if len(pairs) > 0 {
			e.Pairs = append(e.Pairs, pairsPlot(title, pairs))
		}
	}
	plots("plain", s.histogram, s.pairs)
	for i, v := range s.systems {
		if r.Systems[i].Control {
			continue
		}
		row := gridRow{Name: r.Systems[i].Name, Rejected: v.wrong == nil}
		for _, p := range []struct {
			from *picture.Picture
			to   *template.URL
		}{{v.cipher, &row.Cipher}, {v.recovered, &row.Right}, {v.wrong, &row.Wrong}} {
			if p.from == nil || bytes.Equal(p.from.RGB, s.plain.RGB) {
				continue // the page has words for it
			}
			if *p.to, err = dataURI(p.from); err != nil {
				return e, err
			}
		}
		e.Rows = append(e.Rows, row)
		plots(row.Name, v.histogram, v.pairs)
	}
	return e, nil
}

func dataURI(p *picture.Picture) (template.URL, error) {
	file, err := p.PNG()
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(file)), err
}
