package carrier

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"math"
	"runtime"
	"sync"

	"enciphergan/internal/ldpc"
)

// iterations bounds the decoding of a code word; a carrier has at most MaxPixels / 64 blocks of 256 bits.
const iterations = 40

// Demodulate returns the payload of a copy of a carrier, turned and mirrored ones included. It returns ErrNotCarrier, ErrDamaged, an *AlteredError or
// a *VersionError where there is none; a payload whose check fails is never returned. The error is that of the context where it is cancelled.
func Demodulate(ctx context.Context, picture *image.Gray) ([]byte, error) {
	width, height := picture.Rect.Dx(), picture.Rect.Dy()
	if width < 8 || height < 8 || width > MaxSide || height > MaxSide {
		return nil, ErrNotCarrier
	}
	if width*height > MaxPixels {
		return nil, fmt.Errorf("%w: %d x %d pixels are more than a carrier has", ErrNotCarrier, width, height)
	}
	if h, ok := headerInPlace(picture); ok {
		return read(ctx, picture, h)
	}
	h, l, ok := search(ctx, picture)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrNotCarrier
	}
	if l.turn != turns[0] {
		picture = l.turn.undo(picture)
	}
	payload, err := read(ctx, picture, h)
	if again, ok := headerInPlace(picture); err == nil || ok && again == h {
		return payload, err
	}
	return nil, l.altered(h, picture.Rect.Dx(), picture.Rect.Dy())
}

// read returns the payload of a copy whose blocks are where they were.
func read(ctx context.Context, picture *image.Gray, h header) ([]byte, error) {
	width, height := picture.Rect.Dx(), picture.Rect.Dy()
	if h.version != version {
		return nil, &VersionError{h.version}
	}
	s, err := h.preset.scheme()
	if err != nil {
		return nil, &VersionError{h.version}
	}
	if checkSize(h.width, h.height) != nil {
		return nil, ErrDamaged
	}
	l := newLayout(h.width, h.height, s)
	if h.payload > l.capacity() {
		return nil, ErrDamaged
	}
	if width < 8*l.across || height < 8*l.down {
		return nil, &AlteredError{Cropped, h.width, h.height, width, height}
	}
	r, ok := newReceiver(ctx, picture, l, h.signs())
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrDamaged
	}
	payload, err := l.decode(ctx, r.values(), h.payload)
	if errors.Is(err, ErrDamaged) && r.filtered() {
		return nil, &AlteredError{Filtered, h.width, h.height, width, height}
	}
	return payload, err
}

// altered returns what happened to a copy of width x height pixels, turned back, whose mark lies at l.
func (l lattice) altered(h header, width, height int) error {
	if h.version != version {
		return &VersionError{h.version}
	}
	pitchX, pitchY := l.pitchX, l.pitchY
	if l.turn.transpose {
		pitchX, pitchY = pitchY, pitchX
	}
	whole := func(side, of int, pitch float64) bool {
		scaled := float64(of) * pitch / 8
		return math.Abs(float64(side)-scaled) < 2+.02*scaled
	}
	e := &AlteredError{Cropped, h.width, h.height, width, height}
	if whole(width, h.width, pitchX) && whole(height, h.height, pitchY) && (width != h.width || height != h.height) {
		e.Change = Scaled
	}
	return e
}

// headerInPlace reads the header of a copy whose blocks are where they were.
func headerInPlace(picture *image.Gray) (header, bool) {
	across, down := picture.Rect.Dx()/8, picture.Rect.Dy()/8
	m := means{across, down, make([]float64, 0, across*down)}
	for by := range down {
		for bx := range across {
			sum := 0
			for y := range 8 {
				for _, v := range picture.Pix[(8*by+y)*picture.Stride+8*bx:][:8] {
					sum += int(v)
				}
			}
			m.values = append(m.values, float64(sum)/64)
		}
	}
	return m.fold(0, 0).header(turns[0])
}

// decode returns the payload of the channel values of the stream.
func (l *layout) decode(ctx context.Context, llr []int8, payload int) ([]byte, error) {
	words, length := l.words(payload)
	spread := permutation(seedCodeBits, length)
	data := make([]byte, words*blockBytes)
	var mu sync.Mutex
	next, failed := 0, false
	word := func() (c int, more bool) {
		mu.Lock()
		defer mu.Unlock()
		c = next
		next++
		return c, c < words && !failed && ctx.Err() == nil
	}
	var wg sync.WaitGroup
	for range min(words, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			values, info := make([]int8, min(length, codeBits)), make([]byte, blockBytes*8)
			d, err := ldpc.NewDecoder(code, len(values), iterations)
			for c, more := word(); more; c, more = word() {
				if err == nil {
					l.gather(values, llr, spread, words, c)
					_, err = d.Decode(info, values)
				}
				if err != nil {
					mu.Lock()
					failed = true
					mu.Unlock()
					return
				}
				for i := range blockBytes {
					data[c*blockBytes+i] = packByte(info[i*8:])
				}
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if failed {
		return nil, ErrDamaged
	}
	whiten(data)
	if crc32.ChecksumIEEE(data[:payload]) != binary.BigEndian.Uint32(data[payload:]) {
		return nil, ErrDamaged
	}
	return data[:payload:payload], nil
}

// gather writes the channel values of code word c to values; those of bits that were sent more than once are added.
func (l *layout) gather(values, llr []int8, spread []int32, words, c int) {
	for i := range values {
		values[i] = llr[int(spread[i])*words+c]
	}
	for i := len(values); i < len(spread); i++ {
		v := &values[i%len(values)]
		*v = int8(max(-ldpc.MaxLLR, min(ldpc.MaxLLR, int(*v)+int(llr[int(spread[i])*words+c]))))
	}
}
