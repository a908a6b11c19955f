package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"

	"github.com/bep/imagemeta"
	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// Limits bound what Decode takes. Both are checked before anything is allocated
// for the samples.
type Limits struct {
	Bytes  int64 // of the file
	Pixels int64 // width times height, as the file's header declares them
}

var (
	// ErrFormat says that the file is of no kind that Decode reads.
	ErrFormat = errors.New("this is not a picture that can be read")
	// ErrCorrupt says that the file is of a known kind but damaged, cut short,
	// or uses a feature that Decode does not know.
	ErrCorrupt = errors.New("the picture is damaged")
	// ErrTooLarge says that the file, or the picture it declares, is over the Limits.
	ErrTooLarge = errors.New("the picture is too large")
)

// format is one kind of picture file.
type format struct {
	name   string
	magic  []string // any of these begins the file; ? stands for any byte
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
	exif   imagemeta.ImageFormat // ImageFormatAuto: the kind carries no orientation
}

var formats = []format{
	{"PNG", []string{"\x89PNG\r\n\x1a\n"}, png.DecodeConfig, png.Decode, imagemeta.PNG},
	{"JPEG", []string{"\xff\xd8"}, jpeg.DecodeConfig, jpeg.Decode, imagemeta.JPEG},
	{"GIF", []string{"GIF8?a"}, gif.DecodeConfig, gif.Decode, imagemeta.ImageFormatAuto},
	{"BMP", []string{"BM????\x00\x00\x00\x00"}, bmp.DecodeConfig, bmp.Decode, imagemeta.ImageFormatAuto},
	{"TIFF", []string{"II\x2a\x00", "MM\x00\x2a"}, tiff.DecodeConfig, tiff.Decode, imagemeta.TIFF},
	{"WebP", []string{"RIFF????WEBPVP8"}, webp.DecodeConfig, webp.Decode, imagemeta.WebP},
}

// unread are kinds that people have and Decode does not read; they are named so
// that the message can say what to do.
var unread = []format{
	{name: "HEIC or AVIF", magic: []string{"????ftyp"}},
	{name: "JPEG XL", magic: []string{"\xff\x0a", "\x00\x00\x00\x0cJXL "}},
	{name: "SVG", magic: []string{"<svg", "<?xml"}},
	{name: "PDF", magic: []string{"%PDF"}},
}

func (f format) matches(file []byte) bool {
next:
	for _, m := range f.magic {
		if len(file) < len(m) {
			continue
		}
		for i := range len(m) {
			if m[i] != '?' && m[i] != file[i] {
				continue next
			}
		}
		return true
	}
	return false
}

func sniff(file []byte) (format, error) {
	for _, f := range formats {
		if f.matches(file) {
			return f, nil
		}
	}
	for _, f := range unread {
		if f.matches(file) {
			return format{}, fmt.Errorf("%w: it is %s; convert it to PNG or JPEG first", ErrFormat, f.name)
		}
	}
	return format{}, fmt.Errorf("%w: it is none of PNG, JPEG, GIF, BMP, TIFF and WebP", ErrFormat)
}

// Decode reads a picture file of a kind told by its first bytes. The EXIF
// orientation is applied, 16 bits are reduced to the high 8, gray becomes equal
// red, green and blue, transparency is put on white, and of an animation the
// first frame is taken; Notes says which of these lost something. Colours are
// taken as they are, without their ICC profile.
//
// Errors wrap ErrFormat, ErrCorrupt or ErrTooLarge.
func Decode(file []byte, limits Limits) (p *Picture, err error) {
	if int64(len(file)) > limits.Bytes {
		return nil, tooManyBytes(int64(len(file)), limits)
	}
	f, err := sniff(file)
	if err != nil {
		return nil, err
	}
	defer func() { // decoders of hostile files: whatever they do ends here
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("%w: %s: %v", ErrCorrupt, f.name, r)
		}
	}()

	c, err := f.config(bytes.NewReader(file))
	var unsupported png.UnsupportedError
	if errors.As(err, &unsupported) && string(unsupported) == "dimension overflow" {
		return nil, fmt.Errorf("%w: it declares %s pixels", ErrTooLarge, declaredByPNG(file))
	}
	if err != nil {
		return nil, corrupt(f, err)
	}
	if c.Width <= 0 || c.Height <= 0 {
		return nil, fmt.Errorf("%w: %s: it declares %d x %d pixels", ErrCorrupt, f.name, c.Width, c.Height)
	}
	if int64(c.Width) > limits.Pixels/int64(c.Height) {
		return nil, fmt.Errorf("%w: it declares %d x %d pixels, and at most %d million in all are taken",
			ErrTooLarge, c.Width, c.Height, limits.Pixels/1_000_000)
	}

	r := bytes.NewReader(file)
	m, err := f.decode(r)
	if err != nil {
		return nil, corrupt(f, err)
	}
	var notes []string
	if f.name == "GIF" {
		m = onScreen(m, c)
		if moreFrames(file[len(file)-r.Len():]) {
			notes = append(notes, "only the first frame of the animation was taken")
		}
	}
	if b := m.Bounds(); b.Dx() != c.Width || b.Dy() != c.Height {
		return nil, fmt.Errorf("%w: %s: its header declares %d x %d pixels, and %d x %d are there", ErrCorrupt, f.name, c.Width, c.Height, b.Dx(), b.Dy())
	}
	p, lost := flatten(m, f.name == "WebP")
	p.Notes = append(notes, lost...)
	if f.exif != imagemeta.ImageFormatAuto {
		p.orient(orientation(file, f.exif))
	}
	return p, nil
}

