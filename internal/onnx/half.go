package onnx

import (
	"encoding/binary"
	"math"

	"enciphergan/internal/kernel"
)

// Halve rounds the float32 constants for which which returns true to half precision, stores
// them in half of the bytes and adds a Cast back to float32 for each, so that every reader
// computes with the same rounded numbers. It leaves constants with a value outside the range
// of half precision unchanged.
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
