package picture

import "strings"

// turnXMP changes XMP to describe a picture after it was turned. The orientation becomes
// 1; if the turn exchanges height and width, the sizes and resolutions are exchanged.
func turnXMP(xmp []byte, orientation int) []byte {
	s := string(xmp)
	if from, to := xmpValue(s, "tiff:Orientation"); to > 0 {
		s = s[:from] + "1" + s[to:]
	}
	if orientation >= 5 {
		for _, pair := range [][2]string{{"tiff:ImageWidth", "tiff:ImageLength"}, {"exif:PixelXDimension", "exif:PixelYDimension"},
			{"tiff:XResolution", "tiff:YResolution"}, {"exif:FocalPlaneXResolution", "exif:FocalPlaneYResolution"}} {
			from, to := xmpValue(s, pair[0])
			from2, to2 := xmpValue(s, pair[1])
			if to == 0 || to2 == 0 {
				continue
			}
			if from > from2 {
				from, to, from2, to2 = from2, to2, from, to
			}
			s = s[:from] + s[from2:to2] + s[to:from2] + s[from:to] + s[to2:]
		}
	}
	return []byte(s)
}

// xmpValue finds the value of a property in XMP, where it may be an attribute or an
// element. It returns the range of the value, or 0, 0 if there is none.
func xmpValue(s, name string) (from, to int) {
	for at := 0; ; {
		i := strings.Index(s[at:], name)
		if i < 0 {
			return 0, 0
		}
		closing := at+i > 0 && s[at+i-1] == '/'
		if at += i + len(name); closing {
			continue
		}
		rest := strings.TrimLeft(s[at:], " \t\r\n")
		end := byte('<')
		if value, ok := strings.CutPrefix(rest, "="); ok {
			rest = strings.TrimLeft(value, " \t\r\n")
			if rest == "" || rest[0] != '"' && rest[0] != '\'' {
				continue
			}
			end = rest[0]
		} else if rest == "" || rest[0] != '>' {
			continue
		}
		from = len(s) - len(rest) + 1
		switch n := strings.IndexByte(s[from:], end); {
		case n > 0:
			return from, from + n
		case n < 0: // not XML; stop here, or the rest would be searched for each name in it
			return 0, 0
		}
	}
}
