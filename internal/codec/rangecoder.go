package codec

// rangeCoder is a carryless binary range coder. The same value either encodes or
// decodes, so that the code that models bits exists once.
//
// A probability is that of a 1, in 1/65536. Past the end of its input the decoder
// reads zeros, so zeros at the end of a code may be cut or added.
type rangeCoder struct {
	low, high uint32 // the interval, both ends included
	value     uint32 // decoder: the four bytes of code at the interval's position
	code      []byte // encoder: what was written; decoder: what is left
	decoding  bool
}

func newEncoder() rangeCoder { return rangeCoder{high: 1<<32 - 1} }

func newDecoder(code []byte) rangeCoder {
	c := rangeCoder{high: 1<<32 - 1, code: code, decoding: true}
	for range 4 {
		c.value = c.value<<8 | c.next()
	}
	return c
}

func (c *rangeCoder) next() uint32 {
	if len(c.code) == 0 {
		return 0
	}
	b := c.code[0]
	c.code = c.code[1:]
	return uint32(b)
}

// bit encodes a bit and returns it, or decodes one. p is from 1 to 65535.
func (c *rangeCoder) bit(bit int, p uint32) int {
	middle := c.low + uint32(uint64(c.high-c.low)*uint64(p)>>16)
	if c.decoding {
		bit = 0
		if c.value <= middle {
			bit = 1
		}
	}
	if bit != 0 {
		c.high = middle
	} else {
		c.low = middle + 1
	}
	for (c.low^c.high)>>24 == 0 {
		if c.decoding {
			c.value = c.value<<8 | c.next()
		} else {
			c.code = append(c.code, byte(c.low>>24))
		}
		c.low, c.high = c.low<<8, c.high<<8|255
	}
	return bit
}

// finish returns the code: the fewest bytes that, followed by zeros, lie in the interval.
func (c *rangeCoder) finish() []byte {
	for n := 0; ; n++ {
		rest := uint32(1<<(32-8*n) - 1) // the bits below the first n bytes
		if n == 4 {
			rest = 0
		}
		if v := (c.low + rest) &^ rest; n == 4 || v >= c.low && v <= c.high {
			for i := range n {
				c.code = append(c.code, byte(v>>(24-8*i)))
			}
			for len(c.code) > 0 && c.code[len(c.code)-1] == 0 {
				c.code = c.code[:len(c.code)-1]
			}
			return c.code
		}
	}
}
