package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// bmpCase is a BMP file that the tests write.
type bmpCase struct {
	header        int // size of the header
	width, height int // negative height: the rows are stored from the top
	bits          int
	compression   uint32
	masks         [4]uint32 // if any: in the header, or after a header that has no fields for them
	used          uint32
	palette       [][3]byte // red, green, blue
	values        []uint32  // pixels, from the top
	data          []byte    // replaces the values
}

func (c bmpCase) String() string {
	return fmt.Sprintf("header of %d, %d x %d, %d bits, compression %d, masks %x", c.header, c.width, c.height, c.bits, c.compression, c.masks)
}

func (c bmpCase) file() []byte {
	o := binary.LittleEndian
	head := make([]byte, max(c.header, 124))
	o.PutUint32(head, uint32(c.header))
	if c.header == 12 {
		o.PutUint16(head[4:], uint16(c.width))
		o.PutUint16(head[6:], uint16(c.height))
		o.PutUint16(head[8:], 1)
		o.PutUint16(head[10:], uint16(c.bits))
	} else {
		o.PutUint32(head[4:], uint32(c.width))
		o.PutUint32(head[8:], uint32(c.height))
		o.PutUint16(head[12:], 1)
		o.PutUint16(head[14:], uint16(c.bits))
		o.PutUint32(head[16:], c.compression)
		o.PutUint32(head[32:], c.used)
	}
	behind := []byte{}
	for i, m := range c.masks {
		switch {
		case c.header >= 56, c.header == 52 && i < 3:
			o.PutUint32(head[40+4*i:], m)
		case c.compression == 6, c.compression == 3 && i < 3:
			behind = o.AppendUint32(behind, m)
		}
	}
	for _, p := range c.palette {
		behind = append(behind, p[2], p[1], p[0])
		if c.header > 12 {
			behind = append(behind, 0)
		}
	}
	data := c.data
	height := max(c.height, -c.height)
	for y := range height {
		if c.data != nil {
			break
		}
		from := height - 1 - y
		if c.height < 0 {
			from = y
		}
		var row []byte
		var have, n uint32
		for _, v := range c.values[from*c.width:][:c.width] {
			switch c.bits {
			case 16:
				row = o.AppendUint16(row, uint16(v))
			case 24:
				row = append(row, byte(v), byte(v>>8), byte(v>>16))
			case 32:
				row = o.AppendUint32(row, v)
			default:
				have, n = have<<c.bits|v, n+uint32(c.bits)
				if n == 8 {
					row, have, n = append(row, byte(have)), 0, 0
				}
			}
		}
		if n > 0 {
			row = append(row, byte(have<<(8-n)))
		}
		data = append(append(data, row...), make([]byte, -len(row)&3)...)
	}
	file := []byte("BM????\x00\x00\x00\x00")
	file = o.AppendUint32(file, uint32(14+c.header+len(behind)))
	return slices.Concat(file, head[:c.header], behind, data)
}

