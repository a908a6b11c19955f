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
	"path/filepath"
	"slices"
	"strings"
)

// Limits bound the files that Decode accepts. Both limits are checked before memory
// for the samples is allocated.
type Limits struct {
	Bytes  int64 // of the file
	Pixels int64 // width times height, as declared by the file's header
}

var (
	// ErrFormat is returned when the file is not of a kind that Decode reads.
	ErrFormat = errors.New("this is not a picture that can be read")
	// ErrUnsupported is returned when the file is of a kind, or a variant of a kind,
	// that is recognised but not read. The file is valid as far as it was read.
	ErrUnsupported = errors.New("this kind of picture is not supported")
	// ErrCorrupt is returned when the file is of a known kind but damaged or truncated.
	ErrCorrupt = errors.New("the picture is damaged")
	// ErrTooLarge is returned when the file, or the picture it declares, exceeds the Limits.
	ErrTooLarge = errors.New("the picture is too large")
)

// format is one kind of picture file.
type format struct {
	name  string
	magic []string // a file begins with any of these; ? stands for any byte
	names []string // file name extensions, the usual one first
	// mend returns a copy of the file in which it has corrected errors that the decoder rejects
	// and other decoders accept, with notes on them; nil: nothing is corrected.
	mend   func(file []byte) (mended []byte, notes []string)
	size   func(file []byte) (width, height int, err error)
	decode func(file []byte) (*Picture, error)
}

var formats = []format{
	{"PNG", []string{"\x89PNG\r\n\x1a\n"}, []string{".png", ".apng"}, mendPNG, pngSize, decodeBy(png.Decode)},
	{"JPEG", []string{"\xff\xd8"}, []string{".jpg", ".jpeg", ".jpe", ".jfif", ".jfi", ".jif", ".pjpeg", ".pjp"}, mendJPEG, jpegSize, decodeJPEG},
	{"GIF", []string{"GIF8?a"}, []string{".gif"}, nil, sizeBy(gif.DecodeConfig), decodeGIF},
	{"BMP", bmpMagic, []string{".bmp", ".dib"}, nil, bmpSize, decodeBMP},
	{"TIFF", []string{"II\x2a\x00", "MM\x00\x2a"}, []string{".tif", ".tiff"}, nil, tiffSize, decodeTIFF},
	{"WebP", []string{"RIFF????WEBPVP8"}, []string{".webp"}, nil, webpSize, decodeWebP},
}

// sizeBy and decodeBy adapt the functions of a decoder with the interface of the
// standard library's to a format.
func sizeBy(config func(io.Reader) (image.Config, error)) func([]byte) (width, height int, err error) {
	return func(file []byte) (width, height int, err error) {
		c, err := config(bytes.NewReader(file))
		return c.Width, c.Height, err
	}
}

func decodeBy(decode func(io.Reader) (image.Image, error)) func([]byte) (*Picture, error) {
	return func(file []byte) (*Picture, error) {
		m, err := decode(bytes.NewReader(file))
		if err != nil {
			return nil, err
		}
		return convert(m, false), nil
	}
}

// unread are common kinds of files that Decode does not read. The error names the kind
// and advises to convert the file.
var unread = []format{
	{name: "HEIC or AVIF", magic: []string{"????ftyp"}},
	{name: "JPEG XL", magic: []string{"\xff\x0a", "\x00\x00\x00\x0cJXL "}},
	{name: "SVG", magic: []string{"<svg", "<?xml"}},
	{name: "PDF", magic: []string{"%PDF"}},
}

