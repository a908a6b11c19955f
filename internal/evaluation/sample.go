package evaluation

import (
	"enciphergan/internal/metric"
	"enciphergan/internal/picture"
)

// viewSide is the side in pixels of the part of a picture that a report shows.
const viewSide = 256

// sample is a picture that a report shows, with the results of each system.
type sample struct {
	name      string
	plain     *picture.Picture
	histogram [3][256]int
	pairs     []byte
	systems   []shown
}

// shown is the result of one system. Histogram and pairs are those of the whole cipher image.
type shown struct {
	cipher, recovered, wrong *picture.Picture // wrong is nil if it was rejected
	histogram                [3][256]int
	pairs                    []byte
}

func (s *sample) add(t RoundTrip) {
	v := shown{cipher: view(t.Cipher), recovered: view(t.Recovered), histogram: metric.Histogram(t.Cipher.RGB), pairs: neighbourPairs(t.Cipher)}
	if t.Wrong != nil {
		v.wrong = view(t.Wrong)
	}
	s.systems = append(s.systems, v)
}

// view returns the centre of a picture.
func view(p *picture.Picture) *picture.Picture {
	return centre(p, min(p.Height, viewSide), min(p.Width, viewSide))
}

// neighbourPairs returns the dots of a correlation plot.
func neighbourPairs(p *picture.Picture) []byte {
	const dots = 700
	return metric.NeighbourPairs(p.RGB, p.Height, p.Width, dots)
}
