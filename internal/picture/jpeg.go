package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"strings"
)

const (
	noteRestart = "restart markers had wrong numbers, which were corrected"
	noteEnd     = "the file lacks its last marker; no sample is missing"
)

// jpegFile is the structure of a JPEG file up to its end, or up to the first error
// (ITU-T T.81, annex B).
type jpegFile struct {
	frame         byte // marker of the frame; 0: not found yet
	precision     byte
	width, height int
	components    []jpegComponent
	sampling      int // offset in the file of the first component's sampling factors
	scans         []jpegScan
	cut           bool // the file ends before its last marker
}

type jpegComponent struct {
	id   byte
	h, v int
	left [64]bool // coefficients that no scan has completed yet
}

type jpegScan struct {
	interval int   // units between restarts; 0: no restarts
	units    int   // number of MCUs
	restarts []int // offsets of the second bytes of the restart markers
	apart    bool  // it has a single component, of which an interleaved MCU has several blocks
}

// maxScans bounds the scans that are read. Encoders write about ten.
const maxScans = 1024

const (
	jpegSOF0 = 0xc0
	jpegSOF2 = 0xc2
	jpegDHT  = 0xc4
	jpegJPG  = 0xc8
	jpegDAC  = 0xcc
	jpegSOF  = 0xcf // the last SOF marker
	jpegRST0 = 0xd0
	jpegRST7 = 0xd7
	jpegEOI  = 0xd9
	jpegSOS  = 0xda
	jpegDRI  = 0xdd
	jpegLS   = 0xf7 // the frame of JPEG-LS
)

func readJPEG(file []byte) *jpegFile {
	j := &jpegFile{}
	interval := 0
	for at := 2; ; {
		// Find the next marker. Skip fill bytes and stray bytes.
		for at+1 < len(file) && (file[at] != 0xff || file[at+1] == 0xff || file[at+1] == 0) {
			at++
		}
		if at+1 >= len(file) {
			j.cut = true
			return j
		}
		marker := file[at+1]
		at += 2
		switch {
		case marker == jpegEOI:
			return j
		case marker >= jpegRST0 && marker < jpegEOI:
			continue
		}
		n := 2
		if at+2 <= len(file) {
			n = int(binary.BigEndian.Uint16(file[at:]))
		}
		if n < 2 || n > len(file)-at {
			j.cut = n >= 2
			return j
		}
		segment := file[at+2 : at+n]
		switch {
		case marker == jpegDRI && len(segment) == 2:
			interval = int(binary.BigEndian.Uint16(segment))
		case j.frame == 0 && (marker >= jpegSOF0 && marker <= jpegSOF && marker != jpegDHT && marker != jpegJPG && marker != jpegDAC || marker == jpegLS):
			if len(segment) < 6 || len(segment) != 6+3*int(segment[5]) {
				return j
			}
			j.frame, j.precision = marker, segment[0]
			j.height, j.width = int(binary.BigEndian.Uint16(segment[1:])), int(binary.BigEndian.Uint16(segment[3:]))
			j.sampling = at + 2 + 7
			for c := segment[6:]; len(c) > 0; c = c[3:] {
				component := jpegComponent{id: c[0], h: int(c[1] >> 4), v: int(c[1] & 15)}
				for i := range component.left {
					component.left[i] = true
				}
				j.components = append(j.components, component)
			}
		}
		at += n
		if marker == jpegSOS {
			if len(j.scans) == maxScans {
				return j
			}
			scan, ok := j.scan(segment, interval)
			if !ok {
				return j
			}
			at = scan.follow(file, at)
			j.scans = append(j.scans, scan)
		}
	}
}

// scan parses the header of a scan and marks the coefficients that the scan completes.
func (j *jpegFile) scan(segment []byte, interval int) (s jpegScan, ok bool) {
	if len(segment) < 1 || len(segment) != 4+2*int(segment[0]) {
		return s, false
	}
	s.interval = interval
	var in []*jpegComponent
	for i := range int(segment[0]) {
		for c := range j.components {
			if j.components[c].id == segment[1+2*i] {
				in = append(in, &j.components[c])
				break
			}
		}
	}
	tail := segment[len(segment)-3:]
	first, last, low := int(tail[0]), int(tail[1]), tail[2]&15
	if j.frame != jpegSOF2 { // only progressive frames use these fields
		first, last, low = 0, 63, 0
	}
	if len(in) == 0 || len(in) != int(segment[0]) || first > last || last > 63 {
		return s, false
	}
	wide, high := 1, 1
	for _, c := range j.components {
		if c.h == 0 || c.v == 0 {
			return s, false
		}
		wide, high = max(wide, c.h), max(high, c.v)
	}
	for _, c := range in {
		for k := first; k <= last; k++ {
			c.left[k] = low != 0
		}
	}
	up := func(a, b int) int { return (a + b - 1) / b }
	if len(in) == 1 {
		s.apart = in[0].h*in[0].v > 1
		s.units = up(up(j.width*in[0].h, wide), 8) * up(up(j.height*in[0].v, high), 8)
	} else {
		s.units = up(j.width, 8*wide) * up(j.height, 8*high)
	}
	return s, true
}

