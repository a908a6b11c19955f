package encipher

import (
	"bytes"
	"fmt"
	"strings"

	"enciphergan/internal/filename"
	"enciphergan/internal/picture"
	"enciphergan/internal/record"
	"enciphergan/internal/residual"
)

// keep makes the record from which restore brings a picture back. lost is the
// residual of its colours, file what it was decoded from.
func keep(p *Picture, lost, file []byte, o options) record.Record {
	digest := p.Digest()
	r := record.Record{record.Digest: digest[:], record.Residual: residual.Encode(lost)}
	if p.Gray {
		r[record.Gray] = nil
	}
	if p.Alpha != nil {
		r[record.Alpha] = record.Pack(p.Alpha)
	}
	if p.Low != nil {
		r[record.Low] = record.Pack(p.Low)
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
	if o.exact == ExactFile {
		r[record.File] = file
		if name := filename.Clean(o.name); name != "" {
			r[record.Name] = []byte(name)
		}
	}
	return r
}

// restore makes the picture of a record from the colours that were recovered,
// which it changes. Errors wrap errNotExact.
func restore(generated *Picture, r record.Record) (p *Picture, err error) {
	p = &Picture{Width: generated.Width, Height: generated.Height, RGB: generated.RGB,
		Gray: r.Has(record.Gray), EXIF: r[record.EXIF], ICC: r[record.ICC], Chunks: r[record.Chunks]}
	if err := residual.Add(p.RGB, r[record.Residual]); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotExact, err)
	}
	if p.Alpha, err = plane(r, record.Alpha, p.Width*p.Height); err != nil {
		return nil, err
	}
	if p.Low, err = plane(r, record.Low, p.Width*p.Height*p.Channels()); err != nil {
		return nil, err
	}
	if digest := p.Digest(); !bytes.Equal(digest[:], r[record.Digest]) {
		return p, errNotExact
	}
	return p, nil
}

func plane(r record.Record, k record.Kind, n int) ([]byte, error) {
	if !r.Has(k) {
		return nil, nil
	}
	b, err := record.Unpack(r[k], n)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotExact, err)
	}
	return b, nil
}

// kept gives the original file of a record, and a name that is safe to save it under.
// The file must be of the picture whose digest the record has: anyone who can seal could
// put another beside it, which would otherwise be offered with the picture's proof. Errors
// wrap ErrOtherFile. Where no file was kept, file is nil.
func kept(r record.Record, height, width int) (file []byte, name string, err error) {
	if !r.Has(record.File) {
		return nil, "", nil
	}
	file = r[record.File]
	// Its header is cheap to read, and bounds what decoding takes by the picture's own size.
	h, w, err := picture.Size(file, limits)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrOtherFile, err)
	}
	if h != height || w != width {
		return nil, "", fmt.Errorf("%w: it has %d x %d pixels", ErrOtherFile, w, h)
	}
	p, err := picture.Decode(file, limits)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrOtherFile, err)
	}
	if digest := p.Digest(); !bytes.Equal(digest[:], r[record.Digest]) {
		return nil, "", ErrOtherFile
	}
	return file, filename.Kept(string(r[record.Name]), file), nil
}

// reduced is what of a picture is encrypted.
func reduced(p *Picture, o options) *Picture {
	if o.exact == ExactOff {
		return p.OnWhite()
	}
	if o.noMetadata && o.exact != ExactFile {
		p.DropMetadata()
	}
	if o.exact == ExactFile && p.Notes != nil {
		p.Notes = []string{fmt.Sprintf("the file itself is kept, so nothing is lost; the picture alone is not all of it: %s", strings.Join(p.Notes, "; "))}
	}
	return p
}
