package encipher

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"enciphergan/internal/container"
	"enciphergan/internal/filename"
	"enciphergan/internal/key"
	"enciphergan/internal/picture"
	"enciphergan/internal/record"
	"enciphergan/internal/residual"
)

var (
	errNotExact = errors.New("the recovered picture is not equal to the original")

	// ErrOtherFile is wrapped by the error NotExact where the kept file does not match the
	// picture. This program never seals such a file.
	ErrOtherFile = errors.New("the kept file does not match the picture")
)

// Opened is the result of Decrypt.
type Opened struct {
	Picture      *Picture // the recovered picture
	PNG          []byte   // the same as a file
	NeuralCipher *Picture // the output of the encryption generator, padded
	Generated    *Picture // the output of the decryption generator, before the residual corrects it
	File         []byte   // the kept file, byte for byte, proven to match the picture; nil where none was kept
	Name         string   // name to save File under: safe on every system, its extension that of the content; may be empty
	Sealed       bool     // whether the file was authenticated; false for a bare cipher image
	Promised     bool     // whether the file claims that the picture is restored exactly
	Exact        bool     // whether every sample, and the kept file if any, is proven to be the original
	Fault        error    // why Exact is false although Promised; set with AcceptApproximate only
}

// Decrypt decrypts a cipher image with the key that the identity unwraps. It computes
// no sample before it has verified the authentication tag of the file. To try several
// identities, use Info.Unlock, and pass the key that it returns. The error is NotExact
// where the restored picture differs from the original, or a kept file from the picture.
// A copy of a cipher image for messengers is decrypted as DecryptCopy does, without the model.
func (m *Model) Decrypt(ctx context.Context, png []byte, id Identity, opts ...DecryptOption) (opened *Opened, err error) {
	defer guard(&err)
	o := decryptOptions{runOptions: defaultRun()}
	for _, opt := range opts {
		opt.decrypt(&o)
	}
	if _, err := container.Parse(png, limits); errors.Is(err, container.ErrNotCipher) {
		return DecryptCopy(ctx, png, id, opts...)
	}
	o.progress("open", 0, 1)
	c, err := m.open(ctx, png, id, o.bare)
	if err != nil {
		return nil, err
	}
	header := c.header
	original, name, fault := keptFile(c.record, header.Height, header.Width)
	if fault != nil && !o.approximate {
		return nil, fault
	}
	o.progress("open", 1, 1)

	n := m.network.StatisticsBytes()
	cipher := &Picture{Width: c.plan.Width, Height: c.plan.Height, RGB: c.text.Levels}
	generated := picture.New(c.plan.Height, c.plan.Width) // padded until all tiles are in it
	promised := c.record.Has(record.Digest)
	prepare := func(t picture.Tile) TileJob {
		return TileJob{Decrypt: true, Exact: promised, Height: t.Height, Width: t.Width, Samples: cipher.Extract(t),
			Statistics: c.text.Statistics[n*t.Index:][:n], Seed: c.subkeys.TileSeed(header.Model, uint32(t.Index))}
	}
	err = m.eachTile(ctx, promised, c.plan.Tiles, o.runOptions, "decrypt", prepare, func(t picture.Tile, _ TileJob, r TileResult) {
		generated.Insert(t, r.Samples)
	})
	if err != nil {
		return nil, err
	}

	o.progress("encode", 0, 1)
	if generated.Height != header.Height || generated.Width != header.Width {
		generated = generated.Crop(header.Height, header.Width)
	}
	recovered := generated
	if promised {
		restored, err := restore(generated, c.record)
		switch {
		case err != nil && !o.approximate:
			return nil, err
		case restored != nil:
			recovered = restored
		}
		if fault == nil {
			fault = err
		}
	}
	file, err := recovered.PNG()
	if err != nil {
		return nil, err
	}
	o.progress("encode", 1, 1)
	return &Opened{Picture: recovered, PNG: file, NeuralCipher: cipher, Generated: generated, File: original, Name: name, Sealed: !header.Bare,
		Promised: promised, Exact: promised && fault == nil, Fault: explain(fault)}, nil
}

// Verified holds what the authenticated record of a cipher image proves, without running a
// generator.
type Verified struct {
	Exact  bool     // whether the picture can be restored exactly
	Digest [32]byte // of that picture, as Picture.Digest returns it; only if Exact
	File   []byte   // the kept file, byte for byte, of the picture with that digest; nil where none was kept
	Name   string   // name to save File under, as Opened.Name

	exif, icc, chunks []byte
}

