package kernel

import "math"

// HalfBits rounds f to IEEE 754 binary16, to nearest, ties to even. Values that
// round beyond the largest finite half become infinite; NaN stays NaN.
func HalfBits(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b >> 16 & 0x8000)
	magnitude := b &^ (1 << 31)
	switch {
	case magnitude > 0x7f800000:
		return sign | 0x7e00
	case magnitude >= 0x477ff000: // 65520, half a step above the largest half, ties to infinity
		return sign | 0x7c00
	case magnitude < 0x38800000: // below 2^-14 halves are multiples of 2^-24
		// The sum with 0.5 is a multiple of 2^-24, rounded to even by the addition itself.
		return sign | uint16(math.Float32bits(float32(math.Float32frombits(magnitude)+0.5))-0x3f000000)
	}
	// Rebias the exponent from 127 to 15, then round away 13 bits of mantissa; a carry goes into the exponent.
	rounded := magnitude - 112<<23
	rounded += 0xfff + rounded>>13&1
	return sign | uint16(rounded>>13)
}

// HalfValue returns the value of a binary16.
func HalfValue(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exponent, mantissa := uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exponent {
	case 0:
		v := float32(mantissa) * (1.0 / (1 << 24))
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | mantissa<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | mantissa<<13)
}

// RoundHalf computes dst[i] = src[i] rounded to binary16, as a float32.
func RoundHalf(dst, src []float32) {
	elementwise(len(dst), func(lo, hi int) {
		for i, v := range src[lo:hi] {
			dst[lo+i] = HalfValue(HalfBits(v))
		}
	})
}
