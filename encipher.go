// Package encipher encrypts colour pictures with a generative network inside
// standard authenticated encryption.
//
// A Model, opened once with OpenModel, turns a picture file into a cipher image
// and back. The cipher image is a valid PNG of noise of the picture's size. It
// holds what the encryption generator made of the picture, sealed with
// XChaCha20-Poly1305. The decryption generator makes the picture again, close to
// the original; the little that it loses is sealed beside, so that every sample
// comes back as it was (see WithExact).
//
// For most uses: NewKey once, keep its File somewhere safe, then Model.Encrypt
// and Model.Decrypt. Every picture gets its own nonce, so one Key may seal any
// number of pictures. Whoever has the key and the model opens them; a lost key
// cannot be replaced. A Passphrase or Recipients Lock pictures without a key
// file; Inspect and Info.Unlock find the key again.
//
// Confidentiality and integrity come from XChaCha20-Poly1305 and HKDF-SHA256
// alone. The neural transform inside is experimental: deterministic, approximate
// and not proven secure. See docs/security.md for what is and is not promised.
//
// Errors are of type *Error with a stable Code and a Hint for the user; CodeOf
// gives the code of any error.
//
// # Compatibility
//
// A cipher image is opened by every later version that says it reads the file's
// format version, given the same model and key. docs/format.md specifies the
// file, so that others can write readers.
package encipher

import (
	"context"
	"errors"
	"fmt"

	"enciphergan/internal/container"
	"enciphergan/internal/key"
	"enciphergan/internal/keyslot"
	"enciphergan/internal/network"
	"enciphergan/internal/picture"
	"enciphergan/internal/record"
)

// Key is a 256-bit secret. Printing it with fmt shows its fingerprint only; Text
// and File give the secret itself.
type Key = key.Key

// Slot says with what the key of a picture is found.
type Slot = keyslot.Slot

// Picture is a decoded picture.
type Picture = picture.Picture

// ModelFiles are the parts of a model directory.
type ModelFiles = network.Files

// MaxFileBytes bounds the files that Encrypt and Decrypt take. It leaves room
// for an uncompressed picture of MaxPixels with 32 bits a pixel.
const MaxFileBytes = 4 * MaxPixels

var limits = picture.Limits{Bytes: MaxFileBytes, Pixels: MaxPixels}

// maxSealedBytes bounds the cipher images that Encrypt makes: the native program's MaxFileBytes,
// in the page too, whose larger ones that program opens.
var maxSealedBytes = 400_000_000

// NewKey draws a key from the system's random source. A program without such a
// source ends, as crypto/rand says, so that the error is nil on every platform
// of today.
func NewKey() (Key, error) { return key.New(), nil }

// ParseKey reads a key from its text or from the content of a key file. Its
// errors have the code BadKey and say where a typo is, as far as that can be told.
func ParseKey(text string) (Key, error) {
	k, err := key.Parse([]byte(text))
	return k, explain(err)
}

// Progress is told how far a stage has come. The stages of Encrypt are "decode",
// "encrypt" and "seal", those of Decrypt "open", "decrypt" and "encode". Within
// a stage done only grows, from 0 to total. Calls come one at a time, from any
// goroutine, and hold up the work until they return.
type Progress func(stage string, done, total int)

// Option changes how one Encrypt or Decrypt runs.
type Option func(*options)

type options struct {
	progress    Progress
	workers     int
	compute     TileFunc
	nonce       *key.Nonce
	slot        keyslot.Slot
	exact       Exact
	name        string
	noMetadata  bool
	approximate bool
	bare        bool
}

// Exact says how much of a picture Encrypt keeps.
type Exact int

const (
	// ExactPicture keeps every sample, alpha and the low bytes of 16 bits included, and
	// what a PNG can hold beside them: EXIF, colour profile, density, texts. It is what
	// Encrypt does without WithExact.
	ExactPicture Exact = iota
	// ExactOff keeps the neural cipher alone: the picture comes back approximately,
	// with 8 bits a sample, transparent parts on white, and without metadata.
	ExactOff
	// ExactFile keeps what ExactPicture does, and the file itself, byte by byte.
	ExactFile
)

// WithExact sets how much of the picture Encrypt keeps.
func WithExact(e Exact) Option { return func(o *options) { o.exact = e } }

// WithName seals the name of the file beside it, with ExactFile.
func WithName(name string) Option { return func(o *options) { o.name = name } }

// WithoutMetadata leaves out all but the samples: EXIF, XMP and other texts, density,
// date, and what says what the colours mean, such as the colour profile, so that they
// are shown as sRGB. It has no effect with ExactFile, as the file has all of it.
func WithoutMetadata() Option { return func(o *options) { o.noMetadata = true } }

