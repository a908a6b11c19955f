package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// tiffCase is a TIFF that the tests write, with every tag that changes the meaning of samples.
type tiffCase struct {
	order         binary.ByteOrder
	width, height int
	photometric   uint32
	bits, samples int
	extra         []uint32
	planar        uint32
	compression   uint32
	fill          uint32
	predictor     uint32
	tile, rows    int // tile: side of tiles, 0: strips of rows
	palette       []uint32
	values        []uint32            // samples, pixel by pixel
	more          map[uint16][]uint32 // further tags; they override the fields above
	drop          []uint16
}

func (c tiffCase) String() string {
	return fmt.Sprintf("%v photometric %d, %d x %d bits, extra %v, planar %d, compression %d, fill order %d, predictor %d, tile %d, rows %d",
		c.order, c.photometric, c.samples, c.bits, c.extra, c.planar, c.compression, c.fill, c.predictor, c.tile, c.rows)
}

func (c tiffCase) file() []byte {
	planes, each := 1, c.samples
	if c.planar == 2 {
		planes, each = c.samples, 1
	}
	blockWidth, blockHeight := c.width, c.rows
	if c.tile > 0 {
		blockWidth, blockHeight = c.tile, c.tile
	}
	file := []byte("II\x2a\x00\x00\x00\x00\x00")
	if c.order == binary.BigEndian {
		file = []byte("MM\x00\x2a\x00\x00\x00\x00")
	}
	var offsets, counts []uint32
	for plane := range planes {
		for top := 0; top < c.height; top += blockHeight {
			for left := 0; left < c.width; left += blockWidth {
				var block []byte
				for y := top; y < top+blockHeight && (c.tile > 0 || y < c.height); y++ {
					row := make([]uint32, blockWidth*each)
					for i := range row {
						if x := left + i/each; x < c.width && y < c.height {
							row[i] = c.values[(y*c.width+x)*c.samples+plane+i%each]
						}
					}
					packed := c.pack(row, each)
					if c.compression == 32773 { // each row separately
						packed = packBitsOf(packed)
					}
					block = append(block, packed...)
				}
				block = c.compress(block)
				if c.fill == 2 {
					for i, v := range block {
						block[i] = bits.Reverse8(v)
					}
				}
				offsets, counts = append(offsets, uint32(len(file))), append(counts, uint32(len(block)))
				file = append(file, block...)
			}
		}
	}
	depths := slices.Repeat([]uint32{uint32(c.bits)}, c.samples)
	tags := map[uint16][]uint32{tagWidth: {uint32(c.width)}, tagHeight: {uint32(c.height)}, tagBits: depths, tagCompression: {c.compression}, tagPhotometric: {c.photometric},
		tagFillOrder: {c.fill}, tagSamples: {uint32(c.samples)}, tagPlanar: {c.planar}, tagPredictor: {c.predictor}, tagExtraSamples: c.extra, tagColorMap: c.palette}
	if c.tile > 0 {
		tags[tagTileWidth], tags[tagTileHeight], tags[tagTileOffsets], tags[tagTileCounts] = []uint32{uint32(c.tile)}, []uint32{uint32(c.tile)}, offsets, counts
	} else {
		tags[tagRowsPerStrip], tags[tagStripOffsets], tags[tagStripCounts] = []uint32{uint32(c.rows)}, offsets, counts
	}
	for tag, v := range c.more {
		tags[tag] = v
	}
	for _, tag := range c.drop {
		delete(tags, tag)
	}
	return withDirectory(file, c.order, tags)
}

