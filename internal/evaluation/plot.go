package evaluation

import (
	"bytes"
	"html/template"
	"image/color"
	"maps"
	"math"
	"slices"

	"enciphergan/internal/training/journal"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The plots are SVG in the page. Fonts are not embedded: a browser without the named
// font uses its own sans-serif.

var (
	channelColours = [3]color.Color{color.RGBA{0xc0, 0x20, 0x20, 0xff}, color.RGBA{0x20, 0x90, 0x30, 0xff}, color.RGBA{0x20, 0x40, 0xc0, 0xff}}
	lineColours    = []color.Color{color.RGBA{0x1f, 0x4e, 0x9e, 0xff}, color.RGBA{0xc8, 0x5a, 0x10, 0xff}, color.RGBA{0x2a, 0x85, 0x4f, 0xff}, color.RGBA{0x8a, 0x2a, 0x7c, 0xff}, color.RGBA{0x6b, 0x6b, 0x6b, 0xff}, color.RGBA{0xb0, 0x20, 0x30, 0xff}}
)

func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	for _, s := range []*draw.TextStyle{&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle} {
		s.Font.Variant = "Sans"
		s.Font.Size = vg.Points(8)
	}
	p.Title.TextStyle.Font.Size = vg.Points(9)
	p.Legend.Top, p.Legend.ThumbnailWidth, p.Legend.Padding = true, vg.Points(12), vg.Points(5)
	return p
}

func svg(p *plot.Plot, width, height vg.Length) (template.HTML, error) {
	c := vgsvg.New(width, height)
	p.Draw(draw.Crop(draw.New(c), 0, -vg.Points(12), 0, -vg.Points(4))) // the last label reaches over the axis
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return "", err
	}
	text := b.Bytes()
	if i := bytes.Index(text, []byte("<svg")); i > 0 { // no XML declaration within HTML
		text = text[i:]
	}
	return template.HTML(text), nil
}

// histogramPlot draws the histogram of each channel.
func histogramPlot(title string, h [3][256]int) (template.HTML, error) {
	p := newPlot(title, "level", "samples")
	p.X.Min, p.X.Max, p.Y.Min = 0, 255, 0
	for c, levels := range h {
		points := make(plotter.XYs, len(levels))
		for i, n := range levels {
			points[i] = plotter.XY{X: float64(i), Y: float64(n)}
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return "", err
		}
		line.Color, line.Width = channelColours[c], vg.Points(.6)
		p.Add(line)
	}
	p.Y.Min = 0
	return svg(p, 220, 150)
}

// pairsPlot draws pairs (x, y, x, y, …) of samples and their right neighbours.
func pairsPlot(title string, pairs []byte) (template.HTML, error) {
	p := newPlot(title, "sample", "its right neighbour")
	points := make(plotter.XYs, len(pairs)/2)
	for i := range points {
		points[i] = plotter.XY{X: float64(pairs[2*i]), Y: float64(pairs[2*i+1])}
	}
	dots, err := plotter.NewScatter(points)
	if err != nil {
		return "", err
	}
	dots.GlyphStyle = draw.GlyphStyle{Color: lineColours[0], Radius: vg.Points(.8), Shape: draw.BoxGlyph{}}
	p.Add(dots)
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 255, 0, 255
	return svg(p, 160, 160)
}

// curve is a named line.
type curve struct {
	name   string
	points plotter.XYs
}

// linePlot draws curves. It returns "" if they have no point.
func linePlot(title, x, y string, curves []curve) (template.HTML, error) {
	p := newPlot(title, x, y)
	drawn := 0
	for i, c := range curves {
		c.points = slices.DeleteFunc(c.points, func(v plotter.XY) bool { return math.IsNaN(v.Y) || math.IsInf(v.Y, 0) })
		if len(c.points) == 0 {
			continue
		}
		line, dots, err := plotter.NewLinePoints(c.points)
		if err != nil {
			return "", err
		}
		line.Color = lineColours[i%len(lineColours)]
		dots.GlyphStyle = draw.GlyphStyle{Color: line.Color, Radius: vg.Points(1.2), Shape: draw.CircleGlyph{}}
		p.Add(line, dots)
		if len(curves) > 1 {
			p.Legend.Add(c.name, line)
		}
		drawn++
	}
	if drawn == 0 {
		return "", nil
	}
	if len(curves) > 1 {
		p.Y.Max += .1 * float64(drawn) * (p.Y.Max - p.Y.Min) // room for the legend
	}
	return svg(p, 360, 210)
}

// qualityPlot draws the PSNR of every picture, in the order of the set.
func (r *Report) qualityPlot(s Set) (template.HTML, error) {
	var curves []curve
	for i, system := range r.Systems {
		if system.Fingerprint == "" || s.Summaries[i].Exact == len(s.Pictures) {
			continue
		}
		c := curve{name: system.Name}
		for n, m := range s.Pictures {
			c.points = append(c.points, plotter.XY{X: float64(n + 1), Y: m.Figures[i].PSNR})
		}
		curves = append(curves, c)
	}
	return linePlot("PSNR of the recovered picture, "+s.Name(), "picture", "dB", curves)
}

// plots draws the losses of a run and the figures of its validations.
func (c Curves) plots() ([]template.HTML, error) {
	losses := map[string]plotter.XYs{}
	var rate, psnr, minimum, ssim, entropy, correlation plotter.XYs
	for _, e := range c.thinned() {
		x := float64(e.Step)
		for name, v := range e.Losses {
			losses[name] = append(losses[name], plotter.XY{X: x, Y: v})
		}
		if len(e.Losses) > 0 {
			rate = append(rate, plotter.XY{X: x, Y: e.LearningRate})
		}
		if v := e.Validation; v != nil {
			psnr = append(psnr, plotter.XY{X: x, Y: v.PSNR})
			minimum = append(minimum, plotter.XY{X: x, Y: v.MinimumPSNR})
			ssim = append(ssim, plotter.XY{X: x, Y: v.SSIM})
			entropy = append(entropy, plotter.XY{X: x, Y: v.Entropy})
			correlation = append(correlation, plotter.XY{X: x, Y: v.Correlation})
		}
	}
	type drawing struct {
		title, y string
		curves   []curve
	}
	var list []drawing
	for _, name := range slices.Sorted(maps.Keys(losses)) { // one plot each: they differ by orders of magnitude
		list = append(list, drawing{"loss: " + name, "", []curve{{name, losses[name]}}})
	}
	var all []template.HTML
	for _, p := range append(list, []drawing{
		{"learning rate", "", []curve{{"rate", rate}}},
		{"PSNR, validation", "dB", []curve{{"mean", psnr}, {"minimum", minimum}}},
		{"SSIM, validation", "", []curve{{"mean", ssim}}},
		{"entropy of the bare cipher", "bits", []curve{{"mean", entropy}}},
		{"correlation of the bare cipher, mean absolute", "", []curve{{"mean absolute", correlation}}},
	}...) {
		drawn, err := linePlot(p.title, "step", p.y, p.curves)
		if err != nil {
			return nil, err
		}
		if drawn != "" {
			all = append(all, drawn)
		}
	}
	return all, nil
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
