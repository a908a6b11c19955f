package evaluation

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"enciphergan/internal/key"
	"enciphergan/internal/metric"
	"enciphergan/internal/picture"
)

// Figures are those of one system on one picture. Arrays hold the channels red,
// green, blue.
type Figures struct {
	Critical Critical `json:"critical"` // for the size of the cipher image

	Entropy    [3]float64 `json:"entropy"` // bits a sample
	ChiSquare  [3]float64 `json:"chi_square"`
	Horizontal [3]float64 `json:"correlation_horizontal"` // of all pairs of neighbours
	Vertical   [3]float64 `json:"correlation_vertical"`
	Diagonal   [3]float64 `json:"correlation_diagonal"`

	// Two cipher images of one picture, of which one pixel is changed by one
	// level in each channel: under another nonce, as a system is used, and under
	// the same one. Percent.
	NPCR     [3]float64 `json:"npcr"`
	UACI     [3]float64 `json:"uaci"`
	SameNPCR [3]float64 `json:"npcr_same_nonce"`
	SameUACI [3]float64 `json:"uaci_same_nonce"`

	// The same picture and nonce, one bit of the secret flipped. Percent.
	KeyNPCR [3]float64 `json:"npcr_key"`
	KeyUACI [3]float64 `json:"uaci_key"`

	// Recovered against plain; an exact recovery counts as one sample one level off.
	PSNR  float64 `json:"psnr"` // dB
	SSIM  float64 `json:"ssim"`
	Exact bool    `json:"exact"`

	// Decrypted with one bit of the secret flipped; nil where that is rejected.
	Wrong *Wrong `json:"wrong_key,omitempty"`
}

// Wrong compares what a wrong secret gives with the plain picture. Two
// independent uniform pictures have 7.75 dB.
type Wrong struct {
	PSNR float64 `json:"psnr"` // dB, bounded as Figures.PSNR is
	SSIM float64 `json:"ssim"`
}

// experiment is what one picture goes through.
type experiment struct {
	plain, changed *picture.Picture
	material       Material
	fresh          Material // another nonce
	flipped        Material // one bit of the secret
	workers        int
}

// prepare draws nonces, the changed pixel and the flipped bit.
func prepare(p *picture.Picture, name string, secret [32]byte, draw Draw, workers int) experiment {
	nonce := func(purpose string) key.Nonce {
		b := draw(name, purpose)
		return key.Nonce(b[:key.NonceSize])
	}
	e := experiment{plain: p, changed: p.Crop(p.Height, p.Width), workers: workers}
	e.material = Material{secret, nonce("nonce")}
	e.fresh = Material{secret, nonce("fresh nonce")}
	e.flipped = e.material
	b := draw(name, "bit")
	e.flipped.Secret = flip(secret, int(b[0]))
	at := draw(name, "pixel")
	i := 3 * int(binary.BigEndian.Uint64(at[:])%uint64(p.Width*p.Height))
	for c := range 3 {
		e.changed.RGB[i+c] ^= 1
	}
	return e
}

// flip changes one of the 256 bits.
func flip(secret [32]byte, bit int) [32]byte {
	secret[bit/8] ^= 1 << (bit % 8)
	return secret
}

// measure gives the figures of each system of a subject.
func (e experiment) measure(ctx context.Context, s Subject) ([]Figures, []Trip, error) {
	trips, err := s.Trip(ctx, e.plain, e.material, e.flipped.Secret, e.workers)
	if err != nil {
		return nil, nil, err
	}
	changed, err := s.Encrypt(ctx, e.changed, e.fresh, e.workers)
	if err != nil {
		return nil, nil, err
	}
	same, err := s.Encrypt(ctx, e.changed, e.material, e.workers)
	if err != nil {
		return nil, nil, err
	}
	other, err := s.Encrypt(ctx, e.plain, e.flipped, e.workers)
	if err != nil {
		return nil, nil, err
	}
	figures := make([]Figures, len(trips))
	for i, t := range trips {
		c := t.Cipher
		correlation := metric.AdjacentCorrelation(c.RGB, c.Height, c.Width)
		f := Figures{
			Critical:   CriticalValues(c.Height, c.Width, Alpha),
			Entropy:    metric.Entropy(c.RGB),
			ChiSquare:  metric.ChiSquare(c.RGB),
			Horizontal: correlation.Horizontal, Vertical: correlation.Vertical, Diagonal: correlation.Diagonal,
			NPCR: metric.NPCR(c.RGB, changed[i].RGB), UACI: metric.UACI(c.RGB, changed[i].RGB),
			SameNPCR: metric.NPCR(c.RGB, same[i].RGB), SameUACI: metric.UACI(c.RGB, same[i].RGB),
			KeyNPCR: metric.NPCR(c.RGB, other[i].RGB), KeyUACI: metric.UACI(c.RGB, other[i].RGB),
			Exact: bytes.Equal(e.plain.RGB, t.Recovered.RGB),
		}
		f.PSNR, f.SSIM = e.quality(t.Recovered)
		if t.Wrong != nil {
			psnr, ssim := e.quality(t.Wrong)
			f.Wrong = &Wrong{psnr, ssim}
		}
		if math.IsNaN(f.PSNR + f.NPCR[0] + f.SameNPCR[0] + f.KeyNPCR[0]) {
			return nil, nil, fmt.Errorf("%s: the sizes of its pictures differ", s.Systems()[i].Name)
		}
		figures[i] = f
	}
	return figures, trips, nil
}

func (e experiment) quality(p *picture.Picture) (psnr, ssim float64) {
	if bytes.Equal(e.plain.RGB, p.RGB) {
		return metric.BoundedPSNR(e.plain.RGB, p.RGB), 1
	}
	return metric.BoundedPSNR(e.plain.RGB, p.RGB), metric.SSIM(e.plain.RGB, p.RGB, p.Height, p.Width)
}

// meanColours is a picture of one colour, the mean of p's.
func meanColours(p *picture.Picture) *picture.Picture {
	var sum [3]int
	for i, v := range p.RGB {
		sum[i%3] += int(v)
	}
	flat, n := picture.New(p.Height, p.Width), p.Height*p.Width
	for i := range flat.RGB {
		flat.RGB[i] = byte((sum[i%3] + n/2) / n)
	}
	return flat
}

// probeSide is the side in pixels of the picture on which actingBits looks.
const probeSide = 32

// actingBits counts for each system the bits of the secret that, flipped alone,
// change the cipher image of a small picture: an upper bound of the key space
// that a run can measure.
func actingBits(ctx context.Context, s Subject, m Material) ([]int, error) {
	p := picture.New(probeSide, probeSide)
	for i := range p.RGB {
		p.RGB[i] = byte(i)
	}
	base, err := s.Encrypt(ctx, p, m, 1)
	if err != nil {
		return nil, err
	}
	count := make([]int, len(base))
	secret := m.Secret
	for bit := range 8 * len(secret) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m.Secret = flip(secret, bit)
		other, err := s.Encrypt(ctx, p, m, 1)
		if err != nil {
			return nil, err
		}
		for i := range other {
			if !bytes.Equal(base[i].RGB, other[i].RGB) {
				count[i]++
			}
		}
	}
	return count, nil
}
