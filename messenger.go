package encipher

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"math"

	"enciphergan/internal/carrier"
	"enciphergan/internal/codec"
	"enciphergan/internal/container"
	"enciphergan/internal/filename"
	"enciphergan/internal/key"
	"enciphergan/internal/metric"
	"enciphergan/internal/picture"
	"enciphergan/internal/record"
)

// Sides of a cipher image for messengers, in pixels. Most services leave a picture of
// DefaultMessengerSide at its size; a copy that a service made smaller is lost.
const (
	MinMessengerSide     = carrier.MinSide
	MaxMessengerSide     = 4096
	DefaultMessengerSide = 1600
)

// Messenger is how EncryptForMessenger makes a cipher image. The zero value suits most services
// and pictures.
type Messenger struct {
	Side   int  // the longest side in pixels; 0 for DefaultMessengerSide
	Strong bool // survives harder compression, with two thirds of the content
	PNG    bool // write a PNG instead of a JPEG

	// Name is that of the file, and travels with it where the file travels as it is.
	Name string
	// DropMetadata has the picture coded even where the file could travel as it is, as the file
	// may tell where and when a photo was taken. A coded picture has no metadata but its colour
	// profile, which this drops too.
	DropMetadata bool
}

// MessengerImage is the result of EncryptForMessenger.
type MessengerImage struct {
	File          []byte // a gray JPEG or PNG that looks like noise, to be sent as a picture
	Width, Height int    // of it, in pixels

	// Picture is the picture that DecryptCopy restores. Its Notes list what it lacks of the original.
	Picture *Picture
	// WholeFile reports whether the original file is sent unchanged, byte for byte.
	WholeFile bool
	// PSNR is how close Picture is to the original in its size, in decibels; +Inf where they are equal.
	PSNR float64
}

// Estimate estimates the cost of EncryptForMessenger for a picture file from its header alone.
func (m Messenger) Estimate(file []byte) (c Cost, err error) {
	defer guard(&err)
	height, width, err := picture.Size(file, limits)
	if err != nil {
		return Cost{}, err
	}
	side := m.Side
	if side == 0 {
		side = DefaultMessengerSide
	}
	pixels := int64(width) * int64(height)
	h, w := within(height, width, side)
	reduced := int64(max(w, carrier.MinSide)) * int64(max(h, carrier.MinSide))
	const (
		program    = 24 << 20
		decoding   = 8 // bytes a pixel of the original; these were measured with pictures of 8 and 12 megapixels
		original   = 3 // while the picture is coded
		perReduced = 32
	)
	return Cost{width, height, reduced * 9 / 10, program + max(decoding*pixels, original*pixels+perReduced*reduced)}, nil
}

const (
	// messengerQuality of a JPEG costs a copy as much as one more recompression at 95, which all presets survive; the
	// JPEG has two thirds of the bytes that one of quality 100 has.
	messengerQuality = 95
	// maxTravellingProfile bounds the colour profile that goes with a coded picture. Those of cameras and screens are shorter.
	maxTravellingProfile = 4096
	// minCodeBits is the fewest bits for each pixel of the picture for which a carrier is not made larger, in sixteenths.
	minCodeBits = 8
	// minCodeBytes is the same for a whole picture.
	minCodeBytes = 1024
)