// unsupportedKinds are kinds of pictures that are recognised by their first bytes
// and not read.
var unsupportedKinds = []format{
	{name: "BigTIFF", magic: []string{"II\x2b\x00", "MM\x00\x2b"}},
	{name: rawFile, magic: []string{"IIRO", "IIRS", "MMOR", "IIU\x00", "FUJIFILMCCD-RAW", "\x00MRM", "????ftypcrx "}},
	{name: "JPEG 2000", magic: []string{"\x00\x00\x00\x0cjP  ", "\xff\x4f\xff\x51"}},
	{name: "JPEG XR", magic: []string{"II\xbc\x01"}},
	{name: "Photoshop PSD", magic: []string{"8BPS\x00"}},
	{name: "OpenEXR", magic: []string{"\x76\x2f\x31\x01"}},
	{name: "QOI", magic: []string{"qoif"}},
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

// Extensions returns the file name extensions of the file's kind, in lower case, the
// usual one first. It looks only at the content. It returns nil if the file is not of a
// kind that Decode reads.
func Extensions(file []byte) []string {
	f, err := sniff(file)
	if err != nil {
		return nil
	}
	return f.names
}

// HasExtension reports whether a name has an extension of a kind that Decode reads.
func HasExtension(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	return slices.ContainsFunc(formats, func(f format) bool { return slices.Contains(f.names, ext) })
}

func sniff(file []byte) (format, error) {
	for _, f := range formats {
		if f.matches(file) {
			return f, nil
		}
	}
	for _, f := range unsupportedKinds {
		if f.matches(file) {
			return format{}, unsupported(f.name)
		}
	}
	for _, f := range unread {
		if f.matches(file) {
			return format{}, fmt.Errorf("%w: it is %s; convert it to PNG or JPEG first", ErrFormat, f.name)
		}
	}
	return format{}, fmt.Errorf("%w: it is not a PNG, JPEG, GIF, BMP, TIFF or WebP file", ErrFormat)
}

// Decode decodes a picture file, whose kind it detects from the first bytes. It
// applies the EXIF orientation. Of an animation it decodes the first frame, or, of
// an animated PNG, the still picture. Notes of the result list what was lost. Colours
// are not converted: the profile is returned with them.
//
// Errors wrap ErrFormat, ErrUnsupported, ErrCorrupt or ErrTooLarge.
func Decode(file []byte, limits Limits) (p *Picture, err error) {
	h, err := declared(file, limits)
	if err != nil {
		return nil, err
	}
	f := h.format
	defer corruptIfPanic(f.name, &err)

	p, err = f.decode(h.file)
	if err != nil {
		return nil, f.failed(err)
	}
	if p.Width != h.width || p.Height != h.height {
		return nil, fmt.Errorf("%w: %s: its header declares %d x %d pixels, but it holds %d x %d", ErrCorrupt, f.name, h.width, h.height, p.Width, p.Height)
	}
	p.Notes = append(h.notes, p.Notes...)
	a := collect(h.file, f.name)
	p.orient(a.orientation)
	p.describe(a)
	return p, nil
}

// Size returns the size that a picture file declares, after its EXIF orientation is
// applied, without decoding the samples. Its errors wrap the same errors as Decode's.
func Size(file []byte, limits Limits) (height, width int, err error) {
	h, err := declared(file, limits)
	if err != nil {
		return 0, 0, err
	}
	defer corruptIfPanic(h.format.name, &err)
	if collect(h.file, h.format.name).orientation >= 5 {
		return h.width, h.height, nil
	}
	return h.height, h.width, nil
}

// corruptIfPanic, deferred, sets err if a reader panics: a hostile file may make it do so.
func corruptIfPanic(format string, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %s: %v", ErrCorrupt, format, r)
	}
}

// header describes a file before its samples are decoded.
type header struct {
	format        format
	file          []byte // mended
	notes         []string
	width, height int // as stored, at least 1
}

