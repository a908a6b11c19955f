// Package container encodes and decodes the cipher image: a valid PNG of noise
// whose pixels are the start of one XChaCha20-Poly1305 ciphertext, and whose
// private chunk enCR holds a header in the clear and the rest of that ciphertext.
// docs/format.md specifies it byte by byte.
//
// Main path: Seal encrypts a neural cipher and its record into a file. Parse checks the
// structure of a file and returns its Header, without a key; Open checks the key, decodes
// the pixels, verifies the tag, and returns the plaintext only after that.
//
// SealPayload, ParsePayload and SealedPayload.Open do the same for a cipher image for
// messengers: a shorter header and one ciphertext, which package carrier takes through
// recompression.
//
// WriteBare and ReadBare are for measurements: the neural cipher, neither secret nor
// authenticated, in a file whose header says so.
package container

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/png"

	"golang.org/x/crypto/chacha20poly1305"

	"enciphergan/internal/key"
	"enciphergan/internal/keyslot"
	"enciphergan/internal/picture"
)

var (
	// ErrNotCipher is returned for a file that is not a cipher image, or whose chunk was removed.
	ErrNotCipher = errors.New("this is not a cipher image")
	// ErrVersion is returned for a file of an unknown format version.
	ErrVersion = errors.New("this version of the cipher image cannot be read")
	// ErrWrongKey is returned where another key sealed the file.
	ErrWrongKey = errors.New("this is not the key that sealed the picture")
	// ErrChanged is returned for a file that differs from what was written.
	ErrChanged = errors.New("the file was changed since it was written")
	// ErrTooLarge is returned where the file, or the picture it declares, exceeds the limits.
	ErrTooLarge = errors.New("the cipher image is too large")
	// ErrBare is returned for a bare cipher image, which is for measurements.
	ErrBare = errors.New("the file is a bare cipher image, which is not sealed: anyone may have made or changed it")
)

// Sealed is a cipher image whose structure was checked, not decrypted yet.
type Sealed struct {
	Header Header
	file   []byte
	ad     []byte // the encoded header
	tail   []byte // the ciphertext after the pixels, with the tag
	idat   int64  // bytes of compressed pixels
}

// Seal returns a cipher image. levels is the quantised neural cipher of the padded
// picture, (H', W', 3) interleaved; statistics are the carried statistics of all
// tiles, in order; record is an encoded record, whose length is visible without the key.
// The Nonce of the header must be fresh and subkeys derived with it; Seal sets the
// Commitment.
func Seal(h Header, subkeys key.Subkeys, levels, statistics, record []byte) ([]byte, error) {
	h.Bare = false
	height, width, ad, err := h.begin(subkeys, levels)
	if err != nil {
		return nil, fmt.Errorf("cannot seal: %w", err)
	}
	aead, err := chacha20poly1305.NewX(subkeys.AEAD[:])
	if err != nil {
		return nil, fmt.Errorf("cannot seal: %w", err)
	}
	text := make([]byte, 0, len(levels)+len(statistics)+len(record)+aead.Overhead())
	text = append(append(append(text, levels...), statistics...), record...)
	sealed := aead.Seal(text[:0], h.Nonce[:], text, ad)
	return writePNG(height, width, append(ad, sealed[len(levels):]...), sealed[:len(levels)])
}

// WriteBare returns a file without encryption, tag and record: the pixels are the levels,
// and the statistics follow the header. Anyone with the weights, and for a keyed
// profile the key, can recover the picture; anyone can change it.
func WriteBare(h Header, subkeys key.Subkeys, levels, statistics []byte) ([]byte, error) {
	h.Bare = true
	height, width, header, err := h.begin(subkeys, levels)
	if err != nil {
		return nil, fmt.Errorf("cannot write: %w", err)
	}
	return writePNG(height, width, append(header, statistics...), levels)
}