// EncryptForMessenger encrypts a picture file as a gray picture of noise that a messenger may
// recompress: it is to be sent as a picture, not as a file. It needs no Model. The picture is
// made smaller where it has to be, and coded to fill the cipher image; a file that fits as it is
// travels as it is. The stages of progress are those of Encrypt. Of the options, WithProgress and
// WithFixedNonce have an effect.
func EncryptForMessenger(ctx context.Context, file []byte, to Recipient, m Messenger, opts ...EncryptOption) (s *MessengerImage, err error) {
	defer guard(&err)
	o := encryptOptions{runOptions: defaultRun()}
	for _, opt := range opts {
		opt.encrypt(&o)
	}
	side := m.Side
	if side == 0 {
		side = DefaultMessengerSide
	}
	if side < MinMessengerSide || side > MaxMessengerSide {
		return nil, &Error{TooLarge, fmt.Sprintf("Choose a side from %d to %d.", MinMessengerSide, MaxMessengerSide), fmt.Errorf("a cipher image for messengers cannot have a side of %d pixels", side)}
	}
	o.progress("decode", 0, 2)
	p, err := picture.Decode(file, limits)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	k, slot, err := wrap(ctx, to)
	if err != nil {
		return nil, err
	}
	header := container.Header{Nonce: key.NewNonce(), Slot: slot}
	if o.nonce != nil {
		header.Nonce = *o.nonce
	}
	o.progress("decode", 1, 2)

	preset := carrier.Default
	if m.Strong {
		preset = carrier.Strong
	}
	reduced, err := forMessenger(ctx, p, side, !m.DropMetadata)
	if err != nil {
		return nil, err
	}
	o.progress("decode", 2, 2)
	room := func(width, height int) int {
		return carrier.Capacity(width, height, preset) - container.PayloadOverhead(slot)
	}
	s = new(MessengerImage)
	s.Width, s.Height = carrierSize(reduced, side, room)

	report := percent(o.progress, "encrypt")
	rec, err := s.record(ctx, file, p, reduced, room(s.Width, s.Height), m, report)
	if err != nil {
		return nil, err
	}
	report(1, 1)

	o.progress("seal", 0, 3)
	filled, err := rec.Fill(room(s.Width, s.Height))
	if err != nil {
		return nil, err
	}
	payload, err := container.SealPayload(header, k.Subkeys(header.Nonce), filled)
	if err != nil {
		return nil, err
	}
	o.progress("seal", 1, 3)
	noise, err := carrier.Modulate(ctx, payload, s.Width, s.Height, preset)
	if err != nil {
		return nil, err
	}
	o.progress("seal", 2, 3)
	var b bytes.Buffer
	if m.PNG {
		err = png.Encode(&b, noise)
	} else {
		err = jpeg.Encode(&b, noise, &jpeg.Options{Quality: messengerQuality})
	}
	if err != nil {
		return nil, fmt.Errorf("cannot encode the cipher image: %w", err)
	}
	s.File = b.Bytes()
	o.progress("seal", 3, 3)
	return s, nil
}

// percent reports a stage in steps of one percent, each once, from 0 on.
func percent(progress Progress, stage string) (report func(done, total int)) {
	last := 0
	progress(stage, 0, 100)
	return func(done, total int) {
		if p := 100 * done / total; p > last {
			last = p
			progress(stage, p, 100)
		}
	}
}

// forMessenger returns p as 8-bit colours on white, with its longest side at most side. Notes of
// the result list what it lacks. It has a colour profile where profile is set and p has a short one of colours.
func forMessenger(ctx context.Context, p *Picture, side int, profile bool) (*Picture, error) {
	flat := *p
	keepsICC := profile && !p.Gray && len(p.ICC) <= maxTravellingProfile
	metadata := p.EXIF != nil || p.Chunks != nil || p.ICC != nil && !keepsICC
	flat.EXIF, flat.ICC, flat.Chunks = nil, nil, nil
	reduced := flat.OnWhite()
	notes := reduced.Notes
	if height, width := within(p.Height, p.Width, side); height != p.Height || width != p.Width {
		var err error
		if reduced, err = reduced.Reduced(ctx, height, width); err != nil {
			return nil, err
		}
		notes = append(notes[:len(notes):len(notes)], fmt.Sprintf("the picture was reduced from %d x %d to %d x %d pixels", p.Width, p.Height, width, height))
	}
	if metadata {
		dropped := "the metadata, such as place and camera, were dropped"
		if p.ICC != nil && !keepsICC {
			dropped = "the metadata and the colour profile were dropped"
		}
		notes = append(notes[:len(notes):len(notes)], dropped)
	}
	result := &Picture{Width: reduced.Width, Height: reduced.Height, RGB: reduced.RGB, Notes: notes}
	if keepsICC {
		result.ICC = p.ICC
	}
	return result, nil
}