// Verify authenticates a cipher image and reads its record. It takes a small part of the
// time of Decrypt and returns the same errors, including that of a kept file that does not
// match the picture.
func (m *Model) Verify(ctx context.Context, png []byte, id Identity) (v *Verified, err error) {
	defer guard(&err)
	c, err := m.open(ctx, png, id, false)
	if err != nil {
		return nil, err
	}
	file, name, err := keptFile(c.record, c.header.Height, c.header.Width)
	if err != nil {
		return nil, err
	}
	v = &Verified{File: file, Name: name, exif: c.record[record.EXIF], icc: c.record[record.ICC], chunks: c.record[record.Chunks]}
	if v.Exact = c.record.Has(record.Digest); v.Exact {
		v.Digest = [32]byte(c.record[record.Digest])
	}
	return v, nil
}

// Matches reports whether a picture file has the samples, EXIF data, colour profile and
// PNG chunks that were sealed; with ContentSamples, the metadata of the file do not count.
// It is false where the image is not Exact, as nothing proves its content, or c is not.
// The errors are those of Encrypt about the file.
func (v *Verified) Matches(file []byte, c Content) (same bool, err error) {
	defer guard(&err)
	p, err := picture.Decode(file, limits)
	if err != nil || !v.Exact || !c.exact() {
		return false, err
	}
	p = c.of(p)
	return p.Digest() == v.Digest && bytes.Equal(p.EXIF, v.exif) && bytes.Equal(p.ICC, v.icc) && bytes.Equal(p.Chunks, v.chunks), nil
}

// opening is a cipher image whose content is known.
type opening struct {
	header  container.Header
	plan    picture.Plan
	subkeys key.Subkeys
	text    container.Plaintext
	record  record.Record // nil for a bare cipher image
}

// open parses a cipher image, unwraps its key and authenticates it, unless it is a
// bare cipher image and bare is true.
func (m *Model) open(ctx context.Context, png []byte, id Identity, bare bool) (*opening, error) {
	sealed, plan, err := m.parse(png)
	if err != nil {
		return nil, err
	}
	if sealed.Header.Bare && !bare {
		return nil, container.ErrBare
	}
	k, err := unlock(ctx, sealed.Header, id)
	if err != nil {
		return nil, err
	}
	c := &opening{header: sealed.Header, plan: plan, subkeys: k.Subkeys(sealed.Header.Nonce)}
	open := sealed.Open
	if c.header.Bare {
		open = sealed.ReadBare
	}
	if c.text, err = open(c.subkeys, m.network.StatisticsBytes()*len(plan.Tiles)); err != nil {
		return nil, err
	}
	if !c.header.Bare {
		c.record, err = record.Decode(c.text.Record)
	}
	return c, err
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
		return nil, picture.Plan{}, fmt.Errorf("%w: its tiling differs from its model's", container.ErrChanged)
	}
	return sealed, plan, nil
}

// restore returns the original picture: generated, which it does not change, corrected by
// the record. Where the digest differs, it returns both the picture and an error. Errors wrap
// errNotExact.
func restore(generated *Picture, r record.Record) (p *Picture, err error) {
	p = &Picture{Width: generated.Width, Height: generated.Height, RGB: slices.Clone(generated.RGB),
		Gray: r.Has(record.Gray), EXIF: r[record.EXIF], ICC: r[record.ICC], Chunks: r[record.Chunks]}
	if err := residual.Add(p.RGB, r[record.Residual]); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotExact, err)
	}
	if p.Alpha, err = plane(r, record.Alpha, p.Width*p.Height); err != nil {
		return nil, err
	}
	if p.LowBytes, err = plane(r, record.LowBytes, p.Width*p.Height*p.Channels()); err != nil {
		return nil, err
	}
	if digest := p.Digest(); !bytes.Equal(digest[:], r[record.Digest]) {
		return p, errNotExact
	}
	return p, nil
}

// plane unpacks a section of n bytes; it returns nil where the record has no such section.
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

// keptFile returns the kept file of a record and a safe name to save it under; file is nil
// where none was kept. The file must decode to the picture whose digest the record has:
// anyone who has the key could seal any other file, which would then appear to be proven.
// Errors wrap ErrOtherFile.
func keptFile(r record.Record, height, width int) (file []byte, name string, err error) {
	if !r.Has(record.File) {
		return nil, "", nil
	}
	file = r[record.File]
	// The size in its header is read first, so that decoding is bounded by the size of the picture.
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
