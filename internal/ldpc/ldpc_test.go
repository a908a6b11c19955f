package ldpc

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func random(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.IntN(2))
	}
	return b
}

// The structure that the standard states: 316 entries, the core of columns 22 to 25, one parity column for each later row, no cycle of four.
func TestGraph(t *testing.T) {
	edges := 0
	for i, row := range base {
		edges += len(row)
		for k, e := range row {
			if k > 0 && e.column <= row[k-1].column {
				t.Errorf("row %d: columns are not ascending", i)
			}
			if e.shift < 0 || e.shift >= 384 || e.column >= columns {
				t.Errorf("row %d: entry %v", i, e)
			}
		}
		if last := row[len(row)-1]; i >= core && last != (edge{information + i, 0}) {
			t.Errorf("row %d ends with %v", i, last)
		}
	}
	if edges != 316 {
		t.Errorf("%d entries", edges)
	}
	// Two rows that share two columns make a cycle of four where the differences of their shifts agree.
	for i := range base {
		for j := range i {
			var differences []int
			for _, e := range base[i] {
				for _, f := range base[j] {
					if e.column == f.column {
						differences = append(differences, (e.shift-f.shift+384)%384)
					}
				}
			}
			for k := range differences {
				for l := range k {
					if differences[k] == differences[l] {
						t.Errorf("rows %d and %d make a cycle of four", j, i)
					}
				}
			}
		}
	}
}

// Every check of the graph holds for what Encode writes, at every lifting size, computed here bit by bit.
func TestEncodeSatisfiesChecks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for z := 3; z <= 384; z *= 2 {
		c, err := New(z)
		if err != nil {
			t.Fatal(err)
		}
		info := random(r, c.Information())
		sent := make([]byte, c.MaxLength())
		if err := c.Encode(sent, info); err != nil {
			t.Fatal(err)
		}
		word := append(append([]byte{}, info[:2*z]...), sent...)
		for i, row := range base {
			for k := range z {
				var sum byte
				for _, e := range row {
					sum ^= word[e.column*z+(k+e.shift)%z]
				}
				if sum != 0 {
					t.Fatalf("z = %d: check %d of row %d does not hold", z, k, i)
				}
			}
		}
		short := make([]byte, c.MinLength()+1)
		if err := c.Encode(short, info); err != nil || string(short) != string(sent[:len(short)]) {
			t.Fatalf("z = %d: a shorter block is not the beginning of the longest: %v", z, err)
		}
	}
}

// send returns the channel values of code bits through white Gaussian noise, 8 to a nat.
func send(r *rand.Rand, code []byte, sigma float64) []int8 {
	llr := make([]int8, len(code))
	for i, b := range code {
		y := 1 - 2*float64(b) + sigma*r.NormFloat64()
		llr[i] = int8(max(-127, min(127, math.Round(8*2*y/(sigma*sigma)))))
	}
	return llr
}

// Each rate decodes all blocks at a noise that is within some 1.3 dB of its limit, and reports those that it cannot decode.
func TestDecode(t *testing.T) {
	for _, test := range []struct {
		z, length int
		sigma     float64
		fails     bool
	}{
		{384, 9600, .435, false},
		{384, 10752, .50, false},
		{384, 25344, 1.03, false},
		{6, 396, .8, false},
		{384, 9600, .55, true},
		{384, 25344, 1.3, true},
	} {
		t.Run(fmt.Sprint(test.z, test.length, test.sigma), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(test.length), 7))
			c, err := New(test.z)
			if err != nil {
				t.Fatal(err)
			}
			d, err := NewDecoder(c, test.length, 30)
			if err != nil {
				t.Fatal(err)
			}
			got, code := make([]byte, c.Information()), make([]byte, test.length)
			sum := 0
			for range 20 {
				info := random(r, len(got))
				if err := c.Encode(code, info); err != nil {
					t.Fatal(err)
				}
				n, err := d.Decode(got, send(r, code, test.sigma))
				sum += n
				if test.fails {
					if !errors.Is(err, ErrDecode) {
						t.Fatalf("a hopeless block: %v", err)
					}
				} else if err != nil || string(got) != string(info) {
					t.Fatal("a block was not decoded: ", err)
				}
			}
			t.Log("iterations a block:", float64(sum)/20)
		})
	}
}

func TestRefusals(t *testing.T) {
	for _, z := range []int{-3, 0, 2, 5, 768} {
		if _, err := New(z); err == nil {
			t.Errorf("lifting size %d was accepted", z)
		}
	}
	c, _ := New(6)
	for _, length := range []int{0, c.MinLength() - 1, c.MaxLength() + 1} {
		if _, err := NewDecoder(c, length, 10); err == nil {
			t.Errorf("a decoder of length %d was made", length)
		}
		if c.Encode(make([]byte, max(length, 0)), make([]byte, c.Information())) == nil {
			t.Errorf("a block of length %d was made", length)
		}
	}
	for _, n := range []int{0, MaxIterations + 1} {
		if _, err := NewDecoder(c, c.MaxLength(), n); err == nil {
			t.Errorf("%d iterations were accepted", n)
		}
	}
	if c.Encode(make([]byte, 200), make([]byte, 5)) == nil {
		t.Error("too few information bits were accepted")
	}
	d, _ := NewDecoder(c, 200, 10)
	if _, err := d.Decode(make([]byte, 5), make([]int8, 200)); err == nil {
		t.Error("too few information bits were accepted")
	}
	if _, err := NewDecoder(Code{}, 0, 1); err == nil {
		t.Error("a decoder of no code was made")
	}
}

func BenchmarkDecode(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 4))
	c, _ := New(384)
	d, _ := NewDecoder(c, 9600, 30)
	code, info := make([]byte, 9600), random(r, c.Information())
	c.Encode(code, info)
	llr := send(r, code, .40)
	b.SetBytes(int64(len(info) / 8))
	sum := 0
	for b.Loop() {
		n, err := d.Decode(info, llr)
		if err != nil {
			b.Fatal(err)
		}
		sum += n
	}
	b.ReportMetric(float64(sum)/float64(b.N), "iterations")
}

func BenchmarkEncode(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 4))
	c, _ := New(384)
	code, info := make([]byte, 9600), random(r, c.Information())
	b.SetBytes(int64(len(info) / 8))
	for b.Loop() {
		c.Encode(code, info)
	}
}
