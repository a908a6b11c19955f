package picture

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// structural are the tags that define how the samples of a TIFF are stored.
var structural = []uint16{254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, tagOrientation, 277, 278, 279, 280, 281,
	tagXResolution, tagYResolution, 284, 288, 289, 292, 293, tagResolutionUnit, 317, 320, 321, 322, 323, 324, 325, 326, 327, 328, 330, 332, 333,
	334, 336, 338, 339, 346, 347, 529, 530, 531, 532}

// descriptive are the tags of a TIFF directory that describe the picture: those that
// EXIF data also have, and similar ones.
var descriptive = []uint16{269, 270, 271, 272, 285, 286, 287, 297, 301, 305, 306, 315, 316, 318, 319, 18246, 18249, 33432, tagEXIF, tagGPS, 40091, 40092, 40093, 40094, 40095, 50341}

var tagNames = map[uint16]string{33723: "IPTC", 34377: "Photoshop data", 37724: "Photoshop layers", tagMakerNote: "maker's notes"}

// maxPages bounds the directories of a TIFF that are counted.
const maxPages = 10_000

func (a *about) tiff(file []byte) {
	page, err := tiffPage(file)
	if err != nil {
		return
	}
	d, _ := readEXIF(file)
	list := page.entries
	if v, ok := d.number(list, tagOrientation); ok && v >= 1 && v <= 8 {
		a.orientation = int(v)
	}
	_, link := d.first()
	pages := 0
	for seen := map[int64]bool{}; link > 0 && !seen[link] && pages < maxPages; pages++ {
		seen[link] = true
		at := d.o.Uint32(file[link:])
		if at == 0 {
			break
		}
		_, link = d.directory(at)
	}
	if e := d.entry(list, tagSubIFDs); e != nil {
		pages += int(min(d.o.Uint32(e[4:]), maxPages))
	}
	if pages > 0 {
		a.lost = append(a.lost, fmt.Sprintf("of the %d pictures in the file (pages or previews), only one was read", pages+1))
	}

	x, okX := d.ratio(list, tagXResolution)
	y, okY := d.ratio(list, tagYResolution)
	units := map[uint32]int{1: perRatio, 2: perInch, 3: perCentimetre}
	unit, ok := d.number(list, tagResolutionUnit)
	if !ok {
		unit = 2
	}
	if u, ok := units[unit]; ok && okX && okY {
		a.density(x, y, u)
	}
	if e := d.entry(list, tagICC); e != nil {
		if a.icc = d.value(e); a.icc == nil {
			a.icc = []byte{0}
		}
	}
	if e := d.entry(list, tagXMP); e != nil {
		a.xmp(d.value(e))
	}
	var kept entries
	for e := range slices.Chunk(list, 12) {
		switch tag := d.o.Uint16(e); {
		case slices.Contains(descriptive, tag):
			kept = append(kept, e...)
		case slices.Contains(structural, tag) || tag == tagICC || tag == tagXMP:
		default:
			a.leaveTag(tag)
		}
	}
	if len(kept) > 0 {
		c := copier{exifData: d, a: a, made: slices.Clone(file[:8])}
		d.o.PutUint32(c.made[4:], 8)
		c.directory(kept, tagEXIF, tagGPS)
		a.exif = c.made
	}
}

func (a *about) leaveTag(tag uint16) {
	if name, ok := tagNames[tag]; ok {
		a.leave(name)
	} else {
		a.leave(fmt.Sprintf("TIFF tag %d", tag))
	}
}

// ratio returns the ratio of a tag. It is not ok if the tag is missing, of another type,
// has several values or a denominator of 0.
func (d exifData) ratio(list entries, tag uint16) (v float64, ok bool) {
	e := d.entry(list, tag)
	if e == nil || d.o.Uint16(e[2:]) != typeRational || d.o.Uint32(e[4:]) != 1 {
		return 0, false
	}
	b := d.value(e)
	if b == nil || d.o.Uint32(b[4:]) == 0 {
		return 0, false
	}
	return float64(d.o.Uint32(b)) / float64(d.o.Uint32(b[4:])), true
}

// copier builds EXIF data from directories of a TIFF.
type copier struct {
	exifData // source
	a        *about
	made     []byte
}

// directory writes a directory, and the directories below it that the given tags point
// to. Tags whose values are missing, or exceed maxMetadata in total, are left out.
func (c *copier) directory(list entries, pointers ...uint16) {
	var kept entries
	values := map[int][]byte{} // by offset of the entry in kept
	below := map[int]entries{}
	size := len(c.made)
	for e := range slices.Chunk(list, 12) {
		tag, at := c.o.Uint16(e), len(kept)
		if slices.Contains(pointers, tag) {
			sub := c.below(list, tag)
			if len(sub) == 0 || len(below) == len(pointers) {
				c.a.leaveTag(tag)
				continue
			}
			below[at] = sub
		} else {
			v := c.value(e)
			if size += len(v); len(v) == 0 || tag == tagMakerNote || size > maxMetadata { // maker's notes contain offsets in the file
				c.a.leaveTag(tag)
				continue
			}
			values[at] = v
		}
		kept = append(kept, e...)
	}
	start := len(c.made) + 2
	c.made = c.o.(binary.AppendByteOrder).AppendUint16(c.made, uint16(len(kept)/12))
	c.made = append(append(c.made, kept...), 0, 0, 0, 0)
	for at := 0; at < len(kept); at += 12 {
		v, sub := values[at], below[at]
		if sub == nil && len(v) <= 4 {
			continue
		}
		if len(c.made)%2 == 1 {
			c.made = append(c.made, 0)
		}
		c.o.PutUint32(c.made[start+at+8:], uint32(len(c.made)))
		if sub == nil {
			c.made = append(c.made, v...)
			continue
		}
		c.o.PutUint16(c.made[start+at+2:], typeLong)
		if c.o.Uint16(kept[at:]) == tagEXIF {
			c.directory(sub, tagInterop)
		} else {
			c.directory(sub)
		}
	}
}
