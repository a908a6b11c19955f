package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"enciphergan/internal/pngchunk"
)

// maxMetadata bounds the EXIF data and the colour profile, in bytes each; larger ones
// are left out. Twice as much bounds all data that are inflated from one file.
const maxMetadata = 4 << 20

const (
	noteEXIF      = "the EXIF data cannot be read, or are too large, and were left out"
	noteThumbnail = "the thumbnail in the EXIF data was erased, because it is not turned with the picture"
	noteICC       = "the colour profile is for other colours than the picture's, cannot be read, or is too large, and was left out"
	noteStill     = "the still picture was read; the frames of the animation were left out"
)

// about is the metadata of a file. Its slices are parts of the file where possible.
type about struct {
	orientation int // of EXIF: 1 to 8
	exif        []byte
	icc         []byte // of a profile that cannot be read: not nil, and not a valid profile
	chunks      []pngPart
	bits        []byte        // significant bits of red, green, blue and, if known, alpha
	background  []uint16      // red, green and blue
	lost        []string      // notes on content that is not part of the picture
	left        []string      // names of metadata that are left out
	more        int           // names beyond maxNames
	inflated    int           // bytes inflated so far
	zlib        io.ReadCloser // reused, since each reader has large tables
}

// pngPart is a candidate for Picture.Chunks, before package pngchunk checks it.
type pngPart struct {
	name string
	data []byte
}

// collect reads the metadata of a file of the given kind.
func collect(file []byte, kind string) *about {
	a := &about{orientation: 1}
	switch kind {
	case "JPEG":
		a.jpeg(file)
	case "PNG":
		a.png(file)
	case "GIF":
		a.gif(file)
	case "BMP":
		a.bmp(file)
	case "TIFF":
		a.tiff(file)
	case "WebP":
		a.webp(file)
	}
	a.exif = bytes.TrimPrefix(a.exif, []byte(exifPrefix))
	if o, ok := orientationTag(a.exif); ok && o >= 1 && o <= 8 {
		a.orientation = o
	}
	return a
}

// maxNames bounds the names in one note.
const maxNames = 8

// leave records the name of metadata that are left out.
func (a *about) leave(name string) {
	switch {
	case slices.Contains(a.left, name):
	case len(a.left) < maxNames:
		a.left = append(a.left, name)
	default:
		a.more++
	}
}

// take adds a chunk, or leaves it out if there are pngchunk.MaxCount already.
func (a *about) take(name string, data []byte) {
	if len(a.chunks) < pngchunk.MaxCount {
		a.chunks = append(a.chunks, pngPart{name, data})
	} else {
		a.leave("PNG chunk " + name)
	}
}

// behind records which data follow the end of the picture in a file. Zeros are padding
// and are not recorded.
func (a *about) behind(rest []byte) {
	padding := 0
	for padding < len(rest) && rest[padding] == 0 {
		padding++
	}
	if padding == len(rest) {
		return
	}
	what := "data"
	switch {
	case bytes.HasPrefix(rest[padding:], []byte("\xff\xd8\xff")):
		what = "another picture"
	case bytes.Contains(rest, []byte("ftyp")):
		what = "a video"
	}
	a.lost = append(a.lost, fmt.Sprintf("after the picture, the file holds %s (%d bytes in all), which was left out", what, len(rest)))
}

const (
	keywordXMP     = "XML:com.adobe.xmp"
	keywordComment = "Comment"
	keywordRaw     = "Raw profile type "
)

// xmp adds XMP in the form that files other than PNG have.
func (a *about) xmp(data []byte) {
	if a.has(keywordXMP) || !utf8.Valid(data) {
		a.leave("XMP")
		return
	}
	a.take("iTXt", append([]byte(keywordXMP+"\x00\x00\x00\x00\x00"), bytes.TrimRight(data, "\x00")...))
}

// has reports whether there is a text with the keyword.
func (a *about) has(keyword string) bool {
	return slices.ContainsFunc(a.chunks, func(c pngPart) bool { return isText(c, keyword) })
}