// AcceptApproximate lets Decrypt give a picture that should have come back
// exactly and did not, with Opened.Exact false and why in Opened.Fault, in place of
// the error NotExact. A file that was kept and is not of the picture is not given.
func AcceptApproximate() Option { return func(o *options) { o.approximate = true } }

// WithBareCipher makes Encrypt write the neural cipher alone, in the open: without
// authenticated encryption, statistics in the clear, approximate. It is for
// measurements, and protects nothing; docs/security.md.
func WithBareCipher() Option { return func(o *options) { o.bare = true } }

// AcceptBareCipher lets Decrypt read what WithBareCipher wrote, in place of the error
// NotSealed. Nothing tells whether the file was changed, or who made it.
func AcceptBareCipher() Option { return func(o *options) { o.bare = true } }

// WithProgress reports progress.
func WithProgress(p Progress) Option { return func(o *options) { o.progress = p } }

// WithWorkers sets how many tiles are computed at the same time; each takes
// memory of its own. The result does not depend on it. Without it, or with less
// than 1, there are as many as processors.
func WithWorkers(n int) Option { return func(o *options) { o.workers = n } }

// WithSlot writes into the header with what the key is found: the slot that came
// with it. Without it, that is a key file.
func WithSlot(s Slot) Option { return func(o *options) { o.slot = s } }

// WithFixedNonce replaces the random nonce of Encrypt, so that test vectors have
// fixed bytes. Never use it for anything else: two pictures under one key and
// nonce give each other away.
func WithFixedNonce(nonce [key.NonceSize]byte) Option {
	return func(o *options) { n := key.Nonce(nonce); o.nonce = &n }
}

func collect(opts []Option) options {
	o := options{progress: func(string, int, int) {}}
	for _, opt := range opts {
		opt(&o)
	}
	if o.bare {
		o.exact = ExactOff
	}
	return o
}

// Sealed is what Encrypt makes.
type Sealed struct {
	PNG      []byte   // the cipher image, a file to keep
	Plain    *Picture // the picture that comes back; its Notes say what of the file does not, and with ExactFile that the file has it
	Bare     *Picture // the bare output of the generator, padded; experimental, to look at and measure only
	Residual int      // bytes that keeping every sample takes in the file; 0 with ExactOff
}

// Encrypt decodes a picture file (PNG, JPEG, GIF, BMP, TIFF or WebP) and seals
// it. Nothing of it is written anywhere.
func (m *Model) Encrypt(ctx context.Context, file []byte, k Key, opts ...Option) (s *Sealed, err error) {
	defer guard(&err)
	o := collect(opts)
	if k.IsZero() {
		return nil, errNoKey
	}
	o.progress("decode", 0, 1)
	plain, err := picture.Decode(file, limits)
	if err != nil {
		return nil, err
	}
	plain = reduced(plain, o)
	tiling := picture.Tiling(m.network.Tiling())
	plan, err := tiling.Plan(plain.Height, plain.Width)
	if err != nil {
		return nil, err
	}
	if plan.Width > MaxPixels/plan.Height {
		return nil, fmt.Errorf("%w: padded to %d x %d pixels, it is over %d million in all", picture.ErrTooLarge, plan.Width, plan.Height, MaxPixels/1_000_000)
	}
	o.progress("decode", 1, 1)

	header := container.Header{Model: m.network.Fingerprint(), Width: plain.Width, Height: plain.Height, Tiling: tiling, Nonce: key.NewNonce(), Slot: o.slot}
	if o.nonce != nil {
		header.Nonce = *o.nonce
	}
	subkeys := k.Subkeys(header.Nonce)

	bare := picture.New(plan.Height, plan.Width)
	var lost *Picture // what recovering loses, sample by sample, modulo 256
	if o.exact != ExactOff {
		lost = picture.New(plan.Height, plan.Width)
	}
	n := m.network.StatisticsBytes()
	statistics := make([]byte, n*len(plan.Tiles))
	prepare := func(t picture.Tile) TileJob {
		return TileJob{Exact: lost != nil, Height: t.Height, Width: t.Width, Samples: plain.Extract(t), Seed: subkeys.TileSeed(header.Model, uint32(t.Index))}
	}
	err = m.eachTile(ctx, lost != nil, plan.Tiles, o, "encrypt", prepare, func(t picture.Tile, r TileResult) {
		bare.Insert(t, r.Samples)
		copy(statistics[n*t.Index:], r.Statistics)
		if lost == nil {
			return
		}
		samples := plain.Extract(t)
		for i, v := range r.Recovered {
			samples[i] -= v
		}
		lost.Insert(t, samples)
	})
	if err != nil {
		return nil, err
	}

	o.progress("seal", 0, 1)
	if o.bare {
		file, err := container.WriteBare(header, subkeys, bare.RGB, statistics)
		if err != nil {
			return nil, err
		}
		o.progress("seal", 1, 1)
		return &Sealed{PNG: file, Plain: plain, Bare: bare}, nil
	}
	var rec record.Record
	if lost != nil {
		if lost.Height != plain.Height || lost.Width != plain.Width {
			lost = lost.Crop(plain.Height, plain.Width)
		}
		rec = keep(plain, lost.RGB, file, o)
	}
	sealed, err := container.Seal(header, subkeys, bare.RGB, statistics, rec.Encode())
	if err != nil {
		return nil, err
	}
	if len(sealed) > maxSealedBytes {
		return nil, fmt.Errorf("%w: with all that is kept, the cipher image would have %d bytes, and at most %d are opened", picture.ErrTooLarge, len(sealed), maxSealedBytes)
	}
	o.progress("seal", 1, 1)
	return &Sealed{PNG: sealed, Plain: plain, Bare: bare, Residual: len(rec[record.Residual])}, nil
}