// within returns the size of a picture that was reduced to a longest side.
func within(height, width, side int) (int, int) {
	longest := max(height, width)
	if longest <= side {
		return height, width
	}
	return max(1, (height*side+longest/2)/longest), max(1, (width*side+longest/2)/longest)
}

// carrierSize returns the size of the cipher image of a picture: that of the picture, but at least
// what a carrier needs, and more where a long key slot leaves too little room.
func carrierSize(p *Picture, side int, room func(width, height int) int) (width, height int) {
	width, height = max(p.Width, carrier.MinSide), max(p.Height, carrier.MinSide)
	wanted := minCodeBytes + p.Width*p.Height*minCodeBits/128
	for room(width, height) < wanted && (width < side || height < side) {
		width, height = min(side, width+width/8), min(side, height+height/8)
	}
	return width, height
}

// record returns what is sealed, of at most room bytes: the file, or else the code of the reduced
// picture. It sets what s tells about it.
func (s *MessengerImage) record(ctx context.Context, file []byte, p, reduced *Picture, room int, m Messenger, report func(done, total int)) (record.Record, error) {
	if r := fileRecord(file, p, m.Name); !m.DropMetadata && record.Overhead(len(r))+len(r[record.Size])+len(file)+len(r[record.Name]) <= room {
		s.Picture, s.WholeFile, s.PSNR = p, true, math.Inf(1)
		note := "the file travels as it is, byte for byte"
		if p.EXIF != nil || p.Chunks != nil {
			note += ", with its metadata, such as place and camera"
		}
		s.Picture.Notes = []string{note}
		return r, nil
	}
	r := record.Record{record.Size: sizeOf(reduced)}
	if reduced.ICC != nil && len(reduced.ICC) > room/16 {
		reduced.ICC = nil
		reduced.Notes = append(reduced.Notes, "the colour profile was dropped")
	}
	if reduced.ICC != nil {
		r[record.ICC] = reduced.ICC
	}
	left := room - record.Overhead(len(r)+1) - len(r[record.Size]) - len(r[record.ICC])
	code, preview, err := codec.Codec{Progress: report}.EncodePreview(ctx, reduced.RGB, reduced.Width, reduced.Height, max(0, left))
	if errors.Is(err, codec.ErrRoom) {
		return nil, &Error{TooLarge, "Encrypt for fewer recipients, or choose a longer side.", err}
	}
	if err != nil {
		return nil, err
	}
	r[record.Code] = code
	s.PSNR = metric.PSNR(reduced.RGB, preview)
	s.Picture = decoded(reduced.Height, reduced.Width, preview, reduced.ICC)
	s.Picture.Notes = reduced.Notes
	return r, nil
}

func fileRecord(file []byte, p *Picture, name string) record.Record {
	r := record.Record{record.Size: sizeOf(p), record.File: file}
	if name = filename.Clean(name); name != "" {
		r[record.Name] = []byte(name)
	}
	return r
}

func sizeOf(p *Picture) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(p.Width)), uint32(p.Height))
}

// decoded returns a picture that the codec decoded.
func decoded(height, width int, rgb, icc []byte) *Picture {
	p := &Picture{Width: width, Height: height, RGB: rgb, Gray: true, ICC: icc}
	for i := 0; i < len(rgb) && p.Gray; i += 3 {
		p.Gray = rgb[i] == rgb[i+1] && rgb[i] == rgb[i+2]
	}
	if p.ICC != nil {
		p.Gray = false // the profile is one of colours
	}
	return p
}

// Copy is a copy of a cipher image for messengers whose payload was recovered. It is not
// authenticated yet: Decrypt does that.
type Copy struct {
	Width, Height int  // of the copy, in pixels
	Slot          Slot // how to recover the key
	payload       *container.SealedPayload
}

