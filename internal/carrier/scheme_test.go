package carrier

import (
	"math"
	"testing"
)

// luminance is the quantiser of ITU-T T.81, table K.1.
var luminance = [64]int{
	16, 11, 10, 16, 24, 40, 51, 61,
	12, 12, 14, 19, 26, 58, 60, 55,
	14, 13, 16, 24, 40, 57, 69, 56,
	14, 17, 22, 29, 51, 87, 80, 62,
	18, 22, 37, 56, 68, 109, 103, 77,
	24, 35, 55, 64, 81, 104, 113, 92,
	49, 64, 78, 87, 103, 121, 120, 101,
	72, 92, 95, 98, 112, 100, 103, 99,
}

// design returns the bits and spacings of a scheme: see the comment of schemes.
func design(quality int, factor, factorOfOneBit, floor, deviation float64, meanBits uint8) scheme {
	s := scheme{sign: 512}
	spacing := func(k int, bits uint8) float64 {
		q := float64((luminance[k]*(200-2*quality) + 50) / 100)
		if bits == 1 {
			return max(floor, factorOfOneBit*q)
		}
		return max(floor, factor*q)
	}
	power := func(k int, bits uint8) float64 {
		d := spacing(k, bits)
		return d * d * (math.Exp2(2*float64(bits)) - 1) / 12
	}
	left := 64*deviation*deviation - float64(s.sign*s.sign)/256
	for {
		best, at := math.Inf(1), 0
		for k, bits := range s.bits {
			if cost := power(k, bits+1) - power(k, bits); cost < best && (k > 0 || bits < meanBits) {
				best, at = cost, k
			}
		}
		if best > left {
			break
		}
		left -= best
		s.bits[at]++
	}
	for k, bits := range s.bits {
		if bits > 0 {
			s.spacing[k] = 2 * int32(math.Round(8*spacing(k, bits)))
		}
	}
	return s
}

func TestSchemes(t *testing.T) {
	for i, want := range []scheme{design(75, 1.3, 1.4, 8, 40, 3), design(50, 1.3, 1.3, 17, 42, 2)} {
		if s := schemes[i]; s.bits != want.bits || s.spacing != want.spacing || s.sign != want.sign {
			t.Errorf("preset %d:\n%v\nwant\n%v", i+1, s, want)
		}
	}
}
