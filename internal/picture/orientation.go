package picture

// orient turns and mirrors the picture in place so that the given EXIF
// orientation becomes 1 (TIFF 6.0, tag 274).
func (p *Picture) orient(o int) {
	if o <= 1 {
		return
	}
	w, h := p.Width, p.Height
	// at returns the source pixel of a pixel of the result.
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
	height, width := h, w
	if o >= 5 {
		height, width = w, h
	}
	channels := p.Channels()
	turn := func(plane []byte, n int) []byte {
		if plane == nil {
			return nil
		}
		turned := make([]byte, 0, len(plane))
		for y := range height {
			for x := range width {
				sy, sx := at(y, x)
				turned = append(turned, plane[n*(sy*w+sx):][:n]...)
			}
		}
		return turned
	}
	p.Width, p.Height = width, height
	p.RGB, p.Alpha, p.LowBytes = turn(p.RGB, 3), turn(p.Alpha, 1), turn(p.LowBytes, channels)
}