// declared reads a file's header and checks it against the limits.
func declared(file []byte, limits Limits) (h *header, err error) {
	if int64(len(file)) > limits.Bytes {
		return nil, tooManyBytes(int64(len(file)), limits)
	}
	f, err := sniff(file)
	if err != nil {
		return nil, err
	}
	defer corruptIfPanic(f.name, &err)
	h = &header{format: f, file: file}
	if f.mend != nil {
		h.file, h.notes = f.mend(file)
	}
	h.width, h.height, err = f.size(h.file)
	var unsupported png.UnsupportedError
	if errors.As(err, &unsupported) && string(unsupported) == "dimension overflow" {
		return nil, fmt.Errorf("%w: it declares %s pixels", ErrTooLarge, declaredByPNG(file))
	}
	if err != nil {
		return nil, f.failed(err)
	}
	if h.width <= 0 || h.height <= 0 {
		return nil, fmt.Errorf("%w: %s: it declares %d x %d pixels", ErrCorrupt, f.name, h.width, h.height)
	}
	if int64(h.width) > limits.Pixels/int64(h.height) {
		return nil, fmt.Errorf("%w: it declares %d x %d pixels, and the maximum is %d million in all",
			ErrTooLarge, h.width, h.height, limits.Pixels/1_000_000)
	}
	return h, nil
}

func tooManyBytes(n int64, limits Limits) error {
	return fmt.Errorf("%w: the file has %d bytes, and the maximum is %d", ErrTooLarge, n, limits.Bytes)
}

// unsupported returns an error that wraps ErrUnsupported. what names the variant of
// the file by the words that users search for.
func unsupported(what string) error {
	return fmt.Errorf("%w: %s; convert it to PNG first", ErrUnsupported, what)
}

// failed wraps an error of a format's functions in ErrUnsupported or ErrCorrupt.
func (f format) failed(err error) error {
	var inPNG png.UnsupportedError
	var inJPEG jpeg.UnsupportedError
	switch {
	case errors.Is(err, ErrUnsupported) || errors.Is(err, ErrCorrupt):
		return err
	case errors.As(err, &inPNG):
		return unsupported("PNG: " + string(inPNG))
	case errors.As(err, &inJPEG):
		return unsupported("JPEG: " + string(inJPEG))
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || strings.Contains(err.Error(), "EOF"): // image/png does not wrap the cause
		return fmt.Errorf("%w: %s: the file was cut short", ErrCorrupt, f.name)
	}
	return fmt.Errorf("%w: %s: %s", ErrCorrupt, f.name, strings.TrimPrefix(err.Error(), strings.ToLower(f.name)+": "))
}

// declaredByPNG formats the size in a PNG's header. The header is complete: image/png
// reads it before it reports an overflow.
func declaredByPNG(file []byte) string {
	return fmt.Sprintf("%d x %d", binary.BigEndian.Uint32(file[16:]), binary.BigEndian.Uint32(file[20:]))
}

// noteFrames is used for animations of any kind.
const noteFrames = "only the first frame of the animation was read"

func decodeGIF(file []byte) (*Picture, error) {
	c, err := gif.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	r := bytes.NewReader(file)
	m, err := gif.Decode(r)
	if err != nil {
		return nil, err
	}
	p := convert(onScreen(m, c), false)
	if moreFrames(file[len(file)-r.Len():]) {
		p.Notes = append(p.Notes, noteFrames)
	}
	return p, nil
}

// onScreen draws a GIF's frame at its position on the screen, which is transparent elsewhere.
func onScreen(m image.Image, c image.Config) image.Image {
	screen := image.Rect(0, 0, c.Width, c.Height)
	if m.Bounds() == screen {
		return m
	}
	whole := image.NewNRGBA(screen)
	draw.Draw(whole, m.Bounds(), m, m.Bounds().Min, draw.Src)
	return whole
}

// moreFrames reports whether another frame follows a GIF's first one. rest begins
// after the first frame.
func moreFrames(rest []byte) bool {
	const extension, frame = 0x21, 0x2c
	for len(rest) > 2 && rest[0] == extension {
		rest = rest[2:]
		for len(rest) > 0 && rest[0] != 0 { // sub-blocks, each preceded by its length
			rest = rest[min(1+int(rest[0]), len(rest)):]
		}
		rest = rest[min(1, len(rest)):]
	}
	return len(rest) > 0 && rest[0] == frame
}

