package evaluation

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// table is a table of a report as text or HTML.
type table struct {
	Title   string
	Note    string
	Columns []string
	Rows    [][]string
}

// Text prints the tables of every set.
func (r *Report) Text(w io.Writer) error {
	for _, t := range r.general() {
		if err := t.print(w); err != nil {
			return err
		}
	}
	for _, s := range r.Sets {
		if _, err := fmt.Fprintf(w, "%s: %s\n\n", strings.ToUpper(s.Name()[:1])+s.Name()[1:], s.counts()); err != nil {
			return err
		}
		for _, t := range r.tables(s) {
			if err := t.print(w); err != nil {
				return err
			}
		}
	}
	for _, c := range r.Curves {
		if err := c.table().print(w); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w, caution)
	return err
}

const caution = "These figures describe ciphers; they do not prove that anything is secure. The fixed pad passes most of them and is broken by one known pair."

func (s Set) counts() string {
	return fmt.Sprintf("%d measured, %d skipped", len(s.Pictures), len(s.Skipped))
}

func (t table) print(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(to, t.Title)
	fmt.Fprintln(w, "  "+strings.Join(t.Columns, "\t"))
	for _, row := range t.Rows {
		fmt.Fprintln(w, "  "+strings.Join(row, "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(to, "  (%s)\n\n", t.Note)
	return err
}

// general returns the tables that do not depend on a set.
func (r *Report) general() []table {
	t := table{Title: "Key space", Columns: []string{"system", "bits of the secret", "effective bits", "model", "description"},
		Note: "effective bits: bits of 256 that change the cipher image of a small picture when flipped; weights are public and not a key"}
	for _, s := range r.Systems {
		t.Rows = append(t.Rows, []string{s.label(), fmt.Sprint(s.SecretBits), fmt.Sprint(s.ActingBits), fmt.Sprintf("%.16s", s.Fingerprint), s.Note})
	}
	return []table{t}
}

func (t Tested) label() string {
	if t.Control {
		return "control: " + t.Name
	}
	return t.Name
}

// tables returns the tables of a set.
func (r *Report) tables(s Set) []table {
	if len(s.Pictures) == 0 {
		return nil
	}
	level := fmt.Sprintf("pass: share of channels within the bound at %g %%; ideal noise averages %g %%, and at least %g %% are wanted (below: *)",
		100*Alpha, 100-100*Alpha, 100*Required)
	look := table{Title: "Cipher image", Note: level + "; correlation: mean absolute, of all pairs",
		Columns: []string{"system", "entropy", "pass", "chi-square", "pass", "horizontal", "pass", "vertical", "pass", "diagonal", "pass"}}
	change := table{Title: "One pixel changed by one level", Note: level + "; ideal 99.6094 and 33.4635; under the same nonce a sound stream cipher is near 0 too, which is why a nonce is never used twice",
		Columns: []string{"system", "NPCR %", "pass", "UACI %", "pass", "same nonce: NPCR %", "UACI %"}}
	keys := table{Title: "One bit of the key flipped", Note: level + "; two independent pictures of uniform noise have 7.75 dB; a bare cipher is decrypted with the right statistics, which hold the mean colours of each tile",
		Columns: []string{"system", "NPCR %", "pass", "UACI %", "pass", "wrong key rejected", "otherwise PSNR dB", "SSIM"}}
	keys.Rows = append(keys.Rows, []string{"mean colours only", "-", "-", "-", "-", "-", fmt.Sprintf("%.2f", s.MeanColours.PSNR), fmt.Sprintf("%.4f", s.MeanColours.SSIM)})
	quality := table{Title: "Recovered picture", Note: "in a mean, an exact picture counts as if one sample differed by one level",
		Columns: []string{"system", "PSNR dB", "minimum", "SSIM", "minimum", "exact"}}
	comparison := table{Title: "With the published comparison", Note: "published rows as printed in the paper, measured on its pictures; ours on these",
		Columns: []string{"system", "PSNR dB", "SSIM", "correlation", "entropy"}}
	for _, p := range r.Paper {
		comparison.Rows = append(comparison.Rows, []string{p.System, p.PSNR, p.SSIM, p.Correlation, p.Entropy})
	}
	for i, m := range s.Summaries {
		name := r.Systems[i].label()
		look.Rows = append(look.Rows, []string{name, fmt.Sprintf("%.4f", m.Entropy.Mean), m.Entropy.share(), fmt.Sprintf("%.1f", m.ChiSquare.Mean), m.ChiSquare.share(),
			fmt.Sprintf("%.4f", m.Horizontal.Mean), m.Horizontal.share(), fmt.Sprintf("%.4f", m.Vertical.Mean), m.Vertical.share(), fmt.Sprintf("%.4f", m.Diagonal.Mean), m.Diagonal.share()})
		change.Rows = append(change.Rows, []string{name, fmt.Sprintf("%.4f", m.NPCR.Mean), m.NPCR.share(), fmt.Sprintf("%.4f", m.UACI.Mean), m.UACI.share(),
			fmt.Sprintf("%.4f", m.SameNPCR.Mean), fmt.Sprintf("%.4f", m.SameUACI.Mean)})
		psnr, ssim := "-", "-"
		if m.Rejected < m.Pictures {
			psnr, ssim = fmt.Sprintf("%.2f", m.Wrong.PSNR), fmt.Sprintf("%.4f", m.Wrong.SSIM)
		}
		keys.Rows = append(keys.Rows, []string{name, fmt.Sprintf("%.4f", m.KeyNPCR.Mean), m.KeyNPCR.share(), fmt.Sprintf("%.4f", m.KeyUACI.Mean), m.KeyUACI.share(),
			fmt.Sprintf("%d of %d", m.Rejected, m.Pictures), psnr, ssim})
		mean, minimum := fmt.Sprintf("%.2f", m.PSNR.Mean), fmt.Sprintf("%.2f", m.PSNR.Minimum)
		psnr = fmt.Sprintf("%.4f", m.PSNR.Mean)
		if m.Exact == m.Pictures {
			mean, minimum, psnr = "inf", "inf", "inf"
		}
		quality.Rows = append(quality.Rows, []string{name, mean, minimum,
			fmt.Sprintf("%.5f", m.SSIM.Mean), fmt.Sprintf("%.5f", m.SSIM.Minimum), fmt.Sprintf("%d of %d", m.Exact, m.Pictures)})
		comparison.Rows = append(comparison.Rows, []string{name, psnr, fmt.Sprintf("%.5f", m.SSIM.Mean), fmt.Sprintf("%.5f", m.Correlation()), fmt.Sprintf("%.4f", m.Entropy.Mean)})
	}
	all := []table{look, r.channels(s), change, keys, quality}
	if folders := r.folders(s); len(folders.Rows) > 0 {
		all = append(all, folders)
	}
	return append(all, comparison)
}

// folders returns the means of the models for each direct sub-folder, if there are
// two or more.
func (r *Report) folders(s Set) table {
	t := table{Title: "By sub-folder", Note: "means over its pictures, exact ones as if one sample differed by one level",
		Columns: []string{"sub-folder", "pictures", "system", "PSNR dB", "minimum", "SSIM", "correlation", "entropy"}}
	summaries := map[string][]Summary{}
	for _, m := range s.Pictures {
		name, _, below := strings.Cut(m.Name, "/")
		if !below {
			continue
		}
		if summaries[name] == nil {
			summaries[name] = make([]Summary, len(r.Systems))
		}
		for i, f := range m.Figures {
			summaries[name][i].add(f)
		}
	}
	if len(summaries) < 2 {
		return t
	}
	for _, name := range slices.Sorted(maps.Keys(summaries)) {
		for i, m := range summaries[name] {
			if r.Systems[i].Control {
				continue
			}
			mean, minimum := fmt.Sprintf("%.2f", m.PSNR.Mean), fmt.Sprintf("%.2f", m.PSNR.Minimum)
			if m.Exact == m.Pictures {
				mean, minimum = "inf", "inf"
			}
			t.Rows = append(t.Rows, []string{name, fmt.Sprint(m.Pictures), r.Systems[i].Name, mean, minimum,
				fmt.Sprintf("%.5f", m.SSIM.Mean), fmt.Sprintf("%.4f", m.Correlation()), fmt.Sprintf("%.4f", m.Entropy.Mean)})
		}
	}
	return t
}

// channels returns the figures of the cipher images by channel.
func (r *Report) channels(s Set) table {
	t := table{Title: "Cipher image by channel", Note: "means over the pictures; of correlations, of absolute values",
		Columns: []string{"system", "channel", "entropy", "chi-square", "horizontal", "vertical", "diagonal"}}
	for i, system := range r.Systems {
		for c, channel := range []string{"red", "green", "blue"} {
			mean := func(of func(Figures) [3]float64) float64 {
				sum := 0.
				for _, m := range s.Pictures {
					sum += math.Abs(of(m.Figures[i])[c])
				}
				return sum / float64(len(s.Pictures))
			}
			t.Rows = append(t.Rows, []string{system.label(), channel,
				fmt.Sprintf("%.4f", mean(func(f Figures) [3]float64 { return f.Entropy })),
				fmt.Sprintf("%.1f", mean(func(f Figures) [3]float64 { return f.ChiSquare })),
				fmt.Sprintf("%.4f", mean(func(f Figures) [3]float64 { return f.Horizontal })),
				fmt.Sprintf("%.4f", mean(func(f Figures) [3]float64 { return f.Vertical })),
				fmt.Sprintf("%.4f", mean(func(f Figures) [3]float64 { return f.Diagonal }))})
		}
	}
	return t
}

// pictures returns every picture with every system but the controls.
func (r *Report) pictures(s Set) table {
	t := table{Title: "Every picture", Note: "means over the channels; the JSON form has each channel, and the bounds for each size",
		Columns: []string{"picture", "pixels", "system", "PSNR dB", "SSIM", "entropy", "chi-square", "correlation", "NPCR %", "UACI %"}}
	mean := func(v [3]float64) float64 { return (math.Abs(v[0]) + math.Abs(v[1]) + math.Abs(v[2])) / 3 }
	for _, m := range s.Pictures {
		for i, f := range m.Figures {
			if r.Systems[i].Control {
				continue
			}
			psnr := fmt.Sprintf("%.2f", f.PSNR)
			if f.Exact {
				psnr = "inf"
			}
			t.Rows = append(t.Rows, []string{m.Name, fmt.Sprintf("%d x %d", m.Width, m.Height), r.Systems[i].Name, psnr, fmt.Sprintf("%.5f", f.SSIM),
				fmt.Sprintf("%.4f", mean(f.Entropy)), fmt.Sprintf("%.1f", mean(f.ChiSquare)),
				fmt.Sprintf("%.4f", (mean(f.Horizontal)+mean(f.Vertical)+mean(f.Diagonal))/3), fmt.Sprintf("%.4f", mean(f.NPCR)), fmt.Sprintf("%.4f", mean(f.UACI))})
		}
	}
	return t
}

func (s Score) share() string {
	text := fmt.Sprintf("%.1f %%", 100*s.Share())
	if !s.Passes() {
		text += " *"
	}
	return text
}

// table returns the first and the last validation of a run.
func (c Curves) table() table {
	t := table{Title: "Optimisation: " + c.Name, Note: "figures of the run's validation tiles; the HTML report plots all steps",
		Columns: []string{"step", "PSNR dB", "minimum", "SSIM", "entropy", "correlation", "learning rate", "seconds"}}
	first, last := -1, -1
	for i, p := range c.Points {
		if p.Validation != nil {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	for _, i := range []int{first, last} {
		if i < 0 || i == last && len(t.Rows) > 0 && first == last {
			continue
		}
		p := c.Points[i]
		v := p.Validation
		t.Rows = append(t.Rows, []string{fmt.Sprint(p.Step), fmt.Sprintf("%.2f", v.PSNR), fmt.Sprintf("%.2f", v.MinimumPSNR), fmt.Sprintf("%.5f", v.SSIM),
			fmt.Sprintf("%.4f", v.Entropy), fmt.Sprintf("%.4f", v.Correlation), fmt.Sprintf("%.2g", p.LearningRate), fmt.Sprintf("%.0f", p.Seconds)})
	}
	return t
}
