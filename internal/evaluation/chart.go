package evaluation

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// chart is a line or scatter chart that report.html draws as SVG. All positions are in pixels. Its texts and
// axes have the colour of the page's text, and its background is that of the page.
type chart struct {
	Title          string
	Width, Height  int
	MiddleX        float64 // of the plot area
	XLabel, YLabel label
	XTicks, YTicks []label
	Axes, Grid     string // paths
	Series         []series
}

// label is a text and its position.
type label struct {
	Text string
	X, Y float64
}

// series is a curve, drawn as two paths.
type series struct {
	Colour     string
	Line, Dots string // either may be empty
	Legend     label  // without text if the chart has one curve
	Sample     string // path of a line next to the legend
}

// curve holds the points of a named series in the units of the axes.
type curve struct {
	name, colour string
	points       []point
	noLine       bool // draw dots only
	noDots       bool // draw a line only
}

type point struct{ x, y float64 }

// axis is the label of an axis and its range. An empty range becomes that of the points.
type axis struct {
	label    string
	min, max float64
}

// The colours have a contrast of at least 3 to 1 to a white and to a black page.
var (
	channelColours = [3]string{"#d03a40", "#2a8a50", "#3f74d8"}
	lineColours    = []string{"#3f74d8", "#c8641e", "#2a8a50", "#a8509c", "#767676", "#d03a40"}
)

const (
	characterWidth = 6.5 // bound for a digit of 11 pixels
	lineHeight     = 15
)

// newChart returns a chart of curves, or nil if they have no finite point.
func newChart(title string, width, height int, x, y axis, curves []curve) *chart {
	var all []point
	var drawn []curve
	for _, c := range curves {
		var finite []point
		for _, p := range c.points {
			if math.Abs(p.y) < 1e300 { // larger ranges overflow
				finite = append(finite, p)
			}
		}
		if len(finite) > 0 {
			c.points = finite
			drawn, all = append(drawn, c), append(all, finite...)
		}
	}
	if len(drawn) == 0 {
		return nil
	}
	x.fit(all, func(p point) float64 { return p.x })
	y.fit(all, func(p point) float64 { return p.y })

	c := &chart{Title: title, Width: width, Height: height}
	top, right, bottom := 1.6*lineHeight, float64(width)-20, float64(height)-22
	legend := len(curves) > 1 && curves[0].name != ""
	if legend {
		top += lineHeight * float64(len(drawn))
	}
	if x.label != "" {
		bottom -= lineHeight
	}
	yValues, yTexts := y.ticks(int((bottom - top) / 28))
	left := 12.0
	for _, t := range yTexts {
		left = max(left, 10+characterWidth*float64(len(t)))
	}
	if y.label != "" {
		left += lineHeight
	}
	xValues, xTexts := x.ticks(int((right - left) / 55))

	atX := func(v float64) float64 { return tenths(left + (right-left)*(v-x.min)/(x.max-x.min)) }
	atY := func(v float64) float64 { return tenths(bottom - (bottom-top)*(v-y.min)/(y.max-y.min)) }
	left, top, right, bottom = tenths(left), tenths(top), tenths(right), tenths(bottom)
	c.MiddleX = tenths((left + right) / 2)
	c.XLabel = label{x.label, c.MiddleX, float64(height) - 5}
	c.YLabel = label{y.label, 11, tenths((top + bottom) / 2)}
	var axes, grid strings.Builder
	fmt.Fprintf(&axes, "M%v %vV%vH%v", left, top, bottom, right)
	for i, v := range xValues {
		fmt.Fprintf(&axes, "M%v %vv4", atX(v), bottom)
		c.XTicks = append(c.XTicks, label{xTexts[i], atX(v), bottom + 15})
	}
	for i, v := range yValues {
		fmt.Fprintf(&axes, "M%v %vh-4", left, atY(v))
		fmt.Fprintf(&grid, "M%v %vH%v", left, atY(v), right)
		c.YTicks = append(c.YTicks, label{yTexts[i], left - 7, tenths(atY(v) + 4)})
	}
	c.Axes, c.Grid = axes.String(), grid.String()

	for i, d := range drawn {
		s := series{Colour: d.colour}
		var line, dots strings.Builder
		for n, p := range d.points {
			command := 'L'
			if n == 0 {
				command = 'M'
			}
			fmt.Fprintf(&line, "%c%v %v", command, atX(p.x), atY(p.y))
			fmt.Fprintf(&dots, "M%v %vh0", atX(p.x), atY(p.y)) // its round ends are the dot
		}
		if !d.noLine {
			s.Line = line.String()
		}
		if !d.noDots {
			s.Dots = dots.String()
		}
		if legend {
			at := 2.4*lineHeight + lineHeight*float64(i)
			s.Legend = label{d.name, right - 24, at}
			s.Sample = fmt.Sprintf("M%v %vh18", right-18, at-4)
		}
		c.Series = append(c.Series, s)
	}
	return c
}

// tenths rounds to a tenth of a pixel.
func tenths(v float64) float64 { return math.Round(10*v) / 10 }

// fit sets an empty range to that of the points, and widens one that is too small to divide.
func (a *axis) fit(points []point, of func(point) float64) {
	if a.min == a.max {
		a.min, a.max = math.Inf(1), math.Inf(-1)
		for _, p := range points {
			a.min, a.max = min(a.min, of(p)), max(a.max, of(p))
		}
	}
	margin := max(math.Abs(a.min), math.Abs(a.max)) / 10
	if margin < 1e-300 {
		margin = 1
	}
	if a.max-a.min < margin/1e9 {
		a.min, a.max = a.min-margin, a.max+margin
	}
}

// ticks returns up to n+1 round values within the range, and their texts: multiples of 1, 2 or 5 times a
// power of ten.
func (a *axis) ticks(n int) (values []float64, texts []string) {
	rough := (a.max - a.min) / float64(max(n, 1))
	exponent := math.Floor(math.Log10(rough))
	step := 10 * math.Pow(10, exponent)
	for _, m := range []float64{5, 2, 1} {
		if s := m * math.Pow(10, exponent); s >= rough*(1-1e-9) {
			step = s
		}
	}
	decimals := int(max(0, -math.Floor(math.Log10(step)+1e-9)))
	largest := max(math.Abs(a.min), math.Abs(a.max))
	for i := math.Ceil(a.min/step - 1e-9); i*step <= a.max+step*1e-9; i++ {
		v := i * step
		text := strconv.FormatFloat(v, 'f', decimals, 64)
		if i != 0 && (largest >= 1e7 || largest < 1e-3) {
			digits := math.Floor(math.Log10(math.Abs(v))+1e-9) - math.Floor(math.Log10(step)+1e-9)
			text = strconv.FormatFloat(v, 'e', int(max(0, digits)), 64)
		} else if i == 0 {
			v, text = 0, "0"
		}
		values, texts = append(values, v), append(texts, text)
	}
	return values, texts
}
