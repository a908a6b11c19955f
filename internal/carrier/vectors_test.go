package carrier

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
)

//go:embed testdata/vectors.json
var vectorsFile []byte

// vector is a carrier and what it is made of. Payload byte i is the lowest byte of the i-th number of SplitMix64 from Seed.
type vector struct {
	Preset           Preset `json:"preset"`
	Width            int    `json:"width"`
	Height           int    `json:"height"`
	Seed             uint64 `json:"seed"`
	PayloadBytes     int    `json:"payload_bytes"`
	PayloadSHA256    string `json:"payload_sha256"`
	Capacity         int    `json:"capacity"`
	Words            int    `json:"words"`
	WordBits         int    `json:"word_bits"`
	Header           string `json:"header"`            // hexadecimal
	Signs            string `json:"signs"`             // of the mark, by rows
	BlockOrder       []int  `json:"block_order"`       // its first entries
	CodeBitOrder     []int  `json:"code_bit_order"`    // its first entries
	Stream           string `json:"stream"`            // its first bits
	StreamSHA256     string `json:"stream_sha256"`     // of bytes 0 and 1
	FirstBlockSample []int  `json:"first_block"`       // samples of the block at the left and top, by rows
	SamplesSHA256    string `json:"samples_sha256"`    // of all, by rows
	LastRow          string `json:"last_row_start_16"` // the first 16 samples of the last row, hexadecimal
}

// fill computes a vector of its first five fields.
func (v vector) fill(t *testing.T) vector {
	payload := random(generator(v.Seed), v.PayloadBytes)
	c, err := Modulate(t.Context(), payload, v.Width, v.Height, v.Preset)
	if err != nil {
		t.Fatal(err)
	}
	opens(t, c, payload)
	l := newLayout(v.Width, v.Height, &schemes[v.Preset-1])
	stream, err := l.encode(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	sum := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	first := func(p []int32) (n []int) {
		for _, i := range p[:16] {
			n = append(n, int(i))
		}
		return n
	}
	h := header{version, v.Preset, v.Width, v.Height, v.PayloadBytes}
	b := h.encode()
	v.Header, v.PayloadSHA256, v.Capacity = hex.EncodeToString(b[:]), sum(payload), l.capacity()
	v.Words, v.WordBits = l.words(len(payload))
	var signs strings.Builder
	for _, s := range h.signs() {
		signs.WriteByte("-0+"[s+1])
	}
	v.Signs = signs.String()
	v.BlockOrder, v.CodeBitOrder = first(l.order()), first(permutation(seedCodeBits, v.WordBits))
	v.Stream, v.StreamSHA256 = "", sum(stream)
	for _, bit := range stream[:64] {
		v.Stream += string('0' + rune(bit))
	}
	v.FirstBlockSample = nil
	for y := range 8 {
		for x := range 8 {
			v.FirstBlockSample = append(v.FirstBlockSample, int(c.GrayAt(x, y).Y))
		}
	}
	v.SamplesSHA256, v.LastRow = sum(c.Pix), hex.EncodeToString(c.Pix[(v.Height-1)*c.Stride:][:16])
	return v
}

// Every machine writes the carriers of testdata/vectors.json, sample by sample. ENCIPHER_VECTORS=1 writes them anew, which is for a new version.
func TestVectors(t *testing.T) {
	if os.Getenv("ENCIPHER_VECTORS") != "" {
		var vectors []vector
		for i, v := range []vector{
			{Preset: Default, Width: 192, Height: 192, PayloadBytes: 40},
			{Preset: Strong, Width: 192, Height: 192, PayloadBytes: 0},
			{Preset: Default, Width: 333, Height: 250, PayloadBytes: 17000},
			{Preset: Strong, Width: 259, Height: 399, PayloadBytes: 14780},
			{Preset: Default, Width: 1600, Height: 1200, PayloadBytes: 466748},
		} {
			v.Seed = uint64(i + 1)
			vectors = append(vectors, v.fill(t))
		}
		b, err := json.MarshalIndent(vectors, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("testdata/vectors.json", append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	var vectors []vector
	if err := json.Unmarshal(vectorsFile, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 5 {
		t.Fatalf("%d vectors", len(vectors))
	}
	for i, want := range vectors {
		if got := want.fill(t); !reflect.DeepEqual(got, want) {
			t.Errorf("vector %d: %+v\nwant %+v", i, got, want)
		}
	}
}