// follow skips the entropy-coded data of a scan at offset at and records its restart
// markers. It returns the offset of the marker that ends the scan.
func (s *jpegScan) follow(file []byte, at int) int {
	for {
		i := bytes.IndexByte(file[at:], 0xff)
		if i < 0 || at+i+1 >= len(file) {
			return len(file)
		}
		at += i
		switch next := file[at+1]; {
		case next == 0:
			at += 2
		case next == 0xff:
			at++
		case next >= jpegRST0 && next <= jpegRST7:
			if s.interval > 0 && len(s.restarts) <= s.units/s.interval+1 { // more are wrong in any case
				s.restarts = append(s.restarts, at+1)
			}
			at += 2
		default:
			return at
		}
	}
}

// whole reports whether the scans completed all coefficients of all components.
func (j *jpegFile) whole() bool {
	for _, c := range j.components {
		for _, left := range c.left {
			if left {
				return false
			}
		}
	}
	return len(j.components) > 0
}

// mendJPEG corrects the numbers of restart markers if the scan has the right number of
// markers. The sampling factors of a gray picture have no effect; it sets them to 1x1,
// which image/jpeg accepts.
func mendJPEG(file []byte) ([]byte, []string) {
	j := readJPEG(file)
	mended := file
	put := func(at int, v byte) {
		if mended[at] == v {
			return
		}
		if &mended[0] == &file[0] {
			mended = bytes.Clone(file)
		}
		mended[at] = v
	}
	var notes []string
	for _, s := range j.scans {
		if s.interval == 0 || len(s.restarts) < (s.units-1)/s.interval || len(s.restarts) > (s.units-1)/s.interval+1 { // one more, at the end, is harmless
			continue
		}
		for i, at := range s.restarts {
			if right := byte(jpegRST0 + i%8); file[at] != right {
				put(at, right)
				notes = []string{noteRestart}
			}
		}
	}
	if len(j.components) == 1 && min(j.components[0].h, j.components[0].v) > 0 && max(j.components[0].h, j.components[0].v) <= 4 {
		put(j.sampling, 0x11)
	}
	return mended, notes
}

func jpegSize(file []byte) (width, height int, err error) {
	j := readJPEG(file)
	switch {
	case j.frame == 0:
	case j.frame == jpegLS:
		return 0, 0, unsupported("JPEG-LS")
	case j.frame > jpegJPG:
		return 0, 0, unsupported("JPEG with arithmetic coding")
	case j.frame == jpegSOF0+3:
		return 0, 0, unsupported("lossless JPEG")
	case j.frame > jpegSOF2:
		return 0, 0, unsupported("hierarchical JPEG")
	case j.precision != 8:
		return 0, 0, unsupported(fmt.Sprintf("JPEG with samples of %d bits", j.precision))
	case j.height == 0:
		return 0, 0, unsupported("JPEG that declares its height after the samples (DNL)")
	case len(j.components) != 1 && len(j.components) != 3 && len(j.components) != 4:
		return 0, 0, unsupported(fmt.Sprintf("JPEG with %d components", len(j.components)))
	}
	for _, s := range j.scans {
		// image/jpeg counts the restarts of such a scan in interleaved MCUs; by T.81, A.2.2, the unit is a single block.
		if s.apart && len(j.components) > 1 && s.interval > 0 && s.units > s.interval {
			return 0, 0, unsupported("JPEG with restart markers in scans of a single component")
		}
	}
	width, height, err = sizeBy(jpeg.DecodeConfig)(file)
	var u jpeg.UnsupportedError
	if errors.As(err, &u) && strings.Contains(string(u), "subsampling") {
		var factors []string
		for _, c := range j.components {
			factors = append(factors, fmt.Sprintf("%dx%d", c.h, c.v))
		}
		return 0, 0, unsupported("JPEG with sampling factors " + strings.Join(factors, ", "))
	}
	return width, height, err
}

// decodeJPEG also decodes a file that lacks its last marker, unless samples are
// missing.
func decodeJPEG(file []byte) (*Picture, error) {
	decode := decodeBy(jpeg.Decode)
	p, err := decode(file)
	if err == nil {
		return p, nil
	}
	j := readJPEG(file)
	if !j.cut {
		return nil, err
	}
	if !j.whole() {
		return nil, io.ErrUnexpectedEOF
	}
	p, err = decode(append(bytes.Clone(bytes.TrimSuffix(file, []byte{0xff})), 0xff, jpegEOI))
	if err != nil { // the last scan is truncated
		return nil, io.ErrUnexpectedEOF
	}
	p.Notes = append(p.Notes, noteEnd)
	return p, nil
}