func isText(c pngPart, keyword string) bool {
	return strings.HasSuffix(c.name, "Xt") && bytes.HasPrefix(c.data, []byte(keyword+"\x00"))
}

// comment adds a comment of unknown encoding: as UTF-8 if it is valid UTF-8 and not
// plain ASCII, and as Latin-1 otherwise.
func (a *about) comment(data []byte) {
	data = bytes.TrimRight(data, "\x00")
	switch ascii := !slices.ContainsFunc(data, func(c byte) bool { return c >= utf8.RuneSelf }); {
	case len(data) == 0:
	case !ascii && utf8.Valid(data):
		a.take("iTXt", append([]byte(keywordComment+"\x00\x00\x00\x00\x00"), data...))
	default:
		a.take("tEXt", append([]byte(keywordComment+"\x00"), data...))
	}
}

// Units of a density.
const (
	perRatio = iota // only the ratio of the two numbers is known
	perInch
	perCentimetre
	perMetre
)

// density adds the numbers of pixels per unit of length. A ratio of 1 is the default and
// is not added.
func (a *about) density(x, y float64, unit int) {
	metric := byte(1)
	switch unit {
	case perInch:
		x, y = x/0.0254, y/0.0254
	case perCentimetre:
		x, y = 100*x, 100*y
	case perRatio:
		if x == y {
			return
		}
		metric = 0
	}
	x, y = math.Round(x), math.Round(y)
	if !(x >= 1 && y >= 1 && x <= math.MaxInt32 && y <= math.MaxInt32) {
		return
	}
	data := binary.BigEndian.AppendUint32(nil, uint32(x))
	a.take("pHYs", append(binary.BigEndian.AppendUint32(data, uint32(y)), metric))
}

// describe stores the metadata in the picture, whose samples are turned already.
// Metadata that cannot be read are left out with a note and are not an error, since the
// samples are valid.
func (p *Picture) describe(a *about) {
	p.Notes = append(p.Notes, a.lost...)
	p.samplesNotes = len(p.Notes)
	note := func(s string) { p.Notes = append(p.Notes, s) }

	height, width := p.Height, p.Width // as stored
	if a.orientation >= 5 {
		height, width = width, height
	}
	if len(a.exif) > 0 {
		exif := bytes.Clone(a.exif)
		thumbnail, ok := upright(exif, a.orientation, height, width)
		if ok = ok && len(exif) <= maxMetadata; ok {
			p.EXIF = exif
		} else {
			note(noteEXIF)
		}
		if ok && thumbnail {
			note(noteThumbnail)
		}
	}
	if len(a.icc) > 0 {
		space := "RGB "
		if p.Gray {
			space = "GRAY"
		}
		if icc := wholeProfile(a.icc); len(icc) > 0 && len(icc) <= maxMetadata && string(icc[16:20]) == space {
			p.ICC = bytes.Clone(icc)
		} else {
			note(noteICC)
		}
	}
	list := pngchunk.List{Shape: pngchunk.Shape{Channels: p.Channels(), Depth: 8 * p.depth()}}
	for _, c := range append(a.chunks, a.ofSamples(list.Shape)...) {
		switch {
		case a.orientation >= 5 && c.name == "pHYs" && len(c.data) == 9:
			c.data = slices.Concat(c.data[4:8], c.data[:4], c.data[8:])
		case a.orientation > 1 && c.name == "iTXt" && isText(c, keywordXMP):
			c.data = turnXMP(c.data, a.orientation)
		}
		if list.Add(c.name, c.data) {
			continue
		}
		if keyword, _, ok := bytes.Cut(c.data, []byte{0}); ok && isText(c, string(keyword)) {
			a.leave(fmt.Sprintf("the text %q", printable(keyword[:min(len(keyword), 79)])))
		} else {
			a.leave("PNG chunk " + c.name)
		}
	}
	p.Chunks = list.Bytes()
	if len(a.left) > 0 {
		names := strings.Join(a.left, ", ")
		if a.more > 0 {
			names += fmt.Sprintf(" and %d more", a.more)
		}
		note("metadata left out: " + names)
	}
}

