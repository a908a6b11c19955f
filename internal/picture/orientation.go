package picture

import (
	"bytes"
	"fmt"

	"github.com/bep/imagemeta"
)

// orientation reads the EXIF orientation, 1 to 8, and 1 where there is none or
// the metadata cannot be read: damaged metadata is no reason to refuse a
// picture whose samples are sound.
func orientation(file []byte, kind imagemeta.ImageFormat) int {
	found := 1
	_, err := imagemeta.Decode(imagemeta.Options{
		R:            bytes.NewReader(file),
		ImageFormat:  kind,
		Sources:      imagemeta.EXIF,
		LimitNumTags: 1000,
		LimitTagSize: 64,
		ShouldHandleTag: func(tag imagemeta.TagInfo) bool {
			return tag.Namespace == "IFD0" && tag.Tag == "Orientation"
		},
		HandleTag: func(tag imagemeta.TagInfo) error {
			var v int
			if _, err := fmt.Sscan(fmt.Sprint(tag.Value), &v); err == nil && v >= 1 && v <= 8 {
				found = v
			}
			return imagemeta.ErrStopWalking
		},
	})
	if err != nil {
		return 1
	}
	return found
}

// orient turns and mirrors the picture in place so that the given EXIF
// orientation becomes 1 (TIFF 6.0, tag 274).
func (p *Picture) orient(o int) {
	if o <= 1 {
		return
	}
	w, h := p.Width, p.Height
	// at gives the source pixel of a pixel of the result.
	var at func(y, x int) (int, int)
	switch o {
	case 2:
		at = func(y, x int) (int, int) { return y, w - 1 - x }
	case 3:
		at = func(y, x int) (int, int) { return h - 1 - y, w - 1 - x }
	case 4:
		at = func(y, x int) (int, int) { return h - 1 - y, x }
	case 5:
		at = func(y, x int) (int, int) { return x, y }
	case 6:
		at = func(y, x int) (int, int) { return h - 1 - x, y }
	case 7:
		at = func(y, x int) (int, int) { return h - 1 - x, w - 1 - y }
	case 8:
		at = func(y, x int) (int, int) { return x, w - 1 - y }
	}
	turned := New(h, w)
	if o >= 5 {
		turned = New(w, h)
	}
	for y, i := 0, 0; y < turned.Height; y++ {
		for x := 0; x < turned.Width; x, i = x+1, i+3 {
			sy, sx := at(y, x)
			j := 3 * (sy*w + sx)
			turned.RGB[i], turned.RGB[i+1], turned.RGB[i+2] = p.RGB[j], p.RGB[j+1], p.RGB[j+2]
		}
	}
	p.Width, p.Height, p.RGB = turned.Width, turned.Height, turned.RGB
}