// begin checks the header and the number of levels, sets the commitment and encodes the header.
func (h Header) begin(subkeys key.Subkeys, levels []byte) (height, width int, header []byte, err error) {
	if err := h.check(); err != nil {
		return 0, 0, nil, err
	}
	height, width = h.Padded()
	if len(levels) != 3*height*width {
		return 0, 0, nil, fmt.Errorf("%d levels for %d x %d pixels", len(levels), width, height)
	}
	h.Commitment = subkeys.Commitment
	return height, width, h.encode(), nil
}

// Parse checks the structure of a cipher image and reads its header. It needs no
// key and decodes no pixels. The limit on pixels applies to the padded size. Errors wrap
// ErrNotCipher, ErrVersion, ErrChanged or ErrTooLarge.
func Parse(file []byte, limits picture.Limits) (*Sealed, error) {
	if int64(len(file)) > limits.Bytes {
		return nil, fmt.Errorf("%w: it has %d bytes, and the maximum is %d", ErrTooLarge, len(file), limits.Bytes)
	}
	payload, shape, idat, err := findChunk(file)
	if err != nil {
		return nil, err
	}
	h, size, err := decodeHeader(payload)
	if err != nil {
		return nil, err
	}
	height, width := h.Padded()
	if int64(width) > limits.Pixels/int64(height) {
		return nil, fmt.Errorf("%w: it declares %d x %d pixels, and the maximum is %d million in all", ErrTooLarge, width, height, limits.Pixels/1_000_000)
	}
	if shape != (ihdr{width: uint32(width), height: uint32(height), depth: 8, colour: truecolour}) {
		return nil, fmt.Errorf("%w: its pixels are %v and should be %d x %d with 8-bit red, green and blue", ErrChanged, shape, width, height)
	}
	return &Sealed{Header: h, file: file, ad: payload[:size], tail: payload[size:], idat: idat}, nil
}

// Plaintext is the content of a cipher image.
type Plaintext struct {
	Levels     []byte // (H', W', 3) interleaved
	Statistics []byte // carried statistics of all tiles
	Record     []byte // an encoded record
}

// Open decrypts and authenticates. statistics is the number of bytes of carried statistics
// of all tiles, which depends on the model. Errors wrap ErrWrongKey, ErrChanged or ErrBare.
func (s *Sealed) Open(subkeys key.Subkeys, statistics int) (Plaintext, error) {
	if s.Header.Bare {
		return Plaintext{}, ErrBare
	}
	if !s.Header.IsFor(subkeys) {
		return Plaintext{}, ErrWrongKey
	}
	if len(s.tail) < statistics+chacha20poly1305.Overhead {
		return Plaintext{}, fmt.Errorf("%w: its chunk holds %d bytes after the header instead of at least %d", ErrChanged, len(s.tail), statistics+chacha20poly1305.Overhead)
	}
	aead, err := chacha20poly1305.NewX(subkeys.AEAD[:])
	if err != nil {
		return Plaintext{}, fmt.Errorf("cannot open: %w", err)
	}
	text, err := s.pixels()
	if err != nil {
		return Plaintext{}, err
	}
	n := len(text)
	text = append(text, s.tail...)
	// Open allows its output to overlap its input exactly, and overwrites it with zeros
	// when the tag is wrong.
	text, err = aead.Open(text[:0], s.Header.Nonce[:], text, s.ad)
	if err != nil {
		return Plaintext{}, fmt.Errorf("%w: its authentication tag is wrong", ErrChanged)
	}
	m := n + statistics
	return Plaintext{text[:n:n], text[n:m:m], text[m:]}, nil
}

// ReadBare returns the content of a bare cipher image, which is not authenticated. Errors wrap
// ErrWrongKey or ErrChanged.
func (s *Sealed) ReadBare(subkeys key.Subkeys, statistics int) (Plaintext, error) {
	if !s.Header.Bare {
		return Plaintext{}, fmt.Errorf("%w: it is not a bare cipher image", ErrChanged)
	}
	if !s.Header.IsFor(subkeys) {
		return Plaintext{}, ErrWrongKey
	}
	if len(s.tail) != statistics {
		return Plaintext{}, fmt.Errorf("%w: its chunk holds %d bytes after the header instead of %d", ErrChanged, len(s.tail), statistics)
	}
	levels, err := s.pixels()
	if err != nil {
		return Plaintext{}, err
	}
	return Plaintext{Levels: levels[:len(levels):len(levels)], Statistics: s.tail}, nil
}

