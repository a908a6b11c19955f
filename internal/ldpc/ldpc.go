// Package ldpc encodes and decodes the low-density parity-check codes of 5G New Radio: base graph 1 with the lifting sizes of set 1, 3·2^j.
//
// The codes are those of 3GPP TS 38.212, 5.3.2 (encoding) and 5.4.2.1 (bit selection, redundancy version 0, without limited buffer). A block of
// 22 Z information bits becomes any number of code bits up to 66 Z: the first 2 Z information bits are never sent, then follow the others, then
// parity in the order in which the standard sends it. So one graph has every rate from 11/12 down to 1/3.
package ldpc

import (
	"errors"
	"fmt"
)

const (
	columns     = 68 // of the base graph
	information = 22 // columns of information
	punctured   = 2  // columns of information that are not sent
	core        = 4  // rows whose parity is solved together

	// MaxIterations is the largest number of iterations that NewDecoder accepts.
	MaxIterations = 100
)

// Code is the code of one lifting size.
type Code struct {
	z int // lifting size
}

// New returns the code of lifting size z: 3, 6, 12, 24, 48, 96, 192 or 384.
func New(z int) (Code, error) {
	for size := 3; size <= 384; size *= 2 {
		if z == size {
			return Code{z}, nil
		}
	}
	return Code{}, fmt.Errorf("no lifting size %d in set 1", z)
}

// Information returns the number of information bits of a block.
func (c Code) Information() int { return information * c.z }

// MinLength returns the smallest number of code bits that can be decoded: the core rows are sent whole.
func (c Code) MinLength() int { return (information + core - punctured) * c.z }

// MaxLength returns the largest number of code bits.
func (c Code) MaxLength() int { return (columns - punctured) * c.z }

// rows returns the number of rows of the base graph that take part in a code of length bits.
func (c Code) rows(length int) int {
	return (length+punctured*c.z+c.z-1)/c.z - information
}

func (c Code) check(length int) error {
	if c.z == 0 || length < c.MinLength() || length > c.MaxLength() {
		return fmt.Errorf("a code of lifting size %d has no length %d", c.z, length)
	}
	return nil
}

// Encode writes the code bits of the information bits info to code, whose length chooses the rate. Bits are bytes of 0 and 1.
func (c Code) Encode(code, info []byte) error {
	if err := c.check(len(code)); err != nil {
		return err
	}
	if len(info) != c.Information() {
		return fmt.Errorf("%d information bits for a code of %d", len(info), c.Information())
	}
	z, rows := c.z, c.rows(len(code))
	word := make([]byte, (information+rows)*z)
	copy(word, info)
	column := func(i int) []byte { return word[i*z : (i+1)*z] }
	// The core: the sum of its four rows leaves column 22 alone; the other three follow from it.
	var sum [core][]byte
	for i := range sum {
		sum[i] = make([]byte, z)
		for _, e := range base[i] {
			if e.column < information {
				add(sum[i], column(e.column), e.shift%z)
			}
		}
	}
	p := [core][]byte{column(22), column(23), column(24), column(25)}
	for i := range sum {
		add(p[0], sum[i], 0)
	}
	add(p[1], sum[0], 0)
	add(p[1], p[0], 1)
	add(p[2], sum[1], 0)
	add(p[2], p[0], 0)
	add(p[2], p[1], 0)
	add(p[3], sum[3], 0)
	add(p[3], p[0], 1)
	for i := core; i < rows; i++ {
		row := base[i]
		parity := column(information + i)
		for _, e := range row[:len(row)-1] {
			add(parity, column(e.column), e.shift%z)
		}
	}
	copy(code, word[punctured*z:])
	return nil
}

// add adds the column src, shifted by s, to dst: dst[i] ^= src[(i+s) mod z].
func add(dst, src []byte, s int) {
	head := src[s:]
	for i, b := range head {
		dst[i] ^= b
	}
	tail := dst[len(head):]
	for i, b := range src[:s] {
		tail[i] ^= b
	}
}

// ErrDecode is returned by Decode when no code word was found within the iterations.
var ErrDecode = errors.New("the code word could not be decoded")

// Decoder decodes the blocks of one code and length, one after the other, by layered normalised min-sum. It must not be used concurrently.
type Decoder struct {
	code       Code
	length     int
	iterations int
	total      []int16 // by column and position: what all checks and the channel know of a bit
	message    []int16 // by edge and position: what a check told a bit
	wanted     []int16 // by edge of a row and position: a bit without what this check told it
	min1, min2 []int16 // by position: the two smallest magnitudes at a check
	told       []int16 // by position: the magnitude of the message that is made of min1
	sign       []int16 // by position: 0 or -1, the product of the signs at a check
}

// NewDecoder returns a decoder of blocks of length code bits, which gives up after iterations.
func NewDecoder(c Code, length, iterations int) (*Decoder, error) {
	if err := c.check(length); err != nil {
		return nil, err
	}
	if iterations < 1 || iterations > MaxIterations {
		return nil, fmt.Errorf("%d iterations", iterations)
	}
	edges, degree := 0, 0
	rows := c.rows(length)
	for _, row := range base[:rows] {
		edges += len(row)
		degree = max(degree, len(row))
	}
	return &Decoder{
		code: c, length: length, iterations: iterations,
		total:   make([]int16, (information+rows)*c.z),
		message: make([]int16, edges*c.z),
		wanted:  make([]int16, degree*c.z),
		min1:    make([]int16, c.z), min2: make([]int16, c.z), told: make([]int16, c.z), sign: make([]int16, c.z),
	}, nil
}

