package codec

import "math"

// features holds the context of a level: what is known about it before it is coded.
type features struct {
	contexts            [len(magnitudeTables)]int
	colour, size, where int // where: 0 inside, 1 the first row or column, 2 the mean
	at                  int // in the arrays of the block
	mean, frequency     int // classes
	predicted, byColour int // classes of the predicted value
}

// costs holds the bits that an event of probability i/4096 costs. Only the encoder reads it.
var costs = func() (table [4097]float32) {
	for i := range table {
		table[i] = float32(-math.Log2((float64(i) + 0.1) / 4096.1))
	}
	return table
}()

// level codes one level. prediction is subtracted from it before.
//
// The encoder decides as it goes: where the exact value lies between two levels, the lower one is taken if the bits that
// it saves are worth more than the error it adds. The probabilities are those of the coder itself.
func (b *blockCoder) level(f *features, at int, prediction int32) int32 {
	var exact float32
	var wanted int32
	negative := 0
	if !b.decoding {
		exact = b.c.Values[f.colour][at]/b.step - float32(prediction)
		if exact < 0 {
			exact, negative = -exact, 1
		}
		wanted = int32(min(exact+0.5, maxLevel))
	}
	contexts := f.contexts
	for i := range contexts {
		contexts[i] *= unary
	}
	set0 := ((f.colour*sizes+f.size)*3 + f.where) * unary
	set1 := f.mean / 2 * unary
	m := int32(0)
	for m < unary {
		k := int(m)
		p := b.magnitude.predict(contexts[:], [2]int{set0 + k, set1 + k}, [2]int{f.mean*unary + k, f.frequency*unary + k})
		if b.off.mixing {
			p = b.magnitude.chosen[0].probability()
		} else if b.off.adjustment {
			p = min(max(b.magnitude.p, 16), 65536-16)
		}
		bit := 0
		if wanted > m {
			bit = 1
			if wanted == m+1 && f.where < 2 {
				if b.off.quantisation {
					if exact < float32(m)+.6 {
						bit, wanted = 0, m
					}
				} else {
					// Going on also costs the bit that ends the number and, from zero, the sign.
					stop, on := costs[(65536-p)>>4], costs[p>>4]+0.5
					if m == 0 {
						on++
					}
					low, high := exact-float32(m), exact-float32(wanted)
					if float32(low*low)+float32(b.lambda*stop) < float32(high*high)+float32(b.lambda*on) {
						bit, wanted = 0, m
					}
				}
			}
		}
		bit = b.bit(bit, p)
		b.magnitude.update(bit)
		if bit == 0 {
			break
		}
		m++
		for i := range contexts {
			contexts[i]++
		}
	}
	if m == unary {
		m += b.tail(f, wanted-unary)
	}
	if m != 0 && b.signBit(f, negative) == 1 {
		m = -m
	}
	return min(max(m+prediction, -maxLevel), maxLevel)
}

// signBit codes whether a level is negative.
func (b *blockCoder) signBit(f *features, negative int) int {
	c, i, levels := f.colour, f.at, &b.levels[f.colour]
	first, before := 1, 1
	if c > 0 {
		first = sign3(b.levels[0][i])
	}
	if c > 1 {
		before = sign3(b.levels[1][i])
	}
	u, v := i/stride-1, i%stride-1
	contexts := [...]int{
		(c*3+f.where)*23 + f.predicted + 11,
		(c*3+f.where)*23 + f.byColour + 11,
		(c*9+sign3(int32(b.row[u]>>9))*3+sign3(int32(b.column[v]>>9)))*3 + first,
		c*243 + sign3(levels[i+1])*81 + sign3(levels[i+stride])*27 + sign3(levels[i+2])*9 + sign3(levels[i+2*stride])*3 + sign3(levels[i+stride+1]),
		(c*64+f.frequency)*9 + first*3 + before,
	}
	p := b.sign.predict(contexts[:], [2]int{(c*3+f.where)*sizes + f.size, f.where}, [2]int{f.predicted + 11, f.where})
	negative = b.bit(negative, p)
	b.sign.update(negative)
	return negative
}

// tail codes a number from 0 on: the length of v+1 in bits, and the bits below its highest.
func (b *blockCoder) tail(f *features, v int32) int32 {
	v++
	lengths := &b.lengths[f.colour][min(f.mean/12, 3)]
	n := 0
	for n < 18 {
		bit := 0
		if !b.decoding && v>>(n+1) != 0 {
			bit = 1
		}
		if b.single(&lengths[n], bit) == 0 {
			break
		}
		n++
	}
	r := int32(1)
	for i := n - 1; i >= 0; i-- {
		bit := int(v >> i & 1)
		switch i {
		case n - 1:
			bit = b.single(&b.mantissas[n][0], bit)
		case n - 2:
			bit = b.single(&b.mantissas[n][2+r&1], bit)
		default:
			bit = b.bit(bit, 1<<15)
		}
		r = r<<1 | int32(bit)
	}
	return r - 1
}
