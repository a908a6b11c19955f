package onnx

import (
	"encoding/binary"
	"math"

	"enciphergan/internal/kernel"
)

// Halve rounds the float32 constants that it is told to half precision and stores
// them in half of the bytes, with a Cast that makes float32 of them again: so every
// reader computes with the same rounded numbers. Constants with numbers that half
// precision does not hold stay as they are.
func Halve(file []byte, lim Limits, which func(name string, elements int) bool) ([]byte, error) {
	m, err := scan(file, lim)
	if err != nil {
		return nil, err
	}
	var casts []Node
	for i, t := range m.Graph.Initializers {
		n := len(t.Raw) / 4
		if t.Type != Float32 || !which(t.Name, n) {
			continue
		}
		bits := make([]uint16, n)
		fits := true
		for j := range bits {
			v := math.Float32frombits(binary.LittleEndian.Uint32(t.Raw[4*j:]))
			bits[j] = kernel.HalfBits(v)
			fits = fits && math.Abs(float64(v)) <= 65504
		}
		if !fits {
			continue
		}
		stored := t.Name + "/half"
		m.Graph.Initializers[i] = NewFloat16(stored, t.Dims, bits)
		casts = append(casts, Node{Op: "Cast", Name: stored, Inputs: []string{stored}, Outputs: []string{t.Name}, Attributes: []Attribute{IntOf("to", int64(Float32))}})
	}
	m.Graph.Nodes = append(casts, m.Graph.Nodes...)
	return Encode(m)
}

// foldCasts makes constants of those that are stored in half precision and cast to float32.
func foldCasts(p *program) {
	var kept []*step
	for _, s := range p.steps {
		to, _ := s.attributes["to"].(int64)
		if s.op == "Cast" && len(s.in) == 1 && len(s.out) == 1 && s.in[0] != nil && s.in[0].constant != nil && s.in[0].kind.half &&
			DataType(to) == Float32 && len(s.attributes) == 1 {
			s.out[0].constant = s.in[0].constant // held in float32 already
			s.out[0].kind = constantKind{scalar: s.in[0].kind.scalar}
			continue
		}
		kept = append(kept, s)
	}
	p.steps = kept
}