// wholeProfile returns a profile without the padding after it, or nil if it is truncated
// or not a profile (ICC.1, 7.2: a header of 128 bytes and the number of tags; the size at
// byte 0, the colour space of the data at 16, a signature at 36).
func wholeProfile(icc []byte) []byte {
	if len(icc) < 132 || string(icc[36:40]) != "acsp" {
		return nil
	}
	n := int64(binary.BigEndian.Uint32(icc))
	if n < 132 || n > int64(len(icc)) {
		return nil
	}
	return icc[:n]
}

// ofSamples returns the chunks whose layout depends on the number of channels and the
// depth.
func (a *about) ofSamples(shape pngchunk.Shape) (chunks []pngPart) {
	if a.bits != nil {
		bits := append(slices.Clone(a.bits), byte(shape.Depth))
		chunks = append(chunks, pngPart{"sBIT", bits[:shape.Channels]})
	}
	if a.background != nil {
		var data []byte
		for _, v := range a.background[:min(shape.Channels, 3)] {
			data = binary.BigEndian.AppendUint16(data, v)
		}
		chunks = append(chunks, pngPart{"bKGD", data})
	}
	return chunks
}

// inflate decompresses a zlib stream. It fails once the streams of a file have together
// more than 2 * maxMetadata bytes.
func (a *about) inflate(packed []byte) (b []byte, ok bool) {
	var err error
	if r := bytes.NewReader(packed); a.zlib == nil {
		a.zlib, err = zlib.NewReader(r)
	} else {
		err = a.zlib.(zlib.Resetter).Reset(r, nil)
	}
	if err != nil {
		return nil, false
	}
	limit := 2*maxMetadata - a.inflated
	b, err = io.ReadAll(io.LimitReader(a.zlib, int64(limit)+1))
	a.inflated += len(b)
	return b, err == nil && len(b) <= limit
}

// rawProfile decodes a profile from a text as ImageMagick writes it: a line with the
// profile's name, a line with its length, and the bytes in hexadecimal. It returns nil
// if the text is malformed.
func rawProfile(text []byte) []byte {
	_, text, _ = bytes.Cut(bytes.TrimLeft(text, "\n"), []byte{'\n'})
	length, digits, ok := bytes.Cut(text, []byte{'\n'})
	n, err := strconv.Atoi(string(bytes.TrimSpace(length)))
	digits = bytes.Join(bytes.Fields(digits), nil)
	if !ok || err != nil || n <= 0 || len(digits) != 2*n {
		return nil
	}
	b := make([]byte, n)
	if _, err := hex.Decode(b, digits); err != nil {
		return nil
	}
	return b
}

// printable returns a name from a file with ? in place of all but printable ASCII.
func printable(name []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, string(name))
}

// DropMetadata removes the metadata from the picture, and the notes on metadata from Notes.
func (p *Picture) DropMetadata() {
	p.EXIF, p.ICC, p.Chunks = nil, nil, nil
	p.Notes = p.Notes[:p.samplesNotes:p.samplesNotes]
	if len(p.Notes) == 0 {
		p.Notes = nil
	}
}

// withMetadata inserts the picture's metadata after the header of a PNG file, where
// all of these chunks are allowed.
func (p *Picture) withMetadata(file []byte) []byte {
	const header = 8 + 12 + 13
	chunks := bytes.Clone(p.Chunks)
	if p.ICC != nil {
		var b bytes.Buffer
		b.WriteString("ICC profile\x00\x00") // its name, and zlib
		w := zlib.NewWriter(&b)
		w.Write(p.ICC) // into memory: neither call can fail
		w.Close()
		chunks = pngchunk.Append(chunks, "iCCP", b.Bytes())
	}
	if p.EXIF != nil {
		chunks = pngchunk.Append(chunks, "eXIf", p.EXIF)
	}
	return slices.Insert(file, header, chunks...)
}