// TestBMPKinds decodes every size of header with every depth and mask, and compares
// the pictures with pixels computed from the masks and the palette.
func TestBMPKinds(t *testing.T) {
	seed := [2]uint64{16, 565}
	t.Logf("seed %v", seed)
	r := rand.New(rand.NewPCG(seed[0], seed[1]))
	files := 0
	check := func(c bmpCase, want func(v uint32) (rgba [4]uint32), alpha, deep bool) {
		t.Helper()
		height := max(c.height, -c.height)
		for range c.width * height {
			limit := uint64(1) << c.bits
			if c.palette != nil {
				limit = uint64(len(c.palette))
			}
			c.values = append(c.values, uint32(r.Uint64N(limit)))
		}
		p := New(height, c.width)
		if alpha {
			p.Alpha = make([]byte, height*c.width)
		}
		if deep {
			p.LowBytes = make([]byte, height*c.width*p.Channels())
		}
		for i, v := range c.values {
			w := want(v)
			p.set(i, w[0], w[1], w[2], w[3])
		}
		got, err := Decode(c.file(), roomy)
		files++
		if err != nil {
			t.Errorf("%v: %v", c, err)
			return
		}
		if diff := different(got, p); diff != "" {
			t.Errorf("%v: %s", c, diff)
		}
	}
	for _, header := range []int{12, 16, 40, 52, 56, 64, 108, 124} {
		for _, height := range []int{5, -5} {
			if header == 12 && height < 0 {
				continue
			}
			for width := 1; width <= 9; width++ {
				for _, depth := range []int{1, 2, 4, 8} {
					for _, n := range []int{1 << depth, 1<<depth - 1} {
						c := bmpCase{header: header, width: width, height: height, bits: depth}
						if n < 1<<depth && header >= 40 {
							c.used = uint32(n)
						}
						for range n {
							c.palette = append(c.palette, [3]byte{byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())})
						}
						check(c, func(v uint32) [4]uint32 {
							p := c.palette[v]
							return [4]uint32{uint32(p[0]), uint32(p[1]), uint32(p[2])}
						}, false, false)
					}
				}
				c := bmpCase{header: header, width: width, height: height, bits: 24}
				check(c, func(v uint32) [4]uint32 { return [4]uint32{v >> 16, v >> 8 & 255, v & 255} }, false, false)
				five := func(v uint32) uint32 { return (v&31*255*2 + 31) / 62 } // nearest
				c.bits = 16
				check(c, func(v uint32) [4]uint32 { return [4]uint32{five(v >> 10), five(v >> 5), five(v)} }, false, false)
				c.bits = 32
				check(c, func(v uint32) [4]uint32 { return [4]uint32{v >> 16 & 255, v >> 8 & 255, v & 255} }, false, false)
			}
			if header < 40 || header == 64 {
				continue
			}
			for _, compression := range []uint32{3, 6} {
				for _, m := range [][4]uint32{
					{0xf800, 0x07e0, 0x001f, 0}, {0x7c00, 0x03e0, 0x001f, 0x8000}, {0x0f00, 0x00f0, 0x000f, 0xf000}, {0x001f, 0x07e0, 0xf800, 0}, {0x7, 0x38, 0xc0, 0},
					{0xff0000, 0xff00, 0xff, 0xff000000}, {0xff, 0xff00, 0xff0000, 0xff000000}, {0xff000000, 0xff0000, 0xff00, 0xff}, {0xff000000, 0xff0000, 0xff00, 0}, {0x3ff, 0xffc00, 0x3ff00000, 0xc0000000},
				} {
					c := bmpCase{header: header, width: 7, height: height, bits: 32, compression: compression, masks: m}
					if max(m[0], m[1], m[2], m[3]) < 1<<16 {
						c.bits = 16
					}
					alpha := m[3] != 0 && (header == 40 && compression == 6 || header >= 56)
					full := uint64(255)
					if m[0] == 0x3ff {
						full = 65535
					}
					check(c, func(v uint32) (w [4]uint32) {
						for i, m := range m {
							if most := uint64(m >> bits.TrailingZeros32(m)); most > 0 {
								w[i] = uint32((uint64(v&m)>>bits.TrailingZeros32(m)*full*2 + most) / (2 * most))
							}
						}
						return w
					}, alpha, full > 255)
				}
			}
		}
	}
	t.Logf("%d files", files)
}

// TestBMPAlpha decodes headers that declare alpha in each possible way.
func TestBMPAlpha(t *testing.T) {
	for name, c := range map[string]struct {
		header      int
		compression uint32
		mask        uint32
		values      []uint32
		want        []byte // nil: opaque
	}{
		"a header without masks":                 {40, 0, 0, []uint32{0x80112233, 0}, nil},
		"version 5, no mask":                     {124, 0, 0, []uint32{0x00112233, 0}, nil},
		"version 5, no mask, bytes in its place": {124, 0, 0, []uint32{0x7f112233, 0}, nil},
		"version 5, a mask, all bytes 0":         {124, 0, 0xff000000, []uint32{0x00112233, 0}, nil},
		"version 5, a mask":                      {124, 0, 0xff000000, []uint32{0x80112233, 0}, []byte{128, 0}},
		"version 4, bit fields":                  {108, 3, 0xff000000, []uint32{0x80112233, 0}, []byte{128, 0}},
		"version 4, bit fields, all invisible":   {108, 3, 0xff000000, []uint32{0x00112233, 0}, []byte{0, 0}},
		"version 4, bit fields, all opaque":      {108, 3, 0xff000000, []uint32{0xff112233, 0xff000000}, nil},
		"version 4, bit fields without alpha":    {108, 3, 0, []uint32{0x00112233, 0}, nil},
	} {
		file := bmpCase{header: c.header, width: 2, height: 1, bits: 32, compression: c.compression, masks: [4]uint32{0xff0000, 0xff00, 0xff, c.mask}, values: c.values}.file()
		if p, err := Decode(file, roomy); err != nil || !bytes.Equal(p.Alpha, c.want) || !bytes.Equal(p.RGB[:3], []byte{0x11, 0x22, 0x33}) {
			t.Errorf("%s: alpha %v, want %v; %v", name, p.Alpha, c.want, err)
		}
	}
}