// ReadCopy recovers the payload of a copy of a cipher image for messengers: a picture file of any
// kind and name that Encrypt reads, as a service made it. Errors have the code NotCipher where the
// picture is none, AlteredCopy, DamagedCopy or UnsupportedVersion, or those of a picture that cannot
// be read. To call Inspect first is cheaper where the file may also be a cipher image that Encrypt made.
func ReadCopy(ctx context.Context, file []byte) (c *Copy, err error) {
	defer guard(&err)
	if c, err = readCopy(ctx, file); CodeOf(explain(err)) == NotCipher || CodeOf(explain(err)) == BadPicture {
		// Of a PNG, a missing chunk is the better reason.
		if _, reason := container.Parse(file, limits); bytes.HasPrefix(file, []byte("\x89PNG")) && errors.Is(reason, container.ErrNotCipher) {
			return nil, reason
		}
	}
	return c, err
}

func readCopy(ctx context.Context, file []byte) (*Copy, error) {
	p, err := picture.Decode(file, picture.Limits{Bytes: limits.Bytes, Pixels: carrier.MaxPixels})
	switch {
	case errors.Is(err, picture.ErrFormat):
		return nil, &Error{NotCipher, hintCipher, fmt.Errorf("%w: %w", container.ErrNotCipher, err)}
	case errors.Is(err, picture.ErrTooLarge):
		return nil, &Error{NotCipher, hintCipher, fmt.Errorf("%w, and too large to be a copy of one: %w", container.ErrNotCipher, err)}
	case err != nil:
		return nil, err
	}
	noise := p.Luma()
	b, err := carrier.Demodulate(ctx, noise)
	if errors.Is(err, carrier.ErrNotCarrier) {
		return nil, notCopy(noise)
	}
	if err != nil {
		return nil, err
	}
	payload, err := container.ParsePayload(b)
	if err != nil {
		return nil, err
	}
	return &Copy{p.Width, p.Height, payload.Header.Slot, payload}, nil
}

const hintCipher = "Choose the cipher image, a picture that looks like noise, or a copy of it."

// notCopy returns the error of a picture in which no carrier was found.
func notCopy(p *image.Gray) error {
	if isNoise(p) {
		return &Error{NotCipher, "If it was a cipher image, it was changed too much, or photographed. Ask for it again: for the whole picture in full size, or sent as a file.",
			fmt.Errorf("%w that can be read: it is a picture of noise, in which nothing was found", container.ErrNotCipher)}
	}
	return &Error{NotCipher, hintCipher, fmt.Errorf("%w: it is an ordinary picture", container.ErrNotCipher)}
}

// noiseRatio is the mean squared difference of horizontal neighbours, in parts of twice the variance, above
// which a picture counts as noise. Noise has 1, photos have below .1, and carriers of all sizes above .4.
const noiseRatio = .25

// isNoise reports whether the middle of a picture looks like noise.
func isNoise(p *image.Gray) bool {
	const side = 512
	r := p.Rect
	if d := r.Dx() - side; d > 0 {
		r.Min.X, r.Max.X = r.Min.X+d/2, r.Min.X+d/2+side
	}
	if d := r.Dy() - side; d > 0 {
		r.Min.Y, r.Max.Y = r.Min.Y+d/2, r.Min.Y+d/2+side
	}
	var n, sum, squares, differences float64
	for y := r.Min.Y; y < r.Max.Y; y++ {
		line := p.Pix[p.PixOffset(r.Min.X, y):][:r.Dx()]
		for x, v := range line[1:] {
			a, d := float64(v), float64(v)-float64(line[x])
			n, sum, squares, differences = n+1, sum+a, squares+a*a, differences+d*d
		}
	}
	variance := squares/n - sum/n*sum/n
	return n > 0 && differences/n > noiseRatio*2*variance
}

// IsFor reports whether k encrypted the picture. It does not decrypt it.
func (c *Copy) IsFor(k Key) bool { return c.payload.Header.IsFor(k.Subkeys(c.payload.Header.Nonce)) }