// Opened is what Decrypt makes.
type Opened struct {
	Picture   *Picture // the recovered picture
	PNG       []byte   // the same as a file
	Bare      *Picture // the bare output of the encryption generator, padded
	Generated *Picture // what the decryption generator alone made of it, padded
	File      []byte   // the original file, byte by byte, proven to be of the picture that was sealed; nil unless it was kept
	Name      string   // to save that file under: safe on every system, its extension by the file's content; may be empty
	Sealed    bool     // whether the file was sealed; a bare cipher, which is for measurements, is not
	Promised  bool     // whether the file says that the picture can be recovered exactly
	Exact     bool     // whether every sample is proven to be that of the original, and so is the file where one was kept
	Fault     error    // why not Exact although Promised; with AcceptApproximate only
}

// Decrypt opens a cipher image. No sample is computed before the file's
// authentication tag has been verified. A file that holds what it takes is
// recovered exactly; should the proof of that fail, or a file that was kept be of
// another picture, the error is NotExact.
func (m *Model) Decrypt(ctx context.Context, png []byte, k Key, opts ...Option) (opened *Opened, err error) {
	defer guard(&err)
	o := collect(opts)
	if k.IsZero() {
		return nil, errNoKey
	}
	o.progress("open", 0, 1)
	sealed, plan, err := m.parse(png)
	if err != nil {
		return nil, err
	}
	header := sealed.Header
	subkeys := k.Subkeys(header.Nonce)
	n := m.network.StatisticsBytes()
	open := sealed.Open
	if header.Bare && o.bare {
		open = sealed.ReadBare
	}
	text, err := open(subkeys, n*len(plan.Tiles))
	if errors.Is(err, container.ErrWrongKey) && header.Slot.Kind != keyslot.KeyFile {
		return nil, wrongKey(header.Slot)
	}
	if err != nil {
		return nil, err
	}
	var rec record.Record
	if !header.Bare {
		if rec, err = record.Decode(text.Record); err != nil {
			return nil, err
		}
	}
	original, name, fault := kept(rec, header.Height, header.Width)
	if fault != nil && !o.approximate {
		return nil, fault
	}
	o.progress("open", 1, 1)

	bare := &Picture{Width: plan.Width, Height: plan.Height, RGB: text.Levels}
	whole := picture.New(plan.Height, plan.Width)
	promised := rec.Has(record.Digest)
	prepare := func(t picture.Tile) TileJob {
		return TileJob{Decrypt: true, Exact: promised, Height: t.Height, Width: t.Width, Samples: bare.Extract(t),
			Statistics: text.Statistics[n*t.Index:][:n], Seed: subkeys.TileSeed(header.Model, uint32(t.Index))}
	}
	err = m.eachTile(ctx, promised, plan.Tiles, o, "decrypt", prepare, func(t picture.Tile, r TileResult) {
		whole.Insert(t, r.Samples)
	})
	if err != nil {
		return nil, err
	}

	o.progress("encode", 0, 1)
	recovered := whole.Crop(header.Height, header.Width)
	if promised {
		restored, err := restore(recovered, rec)
		switch {
		case err != nil && !o.approximate:
			return nil, err
		case restored != nil:
			recovered = restored
		default:
			recovered = whole.Crop(header.Height, header.Width) // restore may have changed a part
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
	return &Opened{Picture: recovered, PNG: file, Bare: bare, Generated: whole, File: original, Name: name, Sealed: !header.Bare,
		Promised: promised, Exact: promised && fault == nil, Fault: explain(fault)}, nil
}

var (
	errNotExact = errors.New("the recovered picture is not equal to the original")

	// ErrOtherFile is what the error NotExact wraps where a file was kept that is not of
	// the picture. Whoever sealed it has, or had, another program than this.
	ErrOtherFile = errors.New("the file that was sealed as the original is not of the picture")
)