// withDirectory appends a TIFF's first directory.
func withDirectory(file []byte, o binary.ByteOrder, tags map[uint16][]uint32) []byte {
	file = append(file, make([]byte, len(file)%2)...)
	var sorted []uint16
	for tag, v := range tags {
		if v != nil {
			sorted = append(sorted, tag)
		}
	}
	slices.Sort(sorted)
	var entries []byte
	add16 := func(b []byte, v uint16) []byte { return o.(binary.AppendByteOrder).AppendUint16(b, v) }
	add32 := func(b []byte, v uint32) []byte { return o.(binary.AppendByteOrder).AppendUint32(b, v) }
	for _, tag := range sorted {
		v := tags[tag]
		kind := uint16(4)
		var data []byte
		if slices.Max(v) < 1<<16 {
			kind = 3
		}
		for _, n := range v {
			if kind == 3 {
				data = add16(data, uint16(n))
			} else {
				data = add32(data, n)
			}
		}
		if len(data) > 4 {
			at := uint32(len(file))
			file = append(file, data...)
			data = add32(nil, at)
		}
		entries = add32(add16(add16(entries, tag), kind), uint32(len(v)))
		entries = append(append(entries, data...), make([]byte, 4-len(data))...)
	}
	o.PutUint32(file[4:], uint32(len(file)))
	return add32(append(add16(file, uint16(len(sorted))), entries...), 0)
}

// pack returns a row's samples as bytes, as differences if there is a predictor.
func (c tiffCase) pack(row []uint32, each int) []byte {
	row = slices.Clone(row)
	if c.predictor == 2 && c.compression != 1 && c.compression != 32773 {
		for i := len(row) - 1; i >= each; i-- {
			row[i] = (row[i] - row[i-each]) & (1<<c.bits - 1)
		}
	}
	var text strings.Builder
	var b []byte
	for _, v := range row {
		switch c.bits {
		case 8:
			b = append(b, byte(v))
		case 16:
			b = c.order.(binary.AppendByteOrder).AppendUint16(b, uint16(v))
		default:
			fmt.Fprintf(&text, "%0*b", c.bits, v)
		}
	}
	for digits := text.String(); digits != ""; digits = digits[8:] {
		digits += strings.Repeat("0", max(0, 8-len(digits)))
		v, _ := strconv.ParseUint(digits[:8], 2, 8)
		b = append(b, byte(v))
	}
	return b
}

var deflater = zlib.NewWriter(nil)

func (c tiffCase) compress(b []byte) []byte {
	switch c.compression {
	case 5: // only literals; the table is cleared before codes exceed 9 bits
		var out []byte
		var have, n uint32
		put := func(code uint32) {
			have, n = have<<9|code, n+9
			for n >= 8 {
				out = append(out, byte(have>>(n-8)))
				n -= 8
			}
		}
		for i, v := range b {
			if i%250 == 0 {
				put(256)
			}
			put(uint32(v))
		}
		put(257)
		return append(out, byte(have<<(8-n)))
	case 8, 32946:
		var out bytes.Buffer
		deflater.Reset(&out)
		deflater.Write(b)
		deflater.Close()
		return out.Bytes()
	}
	return b
}

// packBitsOf encodes repeats of two or more bytes as runs, and other bytes as literals.
func packBitsOf(b []byte) []byte {
	var out []byte
	for i := 0; i < len(b); {
		n := 1
		for i+n < len(b) && n < 128 && b[i+n] == b[i] {
			n++
		}
		if n > 1 {
			out = append(out, byte(1-n), b[i])
		} else {
			for i+n < len(b) && n < 128 && b[i+n] != b[i+n-1] {
				n++
			}
			out = append(append(out, byte(n-1)), b[i:i+n]...)
		}
		i += n
	}
	return append(out, 128) // has no meaning
}

