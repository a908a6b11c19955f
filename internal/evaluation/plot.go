package evaluation

import (
	"maps"
	"slices"

	"enciphergan/internal/training/journal"
)

// histogramPlot draws the histogram of each channel.
func histogramPlot(title string, h [3][256]int) *chart {
	var curves []curve
	highest := 0
	for c, levels := range h {
		points := make([]point, len(levels))
		for i, n := range levels {
			points[i] = point{float64(i), float64(n)}
		}
		highest = max(highest, slices.Max(levels[:]))
		curves = append(curves, curve{colour: channelColours[c], points: points, noDots: true})
	}
	return newChart(title, 293, 200, axis{"level", 0, 255}, axis{"samples", 0, float64(highest)}, curves)
}

// pairsPlot draws pairs (x, y, x, y, …) of samples and their right neighbours.
func pairsPlot(title string, pairs []byte) *chart {
	points := make([]point, len(pairs)/2)
	for i := range points {
		points[i] = point{float64(pairs[2*i]), float64(pairs[2*i+1])}
	}
	return newChart(title, 213, 213, axis{"sample", 0, 255}, axis{"its right neighbour", 0, 255}, []curve{{colour: lineColours[0], points: points, noLine: true}})
}

// linePlot draws curves. It returns nil if they have no point.
func linePlot(title, x, y string, curves []curve) *chart {
	for i := range curves {
		curves[i].colour = lineColours[i%len(lineColours)]
	}
	return newChart(title, 480, 280, axis{label: x}, axis{label: y}, curves)
}

// qualityPlot draws the PSNR of every picture, in the order of the set.
func (r *Report) qualityPlot(s Set) *chart {
	var curves []curve
	for i, system := range r.Systems {
		if system.Fingerprint == "" || s.Summaries[i].Exact == len(s.Pictures) {
			continue
		}
		c := curve{name: system.Name}
		for n, m := range s.Pictures {
			c.points = append(c.points, point{float64(n + 1), m.Figures[i].PSNR})
		}
		curves = append(curves, c)
	}
	return linePlot("PSNR of the recovered picture, "+s.Name(), "picture", "dB", curves)
}

// plots draws the losses of a run and the figures of its validations.
func (c Curves) plots() []*chart {
	losses := map[string][]point{}
	var rate, psnr, minimum, ssim, entropy, correlation []point
	for _, e := range c.thinned() {
		x := float64(e.Step)
		for name, v := range e.Losses {
			losses[name] = append(losses[name], point{x, v})
		}
		if len(e.Losses) > 0 {
			rate = append(rate, point{x, e.LearningRate})
		}
		if v := e.Validation; v != nil {
			psnr = append(psnr, point{x, v.PSNR})
			minimum = append(minimum, point{x, v.MinimumPSNR})
			ssim = append(ssim, point{x, v.SSIM})
			entropy = append(entropy, point{x, v.Entropy})
			correlation = append(correlation, point{x, v.Correlation})
		}
	}
	var all []*chart
	add := func(title, y string, curves ...curve) {
		if p := linePlot(title, "step", y, curves); p != nil {
			all = append(all, p)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(losses)) { // one plot each: they differ by orders of magnitude
		add("loss: "+name, "", curve{points: losses[name]})
	}
	add("learning rate", "", curve{points: rate})
	add("PSNR, validation", "dB", curve{name: "mean", points: psnr}, curve{name: "minimum", points: minimum})
	add("SSIM, validation", "", curve{points: ssim})
	add("entropy of the bare cipher", "bits", curve{points: entropy})
	add("correlation of the bare cipher, mean absolute", "", curve{points: correlation})
	return all
}

// shownPoints is the maximum of points that a plot shows of a journal.
const shownPoints = 500

func (c Curves) thinned() []journal.Entry {
	step := (len(c.Points) + shownPoints - 1) / shownPoints
	var thinned []journal.Entry
	for i := 0; i < len(c.Points); i += step {
		thinned = append(thinned, c.Points[i])
	}
	return thinned
}