func tooManyBytes(n int64, limits Limits) error {
	return fmt.Errorf("%w: the file has %d bytes, and at most %d are taken", ErrTooLarge, n, limits.Bytes)
}

func corrupt(f format, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || strings.Contains(err.Error(), "EOF") { // image/png formats the cause away
		return fmt.Errorf("%w: %s: the file was cut short", ErrCorrupt, f.name)
	}
	return fmt.Errorf("%w: %s: %s", ErrCorrupt, f.name, strings.TrimPrefix(err.Error(), strings.ToLower(f.name)+": "))
}

// declaredByPNG formats the size in a PNG's header, which image/png has read
// before it reports an overflow.
func declaredByPNG(file []byte) string {
	return fmt.Sprintf("%d x %d", binary.BigEndian.Uint32(file[16:]), binary.BigEndian.Uint32(file[20:]))
}

// onScreen puts a GIF's frame at its place on the whole, otherwise transparent, screen.
func onScreen(m image.Image, c image.Config) image.Image {
	screen := image.Rect(0, 0, c.Width, c.Height)
	if m.Bounds() == screen {
		return m
	}
	whole := image.NewNRGBA(screen)
	draw.Draw(whole, m.Bounds(), m, m.Bounds().Min, draw.Src)
	return whole
}

// moreFrames reports whether what follows a GIF's first frame holds another one.
func moreFrames(rest []byte) bool {
	const extension, frame = 0x21, 0x2c
	for len(rest) > 2 && rest[0] == extension {
		rest = rest[2:]
		for len(rest) > 0 && rest[0] != 0 { // sub-blocks, each led by its length
			rest = rest[min(1+int(rest[0]), len(rest)):]
		}
		rest = rest[min(1, len(rest)):]
	}
	return len(rest) > 0 && rest[0] == frame
}

const (
	noteAlpha   = "transparent parts were put on white"
	noteSixteen = "16 bits a sample were reduced to 8"
)

// flatten converts any decoded image to 8-bit RGB on white and says what that
// lost. limited says that luma and chroma, where the image has them, are in
// BT.601's limited range.
func flatten(m image.Image, limited bool) (*Picture, []string) {
	toRGB := color.YCbCrToRGB
	if limited {
		toRGB = limitedToRGB
	}
	b := m.Bounds()
	p := New(b.Dy(), b.Dx())
	alpha := false
	put := func(i int, c color.NRGBA) {
		if c.A != 255 {
			alpha = true
			c.R, c.G, c.B = onWhite(c.R, c.A), onWhite(c.G, c.A), onWhite(c.B, c.A)
		}
		p.RGB[i], p.RGB[i+1], p.RGB[i+2] = c.R, c.G, c.B
	}
	for y, i := b.Min.Y, 0; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x, i = x+1, i+3 {
			switch m := m.(type) {
			case *image.YCbCr:
				c := m.YCbCrAt(x, y)
				p.RGB[i], p.RGB[i+1], p.RGB[i+2] = toRGB(c.Y, c.Cb, c.Cr)
			case *image.NYCbCrA:
				c := m.NYCbCrAAt(x, y)
				r, g, b := toRGB(c.Y, c.Cb, c.Cr)
				put(i, color.NRGBA{r, g, b, c.A})
			case *image.RGBA: // decoders return it for opaque pictures and, in some kinds, for premultiplied ones
				c := m.RGBAAt(x, y)
				alpha = alpha || c.A != 255
				w := 255 - c.A
				p.RGB[i], p.RGB[i+1], p.RGB[i+2] = plus(c.R, w), plus(c.G, w), plus(c.B, w)
			case *image.NRGBA:
				put(i, m.NRGBAAt(x, y))
			case *image.Gray:
				g := m.GrayAt(x, y).Y
				p.RGB[i], p.RGB[i+1], p.RGB[i+2] = g, g, g
			case *image.NRGBA64:
				c := m.NRGBA64At(x, y)
				put(i, color.NRGBA{uint8(c.R >> 8), uint8(c.G >> 8), uint8(c.B >> 8), uint8(c.A >> 8)})
			default: // palettes, CMYK, 16-bit gray and RGB
				put(i, color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA))
			}
		}
	}
	var lost []string
	if alpha {
		lost = append(lost, noteAlpha)
	}
	switch m.(type) {
	case *image.Gray16, *image.RGBA64, *image.NRGBA64:
		lost = append(lost, noteSixteen)
	}
	return p, lost
}

// limitedToRGB converts limited-range BT.601, which lossy WebP holds (RFC 6386,
// section 9.2) and which package image, made for JPEG's full range, would show
// with gray blacks and whites (https://go.dev/issue/40173).
func limitedToRGB(y, cb, cr uint8) (r, g, b uint8) {
	// The factors are 255/219, and 2 * 255/224 times 1-Kr or 1-Kb with their
	// shares in green, in units of 2^-16.
	l := 76309*(int(y)-16) + 1<<15
	u, v := int(cb)-128, int(cr)-128
	sample := func(v int) uint8 { return uint8(min(max(v>>16, 0), 255)) }
	return sample(l + 104597*v), sample(l - 25675*u - 53279*v), sample(l + 132201*u)
}

// onWhite blends a sample, not premultiplied, with white.
func onWhite(v, a uint8) uint8 {
	return uint8((uint32(v)*uint32(a) + 255*(255-uint32(a)) + 127) / 255)
}

// plus adds and stays at 255: a hostile file may hold more colour than alpha allows.
func plus(v, w uint8) uint8 { return uint8(min(int(v)+int(w), 255)) }
