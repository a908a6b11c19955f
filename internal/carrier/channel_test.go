package carrier

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	xdraw "golang.org/x/image/draw"
	_ "golang.org/x/image/webp"
)

// recompress returns the copy that Go's JPEG encoder makes of p, as a colour picture with 4:2:0.
func recompress(t testing.TB, p *image.Gray, quality int) *image.Gray {
	t.Helper()
	return gray(t, encode(t, p, "go", strconv.Itoa(quality)))
}

// encode returns the file that an encoder makes of p as a colour picture.
func encode(t testing.TB, p *image.Gray, name string, arguments ...string) []byte {
	t.Helper()
	colour := image.NewRGBA(p.Rect)
	xdraw.Copy(colour, image.Point{}, p, p.Rect, xdraw.Src, nil)
	var b bytes.Buffer
	if name == "go" {
		quality, err := strconv.Atoi(arguments[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := jpeg.Encode(&b, colour, &jpeg.Options{Quality: quality}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, colour); err != nil {
		t.Fatal(err)
	}
	input := b.Bytes()
	if name == "cjpeg" { // takes no PNG
		input = fmt.Appendf(nil, "P6\n%d %d\n255\n", p.Rect.Dx(), p.Rect.Dy())
		for _, v := range p.Pix {
			input = append(input, v, v, v)
		}
	}
	return run(t, input, name, arguments...)
}

func run(t testing.TB, input []byte, name string, arguments ...string) []byte {
	t.Helper()
	command := exec.Command(name, arguments...)
	command.Stdin = bytes.NewReader(input)
	output, err := command.Output()
	if err != nil {
		if e := (*exec.ExitError)(nil); errors.As(err, &e) {
			t.Fatalf("%s: %v: %s", name, err, e.Stderr)
		}
		t.Fatal(err)
	}
	return output
}

// gray returns a file in gray, as a viewer that knows nothing of carriers converts it.
func gray(t testing.TB, file []byte) *image.Gray {
	t.Helper()
	p, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	q := image.NewGray(image.Rect(0, 0, p.Bounds().Dx(), p.Bounds().Dy()))
	xdraw.Copy(q, image.Point{}, p, p.Bounds(), xdraw.Src, nil)
	return q
}

// channel is what happens to a carrier on its way: command lines, one after the other.
type channel struct {
	name     string
	commands []string
	presets  string // that every file must open of
}

// channels of Go's encoder, and of programs that are not everywhere: cjpeg of libjpeg-turbo, convert of ImageMagick, cwebp of libwebp.
var (
	goChannels = []channel{
		{"Go JPEG 95", []string{"go 95"}, "default strong"},
		{"Go JPEG 75", []string{"go 75"}, "default strong"},
		{"Go JPEG 85, then 75", []string{"go 85", "go 75"}, "default strong"},
		{"Go JPEG 60", []string{"go 60"}, "strong"},
		{"Go JPEG 85, then 60", []string{"go 85", "go 60"}, "strong"},
		{"Go JPEG 50", []string{"go 50"}, "strong"},
	}
	otherChannels = []channel{
		{"libjpeg-turbo 95, 4:2:0", []string{"cjpeg -quality 95 -sample 2x2"}, "default strong"},
		{"libjpeg-turbo 85, 4:2:0", []string{"cjpeg -quality 85 -sample 2x2"}, "default strong"},
		{"libjpeg-turbo 80, 4:4:4, progressive", []string{"cjpeg -quality 80 -sample 1x1 -progressive"}, "default strong"},
		{"libjpeg-turbo 75, 4:2:0", []string{"cjpeg -quality 75 -sample 2x2"}, "default strong"},
		{"libjpeg-turbo 75, 4:4:4", []string{"cjpeg -quality 75 -sample 1x1"}, "default strong"},
		{"libjpeg-turbo 75, fast DCT", []string{"cjpeg -quality 75 -sample 2x2 -dct fast"}, "default strong"},
		{"libjpeg-turbo 85, then 75", []string{"cjpeg -quality 85 -sample 2x2", "cjpeg -quality 75 -sample 2x2"}, "default strong"},
		{"ImageMagick 85, then Go 75", []string{"convert png:- -quality 85 jpg:-", "go 75"}, "default strong"},
		{"libjpeg-turbo 72, 4:2:0", []string{"cjpeg -quality 72 -sample 2x2"}, "default strong"},
		{"libjpeg-turbo 70, 4:2:0", []string{"cjpeg -quality 70 -sample 2x2"}, "strong"},
		{"libjpeg-turbo 60, 4:2:0", []string{"cjpeg -quality 60 -sample 2x2"}, "strong"},
		{"libjpeg-turbo 85, then 60", []string{"cjpeg -quality 85 -sample 2x2", "cjpeg -quality 60 -sample 2x2"}, "strong"},
		{"libjpeg-turbo 50, 4:2:0, progressive", []string{"cjpeg -quality 50 -sample 2x2 -progressive"}, "strong"},
		{"libjpeg-turbo 45, 4:2:0", []string{"cjpeg -quality 45 -sample 2x2"}, ""},
		{"ImageMagick 75", []string{"convert png:- -quality 75 jpg:-"}, "default strong"},
		{"ImageMagick 60", []string{"convert png:- -quality 60 jpg:-"}, "strong"},
		{"libwebp 85", []string{"cwebp -quiet -q 85 -o - -- -"}, "default strong"},
		{"libwebp 80", []string{"cwebp -quiet -q 80 -o - -- -"}, "strong"},
		{"libwebp 75", []string{"cwebp -quiet -q 75 -o - -- -"}, "strong"},
		{"libwebp 60", []string{"cwebp -quiet -q 60 -o - -- -"}, "strong"},
		{"libwebp 75, then libjpeg-turbo 75", []string{"cwebp -quiet -q 75 -o - -- -", "cjpeg -quality 75 -sample 2x2"}, "strong"},
	}
	presetNames = map[Preset]string{Default: "default", Strong: "strong"}
)

// send returns the file that arrives.
func (c channel) send(t testing.TB, p *image.Gray) (file []byte) {
	t.Helper()
	for i, command := range c.commands {
		if i > 0 {
			p = gray(t, file)
		}
		words := strings.Fields(command)
		file = encode(t, p, words[0], words[1:]...)
	}
	return file
}

// installed reports whether the programs of a channel are there.
func (c channel) installed() bool {
	for _, command := range c.commands {
		if name, _, _ := strings.Cut(command, " "); name != "go" {
			if _, err := exec.LookPath(name); err != nil {
				return false
			}
		}
	}
	return true
}

// TestChannel recompresses whole carriers. ENCIPHER_CHANNEL=N makes N carriers of 800 x 600 pixels for each preset, with other encoders too, and prints
// a table: go test -count=1 -run TestChannel -v ./internal/carrier
func TestChannel(t *testing.T) {
	files, channels, width, height := 1, goChannels, 320, 240
	if n := os.Getenv("ENCIPHER_CHANNEL"); n != "" {
		var err error
		if files, err = strconv.Atoi(n); err != nil || files < 1 {
			t.Fatalf("ENCIPHER_CHANNEL=%s is no number of files", n)
		}
		channels, width, height = append(channels, otherChannels...), 800, 600
	}
	fmt.Fprintf(t.Output(), "%-38s %-8s %10s %10s %8s\n", "channel", "preset", "opened", "bytes", "bits/px")
	for _, c := range channels {
		if !c.installed() {
			fmt.Fprintf(t.Output(), "%-38s is not installed\n", c.name)
			continue
		}
		for _, p := range []Preset{Default, Strong} {
			opened, size := 0, 0
			for n := range files {
				payload := random(generator(1000*n), Capacity(width, height, p))
				carrier, err := Modulate(t.Context(), payload, width, height, p)
				if err != nil {
					t.Fatal(err)
				}
				file := c.send(t, carrier)
				size += len(file)
				got, err := Demodulate(t.Context(), gray(t, file))
				if err == nil {
					opened++
					if !bytes.Equal(got, payload) {
						t.Fatalf("%s, %s: another payload came back", c.name, presetNames[p])
					}
				}
			}
			fmt.Fprintf(t.Output(), "%-38s %-8s %4d / %3d %10d %8.2f\n", c.name, presetNames[p], opened, files, size/files,
				8*float64(size)/float64(files*width*height))
			if strings.Contains(c.presets, presetNames[p]) && opened < files {
				t.Errorf("%s, %s: %d of %d files opened", c.name, presetNames[p], opened, files)
			}
		}
	}
}

//go:embed testdata/copies
var copies embed.FS

// The carriers that testdata/copies has copies of.
const copyWidth, copyHeight = 212, 200

// copyFiles are the copies that are kept in testdata/copies.
var copyFiles = []struct {
	name   string
	preset Preset
	channel
}{
	{"default-turbo75.jpg", Default, channel{commands: []string{"cjpeg -quality 75 -sample 2x2"}}},
	{"default-turbo75-444-progressive.jpg", Default, channel{commands: []string{"cjpeg -quality 75 -sample 1x1 -progressive"}}},
	{"default-magick85-turbo75.jpg", Default, channel{commands: []string{"convert png:- -quality 85 jpg:-", "cjpeg -quality 75 -sample 2x2"}}},
	{"strong-turbo60.jpg", Strong, channel{commands: []string{"cjpeg -quality 60 -sample 2x2"}}},
	{"strong-turbo85-turbo60.jpg", Strong, channel{commands: []string{"cjpeg -quality 85 -sample 2x2", "cjpeg -quality 60 -sample 2x2"}}},
	{"strong-turbo50-progressive.jpg", Strong, channel{commands: []string{"cjpeg -quality 50 -sample 2x2 -progressive"}}},
	{"strong-webp75.webp", Strong, channel{commands: []string{"cwebp -quiet -q 75 -o - -- -"}}},
}

// Copies that libjpeg-turbo, ImageMagick and libwebp made come back, where these are not installed too. ENCIPHER_COPIES=1 makes them anew.
func TestCopies(t *testing.T) {
	for _, c := range copyFiles {
		t.Run(c.name, func(t *testing.T) {
			carrier, payload := modulate(t, copyWidth, copyHeight, c.preset, -1)
			if os.Getenv("ENCIPHER_COPIES") != "" {
				if err := os.MkdirAll("testdata/copies", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile("testdata/copies/"+c.name, c.send(t, carrier), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			file, err := copies.ReadFile("testdata/copies/" + c.name)
			if err != nil {
				t.Fatal(err)
			}
			opens(t, gray(t, file), payload)
		})
	}
}