// Unlock is Info.Unlock for a copy.
func (c *Copy) Unlock(ctx context.Context, ids ...Identity) (k Key, err error) {
	defer guard(&err)
	return unlock(ctx, c.payload.Header, ids...)
}

// Decrypt returns the picture of the copy. In the result, File is set and Exact is true where the
// original file travelled; otherwise the picture is an approximation of the original, and nothing in it
// comes from anybody who did not have the key or was a recipient. It needs no Model. The stages of
// progress are those of Model.Decrypt. Of the options, WithProgress has an effect.
func (c *Copy) Decrypt(ctx context.Context, id Identity, opts ...DecryptOption) (opened *Opened, err error) {
	defer guard(&err)
	o := decryptOptions{runOptions: defaultRun()}
	for _, opt := range opts {
		opt.decrypt(&o)
	}
	o.progress("open", 0, 1)
	k, err := unlock(ctx, c.payload.Header, id)
	if err != nil {
		return nil, err
	}
	b, err := c.payload.Open(k.Subkeys(c.payload.Header.Nonce))
	if err != nil {
		return nil, err
	}
	r, err := record.DecodeFilled(b)
	if err != nil {
		return nil, err
	}
	o.progress("open", 1, 1)

	report := percent(o.progress, "decrypt")
	opened = &Opened{Sealed: true}
	if r.Has(record.File) {
		opened.Promised, opened.Exact = true, true
		opened.File, opened.Name, opened.Picture, err = travelledFile(r)
	} else {
		opened.Picture, err = c.decode(ctx, r, report)
	}
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	report(1, 1)
	o.progress("encode", 0, 1)
	if opened.PNG, err = opened.Picture.PNG(); err != nil {
		return nil, err
	}
	o.progress("encode", 1, 1)
	return opened, nil
}

// decode returns the picture of a code. A picture is never larger than its cipher image, of
// which a copy lacks at most the parts of blocks at two sides.
func (c *Copy) decode(ctx context.Context, r record.Record, report func(done, total int)) (*Picture, error) {
	width, height := int64(binary.BigEndian.Uint32(r[record.Size])), int64(binary.BigEndian.Uint32(r[record.Size][4:]))
	if width < 1 || height < 1 || width > int64(c.Width+8)*int64(c.Height+8)/height {
		return nil, fmt.Errorf("%w: it declares %d x %d pixels, more than the cipher image has", record.ErrRecord, width, height)
	}
	rgb, err := codec.Codec{Progress: report}.Decode(ctx, r[record.Code], int(width), int(height))
	if errors.Is(err, codec.ErrCode) {
		return nil, fmt.Errorf("%w: %w", record.ErrRecord, err)
	}
	if err != nil {
		return nil, err
	}
	return decoded(int(height), int(width), rgb, r[record.ICC]), nil
}

// travelledFile returns the file of a record, a safe name to save it under, and its picture. As
// anybody who can seal can seal any file, it must be a picture of the declared size. Errors wrap ErrOtherFile.
func travelledFile(r record.Record) (file []byte, name string, p *Picture, err error) {
	file = r[record.File]
	height, width, err := picture.Size(file, limits)
	if err != nil {
		return nil, "", nil, fmt.Errorf("%w: %w", ErrOtherFile, err)
	}
	if !bytes.Equal(sizeOf(&Picture{Width: width, Height: height}), r[record.Size]) {
		return nil, "", nil, fmt.Errorf("%w: it has %d x %d pixels", ErrOtherFile, width, height)
	}
	if p, err = picture.Decode(file, limits); err != nil {
		return nil, "", nil, fmt.Errorf("%w: %w", ErrOtherFile, err)
	}
	return file, filename.Kept(string(r[record.Name]), file), p, nil
}

// DecryptCopy is ReadCopy and Copy.Decrypt.
func DecryptCopy(ctx context.Context, file []byte, id Identity, opts ...DecryptOption) (*Opened, error) {
	c, err := ReadCopy(ctx, file)
	if err != nil {
		return nil, err
	}
	return c.Decrypt(ctx, id, opts...)
}