// want returns the picture by the definitions of TIFF 6.0, computed in floating point.
func (c tiffCase) want() *Picture {
	most := float64(uint32(1)<<c.bits - 1)
	full := 255.0
	if c.bits > 8 {
		full = 65535
	}
	colours := map[uint32]int{0: 1, 1: 1, 2: 3, 3: 1, 5: 4}[c.photometric]
	alpha := len(c.extra) > 0 && c.extra[0] > 0
	p := New(c.height, c.width)
	p.Gray = c.photometric < 2 && !alpha
	if alpha {
		p.Alpha = make([]byte, c.width*c.height)
	}
	if full > 255 {
		p.LowBytes = make([]byte, c.width*c.height*p.Channels())
	}
	for i := range c.width * c.height {
		s := c.values[i*c.samples:][:c.samples]
		var v [4]float64
		unit := func(v uint32) float64 { return float64(v) / most }
		switch c.photometric {
		case 0:
			v[0] = 1 - unit(s[0])
			v[1], v[2] = v[0], v[0]
		case 1:
			v[0] = unit(s[0])
			v[1], v[2] = v[0], v[0]
		case 2:
			v[0], v[1], v[2] = unit(s[0]), unit(s[1]), unit(s[2])
		case 3:
			n := len(c.palette) / 3
			for k := range 3 {
				v[k] = float64(c.palette[k*n+int(s[0])]>>8) / 255
			}
		case 5:
			for k := range 3 {
				v[k] = math.Round((1-unit(s[k]))*full) / full * math.Round((1-unit(s[3]))*full) / full
			}
		}
		a := 1.0
		if alpha {
			a = unit(s[colours])
			if c.extra[0] == 1 {
				for k := range 3 {
					if a == 0 {
						v[k] = 0
					} else {
						v[k] = min(v[k]/a, 1)
					}
				}
			}
		}
		sample := func(v float64) uint32 { return uint32(math.Floor(v*full + 0.5 + 1e-9)) }
		p.set(i, sample(v[0]), sample(v[1]), sample(v[2]), sample(a))
	}
	if c.photometric == 5 {
		p.Notes = append(p.Notes, noteCMYK)
	}
	if alpha && c.extra[0] == 1 {
		p.Notes = append(p.Notes, notePremultiplied)
	}
	if left := c.samples - colours; left > 1 || left == 1 && !alpha {
		p.Notes = append(p.Notes, noteChannels)
	}
	return p
}

// tiffKinds returns a case with random samples for each meaning of samples.
func tiffKinds(r *rand.Rand, width, height int) (kinds []tiffCase) {
	add := func(photometric uint32, depth, samples int, extra ...uint32) {
		c := tiffCase{width: width, height: height, photometric: photometric, bits: depth, samples: samples, extra: extra}
		most := uint32(1)<<depth - 1
		for range width * height * samples {
			c.values = append(c.values, []uint32{r.Uint32N(most + 1), 0, most, r.Uint32N(most + 1)}[r.IntN(4)])
		}
		if photometric == 3 {
			for range 3 << depth {
				c.palette = append(c.palette, r.Uint32N(256)*257)
			}
			c.palette[0] = 65535
		}
		kinds = append(kinds, c)
	}
	for _, depth := range []int{1, 2, 4, 8, 12, 16} {
		add(0, depth, 1)
		add(1, depth, 1)
		add(1, depth, 2, 1)
		add(1, depth, 2, 2)
		add(0, depth, 2, 2)
		add(1, depth, 3, 2, 0)
		add(2, depth, 3)
		add(2, depth, 4, 1)
		add(2, depth, 4, 2)
		add(2, depth, 4, 0)
		add(2, depth, 5, 2, 0)
		add(2, depth, 4) // the tag is missing
		add(5, depth, 4)
		add(5, depth, 5, 0)
		if depth <= 8 {
			add(3, depth, 1)
			add(3, depth, 2, 0)
		}
	}
	return kinds
}

// TestTIFFTags decodes combinations of the supported values of tags, and compares the
// pictures with the definitions of the tags.
func TestTIFFTags(t *testing.T) {
	seed := [2]uint64{13, 284}
	t.Logf("seed %v", seed)
	r := rand.New(rand.NewPCG(seed[0], seed[1]))
	files := 0
	for _, c := range tiffKinds(r, 21, 9) {
		want := c.want()
		for _, c.order = range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			for _, c.planar = range []uint32{1, 2} {
				for _, c.compression = range []uint32{1, 5, 8, 32773} {
					if c.compression == 8 && c.order == binary.BigEndian {
						c.compression = 32946 // older number of the same compression
					}
					for _, c.fill = range []uint32{1, 2} {
						for _, c.predictor = range []uint32{1, 2} {
							for _, block := range [][2]int{{0, 9}, {0, 4}, {16, 0}} {
								c.tile, c.rows = block[0], block[1]
								p, err := Decode(c.file(), roomy)
								files++
								coded := c.compression != 1 && c.compression != 32773
								if c.predictor == 2 && coded && c.bits != 8 && c.bits != 16 {
									if !errors.Is(err, ErrUnsupported) {
										t.Fatalf("%v: %v", c, err)
									}
									continue
								}
								if err != nil {
									t.Fatalf("%v: %v", c, err)
								}
								if diff := different(p, want); diff != "" {
									t.Fatalf("%v: %s", c, diff)
								}
							}
						}
					}
				}
			}
		}
	}
	t.Logf("%d files", files)
}

