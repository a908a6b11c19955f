package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"

	"golang.org/x/image/ccitt"
	"golang.org/x/image/tiff/lzw"
)

// This file reads the layout of TIFF files itself, since a decoder that ignores
// unknown values returns wrong samples. Any value that is not supported is rejected
// with an error that names it. LZW, deflate and CCITT are decoded by other packages.
// The numbers are from TIFF 6.0, its Technical Notes and libtiff.
const (
	tagNewSubfileType = 254
	tagSubfileType    = 255
	tagWidth          = 256
	tagHeight         = 257
	tagBits           = 258
	tagCompression    = 259
	tagPhotometric    = 262
	tagFillOrder      = 266
	tagStripOffsets   = 273
	tagSamples        = 277
	tagRowsPerStrip   = 278
	tagStripCounts    = 279
	tagPlanar         = 284
	tagGroup3         = 292
	tagGroup4         = 293
	tagPredictor      = 317
	tagColorMap       = 320
	tagTileWidth      = 322
	tagTileHeight     = 323
	tagTileOffsets    = 324
	tagTileCounts     = 325
	tagSubIFDs        = 330
	tagInkSet         = 332
	tagDotRange       = 336
	tagExtraSamples   = 338
	tagSampleFormat   = 339
	tagIndexed        = 346
	tagDNGVersion     = 50706
)

const (
	whiteIsZero   = 0
	blackIsZero   = 1
	colourRGB     = 2
	colourPalette = 3
	colourInks    = 5

	uncompressed = 1
	group3       = 3
	group4       = 4
	lzwCode      = 5
	deflate      = 8
	packBits     = 32773
	oldDeflate   = 32946
)

