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
}

var formats = []format{
	{"PNG", []string{"\x89PNG\r\n\x1a\n"}, png.DecodeConfig, png.Decode},
	{"JPEG", []string{"\xff\xd8"}, jpeg.DecodeConfig, jpeg.Decode},
	{"GIF", []string{"GIF8?a"}, gif.DecodeConfig, gif.Decode},
	{"BMP", []string{"BM????\x00\x00\x00\x00"}, bmp.DecodeConfig, bmp.Decode},
	{"TIFF", []string{"II\x2a\x00", "MM\x00\x2a"}, tiff.DecodeConfig, tiff.Decode},
	{"WebP", []string{"RIFF????WEBPVP8"}, webp.DecodeConfig, webp.Decode},
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
// orientation is applied, and of an animation the first frame is taken; Notes
// says what was lost. Colours are taken as they are; their profile is kept, not
// applied.
//
// Errors wrap ErrFormat, ErrCorrupt or ErrTooLarge.
func Decode(file []byte, limits Limits) (p *Picture, err error) {
	f, c, err := declared(file, limits)
	if err != nil {
		return nil, err
	}
	defer func() { // decoders of hostile files: whatever they do ends here
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("%w: %s: %v", ErrCorrupt, f.name, r)
		}
	}()

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
	p = convert(m, f.name == "WebP")
	p.Notes = append(notes, p.Notes...)
	p.orient(orientation(file, f.name))
	p.keepMetadata(file, f.name)
	return p, nil
}

// Size reads the size that a picture file declares, upright by its EXIF
// orientation, without decoding the samples. Errors are those of Decode.
func Size(file []byte, limits Limits) (height, width int, err error) {
	f, c, err := declared(file, limits)
	if err != nil {
		return 0, 0, err
	}
	if orientation(file, f.name) >= 5 {
		return c.Width, c.Height, nil
	}
	return c.Height, c.Width, nil
}

// declared reads a file's header and holds it against the limits.
func declared(file []byte, limits Limits) (f format, c image.Config, err error) {
	if int64(len(file)) > limits.Bytes {
		return f, c, tooManyBytes(int64(len(file)), limits)
	}
	if f, err = sniff(file); err != nil {
		return f, c, err
	}
	defer func() { // as in Decode
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %s: %v", ErrCorrupt, f.name, r)
		}
	}()
	c, err = f.config(bytes.NewReader(file))
	var unsupported png.UnsupportedError
	if errors.As(err, &unsupported) && string(unsupported) == "dimension overflow" {
		return f, c, fmt.Errorf("%w: it declares %s pixels", ErrTooLarge, declaredByPNG(file))
	}
	if err != nil {
		return f, c, corrupt(f, err)
	}
	if c.Width <= 0 || c.Height <= 0 {
		return f, c, fmt.Errorf("%w: %s: it declares %d x %d pixels", ErrCorrupt, f.name, c.Width, c.Height)
	}
	if int64(c.Width) > limits.Pixels/int64(c.Height) {
		return f, c, fmt.Errorf("%w: it declares %d x %d pixels, and at most %d million in all are taken",
			ErrTooLarge, c.Width, c.Height, limits.Pixels/1_000_000)
	}
	return f, c, nil
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
	notePremultiplied = "colours were premultiplied with alpha, and are kept as they are without it"
	noteCMYK          = "cyan, magenta, yellow and black became red, green and blue"
)

// convert takes the samples of any decoded image, and says what that lost.
// limited says that luma and chroma, where the image has them, are in BT.601's
// limited range.
func convert(m image.Image, limited bool) *Picture {
	toRGB := color.YCbCrToRGB
	if limited {
		toRGB = limitedToRGB
	}
	b := m.Bounds()
	p := New(b.Dy(), b.Dx())
	opaque := false
	if m, ok := m.(interface{ Opaque() bool }); ok {
		opaque = m.Opaque()
	}
	if !opaque {
		p.Alpha = make([]byte, b.Dy()*b.Dx())
	}
	switch m.(type) {
	case *image.Gray:
		p.Gray = true
	case *image.Gray16:
		p.Gray = true
		p.Low = make([]byte, b.Dy()*b.Dx())
	case *image.RGBA64, *image.NRGBA64:
		p.Low = make([]byte, b.Dy()*b.Dx()*p.Channels())
	case *image.CMYK:
		p.Notes = append(p.Notes, noteCMYK)
	}
	switch m.(type) {
	case *image.RGBA, *image.RGBA64:
		if !opaque {
			p.Notes = append(p.Notes, notePremultiplied)
		}
	}
	put := func(i int, c color.NRGBA) {
		p.RGB[3*i], p.RGB[3*i+1], p.RGB[3*i+2] = c.R, c.G, c.B
		if p.Alpha != nil {
			p.Alpha[i] = c.A
		}
	}
	put16 := func(i int, c color.NRGBA64) {
		put(i, color.NRGBA{uint8(c.R >> 8), uint8(c.G >> 8), uint8(c.B >> 8), uint8(c.A >> 8)})
		n := p.Channels()
		low := [4]byte{uint8(c.R), uint8(c.G), uint8(c.B), uint8(c.A)}
		copy(p.Low[n*i:n*(i+1)], low[:])
	}
	for y, i := b.Min.Y, 0; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x, i = x+1, i+1 {
			switch m := m.(type) {
			case *image.YCbCr:
				c := m.YCbCrAt(x, y)
				r, g, b := toRGB(c.Y, c.Cb, c.Cr)
				put(i, color.NRGBA{r, g, b, 255})
			case *image.NYCbCrA:
				c := m.NYCbCrAAt(x, y)
				r, g, b := toRGB(c.Y, c.Cb, c.Cr)
				put(i, color.NRGBA{r, g, b, c.A})
			case *image.NRGBA:
				put(i, m.NRGBAAt(x, y))
			case *image.RGBA: // decoders return it for opaque pictures and, in some kinds, for premultiplied ones
				if c := m.RGBAAt(x, y); opaque {
					put(i, color.NRGBA(c))
				} else {
					put(i, straight(c))
				}
			case *image.Gray:
				g := m.GrayAt(x, y).Y
				put(i, color.NRGBA{g, g, g, 255})
			case *image.Gray16:
				g := m.Gray16At(x, y).Y
				put16(i, color.NRGBA64{g, g, g, 0xffff})
			case *image.NRGBA64:
				put16(i, m.NRGBA64At(x, y))
			case *image.RGBA64:
				put16(i, color.NRGBA64Model.Convert(bounded(m.RGBA64At(x, y))).(color.NRGBA64))
			default: // palettes and CMYK
				put(i, color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA))
			}
		}
	}
	return p
}

// straight divides premultiplied colours by alpha. A hostile file may hold more
// colour than alpha allows.
func straight(c color.RGBA) color.NRGBA {
	if c.A == 0 {
		return color.NRGBA{}
	}
	divide := func(v uint8) uint8 { return uint8(min((uint32(v)*255+uint32(c.A)/2)/uint32(c.A), 255)) }
	return color.NRGBA{divide(c.R), divide(c.G), divide(c.B), c.A}
}

func bounded(c color.RGBA64) color.RGBA64 {
	return color.RGBA64{min(c.R, c.A), min(c.G, c.A), min(c.B, c.A), c.A}
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