// different describes the first difference of two pictures, except of their metadata, or
// returns "".
func different(p, want *Picture) string {
	switch {
	case p.Width != want.Width || p.Height != want.Height || p.Gray != want.Gray || (p.Alpha == nil) != (want.Alpha == nil) || (p.LowBytes == nil) != (want.LowBytes == nil):
		return fmt.Sprintf("%d x %d, gray %v, alpha %v, 16 bits %v; want %d x %d, %v, %v, %v", p.Width, p.Height, p.Gray, p.Alpha != nil, p.LowBytes != nil,
			want.Width, want.Height, want.Gray, want.Alpha != nil, want.LowBytes != nil)
	case !slices.Equal(p.Notes, want.Notes):
		return fmt.Sprintf("notes %q, want %q", p.Notes, want.Notes)
	}
	for i := range p.Width * p.Height {
		if got, want := p.appendPixel(nil, i), want.appendPixel(nil, i); !bytes.Equal(got, want) {
			return fmt.Sprintf("pixel %d, %d is %v, want %v", i%p.Width, i/p.Width, got, want)
		}
	}
	if !bytes.Equal(p.LowBytes, want.LowBytes) {
		return "the low bytes differ"
	}
	return ""
}

// simpleTIFF returns a picture of 8 bits that the tests below modify.
func simpleTIFF() tiffCase {
	c := tiffCase{order: binary.LittleEndian, width: 6, height: 4, photometric: 2, bits: 8, samples: 3, planar: 1, compression: 1, fill: 1, predictor: 1, rows: 4}
	for i := range 6 * 4 * 3 {
		c.values = append(c.values, uint32(i*3))
	}
	return c
}

func TestTIFFPalettes(t *testing.T) {
	c := simpleTIFF()
	c.photometric, c.samples, c.bits = 3, 1, 2
	for i := range c.values {
		c.values[i] = uint32(i % 4)
	}
	for name, k := range map[string]struct {
		palette []uint32
		first   []byte // of colour 1
		low     []byte
	}{
		"of 8 bits":          {[]uint32{0, 10, 20, 255, 0, 40, 50, 60, 0, 70, 80, 90}, []byte{10, 40, 70}, nil},
		"of 8 bits, twice":   {[]uint32{0, 10 * 257, 20 * 257, 65535, 0, 40 * 257, 50 * 257, 60 * 257, 0, 70 * 257, 80 * 257, 90 * 257}, []byte{10, 40, 70}, nil},
		"of 8 bits, as high": {[]uint32{0, 10 << 8, 20 << 8, 255 << 8, 0, 40 << 8, 50 << 8, 60 << 8, 0, 70 << 8, 80 << 8, 90 << 8}, []byte{10, 40, 70}, nil},
		"of 16 bits":         {[]uint32{0, 0x1234, 1, 2, 0, 0x5678, 0, 0, 0, 0x9abc, 0, 0}, []byte{0x12, 0x56, 0x9a}, []byte{0x34, 0x78, 0xbc}},
	} {
		c.palette = k.palette
		p, err := Decode(c.file(), roomy)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var low []byte
		if p.LowBytes != nil {
			low = p.LowBytes[3:6]
		}
		if !bytes.Equal(p.RGB[3:6], k.first) || !bytes.Equal(low, k.low) || p.Notes != nil {
			t.Errorf("a palette %s: %v, %v, want %v, %v; notes %q", name, p.RGB[3:6], low, k.first, k.low, p.Notes)
		}
	}
}