const (
	// MaxLLR bounds the magnitude of a channel value.
	MaxLLR = 127
	// maxMessage bounds the magnitude of messages within the decoder. It is well above MaxLLR, as otherwise a few parity bits that are wrong together
	// confirm each other as strongly as all others contradict them; the largest column, of 30 checks, stays within 16 bits.
	maxMessage = 1000
)

// Decode writes the information bits of a block to info and returns the number of iterations. Each of llr is the logarithm of the ratio of the
// probabilities of 0 and 1 of a code bit, to any scale: positive for 0, zero for unknown.
func (d *Decoder) Decode(info []byte, llr []int8) (int, error) {
	z := d.code.z
	if len(llr) != d.length || len(info) != d.code.Information() {
		return 0, fmt.Errorf("a block of %d code bits and %d information bits for a decoder of %d and %d",
			len(llr), len(info), d.length, d.code.Information())
	}
	clear(d.message)
	clear(d.total[:punctured*z])
	sent := d.total[punctured*z:]
	for i, v := range llr {
		sent[i] = max(int16(v), -MaxLLR)
	}
	clear(sent[len(llr):])
	rows := base[:d.code.rows(d.length)]
	for n := 1; n <= d.iterations; n++ {
		edge := 0
		for _, row := range rows {
			d.layer(row, d.message[edge*z:(edge+len(row))*z])
			edge += len(row)
		}
		if d.satisfied(rows) {
			for i := range info {
				info[i] = byte(uint16(d.total[i]) >> 15)
			}
			return n, nil
		}
	}
	return d.iterations, ErrDecode
}

// layer updates the bits of one row of the base graph.
func (d *Decoder) layer(row []edge, message []int16) {
	z := d.code.z
	min1, min2, sign := d.min1[:z], d.min2[:z], d.sign[:z]
	for i := range min1 {
		min1[i], min2[i], sign[i] = maxMessage, maxMessage, 0
	}
	for e, at := range row {
		column := d.total[at.column*z : (at.column+1)*z]
		s := at.shift % z
		m, w := message[e*z:(e+1)*z], d.wanted[e*z:(e+1)*z]
		gather(w, column[s:], m, min1, min2, sign)
		k := z - s
		gather(w[k:], column[:s], m[k:], min1[k:], min2[k:], sign[k:])
	}
	// The minimum overstates what a check knows: three quarters of it is close to the sum of the exact rule.
	told := d.told[:z]
	for i := range min1 {
		told[i], min2[i] = min1[i]*3>>2, min2[i]*3>>2
	}
	for e, at := range row {
		column := d.total[at.column*z : (at.column+1)*z]
		s := at.shift % z
		m, w := message[e*z:(e+1)*z], d.wanted[e*z:(e+1)*z]
		scatter(w, column[s:], m, min1, told, min2, sign)
		k := z - s
		scatter(w[k:], column[:s], m[k:], min1[k:], told[k:], min2[k:], sign[k:])
	}
}

// gather takes the message of a check out of the bits and notes the two smallest magnitudes and the sign.
func gather(w, column, m, min1, min2, sign []int16) {
	n := len(column)
	w, m, min1, min2, sign = w[:n], m[:n], min1[:n], min2[:n], sign[:n]
	for i, t := range column {
		q := t - m[i]
		w[i] = q
		s := q >> 15
		a := (q ^ s) - s
		sign[i] ^= s
		low := min1[i]
		min2[i] = min(min2[i], max(low, a))
		min1[i] = min(low, a)
	}
}

// scatter adds the new message of a check to the bits: told, which is made of the smallest magnitude min1, and told2 to the bit of this magnitude.
func scatter(w, column, m, min1, told, told2, sign []int16) {
	n := len(column)
	w, m, min1, told, told2, sign = w[:n], m[:n], min1[:n], told[:n], told2[:n], sign[:n]
	for i, q := range w {
		s := q >> 15
		a := (q ^ s) - s
		r := told[i]
		if a == min1[i] {
			r = told2[i]
		}
		s ^= sign[i]
		r = (r ^ s) - s
		m[i] = r
		column[i] = q + r
	}
}

// satisfied reports whether the signs of all bits are a code word.
func (d *Decoder) satisfied(rows [][]edge) bool {
	z := d.code.z
	sign := d.sign[:z]
	for _, row := range rows {
		clear(sign)
		for _, at := range row {
			column := d.total[at.column*z : (at.column+1)*z]
			s := at.shift % z
			head := column[s:]
			for i, t := range head {
				sign[i] ^= t
			}
			tail := sign[len(head):]
			for i, t := range column[:s] {
				tail[i] ^= t
			}
		}
		for _, t := range sign {
			if t < 0 {
				return false
			}
		}
	}
	return true
}
