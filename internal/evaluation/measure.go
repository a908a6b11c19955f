package evaluation

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"enciphergan/internal/metric"
	"enciphergan/internal/picture"
)

// Figures are the figures of one system on one picture. Arrays hold the channels
// red, green, blue.
type Figures struct {
	Critical CriticalValues `json:"critical"` // for the size of the cipher image

	Entropy    [3]float64 `json:"entropy"` // bits a sample
	ChiSquare  [3]float64 `json:"chi_square"`
	Horizontal [3]float64 `json:"correlation_horizontal"` // of all pairs of neighbours
	Vertical   [3]float64 `json:"correlation_vertical"`
	Diagonal   [3]float64 `json:"correlation_diagonal"`

	// Cipher images of the picture and of one in which each channel of one pixel
	// differs by one level: with another nonce, as a system is used, and with the
	// same nonce. Percent.
	NPCR     [3]float64 `json:"npcr"`
	UACI     [3]float64 `json:"uaci"`
	SameNPCR [3]float64 `json:"npcr_same_nonce"`
	SameUACI [3]float64 `json:"uaci_same_nonce"`

	// Cipher images of one picture and nonce with one bit of the secret flipped. Percent.
	KeyNPCR [3]float64 `json:"npcr_key"`
	KeyUACI [3]float64 `json:"uaci_key"`

	// Recovered against plain.
	PSNR  float64 `json:"psnr"` // dB, see metric.BoundedPSNR
	SSIM  float64 `json:"ssim"`
	Exact bool    `json:"exact"`

	// Decrypted with one bit of the secret flipped; nil if that is rejected.
	Wrong *Wrong `json:"wrong_key,omitempty"`
}

// Wrong compares a picture decrypted with a wrong secret with the plain one. Two
// independent uniform pictures have 7.75 dB.
type Wrong struct {
	PSNR float64 `json:"psnr"` // dB, see metric.BoundedPSNR
	SSIM float64 `json:"ssim"`
}

// experiment holds the inputs for the measurement of one picture.
type experiment struct {
	plain, changed *picture.Picture
	material       Material
	fresh          Material // with another nonce
	flipped        Material // with one bit of the secret flipped
	workers        int
}

// newExperiment draws nonces, the changed pixel and the flipped bit.
func newExperiment(p *picture.Picture, name string, o Options, workers int) experiment {
	e := experiment{plain: p, changed: p.Crop(p.Height, p.Width), workers: workers}
	e.material = o.material(name)
	e.fresh = Material{o.Secret, o.nonce(name, "fresh nonce")}
	e.flipped = e.material
	b := o.Random(name, "bit")
	e.flipped.Secret = flipBit(o.Secret, int(b[0]))
	at := o.Random(name, "pixel")
	i := 3 * int(binary.BigEndian.Uint64(at[:])%uint64(p.Width*p.Height))
	for c := range 3 {
		e.changed.RGB[i+c] ^= 1
	}
	return e
}

// flipBit flips one of the 256 bits.
func flipBit(secret [32]byte, bit int) [32]byte {
	secret[bit/8] ^= 1 << (bit % 8)
	return secret
}

// measure returns the figures of each system of a subject.
func (e experiment) measure(ctx context.Context, s Subject) ([]Figures, []RoundTrip, error) {
	trips, err := s.RoundTrip(ctx, e.plain, e.material, e.flipped.Secret, e.workers)
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
			Critical:   NewCriticalValues(c.Height, c.Width, Alpha),
			Entropy:    metric.Entropy(c.RGB),
			ChiSquare:  metric.ChiSquare(c.RGB),
			Horizontal: correlation.Horizontal, Vertical: correlation.Vertical, Diagonal: correlation.Diagonal,
			NPCR: metric.NPCR(c.RGB, changed[i].RGB), UACI: metric.UACI(c.RGB, changed[i].RGB),
			SameNPCR: metric.NPCR(c.RGB, same[i].RGB), SameUACI: metric.UACI(c.RGB, same[i].RGB),
			KeyNPCR: metric.NPCR(c.RGB, other[i].RGB), KeyUACI: metric.UACI(c.RGB, other[i].RGB),
			Exact: bytes.Equal(e.plain.RGB, t.Recovered.RGB),
		}
		f.PSNR, f.SSIM = quality(e.plain, t.Recovered)
		if t.Wrong != nil {
			psnr, ssim := quality(e.plain, t.Wrong)
			f.Wrong = &Wrong{psnr, ssim}
		}
		if math.IsNaN(f.PSNR + f.NPCR[0] + f.SameNPCR[0] + f.KeyNPCR[0]) {
			return nil, nil, fmt.Errorf("%s: the sizes of its pictures differ", s.Systems()[i].Name)
		}
		figures[i] = f
	}
	return figures, trips, nil
}

// quality compares a recovered picture with the plain one.
func quality(plain, recovered *picture.Picture) (psnr, ssim float64) {
	ssim = 1
	if !bytes.Equal(plain.RGB, recovered.RGB) {
		ssim = metric.SSIM(plain.RGB, recovered.RGB, plain.Height, plain.Width)
	}
	return metric.BoundedPSNR(plain.RGB, recovered.RGB), ssim
}

// meanColours returns a picture of p's mean colour.
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

// probeSide is the side in pixels of the picture that actingBits encrypts.
const probeSide = 32

// actingBits counts for each system the bits of the secret that change the cipher
// image of a small picture when flipped: a measured upper bound of the key space.
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
		m.Secret = flipBit(secret, bit)
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