// TestTIFFRefuses changes one tag at a time to a value that is not supported. The error
// must name the value and must not report damage.
func TestTIFFRefuses(t *testing.T) {
	for want, more := range map[string]map[uint16][]uint32{
		"luma and chroma":               {tagPhotometric: {6}},
		"Lab colours":                   {tagPhotometric: {8}},
		"ICC Lab":                       {tagPhotometric: {9}},
		"transparency mask":             {tagPhotometric: {4}},
		"LogLuv":                        {tagPhotometric: {32845}},
		"photometric interpretation 77": {tagPhotometric: {77}},
		"camera's raw file":             {tagPhotometric: {32803}},
		"a camera's raw file":           {tagDNGVersion: {1}},
		"CCITT run-length coding":       {tagCompression: {2}},
		"old-style JPEG":                {tagCompression: {6}},
		"with JPEG inside":              {tagCompression: {7}},
		"LZMA":                          {tagCompression: {34925}},
		"Zstandard":                     {tagCompression: {50000}},
		"WebP":                          {tagCompression: {50001}},
		"JPEG 2000":                     {tagCompression: {34712}},
		"compression 65000":             {tagCompression: {65000}},
		"signed":                        {tagSampleFormat: {2, 2, 2}},
		"floating-point samples":        {tagSampleFormat: {3, 3, 3}},
		"undefined format":              {tagSampleFormat: {4, 4, 4}},
		"complex":                       {tagSampleFormat: {5, 5, 5}},
		"samples of 32 bits":            {tagBits: {32, 32, 32}},
		"samples of 10 bits":            {tagBits: {10, 10, 10}},
		"different depths":              {tagBits: {5, 6, 5}},
		"17 samples":                    {tagSamples: {17}},
		"inks other than":               {tagPhotometric: {5}, tagInkSet: {2}},
		"floating-point predictor":      {tagCompression: {5}, tagPredictor: {3}},
		"predictor for samples of 4":    {tagCompression: {5}, tagPredictor: {2}, tagBits: {4, 4, 4}},
		"dot range":                     {tagDotRange: {20, 230}},
		"palette of 16 bits":            {tagPhotometric: {3}, tagBits: {16, 16, 16}},
		"palette of colours other":      {tagPhotometric: {3}, tagIndexed: {1}},
		"two-dimensional":               {tagCompression: {3}, tagGroup3: {1}},
		"fill bits":                     {tagCompression: {3}, tagGroup3: {4}},
		"uncompressed mode":             {tagCompression: {4}, tagGroup4: {2}},
		"far larger than the picture":   {tagTileWidth: {1 << 20}, tagTileHeight: {16}, tagTileOffsets: {8}, tagTileCounts: {64}},
		"alpha and a palette":           {tagPhotometric: {3}, tagExtraSamples: {2}},
		"inverted gray":                 {tagPhotometric: {0}, tagExtraSamples: {1}},
	} {
		c := simpleTIFF()
		c.more = more
		if _, err := Decode(c.file(), roomy); !errors.Is(err, ErrUnsupported) || errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "convert it to PNG") {
			t.Errorf("%v: %v, want %q", more, err, want)
		}
	}
	many := simpleTIFF()
	many.more = map[uint16][]uint32{tagHeight: {1<<20 + 1}, tagWidth: {1}, tagRowsPerStrip: {1}}
	if _, err := Decode(many.file(), Limits{Bytes: 1 << 20, Pixels: 1 << 24}); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "1048577 strips") {
		t.Errorf("%v", err)
	}
	oldLZW := simpleTIFF()
	oldLZW.compression = 5
	file := oldLZW.file()
	copy(file[8:], "\x00\x01")
	if _, err := Decode(file, roomy); !errors.Is(err, ErrUnsupported) {
		t.Errorf("LZW of the oldest kind: %v", err)
	}
	// Contradictory and truncated files are damaged.
	for want, c := range map[string]struct {
		more map[uint16][]uint32
		drop []uint16
	}{
		"meaning of its samples": {drop: []uint16{tagPhotometric}},
		"0 x 4":                  {drop: []uint16{tagWidth}},
		"strips or tiles":        {drop: []uint16{tagStripOffsets}},
		"fill order is 3":        {more: map[uint16][]uint32{tagFillOrder: {3}}},
		"planar configuration":   {more: map[uint16][]uint32{tagPlanar: {3}}},
		"predictor is 9":         {more: map[uint16][]uint32{tagCompression: {5}, tagPredictor: {9}}},
		"samples a pixel":        {more: map[uint16][]uint32{tagSamples: {2}}},
		"palette has 5":          {more: map[uint16][]uint32{tagPhotometric: {3}, tagColorMap: {1, 2, 3, 4, 5}}},
		"no rows":                {more: map[uint16][]uint32{tagRowsPerStrip: {0}}},
		"tiles of 0":             {more: map[uint16][]uint32{tagTileWidth: {0}}},
		"one bit a pixel":        {more: map[uint16][]uint32{tagCompression: {4}}},
		"cut short":              {more: map[uint16][]uint32{tagStripCounts: {60}}},
		"the file was cut short": {more: map[uint16][]uint32{tagStripOffsets: {1 << 20}}},
	} {
		k := simpleTIFF()
		k.more, k.drop = c.more, c.drop
		if _, err := Decode(k.file(), roomy); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v without %v: %v, want %q", c.more, c.drop, err, want)
		}
	}
}

