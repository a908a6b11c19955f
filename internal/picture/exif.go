package picture

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// Tags of TIFF 6.0 and Exif 3.0, in addition to those in tiff.go.
const (
	tagOrientation     = 274
	tagXResolution     = 282
	tagYResolution     = 283
	tagResolutionUnit  = 296
	tagThumbnail       = 513
	tagThumbnailLength = 514
	tagXMP             = 700
	tagEXIF            = 34665
	tagICC             = 34675
	tagGPS             = 34853
	tagSubjectArea     = 37396
	tagMakerNote       = 37500
	tagPixelXDimension = 40962
	tagPixelYDimension = 40963
	tagInterop         = 40965
	tagFocalPlaneX     = 41486
	tagFocalPlaneY     = 41487
	tagSubjectLocation = 41492
	tagRelatedWidth    = 4097
	tagRelatedLength   = 4098
)

// typeSizes holds the number of bytes of a value, by type.
var typeSizes = [...]int64{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4}

const (
	typeShort    = 3
	typeLong     = 4
	typeRational = 5
)

// exifData is data in TIFF format. Directories that are truncated are read up to their end.
type exifData struct {
	b []byte
	o binary.ByteOrder
}

// entries holds the entries of a directory, 12 bytes each.
type entries []byte

func readEXIF(tiff []byte) (d exifData, ok bool) {
	d = exifData{tiff, order(tiff)}
	return d, d.o != nil
}

// order returns the byte order of a TIFF, or nil if the data are not a TIFF.
func order(tiff []byte) binary.ByteOrder {
	switch {
	case bytes.HasPrefix(tiff, []byte("II\x2a\x00")) && len(tiff) >= 8:
		return binary.LittleEndian
	case bytes.HasPrefix(tiff, []byte("MM\x00\x2a")) && len(tiff) >= 8:
		return binary.BigEndian
	}
	return nil
}

// directory returns the directory at an offset. link is the offset of the field that
// links to the next directory, or 0 if the data end before it.
func (d exifData) directory(at uint32) (list entries, link int64) {
	start := int64(at) + 2
	if start > int64(len(d.b)) {
		return nil, 0
	}
	n := 12 * int64(d.o.Uint16(d.b[at:]))
	if link = start + n; link+4 <= int64(len(d.b)) {
		return d.b[start:link], link
	}
	n = min(n, (int64(len(d.b))-start)/12*12) // truncated
	return d.b[start : start+n], 0
}

// first returns the first directory, as directory does.
func (d exifData) first() (list entries, link int64) { return d.directory(d.o.Uint32(d.b[4:])) }

// entry returns the 12 bytes of a tag's first entry, or nil if there is none.
func (d exifData) entry(list entries, tag uint16) []byte { return list.find(d.o, tag) }

// find returns the first entry of a tag, or nil if there is none.
func (list entries) find(o binary.ByteOrder, tag uint16) []byte {
	for e := range slices.Chunk(list, 12) {
		if o.Uint16(e) == tag {
			return e
		}
	}
	return nil
}

// value returns the bytes of an entry's values, or nil if they lie outside the data or
// their type is not known.
func (d exifData) value(entry []byte) []byte {
	kind := d.o.Uint16(entry[2:])
	if int(kind) >= len(typeSizes) {
		return nil
	}
	n := typeSizes[kind] * int64(d.o.Uint32(entry[4:]))
	if n <= 4 {
		return entry[8 : 8+n]
	}
	at := int64(d.o.Uint32(entry[8:]))
	if at+n > int64(len(d.b)) {
		return nil
	}
	return d.b[at : at+n]
}

// number returns the number of a tag's entry, of 16 or 32 bits. It is not ok if the entry
// is missing, of another type or has several numbers.
func (d exifData) number(list entries, tag uint16) (v uint32, ok bool) {
	e := d.entry(list, tag)
	if e == nil || d.o.Uint32(e[4:]) != 1 {
		return 0, false
	}
	switch d.o.Uint16(e[2:]) {
	case typeShort:
		return uint32(d.o.Uint16(e[8:])), true
	case typeLong, 13:
		return d.o.Uint32(e[8:]), true
	}
	return 0, false
}

// below returns the directory that a tag's entry points to, or nil if there is none.
func (d exifData) below(list entries, tag uint16) entries {
	at, ok := d.number(list, tag)
	if !ok {
		return nil
	}
	sub, _ := d.directory(at)
	return sub
}

// orientationTag returns the orientation in EXIF data. It is not ok if there is none or
// if it is not a single 16-bit number, as EXIF requires.
func orientationTag(exif []byte) (v int, ok bool) {
	d, ok := readEXIF(exif)
	if !ok {
		return 0, false
	}
	list, _ := d.first()
	e := d.entry(list, tagOrientation)
	if e == nil || d.o.Uint16(e[2:]) != typeShort || d.o.Uint32(e[4:]) != 1 {
		return 0, false
	}
	return int(d.o.Uint16(e[8:])), true
}

