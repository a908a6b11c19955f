package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"
	"slices"

	"enciphergan/internal/pngchunk"
)

// maxMetadata bounds EXIF and colour profile, in bytes each. Larger ones are
// left out.
const maxMetadata = 4 << 20

const (
	noteEXIF = "the EXIF data cannot be read and were not kept"
	noteICC  = "the colour profile is not for the colours of the picture, or cannot be read, and was not kept"
	noteTIFF = "of a TIFF, the EXIF data and colour profile were not kept"
)

// keepMetadata takes EXIF and colour profile from a file of the given kind. What
// cannot be read is no reason to refuse a picture whose samples are sound.
func (p *Picture) keepMetadata(file []byte, kind string) {
	if kind == "TIFF" {
		if ifd0(file, tagEXIF) != nil || ifd0(file, tagICC) != nil {
			p.Notes = append(p.Notes, noteTIFF)
		}
		return
	}
	exif, icc := metadata(file, kind)
	if kind == "PNG" && icc != nil {
		icc = inflateProfile(icc)
	}
	if len(exif) > 0 {
		exif = bytes.Clone(exif)
		if upright(exif) && len(exif) <= maxMetadata {
			p.EXIF = exif
		} else {
			p.Notes = append(p.Notes, noteEXIF)
		}
	}
	if len(icc) > 0 {
		space := "RGB "
		if p.Gray {
			space = "GRAY"
		}
		// ICC.1, 7.2: the header has 128 bytes, the colour space of the data at byte 16.
		if len(icc) >= 132 && len(icc) <= maxMetadata && string(icc[16:20]) == space {
			p.ICC = bytes.Clone(icc)
		} else {
			p.Notes = append(p.Notes, noteICC)
		}
	}
}

// metadata finds EXIF data, from their byte order on, and colour profile in a file;
// that of a PNG is still compressed. Both are parts of the file.
func metadata(file []byte, kind string) (exif, icc []byte) {
	switch kind {
	case "JPEG":
		exif, icc = jpegMetadata(file)
	case "PNG":
		exif, icc = pngMetadata(file)
	case "WebP":
		exif, icc = webpMetadata(file)
	}
	return bytes.TrimPrefix(exif, []byte(exifPrefix)), icc
}

const (
	exifPrefix = "Exif\x00\x00"
	iccPrefix  = "ICC_PROFILE\x00"
)

// jpegMetadata walks the segments before the samples.
func jpegMetadata(file []byte) (exif, icc []byte) {
	const app1, app2, startOfScan, endOfImage = 0xe1, 0xe2, 0xda, 0xd9
	var parts [256][]byte // of the profile, by their numbers
	for rest := file[2:]; len(rest) >= 4 && rest[0] == 0xff; {
		marker := rest[1]
		if marker == 0xff { // fill
			rest = rest[1:]
			continue
		}
		if marker == startOfScan || marker == endOfImage {
			break
		}
		n := int(binary.BigEndian.Uint16(rest[2:]))
		if n < 2 || n > len(rest)-2 {
			break
		}
		segment := rest[4 : 2+n]
		rest = rest[2+n:]
		switch {
		case marker == app1 && exif == nil && bytes.HasPrefix(segment, []byte(exifPrefix)):
			exif = segment
		case marker == app2 && bytes.HasPrefix(segment, []byte(iccPrefix)) && len(segment) > len(iccPrefix)+2:
			parts[segment[len(iccPrefix)]] = segment[len(iccPrefix)+2:]
		}
	}
	return exif, slices.Concat(parts[:]...)
}

func pngMetadata(file []byte) (exif, icc []byte) {
	for rest := file[8:]; len(rest) >= 12; {
		n := int64(binary.BigEndian.Uint32(rest))
		if n > int64(len(rest)-12) {
			break
		}
		data := rest[8 : 8+n]
		switch string(rest[4:8]) {
		case "eXIf":
			exif = data
		case "iCCP":
			icc = data
		}
		rest = rest[12+n:]
	}
	return exif, icc
}

// inflateProfile is the profile in an iCCP chunk.
func inflateProfile(chunk []byte) []byte {
	if _, packed, ok := bytes.Cut(chunk, []byte{0}); ok && len(packed) > 1 && packed[0] == 0 {
		if r, err := zlib.NewReader(bytes.NewReader(packed[1:])); err == nil {
			if b, err := io.ReadAll(io.LimitReader(r, maxMetadata+1)); err == nil {
				return b
			}
		}
	}
	return []byte{0} // no profile, so that one that cannot be read is noted
}

func webpMetadata(file []byte) (exif, icc []byte) {
	for rest := file[12:]; len(rest) >= 8; {
		n := int64(binary.LittleEndian.Uint32(rest[4:]))
		if n > int64(len(rest)-8) {
			break
		}
		switch string(rest[:4]) {
		case "EXIF":
			exif = rest[8 : 8+n]
		case "ICCP":
			icc = rest[8 : 8+n]
		}
		rest = rest[min(8+n+n%2, int64(len(rest))):]
	}
	return exif, icc
}

// DropMetadata leaves of the picture its samples.
func (p *Picture) DropMetadata() { p.EXIF, p.ICC, p.Chunks = nil, nil, nil }

// withMetadata puts what a picture has beside its samples behind the header of a
// PNG, where all of it may stand.
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

// Tags of TIFF 6.0 and EXIF.
const (
	tagOrientation = 274
	tagEXIF        = 34665
	tagICC         = 34675
)

// orientationTag is the orientation in EXIF data. It is not ok where there is none,
// or one that is no single 16-bit number, as which EXIF has it.
func orientationTag(exif []byte) (v int, ok bool) {
	const short = 3
	entry, o := ifd0(exif, tagOrientation), order(exif)
	if entry == nil || o.Uint16(entry[2:]) != short || o.Uint32(entry[4:]) != 1 {
		return 0, false
	}
	return int(o.Uint16(entry[8:])), true
}

// upright sets the orientation in EXIF data to 1, because the samples are turned
// already. It reports whether the data are sound as far as that goes.
func upright(exif []byte) bool {
	entry, o := ifd0(exif, tagOrientation), order(exif)
	if entry == nil {
		return o != nil
	}
	if _, ok := orientationTag(exif); !ok {
		return false
	}
	o.PutUint16(entry[8:], 1)
	return true
}

// order is the byte order of a TIFF, nil where it is none.
func order(tiff []byte) binary.ByteOrder {
	switch {
	case bytes.HasPrefix(tiff, []byte("II\x2a\x00")) && len(tiff) >= 8:
		return binary.LittleEndian
	case bytes.HasPrefix(tiff, []byte("MM\x00\x2a")) && len(tiff) >= 8:
		return binary.BigEndian
	}
	return nil
}

// ifd0 finds the 12 bytes of a tag's entry in the first directory of a TIFF.
func ifd0(tiff []byte, tag uint16) []byte {
	o := order(tiff)
	if o == nil {
		return nil
	}
	at := int64(o.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return nil
	}
	entries := tiff[at+2:]
	for range o.Uint16(tiff[at:]) {
		if len(entries) < 12 {
			return nil
		}
		if o.Uint16(entries) == tag {
			return entries[:12]
		}
		entries = entries[12:]
	}
	return nil
}