func TestTIFFStripsThatOverlap(t *testing.T) {
	const strips, bytes = 4096, 1 << 16
	c := simpleTIFF()
	c.more = map[uint16][]uint32{tagHeight: {strips}, tagRowsPerStrip: {1}, tagFillOrder: {2}, 305: slices.Repeat([]uint32{0}, bytes/2),
		tagStripOffsets: slices.Repeat([]uint32{8}, strips), tagStripCounts: slices.Repeat([]uint32{bytes}, strips)}
	file := c.file()
	n := allocated(func() {
		if p, err := Decode(file, roomy); err != nil || p.Height != strips {
			t.Fatal(err)
		}
	})
	if most := uint64(16 * len(file)); n > most {
		t.Errorf("decoding a file of %d bytes allocates %d, want at most %d", len(file), n, most)
	}
}

// TestTIFFPages checks which of several directories is decoded.
func TestTIFFPages(t *testing.T) {
	big, small := simpleTIFF(), simpleTIFF()
	small.width, small.height, small.rows = 3, 2, 2
	// chain appends the directories of other files to the first file.
	shift := func(c tiffCase, by uint32) (tags map[uint16][]uint32) {
		return map[uint16][]uint32{tagWidth: {uint32(c.width)}, tagHeight: {uint32(c.height)}, tagBits: {8, 8, 8}, tagPhotometric: {2}, tagSamples: {3}, tagStripOffsets: {by}, tagStripCounts: {uint32(3 * c.width * c.height)}}
	}
	make2 := func(first, second tiffCase, kind1, kind2 uint32, below bool) []byte {
		o := binary.LittleEndian
		file := []byte("II\x2a\x00\x00\x00\x00\x00")
		at := []uint32{}
		for _, c := range []tiffCase{first, second} {
			at = append(at, uint32(len(file)))
			for _, v := range c.values[:3*c.width*c.height] {
				file = append(file, byte(v))
			}
		}
		tags := shift(second, at[1])
		tags[tagNewSubfileType] = []uint32{kind2}
		file = withDirectory(file, o, tags)
		inner := o.Uint32(file[4:])
		tags = shift(first, at[0])
		tags[tagNewSubfileType] = []uint32{kind1}
		tags[274] = []uint32{6} // a quarter turn, of this page only
		if below {
			tags[tagSubIFDs] = []uint32{inner}
		}
		file = withDirectory(file, o, tags)
		if !below {
			o.PutUint32(file[len(file)-4:], inner)
		}
		return file
	}
	for name, c := range map[string]struct {
		file          []byte
		width, height int // 0: refused
	}{
		"two pages":                          {make2(big, small, 0, 0, false), 4, 6},
		"a preview before the page":          {make2(small, big, 1, 0, false), 6, 4},
		"a preview behind the page":          {make2(big, small, 0, 1, false), 4, 6},
		"a mask before the page":             {make2(big, small, 4, 0, false), 3, 2},
		"a preview alone":                    {make2(small, small, 1, 1, false), 2, 3},
		"a preview below the page":           {make2(big, small, 0, 1, true), 4, 6},
		"a preview with the picture below":   {make2(small, big, 1, 0, true), 0, 0},
		"a small page, a larger below it":    {make2(small, big, 0, 0, true), 0, 0},
		"a preview, another of a size below": {make2(small, small, 1, 0, true), 0, 0},
	} {
		p, err := Decode(c.file, roomy)
		if c.width == 0 {
			if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "a camera's raw file") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || p.Width != c.width || p.Height != c.height {
			t.Errorf("%s: %v, want %d x %d", name, err, c.width, c.height)
		}
		if h, w, err := Size(c.file, roomy); err != nil || w != c.width || h != c.height {
			t.Errorf("%s: size %d x %d, %v", name, w, h, err)
		}
	}
	for name, tags := range map[string]map[uint16][]uint32{"filter array": {tagPhotometric: {32803}}, "linear": {tagPhotometric: {34892}}, "DNG": {tagDNGVersion: {1, 4}}} {
		o := binary.LittleEndian
		file := withDirectory(make([]byte, 8), o, tags)
		inner := o.Uint32(file[4:])
		c := simpleTIFF()
		whole := c.file()
		// The same, with the sensor's directory below the picture's.
		c.more = map[uint16][]uint32{tagSubIFDs: {uint32(len(whole) + 64)}}
		raw := c.file()
		raw = append(raw, make([]byte, len(whole)+64-len(raw))...)
		raw = append(raw, file[inner:]...)
		if _, err := Decode(raw, roomy); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "raw file") {
			t.Errorf("%s below a preview: %v", name, err)
		}
	}
	canon := simpleTIFF().file()
	canon = slices.Concat([]byte("II\x2a\x00\x10\x00\x00\x00CR\x02\x00"), canon)
	if _, err := Decode(canon, roomy); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "CR2") {
		t.Errorf("CR2: %v", err)
	}
	// Cycles of directories must not loop forever.
	loop := simpleTIFF().file()
	binary.LittleEndian.PutUint32(loop[len(loop)-4:], binary.LittleEndian.Uint32(loop[4:]))
	if _, err := Decode(loop, roomy); err != nil {
		t.Errorf("a directory that leads to itself: %v", err)
	}
}