// upright changes EXIF data in place to describe a picture after its samples were turned.
// orientation, height and width are those of the stored samples. The orientation becomes 1;
// sizes, resolutions and the subject's position are changed to match; the thumbnail, which
// is not turned, is removed. No byte moves, so that maker's notes stay readable. upright
// reports whether it removed a thumbnail, and whether the data are a TIFF whose
// orientation, if any, can be read.
func upright(exif []byte, orientation, height, width int) (thumbnail, ok bool) {
	d, ok := readEXIF(exif)
	if !ok {
		return false, false
	}
	list, link := d.first()
	if orientation > 1 && link > 0 && d.o.Uint32(exif[link:]) != 0 {
		d.blot(link)
		thumbnail = true
	}
	if e := d.entry(list, tagOrientation); e != nil {
		if _, ok := orientationTag(exif); !ok {
			return thumbnail, false
		}
		d.o.PutUint16(e[8:], 1)
	}
	if orientation <= 1 {
		return thumbnail, true
	}
	photo := d.below(list, tagEXIF)
	if orientation >= 5 {
		d.swap(list, tagWidth, tagHeight)
		d.swap(list, tagXResolution, tagYResolution)
		d.swap(photo, tagPixelXDimension, tagPixelYDimension)
		d.swap(photo, tagFocalPlaneX, tagFocalPlaneY)
		d.swap(d.below(photo, tagInterop), tagRelatedWidth, tagRelatedLength)
	}
	d.turnSubject(photo, tagSubjectArea, orientation, height, width)
	d.turnSubject(photo, tagSubjectLocation, orientation, height, width)
	return thumbnail, true
}

// swap exchanges the values of two tags. It does nothing if either is missing.
func (d exifData) swap(list entries, a, b uint16) {
	x, y := d.entry(list, a), d.entry(list, b)
	if x == nil || y == nil {
		return
	}
	old := [10]byte(x[2:])
	copy(x[2:], y[2:])
	copy(y[2:], old[:])
}

// turnSubject turns the point in a tag's value. A diameter, or a width and height, may
// follow the point. height and width are those of the stored samples.
func (d exifData) turnSubject(list entries, tag uint16, orientation, height, width int) {
	e := d.entry(list, tag)
	if e == nil || d.o.Uint16(e[2:]) != typeShort {
		return
	}
	v := d.value(e)
	if len(v) < 4 || len(v) > 8 {
		return
	}
	x, y := int(d.o.Uint16(v)), int(d.o.Uint16(v[2:]))
	if x >= width || y >= height {
		return
	}
	switch orientation {
	case 2, 3, 7, 8:
		x = width - 1 - x
	}
	switch orientation {
	case 3, 4, 6, 7:
		y = height - 1 - y
	}
	if orientation >= 5 {
		x, y = y, x
		if len(v) == 8 {
			v[4], v[5], v[6], v[7] = v[6], v[7], v[4], v[5]
		}
	}
	d.o.PutUint16(v, uint16(x))
	d.o.PutUint16(v[2:], uint16(y))
}

// blot unlinks the second directory, which describes the thumbnail, and overwrites the
// thumbnail with zeros unless other data overlap it. link is the offset of the field in
// the first directory that links to the second.
func (d exifData) blot(link int64) {
	list, _ := d.directory(d.o.Uint32(d.b[link:]))
	at, ok := d.number(list, tagThumbnail)
	n, ok2 := d.number(list, tagThumbnailLength)
	if !ok || !ok2 { // uncompressed, in one strip
		at, ok = d.number(list, tagStripOffsets)
		n, ok2 = d.number(list, tagStripCounts)
	}
	d.o.PutUint32(d.b[link:], 0)
	from, to := int64(at), int64(at)+int64(n)
	if !ok || !ok2 || to > int64(len(d.b)) || d.uses(from, to) {
		return
	}
	clear(d.b[from:to])
}

// uses reports whether a range overlaps the header, the first directory or those below
// it, or their values.
func (d exifData) uses(from, to int64) bool {
	first, _ := d.first()
	photo := d.below(first, tagEXIF)
	if from < 8 {
		return true
	}
	for _, list := range []entries{first, photo, d.below(first, tagGPS), d.below(photo, tagInterop)} {
		if list == nil {
			continue
		}
		for _, part := range d.parts(list) {
			if from < part[1] && part[0] < to {
				return true
			}
		}
	}
	return false
}

// parts returns the ranges of a directory and of its values.
func (d exifData) parts(list entries) (parts [][2]int64) {
	place := func(b []byte) [2]int64 { // b is a part of d.b
		at := int64(cap(d.b) - cap(b))
		return [2]int64{at, at + int64(len(b))}
	}
	parts = append(parts, place(list))
	for e := range slices.Chunk(list, 12) {
		if v := d.value(e); len(v) > 4 {
			parts = append(parts, place(v))
		}
	}
	return parts
}
