package carrier

import "fmt"

// Preset is a trade of payload for what a carrier survives.
type Preset byte

const (
	// Default survives JPEG of quality 75.
	Default Preset = 1
	// Strong survives JPEG of quality 60 and WebP of quality 75.
	Strong Preset = 2
)

// scheme is the modulation of a preset.
type scheme struct {
	bits      [64]uint8 // of each coefficient, by rows of horizontal frequencies; 2^bits levels
	spacing   [64]int32 // between levels, in sixteenths of an 8-bit level, even
	sign      int32     // what a sign of the mark adds to the mean of a block, like spacing
	minLength int       // of a code word, in bits
}

func (p Preset) scheme() (*scheme, error) {
	if p != Default && p != Strong {
		return nil, fmt.Errorf("no carrier preset %d", p)
	}
	return &schemes[p-1], nil
}

// schemes are those of the presets. A spacing is 1.3 times the quantiser of JPEG at the design quality, 75 and 50, and 1.4 times that for coefficients
// of one bit of the first, as smaller ones are rounded to zero at a slightly lower quality; at least 8 and 17 levels, as WebP quantises low
// frequencies coarser than JPEG does. Each bit was given to the coefficient where it adds the least to the power, until the samples had a deviation of
// 40 and 42 levels, where some 0.1 % of them clip; the mean of a block has at most 3 and 2 bits, as the signs of the mark are read over it.
var schemes = [2]scheme{
	{
		bits: [64]uint8{
			3, 4, 4, 4, 3, 2, 2, 2,
			4, 4, 4, 3, 3, 2, 2, 2,
			4, 4, 4, 3, 2, 2, 2, 2,
			4, 4, 3, 3, 2, 1, 1, 2,
			4, 3, 3, 2, 2, 1, 1, 1,
			3, 3, 2, 2, 1, 1, 1, 1,
			2, 2, 1, 1, 1, 1, 1, 1,
			2, 1, 1, 1, 1, 1, 1, 1,
		},
		spacing: [64]int32{
			166, 128, 128, 166, 250, 416, 540, 644,
			128, 128, 146, 208, 270, 604, 624, 582,
			146, 146, 166, 250, 416, 604, 728, 582,
			146, 188, 228, 312, 540, 986, 896, 644,
			188, 228, 396, 582, 708, 1232, 1164, 874,
			250, 374, 582, 666, 918, 1164, 1276, 1030,
			520, 666, 874, 986, 1164, 1366, 1344, 1142,
			748, 1030, 1076, 1098, 1254, 1120, 1164, 1120,
		},
		sign:      512,
		minLength: 9550,
	},
	{
		bits: [64]uint8{
			2, 3, 3, 3, 3, 2, 1, 1,
			3, 3, 3, 3, 2, 1, 1, 1,
			3, 3, 3, 2, 2, 1, 1, 1,
			3, 3, 3, 2, 1, 1, 1, 1,
			3, 3, 2, 1, 1, 0, 0, 1,
			2, 2, 1, 1, 1, 0, 0, 1,
			1, 1, 1, 1, 0, 0, 0, 0,
			1, 1, 1, 0, 0, 0, 0, 0,
		},
		spacing: [64]int32{
			332, 272, 272, 332, 500, 832, 1060, 1268,
			272, 272, 292, 396, 540, 1206, 1248, 1144,
			292, 272, 332, 500, 832, 1186, 1436, 1164,
			292, 354, 458, 604, 1060, 1810, 1664, 1290,
			374, 458, 770, 1164, 1414, 0, 0, 1602,
			500, 728, 1144, 1332, 1684, 0, 0, 1914,
			1020, 1332, 1622, 1810, 0, 0, 0, 0,
			1498, 1914, 1976, 0, 0, 0, 0, 0,
		},
		sign:      512,
		minLength: 9600,
	},
}