// No tool compresses n bytes of ciphertext to fewer than n - sealedSlack bytes of IDAT, with
// any filters, compression and interlacing: fewer than 2 * 256^(m+1) / 255 streams have up to m
// bytes, each decodes to one ciphertext, and all 256^n ciphertexts are equally likely. So for
// m = n - 17, fewer than one file in 2^134 has such a stream.
const sealedSlack = 16

// A neural cipher is not noise. Those of the profile paper are flat where the picture is: of
// white pictures, they compress to 1/261 at the highest compression of libpng, the
// strongest that was measured.
const bareRatio = 512

// checkPixels returns an error where the compressed pixels are too short for the declared size. It
// runs before memory is allocated for them.
func (s *Sealed) checkPixels() error {
	height, width := s.Header.Padded()
	n := 3 * int64(height) * int64(width)
	minimum := n - sealedSlack
	if s.Header.Bare {
		minimum = n / bareRatio
	}
	if s.idat < minimum {
		return fmt.Errorf("%w: its pixels are compressed to %d bytes, but %d x %d pixels take at least %d", ErrChanged, s.idat, width, height, minimum)
	}
	return nil
}

// pixels decodes the PNG's samples, (H', W', 3) interleaved, however a tool has
// compressed, filtered or interlaced them since. The slice has capacity for a third more, in
// which the tail usually fits.
func (s *Sealed) pixels() (samples []byte, err error) {
	if err := s.checkPixels(); err != nil {
		return nil, err
	}
	defer func() { // the file may be hostile: no panic of the decoder leaves this function
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: its pixels cannot be decoded: %v", ErrChanged, r)
		}
	}()
	m, err := png.Decode(bytes.NewReader(s.file))
	if err != nil {
		return nil, fmt.Errorf("%w: its pixels cannot be decoded: %v", ErrChanged, err)
	}
	var rgba []byte
	switch m := m.(type) {
	case *image.RGBA:
		rgba = m.Pix
	case *image.NRGBA: // a tool added a transparent colour; the samples are still there
		rgba = m.Pix
	default:
		return nil, fmt.Errorf("%w: its pixels are not 8-bit red, green and blue", ErrChanged)
	}
	// In place, from four bytes a pixel to three.
	samples = rgba[:0]
	for ; len(rgba) > 0; rgba = rgba[4:] {
		samples = append(samples, rgba[0], rgba[1], rgba[2])
	}
	return samples, nil
}

// Header is not encrypted, but authenticated. Nothing in it depends on the picture except
// its size.
type Header struct {
	Model         [32]byte       // fingerprint of the model
	Width, Height int            // of the picture, in pixels
	Tiling        picture.Tiling // without MaxPixels, which is not written
	Nonce         key.Nonce
	Commitment    [32]byte     // to the key
	Slot          keyslot.Slot // how to recover the key
	Bare          bool         // not sealed: see WriteBare
}

// Padded returns the height and width of the cipher image in pixels.
func (h Header) Padded() (height, width int) { return h.Tiling.Padded(h.Height, h.Width) }

// IsFor reports whether the commitment is that of subkeys, which were derived with the
// nonce of the header. It takes constant time.
func (h Header) IsFor(subkeys key.Subkeys) bool {
	return subtle.ConstantTimeCompare(h.Commitment[:], subkeys.Commitment[:]) == 1
}

const (
	version = 1
	magic   = "ENCIPHER"

	flagBare = 1

	// maxDimension keeps the padded size below what PNG can declare.
	maxDimension = 1 << 30

	// headerSize excludes the data of the key slot.
	headerSize = len(magic) + 2 + 1 + 1 + 32 + 4 + 4 + 2 + 2 + 2 + key.NonceSize + 32 + 2
)

