package encipher

import (
	"context"
	"fmt"
	"strings"

	"enciphergan/internal/container"
	"enciphergan/internal/filename"
	"enciphergan/internal/key"
	"enciphergan/internal/picture"
	"enciphergan/internal/record"
	"enciphergan/internal/residual"
)

// maxSealedBytes is the size of the largest cipher image that Encrypt makes: MaxFileBytes
// of the native program, also in the page, whose larger images the native program reads.
var maxSealedBytes = 400_000_000

// Sealed is the result of Encrypt.
type Sealed struct {
	PNG           []byte   // the cipher image, a file to store or send
	Picture       *Picture // the picture that Decrypt restores; its Notes list what of the file it does not hold
	NeuralCipher  *Picture // the output of the encryption generator, padded; to view and measure only
	ResidualBytes int      // size of the residual in the file; 0 where the content is approximate
	residual      []byte
}

// Encrypt decodes a picture file (PNG, JPEG, GIF, BMP, TIFF or WebP) and encrypts it
// with the key that the recipient wraps. It writes no files.
func (m *Model) Encrypt(ctx context.Context, file []byte, to Recipient, opts ...EncryptOption) (s *Sealed, err error) {
	defer guard(&err)
	o := encryptOptions{runOptions: defaultRun()}
	for _, opt := range opts {
		opt.encrypt(&o)
	}
	o.progress("decode", 0, 1)
	plain, err := picture.Decode(file, limits)
	if err != nil {
		return nil, err
	}
	plain = o.content.of(plain)
	tiling := picture.Tiling(m.network.Tiling())
	plan, err := tiling.Plan(plain.Height, plain.Width)
	if err != nil {
		return nil, err
	}
	if plan.Width > MaxPixels/plan.Height {
		return nil, fmt.Errorf("%w: padded to %d x %d pixels, it exceeds the maximum of %d million", picture.ErrTooLarge, plan.Width, plan.Height, MaxPixels/1_000_000)
	}
	k, slot, err := wrap(ctx, to)
	if err != nil {
		return nil, err
	}
	o.progress("decode", 1, 1)

	header := container.Header{Model: m.network.Fingerprint(), Width: plain.Width, Height: plain.Height, Tiling: tiling, Nonce: key.NewNonce(), Slot: slot}
	if o.nonce != nil {
		header.Nonce = *o.nonce
	}
	subkeys := k.Subkeys(header.Nonce)

	cipher := picture.New(plan.Height, plan.Width)
	var lost *Picture // the residual: original minus recovered samples, modulo 256
	if o.content.exact() {
		lost = picture.New(plan.Height, plan.Width)
	}
	n := m.network.StatisticsBytes()
	statistics := make([]byte, n*len(plan.Tiles))
	prepare := func(t picture.Tile) TileJob {
		return TileJob{Exact: lost != nil, Height: t.Height, Width: t.Width, Samples: plain.Extract(t), Seed: subkeys.TileSeed(header.Model, uint32(t.Index))}
	}
	err = m.eachTile(ctx, lost != nil, plan.Tiles, o.runOptions, "encrypt", prepare, func(t picture.Tile, j TileJob, r TileResult) {
		cipher.Insert(t, r.Samples)
		copy(statistics[n*t.Index:], r.Statistics)
		if lost == nil {
			return
		}
		for i, v := range j.Samples {
			r.Recovered[i] = v - r.Recovered[i]
		}
		lost.Insert(t, r.Recovered)
	})
	if err != nil {
		return nil, err
	}

	o.progress("seal", 0, 1)
	s = &Sealed{Picture: plain, NeuralCipher: cipher}
	if o.content.kind == contentBareCipher {
		if s.PNG, err = container.WriteBare(header, subkeys, cipher.RGB, statistics); err != nil {
			return nil, err
		}
		o.progress("seal", 1, 1)
		return s, nil
	}
	var rec record.Record
	if lost != nil {
		if lost.Height != plain.Height || lost.Width != plain.Width {
			lost = lost.Crop(plain.Height, plain.Width)
		}
		s.residual = residual.Encode(lost.RGB)
		s.ResidualBytes = len(s.residual)
		rec = o.content.record(plain, s.residual, file)
	}
	if s.PNG, err = container.Seal(header, subkeys, cipher.RGB, statistics, rec.Encode()); err != nil {
		return nil, err
	}
	if len(s.PNG) > maxSealedBytes {
		return nil, fmt.Errorf("%w: with its metadata and kept file, the cipher image would have %d bytes, and the maximum is %d", picture.ErrTooLarge, len(s.PNG), maxSealedBytes)
	}
	o.progress("seal", 1, 1)
	return s, nil
}

// Generated returns the output of the decryption generator, before the residual corrects
// it, like Opened.Generated. Encrypt has run the generator already, so that a view of its
// output needs no decryption. It is nil where the content is approximate or a bare cipher,
// for which Encrypt does not run the generator.
func (s *Sealed) Generated() (p *Picture, err error) {
	defer guard(&err)
	if s.residual == nil {
		return nil, nil
	}
	p = picture.New(s.Picture.Height, s.Picture.Width)
	if err := residual.Add(p.RGB, s.residual); err != nil {
		return nil, err
	}
	for i, v := range s.Picture.RGB {
		p.RGB[i] = v - p.RGB[i]
	}
	return p, nil
}

// of removes from p what the content does not include.
func (c Content) of(p *Picture) *Picture {
	switch c.kind {
	case contentApproximate, contentBareCipher:
		return p.OnWhite()
	case contentSamples:
		p.DropMetadata()
	case contentFile:
		if p.Notes != nil {
			p.Notes = []string{fmt.Sprintf("the original file is kept, so nothing is lost; the picture without it: %s", strings.Join(p.Notes, "; "))}
		}
	}
	return p
}

// record returns the record from which restore and keptFile read. file is the file that p was
// decoded from.
func (c Content) record(p *Picture, residual, file []byte) record.Record {
	digest := p.Digest()
	r := record.Record{record.Digest: digest[:], record.Residual: residual}
	if p.Gray {
		r[record.Gray] = nil
	}
	if p.Alpha != nil {
		r[record.Alpha] = record.Pack(p.Alpha)
	}
	if p.LowBytes != nil {
		r[record.LowBytes] = record.Pack(p.LowBytes)
	}
	if p.EXIF != nil {
		r[record.EXIF] = p.EXIF
	}
	if p.ICC != nil {
		r[record.ICC] = p.ICC
	}
	if p.Chunks != nil {
		r[record.Chunks] = p.Chunks
	}
	if c.kind == contentFile {
		r[record.File] = file
		if name := filename.Clean(c.name); name != "" {
			r[record.Name] = []byte(name)
		}
	}
	return r
}