func TestBMPRuns(t *testing.T) {
	colours := func(n int) (p [][3]byte) {
		for i := range n {
			p = append(p, [3]byte{byte(i), byte(i), byte(i)})
		}
		return p
	}
	for name, c := range map[string]struct {
		bits int
		data string
		want string // rows from the top, pixels as digits; "": damaged
	}{
		"runs":                       {8, "\x04\x01\x00\x00\x02\x02\x02\x03\x00\x01", "2233/1111"},
		"pixels":                     {8, "\x00\x03\x01\x02\x03\x00\x01\x04\x00\x00\x00\x04\x05\x06\x07\x08\x00\x01", "5678/1234"},
		"skipped":                    {8, "\x01\x01\x00\x02\x01\x01\x02\x02\x00\x01", "0022/1000"},
		"an end before the last row": {8, "\x04\x01\x00\x01", "0000/1111"},
		"no end, all there":          {8, "\x04\x01\x00\x00\x04\x02", "2222/1111"},
		"runs over the edge":         {8, "\x06\x01\x00\x00\x04\x02\x00\x01", "2222/1111"},
		"nibbles":                    {4, "\x04\x12\x00\x00\x03\x34\x01\x50\x00\x01", "3435/1212"},
		"nibbles one by one":         {4, "\x00\x04\x12\x34\x00\x00\x00\x03\x56\x70\x01\x80\x00\x01", "5678/1234"},
		"cut":                        {8, "\x04\x01\x00\x00\x02", ""},
		"cut between rows":           {8, "\x04\x01", ""},
		"cut in pixels":              {8, "\x00\x04\x01\x02", ""},
		"rows over the edge":         {8, "\x00\x00\x00\x00\x01\x01", ""},
		"a leap over the edge":       {8, "\x00\x02\x05\x00\x00\x01", ""},
		"no such colour":             {8, "\x04\x0a\x00\x00\x04\x02\x00\x01", ""},
	} {
		h := bmpCase{header: 40, width: 4, height: 2, bits: c.bits, compression: map[int]uint32{8: 1, 4: 2}[c.bits], palette: colours(9), used: 9, data: []byte(c.data)}
		p, err := Decode(h.file(), roomy)
		if c.want == "" {
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got strings.Builder
		for i := range 8 {
			if i == 4 {
				got.WriteByte('/')
			}
			got.WriteByte('0' + p.RGB[3*i])
		}
		if got.String() != c.want {
			t.Errorf("%s: %s, want %s", name, got.String(), c.want)
		}
	}
}

func TestBMPRefuses(t *testing.T) {
	good := bmpCase{header: 40, width: 2, height: 2, bits: 24, values: make([]uint32, 4)}
	change := func(f func(c *bmpCase)) []byte {
		c := good
		f(&c)
		return c.file()
	}
	for want, file := range map[string][]byte{
		"JPEG inside":                        change(func(c *bmpCase) { c.compression, c.bits, c.data = 4, 0, []byte{0} }),
		"PNG inside":                         change(func(c *bmpCase) { c.compression, c.bits, c.data = 5, 0, []byte{0} }),
		"OS/2 Huffman":                       change(func(c *bmpCase) { c.header, c.compression, c.bits = 64, 3, 1 }),
		"coding of 24 bits":                  change(func(c *bmpCase) { c.header, c.compression = 64, 4 }),
		"64 bits a pixel":                    change(func(c *bmpCase) { c.bits, c.data = 64, make([]byte, 32) }),
		"24 bits a pixel with compression 1": change(func(c *bmpCase) { c.compression = 1 }),
	} {
		if _, err := Decode(file, roomy); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for want, file := range map[string][]byte{
		"cut short":          good.file()[:len(good.file())-1],
		"header has 7 bytes": slices.Concat(good.file()[:14], []byte{7}, good.file()[15:]),
		"0 x 2":              change(func(c *bmpCase) { c.width, c.data = 0, []byte{0} }),
		"-2147483648":        change(func(c *bmpCase) { c.height, c.data = -1<<31, []byte{0} }),
		"masks":              change(func(c *bmpCase) { c.compression, c.bits, c.masks = 3, 32, [4]uint32{0xff, 0xff, 0xff00} }),
		"its colour masks":   change(func(c *bmpCase) { c.compression, c.bits, c.masks = 3, 32, [4]uint32{0xf0f, 0xff0000, 0xff000000} }),
		"are invalid":        change(func(c *bmpCase) { c.compression, c.bits, c.masks = 3, 16, [4]uint32{0xff0000, 0xff00, 0xff} }),
		"palette has 1":      change(func(c *bmpCase) { c.bits, c.palette, c.used, c.values = 8, [][3]byte{{}}, 1, []uint32{0, 1, 0, 0} }),
		"from the top": change(func(c *bmpCase) {
			c.bits, c.palette, c.compression, c.height, c.data = 8, [][3]byte{{}}, 1, -2, []byte{0, 1}
		}),
	} {
		if _, err := Decode(file, roomy); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	// A declared size over the limit is rejected before memory is allocated for the rows.
	if _, err := Decode(change(func(c *bmpCase) { c.width, c.height, c.data = 1<<20, 1<<20, []byte{0} }), roomy); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v", err)
	}
}

// TestBMPByOthers decodes files written by ImageMagick and netpbm and compares the
// pictures with ImageMagick's; testdata/bmp/make created both.
func TestBMPByOthers(t *testing.T) { byOthers(t, "testdata/bmp/*.bmp", 12) }