// Names of values that are known and not supported, for errors.
var (
	photometrics = map[uint32]string{4: "a transparency mask", 6: "luma and chroma (YCbCr)", 8: "Lab colours", 9: "ICC Lab colours", 10: "ITU Lab colours", 32844: "logarithmic luminance (LogL)", 32845: "logarithmic luminance (LogLuv)"}
	compressions = map[uint32]string{2: "CCITT run-length coding", 6: "old-style JPEG", 7: "JPEG", 9: "JBIG", 10: "JBIG", 32766: "NeXT run-length coding", 32809: "ThunderScan", 32908: "Pixar run-length coding", 32909: "Pixar deflate", 34661: "JBIG", 34676: "SGI logarithmic coding",
		34677: "SGI logarithmic coding", 34712: "JPEG 2000", 34887: "LERC", 34892: "lossy JPEG", 34925: "LZMA", 50000: "Zstandard", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL"}
	sampleFormats = map[uint32]string{2: "signed samples", 3: "floating-point samples", 4: "samples of an undefined format", 5: "complex samples", 6: "complex floating-point samples"}
)

const (
	noteChannels = "samples of a pixel that are neither colour nor alpha were left out"
	rawFile      = "a camera's raw file"
)

// maxDirectories bounds the directories that are examined.
const maxDirectories = 1024

// directory is a directory of a TIFF.
type directory struct {
	file    []byte
	order   binary.ByteOrder
	entries entries
	next    uint32 // offset of the next directory; 0: this is the last
}

func directoryAt(file []byte, at uint32) (*directory, error) {
	const maxEntries = 4096 // the limit of libtiff
	o := order(file)
	if o == nil || int64(at)+2 > int64(len(file)) {
		return nil, io.ErrUnexpectedEOF
	}
	n := int(o.Uint16(file[at:]))
	if n == 0 || n > maxEntries {
		return nil, fmt.Errorf("its directory has %d entries", n)
	}
	entries := file[at+2:]
	if len(entries) < 12*n {
		return nil, io.ErrUnexpectedEOF
	}
	d := &directory{file: file, order: o, entries: entries[:12*n]}
	if end := entries[12*n:]; len(end) >= 4 {
		d.next = o.Uint32(end)
	}
	return d, nil
}

// entry returns the first entry of a tag, or nil if there is none.
func (d *directory) entry(tag uint16) []byte { return d.entries.find(d.order, tag) }

// values returns the numbers of a tag, or nil if the tag is missing. It returns an
// error if there are more than limit numbers or none, or if they are not unsigned
// integers.
func (d *directory) values(tag uint16, limit int) ([]uint32, error) {
	if entry := d.entry(tag); entry != nil && int64(d.order.Uint32(entry[4:])) > int64(limit) {
		return nil, fmt.Errorf("its tag %d has more than %d values", tag, limit)
	}
	return d.leading(tag, limit)
}

// leading is like values but accepts any number of numbers and returns at most the
// first n.
func (d *directory) leading(tag uint16, n int) ([]uint32, error) {
	entry := d.entry(tag)
	if entry == nil {
		return nil, nil
	}
	var size int
	switch d.order.Uint16(entry[2:]) {
	case 1:
		size = 1
	case 3:
		size = 2
	case 4, 13:
		size = 4
	}
	count := int64(d.order.Uint32(entry[4:]))
	if size == 0 || count == 0 {
		return nil, fmt.Errorf("its tag %d is invalid", tag)
	}
	data := entry[8:]
	if count*int64(size) > 4 {
		at := int64(d.order.Uint32(data))
		if at+count*int64(size) > int64(len(d.file)) {
			return nil, io.ErrUnexpectedEOF
		}
		data = d.file[at:]
	}
	v := make([]uint32, min(count, int64(n)))
	for i := range v {
		switch size {
		case 1:
			v[i] = uint32(data[i])
		case 2:
			v[i] = uint32(d.order.Uint16(data[2*i:]))
		case 4:
			v[i] = d.order.Uint32(data[4*i:])
		}
	}
	return v, nil
}

// value returns the single number of a tag, or def if the tag is missing.
func (d *directory) value(tag uint16, def uint32) (uint32, error) {
	v, err := d.values(tag, 1)
	if v == nil || err != nil {
		return def, err
	}
	return v[0], nil
}

// part reports whether a directory's picture is a smaller copy of another picture, or
// a mask.
func (d *directory) part() bool {
	kind, err := d.value(tagNewSubfileType, 0)
	old, _ := d.value(tagSubfileType, 1)
	return err == nil && kind&(1|4) != 0 || old == 2
}

// area returns the number of pixels that a directory declares.
func (d *directory) area() uint64 {
	width, _ := d.value(tagWidth, 0)
	height, _ := d.value(tagHeight, 0)
	return uint64(width) * uint64(height)
}

// sensor reports whether a directory belongs to a camera's raw file: it holds samples
// of the sensor, or DNG's version.
func (d *directory) sensor() bool {
	const filterArray, linear = 32803, 34892
	v, err := d.value(tagPhotometric, 0)
	return err == nil && (v == filterArray || v == linear) || d.entry(tagDNGVersion) != nil
}

// tiffPage returns the directory of a TIFF's picture: the first that is neither a
// smaller copy nor a mask, or the first of all if there is no such directory. It
// rejects raw files of cameras.
func tiffPage(file []byte) (*directory, error) {
	o := order(file)
	if o == nil {
		return nil, io.ErrUnexpectedEOF
	}
	at := o.Uint32(file[4:])
	if at == 16 && len(file) > 16 && string(file[8:11]) == "CR\x02" {
		return nil, unsupported(rawFile + " (CR2)")
	}
	first, err := directoryAt(file, at)
	if err != nil {
		return nil, err
	}
	page := first
	var inner []*directory
	seen := map[uint32]bool{}
	for d, n := first, 0; n < maxDirectories; n++ {
		if page.part() && !d.part() {
			page = d
		}
		if d.sensor() {
			return nil, unsupported(rawFile)
		}
		below, err := d.values(tagSubIFDs, maxDirectories)
		if err != nil {
			return nil, err
		}
		for _, at := range below {
			if sub, err := directoryAt(file, at); err == nil && !seen[at] && len(inner) < maxDirectories {
				seen[at] = true
				inner = append(inner, sub)
			}
		}
		if d.next == 0 || seen[d.next] {
			break
		}
		seen[d.next] = true
		next, err := directoryAt(file, d.next)
		if err != nil { // the picture may precede the damage
			if page.part() {
				return nil, err
			}
			break
		}
		d = next
	}
	for _, sub := range inner {
		if sub.sensor() {
			return nil, unsupported(rawFile)
		}
		if !sub.part() && (page.part() || sub.area() > page.area()) {
			return nil, unsupported(rawFile + ", or another TIFF whose first page is a smaller copy")
		}
	}
	return page, nil
}

func tiffSize(file []byte) (width, height int, err error) {
	d, err := tiffPage(file)
	if err != nil {
		return 0, 0, err
	}
	w, err := d.value(tagWidth, 0)
	if err != nil {
		return 0, 0, err
	}
	h, err := d.value(tagHeight, 0)
	if err != nil {
		return 0, 0, err
	}
	if w > math.MaxInt32 || h > math.MaxInt32 {
		return 0, 0, fmt.Errorf("it declares %d x %d pixels", w, h)
	}
	if _, err := tiffKind(d); err != nil {
		return 0, 0, err
	}
	return int(w), int(h), nil
}

// tiffLayout defines how a TIFF's samples are stored and what they mean.
type tiffLayout struct {
	order       binary.ByteOrder
	photometric uint32
	compression uint32
	bits        int    // per sample: 1, 2, 4, 8, 12 or 16
	samples     int    // per pixel
	colours     int    // number of samples that are colours, which come first: 1, 3 or 4
	alpha       uint32 // the sample after the colours. 0: not alpha, 1: alpha, colours premultiplied, 2: alpha, not premultiplied
	surplus     bool   // some samples are neither colour nor alpha
	planar      bool   // each block holds one sample of its pixels
	difference  bool   // samples are differences from the previous pixel
	reversed    bool   // bits of the compressed bytes are in reverse order
	palette     []uint32
}

// tiffKind reads the layout from a directory. It returns an error that wraps
// ErrUnsupported if the samples cannot be interpreted.
func tiffKind(d *directory) (*tiffLayout, error) {
	l := &tiffLayout{order: d.order}
	var err error
	get := func(tag uint16, def uint32) uint32 {
		v, e := d.value(tag, def)
		err = errors.Join(err, e)
		return v
	}
	all := func(tag uint16) []uint32 {
		v, e := d.values(tag, 3<<16)
		err = errors.Join(err, e)
		return v
	}
	l.compression = get(tagCompression, uncompressed)
	samples := get(tagSamples, 1)
	planar := get(tagPlanar, 1)
	fill := get(tagFillOrder, 1)
	predictor := get(tagPredictor, 1)
	inks, indexed := get(tagInkSet, 1), get(tagIndexed, 0)
	depths, extra, formats := all(tagBits), all(tagExtraSamples), all(tagSampleFormat)
	if d.entry(tagPhotometric) == nil {
		return nil, errors.New("its header does not declare the meaning of its samples")
	}
	l.photometric = get(tagPhotometric, 0)
	l.palette = all(tagColorMap)
	dots := all(tagDotRange)
	if err != nil {
		return nil, err
	}

	switch l.photometric {
	case whiteIsZero, blackIsZero, colourPalette:
		l.colours = 1
	case colourRGB:
		l.colours = 3
	case colourInks:
		l.colours = 4
		if inks != 1 {
			return nil, unsupported("TIFF with inks other than cyan, magenta, yellow and black")
		}
	default:
		return nil, unsupported("TIFF with " + named(photometrics, l.photometric, "photometric interpretation"))
	}
	group := l.compression == group3 || l.compression == group4
	switch l.compression {
	case uncompressed, group3, group4, lzwCode, deflate, packBits, oldDeflate:
	default:
		return nil, unsupported("TIFF with " + named(compressions, l.compression, "compression") + " inside")
	}
	if group && get(tagGroup3, 0)&3 != 0 && l.compression == group3 || group && get(tagGroup4, 0)&2 != 0 {
		return nil, unsupported("TIFF with CCITT Group 3 or 4 in two-dimensional or uncompressed mode")
	}
	if l.compression == group3 && get(tagGroup3, 0)&4 != 0 { // x/image/ccitt reports fill bits as damage
		return nil, unsupported("TIFF with fill bits in CCITT Group 3")
	}
	if err != nil {
		return nil, err
	}
	for _, v := range formats {
		if v != 1 {
			return nil, unsupported("TIFF with " + named(sampleFormats, v, "sample format"))
		}
	}

	if samples > 16 {
		return nil, unsupported(fmt.Sprintf("TIFF with %d samples a pixel", samples))
	}
	if samples == 0 || len(depths) > 1 && len(depths) != int(samples) || int(samples) < l.colours || len(extra) > int(samples)-l.colours {
		return nil, fmt.Errorf("its header declares %d samples a pixel, which does not match its other tags", samples)
	}
	l.samples = int(samples)
	if depths == nil {
		depths = []uint32{1}
	}
	if slices.Min(depths) != slices.Max(depths) {
		return nil, unsupported("TIFF with samples of different depths")
	}
	l.bits = int(depths[0])
	switch l.bits {
	case 1, 2, 4, 8:
	case 12, 16:
		if l.photometric == colourPalette {
			return nil, unsupported(fmt.Sprintf("TIFF with a palette of %d bits", l.bits))
		}
	default:
		return nil, unsupported(fmt.Sprintf("TIFF with samples of %d bits", l.bits))
	}
	if group && (l.bits != 1 || l.samples != 1) {
		return nil, errors.New("its compression is for one bit a pixel, and it has more")
	}

	switch {
	case l.samples == l.colours:
	case len(extra) > 0 && (extra[0] == 1 || extra[0] == 2):
		l.alpha = extra[0]
		l.surplus = l.samples > l.colours+1
	default:
		l.surplus = true
	}
	if l.alpha != 0 && (l.photometric == colourPalette || l.photometric == colourInks || l.photometric == whiteIsZero && l.alpha == 1) {
		return nil, unsupported("TIFF with alpha and a palette, inks or inverted gray")
	}
	for i, v := range dots {
		if v != uint32(i%2)*(1<<l.bits-1) {
			return nil, unsupported("TIFF with a dot range")
		}
	}
	if l.photometric == colourPalette {
		if indexed != 0 {
			return nil, unsupported("TIFF with a palette of colours other than red, green and blue")
		}
		if len(l.palette) != 3<<l.bits {
			return nil, fmt.Errorf("its palette has %d numbers instead of %d", len(l.palette), 3<<l.bits)
		}
	}

	switch planar {
	case 1:
	case 2:
		l.planar = l.samples > 1
	default:
		return nil, fmt.Errorf("its planar configuration is %d", planar)
	}
	switch fill {
	case 1:
	case 2:
		l.reversed = true
	default:
		return nil, fmt.Errorf("its fill order is %d", fill)
	}
	// Other compressions ignore the predictor, as in libtiff.
	if l.compression == lzwCode || l.compression == deflate || l.compression == oldDeflate {
		switch {
		case predictor == 1:
		case predictor == 2 && (l.bits == 8 || l.bits == 16):
			l.difference = true
		case predictor == 2:
			return nil, unsupported(fmt.Sprintf("TIFF with the horizontal predictor for samples of %d bits", l.bits))
		case predictor == 3:
			return nil, unsupported("TIFF with the floating-point predictor")
		default:
			return nil, fmt.Errorf("its predictor is %d", predictor)
		}
	}
	return l, nil
}

func named(names map[uint32]string, v uint32, what string) string {
	if name, ok := names[v]; ok {
		return name
	}
	return fmt.Sprintf("the %s %d", what, v)
}

// tiffBlocks describes the strips or tiles of a TIFF: one plane after another, each in
// row-major order.
type tiffBlocks struct {
	width, height   int // of a block, in pixels
	across, down    int
	offsets, counts []uint32
}

func (d *directory) blocks(l *tiffLayout, width, height int) (*tiffBlocks, error) {
	b := &tiffBlocks{width: width, height: height, across: 1}
	offsets, counts := uint16(tagStripOffsets), uint16(tagStripCounts)
	if d.entry(tagTileWidth) != nil || d.entry(tagTileOffsets) != nil {
		offsets, counts = tagTileOffsets, tagTileCounts
		w, err := d.value(tagTileWidth, 0)
		if err != nil {
			return nil, err
		}
		h, err := d.value(tagTileHeight, 0)
		if err != nil {
			return nil, err
		}
		if w == 0 || h == 0 || w > math.MaxInt32 || h > math.MaxInt32 {
			return nil, fmt.Errorf("it has tiles of %d x %d pixels", w, h)
		}
		b.width, b.height = int(w), int(h)
		b.across = (width-1)/b.width + 1
		// The parts of tiles outside the picture are unpacked too.
		if whole := int64(b.across) * int64(b.width) * int64(height); whole > max(8*int64(width)*int64(height), 1<<20) {
			return nil, unsupported(fmt.Sprintf("TIFF with tiles of %d x %d pixels, far larger than the picture", w, h))
		}
	} else {
		rows, err := d.value(tagRowsPerStrip, math.MaxUint32)
		if err != nil {
			return nil, err
		}
		if rows == 0 {
			return nil, errors.New("its strips have no rows")
		}
		b.height = int(min(int64(rows), int64(height)))
	}
	b.down = (height-1)/b.height + 1
	n := b.across * b.down
	if l.planar {
		n *= l.samples
	}
	// Each block needs tables of its compression, which cost more than the samples of a small block.
	if n > 1<<20 {
		return nil, unsupported(fmt.Sprintf("TIFF of %d strips or tiles", n))
	}
	var err error
	if b.offsets, err = d.leading(offsets, n); err != nil {
		return nil, err
	}
	if b.counts, err = d.leading(counts, n); err != nil {
		return nil, err
	}
	if b.counts == nil && l.compression == uncompressed && n == 1 {
		b.counts = []uint32{math.MaxUint32} // the header may omit the count
	}
	if len(b.offsets) < n || len(b.counts) < n {
		return nil, fmt.Errorf("it has %d strips or tiles instead of %d", min(len(b.offsets), len(b.counts)), n)
	}
	return b, nil
}

func decodeTIFF(file []byte) (*Picture, error) {
	width, height, err := tiffSize(file)
	if err != nil {
		return nil, err
	}
	d, err := tiffPage(file)
	if err != nil {
		return nil, err
	}
	l, err := tiffKind(d)
	if err != nil {
		return nil, err
	}
	b, err := d.blocks(l, width, height)
	if err != nil {
		return nil, err
	}
	if l.reversed { // the whole file, once, since blocks may overlap
		file = bytes.Clone(file)
		for i, v := range file {
			file[i] = bits.Reverse8(v)
		}
	}
	planes, each := 1, l.samples
	if l.planar {
		planes, each = l.samples, 1
	}
	p := l.picture(height, width)
	// Rows are unpacked in pieces. maxPixels is a multiple of 8, so that a piece ends with a whole byte.
	const maxPixels = 4096
	row := make([]uint32, min(b.width, maxPixels)*l.samples)
	packed := make([]byte, (min(b.width, maxPixels)*each*l.bits+7)/8)
	last := make([]uint32, l.samples)
	readers := make([]unpacker, planes)
	for i := range b.across * b.down {
		left, top := i%b.across*b.width, i/b.across*b.height
		rows := min(b.height, height-top)
		for n := range readers {
			chunk, err := chunk(file, b.offsets[n*b.across*b.down+i], b.counts[n*b.across*b.down+i])
			if err != nil {
				return nil, err
			}
			if err := readers[n].open(l, chunk, b.width, rows); err != nil {
				return nil, err
			}
		}
		for y := range rows {
			clear(last)
			for x := 0; x < b.width; x += maxPixels {
				pixels := min(b.width-x, maxPixels)
				for n := range readers {
					packed := packed[:(pixels*each*l.bits+7)/8]
					if _, err := io.ReadFull(readers[n].r, packed); err != nil {
						return nil, err
					}
					l.unpack(row[n:], packed, pixels*each, planes)
				}
				row := row[:pixels*l.samples]
				if l.difference {
					l.accumulate(row, last)
				}
				if in := min(b.width, width-left) - x; in > 0 {
					l.put(p, (top+y)*width+left+x, row[:min(in, pixels)*l.samples])
				}
			}
		}
		if rows == b.height {
			for n := range readers {
				if err := readers[n].close(); err != nil {
					return nil, err
				}
			}
		}
	}
	p.trim(l.colours == 1 && l.photometric != colourPalette)
	l.note(p)
	return p, nil
}

// chunk returns the n bytes of a file at an offset, or the rest of the file if n is
// math.MaxUint32.
func chunk(file []byte, at, n uint32) ([]byte, error) {
	if int64(at) > int64(len(file)) {
		return nil, io.ErrUnexpectedEOF
	}
	left := file[at:]
	if n == math.MaxUint32 {
		return left, nil
	}
	if int64(n) > int64(len(left)) {
		return nil, io.ErrUnexpectedEOF
	}
	return left[:n], nil
}

// unpacker reads the bytes of one strip or tile.
type unpacker struct {
	r    io.Reader
	zlib io.ReadCloser // reused, since each reader has large tables
}

// open begins to read a block, of which the given number of rows are to be read.
func (u *unpacker) open(l *tiffLayout, chunk []byte, width, rows int) error {
	r := bytes.NewReader(chunk)
	switch l.compression {
	case uncompressed:
		u.r = r
	case lzwCode:
		if len(chunk) > 1 && chunk[0] == 0 && chunk[1]&1 == 1 {
			return unsupported("TIFF with old-style LZW")
		}
		u.r = lzw.NewReader(r, lzw.MSB, 8)
	case deflate, oldDeflate:
		var err error
		if u.zlib == nil {
			u.zlib, err = zlib.NewReader(r)
		} else {
			err = u.zlib.(zlib.Resetter).Reset(r, nil)
		}
		u.r = u.zlib
		return err
	case packBits:
		u.r = &packBitsReader{packed: chunk}
	case group3, group4:
		format := ccitt.Group3
		if l.compression == group4 {
			format = ccitt.Group4
		}
		// With Invert white runs decode to zeros, under any photometric interpretation.
		u.r = ccitt.NewReader(r, ccitt.MSB, format, width, rows, &ccitt.Options{Invert: true})
	}
	return nil
}

// close checks the checksum at the end of a zlib stream. All rows of the block must
// have been read.
func (u *unpacker) close() error {
	if u.zlib == nil {
		return nil
	}
	if _, err := u.zlib.Read(make([]byte, 1)); errors.Is(err, zlib.ErrChecksum) {
		return err
	}
	return nil
}

// packBitsReader decodes PackBits (TIFF 6.0, section 9).
type packBitsReader struct {
	packed          []byte
	literal, repeat int // remaining bytes of the current literal or repeated run
}

func (r *packBitsReader) Read(p []byte) (n int, err error) {
	for n < len(p) {
		switch {
		case len(r.packed) == 0:
			return n, io.EOF
		case r.literal > 0:
			k := copy(p[n:], r.packed[:min(r.literal, len(r.packed))])
			n, r.literal, r.packed = n+k, r.literal-k, r.packed[k:]
		case r.repeat > 0:
			p[n] = r.packed[0]
			n, r.repeat = n+1, r.repeat-1
			if r.repeat == 0 {
				r.packed = r.packed[1:]
			}
		default:
			code := int(int8(r.packed[0]))
			r.packed = r.packed[1:]
			if code >= 0 {
				r.literal = code + 1
			} else if code > -128 {
				r.repeat = 1 - code
			}
		}
	}
	return n, nil
}

// unpack reads n samples from the bytes of a row and stores them step apart in samples.
func (l *tiffLayout) unpack(samples []uint32, packed []byte, n, step int) {
	var have, left uint32
	for i, at := 0, 0; i < n; i++ {
		var v uint32
		switch l.bits {
		case 8:
			v = uint32(packed[i])
		case 16:
			v = uint32(l.order.Uint16(packed[2*i:]))
		default: // samples are packed from the highest bit
			for left < uint32(l.bits) {
				have, left, at = have<<8|uint32(packed[at]), left+8, at+1
			}
			left -= uint32(l.bits)
			v = have >> left & (1<<l.bits - 1)
		}
		samples[i*step] = v
	}
}

// accumulate replaces differences by samples. last holds the pixel before row, and is
// set to the last pixel of row.
func (l *tiffLayout) accumulate(row, last []uint32) {
	for i := range row {
		before := last[i%l.samples]
		if i >= l.samples {
			before = row[i-l.samples]
		}
		row[i] = (row[i] + before) & (1<<l.bits - 1)
	}
	copy(last, row[len(row)-l.samples:])
}

// deep reports whether the decoded picture has 16-bit samples.
func (l *tiffLayout) deep() bool {
	if l.photometric != colourPalette {
		return l.bits > 8
	}
	// The numbers of a palette have 16 bits, but most palettes hold 8-bit colours: as
	// numbers below 256 (which libtiff accepts), in the high bytes, or in both bytes.
	if slices.Max(l.palette) < 256 {
		return false
	}
	twice, high := true, true
	for _, v := range l.palette {
		twice = twice && v&255 == v>>8
		high = high && v&255 == 0
	}
	return !twice && !high
}

// picture returns a black picture with the planes that the layout needs. It also
// reduces a palette of 8-bit colours to 8 bits.
func (l *tiffLayout) picture(height, width int) *Picture {
	p := New(height, width)
	p.Gray = l.colours == 1 && l.photometric != colourPalette && l.alpha == 0
	if l.alpha != 0 {
		p.Alpha = make([]byte, height*width)
	}
	if l.deep() {
		p.LowBytes = make([]byte, height*width*p.Channels())
	}
	if l.photometric == colourPalette && !l.deep() && slices.Max(l.palette) >= 256 {
		for i, v := range l.palette {
			l.palette[i] = v >> 8
		}
	}
	return p
}

// put converts the pixels of row and stores them in p from pixel i on.
func (l *tiffLayout) put(p *Picture, i int, row []uint32) {
	highest := uint32(1<<l.bits - 1)
	full := uint32(255)
	if p.LowBytes != nil {
		full = 65535
	}
	scale := func(v uint32) uint32 { return (v*full + highest/2) / highest }
	for ; len(row) > 0; i, row = i+1, row[l.samples:] {
		a := full
		if l.alpha != 0 {
			a = scale(row[l.colours])
		}
		var r, g, b uint32
		switch l.photometric {
		case whiteIsZero:
			r = scale(highest - row[0])
			g, b = r, r
		case blackIsZero:
			r = scale(row[0])
			g, b = r, r
		case colourRGB:
			r, g, b = scale(row[0]), scale(row[1]), scale(row[2])
		case colourPalette:
			n := uint32(len(l.palette) / 3)
			r, g, b = l.palette[row[0]], l.palette[n+row[0]], l.palette[2*n+row[0]]
		case colourInks: // like libtiff, and other software without colour profiles
			white := full - scale(row[3])
			ink := func(v uint32) uint32 {
				return uint32((uint64(full-scale(v))*uint64(white) + uint64(full/2)) / uint64(full))
			}
			r, g, b = ink(row[0]), ink(row[1]), ink(row[2])
		}
		if l.alpha == 1 {
			alpha := row[l.colours]
			r = divided(row[0], alpha, full)
			if g, b = r, r; l.colours == 3 {
				g, b = divided(row[1], alpha, full), divided(row[2], alpha, full)
			}
		}
		p.set(i, r, g, b, a)
	}
}

func (l *tiffLayout) note(p *Picture) {
	if l.photometric == colourInks {
		p.Notes = append(p.Notes, noteCMYK)
	}
	if l.alpha == 1 && p.Alpha != nil {
		p.Notes = append(p.Notes, notePremultiplied)
	}
	if l.surplus {
		p.Notes = append(p.Notes, noteChannels)
	}
}