// check returns an error where a field is out of bounds.
func (h Header) check() error {
	if h.Width < 1 || h.Height < 1 || h.Width > maxDimension || h.Height > maxDimension {
		return fmt.Errorf("a picture of %d x %d pixels", h.Width, h.Height)
	}
	if err := h.Tiling.Check(); err != nil {
		return err
	}
	return h.Slot.Check()
}

func (h Header) encode() []byte {
	b := make([]byte, 0, headerSize+len(h.Slot.Data))
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint16(b, version)
	var flags byte
	if h.Bare {
		flags = flagBare
	}
	b = append(b, flags, byte(h.Slot.Kind))
	b = append(b, h.Model[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(h.Width))
	b = binary.BigEndian.AppendUint32(b, uint32(h.Height))
	b = binary.BigEndian.AppendUint16(b, uint16(h.Tiling.Stride))
	b = binary.BigEndian.AppendUint16(b, uint16(h.Tiling.Side))
	b = binary.BigEndian.AppendUint16(b, uint16(h.Tiling.MinSide))
	b = append(b, h.Nonce[:]...)
	b = append(b, h.Commitment[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(h.Slot.Data)))
	return append(b, h.Slot.Data...)
}

// decodeHeader returns the header and its size.
func decodeHeader(payload []byte) (Header, int, error) {
	if len(payload) < len(magic)+4 || string(payload[:len(magic)]) != magic {
		return Header{}, 0, fmt.Errorf("%w: its chunk %s belongs to another program", ErrNotCipher, chunkName)
	}
	f, err := fieldsOf(payload[len(magic):], flagBare, headerSize-len(magic))
	if err != nil {
		return Header{}, 0, err
	}
	var h Header
	copy(h.Model[:], f.take(32))
	h.Width, h.Height = f.u32(), f.u32()
	h.Tiling = picture.Tiling{Stride: f.u16(), Side: f.u16(), MinSide: f.u16()}
	if err := f.key(&h); err != nil {
		return Header{}, 0, err
	}
	h.Bare = f.flags&flagBare != 0
	if err := h.check(); err != nil {
		return Header{}, 0, fmt.Errorf("%w: its header declares %w", ErrChanged, err)
	}
	return h, len(payload) - len(f.b), nil
}

// fields are the fields of a header, which are taken from b one after the other.
type fields struct {
	b     []byte
	flags byte
	kind  keyslot.Kind
}

// fieldsOf reads version, flags and the kind of the key slot, which come after the magic. b has
// at least these 4 bytes, flags are the known ones, size is the number of bytes up to the key
// slot.
func fieldsOf(b []byte, flags byte, size int) (*fields, error) {
	f := &fields{b: b}
	v := f.u16()
	f.flags, f.kind = f.take(1)[0], keyslot.Kind(f.take(1)[0])
	if v != version {
		return nil, fmt.Errorf("%w: it has version %d, and this program reads version %d", ErrVersion, v, version)
	}
	if f.flags&^flags != 0 {
		return nil, fmt.Errorf("%w: it has flags %#x, which this program does not know", ErrVersion, f.flags)
	}
	if f.kind > keyslot.Recipients {
		return nil, fmt.Errorf("%w: it has a key slot of kind %d, which this program does not know", ErrVersion, f.kind)
	}
	if len(b) < size {
		return nil, fmt.Errorf("%w: its header is cut short", ErrChanged)
	}
	return f, nil
}

func (f *fields) take(n int) (field []byte) {
	field, f.b = f.b[:n], f.b[n:]
	return field
}

func (f *fields) u16() int { return int(binary.BigEndian.Uint16(f.take(2))) }

func (f *fields) u32() int { return int(binary.BigEndian.Uint32(f.take(4))) }

// key reads the last fields: nonce, commitment and key slot.
func (f *fields) key(h *Header) error {
	copy(h.Nonce[:], f.take(key.NonceSize))
	copy(h.Commitment[:], f.take(32))
	n := f.u16()
	if n > len(f.b) {
		return fmt.Errorf("%w: its header is cut short", ErrChanged)
	}
	h.Slot = keyslot.Slot{Kind: f.kind, Data: string(f.take(n))}
	return nil
}
