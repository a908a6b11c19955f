package encipher

import (
	"bytes"
	"fmt"

	"enciphergan/internal/container"
	"enciphergan/internal/picture"
	"enciphergan/internal/record"
)

// Verified is what the seal of a cipher image proves, without its generators at work.
type Verified struct {
	Exact  bool     // whether the picture can be recovered exactly
	Digest [32]byte // of that picture, as Picture.Digest gives it; only where Exact
	File   []byte   // the original file, byte by byte, of the picture with that digest; nil unless it was kept
	Name   string   // to save that file under, as Opened.Name

	exif, icc, chunks []byte
}

// Matches reports whether a picture file holds just what was sealed: the same samples,
// EXIF data, colour profile and PNG chunks. With WithoutMetadata, those of the file are left out, as
// Encrypt does. It is false where the image is not Exact, as nothing tells then. The
// errors are those of Encrypt about the file.
func (v *Verified) Matches(file []byte, opts ...Option) (same bool, err error) {
	defer guard(&err)
	p, err := picture.Decode(file, limits)
	if err != nil || !v.Exact {
		return false, err
	}
	p = reduced(p, collect(opts))
	return p.Digest() == v.Digest && bytes.Equal(p.EXIF, v.exif) && bytes.Equal(p.ICC, v.icc) && bytes.Equal(p.Chunks, v.chunks), nil
}

// Verify opens the seal of a cipher image and reads what stands beside the picture. It
// takes a small part of the time of Decrypt, whose errors it gives, that of a file that
// was kept and is not of the picture included.
func (m *Model) Verify(png []byte, k Key) (v *Verified, err error) {
	defer guard(&err)
	if k.IsZero() {
		return nil, errNoKey
	}
	sealed, plan, err := m.parse(png)
	if err != nil {
		return nil, err
	}
	text, err := sealed.Open(k.Subkeys(sealed.Header.Nonce), m.network.StatisticsBytes()*len(plan.Tiles))
	if err != nil {
		return nil, err
	}
	rec, err := record.Decode(text.Record)
	if err != nil {
		return nil, err
	}
	file, name, err := kept(rec, sealed.Header.Height, sealed.Header.Width)
	if err != nil {
		return nil, err
	}
	v = &Verified{File: file, Name: name, exif: rec[record.EXIF], icc: rec[record.ICC], chunks: rec[record.Chunks]}
	if v.Exact = rec.Has(record.Digest); v.Exact {
		v.Digest = [32]byte(rec[record.Digest])
	}
	return v, nil
}

// parse reads the header of a cipher image, which must be of this model.
func (m *Model) parse(png []byte) (*container.Sealed, picture.Plan, error) {
	sealed, err := container.Parse(png, limits)
	if err != nil {
		return nil, picture.Plan{}, err
	}
	header := sealed.Header
	if header.Model != m.network.Fingerprint() {
		return nil, picture.Plan{}, &otherModel{file: header.Model, given: m.network.Fingerprint(), name: m.network.Name()}
	}
	tiling := picture.Tiling(m.network.Tiling())
	plan, err := tiling.Plan(header.Height, header.Width)
	if err != nil {
		return nil, picture.Plan{}, err
	}
	if tiling.MaxPixels = 0; header.Tiling != tiling {
		return nil, picture.Plan{}, fmt.Errorf("%w: its tiling is not that of its model", container.ErrChanged)
	}
	return sealed, plan, nil
}
