package evaluation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"enciphergan/internal/metric"
	"enciphergan/internal/picture"
)

// BasicReport is the basic measurement of some models.
type BasicReport struct {
	Crop   int          `json:"crop"`           // side in pixels, 0 for whole pictures
	Seed   *uint64      `json:"seed,omitempty"` // of key and nonces; nil if they were random
	Models []BasicModel `json:"models"`
}

// BasicModel is the basic measurement of one model.
type BasicModel struct {
	Model       string         `json:"model"`
	Kappa       float32        `json:"kappa,omitempty"`
	Fingerprint string         `json:"fingerprint"`
	Pictures    []BasicPicture `json:"pictures"`
	Mean        BasicFigures   `json:"mean"`
	Minimum     BasicFigures   `json:"minimum"`
	Maximum     BasicFigures   `json:"maximum"`
	Subfolders  []Subfolder    `json:"subfolders,omitempty"` // if there are two or more
	Skipped     []Skipped      `json:"skipped"`
}

// Subfolder is a direct sub-folder with all pictures below it. Kinds of pictures
// differ in how well they are recovered, which the mean of all hides.
type Subfolder struct {
	Name     string       `json:"name"`
	Pictures int          `json:"pictures"`
	Mean     BasicFigures `json:"mean"`
}

// BasicPicture is the basic measurement of one picture.
type BasicPicture struct {
	Name   string `json:"name"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	BasicFigures
}

// BasicFigures are the figures of one picture, or the mean, minimum or maximum of several.
type BasicFigures struct {
	PSNR            float64 `json:"psnr"` // of what the decryption generator recovers, in dB, see metric.BoundedPSNR
	SSIM            float64 `json:"ssim"`
	BareEntropy     float64 `json:"bare_entropy"` // bits a sample
	BareCorrelation float64 `json:"bare_correlation"`
	FileEntropy     float64 `json:"file_entropy"`
	FileCorrelation float64 `json:"file_correlation"`
	ResidualEntropy float64 `json:"residual_entropy"` // percent of the raw samples
	ResidualCoded   float64 `json:"residual_coded"`   // in the file, percent of the raw samples
}

// combine applies f to each figure of two sets.
func (a BasicFigures) combine(b BasicFigures, f func(a, b float64) float64) BasicFigures {
	return BasicFigures{
		f(a.PSNR, b.PSNR), f(a.SSIM, b.SSIM),
		f(a.BareEntropy, b.BareEntropy), f(a.BareCorrelation, b.BareCorrelation),
		f(a.FileEntropy, b.FileEntropy), f(a.FileCorrelation, b.FileCorrelation),
		f(a.ResidualEntropy, b.ResidualEntropy), f(a.ResidualCoded, b.ResidualCoded),
	}
}

// Basic measures a model on the pictures of o, one after the other, in the size of
// the only crop of o. It calls each for every picture, in order: one of the arguments
// is nil. With ErrNone the report has the reasons why pictures were skipped.
func Basic(ctx context.Context, m *Model, o Options, each func(*BasicPicture, *Skipped)) (BasicModel, error) {
	r := BasicModel{Model: m.card.Name, Kappa: m.card.Definition.Kappa, Fingerprint: m.systems[0].Fingerprint, Pictures: []BasicPicture{}, Skipped: []Skipped{}}
	for i, name := range o.Names {
		p, err := o.Load(name, o.Crops[0])
		var f BasicFigures
		if err == nil && p != nil {
			f, err = m.basic(ctx, p, o.material(name))
			err = skipUnreadable(err) // of a picture too large for the model
		}
		var skip *SkipError
		switch {
		case errors.As(err, &skip):
			r.Skipped = append(r.Skipped, Skipped{name, err.Error(), skip.Damaged})
			each(nil, &r.Skipped[len(r.Skipped)-1])
		case err != nil:
			return r, fmt.Errorf("%s: %w", name, err)
		case p != nil:
			r.Pictures = append(r.Pictures, BasicPicture{name, p.Width, p.Height, f})
			each(&r.Pictures[len(r.Pictures)-1], nil)
		}
		o.Progress(r.Model, i+1, len(o.Names))
	}
	if len(r.Pictures) == 0 {
		return r, fmt.Errorf("%w, %d skipped", ErrNone, len(r.Skipped))
	}
	r.summarise()
	return r, nil
}

// basic measures one picture.
func (s *Model) basic(ctx context.Context, p *picture.Picture, m Material) (BasicFigures, error) {
	sealed, ciphers, err := s.encrypt(ctx, p, m)
	if err != nil {
		return BasicFigures{}, err
	}
	generated, _, err := s.decrypt(ctx, sealed, p, m, 0)
	if err != nil {
		return BasicFigures{}, err
	}
	bare, file := ciphers[0], ciphers[1]
	psnr, ssim := quality(p, generated)
	return BasicFigures{
		PSNR: psnr, SSIM: ssim,
		BareEntropy:     metric.MeanEntropy(bare.RGB),
		BareCorrelation: metric.AdjacentCorrelation(bare.RGB, bare.Height, bare.Width).MeanAbsolute(),
		FileEntropy:     metric.MeanEntropy(file.RGB),
		FileCorrelation: metric.AdjacentCorrelation(file.RGB, file.Height, file.Width).MeanAbsolute(),
		ResidualEntropy: 100 * metric.ResidualEntropy(p.RGB, generated.RGB) / 8,
		ResidualCoded:   100 * float64(sealed.ResidualBytes) / float64(len(p.RGB)),
	}, nil
}

// summarise computes mean, minimum and maximum of one or more pictures.
func (r *BasicModel) summarise() {
	r.Mean = mean(r.Pictures)
	r.Minimum, r.Maximum = r.Pictures[0].BasicFigures, r.Pictures[0].BasicFigures
	subfolders := map[string][]BasicPicture{}
	for _, p := range r.Pictures {
		if name, _, below := strings.Cut(p.Name, "/"); below {
			subfolders[name] = append(subfolders[name], p)
		}
		r.Minimum = r.Minimum.combine(p.BasicFigures, func(a, b float64) float64 { return min(a, b) })
		r.Maximum = r.Maximum.combine(p.BasicFigures, func(a, b float64) float64 { return max(a, b) })
	}
	if len(subfolders) < 2 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(subfolders)) {
		r.Subfolders = append(r.Subfolders, Subfolder{name, len(subfolders[name]), mean(subfolders[name])})
	}
}

func mean(pictures []BasicPicture) BasicFigures {
	var sum BasicFigures
	for _, p := range pictures {
		sum = sum.combine(p.BasicFigures, func(a, b float64) float64 { return a + b })
	}
	n := float64(len(pictures))
	return sum.combine(sum, func(a, _ float64) float64 { return a / n })
}