// TestTIFFByOthers decodes files written by libtiff and other encoders and compares the
// pictures with those of other decoders; testdata/tiff/make created both.
func TestTIFFByOthers(t *testing.T) { byOthers(t, "testdata/tiff/*.tif", 20) }

// byOthers compares each file with the PNG of the same name. It fails if there are
// fewer than least files.
func byOthers(t *testing.T, pattern string, least int) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) < least {
		t.Fatalf("%s: %d files: %v", pattern, len(files), err)
	}
	for _, name := range files {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Decode(file, roomy)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		reference, err := os.ReadFile(strings.TrimSuffix(name, filepath.Ext(name)) + ".png")
		if err != nil {
			t.Fatal(err)
		}
		want, err := Decode(reference, roomy)
		if err != nil {
			t.Fatal(err)
		}
		want.Gray, want.Notes = p.Gray, p.Notes // the writer of the PNG chose its colour type
		if near := strings.TrimSuffix(filepath.Base(name), filepath.Ext(name)); slices.Contains(roundedOtherwise, near) {
			for i, v := range p.RGB {
				if d := int(v) - int(want.RGB[i]); d < -1 || d > 1 {
					t.Fatalf("%s: sample %d is %d, want %d or one beside it", name, i, v, want.RGB[i])
				}
			}
			want.RGB = p.RGB
		}
		if diff := different(p, want); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// roundedOtherwise are files whose samples are computed, and rounded differently by
// other decoders: inks, premultiplied colours, and samples of 5 or 6 bits.
var roundedOtherwise = []string{"cmyk", "associated", "RGB555", "RGB565"}