const (
	notePremultiplied = "colours were premultiplied with alpha and were divided by it"
	noteCMYK          = "cyan, magenta, yellow and black were converted to red, green and blue"
)

// convert returns the samples of a decoded image, with notes on what the conversion
// lost. If limited is set, luma and chroma are in the limited range of BT.601; images
// of other colour models ignore it.
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
		p.LowBytes = make([]byte, b.Dy()*b.Dx())
	case *image.RGBA64, *image.NRGBA64:
		p.LowBytes = make([]byte, b.Dy()*b.Dx()*p.Channels())
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
		copy(p.LowBytes[n*i:n*(i+1)], low[:])
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
			case *image.RGBA: // decoders return it for opaque pictures and, for some kinds, premultiplied ones
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

// straight divides premultiplied colours by alpha.
func straight(c color.RGBA) color.NRGBA {
	divide := func(v uint8) uint8 { return uint8(divided(uint32(v), uint32(c.A), 255)) }
	return color.NRGBA{divide(c.R), divide(c.G), divide(c.B), c.A}
}

// divided divides a premultiplied sample v in 0..full by alpha a in the same range. The
// result is at most full, even where v > a in a hostile file; it is 0 where a is 0.
func divided(v, a, full uint32) uint32 {
	if a == 0 {
		return 0
	}
	return uint32(min((uint64(v)*uint64(full)+uint64(a/2))/uint64(a), uint64(full)))
}

// set sets pixel i. The samples have 16 bits if p.LowBytes is not nil, and 8 bits otherwise.
func (p *Picture) set(i int, r, g, b, a uint32) {
	if p.LowBytes != nil {
		low := [4]byte{byte(r), byte(g), byte(b), byte(a)}
		n := p.Channels()
		copy(p.LowBytes[n*i:n*(i+1)], low[:])
		r, g, b, a = r>>8, g>>8, b>>8, a>>8
	}
	p.RGB[3*i], p.RGB[3*i+1], p.RGB[3*i+2] = byte(r), byte(g), byte(b)
	if p.Alpha != nil {
		p.Alpha[i] = byte(a)
	}
}

// trim removes alpha that is opaque everywhere, and then sets p.Gray to gray.
func (p *Picture) trim(gray bool) {
	for i, a := range p.Alpha {
		if a != 255 || p.LowBytes != nil && p.LowBytes[4*i+3] != 255 {
			return
		}
	}
	if p.Alpha == nil {
		return
	}
	p.Alpha, p.Gray = nil, gray
	if n := p.Channels(); p.LowBytes != nil {
		low := p.LowBytes[:0]
		for i := range p.Width * p.Height {
			low = append(low, p.LowBytes[4*i:4*i+n]...)
		}
		p.LowBytes = low
	}
}

func bounded(c color.RGBA64) color.RGBA64 {
	return color.RGBA64{min(c.R, c.A), min(c.G, c.A), min(c.B, c.A), c.A}
}

// limitedToRGB converts limited-range BT.601, which lossy WebP uses (RFC 6386,
// section 9.2). Package image assumes JPEG's full range, which would turn black and
// white to gray (https://go.dev/issue/40173).
func limitedToRGB(y, cb, cr uint8) (r, g, b uint8) {
	// The factors in units of 2^-16: 255/219 for luma; 2 * 255/224 times 1-Kr or 1-Kb for
	// red and blue, and their shares in green.
	l := 76309*(int(y)-16) + 1<<15
	u, v := int(cb)-128, int(cr)-128
	sample := func(v int) uint8 { return uint8(min(max(v>>16, 0), 255)) }
	return sample(l + 104597*v), sample(l - 25675*u - 53279*v), sample(l + 132201*u)
}
