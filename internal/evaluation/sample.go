package evaluation

import (
	"enciphergan/internal/metric"
	"enciphergan/internal/picture"
)

// viewSide is the side in pixels of what is shown of a picture.
const viewSide = 256

// sample is a picture kept to be shown, with what each system made of it.
type sample struct {
	name      string
	plain     *picture.Picture
	histogram [3][256]int
	pairs     [][2]byte
	systems   []shown
}

// shown is one system's part. Histogram and pairs are of the whole cipher image.
type shown struct {
	cipher, recovered, wrong *picture.Picture // wrong is nil where it was rejected
	histogram                [3][256]int
	pairs                    [][2]byte
}

func (s *sample) add(t Trip) {
	v := shown{cipher: view(t.Cipher), recovered: view(t.Recovered), histogram: metric.Histogram(t.Cipher.RGB), pairs: neighbours(t.Cipher)}
	if t.Wrong != nil {
		v.wrong = view(t.Wrong)
	}
	s.systems = append(s.systems, v)
}

// view is the centre of a picture.
func view(p *picture.Picture) *picture.Picture {
	height, width := min(p.Height, viewSide), min(p.Width, viewSide)
	return Centre(p, height, width)
}

// Centre copies the colours of the middle of a picture that is at least of the
// given size.
func Centre(p *picture.Picture, height, width int) *picture.Picture {
	c := picture.New(height, width)
	top, left := (p.Height-height)/2, (p.Width-width)/2
	for y := range height {
		copy(c.RGB[3*width*y:][:3*width], p.RGB[3*((top+y)*p.Width+left):])
	}
	return c
}

// shownPairs is how many pairs of neighbours a plot shows.
const shownPairs = 700

// neighbours picks green samples and their right neighbours, spread evenly.
func neighbours(p *picture.Picture) [][2]byte {
	if p.Width < 2 {
		return nil
	}
	all := p.Height * (p.Width - 1)
	var pairs [][2]byte
	for i := range min(shownPairs, all) {
		at := i * all / min(shownPairs, all)
		y, x := at/(p.Width-1), at%(p.Width-1)
		j := 3*(y*p.Width+x) + 1
		pairs = append(pairs, [2]byte{p.RGB[j], p.RGB[j+3]})
	}
	return pairs
}
