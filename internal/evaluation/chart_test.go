package evaluation

import (
	"bytes"
	"fmt"
	"html/template"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		min, max float64
		n        int
		want     string
	}{
		{0, 255, 4, "0 100 200"},
		{0, 255, 6, "0 50 100 150 200 250"},
		{0, 1, 5, "0 0.2 0.4 0.6 0.8 1.0"},
		{.9991, .9999, 4, "0.9992 0.9994 0.9996 0.9998"},
		{-5.25, 3, 5, "-4 -2 0 2"},
		{1, 20000, 4, "5000 10000 15000 20000"},
		{0, 3e-4, 3, "0 1e-04 2e-04 3e-04"},
		{1.5e-4, 2.5e-4, 4, "1.5e-04 2.0e-04 2.5e-04"},
		{0, 4e7, 4, "0 1e+07 2e+07 3e+07 4e+07"},
		{51, 51.5, 1, "51.0 51.5"},
	} {
		a := axis{min: c.min, max: c.max}
		if _, got := a.ticks(c.n); strings.Join(got, " ") != c.want {
			t.Errorf("%v to %v: %q, want %q", c.min, c.max, got, c.want)
		}
	}
}

// positions returns the numbers of a path of M and L commands as pairs.
func positions(t *testing.T, path string) (all [][2]float64) {
	t.Helper()
	for _, m := range regexp.MustCompile(`[ML]([^ ]+) ([^MLh]+)`).FindAllStringSubmatch(path, -1) {
		x, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatalf("%q: %v", path, err)
		}
		y, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatalf("%q: %v", path, err)
		}
		all = append(all, [2]float64{x, y})
	}
	return all
}

// TestChartPositions checks that points are where the ticks of their values are.
func TestChartPositions(t *testing.T) {
	c := newChart("", 480, 280, axis{"step", 0, 100}, axis{"dB", 0, 10}, []curve{
		{name: "a", points: []point{{0, 0}, {20, 10}, {100, 4}}}, {name: "b", points: []point{{40, 2}}},
	})
	at := func(ticks []label, text string) label {
		i := slices.IndexFunc(ticks, func(l label) bool { return l.Text == text })
		if i < 0 {
			t.Fatalf("no tick %s in %v", text, ticks)
		}
		return ticks[i]
	}
	for i, want := range [][][2]string{{{"0", "0"}, {"20", "10"}, {"100", "4"}}, {{"40", "2"}}} {
		for _, path := range []string{c.Series[i].Line, c.Series[i].Dots} {
			got := positions(t, path)
			if len(got) != len(want) {
				t.Fatalf("%q has %d points, want %d", path, len(got), len(want))
			}
			for n, w := range want {
				x, y := at(c.XTicks, w[0]).X, at(c.YTicks, w[1]).Y-4
				if math.Abs(got[n][0]-x) > .11 || math.Abs(got[n][1]-y) > .11 {
					t.Errorf("point %v is at %v, want %v %v", w, got[n], x, y)
				}
			}
		}
	}
	if a, b := c.Series[0].Legend, c.Series[1].Legend; a.Text != "a" || b.Text != "b" || b.Y-a.Y < 11 || c.YTicks[len(c.YTicks)-1].Y-4 < b.Y {
		t.Errorf("legend %v, %v over the ticks %v", a, b, c.YTicks)
	}
}

// TestChartRanges checks charts of unusual values: all positions lie in the chart, and all texts are numbers.
func TestChartRanges(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, values := range [][]float64{{0}, {7}, {7, 7, 7}, {-1e-12, 1e-12}, {1e299, -1e299}, {1, nan, 3}, {inf, 2, -inf, 5}, {1e-320, 2e-320}, {1, 1 + 1e-15}, {123456789, 123456790}} {
		c := curve{name: "loss", colour: lineColours[0]}
		finite := 0
		for i, v := range values {
			c.points = append(c.points, point{float64(10 * i), v})
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				finite++
			}
		}
		plot := linePlot("loss", "step", "", []curve{c})
		got := positions(t, plot.Series[0].Line)
		if len(got) != finite {
			t.Errorf("%v: %d points, want %d", values, len(got), finite)
		}
		for _, p := range got {
			if !(p[0] >= 0 && p[0] <= 480 && p[1] >= 0 && p[1] <= 280) {
				t.Errorf("%v: a point at %v", values, p)
			}
		}
		for _, l := range slices.Concat(plot.XTicks, plot.YTicks) {
			if v, err := strconv.ParseFloat(l.Text, 64); err != nil || math.IsNaN(v) || !(l.X >= 0 && l.X <= 480 && l.Y >= 0 && l.Y <= 280) {
				t.Errorf("%v: tick %v", values, l)
			}
		}
	}
	if c := linePlot("", "", "", []curve{{name: "a", points: []point{{1, nan}}}, {name: "b"}}); c != nil {
		t.Errorf("a chart without points: %+v", c)
	}
}

// TestChartMarkup checks the SVG of a chart: texts are escaped, axes have the colour of the page's text, and
// no attribute was rejected by the template.
func TestChartMarkup(t *testing.T) {
	var b bytes.Buffer
	c := linePlot("a<b", "step", "dB", []curve{{name: "x&y", points: []point{{0, 1}, {9, 3}}}, {name: "min", points: []point{{0, 0}, {9, 2}}}})
	page := template.Must(template.New("").Parse(page))
	if err := page.ExecuteTemplate(&b, "chart", c); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{"a&lt;b</text>", ">step</text>", ">dB</text>", "x&amp;y</text>", ">min</text>", `fill="currentColor"`, fmt.Sprintf("d=%q", c.Series[0].Line), fmt.Sprintf("d=%q", c.Axes), `stroke="` + lineColours[0] + `"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if strings.Contains(text, "ZgotmplZ") {
		t.Error(text)
	}
}

// TestColours checks the contrast of the curves' colours to a white and a nearly black page, by the formula of WCAG.
func TestColours(t *testing.T) {
	luminance := func(colour string) (sum float64) {
		for i, weight := range []float64{.2126, .7152, .0722} {
			v, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			part := float64(v) / 255
			if part > .04045 {
				part = math.Pow((part+.055)/1.055, 2.4)
			} else {
				part /= 12.92
			}
			sum += weight * part
		}
		return sum
	}
	for _, colour := range slices.Concat(channelColours[:], lineColours) {
		l := luminance(colour) + .05
		if light, dark := 1.05/l, l/(luminance("#1c1c1c")+.05); light < 3 || dark < 3 {
			t.Errorf("%s has a contrast of %.2f to white and %.2f to black", colour, light, dark)
		}
	}
}
