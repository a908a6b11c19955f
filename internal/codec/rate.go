package codec

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
)

const (
	// lambda is the value of a bit, in squared steps of squared error.
	lambda = 0.1
	// bitShare is the approximate number of bits that a coefficient takes for one of bitsOf.
	bitShare = 1.1
	// firstStep is the one that the layout is chosen for, before a better one is known.
	firstStep = 6
	// attempts bounds the passes over the picture; photos take two or three.
	attempts = 16
	// usualPasses is how many most photos take.
	usualPasses = 3
)

// Encode returns a code of at most n bytes, almost as long as that unless the picture needs less at the finest step. Samples are 8-bit RGB,
// interleaved. It searches the step in two or three passes.
func (c Codec) Encode(ctx context.Context, rgb []byte, width, height, n int) ([]byte, error) {
	best, _, err := c.encode(ctx, rgb, width, height, n, false)
	return best, err
}

// EncodePreview is Encode, and also returns the picture that Decode returns for the code, at a small part of its cost.
func (c Codec) EncodePreview(ctx context.Context, rgb []byte, width, height, n int) (code, preview []byte, err error) {
	code, decoded, err := c.encode(ctx, rgb, width, height, n, true)
	if err != nil {
		return nil, nil, err
	}
	return code, c.transform().Synthesise(decoded, width, height, stepOf(int(binary.BigEndian.Uint16(code[1:])))), nil
}

// encode returns the code and, if preview is set, the coefficients that its decoder reads.
func (c Codec) encode(ctx context.Context, rgb []byte, width, height, n int, preview bool) ([]byte, *Coefficients, error) {
	if err := checkSize(width, height); err != nil {
		return nil, nil, err
	}
	if len(rgb) != 3*width*height {
		return nil, nil, fmt.Errorf("%w: %d samples for %d x %d pixels", ErrSize, len(rgb), width, height)
	}
	if n < headerSize {
		return nil, nil, ErrRoom
	}
	layoutStep := float64(firstStep)
	coefficients := c.transform().Analyse(rgb, width, height, firstStep)
	spread := spreadOf(coefficients)
	step := spread.step(float64(n))
	if step > 2*firstStep || step < firstStep/2. {
		layoutStep = step
		coefficients = c.transform().Analyse(rgb, width, height, float32(layoutStep))
		spread = spreadOf(coefficients)
		step = spread.step(float64(n))
	}
	p := pass{codec: c, coefficients: coefficients, number: stepNumber(step)}
	var best []byte
	var decoded *Coefficients      // of best
	low, high := -1, largestStep+1 // numbers of steps: the coarsest whose code is too long, the finest whose code fits
	for attempt := range attempts {
		if preview {
			p.decoded = &Coefficients{Width: coefficients.Width, Height: coefficients.Height, Layout: coefficients.Layout}
			for i := range p.decoded.Values {
				p.decoded.Values[i] = make([]float32, len(coefficients.Values[i]))
			}
		}
		code, err := p.run(ctx, n)
		if err != nil {
			return nil, nil, err
		}
		if len(code) <= n {
			high = min(high, p.number)
			if len(code) > len(best) {
				best, decoded = code, p.decoded
			}
		} else {
			low = max(low, p.number)
		}
		if len(best) >= n-n/200-8 || high == 0 || high-low <= 1 || attempt >= 3 && len(best) >= n-n/50 {
			break
		}
		s, excess := float64(stepOf(p.number)), math.Log(float64(len(code))/float64(n))
		if p.steer {
			s *= 1 + .002 + 3*excess
		} else {
			// The estimate, scaled to be right for this step, finds the next.
			s = spread.step(float64(n) * .998 * spread.bytes(s) / float64(len(code)))
			p.steer = math.Abs(excess) < .08
		}
		next := stepNumber(s)
		if next <= low || next >= high {
			next = (low + high) / 2
		}
		p.number = next
	}
	if best == nil {
		return nil, nil, ErrRoom
	}
	return best, decoded, nil
}

// pass is one coding of all blocks. Once the step is about right, lambda follows the budget: the rows of the pass
// before tell what share of it each row should have.
type pass struct {
	codec        Codec
	coefficients *Coefficients
	number       int           // of the step
	steer        bool          // whether lambda follows the budget
	decoded      *Coefficients // takes what the decoder reads, unless nil
	done         int           // passes
	rows         []int         // bytes before each row, in the pass before, and the bytes of all
}

func (p *pass) run(ctx context.Context, n int) ([]byte, error) {
	step := stepOf(p.number)
	b := newBlockCoder(p.coefficients, step)
	b.off, b.decoded = p.codec.off, p.decoded
	b.rangeCoder = newEncoder()
	b.code = append(b.code, cosine1, 0, 0)
	binary.BigEndian.PutUint16(b.code[1:], uint16(p.number))
	b.lambda = lambda
	var rows []int
	height := b.rowsOfBlocks()
	err := b.picture(ctx, func(i int) {
		p.codec.report(min(p.done*height+i, usualPasses*height-1), usualPasses*height)
		rows = append(rows, len(b.code))
		if !p.steer || p.codec.off.steady {
			return
		}
		goal := .999 * float64(n)
		all := float64(p.rows[len(p.rows)-1])
		due := float64(p.rows[i]) / all * goal
		left := goal - due
		excess := (float64(len(b.code)) - due + 4) / (left + 64)
		b.lambda = float32(lambda * math.Exp(min(max(16*excess, -.4), .4)))
	})
	if err != nil {
		return nil, err
	}
	p.done++
	code := b.finish()
	p.rows = append(rows, len(code))
	return code, nil
}

// spread counts coefficients by magnitude, in sixteenths of octaves.
type spread [64 * 16]int

func spreadOf(c *Coefficients) *spread {
	var s spread
	for _, plane := range c.Values {
		for _, v := range plane {
			bits := math.Float32bits(v) &^ (1 << 31)
			s[min(max(int(bits>>19)-(127-20)*16, 0), len(s)-1)]++
		}
	}
	return &s
}

// bytes estimates the length of the code with a step.
func (s *spread) bytes(step float64) float64 {
	sum := 0.
	for i, n := range s {
		if n > 0 {
			m := math.Exp2(float64(i/16-20)) * (1 + (float64(i%16)+.5)/16) / step
			sum += float64(n) * math.Log2(1+2*m*m)
		}
	}
	return sum * bitShare / 8
}

// step returns the one for n bytes.
func (s *spread) step(n float64) float64 {
	low, high := float64(stepOf(0)), float64(stepOf(largestStep))
	for range 40 {
		middle := math.Sqrt(low * high)
		if s.bytes(middle) > n {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}
